"""A named type is filled from a row by labels, never by position."""

from dataclasses import dataclass

import pytest
from sqlalchemy import Engine, literal, select

from app.base.rows import read_row


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
