"""Writes messages into the outbox, in the transaction of what they tell of."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import datetime

from sqlalchemy import DateTime, bindparam, text
from sqlalchemy.dialects.postgresql import insert

from app.audit.service import name_phone, record_audit
from app.base.operation import Operation
from app.base.phone import Phone
from app.base.rows import write_array
from app.messaging.kinds import get_kind
from app.messaging.models import ANSWER, message, phone_preference
from app.services import Services
from app.text.encoding import measure


@dataclass(frozen=True, slots=True)
class OutboundMessage:
    """A message to one phone: a declared kind (kinds), and the values of its words.

    The same `kind` and `event` are one message, however often it is queued. CAMPAIGN messages wait
    behind all others, and none is sent past `useful_until`.
    """

    kind: str
    event: str
    phone: Phone
    language: str
    values: Mapping[str, object]
    priority: int = ANSWER
    useful_until: datetime | None = None


def queue_message(
    operation: Operation, services: Services, outbound: OutboundMessage
) -> int | None:
    """Queues a message once for each event, in the operation's transaction.

    Returns its id, or None if it was queued before.
    Raises: ValueError for a kind that is not declared, or that lacks a value.
    """
    written = write_message(services, outbound)
    values = {
        "event_key": f"{outbound.kind}:{outbound.event}",
        "kind": outbound.kind,
        "phone": outbound.phone.e164,
        **asdict(written),
        "created_at": operation.now,
        "due_at": operation.now,
        "priority": outbound.priority,
        "useful_until": outbound.useful_until,
    }
    queued: int | None = operation.connection.execute(_QUEUE, values).scalar()
    return queued


def queue_messages(
    operation: Operation, services: Services, outbounds: Sequence[OutboundMessage]
) -> list[QueuedMessage]:
    """Queues many messages, each once for each event, by one statement. Returns them in order.

    Raises: ValueError as `queue_message`.
    """
    written = [write_message(services, outbound) for outbound in outbounds]
    keys = [f"{outbound.kind}:{outbound.event}" for outbound in outbounds]
    values = {
        "keys": keys,
        "kinds": [outbound.kind for outbound in outbounds],
        "phones": [outbound.phone.e164 for outbound in outbounds],
        "languages": [one.language for one in written],
        "bodies": [one.body for one in written],
        "encodings": [one.encoding for one in written],
        "units": write_array(one.units for one in written),
        "segments": write_array(one.segments for one in written),
        "priorities": write_array(outbound.priority for outbound in outbounds),
        "useful_until": write_array(outbound.useful_until for outbound in outbounds),
        "now": operation.now,
    }
    rows = operation.connection.execute(_QUEUE_MANY, values)
    ids = {row.event_key: row.id for row in rows}
    return [
        QueuedMessage(ids.get(key), one.segments) for key, one in zip(keys, written, strict=True)
    ]


@dataclass(frozen=True, slots=True)
class QueuedMessage:
    """A message's number, None if it was queued before, and its segments."""

    id: int | None
    segments: int


@dataclass(frozen=True, slots=True)
class WrittenMessage:
    """A message's words in its phone's language, and what they cost to send."""

    language: str
    body: str
    encoding: str
    units: int
    segments: int


def write_message(services: Services, outbound: OutboundMessage) -> WrittenMessage:
    """Returns a message as the outbox keeps it. Raises: ValueError as `queue_message`."""
    kind = get_kind(outbound.kind, outbound.values.keys())
    language = services.words.language_or_default(outbound.language)
    body = services.words.say(language, kind.key, outbound.values)
    return WrittenMessage(language, body, *measure(body))


# Built once: building it takes longer than running it.
_QUEUE = (
    insert(message).on_conflict_do_nothing(index_elements=["event_key"]).returning(message.c.id)
)
# An array for each column: many rows of values take longer to write out than to insert.
_QUEUE_MANY = text("""
    INSERT INTO message (event_key, kind, phone, language, body, encoding, units, segments,
        priority, useful_until, created_at, due_at)
    SELECT each.*, :now, :now FROM unnest(CAST(:keys AS text[]), CAST(:kinds AS text[]),
        CAST(:phones AS text[]), CAST(:languages AS text[]), CAST(:bodies AS text[]),
        CAST(:encodings AS text[]), CAST(:units AS smallint[]), CAST(:segments AS smallint[]),
        CAST(:priorities AS smallint[]), CAST(:useful_until AS timestamptz[])) AS each
    ON CONFLICT (event_key) DO NOTHING RETURNING id, event_key
""").bindparams(bindparam("now", type_=DateTime(True)))


def set_reminders(
    operation: Operation, phone: Phone, wanted: bool, *, changed_by: str = "ussd"
) -> bool:
    """Records if a phone gets reminders; receipts and answers always go.

    `changed_by` is where the wish was heard: `ussd`, `sms` or a provider's name. Returns False if
    the phone wished the same before: its row stays, with the first source and moment.
    """
    columns = phone_preference.c
    statement = insert(phone_preference).values(
        phone=phone.e164, reminders=wanted, changed_at=operation.now, changed_by=changed_by
    )
    new = statement.excluded
    changed = operation.connection.execute(
        statement.on_conflict_do_update(
            index_elements=["phone"],
            set_={
                "reminders": new.reminders,
                "changed_at": new.changed_at,
                "changed_by": new.changed_by,
            },
            where=columns.reminders != new.reminders,
        ).returning(columns.phone)
    )
    if changed.scalar() is None:
        return False
    said = {"wanted": wanted, "heard_by": changed_by}
    record_audit(operation, "reminders_set", name_phone(phone), **said)
    return True
