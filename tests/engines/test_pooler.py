"""The service behind PgBouncer in transaction mode."""

from __future__ import annotations

import re
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from flask import Flask
from sqlalchemy import text
from sqlalchemy.exc import OperationalError

from app import create_app
from app.base.database import STATEMENT_MS, is_pooled, reading, transaction
from app.checks.engines import check_database, check_time_limits
from app.migrating import NotDirect, downgrade
from app.observe.hops import store_hops
from app.runtime import Runtime
from tests.conftest import TestClock, load_sample_people
from tests.pg_servers import PgBouncer, PgServer, opened, read_role
from tests.phone import TestPhone

FATIMA, HASSAN = "+212600000001", "+212600000002"
pytestmark = pytest.mark.xdist_group("own PostgreSQL")


@pytest.mark.parametrize("keeps", [False, True], ids=["keeps nothing", "keeps prepared"])
def test_everything_works_behind_a_pooler(
    runtime: Runtime,
    primary: PgServer,
    app_url: str,
    engine_folder: Path,
    tmp_path: Path,
    keeps: bool,
) -> None:
    """Debian 12's, and Debian 13's, which keeps prepared statements."""
    role = read_role(app_url)
    with opened(engine_folder, primary, role, newer=keeps) as pooler:
        settings = {
            "database_url": pooler.lead(app_url),
            "migrations_database_url": primary.url,
            "pooler_keeps_prepared": keeps,
        }
        maalem = Runtime(runtime.settings.model_copy(update=settings), clock=TestClock())
        for name in ("words", "ussd", "deadline", "redis"):
            maalem.__dict__[name] = getattr(runtime, name)
        try:
            load_sample_people(maalem, tmp_path)
            check_talks(maalem)
            assert bool(count_prepared(maalem)) == keeps
            check_limits(maalem, primary, pooler, role)
            with pytest.raises(NotDirect):
                downgrade(maalem.database, "base")
        finally:
            maalem.database.dispose()
            primary.run(f"ALTER ROLE {role} RESET ALL")


def check_talks(maalem: Runtime) -> None:
    app = create_app(maalem)
    assert check_database(maalem).endswith("by a pooler")
    # No more at once than a process works on: who waits for long is told so, and asks again.
    with ThreadPoolExecutor(4) as phones:
        codes = list(phones.map(lambda _: ask_for_codes(app), range(8)))
    assert all(len(each) == 6 for each in codes)
    assert len({code for each in codes for code in each}) == 2, "one live code of each person"
    while store_hops(maalem.database, maalem.redis):
        pass


def count_prepared(maalem: Runtime) -> int:
    """Returns how many statements a connection of the server has prepared."""
    with reading(maalem.database) as connection:
        names = connection.execute(text("SELECT name FROM pg_prepared_statements")).scalars()
        return len(list(names))


def ask_for_codes(app: Flask) -> list[str]:
    phone = TestPhone(app.test_client())
    codes = []
    for _ in range(3):
        for number in (FATIMA, HASSAN):
            phone.dial(number, "2*1")
            found = re.search(r"\d{4} \d{4} \d{4}", phone.screen)
            codes += [found[0]] if found else []
    return codes


def check_limits(maalem: Runtime, primary: PgServer, pooler: PgBouncer, role: str) -> None:
    """A transaction sets its own; what stands alone has the role's, and the doctor asks for it."""
    with reading(maalem.database) as connection:
        assert is_pooled(connection)
        assert connection.execute(text("SHOW TimeZone")).scalar() == "UTC"
    with pytest.raises(RuntimeError, match="ALTER ROLE"):
        check_time_limits(maalem)
    with (
        pytest.raises(Exception, match="unavailable"),
        transaction(maalem.database) as connection,
    ):
        connection.execute(text("SELECT pg_sleep(5)"))
    patient = maalem.patient_services.database
    with transaction(patient) as connection:
        assert connection.execute(text("SHOW statement_timeout")).scalar() == "30s"
    patient.dispose()
    for name, limit in (
        ("statement_timeout", STATEMENT_MS),
        ("idle_in_transaction_session_timeout", 600_000),
    ):
        primary.run(f"ALTER ROLE {role} SET {name} = {limit}")
    pooler.run("RECONNECT")
    assert "1500 ms" in check_time_limits(maalem)
    with reading(maalem.database) as connection, pytest.raises(OperationalError, match="timeout"):
        connection.execute(text("SELECT pg_sleep(5)"))
