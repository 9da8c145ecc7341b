"""Delivery reports: stored as they were said, applied forward only, in whatever order they come.

A report may come before the answer to the request it is about, twice, or never. What is final
stays; a word we do not know is kept and moves nothing. Works in the caller's transaction.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import asdict
from datetime import datetime, timedelta
from typing import Any, NamedTuple

from sqlalchemy import Connection, DateTime, TextClause, bindparam, text, update

from app.base.operation import Operation
from app.base.phone import Phone
from app.messaging.models import message
from app.messaging.opt_outs import record_provider_opt_out
from app.messaging.undelivered import note_made_up, tell_again
from app.sms.provider import Report

# A provider that says nothing so long will not say anything any more.
REPORTS_WAITED_FOR = timedelta(hours=72)
# Reports so young are looked through again: one may have crossed with the answer it is about.
_MISSED_WITHIN = timedelta(minutes=15)
_AT_ONCE = 10_000


def store_report(
    connection: Connection,
    provider: str,
    report: Report,
    now: datetime,
    *,
    providers: Collection[str] = (),
) -> str:
    """Keeps one report and does what it says; `providers` are those a receipt may be told by.

    What came of it: `delivered`, `failed` or `sent` (the message moved there), `noted` (it was
    there or further), `repeated`, `unknown_word`, `waiting` (no message of ours is known by it).
    """
    times, pairs = _store(connection, provider, report, now)
    if report.stopped and times == 1:
        _note_stops(connection, pairs, now)
    if moved := _move(connection, pairs, now, providers):
        return moved[0]
    if report.outcome is None:
        return "unknown_word"
    if times > 1:
        return "repeated"
    return "noted" if pairs.messages else "waiting"


def apply_waiting_reports(
    connection: Connection, ids: Sequence[int], now: datetime, *, providers: Collection[str] = ()
) -> int:
    """For messages just recorded as sent: what was reported before; how many it moved."""
    pairs = _pairs(connection, _BY_MESSAGE, {"ids": list(ids)})
    _note_stops(connection, pairs, now)
    return len(_move(connection, pairs, now, providers))


def apply_missed_reports(
    connection: Connection, now: datetime, *, providers: Collection[str] = ()
) -> int:
    """The young reports again: one that crossed with the answer saw no message, nor it the report.

    To be called every minute or so; how many messages it moved.
    """
    pairs = _pairs(connection, _SINCE, {"since": now - _MISSED_WITHIN})
    _note_stops(connection, pairs, now)
    return len(_move(connection, pairs, now, providers))


def time_out_reports(connection: Connection, now: datetime) -> int:
    """Messages of which nothing was heard for 72 hours; how many, some thousands at most."""
    row = message.c
    old = row.sent_at < now - REPORTS_WAITED_FOR
    waiting = (
        message.select()
        .with_only_columns(row.id)
        .where(row.state.in_(("sent", "unknown")), old)
        .limit(_AT_ONCE)
        .with_for_update(skip_locked=True)
    )
    ended = update(message).where(row.id.in_(waiting)).values(state="unreported", ended_at=now)
    return connection.execute(ended).rowcount


class _Pairs(NamedTuple):
    """Which report is about which message, side by side."""

    reports: list[int]
    messages: list[int]


def _store(
    connection: Connection, provider: str, report: Report, now: datetime
) -> tuple[int, _Pairs]:
    """How often it was told by now, and the messages it is about."""
    told = asdict(report) | {"provider": provider, "now": now}
    rows = connection.execute(_STORE, told).all()
    known = [row for row in rows if row.message is not None]
    return rows[0].times, _Pairs([row.report for row in known], [row.message for row in known])


def _pairs(connection: Connection, asked_by: TextClause, asked: dict[str, Any]) -> _Pairs:
    rows = connection.execute(asked_by, asked).all()
    return _Pairs([row[0] for row in rows], [row[1] for row in rows])


def _move(
    connection: Connection, pairs: _Pairs, now: datetime, providers: Collection[str]
) -> list[str]:
    """Moves the messages that the reports move; their new states."""
    if not pairs.messages:
        return []
    moved = connection.execute(_MOVE, pairs._asdict() | {"now": now}).all()
    receipts = [row for row in moved if row.kind == "receipt"]
    if failed := [row.id for row in receipts if row.state == "failed"]:
        tell_again(connection, failed, providers, now)
    if delivered := [row.id for row in receipts if row.state == "delivered"]:
        note_made_up(connection, delivered, now)
    return [row.state for row in moved]


def _note_stops(connection: Connection, pairs: _Pairs, now: datetime) -> None:
    if pairs.messages:
        for provider, phone in connection.execute(_STOPPED, pairs._asdict()).all():
            record_provider_opt_out(Operation(connection, now, "worker"), provider, Phone(phone))


# By the provider's reference, else by our own id.
_PAIRED = """by_reference AS (
        SELECT r.id AS report, m.id AS message FROM report r JOIN message m
            ON m.provider = r.provider AND m.provider_reference = r.provider_reference
    ), pair AS (
        SELECT report, message FROM by_reference
        UNION ALL
        SELECT r.id, m.id FROM report r JOIN message m ON m.id = r.message_id
        WHERE NOT EXISTS (SELECT FROM by_reference b WHERE b.report = r.id)
    )"""
_STORE = text(f"""
    WITH report AS (
        INSERT INTO delivery_report (provider, provider_reference, message_id, status, outcome,
            reason, stopped, received_at)
        VALUES (:provider, :reference, :message_id, :status, :outcome, :reason, :stopped, :now)
        ON CONFLICT (provider, provider_reference, status)
            DO UPDATE SET times = delivery_report.times + 1
        RETURNING id, provider, provider_reference, message_id, times
    ), {_PAIRED}
    SELECT report.id AS report, times, message FROM report LEFT JOIN pair ON pair.report = report.id
""").bindparams(bindparam("now", type_=DateTime(True)))  # noqa: S608 - our own words alone
_SINCE = text(f"""
    WITH report AS (
        SELECT id, provider, provider_reference, message_id, stopped FROM delivery_report
        WHERE received_at > :since
    ), {_PAIRED}
    SELECT pair.report, pair.message FROM pair JOIN message m ON m.id = pair.message
        JOIN report r ON r.id = pair.report
    WHERE r.stopped OR m.state IN ('queued', 'sending', 'sent', 'unknown')
""").bindparams(bindparam("since", type_=DateTime(True)))  # noqa: S608 - our own words alone
_BY_MESSAGE = text("""
    SELECT r.id, m.id FROM message m JOIN delivery_report r
        ON r.provider = m.provider AND r.provider_reference = m.provider_reference
    WHERE m.id = ANY(CAST(:ids AS bigint[]))
""")
# Delivered is true whoever delivered it; failed only of the provider it was last given to.
# The first final word of several counts, as it would had they come one by one.
_MOVE = text("""
    WITH pair AS (
        SELECT * FROM unnest(CAST(:reports AS bigint[]), CAST(:messages AS bigint[]))
            AS pair(report, message)
    ), locked AS (
        SELECT id, state, provider, provider_reference FROM message
        WHERE id = ANY(CAST(:messages AS bigint[])) ORDER BY id FOR UPDATE
    ), told AS (
        SELECT DISTINCT ON (m.id) m.id, r.provider, r.provider_reference, r.outcome,
            coalesce(r.reason, r.status) AS reason
        FROM locked m JOIN pair ON pair.message = m.id JOIN delivery_report r ON r.id = pair.report
        WHERE (r.outcome = 'delivered' AND m.state IN ('queued', 'sending', 'sent', 'unknown'))
           OR (r.outcome = 'failed' AND m.state IN ('sent', 'unknown') AND m.provider = r.provider
               AND coalesce(m.provider_reference, r.provider_reference) = r.provider_reference)
           OR (r.outcome = 'on_the_way' AND m.state = 'unknown' AND m.provider_reference IS NULL
               AND coalesce(m.provider, r.provider) = r.provider)
        ORDER BY m.id, r.outcome = 'on_the_way', r.id
    )
    UPDATE message m SET
        state = CASE told.outcome WHEN 'on_the_way' THEN 'sent' ELSE told.outcome END,
        ended_at = CASE WHEN told.outcome <> 'on_the_way' THEN :now END,
        leased_until = NULL,
        doubt = NULL,
        provider = CASE WHEN m.provider_reference IS NULL THEN told.provider ELSE m.provider END,
        provider_reference = coalesce(m.provider_reference, told.provider_reference),
        sent_at = coalesce(m.sent_at, :now),
        error = CASE told.outcome WHEN 'failed' THEN told.reason END
    FROM told WHERE told.id = m.id RETURNING m.id, m.kind, m.state
""").bindparams(bindparam("now", type_=DateTime(True)))
# Whose reports told of a stop that no START came after.
_STOPPED = text("""
    SELECT DISTINCT r.provider, m.phone
    FROM unnest(CAST(:reports AS bigint[]), CAST(:messages AS bigint[])) AS pair(report, message)
    JOIN message m ON m.id = pair.message JOIN delivery_report r ON r.id = pair.report
    WHERE r.stopped AND NOT EXISTS (
        SELECT FROM phone_preference p
        WHERE p.phone = m.phone AND p.reminders AND p.changed_at >= r.received_at)
""")
