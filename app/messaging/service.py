"""Writes messages into the outbox, in the transaction of what they tell of."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from datetime import datetime

from sqlalchemy.dialects.postgresql import insert

from app.audit.service import name_phone, record_audit
from app.base.operation import Operation
from app.base.phone import Phone
from app.messaging.kinds import get_kind
from app.messaging.models import ANSWER, message, phone_preference
from app.services import Services
from app.text.encoding import encoding_of, segments, units


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
    return WrittenMessage(language, body, encoding_of(body), units(body), segments(body))


# Built once: building it takes longer than running it.
_QUEUE = (
    insert(message).on_conflict_do_nothing(index_elements=["event_key"]).returning(message.c.id)
)


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
