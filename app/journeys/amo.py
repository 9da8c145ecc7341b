"""Entry 1, my AMO: CNSS's last word with its date, what is owed, what to expect."""

from datetime import date, timedelta

from app.base.clock import local_date
from app.base.months import Month
from app.contributions.rights import RightsState, expected_state, open_after_paying_all
from app.contributions.rules import due_on
from app.journeys.desk import Conversation, vocabulary
from app.journeys.facts import Person, fresh_person, person
from app.payments.dues import unpaid_months
from app.text.words import Say
from app.ussd.vocabulary import Values


@vocabulary.action("look_at_rights", "enrolled", "not_enrolled")
def look_at_rights(talk: Conversation) -> str:
    return "enrolled" if fresh_person(talk).enrolled else "not_enrolled"


@vocabulary.source("rights")
def rights(talk: Conversation) -> Values:
    who = person(talk)
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
        return Say(f"owed.elsewhere_{who.artisan.category.lower()}")
    unpaid = who.unpaid()
    if not unpaid:
        return Say("owed.nothing", {"next_due": due_on(Month.of(who.today) + 1)})
    late = sum(due_on(month) < who.today for month in unpaid)
    values = {"total": who.dues().total, "count": len(unpaid), "late": late}
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
    if unpaid := who.unpaid():
        opens = open_after_paying_all(who.enrolled, unpaid, who.ever_paid, who.today)
        return (
            Say("expected.pay_opens", {"opens_on": opens}) if opens else Say("expected.pay_keeps")
        )
    if not (unposted := who.unposted()):
        return ""
    opens = open_after_paying_all(
        who.enrolled,
        who.unpaid_before_unposted(),
        who.artisan.rights_until is not None,
        local_date(unposted[0].received_at),
    )
    return _opening("expected.paid", opens)


def _opening(key: str, opens: date | None) -> Say:
    return Say(f"{key}_opens", {"opens_on": opens}) if opens else Say(f"{key}_keeps")
