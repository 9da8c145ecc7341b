"""Strangers who know two papers (point 6): what they open, and whom their tries disturb."""

from __future__ import annotations

import pytest
from sqlalchemy import text

from app.runtime import Runtime
from tests.abuse.browsers import Handset
from tests.payments.conftest import PaymentFixture

HASSAN, RNA, BORN, NOT_BORN = "+212600000002", "100002", "01011982", "01011950"


def read(runtime: Runtime, sql: str) -> int:
    with runtime.database.connect() as connection:
        return int(connection.execute(text(sql)).scalar_one())


def test_two_papers_open_what_paying_needs_and_nothing_else(
    live_server: str, runtime: Runtime, payments: PaymentFixture
) -> None:
    """Receipts of others, reimbursements, family, record and household stay shut."""
    receipt = payments.redeem(payments.issue(HASSAN, 1).code)
    stranger = Handset(live_server, "+212611111111")
    assert "1 Mon AMO" in stranger.dial("1", RNA, BORN)
    assert "A payer: " in stranger.dial("2")
    owner = Handset(live_server, HASSAN)
    assert receipt in owner.dial("3", "1", "1") + owner.dial("3", "2", "1")
    for path in (("3",), ("3", "1"), ("3", "2"), ("3", "2", "1"), ("4",), ("1", "1")):
        assert receipt not in stranger.dial(*path), path
    for path in (("5", "5", "4"), ("5", "5", "5"), ("1", "1"), ("4",)):
        assert stranger.dial(*path) != owner.dial(*path), path
    assert RNA not in stranger.dial("5", "5", "5")


@pytest.mark.usefixtures("payments")
def test_wrong_dates_from_many_phones_slow_strangers_and_not_the_owner(
    live_server: str, runtime: Runtime
) -> None:
    for number in range(12):
        Handset(live_server, f"+2126222222{number:02d}").dial("1", RNA, NOT_BORN)
    # The right date comes too late for a phone that is not tied.
    late = Handset(live_server, "+212622222299").dial("1", RNA, BORN)
    assert "1 Mon AMO" not in late
    assert "A payer: " in Handset(live_server, HASSAN).dial("2")
    assert read(runtime, "SELECT count(*) FROM message WHERE kind = 'dates_tried'") == 1
