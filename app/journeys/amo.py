"""Entry 1, my AMO: CNSS's newest answer with its date, dues, prospects and family cover.

A person who is not enrolled sees what the file lacks, and where to go.
"""

from __future__ import annotations

from datetime import date, timedelta
from itertools import zip_longest

from app.base.clock import local_date
from app.base.driver import by_driver
from app.contributions.rules import paid_elsewhere
from app.enrolment.cover import find_enrolment_file, find_family
from app.enrolment.models import PARTS
from app.journeys.context import Dialogue, vocabulary
from app.journeys.person import get_standing, is_unproven, reload_stale_person, require_proof
from app.journeys.pin import is_locked
from app.journeys.standing import Standing
from app.payments.queries import Deposit
from app.text.words import Say
from app.ussd.vocabulary import NothingToShow, Values


def rights_by_sms(dialogue: Dialogue, outcome: str) -> Say:
    """Returns the message with rights and dues."""
    if outcome == "not_enrolled":
        return file_message(dialogue)
    values = describe_rights(dialogue)
    return Say("sms.rights", {name: values[name] for name in ("rights", "as_of", "owed")})


def file_message(dialogue: Dialogue) -> Say:
    """Returns the message with the state of the enrolment file."""
    return Say("sms.not_enrolled", {"file": describe_enrolment(dialogue)["file"]})


@vocabulary.action(
    "look_at_rights", "enrolled", "not_enrolled", by_sms=rights_by_sms, only_looks=True
)
def look_at_rights(dialogue: Dialogue) -> str:
    reload_stale_person(dialogue)
    if get_standing(dialogue).enrolled:
        return "enrolled"
    read_enrolment_file(dialogue)
    return "not_enrolled"


def read_enrolment_file(dialogue: Dialogue) -> None:
    """Reads the enrolment file of a person who is not enrolled yet, in one statement."""
    artisan_id = dialogue.facts.artisan_id
    with by_driver(dialogue.services.database) as connection:
        dialogue.facts.enrolment_file = find_enrolment_file(connection, artisan_id)


@vocabulary.source("enrolment")
def describe_enrolment(dialogue: Dialogue) -> Values:
    if (file := dialogue.facts.enrolment_file) is None:
        return _describe_file("file.none", {}, (), "step.enrol")
    day = {"as_of": file.as_of}
    if is_unproven(dialogue) and file.missing:
        # The papers that a person has or lacks are the person's own.
        return _describe_file("file.incomplete", day, (), "step.complete")
    if not file.missing:
        return _describe_file("file.received", day, (), "step.wait")
    return _describe_file("file.incomplete", day, file.missing, "step.complete")


def _describe_file(file: str, day: Values, missing: tuple[str, ...], step: str) -> Values:
    """Returns the values of the screen; a place without a missing part is empty."""
    places = {
        f"missing_{place}": Say(f"missing.{part}") if part else ""
        for place, part in zip_longest(range(1, len(PARTS) + 1), missing, fillvalue="")
    }
    return {"file": Say(file, day), **places, "next_step": Say(step)}


@vocabulary.guard("owes_here")
def owes_here(dialogue: Dialogue) -> bool:
    """True if entry 2 has something to pay."""
    standing = get_standing(dialogue)
    return standing.pays_here and bool(standing.unpaid)


@vocabulary.action("look_at_family", "known", "unknown")
def look_at_family(dialogue: Dialogue) -> str:
    with by_driver(dialogue.services.database) as connection:
        require_proof(connection, dialogue)
        family = find_family(connection, dialogue.facts.artisan_id)
    dialogue.facts.family = family
    return "known" if family else "unknown"


@vocabulary.source("family")
def describe_family(dialogue: Dialogue) -> Values:
    if (family := dialogue.facts.family) is None:
        raise NothingToShow()
    return {"spouses": family.spouses, "children": family.children, "as_of": family.as_of}


@vocabulary.source("rights")
def describe_rights(dialogue: Dialogue) -> Values:
    standing = get_standing(dialogue)
    return {
        "rights": Say("rights.kept") if keeps_rights_hidden(dialogue) else _word_rights(standing),
        "as_of": standing.rights_as_of,
        "owed": _word_dues(standing),
        "received": _word_received(dialogue),
        "expected": _word_prospect(dialogue, standing),
    }


def describe_prospect(dialogue: Dialogue) -> Say | str:
    """Says what paying all will do to the rights, unless a PIN guards them here."""
    if is_locked(dialogue) or keeps_rights_hidden(dialogue):
        return ""
    return _word_prospect(dialogue, get_standing(dialogue))


def keeps_rights_hidden(dialogue: Dialogue) -> bool:
    """True on a phone that is not proven, of a person whose PIN guards the rights elsewhere."""
    return dialogue.facts.has_pin and is_unproven(dialogue)


def _word_rights(standing: Standing) -> Say:
    """Says until when rights are open by CNSS's last word, or since when they are not.

    Our own reckoning only tells suspended rights from closed ones.
    """
    until = standing.rights_until
    if until is None:
        return Say("rights.not_yet")
    if until >= standing.today:
        return Say("rights.open", {"rights_until": until})
    key = "rights.closed" if standing.is_closed else "rights.suspended"
    return Say(key, {"closed_on": until + timedelta(days=1)})


def _word_dues(standing: Standing) -> Say:
    if not standing.pays_here:
        return Say(f"owed.{paid_elsewhere(standing.category)}")
    if not standing.unpaid:
        next_due = standing.next_due
        return Say("owed.nothing", {"next_due": next_due}) if next_due else Say("owed.year_ahead")
    values = {
        "total": standing.dues.total,
        "count": len(standing.unpaid),
        "overdue": standing.overdue,
        "next_due": standing.upcoming_due,
    }
    return Say("owed.overdue" if standing.overdue else "owed.current", values)


def _list_unposted(dialogue: Dialogue) -> list[Deposit]:
    """Returns the deposits that CNSS has not credited yet, newest first."""
    return [deposit for deposit in dialogue.facts.deposits if deposit.posted_on is None]


def _word_received(dialogue: Dialogue) -> Say | str:
    """Says what the newest deposit is that CNSS has not credited; empty if there is none."""
    if not (unposted := _list_unposted(dialogue)):
        return ""
    newest = unposted[0]
    received_on = local_date(newest.received_at)
    return Say("received.unposted", {"total": newest.total, "received_on": received_on})


def _word_prospect(dialogue: Dialogue, standing: Standing) -> Say | str:
    """Says what paying will do to the rights, or has done (docs/rules.md, Rights).

    What was paid is not said to a phone that is not proven.
    """
    if not standing.pays_here or (not standing.unpaid and is_unproven(dialogue)):
        return ""
    paid_up = standing.paid_up_on(dialogue.facts.deposits)
    opens = standing.find_opening(paid_up) if paid_up else standing.opening
    if standing.unpaid and not (paid_up and opens):
        return _word_opening("expected.pay", opens)
    if opens or _list_unposted(dialogue):
        return _word_opening("expected.paid", opens)
    return ""


def _word_opening(key: str, opens: date | None) -> Say:
    return Say(f"{key}_opens", {"opens_on": opens}) if opens else Say(f"{key}_keeps")
