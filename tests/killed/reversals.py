"""Deposits reversed while parts are killed: by the network, alone, by two, with a read-out code."""

from __future__ import annotations

import re
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from random import Random
from uuid import UUID

from sqlalchemy import Connection, text
from sqlalchemy.exc import OperationalError

from tests.conftest import AGENT
from tests.killed.installation import Installation
from tests.wire import NetworkLine, TillLine, until_answered

_CODE = re.compile(r"\b[0-9]{6}\b")
_CLIENT = "client:demo-wafacash"


@dataclass(frozen=True)
class AnsweredReversal:
    """What must stand in the books of a reversal that somebody was told of."""

    allowance: str
    made_by: str
    approved_by: str | None = None


class ReversalTraffic:
    """The sample agent's till, another agent's of the same agency, and the network's system."""

    def __init__(self, installation: Installation) -> None:
        self._installation = installation
        self._second = next(installation.agent_phones).removeprefix("+212")
        self._own, self._others = TillLine(installation.base, 5), TillLine(installation.base, 5)
        self._own.enter()
        self._others.enter(self._second)

    def close(self) -> None:
        for till in (self._own, self._others):
            till.__exit__(None, None, None)

    def reverse(self, receipt: str, taken_by: str, random: Random) -> AnsweredReversal:
        """Reverses a deposit in one of the ways that are open for it."""
        ways: list[Callable[[str, Random], AnsweredReversal]]
        ways = [self._reverse_by_api, self._reverse_by_two, self._reverse_with_code]
        if taken_by == AGENT:
            ways.append(self._reverse_alone)
        return random.choice(ways)(receipt, random)

    def _reverse_by_api(self, receipt: str, random: Random) -> AnsweredReversal:
        identity = str(UUID(int=random.getrandbits(128), version=4))
        with NetworkLine(self._installation.base, 5) as line:
            first = until_answered(lambda: line.reverse(receipt, identity))
            again = until_answered(lambda: line.reverse(receipt, identity))
        assert (first.status_code, first.content) == (201, again.content), first.text
        return AnsweredReversal("network", _CLIENT)

    def _reverse_alone(self, receipt: str, _random: Random) -> AnsweredReversal:
        with self._own.open_another() as till:
            _check_done(until_answered(lambda: till.reverse(receipt)), receipt)
        return AnsweredReversal("alone", f"agent:{AGENT}")

    def _reverse_by_two(self, receipt: str, _random: Random) -> AnsweredReversal:
        with self._others.open_another() as till:
            _check_done(until_answered(lambda: till.reverse_by_two(receipt)), receipt)
        return AnsweredReversal("second_agent", f"agent:{self._second}", f"agent:{AGENT}")

    def _reverse_with_code(self, receipt: str, _random: Random) -> AnsweredReversal:
        with self._others.open_another() as till:
            sent = until_answered(lambda: till.send_code(receipt))
            assert sent == receipt, sent
            code = until_answered(lambda: self._read_code(receipt))
            _check_done(until_answered(lambda: till.reverse(receipt, artisan_code=code)), receipt)
        return AnsweredReversal("artisan_code", f"agent:{self._second}")

    def _read_code(self, receipt: str) -> str | None:
        """The digits in the artisan's SMS; None while the database is away."""
        sql = text("SELECT body FROM message WHERE event_key LIKE :event")
        with (
            suppress(OperationalError),
            self._installation.runtime.database.connect() as connection,
        ):
            body = connection.execute(sql, {"event": f"reversal_code:{receipt}:%"}).scalar_one()
            match = _CODE.search(body)
            assert match, body
            return match[0]
        return None


def _check_done(answer: str, receipt: str) -> None:
    """A second request is told by the page that the first was done."""
    assert answer == receipt or "Paiement annul" in answer, answer


def check_reversals(connection: Connection, expected: dict[str, AnsweredReversal]) -> None:
    """Demands each reversal once, with both names in the books and in the audit."""
    rows = connection.execute(
        text("SELECT receipt_number, allowance, made_by, approved_by FROM reversal")
    )
    kept = {r.receipt_number: AnsweredReversal(r.allowance, r.made_by, r.approved_by) for r in rows}
    assert kept == expected
    audited = connection.execute(
        text(
            "SELECT details ->> 'receipt' AS receipt, actor, approved_by,"
            " details ->> 'allowance' AS allowance FROM audit_event WHERE action = 'reversal'"
        )
    ).all()
    assert len(audited) == len(expected)
    assert {
        row.receipt: AnsweredReversal(row.allowance, row.actor, row.approved_by) for row in audited
    } == expected
    used = connection.execute(
        text("SELECT receipt_number FROM reversal_code WHERE used_at IS NOT NULL")
    ).scalars()
    by_code = {receipt for receipt, one in expected.items() if one.allowance == "artisan_code"}
    assert set(used) == by_code
