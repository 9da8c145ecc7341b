"""A change to the database: its transaction, its moment, and its actor."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Connection, Engine

from app.base.database import transaction


@dataclass(frozen=True, slots=True)
class Operation:
    """A change as the edge opens it; every room that changes something takes it.

    `now` is aware and UTC. `actor` is written as the ledger and the audit trail keep it:
    `artisan`, `agent:1001`, `client:demo-wafacash`, `worker`, `network:wafacash`, or the name of a
    user of the office. `seat` is the terminal at which that user signed in; empty is none.
    """

    connection: Connection
    now: datetime
    actor: str
    seat: str = ""


@contextmanager
def operation(database: Engine, now: datetime, actor: str, seat: str = "") -> Iterator[Operation]:
    """Opens a transaction for one change, committed at the end.

    Any error rolls the change back.
    Raises: Unavailable if the database is away.
    """
    with transaction(database) as connection:
        yield Operation(connection, now, actor, seat)
