"""Dispatch: reminders become messages within the hours, for people who still owe."""

from __future__ import annotations

import re
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import UTC, date, datetime
from random import Random

import pytest
from sqlalchemy import text

from app.base.errors import Unavailable
from app.base.operation import operation
from app.payments.codes import issue_codes
from app.payments.queries import get_accounts
from app.text.encoding import segments
from benchmarks.statements import counted_statements
from tests.database import wait_for_a_lock
from tests.reminders.conftest import (
    AICHA,
    DRISS,
    FATIMA,
    HASSAN,
    OWING,
    PRICE,
    TLAYTMAS,
    Campaigns,
)

CODE = re.compile(r"\d{4} \d{4} \d{4}")


def code_in(text: str) -> str:
    match = CODE.search(text)
    assert match
    return match[0].replace(" ", "")


def test_dispatch_writes_in_each_person_s_language(reminding: Campaigns) -> None:
    reminding.queue()
    assert reminding.dispatch() == 5
    ((fatima,), (driss,), (aicha,), (tlaytmas,)) = (
        reminding.bodies(phone) for phone in (FATIMA, DRISS, AICHA, TLAYTMAS)
    )
    assert CODE.sub("CODE", fatima) == (
        "Maalem *384#: payez 163,52 DH d'ici le 30/11 pour garder l'AMO (famille)."
        " Code CODE (au 30/11 09:59), Wafacash Tabriquet. Arret: STOP"
    )
    assert "khelles 163,52 DH 9bel 30/11 bach yb9aw 7o9o9 l-3a2ila" in driss
    # Her rights are closed: paying opens them.
    assert "لفتح حقوق أسرتك" in aicha
    assert "ⴼⵔⵓ 163.52 ⴷⵔⵀⵎ ⴰⵔ 30/11 ⴰⴷ ⵜⵇⵇⵉⵎ AMO ⵏ ⵜⴰⵡⵊⴰ" in tlaytmas
    assert [segments(text) for text in (fatima, driss, aicha, tlaytmas)] == [1, 1, 2, 2]


def test_reminder_holds_no_personal_fact(reminding: Campaigns) -> None:
    reminding.queue()
    reminding.dispatch()
    private = reminding.run(
        "SELECT phone, full_name, full_name_ar, rna_number, cnss_number, birth_date::text"
        " FROM artisan WHERE phone = ANY(:owing)",
        owing=OWING,
    )
    for phone, *facts in private:
        (text,) = reminding.bodies(str(phone))
        words = {word for fact in facts for word in str(fact).split()} | {str(phone)}
        assert not [word for word in words if word.casefold() in text.casefold()]
        assert "STOP" in text


def test_dispatch_queues_behind_answers_until_it_is_of_no_use(
    reminding: Campaigns,
) -> None:
    reminding.queue()
    reminding.dispatch()
    rows = reminding.run(
        "SELECT DISTINCT kind, priority, useful_until FROM message WHERE priority = 1"
    )
    assert rows == [("reminder_week", 1, datetime(2026, 11, 27, 19, 0, tzinfo=UTC))]
    assert reminding.scalar("SELECT count(DISTINCT event_key) FROM message WHERE priority = 1") == 5


def test_reminder_s_code_is_live_and_its_receipt_reaches_the_artisan(reminding: Campaigns) -> None:
    reminding.queue()
    before = reminding.scalar("SELECT count(*) FROM message")
    reminding.dispatch()
    # No second message for the code.
    assert reminding.scalar("SELECT count(*) FROM message") == before + 5
    (text,) = reminding.bodies(FATIMA)
    live = "SELECT state FROM payment_code WHERE code = :code"
    assert reminding.scalar(live, code=code_in(text)) == "issued"
    reminding.collect_cash()
    receipts = "SELECT count(*) FROM message WHERE kind = 'receipt' AND phone = :phone"
    assert reminding.scalar(receipts, phone=FATIMA) == 1


def test_reminder_s_receipt_reaches_a_phone_the_register_does_not_know(
    reminding: Campaigns,
) -> None:
    reminding.run("UPDATE artisan SET phone = NULL WHERE phone = :phone", phone=FATIMA)
    reminding.run(
        "INSERT INTO artisan_phone SELECT '+212611111111', id, now() FROM artisan"
        " WHERE rna_number = '100001'"
    )
    reminding.queue()
    reminding.dispatch()
    reminding.collect_cash()
    receipts = "SELECT count(*) FROM message WHERE kind = 'receipt' AND phone = '+212611111111'"
    assert reminding.scalar(receipts) == 1


def test_reminder_names_the_live_code_whatever_months_it_pays(reminding: Campaigns) -> None:
    code = reminding.issue_all(HASSAN, months=2)
    reminding.queue()
    reminding.dispatch()
    (text,) = reminding.bodies(HASSAN)
    assert code_in(text) == code
    total = reminding.scalar("SELECT total_centimes FROM payment_code WHERE code = :c", c=code)
    assert f"{total // 100},{total % 100:02d} DH" in text


def test_reminder_replaces_a_code_about_to_end_and_keeps_its_recipients(
    reminding: Campaigns,
) -> None:
    """On the due day the code of a week ago has an hour left; the new one ends with the month."""
    old = reminding.issue_all(FATIMA)
    watching = "INSERT INTO receipt_recipient VALUES (:code, '+212655555555', 'fr', now())"
    reminding.run(watching, code=old)
    reminding.run("UPDATE artisan SET phone = '+212644444444' WHERE phone = :p", p=FATIMA)
    reminding.at("2026-11-30T09:00")
    reminding.queue()
    reminding.dispatch()
    (text,) = reminding.bodies("+212644444444")
    assert code_in(text) != old and "(au 30/11 23:59)" in text
    assert text.startswith("Maalem *384#: dernier jour 30/11, payez 163,52 DH")
    reminding.collect_cash()
    rows = reminding.run("SELECT phone FROM message WHERE kind = 'receipt' ORDER BY phone")
    phones = {str(phone) for (phone,) in rows}
    assert {FATIMA, "+212644444444", "+212655555555"} <= phones


def test_reminder_keeps_a_code_that_lives_long_enough(reminding: Campaigns) -> None:
    reminding.at("2026-11-25T10:00")
    code = reminding.issue_all(FATIMA)
    reminding.at("2026-11-30T09:00")
    reminding.queue()
    reminding.dispatch()
    assert code_in(reminding.bodies(FATIMA)[0]) == code


def test_reminder_names_the_agency_used_last_or_nearest_or_the_network(
    reminding: Campaigns,
) -> None:
    """The agency used last while it is open, else the nearest, else the network."""

    def place(phone: str) -> str:
        reminding.run("DELETE FROM campaign_recipient")
        reminding.run("DELETE FROM message WHERE priority = 1")
        reminding.queue()
        reminding.dispatch()
        match = re.search(r"Wafacash[^.\n]*", reminding.bodies(phone)[0])
        assert match
        return match[0]

    assert place(HASSAN) == "Wafacash Batha"
    reminding.cancel_codes()
    reminding.issue_all(HASSAN, months=1)
    reminding.collect_cash()
    assert place(HASSAN) == "Wafacash Agdal"
    reminding.run("UPDATE agency SET active = false WHERE code = 'W-RABAT-01'")
    assert place(HASSAN) == "Wafacash Batha"
    reminding.run("UPDATE artisan SET province = 'Nowhere' WHERE phone = :p", p=HASSAN)
    assert place(HASSAN) == "Wafacash"
    # Letters outside GSM-7 would double the price: the town stands for the name.
    reminding.run("UPDATE artisan SET province = 'Fès' WHERE phone = :p", p=HASSAN)
    reminding.run("UPDATE agency SET name = 'Wafacash فاس' WHERE code = 'W-FES-01'")
    assert place(HASSAN) == "Wafacash Fès"


@pytest.mark.parametrize(
    ("meanwhile", "reason"),
    [
        (
            "INSERT INTO phone_preference (phone, reminders, changed_at)"
            " VALUES (:phone, false, now())",
            "stopped",
        ),
        ("UPDATE artisan SET rights_until = '2027-02-28' WHERE phone = :phone", "paid"),
        ("UPDATE artisan SET category = 'B' WHERE phone = :phone", "not_due"),
        ("UPDATE artisan SET enrolled_on = NULL WHERE phone = :phone", "not_due"),
    ],
)
def test_dispatch_skips_who_paid_opted_out_or_owes_nothing_meanwhile(
    reminding: Campaigns, meanwhile: str, reason: str
) -> None:
    reminding.queue()
    reminding.run(meanwhile, phone=FATIMA)
    assert reminding.dispatch() == 5
    assert reminding.states()[FATIMA] == ("cancelled", reason)
    assert reminding.bodies(FATIMA) == []
    assert reminding.scalar("SELECT count(*) FROM message WHERE priority = 1") == 4
    assert reminding.scalar("SELECT count(*) FROM payment_code") == 4


def test_dispatch_skips_who_paid_here_meanwhile(reminding: Campaigns) -> None:
    reminding.queue()
    reminding.issue_all(FATIMA)
    reminding.collect_cash()
    reminding.dispatch()
    assert reminding.states()[FATIMA] == ("cancelled", "paid")
    assert reminding.bodies(FATIMA) == []


def message_of(reminding: Campaigns, phone: str) -> int:
    sql = "SELECT id FROM message WHERE phone = :phone AND priority = 1"
    return int(reminding.scalar(sql, phone=phone))


def test_cancel_settled_takes_back_paid_and_stopped_and_gives_money_back(
    reminding: Campaigns,
) -> None:
    """Paid, stopped, or paid at CNSS, when a worker already holds the messages."""
    reminding.queue()
    reminding.dispatch()
    numbers = {phone: message_of(reminding, phone) for phone in OWING}
    assert reminding.cancel_settled(list(numbers.values())) == []
    spent = reminding.scalar("SELECT spent FROM spending_day")
    with_code = code_in(reminding.bodies(FATIMA)[0])
    reminding.run(
        "UPDATE payment_code SET state = 'cancelled', ended_at = now() WHERE code <> :c",
        c=with_code,
    )
    reminding.collect_cash()
    reminding.run(
        "INSERT INTO phone_preference (phone, reminders, changed_at) VALUES (:p, false, now())",
        p=DRISS,
    )
    reminding.run("UPDATE artisan SET rights_until = '2027-02-28' WHERE phone = :p", p=HASSAN)
    receipt = reminding.scalar("SELECT id FROM message WHERE kind = 'receipt' LIMIT 1")
    taken_back = reminding.cancel_settled([*numbers.values(), receipt])
    assert sorted(taken_back) == sorted(numbers[phone] for phone in (FATIMA, DRISS, HASSAN))
    assert reminding.cancel_settled(list(numbers.values())) == []
    states = reminding.states()
    assert states[FATIMA] == states[HASSAN] == ("cancelled", "paid")
    assert states[DRISS] == ("cancelled", "stopped")
    # Three segments of 1.15 are given back, to the day and to the campaign.
    assert reminding.scalar("SELECT spent FROM spending_day") == spent - 3 * PRICE
    assert reminding.scalar("SELECT sum(spent) FROM campaign") == spent - 3 * PRICE


def test_dispatch_does_nothing_outside_the_hours(reminding: Campaigns) -> None:
    reminding.at("2026-11-21T12:00")
    assert reminding.queue()[-1].queued == 0
    for closed in ("2026-11-23T08:59:59", "2026-11-23T19:00", "2026-11-22T12:00"):
        reminding.at(closed)
        reminding.queue()
        assert reminding.dispatch() == 0, closed
    reminding.at("2026-11-24T09:00")
    assert reminding.dispatch() == 5


def test_dispatch_does_nothing_before_the_day(reminding: Campaigns) -> None:
    """The reminder is queued ahead with --on, and sent on its day."""
    reminding.at("2026-11-20T12:00")
    assert reminding.queue(date(2026, 11, 23))[0].queued == 5
    assert reminding.dispatch() == 0
    reminding.at("2026-11-23T09:00")
    assert reminding.dispatch() == 5


def test_dispatch_ends_campaigns_past_their_use(reminding: Campaigns) -> None:
    reminding.queue()
    assert reminding.dispatch(2) == 2
    reminding.at("2026-11-30T09:00")
    assert reminding.dispatch() == 0
    assert (
        sorted(state for state, _ in reminding.states().values())
        == ["queued"] * 2 + ["too_late"] * 3
    )
    assert reminding.scalar("SELECT state FROM campaign WHERE step = 'week'") == "ended"


def test_dispatch_keeps_a_short_backlog(reminding: Campaigns) -> None:
    reminding.queue()
    dispatcher = reminding.dispatcher()
    dispatcher.backlog = 3
    assert dispatcher.dispatch(100) == 3
    assert dispatcher.dispatch(100) == 0
    reminding.run(
        "UPDATE message SET state = 'sent' WHERE id = (SELECT min(id) FROM message"
        " WHERE priority = 1)"
    )
    assert dispatcher.dispatch(100) == 1


def test_dispatch_by_workers_at_once_queues_each_once(reminding: Campaigns) -> None:
    reminding.add_artisans(60)
    reminding.queue()
    with ThreadPoolExecutor(4) as pool:
        done = list(pool.map(lambda _: reminding.dispatch(), range(4)))
    assert sum(done) == 65
    assert reminding.scalar("SELECT count(*) FROM message WHERE priority = 1") == 65
    assert reminding.scalar("SELECT count(*) FROM payment_code WHERE state = 'issued'") == 65


def test_dispatch_of_many_works_on_two_sets_at_once(reminding: Campaigns) -> None:
    """While a phone holds somebody of the one set, the other is written."""
    reminding.add_artisans(60)
    reminding.queue()
    dispatcher = reminding.dispatcher()
    dispatcher.at_once = 10
    holding = "SELECT id FROM artisan WHERE phone = :phone FOR UPDATE"
    with ThreadPoolExecutor(1) as pool, reminding.runtime.database.connect() as phone:
        phone.execute(text(holding), {"phone": FATIMA})
        waiting = pool.submit(dispatcher.dispatch, 40)
        until = time.monotonic() + 8
        while reminding.scalar(_QUEUED_SO_FAR) != 20:
            assert time.monotonic() < until
            time.sleep(0.02)
        assert not waiting.done()
        phone.rollback()
        assert waiting.result() == 40
    assert reminding.scalar(_QUEUED_SO_FAR) == 40


_QUEUED_SO_FAR = "SELECT count(*) FROM message WHERE priority = 1"


def test_dispatch_never_reaches_who_is_held_out(reminding: Campaigns) -> None:
    reminding.add_artisans(40)
    reminding.queue(holdout_per_mille=400)
    reminding.dispatch()
    out = [phone for phone, (state, _) in reminding.states().items() if state == "held_out"]
    assert out and all(reminding.bodies(phone) == [] for phone in out)
    assert reminding.scalar("SELECT count(*) FROM message WHERE priority = 1") == 45 - len(out)
    assert sum(plan.queued for plan in reminding.queue(holdout_per_mille=0)) == 0


def count_statements(reminding: Campaigns, most: int) -> int:
    with counted_statements(reminding.runtime.database) as statements:
        assert reminding.dispatch(most) == most
        return statements.count()


def test_dispatch_asks_the_database_as_often_for_many_as_for_one(reminding: Campaigns) -> None:
    reminding.add_artisans(60)
    reminding.queue()
    alone, together = count_statements(reminding, 1), count_statements(reminding, 40)
    # Beside them, a place to pay for each province.
    assert together <= alone + 5


def test_dispatch_asks_as_often_for_many_whose_codes_and_phones_are_known(
    reminding: Campaigns,
) -> None:
    """They asked for the code themselves, or were reminded of it before."""
    reminding.add_artisans(60)
    reminding.queue()
    assert reminding.dispatch() == 65
    reminding.run(
        "UPDATE campaign_recipient"
        " SET state = 'waiting', message_id = NULL, cost = NULL, decided_at = NULL"
    )
    reminding.run("UPDATE message SET event_key = event_key || ' of before', state = 'sent'")
    alone, together = count_statements(reminding, 1), count_statements(reminding, 40)
    assert together <= alone + 5
    assert reminding.scalar("SELECT count(*) FROM payment_code") == 65, "none is a new one"


def test_dispatch_cut_off_in_the_middle_of_a_set_tells_each_once(reminding: Campaigns) -> None:
    """The server ends the worker's connection once codes and messages of the set are written."""
    reminding.queue()
    owner = reminding.runtime.owners_database
    with ThreadPoolExecutor(1) as pool, owner.connect() as holder:
        holder.execute(text("LOCK TABLE spending_day IN SHARE MODE"))
        cut_off = pool.submit(reminding.dispatch)
        wait_for_a_lock(owner)
        with owner.begin() as connection:
            connection.execute(_CUT_OFF)
        with pytest.raises(Unavailable):
            cut_off.result()
    counts = (
        "SELECT (SELECT count(*) FROM message WHERE priority = 1), (SELECT count(*) FROM"
        " payment_code), (SELECT count(*) FROM audit_event WHERE action = 'code_issued')"
    )
    assert reminding.run(counts) == [(0, 0, 0)]
    assert reminding.dispatch() == 5
    assert reminding.run(counts) == [(5, 5, 5)]


_CUT_OFF = text(
    "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
    " WHERE datname = current_database() AND wait_event_type = 'Lock'"
)


class Repeating(Random):
    """Draws each number twice; no number lies beside another."""

    drawn = 0

    def randrange(self, start: int, *_rest: object) -> int:
        self.drawn += 1
        return start + 1000 * (self.drawn // 2)


def test_issue_codes_draws_again_where_a_code_was_drawn_before(reminding: Campaigns) -> None:
    runtime = reminding.runtime
    services = replace(runtime.services, random=Repeating())
    of_owing = "SELECT id FROM artisan WHERE phone = ANY(:phones)"
    artisans = [int(str(number)) for (number,) in reminding.run(of_owing, phones=OWING)]
    with operation(runtime.database, runtime.clock(), "worker") as change:
        accounts = get_accounts(change.connection, artisans, change.now)
        codes = issue_codes(change, services, accounts.values())
    assert sorted(codes) == sorted(artisans)
    live = reminding.run("SELECT artisan_id, code FROM payment_code WHERE state = 'issued'")
    assert dict(live) == {number: code.code for number, code in codes.items()}  # type: ignore[arg-type]


def test_issue_codes_knows_an_account_that_is_as_read_from_one_that_changed(
    reminding: Campaigns,
) -> None:
    """A month paid, a live code, a posted day, neither: each as read is issued; then none is."""
    reminding.issue_all(HASSAN, months=1)
    reminding.collect_cash()
    reminding.run("UPDATE contribution_allocation SET sent_at = now(), posted_on = '2026-11-20'")
    reminding.issue_all(DRISS)
    runtime = reminding.runtime
    everybody = [int(str(n)) for (n,) in reminding.run("SELECT id FROM artisan ORDER BY id")]
    with operation(runtime.database, runtime.clock(), "worker") as change:
        accounts = get_accounts(change.connection, everybody, change.now)
        issued = issue_codes(change, runtime.services, accounts.values())
        owing = set(issued)
        assert len(owing) >= len(OWING)
        assert issue_codes(change, runtime.services, accounts.values()) == {}
        accounts = get_accounts(change.connection, everybody, change.now)
        assert set(issue_codes(change, runtime.services, accounts.values())) == owing
        accounts = get_accounts(change.connection, everybody, change.now)
        change.connection.execute(text("UPDATE artisan SET rights_as_of = rights_as_of - 1"))
        assert issue_codes(change, runtime.services, accounts.values()) == {}


def test_dispatch_in_sets_writes_what_it_writes_for_each_alone(reminding: Campaigns) -> None:
    """Live codes: one shared that ends, one of fewer months, one no longer right; and none."""
    shared = reminding.issue_all(FATIMA)
    reminding.run(
        "INSERT INTO receipt_recipient VALUES (:code, '+212655555555', 'fr', now())", code=shared
    )
    reminding.issue_all(DRISS)
    reminding.at("2026-11-29T10:00")
    fewer = reminding.issue_all(HASSAN, months=1)
    untrue = reminding.issue_all(AICHA)
    reminding.run("UPDATE artisan SET enrolled_on = '2026-05-01' WHERE phone = :p", p=AICHA)
    reminding.at("2026-11-30T09:00")
    reminding.queue()
    assert reminding.dispatch() == 5
    codes = {phone: code_in(reminding.bodies(phone)[0]) for phone in OWING}
    live = "SELECT state FROM payment_code WHERE code = :code"
    assert {reminding.scalar(live, code=code) for code in codes.values()} == {"issued"}
    assert codes[HASSAN] == fewer and codes[FATIMA] != shared and codes[AICHA] != untrue
    ended = "SELECT state FROM payment_code WHERE code = ANY(:codes)"
    assert reminding.run(ended, codes=[shared, untrue]) == [("cancelled",)] * 2
    watching = "SELECT phone FROM receipt_recipient WHERE code = :code ORDER BY phone"
    assert reminding.run(watching, code=codes[FATIMA]) == [(FATIMA,), ("+212655555555",)]
    assert reminding.run(watching, code=codes[TLAYTMAS]) == [(TLAYTMAS,)]
    issued = "SELECT count(*) FROM audit_event WHERE action = 'code_issued' AND actor = 'artisan'"
    assert reminding.scalar(issued) == reminding.scalar("SELECT count(*) FROM payment_code")


def test_a_set_that_held_people_for_long_is_followed_by_smaller_ones(reminding: Campaigns) -> None:
    reminding.add_artisans(60)
    reminding.queue()
    dispatcher = reminding.dispatcher()
    holding = "SELECT id FROM artisan WHERE phone = :phone FOR UPDATE"
    with ThreadPoolExecutor(1) as pool, reminding.runtime.database.connect() as phone:
        phone.execute(text(holding), {"phone": FATIMA})
        slow = pool.submit(dispatcher.dispatch, 40)
        wait_for_a_lock(reminding.runtime.database)
        time.sleep(0.8)
        phone.rollback()
        assert slow.result() == 40
    assert dispatcher.at_once <= 20
    dispatcher.at_once = 1
    assert dispatcher.dispatch(1) == 1
    assert dispatcher.at_once == 2, "they grow again"


def test_a_set_that_failed_at_once_is_followed_by_one_as_at_first(reminding: Campaigns) -> None:
    """While a primary is replaced each fails; the first one afterwards may hold few people."""
    reminding.queue()
    dispatcher, owner = reminding.dispatcher(), reminding.runtime.owners_database
    dispatcher.at_once = 400
    with ThreadPoolExecutor(1) as pool, owner.connect() as holder:
        holder.execute(text("LOCK TABLE spending_day IN SHARE MODE"))
        cut_off = pool.submit(dispatcher.dispatch, 400)
        wait_for_a_lock(owner)
        with owner.begin() as connection:
            connection.execute(_CUT_OFF)
        with pytest.raises(Unavailable):
            cut_off.result()
    assert dispatcher.at_once <= 50
    assert dispatcher.dispatch(100) == 5
