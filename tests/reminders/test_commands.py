"""`flask reminders`: its JSON and tables, and the comparison with the holdout."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest
from flask import Flask

from app.base.clock import local_midnight
from app.base.months import Month
from app.reminders.queries import Comparison, compare_with_holdout
from app.reminders.rules import Share, difference
from app.text.encoding import segments
from app.text.languages import LANGUAGES
from tests.reminders.conftest import AICHA, FATIMA, Campaigns

RunJson = Callable[..., dict[str, Any]]
FIGURES = {"queued", "held_out", "segments_at_most", "cost_at_most"}


@pytest.fixture
def run_json(app: Flask, reminding: Campaigns) -> RunJson:
    """Runs `flask reminders` with `--json` and returns what it prints."""

    def run_json(*words: str) -> dict[str, Any]:
        done = app.test_cli_runner().invoke(args=["reminders", *words, "--json"])
        assert done.exit_code == 0, done.output
        report: dict[str, Any] = json.loads(done.output)
        return report

    return run_json


def test_send_reports_what_it_queued_and_a_dry_run_the_same(
    run_json: RunJson, reminding: Campaigns
) -> None:
    planned = run_json("send", "--dry-run")
    assert reminding.states() == {}
    sent = run_json("send")
    counted = planned["queued"], planned["segments_at_most"], planned["held_out"]
    assert counted == (sent["queued"], sent["segments_at_most"], sent["held_out"])
    assert planned["cost_at_most"] == "8.05", (
        "at the dearest provider's price, as log costs nothing"
    )
    assert set(sent) == {"day", "dry_run", "campaigns", "groups"} | FIGURES
    assert (sent["day"], sent["queued"], sent["held_out"]) == ("2026-11-23", 5, 0)
    # Three in one segment, two in two.
    assert (sent["segments_at_most"], sent["cost_at_most"]) == (7, "0.00")
    assert {tuple(sorted(group)) for group in sent["groups"]} == {
        tuple(sorted(FIGURES | {"language", "region"}))
    }
    week = sent["campaigns"][0]
    assert week["campaign"] == "reminder:2026-11:week"
    assert week["opens_at"] == "2026-11-23T09:00:00+00:00"
    assert week["useful_until"] == "2026-11-27T19:00:00+00:00"
    again = run_json("send")
    assert (again["queued"], again["groups"]) == (0, [])


def test_send_reports_the_most_segments_there_can_be(
    run_json: RunJson, reminding: Campaigns
) -> None:
    """The plan counts the segments that `menus check` allows, and no message takes more."""
    samples = reminding.runtime.samples
    for language, entry in LANGUAGES.items():
        for step in ("week", "due", "rights"):
            key = f"sms.reminder_{step}"
            words = reminding.runtime.words
            text = words.say(language, key, samples.worst(words, language, key))
            assert segments(text) <= entry.most_segments, (language, key)
    planned = run_json("send")["segments_at_most"]
    reminding.dispatch()
    sql = "SELECT sum(segments) FROM message WHERE priority = 1"
    assert reminding.scalar(sql) <= planned


def test_send_queues_for_another_day(run_json: RunJson) -> None:
    assert run_json("send", "--on", "2026-11-22")["queued"] == 0
    due = run_json("send", "--on", "2026-11-30")
    assert [campaign["campaign"] for campaign in due["campaigns"]] == ["reminder:2026-11:due"]
    assert due["queued"] == 5


def test_send_prints_a_summary_without_phones(app: Flask, reminding: Campaigns) -> None:
    output = app.test_cli_runner().invoke(args=["reminders", "send"]).output
    assert output.startswith("5 queued, 0 held out; at most 7 segments, 0.00 MAD (log at 0.00")
    assert "Fès-Meknès" in output
    assert FATIMA not in output and AICHA not in output


def test_status_counts_people_by_state(run_json: RunJson, reminding: Campaigns) -> None:
    run_json("send")
    reminding.dispatch(2)
    status = run_json("status")
    assert status["opens_at"] == "2026-11-23T10:00:00+00:00"
    assert status["today"]["budget"] is None and status["today"]["budget_reached"] is False
    week = next(
        campaign for campaign in status["campaigns"] if campaign["campaign"].endswith("week")
    )
    assert (week["state"], week["people"]) == ("running", {"queued": 2, "waiting": 3})


def test_cancel_ends_a_campaign_for_good(
    app: Flask, run_json: RunJson, reminding: Campaigns
) -> None:
    run_json("send")
    done = app.test_cli_runner().invoke(args=["reminders", "cancel", "reminder:2026-11:week"])
    assert "5 who waited are not told" in done.output
    assert reminding.dispatch() == 0
    # It is not begun anew.
    reminding.add_artisans(3)
    assert run_json("send")["queued"] == 0


def compared(reminding: Campaigns, fewest: int = 1) -> Comparison:
    with reminding.runtime.database.begin() as connection:
        now = reminding.runtime.clock()
        comparisons = compare_with_holdout(connection, Month(2026, 11), fewest, now)
    return next(comparison for comparison in comparisons if comparison.step == "week")


def test_compare_with_holdout_counts_by_intention(reminding: Campaigns) -> None:
    """A person chosen for a reminder counts as reminded, even if it was never sent."""
    phones = reminding.add_artisans(60)
    reminding.queue(holdout_per_mille=300)
    states = {phone: state for phone, (state, _) in reminding.states().items()}
    out = [phone for phone in phones if states[phone] == "held_out"]
    others = [phone for phone in phones if states[phone] == "waiting"]
    paying = [*others[:12], *out[:3]]
    for phone in paying[:-1]:
        reminding.issue_all(phone)
    reminding.collect_cash()
    everybody = list(states.values())
    reminded, held_out = everybody.count("waiting"), everybody.count("held_out")
    comparison = compared(reminding)
    assert comparison.reminded == Share(reminded, 12) and comparison.held_out == Share(held_out, 2)
    assert comparison.difference == difference(comparison.reminded, comparison.held_out)
    assert not comparison.over
    # A message that was sent changes nothing in the comparison.
    reminding.dispatch(20)
    assert compared(reminding).reminded == Share(reminded, 12)
    # A payment after the deadline is not in time.
    reminding.at("2026-12-01T09:00")
    reminding.issue_all(paying[-1])
    reminding.collect_cash()
    comparison = compared(reminding)
    assert (comparison.held_out.paid, comparison.over) == (2, True)
    assert reminding.runtime.clock() > local_midnight(comparison.deadline)


def test_compare_with_holdout_counts_the_deadline_s_last_minute(reminding: Campaigns) -> None:
    reminding.queue()
    reminding.at("2026-11-30T23:59:59")
    reminding.issue_all(FATIMA)
    reminding.collect_cash()
    assert compared(reminding).reminded == Share(5, 1)


def test_report_compares_nothing_with_too_few_people(
    run_json: RunJson, app: Flask, reminding: Campaigns
) -> None:
    run_json("send")
    ((week,), other) = (
        [
            campaign
            for campaign in run_json("report", "--month", "2026-11")["campaigns"]
            if campaign["step"] == "week"
        ],
        run_json("report", "--month", "2026-10")["campaigns"],
    )
    assert other == []
    assert week["too_few"] and week["difference"] is None and week["low"] is None
    assert week["reminded"] == {"people": 5, "paid_in_time": 0, "share": 0.0}
    output = app.test_cli_runner().invoke(args=["reminders", "report"]).output
    assert "too few" in output
    assert not compared(reminding, fewest=6).enough
