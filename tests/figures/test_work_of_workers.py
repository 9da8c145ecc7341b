"""Workers make the months that are due, draw what was asked for, and write lists, in turn."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta

import pytest
from flask.testing import FlaskClient
from sqlalchemy import Engine, func, select, text

from app.base.months import Month
from app.base.operation import operation
from app.figures.errors import MonthNotMade
from app.figures.models import picture, report_request
from app.figures.picture_queue import ask_for_pictures, forget_pictures, list_states
from app.figures.pictures import Picture, PictureRow
from app.figures.reports import NewReport, ask_for_report
from app.figures.service import list_unpublished_months, publish_month
from app.jobs.figures import FigureWork
from app.office.service import add_sample_users
from app.runtime import Runtime
from tests.figures.conftest import NOVEMBER
from tests.web.office.conftest import SignIn, sign_in  # noqa: F401 - a fixture of these tests too

_ROWS = (PictureRow("01", 15), PictureRow("02", 20))
_DECEMBER = datetime(2026, 12, 2, 9, 0, tzinfo=UTC)


def list_made(runtime: Runtime) -> dict[str, tuple[datetime, date]]:
    with runtime.database.connect() as connection:
        made = list_unpublished_months(connection)
    return {str(one.month): (one.made_at, one.register_on) for one in made}


def move(runtime: Runtime, by: timedelta) -> datetime:
    runtime.clock.now += by  # type: ignore[attr-defined]
    return runtime.clock()


def test_a_month_is_made_every_six_hours_and_until_it_is_published(
    runtime: Runtime, sample_people: None
) -> None:
    work, begin = FigureWork(runtime), runtime.clock()
    work.do()
    move(runtime, timedelta(hours=5))
    work.do()
    assert list_made(runtime) == {"2026-11": (begin, begin.date())}
    later = move(runtime, timedelta(hours=1))
    work.do()
    assert list_made(runtime) == {"2026-11": (later, later.date())}
    # Its register stays as it was made last while the month ran; the rest goes on.
    runtime.clock.now = _DECEMBER  # type: ignore[attr-defined]
    work.do()
    assert list_made(runtime) == {
        "2026-12": (_DECEMBER, _DECEMBER.date()),
        "2026-11": (_DECEMBER, later.date()),
    }
    with operation(runtime.database, _DECEMBER, "operator") as change:
        assert publish_month(change, NOVEMBER, early=False)
        details = change.connection.execute(
            text("SELECT details FROM audit_event WHERE action = 'figures_published'")
        ).scalar_one()
    assert details["register_on"] == f"{later.date()}"
    last = move(runtime, timedelta(hours=6))
    work.do()
    assert list_made(runtime) == {"2026-12": (last, last.date())}
    with runtime.database.connect() as connection:
        made = text("SELECT made_at FROM figure_month WHERE month = '2026-11-01'")
        assert connection.execute(made).scalar_one() == _DECEMBER


def test_a_month_that_could_not_be_made_is_tried_again_after_ten_minutes(
    runtime: Runtime, sample_people: None, owner: Engine
) -> None:
    sent = text(
        "INSERT INTO message (event_key, kind, phone, language, body, encoding, units, segments,"
        " state, provider, sent_at, created_at, due_at) VALUES ('x', 'receipt', '+212600000001',"
        " 'fr', 'x', 'GSM-7', 1, 1, 'sent', 'nobody', :now, :now, :now)"
    )
    with owner.begin() as connection:
        connection.execute(sent, {"now": runtime.clock() - timedelta(hours=1)})
    work = FigureWork(runtime)
    work.do()
    with owner.begin() as connection:
        connection.execute(text("DELETE FROM message"))
    move(runtime, timedelta(minutes=9))
    work.do()
    assert list_made(runtime) == {}
    move(runtime, timedelta(minutes=1))
    work.do()
    assert set(list_made(runtime)) == {"2026-11"}


def test_one_worker_at_a_time_makes_figures(runtime: Runtime, sample_people: None) -> None:
    first, second = FigureWork(runtime), FigureWork(runtime)
    number = int.from_bytes(b"figures!", "big")
    with runtime.database.begin() as busy:
        busy.execute(select(func.pg_advisory_xact_lock(number)))
        first.do()
        assert list_made(runtime) == {}
    second.do()
    assert set(list_made(runtime)) == {"2026-11"}


def test_a_picture_or_list_that_fails_stops_no_other_and_says_so(
    runtime: Runtime,
    sign_in: SignIn,  # noqa: F811
    client: FlaskClient,
    owner: Engine,
) -> None:
    now = runtime.clock()
    pictures = [
        Picture(f"own_{form}", form, form, "payments", "ltr", _ROWS)
        for form in ("nonsense", "bars", "tiles")
    ]
    with owner.begin() as connection:
        connection.execute(text("INSERT INTO published_month VALUES ('2026-10-01', now(), 'me')"))
        # A workbook has no such number.
        connection.execute(
            text("INSERT INTO published_figure VALUES ('2026-10-01', 'all', 'all', 'paid', 'NaN')")
        )
        connection.execute(
            text("INSERT INTO picture (digest, specification, asked_at) VALUES (:d, :s, :at)"),
            {"d": "0" * 64, "s": '["0", {}]', "at": now},
        )
    with operation(runtime.database, now, "operator") as change:
        add_sample_users(change)
        for file_format in ("xlsx", "csv"):
            ask_for_report(change, NewReport(file_format, None, None))
        ask_for_pictures(change.connection, pictures, now)
    # The public workbook has the same number, and comes last.
    with pytest.raises(TypeError):
        FigureWork(runtime).do()
    columns = report_request.c
    with owner.begin() as connection:
        states = connection.execute(select(columns.format, columns.state)).all()
        assert {tuple(row) for row in states} == {("xlsx", "failed"), ("csv", "ready")}
        drawn = list_states(connection, pictures)
        assert [drawn[one.digest] for one in pictures] == ["failed", "drawn", "drawn"]
    assert "pas faite: demander encore" in sign_in("operator").get("/office/figures").text
    assert client.get(f"/figures/pictures/{'0' * 64}.svg").status_code == 404
    with operation(runtime.database, now + timedelta(minutes=61), "worker") as change:
        assert forget_pictures(change) == 2
        left = change.connection.execute(select(picture.c.svg)).scalars().all()
    assert len(left) >= 2 and None not in left


@pytest.mark.parametrize("made_on", [23, 30])
def test_a_month_made_before_its_end_is_not_published_after_it(
    runtime: Runtime, sample_people: None, made_on: int
) -> None:
    runtime.clock.now = datetime(2026, 11, made_on, 9, 0, tzinfo=UTC)  # type: ignore[attr-defined]
    FigureWork(runtime).do()
    with (
        operation(runtime.database, _DECEMBER, "operator") as change,
        pytest.raises(MonthNotMade),
    ):
        publish_month(change, Month(2026, 11), early=False)
