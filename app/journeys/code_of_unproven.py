"""The code on a phone that is not proven: it may pay it, as anybody may, and ends no other's."""

from __future__ import annotations

from app.base.driver import by_driver
from app.base.operation import Operation
from app.enrolment.models import REGISTER
from app.enrolment.ties import find_way, is_proven
from app.journeys.context import Dialogue
from app.journeys.person import is_unproven
from app.payments.codes import queue_code_message
from app.payments.queries import IssuedCode
from app.payments.receipt_recipients import add_owner_and_payer, has_asked


def may_end_code(dialogue: Dialogue, code: str) -> bool:
    """True if this phone may cancel or replace the code: a phone not proven only its own.

    A tied phone may have been untied since the session began; nobody unties the register's.
    """
    if dialogue.facts.way == REGISTER:
        return True
    with by_driver(dialogue.services.database) as connection:
        way = find_way(connection, dialogue.phone, dialogue.facts.artisan_id)
        return is_proven(way) or (way is not None and has_asked(connection, code, dialogue.phone))


def share_receipt(operation: Operation, dialogue: Dialogue, code: IssuedCode) -> None:
    """Sends the receipt of a code to the person's own phone too, if this one is not proven."""
    if not is_unproven(dialogue):
        return
    phone, language = dialogue.phone, dialogue.language
    queue_code_message(operation, dialogue.services, code, phone, language)
    artisan_id = dialogue.facts.artisan_id
    add_owner_and_payer(operation, code.code, artisan_id, phone, language)
