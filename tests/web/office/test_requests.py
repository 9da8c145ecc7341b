"""The queue of requests: who sees which, taken by one, handed over, late, and quick when long."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from datetime import date, timedelta
from threading import Barrier
from urllib.parse import quote

import pytest
from flask.testing import FlaskClient
from sqlalchemy import Engine, select, text

from app.assistance.queue import _COLUMNS, QUEUE_SORTING, QueueFilter, _narrow
from app.assistance.rules import call_by, last_late_day
from app.assistance.service import NewRequest, ask_for_help
from app.base.operation import operation
from app.base.phone import Phone
from app.runtime import Runtime
from app.wall import Sight, stand_behind
from tests.web.office.conftest import SignIn, post, tokens_of
from tests.web.office.cost import measure_page
from tests.web.office.test_people import AICHA, HASSAN, ask, id_of

pytestmark = pytest.mark.usefixtures("sample_people")


def make(runtime: Runtime, kind: str, topic: str, phone: str, person: int | None = None) -> str:
    with operation(runtime.database, runtime.clock(), "artisan") as change:
        wanted = NewRequest(kind, topic, Phone(phone), "fr", person)
        return ask_for_help(change, runtime.services, wanted)[0].reference


def test_each_desk_sees_its_own_requests(
    sign_in: SignIn, runtime: Runtime, engine: Engine, owner: Engine
) -> None:
    made = {
        "bank": make(runtime, "bank", "account", HASSAN, id_of(engine, HASSAN)),
        "dar": make(runtime, "dar", "credit", HASSAN, id_of(engine, HASSAN)),
        "export": make(runtime, "export", "fairs", AICHA, id_of(engine, AICHA)),
        "enrolment": make(runtime, "enrolment", "any", "+212600000099"),
        "call_back": make(runtime, "call_back", "any", AICHA, id_of(engine, AICHA)),
    }
    # Development's chamber is Hassan's, and not Aicha's.
    expected = {
        "helpdesk": set(made),
        "auditor": set(made),
        "cnss": {"enrolment"},
        "chamber": {"bank", "dar"},
    }
    for role, kinds in expected.items():
        browser = sign_in(role)
        page = browser.get("/office/requests").text
        assert {kind for kind, reference in made.items() if reference in page} == kinds, role
        for kind, reference in made.items():
            status = browser.get(f"/office/requests/{reference}").status_code
            assert status == (200 if kind in kinds else 404), (role, kind)
            step = post(browser, f"/office/requests/{reference}/called").status_code
            allowed = 403 if role == "auditor" else 303 if kind in kinds else 404
            assert step == allowed, (role, kind)
    desk = sign_in("helpdesk")
    for own in ("bank", "dar", "export"):
        with owner.begin() as connection:
            connection.execute(
                text("UPDATE office_user SET desk = :desk WHERE name = 'helpdesk'"), {"desk": own}
            )
        page = desk.get("/office/requests").text
        assert {kind for kind, reference in made.items() if reference in page} == {own}


def test_the_queue_shows_no_phone_and_one_request_does_for_a_look(
    sign_in: SignIn, runtime: Runtime, engine: Engine
) -> None:
    reference = make(runtime, "bank", "account", HASSAN, id_of(engine, HASSAN))
    browser = sign_in("helpdesk")
    assert HASSAN not in browser.get("/office/requests").text
    assert HASSAN in browser.get(f"/office/requests/{reference}").text
    hassan = id_of(engine, HASSAN)
    shown = "SELECT actor, subject FROM audit_event WHERE action = 'request_shown'"
    assert ask(engine, shown) == [("helpdesk", f"artisan:{hassan}")]
    page = browser.get(f"/office/people/{hassan}?reason=check").text
    assert "demande, téléphones" in page
    assert reference in post(browser, "/office/people", q=reference).text


def test_one_of_two_officers_takes_a_request(
    sign_in: SignIn, runtime: Runtime, engine: Engine
) -> None:
    reference = make(runtime, "call_back", "any", HASSAN)
    first, second = sign_in("helpdesk"), sign_in("office")
    address = f"/office/requests/{reference}"
    assert post(first, f"{address}/take").headers["Location"].endswith("done=take")
    late = post(second, f"{address}/take")
    assert late.headers["Location"].endswith("done=too-late")
    assert "plus rapide" in second.get(late.headers["Location"]).text
    assert ask(engine, "SELECT owner FROM help_request") == [("helpdesk",)]
    assert post(second, f"{address}/take-over").status_code == 303
    assert ask(engine, "SELECT owner FROM help_request") == [("office",)]


def test_of_two_officers_at_once_one_takes_a_request(
    sign_in: SignIn, runtime: Runtime, engine: Engine
) -> None:
    reference = make(runtime, "call_back", "any", HASSAN)
    address, together = f"/office/requests/{reference}", Barrier(2)
    forms = [
        (browser, tokens_of(browser.get(address)))
        for browser in map(sign_in, ("helpdesk", "office"))
    ]

    def take(form: tuple[FlaskClient, dict[str, str]]) -> str:
        browser, tokens = form
        together.wait()
        return browser.post(f"{address}/take", data=tokens).headers["Location"].partition("=")[2]

    with ThreadPoolExecutor(2) as pool:
        answers = list(pool.map(take, forms))
    assert sorted(answers) == ["take", "too-late"]
    winner = ("helpdesk", "office")[answers.index("take")]
    assert ask(engine, "SELECT owner FROM help_request") == [(winner,)]
    taken = "SELECT actor FROM audit_event WHERE action = 'help_taken'"
    assert ask(engine, taken) == [(winner,)]


def test_the_queue_is_narrowed_by_desk_language_age_and_owner(
    sign_in: SignIn, runtime: Runtime, owner: Engine
) -> None:
    bank = make(runtime, "bank", "account", HASSAN)
    tachelhit, old = make(runtime, "call_back", "any", AICHA), make(runtime, "dar", "credit", AICHA)
    with owner.begin() as connection:
        change = "UPDATE help_request SET {} WHERE reference = :r"
        connection.execute(text(change.format("language = 'zgh'")), {"r": tachelhit})
        late = "asked_at = asked_at - interval '9 days'"
        connection.execute(text(change.format(late)), {"r": old})
    browser = sign_in("helpdesk")
    post(browser, f"/office/requests/{bank}/take")
    for query, expected in {
        "": {bank, tachelhit, old},
        "desk=bank": {bank},
        "speaks=zgh": {tachelhit},
        "age=late": {old},
        "age=mine": {bank},
        "desk=dar&age=late&speaks=fr": {old},
        "desk=dar&age=mine": set(),
        "desk=police&speaks=tlh&age=never": {bank, tachelhit, old},
    }.items():
        page = browser.get(f"/office/requests?{query}").text
        assert {one for one in (bank, tachelhit, old) if one in page} == expected, query


def test_a_request_is_called_handed_over_and_closed_with_an_outcome(
    sign_in: SignIn, runtime: Runtime, engine: Engine
) -> None:
    reference = make(runtime, "call_back", "any", HASSAN)
    browser, address = sign_in("helpdesk"), f"/office/requests/{reference}"
    post(browser, f"{address}/called")
    assert ask(engine, "SELECT called_at FROM help_request") == [(runtime.clock(),)]
    for wrong in ("", "police"):
        assert post(browser, f"{address}/hand-over", desk=wrong).status_code == 400
        assert post(browser, f"{address}/close", outcome=wrong).status_code == 400
    assert post(browser, f"{address}/hand-over", desk="claims").status_code == 303
    assert reference in sign_in("cnss").get("/office/requests").text
    assert post(browser, f"{address}/close", outcome="helped").status_code == 303
    assert ask(engine, "SELECT state, outcome FROM help_request") == [("done", "helped")]
    again = post(browser, f"{address}/close", outcome="unreachable")
    assert again.headers["Location"].endswith("too-late")
    assert ask(engine, "SELECT outcome FROM help_request") == [("helped",)]
    assert reference not in browser.get("/office/requests").text


def test_what_is_past_the_promise_is_late(
    sign_in: SignIn, runtime: Runtime, engine: Engine
) -> None:
    reference = make(runtime, "call_back", "any", HASSAN)
    clock = runtime.clock
    assert "en retard</strong>" not in sign_in("helpdesk").get("/office/requests").text
    clock.now = runtime.clock() + timedelta(days=4)  # type: ignore[attr-defined]
    browser = sign_in("helpdesk")
    assert "en retard</strong>" in browser.get("/office/requests").text
    assert reference in browser.get("/office/requests?age=late").text
    assert "Demandes en retard" in browser.get("/office").text


def test_the_last_late_day_is_the_last_one_that_is_late() -> None:
    for closed in (lambda _day: False, lambda day: day.day in {11, 12, 13, 16}):
        for offset in range(40):
            today = date(2026, 11, 1) + timedelta(days=offset)
            last = last_late_day(today, closed)
            assert call_by(last, closed) < today <= call_by(last + timedelta(days=1), closed)


@pytest.fixture
def long_queue(owner: Engine) -> None:
    """A hundred thousand requests that wait, of six languages and six desks."""
    with owner.begin() as connection:
        connection.execute(text("SET LOCAL statement_timeout = 0"))
        # Its people are there: asking for each would take longer than all else.
        connection.execute(text("SET LOCAL session_replication_role = replica"))
        connection.execute(
            text("""
                INSERT INTO help_request (reference, kind, topic, phone, language, artisan_id,
                    asked_at, changed_at)
                SELECT (1000000 + n)::text,
                    (ARRAY['bank', 'dar', 'export', 'enrolment', 'call_back'])[1 + n % 5], 't',
                    '+2126' || lpad(n::text, 8, '0'), (ARRAY['fr', 'ar', 'zgh'])[1 + n % 3],
                    CASE WHEN n % 2 = 0 THEN (SELECT min(id) FROM artisan) + n % 8 END,
                    timestamptz '2026-11-01' + n * interval '15 seconds', now()
                FROM generate_series(1, 100000) n
            """)
        )
        connection.execute(text("ANALYZE help_request"))


def test_a_queue_of_a_hundred_thousand_pages_at_once(
    sign_in: SignIn, long_queue: None, runtime: Runtime, engine: Engine
) -> None:
    with engine.begin() as connection:
        stand_behind(connection, Sight("helpdesk", "helpdesk"))
        # Of one officer's own no row is read in vain, behind the wall too.
        queue = _narrow(select(*_COLUMNS), QueueFilter(owner="nadia")).limit(50)
        query = queue.compile(connection.engine, compile_kwargs={"literal_binds": True})
        plan = connection.exec_driver_sql(f"EXPLAIN ANALYZE {query}").scalars().all()
        assert "Removed" not in "\n".join(plan), plan
    orders = [f"{down}{word}" for word in QUEUE_SORTING.columns for down in ("", "-")]
    filters = ("", "&desk=enrolment&speaks=zgh", "&desk=bank", "&age=late", "&age=mine")
    # Deep inside: five days on.
    there = quote('["2026-11-06T00:00:00+00:00",1]')
    queries = [f"sort=asked&after={there}", f"sort=-asked&before={there}"]
    queries += [f"sort={order}{filters[n % len(filters)]}" for n, order in enumerate(orders)]
    queries += [f"sort=asked{part}" for part in filters]
    for role in ("helpdesk", "chamber", "cnss"):
        browser = sign_in(role)
        for query in queries:
            address = f"/office/requests?{query}"
            cost = measure_page(browser, runtime.office_database, address)
            print(f"{role} {query}: {cost}")
            # On the wall it waits for whatever else runs.
            assert cost.work < 100, (role, query, str(cost))
