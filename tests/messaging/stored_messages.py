"""Messages as they stand in the outbox some time later: one row, the rest as it usually is."""

from __future__ import annotations

from datetime import datetime, timedelta
from itertools import count
from typing import Any

from sqlalchemy import Engine, insert

from app.messaging.models import ENDED, message

_numbers = count(1)


def insert_message(
    engine: Engine, sent_at: datetime | None, state: str = "delivered", **other: Any
) -> int:
    """A receipt in French of one segment by `log`, delivered ten seconds after `sent_at`."""
    number = next(_numbers)
    created = other.pop("created_at", sent_at)
    ended = (sent_at or created) + timedelta(seconds=other.pop("seconds", 10))
    row = {
        "event_key": f"test:{number}",
        "kind": "receipt",
        "phone": "+212600000001",
        "language": "fr",
        "body": "Maalem",
        "encoding": "GSM-7",
        "units": 6,
        "segments": 1,
        "state": state,
        "created_at": created,
        "due_at": created,
        "provider": "log",
        "sent_at": sent_at,
        "ended_at": ended if state in ENDED else None,
    }
    with engine.begin() as connection:
        added = insert(message).values(row | other).returning(message.c.id)
        identity: int = connection.execute(added).scalar_one()
    return identity
