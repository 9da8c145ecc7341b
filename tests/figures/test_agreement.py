"""Figures agree to the unit with the books, the register, the funnel and what phones say."""

from __future__ import annotations

import json
from collections import Counter
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

from flask import Flask
from sqlalchemy import Connection, select, true

from app.assistance.service import NewRequest, ask_for_help
from app.base.clock import local_date
from app.base.money import Money
from app.base.months import Month
from app.base.operation import operation
from app.base.phone import Phone
from app.contributions.rights import RightsState, expected_state
from app.enrolment.models import artisan
from app.enrolment.queries import get_artisan
from app.figures.measures import BREAK_AGES, COUNTS, OVERLAPPING
from app.figures.rules import MonthFigures
from app.figures.service import make_month, read_figures
from app.ledger.break_lists import count_break_ages
from app.ledger.breaks import NewBreak, open_break
from app.ledger.models import RECEIVABLE
from app.ledger.queries import account_statement
from app.observe.hops import store_hops
from app.payments.dues import unpaid_months
from app.payments.queries import get_account
from app.reconciliation.cnss_file import HEADER
from app.runtime import Runtime
from app.text.regions import regions
from tests.figures.attack import list_equations
from tests.figures.conftest import NOVEMBER, load_register
from tests.payments.conftest import PaymentFixture, payments  # noqa: F401 - a fixture of these tests too
from tests.people_of_office import run_command
from tests.phone import TestPhone

FATIMA, HASSAN, DRISS, TLAYTMAS = (f"+21260000000{n}" for n in (1, 2, 7, 8))
_MORE = 80


def make(runtime: Runtime, month: Month = NOVEMBER) -> MonthFigures:
    make_month(runtime.database, runtime.figure_books, month, runtime.clock())
    with runtime.database.connect() as connection:
        return read_figures(connection, month)


def pay_and_reverse(payments: PaymentFixture) -> None:  # noqa: F811
    """Three pay, one of them gets the cash back, and a code is left alone."""
    for phone in (FATIMA, HASSAN, DRISS):
        receipt = payments.redeem(payments.issue(phone).code, phone)
    payments.reverse(receipt)
    payments.issue(TLAYTMAS)


def test_each_cut_and_split_adds_up(
    runtime: Runtime,
    payments: PaymentFixture,  # noqa: F811
    tmp_path: Path,
) -> None:
    load_register(runtime, tmp_path, _MORE)
    pay_and_reverse(payments)
    figures = make(runtime)
    for equation in list_equations(figures):
        assert sum(n * figures.get(*cell) for cell, n in equation.items()) == 0, equation
    for measure in COUNTS:
        if measure.of and not measure.split:
            for cut in measure.cuts:
                for key in figures.list_keys(cut):
                    assert figures.get(cut, key, measure.name) <= figures.get(cut, key, measure.of)
    assert {(name, cut) for name, cut in OVERLAPPING} <= {
        (measure.name, cut) for measure in COUNTS for cut in measure.cuts
    }


def test_payments_agree_with_the_ledger(
    runtime: Runtime,
    payments: PaymentFixture,  # noqa: F811
    app: Flask,
    tmp_path: Path,
) -> None:
    pay_and_reverse(payments)
    run_command(app, "cnss", "export", "--on", "2026-11-30")
    receipt = payments.read_value(
        "SELECT receipt_number FROM deposit JOIN artisan a ON a.id = artisan_id WHERE phone = :p",
        p=FATIMA,
    )
    answer = tmp_path / "answer.csv"
    answer.write_text(f"{','.join(HEADER)}\nposting,{receipt},,,posted,2026-11-23,,\n")
    assert run_command(app, "cnss", "import", str(answer)).exit_code == 0
    figures = make(runtime)
    with runtime.database.connect() as connection:
        received = account_statement(connection, RECEIVABLE, date(2026, 11, 1), date(2026, 12, 1))
    booked: Counter[str] = Counter()
    for entry in received.entries:
        booked[entry.event] += entry.amount.centimes
    paid = figures.get("all", "all", "paid_dirhams")
    assert paid == booked["deposit"] + booked["reversal"] > 0
    assert figures.get("all", "all", "posted_dirhams") == -booked["posting"] > 0
    assert json.loads(run_command(app, "ledger", "verify", "--json").output)["broken"] == {}
    counts = {name: figures.get("all", "all", name) for name in ("codes_made", "codes_paid")}
    assert counts == {"codes_made": 4, "codes_paid": 2}
    for cut, key in (("all", "all"), ("network", "wafacash"), ("channel", "page")):
        told = [figures.get(cut, key, name) for name in ("paid", "payers", "posted")]
        assert told == [2, 2, 1], cut
        assert figures.get(cut, key, "posted_dirhams") == 16352
    assert figures.get("day", "2026-11-23", "paid") == 2
    assert len(figures.list_keys("day")) == 30


def test_rights_and_dues_are_those_that_the_phone_says(
    runtime: Runtime,
    payments: PaymentFixture,  # noqa: F811
    tmp_path: Path,
) -> None:
    load_register(runtime, tmp_path, _MORE)
    pay_and_reverse(payments)
    figures = make(runtime)
    told: Counter[str] = Counter()
    with runtime.database.connect() as connection:
        for artisan_id in connection.execute(select(artisan.c.id)).scalars().all():
            told.update(_judge(connection, artisan_id, runtime.clock()))
    assert told["artisans"] == _MORE + 8
    for measure, count in told.items():
        assert figures.get("all", "all", measure) == count, measure


def _judge(connection: Connection, artisan_id: int, now: datetime) -> list[str]:
    """The measures that count one artisan, by the rules that menus follow."""
    found, today = get_artisan(connection, artisan_id), local_date(now)
    if found.enrolled_on is None:
        return ["artisans", "not_enrolled"]
    until = found.rights_until
    if until is None:
        rights = "not_yet"
    elif until >= today:
        rights = "open"
    else:
        uncredited = unpaid_months(found, frozenset(), today)
        state = expected_state(Month.of(found.enrolled_on), uncredited, True, today)
        rights = "closed" if state is RightsState.CLOSED else "suspended"
    owed = len(unpaid_months(found, get_account(connection, artisan_id, now).settled, today))
    dues = ["owing"] if owed else ["owing_nothing"]
    if owed:
        months = "1_to_2" if owed <= 2 else "3_to_6" if owed <= 6 else "over_6"
        dues.append(f"owing_{months}_months")
    return ["artisans", "enrolled", f"rights_{rights}", *dues]


def test_talks_agree_with_the_funnel_and_stay_when_hops_are_forgotten(
    runtime: Runtime, phone: TestPhone, app: Flask, sample_people: None
) -> None:
    for number in (FATIMA, HASSAN):
        phone.dial(number)
        phone.answer("2")
    phone.answer("1")
    phone.dial(TLAYTMAS)
    store_hops(runtime.database, runtime.redis)
    figures = make(runtime)
    steps = json.loads(run_command(app, "funnel", "--json").output)["journey"]
    counts = {step["step"]: step["count"] for step in steps}
    told = [figures.get("all", "all", name) for name in ("dialled", "saw_dues", "saw_code")]
    assert told == [counts["dialled"], counts["saw dues"], counts["code"]] == [3, 2, 1]
    assert figures.get("language", "fr", "dialled") == 2
    with runtime.owners_database.begin() as connection:
        connection.exec_driver_sql("DELETE FROM hop")
    runtime.clock.now = datetime(2026, 12, 20, 9, 0, tzinfo=UTC)  # type: ignore[attr-defined]
    assert make(runtime).get("all", "all", "dialled") == 3


def test_a_region_without_people_has_the_name_of_one_with_people(
    runtime: Runtime, sample_people: None
) -> None:
    names = {region.latin for region in regions().values()}
    with runtime.database.connect() as connection:
        inhabited = set(connection.execute(select(artisan.c.region)).scalars())
    assert inhabited < names
    assert set(make(runtime).list_keys("region")) == names


def test_breaks_are_as_old_as_their_own_page_says(runtime: Runtime, sample_people: None) -> None:
    now = runtime.clock()
    for number, hours in enumerate((1, 25, 47, 167, 169, 719, 721)):
        with operation(runtime.database, now - timedelta(hours=hours), "worker") as change:
            new = NewBreak("missing_here", "wafacash", theirs=Money(1), reference=f"X{number}")
            open_break(change, new)
    figures = make(runtime)
    with runtime.database.connect() as connection:
        (told,) = count_break_ages(connection, true(), ["missing_here"], now)
    counts = [figures.get("break_age", age, "breaks_open") for age in BREAK_AGES]
    assert counts == list(told.counts) == [1, 3, 2, 1]


def test_requests_and_their_age(runtime: Runtime, sample_people: None) -> None:
    begin = runtime.clock()
    with operation(runtime.database, begin, "artisan") as change:
        wanted = NewRequest("dar", "selling", Phone(FATIMA), "fr", None)
        ask_for_help(change, runtime.services, wanted)
    runtime.clock.now = datetime(2026, 11, 28, 12, 0, tzinfo=UTC)  # type: ignore[attr-defined]
    figures = make(runtime)
    told = [
        figures.get("all", "all", f"requests{end}") for end in ("", "_waiting", "_waiting_days")
    ]
    assert told == [1, 1, 5]
