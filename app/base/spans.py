"""Notes how long the parts of a call took, for traces; notes nothing until somebody asks for them.

A trace is of one piece of work: a request, a turn of a worker's loop, a message, a callback. What
is noted are names and words of ours, never a value that somebody typed or that stands in a table.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from contextvars import ContextVar
from dataclasses import dataclass, field
from types import TracebackType
from typing import Self

Detail = str | int | bool


@dataclass(slots=True)
class Span:
    """A part of a call. `parent` is its place in the trace; times are nanoseconds since 1970.

    `error` is the kind of an exception that left it, without its words.
    """

    name: str
    parent: int
    began: int
    details: dict[str, Detail]
    ended: int = 0
    error: str = ""


@dataclass(slots=True)
class Trace:
    """The parts of one call, the call itself first.

    `identity` is a request's id, or drawn like one: 16 hexadecimal digits. `failed` is True where
    somebody was told that the service is away or at fault.
    """

    identity: str
    spans: list[Span] = field(default_factory=list)
    open: list[int] = field(default_factory=list)
    failed: bool = False

    def begin(self, name: str, details: dict[str, Detail]) -> Span:
        """Opens a part of the part that is open."""
        parent = self.open[-1] if self.open else -1
        span = Span(name, parent, time.time_ns(), details)
        self.open.append(len(self.spans))
        self.spans.append(span)
        return span

    def end(self, error: str = "") -> None:
        """Closes the part that was opened last."""
        span = self.spans[self.open.pop()]
        span.ended, span.error = time.time_ns(), error


class _TraceStore:
    """The place where finished traces go; none unless they are asked for."""

    keep: Callable[[Trace], None] | None = None


_store = _TraceStore()
_open: ContextVar[Trace | None] = ContextVar("trace", default=None)


class _SpanContext:
    """A part of the trace of this work, for a `with`."""

    __slots__ = ("_depth", "_details", "_name", "_trace")

    def __init__(self, trace: Trace, name: str, details: dict[str, Detail]) -> None:
        self._trace, self._name, self._details = trace, name, details
        self._depth = len(trace.open)

    def __enter__(self) -> Self:
        self._trace.begin(self._name, self._details)
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        # With it ends what was left open in it, as a statement that was cut short.
        while len(self._trace.open) > self._depth:
            self._trace.end(kind.__name__ if kind else "")

    def note(self, **details: Detail) -> None:
        """Adds what is known only now."""
        self._details.update(details)


class _NoSpan:
    """A part of no trace."""

    __slots__ = ()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *error: object) -> None:
        pass

    def note(self, **details: Detail) -> None:
        pass


_NOTHING = _NoSpan()


class _TraceContext:
    """A whole trace, for a `with`; it stands in place of one that is open in this work."""

    __slots__ = ("_before", "_details", "_name", "_trace")

    def __init__(self, name: str, identity: str, details: dict[str, Detail]) -> None:
        self._name, self._trace, self._details = name, Trace(identity), details

    def __enter__(self) -> Self:
        self._before = find_trace()
        _open.set(self._trace)
        self._trace.begin(self._name, self._details)
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        _open.set(self._before)
        trace = self._trace
        trace.failed |= kind is not None
        while trace.open:
            trace.end(kind.__name__ if kind else "")
        if keep := _store.keep:
            keep(trace)

    def note(self, **details: Detail) -> None:
        """Adds what is known only now."""
        self._details.update(details)


def ask_for_traces(keep: Callable[[Trace], None]) -> None:
    """Has every trace that ends given to `keep`, in the thread that it ended in."""
    _store.keep = keep


def end_traces(keep: Callable[[Trace], None]) -> bool:
    """Ends the giving of traces to `keep`; returns False if they go elsewhere by now."""
    if ours := _store.keep == keep:
        _store.keep = None
    return ours


def are_asked_for() -> bool:
    """True if traces are made in this process."""
    return _store.keep is not None


def find_trace() -> Trace | None:
    """Returns the trace of this work; None without one."""
    return _open.get()


def trace(name: str, identity: str, **details: Detail) -> _TraceContext | _NoSpan:
    """Returns a trace to do something in; `identity` is 16 hexadecimal digits."""
    return _NOTHING if _store.keep is None else _TraceContext(name, identity, details)


def span(name: str, **details: Detail) -> _SpanContext | _NoSpan:
    """Returns a part of this work's trace to do something in; nothing without a trace."""
    if _store.keep is None or (found := find_trace()) is None:
        return _NOTHING
    return _SpanContext(found, name, details)


def note(**details: Detail) -> None:
    """Adds to what the trace of this work says of the whole call."""
    if _store.keep is not None and (found := find_trace()):
        found.spans[0].details.update(details)


def note_failure() -> None:
    """Marks the trace of this work as one of a call that was not served."""
    if _store.keep is not None and (found := find_trace()):
        found.failed = True
