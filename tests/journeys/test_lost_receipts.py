"""Receipts whose SMS did not arrive: on which dial they are shown, and when no longer."""

from __future__ import annotations

import pytest
from sqlalchemy import text

from app.base.operation import operation
from app.messaging.reports import store_report
from app.runtime import Runtime
from app.sms.provider import Outcome, Report
from tests.journeys.other_parties import OtherParties
from tests.phone import TestPhone

FATIMA, HASSAN, KHADIJA = (f"+21260000000{n}" for n in (1, 2, 3))
AGENT, UNKNOWN = "+212600000091", "+212600000099"
LOST = "pas arrivé"
pytestmark = pytest.mark.usefixtures("sample_people")


class LostReceiptFixture:
    """A phone that pays, and a network that loses its receipts."""

    def __init__(self, phone: TestPhone, runtime: Runtime) -> None:
        self.phone, self.runtime, self.others = phone, runtime, OtherParties(runtime)

    def pay(self, number: str, chain: str = "2*1") -> None:
        self.phone.dial(number, f"{chain}*00")
        self.others.collect_cash()

    def report(self, outcome: Outcome) -> None:
        """Reports on every receipt on its way; a lost one is sent again by the other provider."""
        self.others.run(
            "UPDATE message SET state = 'sent', sent_at = created_at, provider = 'twilio',"
            " provider_reference = 'SM' || id WHERE kind = 'receipt' AND state = 'queued'"
        )
        sent = "SELECT provider_reference FROM message WHERE state = 'sent' AND kind = 'receipt'"
        for (reference,) in self.others.run(sent):
            with operation(self.runtime.database, self.runtime.clock(), "worker") as change:
                report = Report(str(reference), outcome, outcome)
                store_report(change, "twilio", report, ("twilio", "africastalking"))


@pytest.fixture
def line(phone: TestPhone, runtime: Runtime) -> LostReceiptFixture:
    return LostReceiptFixture(phone, runtime)


def test_receipt_is_not_shown_when_its_message_arrived(line: LostReceiptFixture) -> None:
    line.pay(FATIMA)
    assert LOST not in line.phone.dial(FATIMA)
    line.report("on_the_way")
    assert LOST not in line.phone.dial(FATIMA)
    line.report("delivered")
    assert LOST not in line.phone.dial(FATIMA)


def test_lost_receipt_is_shown_until_the_caller_goes_on(line: LostReceiptFixture) -> None:
    line.pay(FATIMA)
    line.report("failed")
    for _ in range(3):
        assert LOST in line.phone.dial(FATIMA), "the line broke: nobody may have seen it"
    assert "Mon AMO" in line.phone.answer("1")
    assert "Mon AMO" in line.phone.dial(FATIMA)


def test_lost_receipt_is_not_shown_once_the_second_message_arrived(
    line: LostReceiptFixture,
) -> None:
    line.pay(FATIMA)
    line.report("failed")
    assert LOST in line.phone.dial(FATIMA)
    line.report("delivered")
    assert LOST not in line.phone.dial(FATIMA)


def test_lost_receipt_with_both_messages_lost_is_shown_once(line: LostReceiptFixture) -> None:
    line.pay(FATIMA)
    line.report("failed")
    line.report("failed")
    assert LOST in line.phone.dial(FATIMA)
    assert "Mon AMO" in line.phone.answer("1")


def test_several_lost_receipts_are_shown_one_after_the_other(line: LostReceiptFixture) -> None:
    for _ in range(2):
        line.pay(HASSAN, "2*2*1")
    line.report("failed")
    newest = line.phone.dial(HASSAN)
    older = line.phone.answer("1")
    assert LOST in newest and LOST in older and newest != older
    assert "Mon AMO" in line.phone.answer("1")


def test_lost_receipt_on_a_phone_of_several_is_shown_before_the_choice(
    line: LostReceiptFixture,
) -> None:
    line.phone.dial(KHADIJA, "5*5*4*2*100002*01011982")
    line.phone.answer("00")
    line.phone.answer("2")
    line.phone.answer("1")
    line.phone.answer("00")
    line.others.collect_cash()
    line.report("failed")
    assert LOST in line.phone.dial(KHADIJA)
    assert "Pour qui?" in line.phone.answer("1")


def test_lost_receipt_of_a_reversed_deposit_is_not_shown(line: LostReceiptFixture) -> None:
    line.pay(FATIMA)
    line.report("failed")
    with line.runtime.owners_database.begin() as connection:
        # Without the reversal's own rows: only what the reading of callers looks at.
        connection.execute(text("SET LOCAL session_replication_role = replica"))
        connection.execute(text("UPDATE payment_code SET state = 'reversed'"))
    assert LOST not in line.phone.dial(FATIMA)


@pytest.mark.parametrize("number", [AGENT, UNKNOWN])
def test_lost_receipt_is_not_shown_to_agents_and_strangers(
    line: LostReceiptFixture, number: str
) -> None:
    line.pay(FATIMA)
    line.others.run("UPDATE message SET phone = :number WHERE kind = 'receipt'", number=number)
    line.report("failed")
    assert LOST not in line.phone.dial(number)


def test_lost_receipt_is_not_shown_before_a_dialled_chain(line: LostReceiptFixture) -> None:
    line.pay(HASSAN, "2*2*1")
    line.report("failed")
    assert "Code " in line.phone.dial(HASSAN, "2*1")
    line.phone.answer("00")
    assert LOST in line.phone.dial(HASSAN)
