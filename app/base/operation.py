"""One change to what is kept: the transaction it happens in, its moment, and who acts."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Connection, Engine

from app.base.database import transaction


@dataclass(frozen=True, slots=True)
class Operation:
    """Made at the edge, and handed down to every room that changes something.

    `now` is aware and UTC. `actor` is written as the books and the audit trail keep it:
    `artisan`, `agent:1001`, `client:demo-wafacash`, `operator:NAME`, `worker`, `network:wafacash`.
    """

    connection: Connection
    now: datetime
    actor: str


@contextmanager
def operation(database: Engine, now: datetime, actor: str) -> Iterator[Operation]:
    """Opens a transaction for one change, committed at the end.

    Raises: Unavailable where the database is away; any error rolls the change back.
    """
    with transaction(database) as connection:
        yield Operation(connection, now, actor)
