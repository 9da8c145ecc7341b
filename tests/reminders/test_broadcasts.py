"""Broadcasts: two people, the approved words, and the hours and budgets of reminders."""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

import pytest
import yaml
from flask import Flask
from sqlalchemy.exc import IntegrityError

from app.settings import ROOT
from tests.people_of_office import run_command
from tests.reminders.conftest import AICHA, DRISS, FATIMA, HASSAN, Campaigns

SAMPLE = yaml.safe_load((ROOT / "app/notices/sample_notice.yaml").read_bytes())
Run = Callable[..., str]


@pytest.fixture
def run(app: Flask, reminding: Campaigns) -> Run:
    """`flask notices ...`; its output, whatever its end."""

    def run(*words: str) -> str:
        return run_command(app, "notices", *words).output

    return run


def publish(run: Run, folder: Path, **fields: object) -> None:
    file = folder / "notice.yaml"
    file.write_text(yaml.safe_dump(SAMPLE | {"name": "avis"} | fields, allow_unicode=True))
    assert "is published" in run("publish", str(file))


def propose(run: Run, *audience: str) -> str:
    """The number to approve."""
    output = run("broadcast", "avis", *(audience or ("--all",)), "--by", "amina")
    match = re.search(r"flask notices approve (\d+)", output)
    assert match, output
    return match[1]


def test_broadcast_goes_to_all_once_a_second_person_approves_it(
    run: Run, reminding: Campaigns, tmp_path: Path
) -> None:
    publish(run, tmp_path)
    output = run("broadcast", "avis", "--all", "--by", "amina")
    # Eight people, two of them in two segments; the log provider costs nothing.
    assert "8 people, 10 segments, at most 0.00 MAD" in output
    assert "notice:avis:1 waits for a second person" in output
    assert reminding.dispatch() == 0 and reminding.states() == {}
    number = re.findall(r"approve (\d+)", output)[0]
    for same in ("amina", " AMINA "):
        assert "Who proposed it cannot approve it, " in run("approve", number, "--by", same)
    assert "8 people to be told from 23/11 10:00" in run("approve", number, "--by", "hamid")
    assert "campaign_unknown" in run("approve", number, "--by", "hamid")
    assert reminding.dispatch() == 8
    assert reminding.bodies(FATIMA) == [
        "Maalem *384#: Montant 2026\nCatégorie A: 163,52 DH par mois en 2026.\n"
        "Payez avant la fin de chaque mois.\nArret: STOP"
    ]
    assert reminding.bodies(AICHA)[0].startswith("معلم: مبلغ سنة 2026\n")
    assert reminding.scalar("SELECT sum(spent) FROM campaign") == 10 * reminding.settings.price_on(
        reminding.runtime.clock().date()
    )


def test_database_refuses_a_broadcast_by_one_person(
    run: Run, reminding: Campaigns, tmp_path: Path
) -> None:
    publish(run, tmp_path)
    propose(run)
    with pytest.raises(IntegrityError, match="ck_campaign_two_people"):
        reminding.run("UPDATE campaign SET state = 'running', approved_by = proposed_by")
    with pytest.raises(IntegrityError, match="ck_campaign_approved"):
        reminding.run("UPDATE campaign SET state = 'running'")
    with pytest.raises(IntegrityError, match="ck_campaign_notice"):
        reminding.run("UPDATE campaign SET proposed_by = NULL")


@pytest.mark.parametrize(
    ("audience", "phones"),
    [
        (("--region", "Fès-Meknès"), {HASSAN, "+212600000003"}),
        (("--trade", "Tapis"), {FATIMA}),
        (("--region", "Fès-Meknès", "--trade", "Dinanderie"), {HASSAN}),
    ],
)
def test_broadcast_goes_to_a_region_a_trade_or_both(
    run: Run, reminding: Campaigns, tmp_path: Path, audience: tuple[str, ...], phones: set[str]
) -> None:
    publish(run, tmp_path)
    run("approve", propose(run, *audience), "--by", "hamid")
    assert set(reminding.states()) == phones


@pytest.mark.parametrize(
    ("audience", "why"),
    [
        ((), "either --all, or --region or --trade"),
        (("--all", "--trade", "Tapis"), "either --all, or --region or --trade"),
        (("--region", "Nowhere"), "nobody_to_tell: region=Nowhere"),
    ],
)
def test_broadcast_refuses_no_audience_and_two_at_once(
    run: Run, tmp_path: Path, audience: tuple[str, ...], why: str
) -> None:
    publish(run, tmp_path)
    assert why in run("broadcast", "avis", *audience, "--by", "amina")


@pytest.mark.parametrize(
    ("language", "line", "why"),
    [
        ("ar", "ش" * 40, "text_too_long: language=ar, segments=3, most=2"),
        ("zgh", "ⵣ" * 40, "text_too_long: language=zgh, segments=3, most=2"),
        # Letters that count two.
        ("fr", "{" * 40, "text_too_long: language=fr, segments=2, most=1"),
        ("ary-Latn", "€" * 40, "text_too_long: language=ary-Latn, segments=2, most=1"),
    ],
)
def test_broadcast_refuses_a_text_too_long_and_names_its_language(
    run: Run, reminding: Campaigns, tmp_path: Path, language: str, line: str, why: str
) -> None:
    publish(run, tmp_path, **{language: {"title": "x" * 24, "text": [line] * 3}})
    assert why in run("broadcast", "avis", "--all", "--by", "amina")
    assert reminding.scalar("SELECT count(*) FROM campaign") == 0


def test_broadcast_skips_phones_that_opted_out_before_or_meanwhile(
    run: Run, reminding: Campaigns, tmp_path: Path
) -> None:
    stop = "INSERT INTO phone_preference (phone, reminders, changed_at) VALUES (:p, false, now())"
    publish(run, tmp_path)
    reminding.run(stop, p=FATIMA)
    run("approve", propose(run), "--by", "hamid")
    reminding.run(stop, p=DRISS)
    reminding.dispatch()
    assert FATIMA not in reminding.states()
    assert reminding.states()[DRISS] == ("cancelled", "stopped")
    assert reminding.bodies(FATIMA) == reminding.bodies(DRISS) == []


def test_broadcast_sends_one_message_to_a_phone_of_several_people(
    run: Run, reminding: Campaigns, tmp_path: Path
) -> None:
    reminding.run("UPDATE artisan SET phone = :p WHERE phone = :q", p=FATIMA, q=HASSAN)
    publish(run, tmp_path)
    run("approve", propose(run), "--by", "hamid")
    reminding.dispatch()
    assert len(reminding.bodies(FATIMA)) == 1 and len(reminding.states()) == 7


def test_broadcast_keeps_to_the_hours_and_the_notice_s_last_day(
    run: Run, reminding: Campaigns, tmp_path: Path
) -> None:
    publish(run, tmp_path, until=datetime(2026, 11, 29, tzinfo=UTC).date())
    number = propose(run)
    reminding.at("2026-11-21T20:00")
    assert "told from 23/11 09:00" in run("approve", number, "--by", "hamid")
    # Its last day is a Sunday: of use until Saturday evening.
    until = reminding.scalar("SELECT useful_until FROM campaign")
    assert until == datetime(2026, 11, 28, 19, 0, tzinfo=UTC)
    reminding.at("2026-11-28T19:00")
    assert "notice_unknown" in run("broadcast", "avis", "--all", "--by", "amina")


def test_approve_refuses_words_changed_since_they_were_proposed(
    run: Run, reminding: Campaigns, tmp_path: Path
) -> None:
    publish(run, tmp_path)
    number = propose(run)
    publish(run, tmp_path, fr={"title": "Autre", "text": "Autre chose."})
    assert "notice_changed" in run("approve", number, "--by", "hamid")
    assert reminding.states() == {}


@pytest.mark.parametrize("ended", [("cancel", "notice:avis:1"), ("withdraw", "avis")])
def test_cancel_or_withdraw_takes_back_queued_messages(
    run: Run, reminding: Campaigns, tmp_path: Path, ended: tuple[str, str]
) -> None:
    publish(run, tmp_path)
    run("approve", propose(run), "--by", "hamid")
    assert reminding.dispatch(3) == 3
    assert "is " in run(*ended)
    reminding.dispatch()
    messages = [int(row[0]) for row in reminding.run("SELECT id FROM message WHERE priority = 1")]  # type: ignore[call-overload]
    assert len(messages) == 3
    assert sorted(reminding.cancel_settled(messages)) == sorted(messages)
    assert set(reminding.states().values()) == {("cancelled", "campaign_cancelled")}
    assert reminding.scalar("SELECT sum(spent) FROM campaign") == 0


def test_cancel_ends_a_proposal_and_the_next_has_another_name(
    run: Run, tmp_path: Path, reminding: Campaigns
) -> None:
    publish(run, tmp_path)
    number = propose(run)
    assert "notice:avis:1 is cancelled, 0 who waited" in run("cancel", "notice:avis:1")
    assert "campaign_unknown" in run("cancel", "notice:avis:1")
    assert "campaign_unknown" in run("approve", number, "--by", "hamid")
    propose(run)
    assert reminding.scalar("SELECT name FROM campaign WHERE state = 'proposed'") == "notice:avis:2"


@pytest.mark.parametrize("budget", ["NaN", "-5", "Infinity", "1e30", "999999999999"])
def test_broadcast_refuses_a_budget_that_is_not_dirhams(
    run: Run, tmp_path: Path, budget: str
) -> None:
    """One that is no number would be none: every cost is less."""
    publish(run, tmp_path)
    output = run("broadcast", "avis", "--all", "--by", "amina", "--budget", budget)
    assert "Invalid value for '--budget'" in output


def test_approve_refuses_a_number_that_no_row_can_have(run: Run) -> None:
    assert "Invalid value for 'NUMBER'" in run("approve", "9" * 30, "--by", "amina")
