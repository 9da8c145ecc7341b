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
from app.base.money import Money
from app.base.operation import operation
from app.base.phone import Phone
from app.contributions.errors import NotCollectedHere
from app.payments.codes import CodeRequest, expire_codes, issue_code
from app.payments.errors import AnotherIsLive, CodeMistyped, NothingDue
from app.payments.rules import draw_code, read_code, receipt_number
from tests.payments.conftest import Books, PaymentFixture

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
def test_draw_code_gives_eleven_digits_and_a_damm_digit(random: Random) -> None:
    code = draw_code(random)
    assert len(code) == 12 and code.isdecimal() and code[0] != "0"
    assert remainder(code) == 0


@given(st.randoms(use_true_random=False), st.integers(0, 11), st.integers(1, 9))
def test_read_code_refuses_every_wrong_digit(random: Random, place: int, by: int) -> None:
    code = draw_code(random)
    wrong = code[:place] + str((int(code[place]) + by) % 10) + code[place + 1 :]
    with pytest.raises(CodeMistyped):
        read_code(wrong)


@given(st.randoms(use_true_random=False), st.integers(0, 10))
def test_read_code_refuses_every_swap_of_neighbours(random: Random, place: int) -> None:
    code = draw_code(random)
    swapped = code[:place] + code[place + 1] + code[place] + code[place + 2 :]
    if swapped != code:
        with pytest.raises(CodeMistyped):
            read_code(swapped)


def test_read_code_accepts_any_grouping_and_script() -> None:
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


def test_receipt_number_ends_with_a_check_digit() -> None:
    assert remainder(receipt_number(1_000_001)) == 0


def test_issue_code_returns_the_live_code_for_the_same_months(payments: PaymentFixture) -> None:
    first = payments.issue(FATIMA)
    assert payments.issue(FATIMA) == first
    assert first.total == Money(16352)
    assert payments.read_value("SELECT count(*) FROM message WHERE kind = 'code'") == 1


def test_issue_code_gives_one_live_code_to_many_requests_at_once(
    payments: PaymentFixture, books: Books
) -> None:
    with ThreadPoolExecutor(8) as many:
        codes = set(many.map(lambda _: payments.issue(HASSAN).code, range(24)))
    assert len(codes) == 1
    assert payments.read_value("SELECT count(*) FROM payment_code") == 1
    assert payments.read_value("SELECT count(*) FROM message WHERE kind = 'code'") == 1
    books()


def test_issue_code_replaces_a_code_for_other_months_only_if_it_is_named(
    payments: PaymentFixture,
) -> None:
    two = payments.issue(HASSAN, 2)
    assert (str(two.period), two.total) == ("2026-08 - 2026-09", Money(33522))
    with pytest.raises(AnotherIsLive) as kept:
        payments.issue(HASSAN)
    assert kept.value.live == two
    with pytest.raises(AnotherIsLive):
        payments.issue(HASSAN, replacing=draw_code(Random(1)))
    everything = payments.issue(HASSAN, replacing=two.code)
    assert everything.total == Money(66390)
    state = "SELECT state FROM payment_code WHERE code = :code"
    assert payments.read_value(state, code=two.code) == "cancelled"
    assert payments.read_value(state, code=everything.code) == "issued"


def test_issue_code_gives_another_code_after_a_cancellation(payments: PaymentFixture) -> None:
    first = payments.issue(FATIMA)
    assert payments.cancel(FATIMA)
    assert not payments.cancel(FATIMA)
    assert payments.issue(FATIMA).code != first.code


def test_issue_code_gives_a_code_valid_for_seven_days(payments: PaymentFixture) -> None:
    payments.runtime.clock.now = datetime(2026, 11, 10, 9, 30, tzinfo=UTC)  # type: ignore[attr-defined]
    assert payments.issue(HASSAN).expires_at == datetime(2026, 11, 17, 9, 30, tzinfo=UTC)


def test_issue_code_gives_a_code_valid_no_longer_than_its_amount(payments: PaymentFixture) -> None:
    payments.runtime.clock.now = datetime(2026, 11, 27, 9, 30, tzinfo=UTC)  # type: ignore[attr-defined]
    code = payments.issue(HASSAN)
    assert code.expires_at == local_midnight(local(datetime(2026, 12, 1, 12, tzinfo=UTC)).date())
    payments.runtime.clock.now = code.expires_at  # type: ignore[attr-defined]
    assert payments.issue(HASSAN).total > code.total


def test_expire_codes_marks_only_codes_that_were_expired_already(payments: PaymentFixture) -> None:
    code = payments.issue(FATIMA)
    payments.runtime.clock.now = code.expires_at  # type: ignore[attr-defined]
    new = payments.issue(FATIMA)
    assert new.code != code.code
    state = "SELECT state FROM payment_code WHERE code = :code"
    assert payments.read_value(state, code=code.code) == "expired"
    with payments.runtime.database.begin() as connection:
        assert expire_codes(connection, new.expires_at - timedelta(seconds=1)) == 0
        assert expire_codes(connection, new.expires_at) == 1


def test_issue_code_refuses_an_artisan_with_nothing_to_pay_here(payments: PaymentFixture) -> None:
    for phone, refusal in ((KHADIJA, NothingDue), (BRAHIM, NothingDue), (SAID, NotCollectedHere)):
        with pytest.raises(refusal):
            payments.issue(phone)


def test_issue_code_draws_again_for_a_code_that_exists(payments: PaymentFixture) -> None:
    """The same draw for two people: the second gets the next one."""

    def issue(phone: str) -> str:
        services = replace(payments.runtime.services, random=Random(5))
        request = CodeRequest(payments.artisan_id(phone), Phone(phone), "fr")
        with operation(payments.runtime.database, payments.runtime.clock(), "artisan") as change:
            return issue_code(change, services, request).code

    assert issue(FATIMA) == draw_code(Random(5)) != issue(HASSAN)
