"""Receipts whose message did not arrive: each is shown before anything else, once."""

from __future__ import annotations

from app.base.clock import local_date
from app.journeys.context import Dialogue, begin_operation, vocabulary
from app.messaging.undelivered import note_receipt_seen
from app.payments.phone_account import find_lost_receipt
from app.ussd.vocabulary import NothingToShow, Values


@vocabulary.source("lost_receipt")
def describe_lost_receipt(dialogue: Dialogue) -> Values:
    if (lost := dialogue.facts.lost_receipt) is None:
        raise NothingToShow()
    return {
        "receipt": lost.receipt,
        "total": lost.total,
        "received_on": local_date(lost.received_at),
    }


@vocabulary.action("note_receipt_seen", "another", "artisan", "several")
def note_shown_receipt(dialogue: Dialogue) -> str:
    """Records that the receipt was seen, and finds the next one.

    A receipt counts as seen when the caller goes on: a line that breaks before that leaves it for
    the next dial.
    """
    with begin_operation(dialogue) as operation:
        if lost := dialogue.facts.lost_receipt:
            note_receipt_seen(operation, dialogue.phone, lost.receipt)
        another = find_lost_receipt(operation.connection, dialogue.phone)
    dialogue.facts.lost_receipt = another
    if another:
        return "another"
    return "several" if len(dialogue.facts.household) > 1 else "artisan"
