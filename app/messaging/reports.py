"""Delivery reports: stored as they came, applied forward only, in whatever order they come.

A report may come before the answer to the request it is about, twice, or never. A final state
stays. A status word we do not know is kept and moves nothing. Works in the caller's transaction.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import timedelta

from sqlalchemy import DateTime, TextClause, bindparam, select, text, update

from app.base.operation import Operation
from app.base.phone import Phone
from app.messaging.forgetting import FORGOTTEN
from app.messaging.models import delivery_report, ended_message, message
from app.messaging.opt_outs import record_provider_opt_out
from app.messaging.undelivered import mark_made_up, queue_again
from app.sms.provider import Report

# After so long without a report none is expected any more.
REPORTS_WAITED_FOR = timedelta(hours=72)
# Reports so young are looked through again: one may have crossed with the answer it is about.
_MISSED_WITHIN = timedelta(minutes=15)
_AT_ONCE = 10_000


def store_report(
    operation: Operation, provider: str, report: Report, providers: Collection[str] = ()
) -> str:
    """Keeps one report and applies it; `providers` are those a receipt may be sent by.

    Returns `delivered`, `failed` or `sent` (the message moved there), `noted` (it was there or
    further), `repeated`, `unknown_word`, or `waiting` (it is about no message we know yet).
    """
    times, pairs = _store(operation, provider, report)
    if times == 1 and not pairs.messages and _settle_by_ended(operation, provider, report):
        return "noted"
    if report.stopped and times == 1:
        _record_opt_outs(operation, pairs)
    if states := _move_messages(operation, pairs, providers):
        return states[0]
    if report.outcome is None:
        return "unknown_word"
    if times > 1:
        return "repeated"
    return "noted" if pairs.messages else "waiting"


def apply_waiting_reports(
    operation: Operation, ids: Sequence[int], providers: Collection[str] = ()
) -> int:
    """Applies to messages just recorded as sent the reports that came before.

    Returns how many messages moved.
    """
    return _apply(operation, _find_pairs(operation, _BY_MESSAGE, {"ids": list(ids)}), providers)


def apply_missed_reports(operation: Operation, providers: Collection[str] = ()) -> int:
    """Applies the young reports again: one may have crossed with the answer it is about.

    To be called every minute or so. Returns how many messages moved.
    """
    since = {"since": operation.now - _MISSED_WITHIN}
    return _apply(operation, _find_pairs(operation, _SINCE, since), providers)


def time_out_reports(operation: Operation) -> int:
    """Ends messages without a report for 72 hours. Returns how many, some thousands at most."""
    columns = message.c
    waiting = (
        select(columns.id)
        .where(
            columns.state.in_(("sent", "unknown")),
            columns.sent_at < operation.now - REPORTS_WAITED_FOR,
        )
        .limit(_AT_ONCE)
        .with_for_update(skip_locked=True)
        .cte("waiting")  # read once, whatever way the database takes (retention)
    )
    change = update(message).where(columns.id.in_(select(waiting)))
    values = {"state": "unreported", "ended_at": operation.now}
    return operation.connection.execute(change.values(values)).rowcount


@dataclass(frozen=True, slots=True)
class _Pairs:
    """Reports, and side by side the messages they are about."""

    reports: list[int]
    messages: list[int]


def _apply(operation: Operation, pairs: _Pairs, providers: Collection[str]) -> int:
    _record_opt_outs(operation, pairs)
    return len(_move_messages(operation, pairs, providers))


def _store(operation: Operation, provider: str, report: Report) -> tuple[int, _Pairs]:
    """Returns how often the report has come by now, and the messages it is about."""
    params = asdict(report) | {"provider": provider, "now": operation.now}
    params["phone"] = report.phone.e164 if report.phone else None
    rows = operation.connection.execute(_STORE, params).all()
    known = [row for row in rows if row.message is not None]
    return rows[0].times, _Pairs([row.report for row in known], [row.message for row in known])


def _settle_by_ended(operation: Operation, provider: str, report: Report) -> bool:
    """Returns True if the report is about a message that ended so long ago that it moved."""
    columns, reports = ended_message.c, delivery_report.c
    by_reference = (columns.provider == provider) & (columns.provider_reference == report.reference)
    statement = select(columns.phone).where(by_reference | (columns.id == report.message_id))
    phone = operation.connection.execute(statement.limit(1)).scalar()
    if phone is None:
        return False
    # The books have the message: the report need not say whose phone it was.
    stored = (reports.provider == provider) & (reports.provider_reference == report.reference)
    operation.connection.execute(update(delivery_report).where(stored).values(phone=None))
    if report.stopped and phone != FORGOTTEN:
        record_provider_opt_out(operation, provider, Phone(phone))
    return True


def _find_pairs(
    operation: Operation, statement: TextClause, params: Mapping[str, object]
) -> _Pairs:
    rows = operation.connection.execute(statement, params).all()
    return _Pairs([row.report for row in rows], [row.message for row in rows])


def _move_messages(operation: Operation, pairs: _Pairs, providers: Collection[str]) -> list[str]:
    """Moves the messages that the reports move, and returns their new states."""
    if not pairs.messages:
        return []
    params = asdict(pairs) | {"now": operation.now}
    moved = operation.connection.execute(_MOVE, params).all()
    receipts = [row for row in moved if row.kind == "receipt"]
    if failed := [row.id for row in receipts if row.state == "failed"]:
        queue_again(operation, failed, providers)
    if delivered := [row.id for row in receipts if row.state == "delivered"]:
        mark_made_up(operation, delivered)
    return [row.state for row in moved]


def _record_opt_outs(operation: Operation, pairs: _Pairs) -> None:
    if not pairs.messages:
        return
    for row in operation.connection.execute(_STOPPED, asdict(pairs)).all():
        record_provider_opt_out(operation, row.provider, Phone(row.phone))


# A report is about the message of its reference, else about the one of our own id.
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
            reason, stopped, received_at, phone)
        SELECT :provider, :reference, CAST(:message_id AS bigint), :status, :outcome, :reason,
            :stopped, :now, CASE WHEN NOT EXISTS (SELECT FROM message m
                WHERE m.provider = :provider AND m.provider_reference = :reference)
                AND NOT EXISTS (SELECT FROM message m WHERE m.id = CAST(:message_id AS bigint))
                THEN CAST(:phone AS text) END
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
    SELECT r.id AS report, m.id AS message FROM message m JOIN delivery_report r
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
    ), verdict AS (
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
        state = CASE verdict.outcome WHEN 'on_the_way' THEN 'sent' ELSE verdict.outcome END,
        ended_at = CASE WHEN verdict.outcome <> 'on_the_way' THEN :now END,
        leased_until = NULL,
        maybe_sent_by = NULL,
        provider = CASE WHEN m.provider_reference IS NULL THEN verdict.provider ELSE m.provider END,
        provider_reference = coalesce(m.provider_reference, verdict.provider_reference),
        sent_at = coalesce(m.sent_at, :now),
        error = CASE verdict.outcome WHEN 'failed' THEN verdict.reason END
    FROM verdict WHERE verdict.id = m.id RETURNING m.id, m.kind, m.state
""").bindparams(bindparam("now", type_=DateTime(True)))
# Opt-outs that the reports tell of and no START came after; nobody is left to stop of whom all is
# forgotten.
_STOPPED = text(f"""
    SELECT DISTINCT r.provider, m.phone
    FROM unnest(CAST(:reports AS bigint[]), CAST(:messages AS bigint[])) AS pair(report, message)
    JOIN message m ON m.id = pair.message JOIN delivery_report r ON r.id = pair.report
    WHERE r.stopped AND m.phone <> '{FORGOTTEN}' AND NOT EXISTS (
        SELECT FROM phone_preference p
        WHERE p.phone = m.phone AND p.reminders AND p.changed_at >= r.received_at)
""")  # noqa: S608 - our own words alone
