"""A named type is filled from a row by labels, never by position."""

from dataclasses import dataclass
from datetime import UTC, datetime

import pytest
from sqlalchemy import Engine, literal, select, text

from app.base.rows import read_row, write_array


@dataclass(frozen=True)
class Pair:
    left: str
    right: int


def test_read_row_fills_fields_by_label_in_any_order(engine: Engine) -> None:
    with engine.connect() as connection:
        row = connection.execute(select(literal(2).label("right"), literal("a").label("left")))
        assert read_row(Pair, row.one()) == Pair("a", 2)


def test_read_row_refuses_a_label_that_is_no_field(engine: Engine) -> None:
    with engine.connect() as connection:
        row = connection.execute(select(literal(2).label("right"), literal("a").label("middle")))
        with pytest.raises(TypeError, match="middle"):
            read_row(Pair, row.one())


def test_array_that_was_written_is_read_as_what_stood_in_it(engine: Engine) -> None:
    moment = datetime(2026, 11, 30, 23, 0, tzinfo=UTC)
    written = write_array([None, moment]), write_array([10**12, None, 7]), write_array([])
    statement = text(
        "SELECT CAST(:moments AS timestamptz[]), CAST(:numbers AS bigint[]), CAST(:none AS date[])"
    )
    with engine.connect() as connection:
        values = dict(zip(("moments", "numbers", "none"), written, strict=True))
        read = connection.execute(statement, values).one()
    assert tuple(read) == ([None, moment], [10**12, None, 7], [])
