"""Entry 1, my AMO: CNSS's last word with its date, what is owed, what to expect, whom it covers,
and for those not enrolled what is missing and where to go.
"""

from datetime import date, timedelta
from itertools import zip_longest

from app.base.clock import local_date
from app.base.database import reading
from app.contributions.rights import RightsState, expected_state, open_after_paying_all
from app.contributions.rules import due_on, paid_elsewhere
from app.enrolment.cover import EnrolmentFile, find_enrolment_file, find_family
from app.enrolment.models import PARTS
from app.journeys.context import Dialogue, vocabulary
from app.journeys.facts import Person, fresh_person, person
from app.payments.dues import unpaid_months
from app.text.words import Say
from app.ussd.vocabulary import NothingToShow, Values


def rights_by_sms(dialogue: Dialogue, outcome: str) -> Say:
    """Rights and dues, for whom the screen was too slow."""
    if outcome == "not_enrolled":
        return file_message(dialogue)
    said = rights(dialogue)
    return Say("sms.rights", {name: said[name] for name in ("rights", "as_of", "owed")})


def file_message(dialogue: Dialogue) -> Say:
    """How far enrolment is, by SMS."""
    return Say("sms.not_enrolled", {"file": enrolment(dialogue)["file"]})


@vocabulary.action("look_at_rights", "enrolled", "not_enrolled", by_sms=rights_by_sms)
def look_at_rights(dialogue: Dialogue) -> str:
    if fresh_person(dialogue).enrolled:
        return "enrolled"
    read_enrolment_file(dialogue)
    return "not_enrolled"


def read_enrolment_file(dialogue: Dialogue) -> None:
    """How far CNSS is with who is not enrolled yet; one statement."""
    with reading(dialogue.services.database) as connection:
        keep_enrolment_file(dialogue, find_enrolment_file(connection, dialogue.facts["a"][0]))


def keep_enrolment_file(dialogue: Dialogue, found: EnrolmentFile | None) -> None:
    dialogue.facts["f"] = [found.as_of.isoformat(), *found.missing] if found else []


@vocabulary.source("enrolment")
def enrolment(dialogue: Dialogue) -> Values:
    as_of, *missing = dialogue.facts.get("f") or [None]
    if as_of is None:
        return _enrolment("file.none", {}, [], "step.enrol")
    day = {"as_of": date.fromisoformat(as_of)}
    if not missing:
        return _enrolment("file.received", day, [], "step.wait")
    return _enrolment("file.incomplete", day, missing, "step.complete")


def _enrolment(file: str, day: Values, missing: list[str], step: str) -> Values:
    lacking = {
        f"missing_{place}": Say(f"missing.{part}") if part else ""
        for place, part in zip_longest(range(1, len(PARTS) + 1), missing, fillvalue="")
    }
    return {"file": Say(file, day), **lacking, "next_step": Say(step)}


@vocabulary.guard("owes_here")
def owes_here(dialogue: Dialogue) -> bool:
    """Whether entry 2 has something to pay."""
    who = person(dialogue)
    return who.pays_here and bool(who.unpaid())


@vocabulary.action("look_at_family", "known", "unknown")
def look_at_family(dialogue: Dialogue) -> str:
    with reading(dialogue.services.database) as connection:
        found = find_family(connection, dialogue.facts["a"][0])
    dialogue.facts["y"] = (
        [found.spouses, found.children, found.as_of.isoformat()] if found else None
    )
    return "known" if found else "unknown"


@vocabulary.source("family")
def family(dialogue: Dialogue) -> Values:
    if not (row := dialogue.facts.get("y")):
        raise NothingToShow()
    spouses, children, as_of = row
    return {"spouses": spouses, "children": children, "as_of": date.fromisoformat(as_of)}


@vocabulary.source("rights")
def rights(dialogue: Dialogue) -> Values:
    who = person(dialogue)
    return {
        "rights": _last_word(who),
        "as_of": who.artisan.rights_as_of,
        "owed": _owed(who),
        "received": _received(who),
        "expected": _expected(who),
    }


def _last_word(who: Person) -> Say:
    """What CNSS said, not what we reckon: the rights' end, and the state that makes of today."""
    until = who.artisan.rights_until
    if until is None:
        return Say("rights.not_yet")
    if until >= who.today:
        return Say("rights.open", {"rights_until": until})
    unpaid = unpaid_months(who.artisan, frozenset(), who.today)
    closed = expected_state(who.enrolled, unpaid, True, who.today) is RightsState.CLOSED
    key = "rights.closed" if closed else "rights.suspended"
    return Say(key, {"closed_on": until + timedelta(days=1)})


def _owed(who: Person) -> Say:
    if not who.pays_here:
        return Say(f"owed.{paid_elsewhere(who.artisan.category)}")
    unpaid = who.unpaid()
    if not unpaid:
        next_due = who.next_due()
        return Say("owed.nothing", {"next_due": next_due}) if next_due else Say("owed.year_ahead")
    late = sum(due_on(month) < who.today for month in unpaid)
    values = {
        "total": who.dues().total,
        "count": len(unpaid),
        "late": late,
        "next_due": who.upcoming_due(),
    }
    return Say("owed.late" if late else "owed.current", values)


def _received(who: Person) -> Say | str:
    if not (unposted := who.unposted()):
        return ""
    newest = unposted[0]
    received_on = local_date(newest.received_at)
    return Say("received.unposted", {"total": newest.total, "received_on": received_on})


def _expected(who: Person) -> Say | str:
    """What paying brings, or has brought (domain.md section 2, Rights)."""
    if not who.pays_here:
        return ""
    paid_up = who.paid_up_on()
    opens = _opens_on(who, paid_up or who.today)
    if who.unpaid() and not (paid_up and opens):
        return _opening("expected.pay", opens)
    if who.unposted() or opens:
        return _opening("expected.paid", opens)
    return ""


def _opens_on(who: Person, paid_on: date) -> date | None:
    """The day rights open once all is paid on `paid_on`; None where CNSS's word is that they are.

    CNSS counts the months its last word leaves unpaid, whatever agents received since: paying
    some of them does not shorten the wait.
    """
    until = who.artisan.rights_until
    if until and until >= who.today:
        return None
    uncredited = unpaid_months(who.artisan, frozenset(), paid_on)
    if not uncredited:
        return None
    return open_after_paying_all(who.enrolled, uncredited, until is not None, paid_on)


def _opening(key: str, opens: date | None) -> Say:
    return Say(f"{key}_opens", {"opens_on": opens}) if opens else Say(f"{key}_keeps")
