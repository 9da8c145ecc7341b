"""Reads claims in pages of a table, for those who work at CNSS; nobody's name."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date

from sqlalchemy import Connection, func, select

from app.base.money import Money, read_stored_amount
from app.base.paging import PageOfRows, RowsAsked, Sorting, read_page
from app.base.rows import read_row
from app.claims.models import claim, known_amount


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


CLAIM_SORTING = Sorting(
    {
        "number": claim.c.number,
        "state": claim.c.state,
        "amount": known_amount,
        "filed": claim.c.filed_on,
        "as_of": claim.c.as_of,
    },
    claim.c.id,
    "-as_of",
)


def list_claims(
    connection: Connection, state: str | None, asked: RowsAsked
) -> PageOfRows[ListedClaim]:
    """Returns the claims that are asked for, of a state or of all."""
    statement = select(*_LISTED)
    if state is not None:
        statement = statement.where(claim.c.state == state)
    return read_page(
        connection, statement, CLAIM_SORTING, asked, lambda row: read_row(ListedClaim, row)
    )


def count_claims(connection: Connection) -> dict[str, int]:
    """Returns how many claims are in each state."""
    counted = select(claim.c.state, func.count().label("claims")).group_by(claim.c.state)
    return {row.state: row.claims for row in connection.execute(counted)}
