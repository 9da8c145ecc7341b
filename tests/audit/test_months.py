"""The audit is in partitions by month, made ahead, and lists read those they need."""

from __future__ import annotations

from datetime import UTC, date, datetime, time, timedelta

import pytest
from sqlalchemy import Engine, text
from sqlalchemy.exc import DBAPIError, IntegrityError

from app.audit.checking import find_broken_seals
from app.audit.lists import AUDIT_SORTING, AuditQuery, list_audit_page
from app.audit.months import find_last_audit_month, prepare_audit_months
from app.audit.sealing import Sealer
from app.audit.service import record_audit
from app.base.operation import operation
from app.checks.engines import check_partitions
from app.jobs.housekeeping import Housekeeping
from app.runtime import Runtime
from tests.conftest import NOW
from tests.plans import list_tables_read

_PLACES = text("SELECT DISTINCT tableoid::regclass::text FROM audit_event")


def write(runtime: Runtime, at: datetime, rows: int = 1) -> None:
    with operation(runtime.database, at, "worker") as change:
        for number in range(rows):
            record_audit(change, "tried", f"month:{number}")


def prepare(runtime: Runtime) -> int:
    with operation(runtime.database, runtime.clock(), "worker") as change:
        return prepare_audit_months(change)


def find_last(runtime: Runtime) -> date:
    with runtime.database.connect() as connection:
        last = find_last_audit_month(connection)
    assert last
    return last


def set_day(runtime: Runtime, day: date) -> datetime:
    runtime.clock.now = datetime.combine(day, time(12), UTC)  # type: ignore[attr-defined]
    return runtime.clock()


def list_places(runtime: Runtime) -> set[str]:
    with runtime.database.connect() as connection:
        return set(connection.execute(_PLACES).scalars())


def test_months_are_made_ahead_and_the_doctor_misses_them(runtime: Runtime) -> None:
    Housekeeping(runtime).do()
    told = check_partitions(runtime)
    last = find_last(runtime)
    assert told.endswith(f"the audit until {last}")
    set_day(runtime, last)
    with pytest.raises(RuntimeError, match=f"until {last}: `flask worker`|hops"):
        check_partitions(runtime)
    Housekeeping(runtime).do()
    assert check_partitions(runtime).endswith(f"the audit until {find_last(runtime)}")
    assert (find_last(runtime).month - last.month) % 12 == 3 and prepare(runtime) == 0


def test_what_no_month_was_made_for_moves_to_its_month_and_stays_sealed(runtime: Runtime) -> None:
    last, sealer = find_last(runtime), Sealer()
    now = set_day(runtime, last + timedelta(days=70))
    write(runtime, NOW)
    write(runtime, now)
    with operation(runtime.database, now, "worker") as change:
        assert sealer.seal(change) == 2
    assert list_places(runtime) == {"audit_event_first", "audit_event_rest"}
    assert prepare(runtime) > 3
    assert list_places(runtime) == {"audit_event_first", f"audit_event_{now:%Y%m}"}
    write(runtime, now)
    with operation(runtime.database, now, "worker") as change:
        assert sealer.seal(change) == 1
        assert find_broken_seals(change.connection) == {}


def test_a_long_reader_of_the_audit_holds_the_months_back_and_no_writer(runtime: Runtime) -> None:
    set_day(runtime, find_last(runtime))
    with runtime.database.connect() as reader:
        reader.execute(text("SELECT count(*) FROM audit_event"))
        assert prepare(runtime) == 0
        write(runtime, runtime.clock())
    assert prepare(runtime) == 3


def test_no_month_is_emptied_and_no_row_changed_by_its_own_table(
    runtime: Runtime, owner: Engine
) -> None:
    write(runtime, NOW)
    set_day(runtime, find_last(runtime))
    assert prepare(runtime) == 3
    month = f"audit_event_{find_last(runtime):%Y%m}"
    attacks = [f"TRUNCATE {table}" for table in ("audit_event_first", "audit_event_rest", month)]
    for attack in (*attacks, "DELETE FROM audit_event_first"):
        with pytest.raises(DBAPIError, match="never changed"), owner.begin() as connection:
            connection.execute(text(attack))


def test_a_break_names_an_audit_event_that_is_there(runtime: Runtime) -> None:
    opening = text(
        "INSERT INTO reconciliation_break (kind, state, network, opened_at, audit_event_id)"
        " SELECT 'missing_here', 'open', 'wafacash', now(), max(id) + :more FROM audit_event"
    )
    write(runtime, NOW)
    with runtime.owners_database.begin() as connection:
        connection.execute(opening, {"more": 0})
    with (
        pytest.raises(IntegrityError, match="is not there"),
        runtime.owners_database.begin() as connection,
    ):
        connection.execute(opening, {"more": 1})


def test_a_list_reads_the_months_that_it_needs_alone(runtime: Runtime) -> None:
    day = find_last(runtime) + timedelta(days=5)
    write(runtime, NOW, 60)
    write(runtime, set_day(runtime, day), 60)
    month = f"audit_event_{day:%Y%m}"
    assert read_from(runtime, AuditQuery()) <= {month, "audit_event_rest"}
    assert read_from(runtime, AuditQuery(looks=True, first=day, last=day)) == {month}
    assert read_from(runtime, AuditQuery(first=NOW.date(), last=NOW.date())) == {
        "audit_event_first"
    }


def read_from(runtime: Runtime, query: AuditQuery) -> set[str]:
    newest = AUDIT_SORTING.first(50)
    return list_tables_read(runtime, lambda connection: list_audit_page(connection, query, newest))
