"""Writes messages into the outbox, in the transaction of what they tell of."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from sqlalchemy import Connection
from sqlalchemy.dialects.postgresql import insert

from app.base.phone import Phone
from app.messaging.models import ANSWER, message, phone_preference
from app.text.encoding import encoding_of, segments, units
from app.text.words import Words


def queue_message(
    connection: Connection,
    words: Words,
    *,
    kind: str,
    event: str,
    phone: Phone,
    language: str,
    values: Mapping[str, Any],
    now: datetime,
    priority: int = ANSWER,
    useful_until: datetime | None = None,
) -> int | None:
    """Queues the words `sms.<kind>`, once for each `event`, however often it is asked.

    The message's id; None where it was queued before. CAMPAIGN messages wait behind all others and
    are not sent past `useful_until`.
    """
    language = words.spoken(language)
    body = words.say(language, f"sms.{kind}", values)
    queued: int | None = connection.execute(
        _QUEUE,
        {
            "event_key": f"{kind}:{event}",
            "kind": kind,
            "phone": phone.e164,
            "language": language,
            "body": body,
            "encoding": encoding_of(body),
            "units": units(body),
            "segments": segments(body),
            "created_at": now,
            "due_at": now,
            "priority": priority,
            "useful_until": useful_until,
        },
    ).scalar()
    return queued


# Built once: building it takes longer than running it.
_QUEUE = (
    insert(message).on_conflict_do_nothing(index_elements=["event_key"]).returning(message.c.id)
)


def set_reminders(
    connection: Connection, phone: Phone, wanted: bool, now: datetime, *, changed_by: str = "ussd"
) -> bool:
    """Whether reminders go to this phone; receipts and answers asked for always do.

    False where that was said before: then the row stays, with who changed it and when.
    """
    row = phone_preference.c
    statement = insert(phone_preference).values(
        phone=phone.e164, reminders=wanted, changed_at=now, changed_by=changed_by
    )
    said = statement.excluded
    changed = connection.execute(
        statement.on_conflict_do_update(
            index_elements=["phone"],
            set_={
                "reminders": said.reminders,
                "changed_at": said.changed_at,
                "changed_by": said.changed_by,
            },
            where=row.reminders != said.reminders,
        ).returning(row.phone)
    )
    return changed.scalar() is not None
