"""Queueing: each recipient of a reminder is stored once, and nobody else is."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import date

import pytest

from app.reminders.service import CampaignPlan
from tests.reminders.conftest import DRISS, FATIMA, HASSAN, KHADIJA, OWING, Campaigns


def counts(planned: tuple[CampaignPlan, ...]) -> dict[str, int]:
    return {plan.occasion.name: plan.queued for plan in planned}


def test_queue_reminders_writes_down_each_who_owes_once(reminding: Campaigns) -> None:
    assert counts(reminding.queue()) == {"reminder:2026-11:week": 5, "reminder:2026-11:rights": 0}
    assert reminding.states() == dict.fromkeys(sorted(OWING), ("waiting", None))
    assert sum(counts(reminding.queue()).values()) == 0
    assert len(reminding.states()) == 5


def test_plan_reminders_equals_queue_reminders_and_changes_nothing(reminding: Campaigns) -> None:
    planned = reminding.plan(holdout_per_mille=500)
    for table in ("campaign", "campaign_recipient", "spending_day", "payment_code"):
        assert reminding.scalar(f"SELECT count(*) FROM {table}") == 0
    assert reminding.queue(holdout_per_mille=500) == planned
    assert sum(counts(reminding.plan(holdout_per_mille=500)).values()) == 0


@pytest.mark.parametrize(
    "change",
    [
        "UPDATE artisan SET category = 'B' WHERE phone = :phone",
        "UPDATE artisan SET category = 'D' WHERE phone = :phone",
        "UPDATE artisan SET enrolled_on = NULL WHERE phone = :phone",
        "UPDATE artisan SET enrolled_on = '2026-12-01' WHERE phone = :phone",
        "UPDATE artisan SET phone = NULL WHERE phone = :phone",
        # Paid through November, says CNSS.
        "UPDATE artisan SET rights_until = '2027-02-28' WHERE phone = :phone",
        "INSERT INTO phone_preference (phone, reminders, changed_at) VALUES (:phone, false, now())",
    ],
)
def test_queue_reminders_skips_who_owes_nothing_here_or_wants_none(
    reminding: Campaigns, change: str
) -> None:
    reminding.run(change, phone=FATIMA)
    assert counts(reminding.queue())["reminder:2026-11:week"] == 4
    assert FATIMA not in reminding.states()


@pytest.mark.parametrize(
    "change",
    [
        "UPDATE artisan SET category = 'C', coefficient = 1 WHERE phone = :phone",
        "UPDATE artisan SET enrolled_on = '2026-11-30' WHERE phone = :phone",
        "UPDATE artisan SET rights_until = '2027-01-31' WHERE phone = :phone",
        "UPDATE artisan SET rights_until = NULL WHERE phone = :phone",
        "INSERT INTO phone_preference (phone, reminders, changed_at) VALUES (:phone, true, now())",
    ],
)
def test_queue_reminders_includes_who_owes_and_wants_them(
    reminding: Campaigns, change: str
) -> None:
    reminding.run(change, phone=FATIMA)
    reminding.queue()
    assert FATIMA in reminding.states()


def test_queue_reminders_skips_who_paid_here(reminding: Campaigns) -> None:
    reminding.run("DELETE FROM artisan_phone")
    reminding.issue_all(FATIMA)
    reminding.collect_cash()
    reminding.queue()
    assert sorted(reminding.states()) == sorted(set(OWING) - {FATIMA})


FIRST, LATER = "+212611111111", "+212622222222"


@pytest.mark.parametrize(
    ("change", "reminded"),
    [
        ("SELECT 1", FIRST),
        (
            "UPDATE artisan_phone SET way = 'code', proven_at = identified_at"
            " WHERE phone = '+212622222222'",
            LATER,
        ),
        ("UPDATE artisan_phone SET phone = '+212600000002' WHERE phone = '+212622222222'", HASSAN),
    ],
)
def test_queue_reminders_without_a_register_s_phone_uses_the_one_known_best(
    reminding: Campaigns, change: str, reminded: str
) -> None:
    """Proven, else the one whose code was paid, else the first: no later one draws them away."""
    reminding.issue_all(HASSAN, months=1)
    reminding.run("UPDATE artisan SET phone = NULL WHERE phone = :phone", phone=HASSAN)
    for phone, day in ((FIRST, "2026-01-01"), (LATER, "2026-06-01")):
        reminding.run(
            "INSERT INTO artisan_phone SELECT :phone, id, :day FROM artisan"
            " WHERE rna_number = '100002'",
            phone=phone,
            day=day,
        )
    reminding.run(change)
    reminding.collect_cash()
    reminding.queue()
    assert {FIRST, LATER, HASSAN} & set(reminding.states()) == {reminded}


def test_queue_reminders_includes_a_missed_day_while_it_is_of_use(reminding: Campaigns) -> None:
    reminding.at("2026-11-27T18:00")
    assert reminding.plan(date(2026, 11, 28)) == ()
    assert counts(reminding.queue()) == {"reminder:2026-11:week": 5}


def test_queue_reminders_ignores_a_day_past_its_use(reminding: Campaigns) -> None:
    reminding.at("2026-11-27T19:00")
    assert reminding.queue() == ()
    assert reminding.queue(date(2026, 11, 23)) == ()
    reminding.at("2026-11-30T18:59")
    assert counts(reminding.queue()) == {"reminder:2026-11:due": 5}
    reminding.at("2026-11-30T19:00")
    assert reminding.queue() == ()


def test_queue_reminders_warns_of_rights_about_to_close(reminding: Campaigns) -> None:
    """Until the end of November, and only theirs: paid through August."""
    reminding.at("2026-11-16T10:00")
    reminding.run("UPDATE artisan SET rights_until = '2026-11-30' WHERE phone = :p", p=HASSAN)
    assert counts(reminding.queue()) == {"reminder:2026-11:rights": 1}
    assert list(reminding.states()) == [HASSAN]


def test_queue_reminders_moves_the_end_of_rights_by_a_month_paid_here(reminding: Campaigns) -> None:
    """CNSS's word is until October, but August was paid here: November's end, then."""
    reminding.at("2026-11-10T10:00")
    reminding.issue_all(HASSAN, months=1)
    reminding.collect_cash()
    assert reminding.scalar("SELECT max(period)::text FROM contribution_allocation") == "2026-08-01"
    reminding.at("2026-11-16T10:00")
    assert counts(reminding.queue()) == {"reminder:2026-11:rights": 1}


def test_queue_reminders_at_once_doubles_nothing(reminding: Campaigns) -> None:
    reminding.add_artisans(300)
    with ThreadPoolExecutor(4) as pool:
        done = list(pool.map(lambda _: counts(reminding.queue()), range(4)))
    assert sorted(counts["reminder:2026-11:week"] for counts in done) == [0, 0, 0, 305]
    assert reminding.scalar("SELECT count(*) FROM campaign_recipient") == 305
    assert reminding.scalar("SELECT count(*) FROM campaign") == 2


def test_queue_reminders_at_once_on_a_known_campaign_doubles_nothing(reminding: Campaigns) -> None:
    """The campaign's row is not locked; the primary key alone keeps recipients unique."""
    reminding.queue()
    reminding.add_artisans(300)
    with ThreadPoolExecutor(4) as pool:
        done = list(pool.map(lambda _: counts(reminding.queue()), range(4)))
    assert sum(counts["reminder:2026-11:week"] for counts in done) == 300
    assert reminding.scalar("SELECT count(*) FROM campaign_recipient") == 305


def test_database_refuses_a_second_reminder(reminding: Campaigns) -> None:
    reminding.queue()
    with pytest.raises(Exception, match="pk_campaign_recipient"):
        reminding.run(
            "INSERT INTO campaign_recipient SELECT * FROM campaign_recipient WHERE phone = :p",
            p=DRISS,
        )


def held_out(reminding: Campaigns, per_mille: int) -> set[str]:
    """Who would be held out of it; nothing stays."""
    reminding.queue(holdout_per_mille=per_mille)
    rows = reminding.run("SELECT phone FROM campaign_recipient WHERE state = 'held_out'")
    reminding.run("DELETE FROM campaign_recipient")
    return {str(phone) for (phone,) in rows}


def test_holdout_keeps_the_same_people_and_grows_by_share(
    reminding: Campaigns,
) -> None:
    reminding.add_artisans(3000)
    some = held_out(reminding, 50)
    assert held_out(reminding, 50) == some
    assert some < held_out(reminding, 200)
    assert held_out(reminding, 0) == set()
    # Binomial, 3005 people, 5%: 150 with a deviation of 12.
    assert 100 < len(some) < 200
    # In December as well, when Khadija owes too.
    reminding.at("2026-12-24T10:00")
    assert held_out(reminding, 50) - {KHADIJA} == some


def test_holdout_with_another_salt_chooses_others(reminding: Campaigns) -> None:
    reminding.add_artisans(500)
    ours = held_out(reminding, 300)
    reminding.settings = replace(reminding.settings, holdout_salt="another")
    assert held_out(reminding, 300) != ours
