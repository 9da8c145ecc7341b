"""What the working pages show of what people and files did, and acts that leave a trace there."""

from __future__ import annotations

import csv
import re
from datetime import date, timedelta
from decimal import Decimal
from html import unescape
from io import StringIO
from pathlib import Path
from shutil import copytree
from types import SimpleNamespace

import pytest
from flask import Flask
from sqlalchemy import Engine, insert, text

from app.agents.locks import Door, count_wrong_pin
from app.audit.service import record_audit
from app.base.clock import local_midnight
from app.base.operation import operation
from app.jobs.office import OfficeWork
from app.office.rights import RIGHTS
from app.reconciliation.day_totals import _TOTALS
from app.reminders.models import campaign
from app.runtime import MENUS, Runtime
from app.ussd.live import LiveMenus
from app.ussd.versions import Versions
from app.web.office.first_page import numbers_for
from tests.payments.conftest import PaymentFixture, payments  # noqa: F401 - a fixture of these tests too
from tests.web.office.conftest import SignIn, Staff, send, write_lists
from tests.web.office.test_network_work import give, one_line, settlement

FATIMA = "+212600000001"


def read_rows(page: str) -> list[list[str]]:
    """The cells of each row of a page's tables, as they are read aloud."""
    rows = re.findall(r"<tr>(.*?)</tr>", page, re.DOTALL)
    cells = [re.findall(r"<t[hd][^>]*>(.*?)</t[hd]>", row, re.DOTALL) for row in rows]
    plain = [[" ".join(re.sub(r"<[^>]+>", "", cell).split()) for cell in row] for row in cells]
    return [[cell.replace("\xa0", " ") for cell in row] for row in plain]


def test_days_in_sum_are_ours_and_theirs(
    staff: Staff,
    payments: PaymentFixture,  # noqa: F811
    runtime: Runtime,
) -> None:
    amina = staff.enter("amina", "wafacash", network="wafacash")
    code = payments.issue(FATIMA)
    payments.redeem(code.code)
    given = give(amina, settlement(one_line("R1", code.code, "100"), one_line("R2")))
    assert "pris" in amina.get(given.location).text
    today, *before = read_rows(amina.get("/office/breaks").text)[1:8]
    ours, theirs = f"{code.total}".replace(".", ","), "250,00"
    assert today[0] == "23/11/2026" and today[2] == "1" and today[4] == "2"
    assert ours in today[1] and theirs in today[3] and today[6] == "reçu"
    assert [row[6] for row in before] == ["pas encore"] * 6
    # Who sees all networks sees the same sum.
    assert today in read_rows(staff.enter("hind", "auditor").get("/office/breaks").text)


# Four months of two networks, so that the planner has something to choose from.
_MANY_DEPOSITS = text("""
    INSERT INTO deposit (receipt_number, code, artisan_id, network, channel, total_centimes,
        received_at)
    SELECT to_char(n, 'FM00000000'), n::text, 1, 'wafacash', 'page', 10000,
        timestamptz '2026-08-01 08:00+00' + n * interval '9 minutes'
    FROM generate_series(1, 20000) AS n
""")
_MANY_PAYMENTS = text("""
    INSERT INTO network_payment (network, reference, code, amount_centimes, paid_at, status,
        first_file_id, first_line, file_id, line)
    SELECT 'wafacash', n::text, n::text, 10000,
        timestamptz '2026-08-01 08:00+00' + n * interval '9 minutes', 'paid', 1, n, 1, n
    FROM generate_series(1, 20000) AS n
""")


def test_totals_of_a_day_are_found_by_the_indexes_of_networks(
    owner: Engine, sample_people: None
) -> None:
    begins, ends = (local_midnight(date(2026, 11, day)) for day in (23, 24))
    asked = {"network": None, "days": [date(2026, 11, 23)], "begins": [begins], "ends": [ends]}
    with owner.connect() as connection:  # Everything is rolled back.
        connection.execute(text("SET LOCAL statement_timeout = 0"))
        connection.execute(text("SET LOCAL session_replication_role = replica"))
        connection.execute(_MANY_DEPOSITS)
        connection.execute(_MANY_PAYMENTS)
        connection.execute(text("ANALYZE deposit, network_payment"))
        plan = connection.execute(text(f"EXPLAIN {_TOTALS.text}"), asked).scalars().all()
    for index in ("ix_network_payment_paid_at", "ix_deposit_network_received_at"):
        assert any(index in line for line in plan), "\n".join(plan)


def test_an_agent_is_unlocked_gets_a_new_pin_and_leaves_every_till(
    staff: Staff, runtime: Runtime, app: Flask
) -> None:
    amina, page = staff.enter("amina", "wafacash", network="wafacash"), "/office/agents/1001"
    till, old = app.test_client(), {"number": "1001", "pin": "246813"}
    signed_in = send(till, "/agent", "/agent/sign-in", **old)
    assert signed_in.status_code == 303, signed_in.text
    with operation(runtime.database, runtime.clock(), "till") as change:
        for _ in range(5):
            count_wrong_pin(change, "1001", Door.phone(), known=True)
    assert "Ouvrir les portes" in amina.get(page).text
    assert send(amina, page, f"{page}/unlock").status_code == 303
    assert "Ouvrir les portes" not in amina.get(page).text
    assert send(amina, page, f"{page}/sessions").status_code == 303
    assert 'name="code"' not in till.get("/agent").text
    shown = send(amina, page, f"{page}/pin")
    pin = re.search(r"<code>([0-9]{8})</code>", shown.text)
    assert pin and "pour une fois" in amina.get(page).text
    assert send(till, "/agent", "/agent/sign-in", **old).status_code == 401


def test_an_agency_is_changed_and_shown_as_changed(staff: Staff) -> None:
    amina = staff.enter("amina", "wafacash", network="wafacash")
    page = "/office/agents/agencies/W-RABAT-01"
    form = {"name": "Wafacash Souissi", "town": "Salé", "address": "12 rue Ibn Sina"}
    assert send(amina, page, page, **form, weekdays="8:30-18:00").status_code == 303
    shown = amina.get(page).text
    assert all(value in shown for value in form.values())
    assert send(amina, page, page, **form, weekdays="never").status_code == 400


def test_a_file_is_withdrawn_on_pages_by_two_others(staff: Staff) -> None:
    names = ("amina", "driss", "leila")
    amina, driss, leila = (staff.enter(one, "wafacash", network="wafacash") for one in names)
    give(amina, settlement(one_line(amount="200.00")))
    page = "/office/breaks/files/1"
    asked = send(amina, page, f"{page}/withdraw", reason="a wrong file")
    assert asked.status_code == 303 and "Approuver" not in amina.get(page).text
    assert "Retraits de fichiers à approuver" in driss.get("/office").text
    assert send(amina, page, f"{page}/approve").status_code == 409
    first = send(driss, page, f"{page}/approve")
    assert "encore une" in driss.get(first.location).text
    assert send(driss, page, f"{page}/approve").status_code == 409
    assert send(leila, page, f"{page}/approve").status_code == 303
    shown = leila.get(page).text
    assert all(name in shown for name in names) and "Retirer" not in shown


def test_a_campaign_is_paused_and_goes_on_with_another_budget(
    staff: Staff, runtime: Runtime
) -> None:
    zineb = staff.enter("zineb", "operator")
    values = {"due_at": runtime.clock(), "useful_until": runtime.clock() + timedelta(days=3)}
    values |= {"name": "avis-9", "kind": "notice", "state": "running", "budget": Decimal(10)}
    values |= {"notice": "avis", "texts": {"fr": "Avis"}, "created_at": runtime.clock()}
    values |= {"proposed_by": "amina", "approved_by": "driss"}
    with runtime.database.begin() as connection:
        connection.execute(insert(campaign).values(values))
    page = "/office/messages/campaigns/avis-9"
    assert send(zineb, page, f"{page}/pause").status_code == 303
    assert "Campagnes arrêtées" in zineb.get("/office").text
    assert send(zineb, page, f"{page}/resume", budget="12,50").status_code == 303
    shown = zineb.get(page).text
    assert re.search("12,50.DH", shown) and "Arrêter pour l'instant" in unescape(shown)
    assert send(zineb, page, f"{page}/resume", budget="1").status_code == 409


def test_the_auditor_reads_who_may_do_what_and_takes_the_rows(
    sign_in: SignIn, runtime: Runtime
) -> None:
    auditor = sign_in("auditor")
    rights = auditor.get("/office/audit/rights").text
    assert {"auditor", "CNSS"} <= {row[0] for row in read_rows(rights) if row}
    by_role = [row for row in read_rows(rights) if len(row) == 2 and " · " in row[1]]
    assert len(by_role) == len(RIGHTS) - 1
    with operation(runtime.database, runtime.clock(), "amina") as change:
        record_audit(change, "person_shown", "artisan:1", reason="call", seen=["dues"])
    send(auditor, "/office/audit", "/office/audit/lists?act=person_shown")
    assert write_lists(runtime) == 1
    number = re.search("/office/audit/lists/[0-9]+", auditor.get("/office/audit").text)
    assert number
    found = csv.reader(StringIO(auditor.get(number[0]).text))
    assert "dossier regardé" in auditor.get("/office/audit?act=person_shown").text
    header, row = list(found)
    assert header == ["at", "who", "approved_by", "act", "about", "reason", "details"]
    assert row[1:6] == ["amina", "", "person_shown", "artisan:1", "call"]
    first = auditor.get("/office").text
    looks = re.search(r"<dt>Dossiers[^<]*</dt>\s*<dd>([0-9]+)</dd>", first)
    assert looks and looks[1] == "1"


def test_a_ready_reimbursement_is_recorded_and_shown(staff: Staff) -> None:
    amina, page = staff.enter("amina", "cnss"), "/office/postings/claims"
    form = {"number": "R-88", "rna": "100002", "filed_on": "2026-11-02", "amount": "320,50"}
    assert send(amina, page, page, **form, state="ready").status_code == 303
    ready = [row for row in read_rows(amina.get(f"{page}?state=ready").text) if row[0] == "R-88"]
    assert len(ready) == 1 and "320,50" in ready[0][2] and "02/11/2026" in ready[0][3]


def test_menus_of_another_version_are_compared_in_words(
    sign_in: SignIn, runtime: Runtime, tmp_path: Path
) -> None:
    older = tmp_path / "menus"
    copytree(MENUS, older)
    words = older / "locales/fr/LC_MESSAGES/menus.po"
    said = words.read_text("utf-8").replace('msgstr "Mon AMO"', 'msgstr "<b>Assurance"', 1)
    words.write_text(said, "utf-8")
    engine = runtime.load_menus(older)
    live = LiveMenus.in_folder(engine, older)
    other = Versions(runtime.redis, runtime.redis_calls, runtime.keys, live, runtime.load_menus)
    other.publish(runtime.clock())
    operator = sign_in("operator")
    assert runtime.ussd.version in operator.get("/office/menus").text
    page = operator.get(f"/office/menus?other={other.current.version}").text
    (changed,) = [row for row in read_rows(page) if "Mon AMO" in row]
    assert changed[1:] == ["fr", "&lt;b&gt;Assurance", "Mon AMO"]
    assert operator.get("/office/menus?other=ffffffff").status_code == 404
    # Who can write to Redis shows no menu of theirs.
    runtime.redis.set(f"menus.zip:{'0' * 8}", b"PK")
    runtime.redis.zadd("menus.versions", {"0" * 8: runtime.clock().timestamp(), "<b>": 2e9})
    assert operator.get("/office/menus?other=00000000").status_code == 404
    assert "&lt;b&gt;" not in operator.get("/office/menus").text


def test_books_are_checked_by_one_worker_at_a_time(runtime: Runtime) -> None:
    lock = text("SELECT pg_advisory_xact_lock(:number)")
    with runtime.database.begin() as another:
        another.execute(lock, {"number": int.from_bytes(b"books", "big")})
        assert OfficeWork(runtime)._check_books() == 0
    assert OfficeWork(runtime)._check_books() == 1


def test_numbers_of_a_role_are_registered_once() -> None:
    with pytest.raises(ValueError, match="auditor"):
        numbers_for("auditor")(lambda _connection, _opened: SimpleNamespace())
