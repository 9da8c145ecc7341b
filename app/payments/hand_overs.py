"""Hands the cash of a till from one agent to the next, and keeps what was counted.

By the books an agent holds the day's deposits that were not reversed, and what was taken over from
others, less what was handed over before. A day begins at midnight in Morocco.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import (
    BigInteger,
    ColumnElement,
    Connection,
    Row,
    Select,
    func,
    literal,
    or_,
    select,
)
from sqlalchemy.dialects.postgresql import insert

from app.agents.models import agent
from app.agents.queries import Agent
from app.audit.service import record_decision
from app.base.clock import local_date
from app.base.money import Money
from app.base.operation import Operation
from app.payments.limits import select_day_total
from app.payments.models import till_hand_over


@dataclass(frozen=True, slots=True)
class TillHandOver:
    """Cash handed from agent to agent: `counted` by both, and `books` as the books have it."""

    id: int
    agency: str
    giver: str
    taker: str
    books: Money
    counted: Money
    handed_over_at: datetime

    @property
    def difference(self) -> Money:
        """The counted cash less the books': below zero if some is missing."""
        return self.counted - self.books


@dataclass(frozen=True, slots=True)
class HandOverRequest:
    """The wish of `giver` to hand `counted` to `taker`, both of whom typed their PIN.

    `form_key` names the page that was sent: the same again is the same hand-over.
    """

    giver: Agent
    taker: Agent
    counted: Money
    form_key: str


def hand_over_cash(operation: Operation, request: HandOverRequest) -> int:
    """Records a hand-over, and returns its number. It waits for the giver's deposits under way."""
    connection, columns = operation.connection, till_hand_over.c
    giver, taker = request.giver, request.taker
    ids = [giver.id, taker.id]
    # In the order of ids: two who hand over to each other never wait in a ring.
    connection.execute(
        select(agent.c.id).where(agent.c.id.in_(ids)).order_by(agent.c.id).with_for_update()
    )
    books = sum_cash_held(connection, giver.id, operation.now)
    values = {
        "agency_code": giver.agency_code,
        "day": local_date(operation.now),
        "from_agent_id": giver.id,
        "to_agent_id": taker.id,
        "books_centimes": books.centimes,
        "counted_centimes": request.counted.centimes,
        "handed_over_at": operation.now,
        "form_key": request.form_key,
    }
    added = insert(till_hand_over).values(values).on_conflict_do_nothing().returning(columns.id)
    number = connection.execute(added).scalar()
    if number is None:
        same = find_number_by_form(connection, giver.id, request.form_key)
        assert same is not None, "its index refused the second of two"
        return same
    record_decision(
        operation,
        "till_handed_over",
        f"agent:{giver.number}",
        f"agent:{taker.number}",
        agency=giver.agency_code,
        books=str(books),
        counted=str(request.counted),
    )
    return int(number)


def find_number_by_form(connection: Connection, giver_id: int, form_key: str) -> int | None:
    """Returns the number of the hand-over that a page of the agent recorded; None if none did."""
    columns = till_hand_over.c
    same = columns.from_agent_id == giver_id, columns.form_key == form_key
    return connection.execute(select(columns.id).where(*same)).scalar()


def sum_cash_held(connection: Connection, agent_id: int, now: datetime) -> Money:
    """Returns the cash that an agent holds by the books of the day; below zero after reversals."""
    columns, today = till_hand_over.c, till_hand_over.c.day == local_date(now)

    def sum_of(condition: ColumnElement[bool]) -> ColumnElement[int]:
        total = func.coalesce(func.sum(columns.counted_centimes), 0).cast(BigInteger)
        return select(total).where(condition, today).scalar_subquery()

    own = select_day_total("agent", literal(str(agent_id)))
    taken, given = (
        sum_of(columns.to_agent_id == agent_id),
        sum_of(columns.from_agent_id == agent_id),
    )
    params = {"day": local_date(now)}
    return Money(connection.execute(select(own + taken - given), params).scalar_one())


def list_hand_overs(connection: Connection, agent_id: int, now: datetime) -> list[TillHandOver]:
    """Returns the day's hand-overs from and to an agent, newest first."""
    columns = till_hand_over.c
    rows = connection.execute(
        _select_hand_overs()
        .where(or_(columns.from_agent_id == agent_id, columns.to_agent_id == agent_id))
        .where(columns.day == local_date(now))
        .order_by(columns.id.desc())
    )
    return [_read_hand_over(row) for row in rows]


def find_hand_over(connection: Connection, number: int, agency_code: str) -> TillHandOver | None:
    """Returns a hand-over of this agency; None for another agency's."""
    columns = till_hand_over.c
    row = connection.execute(
        _select_hand_overs().where(columns.id == number, columns.agency_code == agency_code)
    ).one_or_none()
    return _read_hand_over(row) if row else None


def _select_hand_overs() -> Select[*tuple[object, ...]]:
    giver, taker, columns = agent.alias("giver"), agent.alias("taker"), till_hand_over.c
    return (
        select(
            columns.id,
            columns.agency_code,
            giver.c.number.label("giver"),
            taker.c.number.label("taker"),
            columns.books_centimes,
            columns.counted_centimes,
            columns.handed_over_at,
        )
        .join(giver, giver.c.id == columns.from_agent_id)
        .join(taker, taker.c.id == columns.to_agent_id)
    )


def _read_hand_over(row: Row[*tuple[object, ...]]) -> TillHandOver:
    return TillHandOver(
        id=row.id,
        agency=row.agency_code,
        giver=row.giver,
        taker=row.taker,
        books=Money(row.books_centimes),
        counted=Money(row.counted_centimes),
        handed_over_at=row.handed_over_at,
    )
