"""The wall alone: what the database shows each role, whatever a page asks."""

from __future__ import annotations

import pytest
from sqlalchemy import Engine, func, select, text
from sqlalchemy.exc import DBAPIError

from app.base.database import metadata
from app.enrolment.models import artisan
from app.office.samples import SAMPLE_USERS
from app.wall import RULES, Sight, hold, stand_behind, step_out

pytestmark = pytest.mark.usefixtures("sample_people")


def sight(role: str, region: str | None = None, network: str | None = None) -> Sight:
    own = SAMPLE_USERS[role]
    return Sight(role, role, region or own.region, network or own.network)


def count(engine: Engine, seen: Sight, table: str) -> int:
    with engine.begin() as connection:
        stand_behind(connection, seen)
        rows = select(func.count()).select_from(metadata.tables[table])
        return int(connection.execute(rows).scalar_one())


def test_each_role_sees_its_people_alone(engine: Engine) -> None:
    with engine.connect() as connection:
        found = connection.execute(
            select(artisan.c.region, func.count().label("people")).group_by(artisan.c.region)
        )
        regions = {row.region: row.people for row in found}
    everybody = sum(regions.values())
    assert len(regions) > 1
    assert count(engine, sight("helpdesk"), "artisan") == everybody
    assert count(engine, sight("auditor"), "artisan") == everybody
    for region, people in regions.items():
        assert count(engine, sight("chamber", region=region), "artisan") == people
    for role in ("analyst", "wafacash", "cnss", "operator"):
        assert count(engine, sight(role), "artisan") == 0, role
        assert (count(engine, sight(role), "claim") > 0) == (role == "cnss"), role


def test_a_network_sees_its_own_agencies_alone(engine: Engine) -> None:
    assert count(engine, sight("wafacash"), "agency") > 0
    assert count(engine, sight("wafacash", network="other"), "agency") == 0
    assert count(engine, sight("wafacash", network="other"), "agent") == 0
    assert count(engine, sight("helpdesk"), "agent") == 0


def test_who_is_not_named_sees_nothing(engine: Engine) -> None:
    for name in RULES:
        if name != "town":
            assert count(engine, Sight("", ""), name) == 0, name


def test_a_row_is_acted_on_only_by_whom_the_wall_lets(engine: Engine) -> None:
    own = SAMPLE_USERS["chamber"].region
    with engine.begin() as connection:
        inside = connection.execute(select(artisan.c.id).where(artisan.c.region == own)).scalar()
        outside = connection.execute(select(artisan.c.id).where(artisan.c.region != own)).scalar()
    expected = {"chamber": (True, False), "helpdesk": (True, True), "auditor": (False, False)}
    for role, held in expected.items():
        with engine.begin() as connection:
            stand_behind(connection, sight(role))
            assert tuple(hold(connection, artisan, key) for key in (inside, outside)) == held, role


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE artisan SET region = region",
        "UPDATE agency SET code = code",
        "DELETE FROM artisan",
        "INSERT INTO audit_event (happened_at, actor, action, subject)"
        " VALUES (now(), 'a', 'b', 'c')",
        "SELECT password_hash FROM office_user",
        "SELECT body FROM message",
        "SELECT pin_hash FROM artisan_pin",
        "SELECT * FROM identification_attempt",
    ],
)
def test_behind_the_wall_nothing_is_written_and_no_secret_read(
    engine: Engine, statement: str
) -> None:
    with engine.connect() as connection:
        stand_behind(connection, sight("office"))
        with pytest.raises(DBAPIError) as refused:
            connection.execute(text(statement))
        assert refused.value.orig.sqlstate == "42501"  # type: ignore[union-attr]


def test_the_wall_ends_with_its_transaction(engine: Engine) -> None:
    with engine.connect() as connection:
        before = connection.execute(select(func.count()).select_from(artisan)).scalar_one()
        connection.rollback()
        stand_behind(connection, sight("analyst"))
        assert connection.execute(select(func.count()).select_from(artisan)).scalar_one() == 0
        step_out(connection)
        assert connection.execute(select(func.count()).select_from(artisan)).scalar_one() == before
        stand_behind(connection, sight("analyst"))
        connection.rollback()
        assert connection.execute(select(func.count()).select_from(artisan)).scalar_one() == before


def test_phones_meet_no_wall(engine: Engine) -> None:
    """The app's role is let through by a constant, which the planner takes away."""
    with engine.connect() as connection:
        plan = connection.execute(text("EXPLAIN SELECT * FROM artisan WHERE id = 1")).scalars()
        assert "current_setting" not in "".join(plan)
