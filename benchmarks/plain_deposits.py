"""The deposit as one would write it without any layer: the floor of P8.

The statements are those of app/payments/deposits.py, in its order, with its values.
"""

from __future__ import annotations

import json
from contextlib import ExitStack
from datetime import datetime
from hashlib import sha256
from queue import SimpleQueue
from types import TracebackType
from typing import Any, Self

import psycopg

from app.agents.queries import Agent
from app.base.clock import Clock, local_date
from app.payments.rules import receipt_number

_ANSWERED = (
    "SELECT request_digest, receipt_number FROM idempotency_key WHERE scope = %s AND key = %s"
)
_TAKE = """
    UPDATE payment_code SET state = 'paid', ended_at = %s
    WHERE code = %s AND state = 'issued' AND expires_at > %s
    RETURNING artisan_id, total_centimes, contribution_centimes, penalty_centimes, fee_centimes,
        first_period, last_period"""
_STILL_OWED = """
    SELECT a.id, a.full_name, a.language, a.category, a.coefficient, a.enrolled_on,
        a.rights_until, a.rights_as_of, l.period, l.contribution_centimes
    FROM payment_code c JOIN artisan a ON a.id = c.artisan_id
        JOIN payment_code_line l ON l.code = c.code
    WHERE c.code = %s"""
_SERIAL = "SELECT nextval('receipt_serial')"
_DEPOSIT = """
    INSERT INTO deposit (receipt_number, code, artisan_id, agent_id, agency_code, network,
        agent_number, channel, total_centimes, received_at, received_on)
    VALUES (%s, %s, %s, %s, %s, %s, %s, 'page', %s, %s, %s)"""
_SETTLE = """
    INSERT INTO contribution_allocation
        (artisan_id, period, receipt_number, contribution_centimes, penalty_centimes)
    SELECT %s, period, %s, contribution_centimes, penalty_centimes
    FROM payment_code_line WHERE code = %s"""
_BOOK = """
    INSERT INTO ledger_transaction (event, reference, metadata, made_by, occurred_at)
    VALUES ('deposit', %s, %s, %s, %s) RETURNING id"""
_LINE = """
    INSERT INTO ledger_line (transaction_id, position, account, amount_centimes)
    VALUES (%s, %s, %s, %s)"""
_TELL_WHOM = """
    SELECT coalesce(c.phone, a.phone), coalesce(p.language, a.language)
    FROM payment_code c JOIN artisan a ON a.id = c.artisan_id
        LEFT JOIN phone_profile p ON p.phone = coalesce(c.phone, a.phone)
    WHERE c.code = %s"""
_MESSAGE = """
    INSERT INTO message (event_key, kind, phone, language, body, encoding, units, segments,
        created_at, due_at)
    VALUES (%s, 'receipt', %s, %s, %s, 'GSM-7', 133, 1, %s, %s)
    ON CONFLICT (event_key) DO NOTHING"""
_NOTE = """
    INSERT INTO audit_event (happened_at, actor, action, subject, details)
    VALUES (%s, %s, 'deposit', %s, %s)"""
_ANSWER = """
    INSERT INTO idempotency_key (scope, key, request_digest, receipt_number, answered_at)
    VALUES (%s, %s, %s, %s, %s)"""


class PlainDeposits:
    """Books deposits over connections of its own."""

    def __init__(self, url: str, connections: int, agent: Agent, clock: Clock) -> None:
        self._agent, self._clock = agent, clock
        self._open = ExitStack()
        self._idle: SimpleQueue[psycopg.Connection[Any]] = SimpleQueue()
        for _ in range(connections):
            self._idle.put(self._open.enter_context(psycopg.connect(url)))

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._open.close()

    def redeem(self, code: str) -> None:
        connection = self._idle.get()
        self._redeem(connection, code, self._clock())
        connection.commit()
        self._idle.put(connection)

    def _redeem(self, connection: psycopg.Connection[Any], code: str, now: datetime) -> None:
        ask, agent = connection.execute, self._agent
        caller, digest = f"agent:{agent.id}", sha256(code.encode()).digest()
        assert ask(_ANSWERED, (caller, code)).fetchone() is None
        artisan, total, *parts, _, _ = ask(_TAKE, (now, code, now)).fetchone()  # type: ignore[misc]
        assert ask(_STILL_OWED, (code,)).fetchall()
        receipt = receipt_number(ask(_SERIAL).fetchone()[0])  # type: ignore[index]
        where = artisan, agent.id, agent.agency_code, agent.network, agent.number
        ask(_DEPOSIT, (receipt, code, *where, total, now, local_date(now)))
        ask(_SETTLE, (artisan, receipt, code))
        made_by = f"agent:{agent.number}"
        metadata = json.dumps({"network": agent.network, "agent_number": agent.number})
        booked = ask(_BOOK, (receipt, metadata, made_by, now)).fetchone()
        number = booked[0]  # type: ignore[index]
        accounts = "contributions_payable", "penalties_payable", "fees_payable"
        lines = {"agent_network_receivable": total}
        lines |= {name: -part for name, part in zip(accounts, parts, strict=True) if part}
        for position, (account, centimes) in enumerate(lines.items(), 1):
            ask(_LINE, (number, position, account, centimes))
        phone, language = ask(_TELL_WHOM, (code,)).fetchone()  # type: ignore[misc]
        body = f"Maalem: recu {receipt}. {total / 100:.2f} DH payes le {now:%d/%m/%Y} pour 11/2026."
        ask(_MESSAGE, (f"receipt:{receipt}", phone, language, body, now, now))
        details = json.dumps({"receipt": receipt, "channel": "page"})
        ask(_NOTE, (now, made_by, f"artisan:{artisan}", details))
        ask(_ANSWER, (caller, code, digest, receipt, now))
