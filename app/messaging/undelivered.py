"""Receipts that did not arrive: told once more by another provider, and shown on the next dial."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from datetime import datetime

from sqlalchemy import Connection, text

from app.base.phone import Phone

# The event of the one message that tells it again.
AGAIN = ":again"


def tell_again(
    connection: Connection, failed: Sequence[int], providers: Collection[str], now: datetime
) -> None:
    """Queues the same words once more, where a provider is left that has not tried them."""
    if len(providers) > 1:
        asked = {"ids": list(failed), "providers": list(providers), "now": now, "again": AGAIN}
        connection.execute(_TELL_AGAIN, asked)


def note_made_up(connection: Connection, delivered: Sequence[int], now: datetime) -> None:
    """Another message of the same receipt arrived: there is nothing left to show."""
    connection.execute(_MADE_UP_BY_MESSAGE, {"ids": list(delivered), "now": now})


def note_receipt_seen(connection: Connection, phone: Phone, receipt: str, now: datetime) -> None:
    """It was read on a screen of this phone."""
    connection.execute(_SEEN, {"phone": phone.e164, "receipt": receipt, "now": now})


_TELL_AGAIN = text("""
    INSERT INTO message (event_key, kind, phone, language, body, encoding, units, segments,
        priority, created_at, due_at, tried)
    SELECT event_key || :again, kind, phone, language, body, encoding, units, segments, priority,
        :now, :now, array_append(array_remove(tried, provider), provider)
    FROM message m
    WHERE id = ANY(CAST(:ids AS bigint[])) AND kind = 'receipt' AND body IS NOT NULL
      AND right(event_key, length(:again)) <> :again
      AND EXISTS (SELECT FROM unnest(CAST(:providers AS text[])) other
          WHERE other <> m.provider AND other <> ALL (m.tried))
    ON CONFLICT (event_key) DO NOTHING""")
# A receipt's event is `receipt:NUMBER:...` (payments): its second word is the number.
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
