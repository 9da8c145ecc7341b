"""Statements by the driver alone: what they return, and how a connection of no more use is left."""

from __future__ import annotations

import gc
import sys

import pytest
from psycopg.errors import DivisionByZero
from psycopg.pq import ConnStatus
from sqlalchemy import Engine, Integer, bindparam, literal, select, text
from sqlalchemy.exc import DataError

from app.base.database import reading, transaction
from app.base.deadline import Deadline
from app.base.driver import Prepared, by_driver
from app.base.errors import Unavailable
from app.runtime import Runtime

_PID = Prepared(text("SELECT pg_backend_pid()"))
_END = Prepared(text("SELECT pg_terminate_backend(CAST(:pid AS integer), 5000)"))
_READ_ONLY = Prepared(text("SELECT set_config('default_transaction_read_only', 'on', false)"))


def test_prepared_statement_gives_the_same_rows_by_the_driver_and_by_sqlalchemy(
    engine: Engine,
) -> None:
    number, word = bindparam("number"), bindparam("word")
    constant = literal("50 % of '$1'").label("constant")
    listed = literal(2).in_([1, 2, 3]).label("listed")
    statement = Prepared(select(constant, listed, number.label("n"), word.label("w")))
    values = {"number": 2**40, "word": "%s $1 :word"}
    with by_driver(engine) as connection:
        row = statement.fetch_one(connection, **values)
    with reading(engine) as usual:
        assert tuple(statement.fetch_one(usual, **values)) == tuple(row)
    assert (row.constant, row.listed, row.n, row.w) == ("50 % of '$1'", True, *values.values())


def test_statements_that_the_server_forgot_are_prepared_anew(engine: Engine) -> None:
    """As a pooler does with a connection that it gives to another, and the driver after DDL."""
    statement = Prepared(select(bindparam("number", type_=Integer)))
    with by_driver(engine) as connection:
        assert statement.fetch_value(connection, number=1) == 1
        Prepared(text("DEALLOCATE ALL")).fetch_all(connection)
        assert statement.fetch_value(connection, number=2) == 2


def test_statements_stay_prepared_when_a_transaction_or_a_part_of_it_is_rolled_back(
    engine: Engine,
) -> None:
    engine.dispose()
    hop, usual = text("SELECT :number + 1"), text("SELECT :number + 2")
    names = text("SELECT statement FROM pg_prepared_statements ORDER BY statement")
    with by_driver(engine) as connection:
        assert Prepared(hop).fetch_value(connection, number=1) == 2
    for _ in range(7):  # the driver prepares what it was given five times
        with engine.connect() as reader:
            assert reader.execute(usual, {"number": 1}).scalar_one() == 3
    with engine.connect() as reader:
        reader.begin_nested().rollback()
        assert list(reader.execute(names).scalars()) == ["SELECT $1 + 1", "SELECT $1 + 2"]


def test_statement_of_a_column_whose_type_was_changed_is_prepared_anew(engine: Engine) -> None:
    """As by a migration of a newer version, while this one answers."""
    statement = Prepared(text("SELECT number FROM changed"))
    with by_driver(engine) as connection:
        Prepared(text("CREATE TEMPORARY TABLE changed AS SELECT 1 AS number")).fetch_all(connection)
        assert statement.fetch_value(connection) == 1
        change = text("ALTER TABLE changed ALTER COLUMN number TYPE bigint")
        Prepared(change).fetch_all(connection)
        assert statement.fetch_value(connection) == 1
    engine.dispose()


@pytest.mark.parametrize("by_sqlalchemy", [False, True], ids=["by the driver", "by SQLAlchemy"])
def test_transaction_whose_statement_has_another_type_by_now_is_for_a_new_connection(
    engine: Engine, by_sqlalchemy: bool
) -> None:
    engine.dispose()
    asked = text("SELECT number FROM changed")
    prepared = Prepared(asked)

    def ask() -> tuple[int, int]:
        with transaction(engine) as connection:
            rows = connection.execute(asked) if by_sqlalchemy else prepared.fetch_all(connection)
            return _PID.fetch_value(connection), len(list(rows))

    with transaction(engine) as connection:
        connection.execute(text("CREATE TEMPORARY TABLE changed AS SELECT 1 AS number"))
    asked_before = {ask() for _ in range(7)}  # the driver prepares what it was given five times
    with transaction(engine) as connection:
        connection.execute(text("ALTER TABLE changed ALTER COLUMN number TYPE bigint"))
    with pytest.raises(Unavailable) as refused:
        ask()
    assert refused.value.params["dropped"]
    with transaction(engine) as connection:
        assert (_PID.fetch_value(connection), 1) not in asked_before


def test_prepared_statements_are_part_of_a_transaction_as_any_other(engine: Engine) -> None:
    number = text("SELECT pg_current_xact_id()::text")
    with transaction(engine) as connection:
        first = Prepared(number).fetch_value(connection)
        assert connection.execute(number).scalar_one() == first
        assert Prepared(number).fetch_value(connection) == first
    with transaction(engine) as connection:
        assert Prepared(number).fetch_value(connection) != first
    divided = Prepared(text("SELECT 1 / CAST(:number AS integer)"))
    with pytest.raises(DataError), transaction(engine) as connection:
        divided.fetch_value(connection, number=0)
    with transaction(engine) as connection:
        assert divided.fetch_value(connection, number=1) == 1


def test_connections_that_died_while_they_rested_cost_nobody_anything(engine: Engine) -> None:
    engine.dispose()  # what other tests left in the pool is alive
    with by_driver(engine) as one, by_driver(engine) as other:
        dead = {_PID.fetch_value(one), _PID.fetch_value(other)}
    with engine.connect() as third:
        for pid in dead - {_PID.fetch_value(third)}:
            _END.fetch_value(third, pid=pid)
        with by_driver(engine) as connection:
            assert _PID.fetch_value(connection) not in dead


def test_one_that_dies_while_it_is_used_is_told_and_the_others_are_left(engine: Engine) -> None:
    """As with PostgreSQL's restart: only one hop tries again (app/base/deadline.py)."""
    engine.dispose()
    with by_driver(engine) as one, by_driver(engine) as other:
        resting = _PID.fetch_value(other)
        with pytest.raises(Unavailable) as refused, by_driver(engine) as connection:
            _END.fetch_value(one, pid=_PID.fetch_value(connection))
            _PID.fetch_value(connection)
    assert refused.value.params["dropped"]
    with by_driver(engine) as one, by_driver(engine) as other:
        assert resting not in {_PID.fetch_value(one), _PID.fetch_value(other)}


def test_a_connection_that_nobody_came_for_ends_and_is_no_fault(
    runtime: Runtime, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As where a server was slow to answer who asked, and nobody asked again."""
    faults: list[object] = []
    monkeypatch.setattr(sys, "unraisablehook", faults.append)
    url = runtime.database.url.render_as_string(False).replace("+psycopg", "", 1)
    opened = Deadline(1, threads=1).open(lambda kind: kind.connect(url))
    connection = opened.pgconn
    del opened
    gc.collect()
    assert (connection.status, faults) == (ConnStatus.BAD, [])


def test_connection_to_a_server_that_became_a_replica_is_left(engine: Engine) -> None:
    write = Prepared(text("SELECT nextval('receipt_serial')"))
    with pytest.raises(Unavailable) as refused, by_driver(engine) as connection:
        replica = _PID.fetch_value(connection)
        _READ_ONLY.fetch_value(connection)
        write.fetch_value(connection)
    assert refused.value.params["dropped"]
    with by_driver(engine) as connection:
        assert _PID.fetch_value(connection) != replica
        assert write.fetch_value(connection)


def test_any_other_error_is_told_as_it_is(engine: Engine) -> None:
    divided = Prepared(text("SELECT 1 / CAST(:number AS integer)"))
    with pytest.raises(DivisionByZero), by_driver(engine) as connection:
        divided.fetch_value(connection, number=0)
    with by_driver(engine) as connection:
        assert divided.fetch_value(connection, number=1) == 1
