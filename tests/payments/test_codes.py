"""Codes: how they are made, how long they live, and that there is one."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.base.clock import local, local_midnight
from app.base.money import Money as Amount
from app.base.operation import operation
from app.base.phone import Phone
from app.contributions.errors import NotCollectedHere
from app.payments.codes import CodeRequest, expire_codes, issue_code
from app.payments.errors import AnotherIsLive, CodeMistyped, NothingDue
from app.payments.rules import draw_code, read_code, receipt_number
from tests.payments.conftest import Books, Money

FATIMA, HASSAN, KHADIJA = "+212600000001", "+212600000002", "+212600000003"
BRAHIM, SAID = "+212600000004", "+212600000006"

# Damm's table, written out here so that the check digit is not proved by what made it.
DAMM = (
    "0317598642",
    "7092154863",
    "4206871359",
    "1750983426",
    "6123045978",
    "3674209581",
    "5869720134",
    "8945362017",
    "9438617205",
    "2581436790",
)


def remainder(digits: str) -> int:
    interim = 0
    for digit in digits:
        interim = int(DAMM[interim][int(digit)])
    return interim


@given(st.randoms(use_true_random=False))
def test_a_code_is_eleven_digits_and_a_damm_digit(random: Random) -> None:
    code = draw_code(random)
    assert len(code) == 12 and code.isdecimal() and code[0] != "0"
    assert remainder(code) == 0


@given(st.randoms(use_true_random=False), st.integers(0, 11), st.integers(1, 9))
def test_every_wrong_digit_is_found(random: Random, place: int, by: int) -> None:
    code = draw_code(random)
    wrong = code[:place] + str((int(code[place]) + by) % 10) + code[place + 1 :]
    with pytest.raises(CodeMistyped):
        read_code(wrong)


@given(st.randoms(use_true_random=False), st.integers(0, 10))
def test_every_swap_of_neighbours_is_found(random: Random, place: int) -> None:
    code = draw_code(random)
    swapped = code[:place] + code[place + 1] + code[place] + code[place + 2 :]
    if swapped != code:
        with pytest.raises(CodeMistyped):
            read_code(swapped)


def test_a_code_is_read_in_any_grouping_and_script() -> None:
    code = draw_code(Random(7))
    grouped = f"{code[:4]} {code[4:8]} {code[8:]}"
    arabic = code.translate(str.maketrans("0123456789", "٠١٢٣٤٥٦٧٨٩"))
    for typed in (
        grouped,
        code,
        f" {code[:6]}-{code[6:]}\n",
        f"\u200f{arabic}\u00a0",
        ".".join(code),
    ):
        assert read_code(typed) == code
    for typed in ("", "12", code + "0", code[:-1] + "x", "²" * 12):
        with pytest.raises(CodeMistyped):
            read_code(typed)


def test_receipt_numbers_carry_a_check_digit() -> None:
    assert remainder(receipt_number(1_000_001)) == 0


def test_the_same_code_is_given_again(money: Money) -> None:
    first = money.issue(FATIMA)
    assert money.issue(FATIMA) == first
    assert first.total == Amount(16352)
    assert money.one("SELECT count(*) FROM message WHERE kind = 'code'") == 1


def test_one_live_code_however_many_ask_at_once(money: Money, books: Books) -> None:
    with ThreadPoolExecutor(8) as many:
        codes = set(many.map(lambda _: money.issue(HASSAN).code, range(24)))
    assert len(codes) == 1
    assert money.one("SELECT count(*) FROM payment_code") == 1
    assert money.one("SELECT count(*) FROM message WHERE kind = 'code'") == 1
    books()


def test_another_set_of_months_replaces_only_the_code_that_was_seen(money: Money) -> None:
    two = money.issue(HASSAN, 2)
    assert (str(two.period), two.total) == ("2026-08 - 2026-09", Amount(33522))
    with pytest.raises(AnotherIsLive) as kept:
        money.issue(HASSAN)
    assert kept.value.live == two
    with pytest.raises(AnotherIsLive):
        money.issue(HASSAN, replacing=draw_code(Random(1)))
    everything = money.issue(HASSAN, replacing=two.code)
    assert everything.total == Amount(66390)
    state = "SELECT state FROM payment_code WHERE code = :code"
    assert money.one(state, code=two.code) == "cancelled"
    assert money.one(state, code=everything.code) == "issued"


def test_a_cancelled_code_is_not_given_again(money: Money) -> None:
    first = money.issue(FATIMA)
    assert money.cancel(FATIMA)
    assert not money.cancel(FATIMA)
    assert money.issue(FATIMA).code != first.code


def test_valid_seven_days(money: Money) -> None:
    money.runtime.clock.now = datetime(2026, 11, 10, 9, 30, tzinfo=UTC)  # type: ignore[attr-defined]
    assert money.issue(HASSAN).expires_at == datetime(2026, 11, 17, 9, 30, tzinfo=UTC)


def test_never_valid_past_the_day_its_amount_changes(money: Money) -> None:
    money.runtime.clock.now = datetime(2026, 11, 27, 9, 30, tzinfo=UTC)  # type: ignore[attr-defined]
    code = money.issue(HASSAN)
    assert code.expires_at == local_midnight(local(datetime(2026, 12, 1, 12, tzinfo=UTC)).date())
    money.runtime.clock.now = code.expires_at  # type: ignore[attr-defined]
    assert money.issue(HASSAN).total > code.total


def test_expiring_is_a_job_and_true_without_it(money: Money) -> None:
    code = money.issue(FATIMA)
    money.runtime.clock.now = code.expires_at  # type: ignore[attr-defined]
    new = money.issue(FATIMA)
    assert new.code != code.code
    state = "SELECT state FROM payment_code WHERE code = :code"
    assert money.one(state, code=code.code) == "expired"
    with money.runtime.database.begin() as connection:
        assert expire_codes(connection, new.expires_at - timedelta(seconds=1)) == 0
        assert expire_codes(connection, new.expires_at) == 1


def test_no_code_where_there_is_nothing_to_pay_here(money: Money) -> None:
    for phone, refusal in ((KHADIJA, NothingDue), (BRAHIM, NothingDue), (SAID, NotCollectedHere)):
        with pytest.raises(refusal):
            money.issue(phone)


def test_a_code_that_was_given_before_is_not_given_again(money: Money) -> None:
    """The same draw for two people: the second gets the next one."""

    def issue(phone: str) -> str:
        services = replace(money.runtime.services, random=Random(5))
        request = CodeRequest(money.artisan_id(phone), Phone(phone), "fr")
        with operation(money.runtime.database, money.runtime.clock(), "artisan") as change:
            return issue_code(change, services, request).code

    assert issue(FATIMA) == draw_code(Random(5)) != issue(HASSAN)
