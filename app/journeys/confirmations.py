"""Messages that confirm what was done: to the phone on the line, and to whom it concerns."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from sqlalchemy import Connection

from app.base.operation import Operation
from app.enrolment.queries import find_own_phone
from app.journeys.context import Dialogue
from app.messaging.service import OutboundMessage, queue_message


def tell_caller(
    connection: Connection,
    dialogue: Dialogue,
    kind: str,
    values: Mapping[str, Any] | None = None,
) -> None:
    """Queues the words `sms.<kind>` for the phone on the line, once for each action."""
    message = OutboundMessage(
        kind=kind,
        event=dialogue.action_key,
        phone=dialogue.phone,
        language=dialogue.language,
        values=values or {},
    )
    queue_message(Operation(connection, dialogue.now, "artisan"), dialogue.services, message)


def tell_owner(connection: Connection, dialogue: Dialogue, kind: str) -> None:
    """Queues the words for the person's own phone; nothing where that is the one on the line.

    RNA number and birth date are no secret within a family or a workshop.
    """
    own = find_own_phone(connection, dialogue.facts["a"][0])
    if own is None or own[0] == dialogue.phone:
        return
    phone, language = own
    message = OutboundMessage(kind, f"{dialogue.action_key}:owner", phone, language, {})
    queue_message(Operation(connection, dialogue.now, "artisan"), dialogue.services, message)
