"""Parts of a call: noted where traces are asked for, and nothing anywhere else."""

from __future__ import annotations

from contextlib import suppress
from secrets import token_hex

from app.base.spans import Trace, ask_for_traces, end_traces, find_trace, note, span, trace


def test_nothing_is_noted_where_no_traces_are_asked_for() -> None:
    with trace("request", token_hex(8)) as whole, span("hop") as part:
        part.note(outcome="ended")
        note(status=200)
        assert find_trace() is None
    assert whole is part


def test_a_part_ends_with_what_was_left_open_in_it() -> None:
    taken: list[Trace] = []
    ask_for_traces(taken.append)
    try:
        with trace("turn", token_hex(8)), suppress(KeyError), span("hop"):
            found = find_trace()
            assert found
            found.begin("statement", {})
            raise KeyError
    finally:
        assert end_traces(taken.append)
    assert not end_traces(taken.append)
    ((whole, hop, statement),) = [each.spans for each in taken]
    assert (hop.error, statement.error, whole.error) == ("KeyError", "KeyError", "")
    assert all(part.ended for part in (whole, hop, statement)) and taken[0].open == []
    assert (hop.parent, statement.parent) == (0, 1)
