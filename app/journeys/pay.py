"""Entry 2, pay: what is owed, a code for all of it, for the oldest months, or for months ahead."""

from itertools import accumulate, islice

from app.base.months import Month, Period
from app.contributions.errors import NotCollectedHere
from app.contributions.rules import paid_elsewhere
from app.journeys.amo import file_message, read_enrolment_file
from app.journeys.context import Dialogue, begin_operation, vocabulary
from app.journeys.facts import fresh_person, keep_code, person, read_account_again
from app.payments.codes import CodeRequest, issue_code
from app.payments.errors import AnotherIsLive, NothingDue
from app.payments.queries import IssuedCode
from app.payments.wording import period_words, shown_until
from app.text.words import Say
from app.ussd.vocabulary import NothingToShow, Row, Values

_ISSUING = ("issued", "another_is_live", "nothing_due")
# Who pays with a tax, and what is said of it.
_ELSEWHERE = {"pays_with_cpu": "owed.pays_with_cpu", "pays_with_tax": "owed.pays_with_tax"}


def dues_by_sms(dialogue: Dialogue, outcome: str) -> Say:
    """What is owed, for whom the screen was too slow."""
    if outcome == "not_enrolled":
        return file_message(dialogue)
    if outcome in _ELSEWHERE:
        return Say("sms.elsewhere", {"owed": Say(_ELSEWHERE[outcome])})
    if outcome == "nothing_due":
        return Say("sms.nothing_due")
    owed = dues(dialogue)
    return Say("sms.dues", {name: owed[name] for name in ("total", "period")})


def code_by_sms(dialogue: Dialogue, outcome: str) -> Say | None:
    """A code just made has queued its own message; one that is live is told again."""
    if outcome == "issued":
        return None
    code = person(dialogue).account.code
    if outcome == "another_is_live" and code:
        return code_message(code)
    return Say("sms.nothing_due")


@vocabulary.action(
    "look_at_dues",
    "due",
    "nothing_due",
    "pays_with_cpu",
    "pays_with_tax",
    "not_enrolled",
    by_sms=dues_by_sms,
)
def look_at_dues(dialogue: Dialogue) -> str:
    who = fresh_person(dialogue)
    if not who.enrolled:
        read_enrolment_file(dialogue)
        return "not_enrolled"
    if not who.pays_here:
        return paid_elsewhere(who.artisan.category)
    return "due" if who.unpaid() else "nothing_due"


@vocabulary.source("dues")
def dues(dialogue: Dialogue) -> Values:
    owed = person(dialogue).dues()
    if not owed.lines:
        raise NothingToShow()
    fee = dialogue.services.fee
    return {
        "total": owed.total + fee,
        "penalty_part": Say("penalty.some", {"penalty": owed.penalty}) if owed.penalty else "",
        "fee_part": Say("fee.some", {"fee": fee}) if fee else Say("fee.none"),
        "count": len(owed.lines),
        "period": period_words(owed.period),
    }


@vocabulary.rows("months_to_pay")
def months_to_pay(dialogue: Dialogue) -> list[Row]:
    """The oldest month, the two oldest, and so on, then months ahead: CNSS credits the oldest
    debt first.
    """
    lines = person(dialogue).payable().lines
    if not lines:
        raise NothingToShow()
    totals = accumulate((line.total for line in lines), initial=dialogue.services.fee)
    return [
        Row(
            str(line.month),
            {"period": period_words(Period(lines[0].month, line.month)), "total": total},
        )
        for line, total in zip(lines, islice(totals, 1, None), strict=True)
    ]


@vocabulary.action("issue_code_for_all", *_ISSUING, by_sms=code_by_sms)
def issue_code_for_all(dialogue: Dialogue) -> str:
    dialogue.answers.pop("months", None)
    return _issue(dialogue, replacing=None)


@vocabulary.action("issue_code_for_months", *_ISSUING, by_sms=code_by_sms)
def issue_code_for_months(dialogue: Dialogue) -> str:
    return _issue(dialogue, replacing=None)


@vocabulary.action("replace_code", *_ISSUING, by_sms=code_by_sms)
def replace_code(dialogue: Dialogue) -> str:
    """Replaces the code that was on the screen; one made since by another phone is asked about."""
    shown = person(dialogue).account.code
    return _issue(dialogue, replacing=shown.code if shown else None)


def _issue(dialogue: Dialogue, replacing: str | None) -> str:
    through = dialogue.answers.get("months")
    try:
        request = CodeRequest(
            dialogue.facts["a"][0],
            dialogue.phone,
            dialogue.language,
            Month.parse(through) if through else None,
            replacing,
        )
        with begin_operation(dialogue) as operation:
            code = issue_code(operation, dialogue.services, request)
    except (NothingDue, NotCollectedHere):
        read_account_again(dialogue)
        return "nothing_due"
    except AnotherIsLive as refusal:
        keep_code(dialogue, refusal.live)
        return "another_is_live"
    keep_code(dialogue, code)
    return "issued"


@vocabulary.action("look_at_code", "live", "none_live")
def look_at_code(dialogue: Dialogue) -> str:
    return "live" if fresh_person(dialogue).account.code else "none_live"


@vocabulary.source("live_code")
def live_code(dialogue: Dialogue) -> Values:
    code = person(dialogue).account.code
    if code is None:
        raise NothingToShow()
    return code_values(code)


def code_message(code: IssuedCode) -> Say:
    """A code told again by SMS."""
    told = code_values(code)
    return Say("sms.code", {name: told[name] for name in ("code", "total", "period", "until")})


def code_values(code: IssuedCode) -> Values:
    return {
        "code": code.code,
        "total": code.total,
        "count": len(code.period),
        "period": period_words(code.period),
        "until": shown_until(code.expires_at),
    }
