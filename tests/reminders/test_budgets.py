"""Budgets: none is ever passed; receipts and codes have none."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from decimal import Decimal

import pytest
from flask import Flask
from sqlalchemy.exc import IntegrityError

from app.base.errors import InvalidInput
from app.base.operation import operation
from app.reminders.errors import CampaignUnknown
from app.reminders.service import resume_campaign
from tests.reminders.conftest import FATIMA, PRICE, Campaigns

WEEK = "reminder:2026-11:week"


def queued(reminding: Campaigns) -> int:
    return int(reminding.scalar("SELECT count(*) FROM message WHERE priority = 1"))


def resume(reminding: Campaigns, budget: Decimal | None, name: str = WEEK) -> None:
    with operation(reminding.runtime.database, reminding.runtime.clock(), "operator") as change:
        resume_campaign(change, name, budget)


def one_segment_people(reminding: Campaigns, count: int) -> None:
    """Keeps `count` people who read French, one segment each, and nobody else."""
    reminding.add_artisans(count)
    reminding.run("UPDATE artisan SET category = 'B' WHERE trade IS DISTINCT FROM 'X'")


@pytest.mark.parametrize(
    ("budget", "messages"), [("3.45", 3), ("3.4499", 2), ("3.46", 3), ("0", 0)]
)
def test_dispatch_spends_a_campaign_s_budget_exactly_and_pauses_it(
    reminding: Campaigns, budget: str, messages: int
) -> None:
    one_segment_people(reminding, 6)
    reminding.queue(campaign_budget=Decimal(budget))
    assert reminding.dispatch() == messages == queued(reminding)
    assert reminding.scalar("SELECT spent FROM campaign WHERE step = 'week'") == messages * PRICE
    assert reminding.scalar("SELECT state FROM campaign WHERE step = 'week'") == "paused"
    assert reminding.dispatch() == 0
    # A recipient without a message still waits, without a code.
    assert reminding.scalar("SELECT count(*) FROM payment_code") == messages
    resume(reminding, None)
    assert reminding.dispatch() == 6 - messages


@pytest.mark.parametrize(("budget", "messages"), [("3.45", 3), ("3.4499", 2)])
def test_dispatch_spends_the_day_s_budget_exactly_until_the_next_day(
    reminding: Campaigns, budget: str, messages: int
) -> None:
    one_segment_people(reminding, 6)
    reminding.queue()
    dispatcher = reminding.dispatcher(day_budget=Decimal(budget))
    assert dispatcher.dispatch(100) == messages == queued(reminding)
    assert reminding.scalar("SELECT reached_at IS NOT NULL FROM spending_day")
    assert reminding.scalar("SELECT state FROM campaign WHERE step = 'week'") == "running"
    assert dispatcher.dispatch(100) == 0
    # The next day has a budget of its own.
    reminding.at("2026-11-24T09:00")
    assert dispatcher.dispatch(100) == messages
    assert reminding.scalar("SELECT count(*) FROM spending_day") == 2


def test_dispatch_goes_on_at_once_with_a_greater_day_s_budget(reminding: Campaigns) -> None:
    """A new setting is a new process."""
    one_segment_people(reminding, 6)
    reminding.queue()
    assert reminding.dispatch(day_budget=2 * PRICE) == 2
    assert reminding.dispatch(day_budget=2 * PRICE) == 0
    assert reminding.dispatch(day_budget=4 * PRICE) == 2
    assert reminding.scalar("SELECT spent FROM spending_day") == 4 * PRICE
    # Less than what was spent is no reason to fail.
    assert reminding.dispatch(day_budget=PRICE) == 0
    assert reminding.dispatch(day_budget=None) == 2
    assert reminding.scalar("SELECT reached_at IS NULL FROM spending_day")


def test_dispatch_counts_every_segment_of_a_message(reminding: Campaigns) -> None:
    reminding.run("UPDATE artisan SET category = 'B' WHERE language <> 'ar'")
    reminding.queue(campaign_budget=2 * PRICE - Decimal("0.0001"))
    assert reminding.dispatch() == 0
    assert reminding.scalar("SELECT spent FROM campaign WHERE step = 'week'") == 0


def test_dispatch_by_workers_at_once_does_not_pass_a_budget(reminding: Campaigns) -> None:
    one_segment_people(reminding, 60)
    reminding.queue(campaign_budget=20 * PRICE)
    with ThreadPoolExecutor(4) as pool:
        done = list(pool.map(lambda _: reminding.dispatch(day_budget=17 * PRICE), range(4)))
    assert sum(done) == 17 == queued(reminding)
    assert reminding.scalar("SELECT spent FROM campaign WHERE step = 'week'") == 17 * PRICE


def test_database_refuses_to_pass_a_budget(reminding: Campaigns) -> None:
    one_segment_people(reminding, 3)
    reminding.queue(campaign_budget=3 * PRICE)
    reminding.dispatch(day_budget=3 * PRICE)
    for table in ("campaign", "spending_day"):
        with pytest.raises(IntegrityError, match=f"ck_{table}_budget"):
            reminding.run(f"UPDATE {table} SET spent = spent + 0.0001 WHERE budget IS NOT NULL")
        with pytest.raises(IntegrityError, match=f"ck_{table}_budget"):
            reminding.run(f"UPDATE {table} SET budget = 'NaN' WHERE budget IS NOT NULL")


def test_receipts_and_codes_go_out_with_no_budget_left(reminding: Campaigns) -> None:
    reminding.queue(campaign_budget=Decimal(0))
    reminding.dispatch(day_budget=Decimal(0))
    reminding.issue_all(FATIMA)
    reminding.collect_cash()
    kinds = "SELECT count(*) FROM message WHERE kind IN ('code', 'receipt') AND phone = :p"
    assert reminding.scalar(kinds, p=FATIMA) == 2
    assert queued(reminding) == 0


def test_resume_refuses_a_budget_below_what_was_spent(reminding: Campaigns) -> None:
    one_segment_people(reminding, 3)
    reminding.queue(campaign_budget=2 * PRICE)
    reminding.dispatch()
    with pytest.raises(InvalidInput, match="dirhams are spent"):
        resume(reminding, PRICE)


def test_resume_refuses_a_campaign_that_is_not_paused(reminding: Campaigns) -> None:
    reminding.queue()
    for name in (WEEK, "reminder:2020-01:week"):
        with pytest.raises(CampaignUnknown):
            resume(reminding, None, name)


def test_metrics_and_status_show_a_reached_budget(app: Flask, reminding: Campaigns) -> None:
    reminding.queue(campaign_budget=PRICE)
    reminding.dispatch(day_budget=5 * PRICE)
    client = app.test_client()
    figures = client.get("/metrics").text
    assert 'maalem_sms_budgets_reached{scope="campaign"} 1.0' in figures
    assert 'maalem_sms_budgets_reached{scope="day"} 0.0' in figures
    assert "maalem_sms_day_spent_dirhams 1.15" in figures
    output = app.test_cli_runner().invoke(args=["reminders", "status"]).output
    assert f"{WEEK} is stopped by its budget: flask reminders resume {WEEK}" in output
    resumed = app.test_cli_runner().invoke(args=["reminders", "resume", WEEK])
    assert resumed.exit_code == 0
    reminding.dispatch(day_budget=PRICE)
    assert 'maalem_sms_budgets_reached{scope="day"} 1.0' in client.get("/metrics").text
    assert "today's budget is reached" in (
        app.test_cli_runner().invoke(args=["reminders", "status"]).output
    )
