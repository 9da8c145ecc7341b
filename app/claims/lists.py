"""Reads claims in pages of a table, for those who work at CNSS; nobody's name."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date

from sqlalchemy import Connection, func, select

from app.base.money import Money, read_stored_amount
from app.base.rows import read_row
from app.claims.models import claim


@dataclass(frozen=True, slots=True)
class ListedClaim:
    """A claim by CNSS's own number; `collection` is how the artisan wants the money."""

    id: int
    number: str
    state: str
    filed_on: date
    as_of: date
    amount_centimes: int | None
    collection: str | None

    @property
    def amount(self) -> Money | None:
        return read_stored_amount(self.amount_centimes)


_LISTED = tuple(claim.c[name] for name in ListedClaim.__slots__)


def list_claims(
    connection: Connection, state: str | None, after: int | None, most: int
) -> list[ListedClaim]:
    """Returns at most `most` claims, the newest number of ours first, after the row named."""
    statement = select(*_LISTED).order_by(claim.c.id.desc()).limit(most)
    if state is not None:
        statement = statement.where(claim.c.state == state)
    if after is not None:
        statement = statement.where(claim.c.id < after)
    return [read_row(ListedClaim, row) for row in connection.execute(statement)]


def count_claims(connection: Connection) -> dict[str, int]:
    """Returns how many claims are in each state."""
    counted = select(claim.c.state, func.count().label("claims")).group_by(claim.c.state)
    return {row.state: row.claims for row in connection.execute(counted)}
