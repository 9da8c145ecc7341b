"""Messages that confirm an action: to the phone on the line, and to the phone of its person."""

from __future__ import annotations

from collections.abc import Mapping

from app.base.operation import Operation
from app.enrolment.queries import find_own_phone
from app.journeys.context import Dialogue
from app.messaging.service import OutboundMessage, queue_message


def queue_confirmation(
    operation: Operation,
    dialogue: Dialogue,
    kind: str,
    values: Mapping[str, object] | None = None,
) -> None:
    """Queues the words `sms.<kind>` for the phone on the line, once for each action."""
    message = OutboundMessage(
        kind=kind,
        event=dialogue.action_key,
        phone=dialogue.phone,
        language=dialogue.language,
        values=values or {},
    )
    queue_message(operation, dialogue.services, message)


def queue_owner_notice(operation: Operation, dialogue: Dialogue, kind: str) -> None:
    """Queues the words for the person's own phone, unless that is the one on the line.

    RNA number and birth date are no secret within a family or a workshop.
    """
    own = find_own_phone(operation.connection, dialogue.facts.artisan_id)
    if own is None or own.phone == dialogue.phone:
        return
    event, values = f"{dialogue.action_key}:owner", {"ends": dialogue.phone.e164[-4:]}
    message = OutboundMessage(kind, event, own.phone, own.language, values)
    queue_message(operation, dialogue.services, message)
