"""Counts the statements that a process sends to PostgreSQL, as they pass on the line."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from tempfile import TemporaryFile
from typing import Any, BinaryIO

from sqlalchemy import Engine, event

# Each statement is executed once, BEGIN and COMMIT too, by whatever library it was sent.
_EXECUTED = b"\tExecute\t", b"\tQuery\t"


class StatementCounter:
    """The statements sent since they were last counted."""

    def __init__(self, trace: BinaryIO) -> None:
        self._trace, self._read = trace, 0

    def count(self) -> int:
        """Returns how many were sent since the last call."""
        self._trace.seek(self._read)
        lines = self._trace.read()
        self._read += len(lines)
        return sum(lines.count(mark) for mark in _EXECUTED)


@contextmanager
def counted_statements(engine: Engine) -> Iterator[StatementCounter]:
    """Has libpq write down what passes on every connection of the pool from its next use on."""
    with TemporaryFile("a+b") as trace:
        traced: set[Any] = set()

        def begin(connection: Any, *_rest: Any) -> None:
            if connection not in traced:
                traced.add(connection)
                connection.pgconn.trace(os.dup(trace.fileno()))

        event.listen(engine, "checkout", begin)
        try:
            yield StatementCounter(trace)
        finally:
            event.remove(engine, "checkout", begin)
            for connection in traced:
                if not connection.closed:
                    connection.pgconn.untrace()
