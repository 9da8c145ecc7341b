"""Entry 2, pay: what is owed, a code for all of it, for the oldest months, or for months ahead."""

from __future__ import annotations

from itertools import accumulate, islice

from app.base.clock import local_date
from app.base.driver import by_driver
from app.contributions.errors import NotCollectedHere
from app.contributions.rules import paid_elsewhere
from app.journeys.amo import describe_prospect, file_message, read_enrolment_file
from app.journeys.code_of_unproven import may_end_code, share_receipt
from app.journeys.context import Dialogue, begin_operation, vocabulary
from app.journeys.person import (
    get_live_code,
    get_standing,
    is_unproven,
    make_account,
    reload_person,
    reload_stale_person,
    store_code,
)
from app.payments.codes import (
    CodeRequest,
    issue_code,
    issue_code_as_shown,
    queue_code_message,
    terms_of,
)
from app.payments.dues import quote_until
from app.payments.errors import AnotherIsLive, NothingDue, TermsChanged
from app.payments.queries import IssuedCode, Terms
from app.payments.wording import last_day_to_pay, period_words, shown_until
from app.text.words import Say
from app.ussd.vocabulary import NothingToShow, Row, Values

_ISSUING = ("issued", "another_is_live", "only_live", "changed", "nothing_due")
# The outcomes of people who pay with a tax, and the sentence that says so.
_ELSEWHERE = {"pays_with_cpu": "owed.pays_with_cpu", "pays_with_tax": "owed.pays_with_tax"}


def dues_by_sms(dialogue: Dialogue, outcome: str) -> Say:
    """Returns the message with what is owed."""
    if outcome == "not_enrolled":
        return file_message(dialogue)
    if outcome in _ELSEWHERE:
        return Say("sms.elsewhere", {"owed": Say(_ELSEWHERE[outcome])})
    if outcome == "nothing_due":
        return Say("sms.nothing_due")
    values = describe_dues(dialogue)
    return Say("sms.dues", {name: values[name] for name in ("total", "period")})


def code_by_sms(dialogue: Dialogue, outcome: str) -> Say | None:
    """Returns the message with a code that is live already; a new code queues its own."""
    if outcome == "issued":
        return None
    code = get_live_code(dialogue)
    if outcome == "another_is_live" and code:
        return live_code_message(dialogue, code)
    return dues_by_sms(dialogue, _name_dues(dialogue))


@vocabulary.action(
    "look_at_dues",
    "due",
    "nothing_due",
    "pays_with_cpu",
    "pays_with_tax",
    "not_enrolled",
    by_sms=dues_by_sms,
    only_looks=True,
)
def look_at_dues(dialogue: Dialogue) -> str:
    reload_stale_person(dialogue)
    if not get_standing(dialogue).enrolled:
        read_enrolment_file(dialogue)
        return "not_enrolled"
    return _name_dues(dialogue)


def _name_dues(dialogue: Dialogue) -> str:
    """Returns what an enrolled person owes here, as an outcome."""
    standing = get_standing(dialogue)
    if not standing.pays_here:
        return paid_elsewhere(standing.category)
    return "due" if standing.unpaid else "nothing_due"


@vocabulary.source("dues")
def describe_dues(dialogue: Dialogue) -> Values:
    dues = get_standing(dialogue).dues
    if not dues.lines:
        raise NothingToShow()
    fee = dialogue.services.fee
    return {
        "total": dues.total + fee,
        "expected": describe_prospect(dialogue),
        "penalty_part": Say("penalty.some", {"penalty": dues.penalty}) if dues.penalty else "",
        "fee_part": Say("fee.some", {"fee": fee}) if fee else Say("fee.none"),
        "count": len(dues.lines),
        "period": period_words(dues.period),
    }


@vocabulary.rows("months_to_pay")
def list_months_to_pay(dialogue: Dialogue) -> list[Row]:
    """Lists the oldest month, the two oldest, and so on, then months ahead.

    CNSS credits the oldest debt first.
    """
    lines = get_standing(dialogue).payable.lines
    if not lines:
        raise NothingToShow()
    totals = accumulate((line.total for line in lines), initial=dialogue.services.fee)
    return [
        Row(
            str(line.month),
            {"last": line.month, "total": total},
        )
        for line, total in zip(lines, islice(totals, 1, None), strict=True)
    ]


@vocabulary.action("issue_code_for_all", *_ISSUING, by_sms=code_by_sms)
def issue_code_for_all(dialogue: Dialogue) -> str:
    dialogue.answers.months = None
    return _issue_code(dialogue, replacing=None)


@vocabulary.action("issue_code_for_months", *_ISSUING, by_sms=code_by_sms)
def issue_code_for_months(dialogue: Dialogue) -> str:
    return _issue_code(dialogue, replacing=None)


@vocabulary.action("replace_code", *_ISSUING, by_sms=code_by_sms)
def replace_code(dialogue: Dialogue) -> str:
    """Replaces the code that was shown; one made since by another phone is asked about."""
    shown = get_live_code(dialogue)
    may_end = shown and may_end_code(dialogue, shown.code)
    return _issue_code(dialogue, replacing=shown.code if shown and may_end else None)


def _issue_code(dialogue: Dialogue, replacing: str | None) -> str:
    """Issues the code for the months chosen (none: all that is owed), at the amount shown.

    If the amount or the months would be others by now, they are read again, to be asked again.
    """
    if (terms := _get_terms(dialogue)) is None:
        return "nothing_due"
    known = get_live_code(dialogue)
    request = CodeRequest(
        dialogue.facts.artisan_id,
        dialogue.phone,
        dialogue.language,
        dialogue.answers.months,
        replacing,
        terms,
    )
    if code := _issue_as_shown(dialogue, request):
        store_code(dialogue, code)
        return "issued"
    try:
        with begin_operation(dialogue) as operation:
            code = issue_code(operation, dialogue.services, request)
            share_receipt(operation, dialogue, code)
            if known and known.code == code.code:
                # Another phone or a network asked for it: this one was not sent it yet.
                queue_code_message(
                    operation, dialogue.services, code, dialogue.phone, dialogue.language
                )
    except (NothingDue, NotCollectedHere):
        reload_person(dialogue)
        return "nothing_due"
    except TermsChanged:
        reload_person(dialogue)
        return _name_change(dialogue)
    except AnotherIsLive as refusal:
        return _ask_about_live_code(dialogue, refusal.live)
    store_code(dialogue, code)
    return "issued"


def _issue_as_shown(dialogue: Dialogue, request: CodeRequest) -> IssuedCode | None:
    """Issues the code, or finds it, in one statement.

    Returns None on a phone not proven, or if something changed.
    """
    if is_unproven(dialogue):
        return None
    services, shown = dialogue.services, make_account(dialogue)
    with by_driver(services.database) as connection:
        return issue_code_as_shown(connection, dialogue.now, services, request, shown)


def _ask_about_live_code(dialogue: Dialogue, live: IssuedCode) -> str:
    """Asks whether to replace the live code; a phone not proven may only pay it.

    That phone is asked for the code's amount and months, and sees no digits before it agrees.
    """
    if may_end_code(dialogue, live.code):
        store_code(dialogue, live)
        return "another_is_live"
    dialogue.answers.months = live.period.last
    reload_person(dialogue)
    return "only_live" if _get_terms(dialogue) else "nothing_due"


def _name_change(dialogue: Dialogue) -> str:
    """Returns the outcome of terms that changed: with a live code both are asked about."""
    terms, live = _get_terms(dialogue), get_live_code(dialogue)
    if terms is None:
        return "nothing_due"
    return "another_is_live" if live and live.terms != terms else "changed"


def _get_terms(dialogue: Dialogue) -> Terms | None:
    """Returns the terms of a code for the months chosen, as the last screen showed them."""
    standing, months = get_standing(dialogue), dialogue.answers.months
    if not standing.enrolled or not standing.pays_here:
        return None
    due = quote_until(standing.payable, months) if months else standing.dues
    return terms_of(due, dialogue.services.fee)


@vocabulary.source("new_terms")
def describe_new_terms(dialogue: Dialogue) -> Values:
    """Describes the code that would be made now, beside the live one if there is one."""
    if (terms := _get_terms(dialogue)) is None:
        raise NothingToShow()
    return {"new_total": terms.total, "new_period": period_words(terms.period)}


@vocabulary.source("replacement")
def describe_replacement(dialogue: Dialogue) -> Values:
    return {**describe_live_code(dialogue), **describe_new_terms(dialogue)}


@vocabulary.action("look_at_code", "live", "none_live")
def look_at_code(dialogue: Dialogue) -> str:
    reload_stale_person(dialogue)
    return "live" if get_live_code(dialogue) else "none_live"


@vocabulary.source("live_code")
def describe_live_code(dialogue: Dialogue) -> Values:
    code = get_live_code(dialogue)
    if code is None:
        raise NothingToShow()
    return describe_shown_code(dialogue, code)


def code_message(code: IssuedCode) -> Say:
    """Returns the message that repeats a live code."""
    values = describe_code(code)
    return Say("sms.code", {name: values[name] for name in ("code", "total", "period", "until")})


def live_code_message(dialogue: Dialogue, code: IssuedCode) -> Say:
    """Returns the message that repeats a live code, and says what is owed if that is more.

    An SMS cannot ask first: so it never passes a code for some months off as one for all.
    """
    owed = get_standing(dialogue).dues
    values = describe_code(code)
    if not owed.lines or code.period == owed.period:
        return code_message(code)
    named = {name: values[name] for name in ("code", "total", "period", "until")}
    return Say("sms.code_live", {**named, "owed_total": owed.total + dialogue.services.fee})


def describe_shown_code(dialogue: Dialogue, code: IssuedCode) -> Values:
    """Returns the values of a screen with the code: `pay_by` is a day with open counters."""
    today = local_date(dialogue.now)
    pay_by = last_day_to_pay(code.expires_at, today, dialogue.services.is_closed)
    return {**describe_code(code), "pay_by": pay_by}


def describe_code(code: IssuedCode) -> Values:
    """Returns the values of every sentence about a live code."""
    return {
        "code": code.code,
        "total": code.total,
        "count": len(code.period),
        "period": period_words(code.period),
        "until": shown_until(code.expires_at),
    }
