"""Entry 1 as a table: CNSS's last word, dues, and what paying brings (docs/rules.md, Rights).

A person stored between two hops comes back whole, through JSON.
"""

from __future__ import annotations

import json
from datetime import UTC, date, datetime, time, timedelta
from types import SimpleNamespace
from typing import Any, cast

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from app.base.clock import CASABLANCA
from app.base.money import Money
from app.base.months import Month, Period
from app.base.phone import Phone
from app.contributions.rules import due_on
from app.enrolment.queries import Artisan
from app.journeys.amo import describe_rights
from app.journeys.context import Dialogue
from app.journeys.facts import Answers, Facts
from app.journeys.person import get_standing, make_account, store_code, store_person
from app.payments.dues import first_owed_month, quote_dues, unpaid_months
from app.payments.queries import Deposit, IssuedCode, PaymentAccount
from app.text.words import Say


def noon(day: date) -> datetime:
    return datetime.combine(day, time(12), CASABLANCA).astimezone(UTC)


def dialogue_on(day: date) -> Dialogue:
    """A dialogue without services: sources must not need them."""
    services = cast(Any, SimpleNamespace())
    return Dialogue(Phone("+212600000001"), "fr", Facts(), Answers(), noon(day), "key", services)


def artisan(
    enrolled: date | None = date(2023, 1, 1), until: date | None = None, category: str = "A"
) -> Artisan:
    return Artisan(7, "", "fr", category, None, enrolled, until, date(2026, 11, 12))


def paid(on: date, first: str, last: str, posted: date | None = None) -> Deposit:
    period = Period(Month.parse(first), Month.parse(last))
    return Deposit("10000014", Money(100), period, noon(on), "W-RABAT-01", posted)


def account(*deposits: Deposit) -> PaymentAccount:
    """Newest first, each month settled by its deposit."""
    settled = {month for deposit in deposits for month in deposit.period}
    return PaymentAccount(None, frozenset(settled), deposits)


def expected(who: Artisan, what: PaymentAccount, on: date) -> Say | str:
    dialogue = dialogue_on(on)
    store_person(dialogue, who, what, "register")
    said = describe_rights(dialogue)["expected"]
    assert isinstance(said, Say | str)
    return said


def opens(key: str, day: date) -> Say:
    return Say(f"expected.{key}_opens", {"opens_on": day})


PAY_KEEPS, PAID_KEEPS = Say("expected.pay_keeps"), Say("expected.paid_keeps")
OPEN = artisan(until=date(2027, 1, 31))
SUSPENDED = artisan(until=date(2026, 10, 31))
CLOSED = artisan(until=date(2026, 5, 31))
NEW = artisan(enrolled=date(2026, 11, 2))
NOV_23 = date(2026, 11, 23)
ALL_OF_CLOSED = paid(NOV_23, "2026-03", "2026-11")


@pytest.mark.parametrize(
    ("who", "what", "on", "said"),
    [
        (OPEN, account(), NOV_23, PAY_KEEPS),
        (OPEN, account(paid(NOV_23, "2026-11", "2026-11")), NOV_23, PAID_KEEPS),
        (OPEN, account(paid(NOV_23, "2026-11", "2026-11", NOV_23)), NOV_23, ""),
        (artisan(until=date(2027, 2, 28)), account(), NOV_23, ""),
        # Suspended: the 1st of the month after the one in which all is paid.
        (SUSPENDED, account(), NOV_23, opens("pay", date(2026, 12, 1))),
        (SUSPENDED, account(), date(2026, 12, 1), opens("pay", date(2027, 1, 1))),
        (
            SUSPENDED,
            account(paid(NOV_23, "2026-08", "2026-11")),
            NOV_23,
            opens("paid", date(2026, 12, 1)),
        ),
        (
            SUSPENDED,
            account(paid(NOV_23, "2026-08", "2026-09")),
            NOV_23,
            opens("pay", date(2026, 12, 1)),
        ),
        # Closed: three months of waiting, begun by the payment and by nothing else.
        (CLOSED, account(), NOV_23, opens("pay", date(2027, 3, 1))),
        (CLOSED, account(ALL_OF_CLOSED), NOV_23, opens("paid", date(2027, 3, 1))),
        (CLOSED, account(ALL_OF_CLOSED), date(2026, 12, 31), opens("paid", date(2027, 3, 1))),
        (CLOSED, account(ALL_OF_CLOSED), date(2027, 1, 31), opens("paid", date(2027, 3, 1))),
        (
            CLOSED,
            account(paid(date(2026, 12, 20), "2026-12", "2026-12"), ALL_OF_CLOSED),
            date(2026, 12, 20),
            opens("paid", date(2027, 3, 1)),
        ),
        (
            CLOSED,
            account(paid(NOV_23, "2026-03", "2026-11", date(2026, 11, 25))),
            date(2026, 11, 30),
            opens("paid", date(2027, 3, 1)),
        ),
        (
            CLOSED,
            account(paid(NOV_23, "2026-03", "2026-08")),
            NOV_23,
            opens("pay", date(2027, 3, 1)),
        ),
        (
            CLOSED,
            account(paid(NOV_23, "2026-03", "2026-10")),
            date(2026, 12, 2),
            opens("pay", date(2027, 4, 1)),
        ),
        (
            CLOSED,
            account(
                paid(date(2026, 12, 2), "2026-11", "2026-12"),
                paid(NOV_23, "2026-03", "2026-10"),
            ),
            date(2026, 12, 2),
            opens("paid", date(2027, 4, 1)),
        ),
        # The one-month stage of who pays for the first time.
        (NEW, account(), NOV_23, opens("pay", date(2026, 12, 1))),
        (
            NEW,
            account(paid(NOV_23, "2026-11", "2026-11")),
            NOV_23,
            opens("paid", date(2026, 12, 1)),
        ),
        (
            NEW,
            account(paid(NOV_23, "2026-11", "2026-11", NOV_23)),
            date(2026, 12, 15),
            opens("paid", date(2026, 12, 1)),
        ),
        (artisan(date(2026, 8, 1)), account(), NOV_23, opens("pay", date(2026, 12, 1))),
        (
            artisan(date(2026, 8, 1)),
            account(paid(NOV_23, "2026-08", "2026-08")),
            NOV_23,
            opens("pay", date(2026, 12, 1)),
        ),
        # Who pays elsewhere is promised nothing.
        (artisan(until=date(2026, 5, 31), category="B"), account(), NOV_23, ""),
        (artisan(until=None, category="D"), account(), NOV_23, ""),
    ],
)
def test_prospect_says_what_paying_does_to_rights(
    who: Artisan, what: PaymentAccount, on: date, said: Say | str
) -> None:
    assert expected(who, what, on) == said


@pytest.mark.parametrize(
    ("until", "said"),
    [
        (date(2026, 11, 23), Say("rights.open", {"rights_until": date(2026, 11, 23)})),
        (date(2026, 11, 22), Say("rights.suspended", {"closed_on": date(2026, 11, 23)})),
        (date(2026, 10, 31), Say("rights.suspended", {"closed_on": date(2026, 11, 1)})),
        (date(2026, 5, 31), Say("rights.closed", {"closed_on": date(2026, 6, 1)})),
        (None, Say("rights.not_yet")),
    ],
)
def test_rights_follow_the_last_word_of_cnss(until: date | None, said: Say) -> None:
    dialogue = dialogue_on(NOV_23)
    # What agents received meanwhile changes nothing about what CNSS said.
    store_person(dialogue, artisan(until=until), account(ALL_OF_CLOSED), "register")
    told = describe_rights(dialogue)
    assert (told["rights"], told["as_of"]) == (said, date(2026, 11, 12))


DAYS = st.dates(date(2021, 1, 1), date(2027, 12, 31))
PERIODS = st.tuples(DAYS, DAYS).map(lambda days: Period(*sorted(map(Month.of, days))))
MOMENTS = st.integers(1_600_000_000, 1_900_000_000).map(lambda s: datetime.fromtimestamp(s, UTC))
MONEY = st.integers(1, 10**8).map(Money)
CODES = st.builds(
    IssuedCode, st.from_regex(r"[1-9][0-9]{11}", fullmatch=True), MONEY, PERIODS, MOMENTS
)
DEPOSITS = st.builds(
    Deposit,
    st.from_regex(r"[1-9][0-9]{7}", fullmatch=True),
    MONEY,
    PERIODS,
    MOMENTS,
    st.text(max_size=16),
    st.none() | DAYS,
)
ARTISANS = st.builds(
    Artisan,
    st.integers(1, 10**9),
    # A dialogue keeps neither name nor language: it speaks its own.
    st.just(""),
    st.just(""),
    st.sampled_from("ABCD"),
    st.none() | st.decimals(1, 6, places=2),
    st.none() | DAYS,
    st.none() | DAYS,
    DAYS,
)


# Months settled with a penalty, each with the day on which it was paid.
PAID_LATE = st.dictionaries(
    st.dates(date(2022, 1, 1), date(2026, 9, 30)).map(Month.of), st.integers(1, 50), max_size=9
).map(lambda late: [(month, due_on(month) + timedelta(days=days)) for month, days in late.items()])


@settings(deadline=None)
@given(ARTISANS, st.none() | CODES, PAID_LATE, st.lists(DEPOSITS, max_size=4))
def test_stored_person_comes_back_through_json(
    who: Artisan,
    code: IssuedCode | None,
    late: list[tuple[Month, date]],
    deposits: list[Deposit],
) -> None:
    dialogue, settled = dialogue_on(NOV_23), frozenset(month for month, _ in late)
    own = PaymentAccount(None, settled, tuple(deposits), tuple(late))
    store_person(dialogue, who, own, "register")
    if code:
        store_code(dialogue, code)
    dialogue.facts = Facts(json.loads(json.dumps(dialogue.facts.packed)))
    back, (artisan, account) = get_standing(dialogue), make_account(dialogue)
    assert artisan == who
    assert account.deposits == tuple(deposits)
    # A code that is over, or for months that CNSS no longer waits for, is none.
    first = first_owed_month(who) if who.category in "AC" else None
    live = code and code.expires_at > dialogue.now and first and code.period.first >= first
    assert account.code == (code if live else None)
    # What of it is not carried along changes neither what is owed nor what it costs.
    whole = PaymentAccount(None, settled, (), tuple(late))
    assert back.unpaid == unpaid_months(who, settled, back.today)
    if who.category == "A":
        assert back.dues == quote_dues(who, whole, back.today)
