"""No budget is passed, by nobody; receipts know of none."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from decimal import Decimal

import pytest
from flask import Flask
from sqlalchemy.exc import IntegrityError

from app.base.database import transaction
from app.base.errors import InvalidInput
from app.reminders.errors import CampaignUnknown
from app.reminders.service import resume_campaign
from tests.reminders.conftest import FATIMA, PRICE, Reminding

WEEK = "reminder:2026-11:week"


def queued(reminding: Reminding) -> int:
    return int(reminding.one("SELECT count(*) FROM message WHERE priority = 1"))


def resume(reminding: Reminding, budget: Decimal | None, name: str = WEEK) -> None:
    with transaction(reminding.runtime.database) as connection:
        resume_campaign(connection, name, budget)


def one_segment_people(reminding: Reminding, count: int) -> None:
    """So many who hear French, one segment each, and nobody else."""
    reminding.clones(count)
    reminding.run("UPDATE artisan SET category = 'B' WHERE trade IS DISTINCT FROM 'X'")


@pytest.mark.parametrize(("budget", "told"), [("3.45", 3), ("3.4499", 2), ("3.46", 3), ("0", 0)])
def test_up_to_a_campaign_s_budget_exactly(reminding: Reminding, budget: str, told: int) -> None:
    one_segment_people(reminding, 6)
    reminding.queue(campaign_budget=Decimal(budget))
    assert reminding.prepare() == told == queued(reminding)
    assert reminding.one("SELECT spent FROM campaign WHERE step = 'week'") == told * PRICE
    assert reminding.one("SELECT state FROM campaign WHERE step = 'week'") == "paused"
    assert reminding.prepare() == 0
    # Who was not told still waits, without a code.
    assert reminding.one("SELECT count(*) FROM payment_code") == told
    resume(reminding, None)
    assert reminding.prepare() == 6 - told


@pytest.mark.parametrize(("budget", "told"), [("3.45", 3), ("3.4499", 2)])
def test_up_to_the_day_s_budget_exactly(reminding: Reminding, budget: str, told: int) -> None:
    one_segment_people(reminding, 6)
    reminding.queue()
    preparing = reminding.preparing(day_budget=Decimal(budget))
    assert preparing.prepare(100) == told == queued(reminding)
    assert reminding.one("SELECT reached_at IS NOT NULL FROM spending_day")
    assert reminding.one("SELECT state FROM campaign WHERE step = 'week'") == "running"
    assert preparing.prepare(100) == 0
    # The next day has a budget of its own.
    reminding.at("2026-11-24T09:00")
    assert preparing.prepare(100) == told
    assert reminding.one("SELECT count(*) FROM spending_day") == 2


def test_a_greater_budget_of_the_day_goes_on_at_once(reminding: Reminding) -> None:
    """A new setting is a new process."""
    one_segment_people(reminding, 6)
    reminding.queue()
    assert reminding.prepare(day_budget=2 * PRICE) == 2
    assert reminding.prepare(day_budget=2 * PRICE) == 0
    assert reminding.prepare(day_budget=4 * PRICE) == 2
    assert reminding.one("SELECT spent FROM spending_day") == 4 * PRICE
    # Less than what was spent is no reason to fail.
    assert reminding.prepare(day_budget=PRICE) == 0
    assert reminding.prepare(day_budget=None) == 2
    assert reminding.one("SELECT reached_at IS NULL FROM spending_day")


def test_two_segments_do_not_fit_where_one_would(reminding: Reminding) -> None:
    reminding.run("UPDATE artisan SET category = 'B' WHERE language <> 'ar'")
    reminding.queue(campaign_budget=2 * PRICE - Decimal("0.0001"))
    assert reminding.prepare() == 0
    assert reminding.one("SELECT spent FROM campaign WHERE step = 'week'") == 0


def test_workers_at_once_do_not_pass_it_together(reminding: Reminding) -> None:
    one_segment_people(reminding, 60)
    reminding.queue(campaign_budget=20 * PRICE)
    with ThreadPoolExecutor(4) as pool:
        done = list(pool.map(lambda _: reminding.prepare(day_budget=17 * PRICE), range(4)))
    assert sum(done) == 17 == queued(reminding)
    assert reminding.one("SELECT spent FROM campaign WHERE step = 'week'") == 17 * PRICE


def test_the_database_itself_refuses(reminding: Reminding) -> None:
    one_segment_people(reminding, 3)
    reminding.queue(campaign_budget=3 * PRICE)
    reminding.prepare(day_budget=3 * PRICE)
    for table in ("campaign", "spending_day"):
        with pytest.raises(IntegrityError, match=f"ck_{table}_budget"):
            reminding.run(f"UPDATE {table} SET spent = spent + 0.0001 WHERE budget IS NOT NULL")
        with pytest.raises(IntegrityError, match=f"ck_{table}_budget"):
            reminding.run(f"UPDATE {table} SET budget = 'NaN' WHERE budget IS NOT NULL")


def test_receipts_and_codes_know_of_no_budget(reminding: Reminding) -> None:
    reminding.queue(campaign_budget=Decimal(0))
    reminding.prepare(day_budget=Decimal(0))
    reminding.issue_all(FATIMA)
    reminding.pay()
    kinds = "SELECT count(*) FROM message WHERE kind IN ('code', 'receipt') AND phone = :p"
    assert reminding.one(kinds, p=FATIMA) == 2
    assert queued(reminding) == 0


def test_a_budget_is_not_less_than_what_was_spent(reminding: Reminding) -> None:
    one_segment_people(reminding, 3)
    reminding.queue(campaign_budget=2 * PRICE)
    reminding.prepare()
    with pytest.raises(InvalidInput, match="dirhams are spent"):
        resume(reminding, PRICE)


def test_only_a_paused_campaign_is_resumed(reminding: Reminding) -> None:
    reminding.queue()
    for name in (WEEK, "reminder:2020-01:week"):
        with pytest.raises(CampaignUnknown):
            resume(reminding, None, name)


def test_it_is_said_where_one_looks(app: Flask, reminding: Reminding) -> None:
    reminding.queue(campaign_budget=PRICE)
    reminding.prepare(day_budget=5 * PRICE)
    client = app.test_client()
    figures = client.get("/metrics").text
    assert 'maalem_sms_budgets_reached{scope="campaign"} 1.0' in figures
    assert 'maalem_sms_budgets_reached{scope="day"} 0.0' in figures
    assert "maalem_sms_day_spent_dirhams 1.15" in figures
    said = app.test_cli_runner().invoke(args=["reminders", "status"]).output
    assert f"{WEEK} is stopped by its budget: flask reminders resume {WEEK}" in said
    resumed = app.test_cli_runner().invoke(args=["reminders", "resume", WEEK])
    assert resumed.exit_code == 0
    reminding.prepare(day_budget=PRICE)
    assert 'maalem_sms_budgets_reached{scope="day"} 1.0' in client.get("/metrics").text
    assert "today's budget is reached" in (
        app.test_cli_runner().invoke(args=["reminders", "status"]).output
    )
