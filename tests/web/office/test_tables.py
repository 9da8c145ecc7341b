"""Tables that grow: each sorts and turns its pages by links, by key, and by an index."""

from __future__ import annotations

import json
import random
import re
from collections.abc import Iterator
from contextlib import contextmanager
from html import unescape
from typing import Any
from urllib.parse import quote

import pytest
from flask.testing import FlaskClient
from sqlalchemy import Column, Connection, Engine, Integer, MetaData, Table, Text, event, select

from app.base.paging import PageOfRows, RowsAsked, Sorting, read_page
from app.runtime import Runtime
from app.settings import ROOT
from tests.web.office.conftest import SignIn
from tests.web.office.full_tables import fill_tables
from tests.web.office.test_people import HASSAN, id_of

_TEMPLATES = ROOT / "app/web/templates/office"
# What a page repeats and what does not grow, with the reason; all else is a table with an order.
_SMALL = {
    "act in waiting": "one act of a kind waits for a second person",
    "account, balance in balances.items()": "the books have these accounts",
    "code in factors.recovery_codes": "ten codes of one's own",
    "code in codes": "ten codes, shown once",
    "each in sessions": "an agent's own devices, for some hours",
    "line in dues.quote.lines": "months that one person owes",
    "name, at in workers.items()": "workers that run",
    "one in ages": "kinds of breaks",
    "one in costs.lines": "kinds of messages by provider and language, counted",
    "one in days": "a week",
    "one in networks": "agent networks",
    "passkey in factors.passkeys": "one's own passkeys",
    "right in rights": "rights",
    "one in ways": "ways through the menus, cut by their tool",
    "fault in one.faults": "what one check of the menus found",
    "group in one.groups": "languages and steps of today's reminders",
    "code, phone_pages in shown.items()": "languages",
    "one in findings": "the doctor's checks",
    "name in providers": "the providers of the settings",
    "one in published": "notices that are current: phones show five; the newest menus",
    "one in queues": "kinds of messages by provider and state, counted",
    "one in reports": "five lists of one's own, kept a day",
    "one in stored": "versions of the menus that run",
    "one in unpublished": "months not yet published",
    "one in uploads": "the five newest, with a link to all",
    "one in words": "cut at 200, and the rest is counted",
    "person, masked in found": "whom one number means, twenty at most",
    "phone, talk in talks": "the five newest talks of thirty days",
    "reason in reasons": "four reasons",
    "reason, count in reasons.items()": "CNSS's ten most frequent causes",
    "role, rights in table.items()": "roles",
    "session in open_sessions": "one's own sessions, for some hours",
    "state, count in ended.items()": "states",
    "tie in person.ties": "the phones of one person",
    "wait in waiting if wait.count": "what a role may have to do",
    "hop in talk.hops": "the screens of one talk",
}
_REPEATED = re.compile(
    r"{%-? for ((?:(?!%}).)+?) -?%}(?:{% set [^%]*%})?\s*<(?:tr|li|section|article|h3)\b"
)
# Rows that a page may touch to show one of a table: some pages' worth, whatever the table holds.
_MOST_TOUCHED = 1_500


def test_whatever_a_page_repeats_has_an_order_and_pages_or_stays_small() -> None:
    repeated = set()
    for path in _TEMPLATES.glob("*.html"):
        page = path.read_text("utf-8")
        found = set(_REPEATED.findall(page))
        repeated |= found
        # A sheet of paper turns no page.
        if not path.name.startswith("sheet_"):
            for name in map(name_table, filter(is_table, found)):
                # Under headings that sort, and before the way to its other pages.
                assert f", {name})" in page, (path.name, name)
                assert f"parts.more({name}, " in page, (path.name, name)
    assert sum(map(is_table, repeated)) > 15
    assert {found for found in repeated if not is_table(found)} == _SMALL.keys()


def is_table(repeated: str) -> bool:
    return repeated.endswith(".rows")


def name_table(repeated: str) -> str:
    return repeated.partition(" in ")[2].removesuffix(".rows")


@pytest.mark.usefixtures("sample_people")
def test_every_order_of_every_table_is_read_by_key_and_by_an_index(
    sign_in: SignIn, owner: Engine, engine: Engine, runtime: Runtime
) -> None:
    fill_tables(owner)
    person = id_of(engine, HASSAN)
    orders = 0
    for role, addresses in list_pages(person).items():
        browser = sign_in(role)
        for address in addresses:
            orders += check_orders(browser, runtime, f"/office/{address}")
    assert orders > 120, orders


def list_pages(person: int) -> dict[str, list[str]]:
    """Returns the pages that have tables, by somebody who reads them."""
    return {
        "chamber": ["requests", "calls"],
        "helpdesk": ["requests", f"people/{person}?reason=check"],
        "wafacash": ["breaks", "breaks/files", "agents", "agents/agencies/T-5", "networks"],
        "cnss": ["postings", "postings/claims", "postings/enrolment"],
        "operator": ["messages", "notices", "users", "menus"],
        "auditor": [
            "audit",
            "books",
            "books/contributions_payable?day=2020-01-01&to=2099-12-31",
        ],
    }


def check_orders(browser: FlaskClient, runtime: Runtime, address: str) -> int:
    """Follows every heading that sorts, then a page on and a page back; returns how many sort."""
    page = browser.get(address).text
    found = headings_of(page)
    assert found, address
    for link in found:
        with explained(runtime) as plans:
            # The first rows from the highest down; from the lowest up also a page on, and back.
            assert browser.get(turn_around(link)).status_code == 200, link
            first = browser.get(link).text
            assert "aria-sort" in first, link
            if rest := find_link(first, "next"):
                back = find_link(browser.get(rest).text, "prev")
                assert back, link
                assert browser.get(back).status_code == 200, link
        assert plans, link
        for plan in plans:
            assert count_touched(plan) < _MOST_TOUCHED, "\n".join([link, *draw(plan)])
    return 2 * len(found)


def turn_around(link: str) -> str:
    return link.replace("sort=", "sort=-").replace("sort=--", "sort=")


def find_link(page: str, way: str) -> str | None:
    found = re.search(rf'rel="{way}" href="([^"]+)"', page)
    return unescape(found[1]) if found else None


def headings_of(page: str) -> list[str]:
    return [unescape(link) for link in re.findall(r'<a href="([^"]*sort=[^"]*)"', page)]


@contextmanager
def explained(runtime: Runtime) -> Iterator[list[dict[str, Any]]]:
    """Explains every statement that reads a page of a table, where it was sent."""
    plans: list[dict[str, Any]] = []

    def explain(connection: Connection, *told: Any) -> None:
        statement, params = told[1:3]
        if " AS _value" not in statement:
            return
        raw = connection.connection.cursor()
        tried = []
        # Ten thousand rows are soon sorted: then it must be able to do without, as for a million.
        for setting in ("on", "off"):
            raw.execute(f"SET LOCAL enable_sort = {setting}")
            raw.execute(f"EXPLAIN (ANALYZE, FORMAT JSON) {statement}", params)
            (answer,) = raw.fetchone() or ([{}],)
            tried.append(answer[0]["Plan"])
            if count_touched(tried[-1]) < _MOST_TOUCHED:
                break
        raw.execute("SET LOCAL enable_sort = on")
        plans.append(tried[-1])

    event.listen(runtime.office_database, "after_cursor_execute", explain)
    try:
        yield plans
    finally:
        event.remove(runtime.office_database, "after_cursor_execute", explain)


def count_touched(plan: dict[str, Any]) -> float:
    """Counts the rows that the dearest node of a plan gave or threw away."""
    thrown = plan.get("Rows Removed by Filter", 0) + plan.get("Rows Removed by Join Filter", 0)
    own: float = (plan["Actual Rows"] + thrown) * plan["Actual Loops"]
    return max([own, *map(count_touched, plan.get("Plans", []))])


def draw(plan: dict[str, Any], depth: int = 0) -> list[str]:
    """Draws a plan, a node a line: what it reads, by what, and how many rows."""
    said = ("Node Type", "Relation Name", "Index Name", "Actual Rows", "Actual Loops")
    shown = [
        str(plan[name])
        for name in (*said, "Rows Removed by Filter", "Filter", "Index Cond")
        if name in plan
    ]
    lines = [" " * depth + " | ".join(shown)]
    for inner in plan.get("Plans", []):
        lines += draw(inner, depth + 2)
    return lines


_HOSTILE_ORDERS = (
    "id",
    "-",
    "--asked",
    "asked desc",
    "asked;drop table help_request",
    "1",
    "'",
    "ASKED",
    "٤",
)
_HOSTILE_PLACES = (
    "x",
    "1",
    "[]",
    "[1]",
    "[1,2]",
    '["x",2]',
    '["2026-11-01",2]',
    '["2026-11-01T00:00:00",2]',
    '["2026-11-01T00:00:00+00:00","2"]',
    '["2026-11-01T00:00:00+00:00",true]',
    '["2026-11-01T00:00:00+00:00",99999999999999999999]',
    '["2026-11-01T00:00:00+00:00",NaN]',
    '["2026-11-01T00:00:00+00:00",null]',
    '["2026-11-01T00:00:00+00:00",1,1]',
    '{"a":1}',
    "[" * 3000,
    '["\\ud800",1]',
    '["\\u0000",1]',
    '["2026-13-01T00:00:00+00:00",1]',
)
# Far, and nothing there.
_FAR_PLACES = (
    '["0001-01-01T00:00:00+23:59",-9223372036854775807]',
    '["9999-12-31T23:59:59-23:59",9223372036854775807]',
)


@pytest.mark.usefixtures("sample_people")
def test_an_address_that_means_no_rows_is_refused_in_words(sign_in: SignIn) -> None:
    desk = sign_in("helpdesk")
    for order in _HOSTILE_ORDERS:
        answer = desk.get(f"/office/requests?sort={quote(order)}")
        assert answer.status_code == 400 and "Ordre" in answer.text, order
    for place in _HOSTILE_PLACES:
        for side in ("after", "before"):
            answer = desk.get(f"/office/requests?{side}={quote(place)}")
            assert answer.status_code == 400 and "tableau" in answer.text, place
    for place in _FAR_PLACES:
        for side in ("after", "before"):
            assert desk.get(f"/office/requests?{side}={quote(place)}").status_code == 200, place
    # Places in words.
    for place in ('["\\ud800",1]', '["\\u0000",1]', "[1,1]"):
        assert desk.get(f"/office/requests?sort=language&after={quote(place)}").status_code == 400
    hostile = json.dumps(["' OR 1=1 --", 1])
    assert desk.get(f"/office/requests?sort=language&after={quote(hostile)}").status_code == 200


@pytest.mark.usefixtures("sample_people")
@pytest.mark.parametrize("language", ["fr", "ar"])
def test_a_queue_that_moves_is_walked_whole_both_ways(
    sign_in: SignIn, owner: Engine, language: str
) -> None:
    """By a column of three values, so that a page begins among equal ones; filtered, too."""
    with owner.begin() as connection:
        add_requests(connection, range(0, 400))
    desk = sign_in("helpdesk")
    desk.set_cookie("language", language)
    kept = set(range(0, 400, 2))
    address = f"/office/requests?sort=-language&desk=bank&language={language}"
    dice = random.Random(4)
    for way in ("next", "prev"):
        seen: list[int] = []
        last = address
        while address:
            answer = desk.get(address, follow_redirects=True)
            assert answer.status_code == 200
            last = answer.request.full_path
            page = answer.text
            assert ('dir="rtl"' in page) == (language == "ar")
            rows = [
                int(found) - 1000000
                for found in re.findall(
                    r'<th scope="row"><a href="/office/requests/([0-9]+)"', page
                )
            ]
            seen += rows if way == "next" else rows[::-1]
            assert "-language" in page and "desk=bank" in page
            with owner.begin() as connection:
                gone = dice.randrange(1, 400, 2)
                connection.exec_driver_sql(
                    f"UPDATE help_request SET state = 'done' WHERE reference = '{1000000 + gone}'"
                )
                add_requests(connection, [dice.randrange(1000, 100000)])
            address = find_link(page, way) or ""
        assert sorted(one for one in seen if one in kept) == sorted(kept), way
        # The way back begins at the last page.
        address = last


def add_requests(connection: Connection, numbers: Any) -> None:
    for number in numbers:
        connection.exec_driver_sql(
            "INSERT INTO help_request (reference, kind, topic, phone, language, asked_at,"
            " changed_at) VALUES (%s, 'bank', 't', %s, %s, now(), now()) ON CONFLICT DO NOTHING",
            (str(1000000 + number), f"+2126{number:08}", ("fr", "ar", "zgh")[number % 3]),
        )


def test_pages_of_a_table_that_moves_hold_every_untouched_row_once(owner: Engine) -> None:
    """Both ways, in both orders, by a number, a text and the key itself."""
    with owner.begin() as connection:
        table = Table(
            "moving",
            MetaData(),
            Column("id", Integer, primary_key=True),
            Column("rank", Integer),
            Column("word", Text),
            prefixes=["TEMPORARY"],
        )
        table.create(connection)
        columns = {"rank": table.c.rank, "word": table.c.word, "id": table.c.id}
        sorting = Sorting(columns, table.c.id, "id")
        for seed, order in enumerate(("rank", "-rank", "word", "-word", "id", "-id")):
            walk_both_ways(connection, table, sorting, order, random.Random(seed))


def walk_both_ways(
    connection: Connection, table: Table, sorting: Sorting, order: str, dice: random.Random
) -> None:
    connection.execute(table.delete())
    rows = [make_row(number * 10, dice) for number in range(150)]
    connection.execute(table.insert(), rows)
    kept = {row["id"] for row in rows if row["id"] % 20 == 0}
    asked, seen = RowsAsked(order, dice.randrange(1, 12)), []
    while True:
        page = read_rows(connection, table, sorting, asked)
        seen += page.rows
        move(connection, table, dice)
        if page.after is None:
            break
        asked = RowsAsked(order, asked.most, page.after)
    assert sorted(one for one in seen if one in kept) == sorted(kept)
    seen = page.rows[::-1]
    while page.before is not None:
        page = read_rows(
            connection, table, sorting, RowsAsked(order, asked.most, page.before, True)
        )
        seen += page.rows[::-1]
        move(connection, table, dice)
    assert sorted(one for one in seen if one in kept) == sorted(kept)


def read_rows(
    connection: Connection, table: Table, sorting: Sorting, asked: RowsAsked
) -> PageOfRows[int]:
    return read_page(connection, select(table.c.id), sorting, asked, lambda row: row.id)


def make_row(number: int, dice: random.Random) -> dict[str, object]:
    return {"id": number, "rank": dice.randrange(4), "word": dice.choice(["", "a", "b", "é", "ب"])}


def move(connection: Connection, table: Table, dice: random.Random) -> None:
    """Takes a row away and brings another, anywhere, among those that may move."""
    connection.execute(table.delete().where(table.c.id == dice.randrange(1, 150, 2) * 10))
    new = make_row(dice.randrange(2000) * 10 + dice.randrange(1, 9), dice)
    connection.execute(table.delete().where(table.c.id == new["id"]))
    connection.execute(table.insert(), [new])
