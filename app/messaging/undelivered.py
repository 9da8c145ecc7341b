"""Receipts that did not arrive: sent once more by another provider, and shown on the next dial."""

from __future__ import annotations

from collections.abc import Collection, Sequence

from sqlalchemy import text

from app.base.operation import Operation
from app.base.phone import Phone

# Ends the event of the one message that repeats it.
AGAIN = ":again"


def queue_again(operation: Operation, failed: Sequence[int], providers: Collection[str]) -> None:
    """Queues failed receipts once more, for providers that have not tried them, if any is left."""
    if len(providers) > 1:
        params = {
            "ids": list(failed),
            "providers": list(providers),
            "now": operation.now,
            "again": AGAIN,
        }
        operation.connection.execute(_QUEUE_AGAIN, params)


def mark_made_up(operation: Operation, delivered: Sequence[int]) -> None:
    """Marks failed messages as made up for whose receipt arrived by one of `delivered`."""
    params = {"ids": list(delivered), "now": operation.now}
    operation.connection.execute(_MADE_UP_BY_MESSAGE, params)


def note_receipt_seen(operation: Operation, phone: Phone, receipt: str) -> None:
    """Marks the receipt's failed messages as made up for: it was read on the phone's screen."""
    params = {"phone": phone.e164, "receipt": receipt, "now": operation.now}
    operation.connection.execute(_SEEN, params)


_QUEUE_AGAIN = text("""
    INSERT INTO message (event_key, kind, phone, language, body, encoding, units, segments,
        priority, created_at, due_at, refused_by)
    SELECT event_key || :again, kind, phone, language, body, encoding, units, segments, priority,
        :now, :now, array_append(array_remove(refused_by, provider), provider)
    FROM message m
    WHERE id = ANY(CAST(:ids AS bigint[])) AND kind = 'receipt' AND body IS NOT NULL
      AND right(event_key, length(:again)) <> :again
      AND EXISTS (SELECT FROM unnest(CAST(:providers AS text[])) other
          WHERE other <> m.provider AND other <> ALL (m.refused_by))
    ON CONFLICT (event_key) DO NOTHING""")
# A receipt's event is `receipt:NUMBER:...` (payments): its second part is the number.
_MADE_UP_BY_MESSAGE = text("""
    UPDATE message lost SET made_up_at = :now FROM message came
    WHERE came.id = ANY(CAST(:ids AS bigint[])) AND came.kind = 'receipt'
      AND lost.phone = came.phone AND lost.kind = 'receipt' AND lost.state = 'failed'
      AND lost.made_up_at IS NULL
      AND split_part(lost.event_key, ':', 2) = split_part(came.event_key, ':', 2)""")
_SEEN = text("""
    UPDATE message SET made_up_at = :now
    WHERE phone = :phone AND kind = 'receipt' AND state = 'failed' AND made_up_at IS NULL
      AND split_part(event_key, ':', 2) = :receipt""")
