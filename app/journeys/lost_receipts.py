"""Receipts whose message did not arrive: shown before anything else, once."""

from datetime import UTC, datetime

from app.base.clock import local_date
from app.base.money import Money
from app.journeys.context import Dialogue, begin_operation, vocabulary
from app.messaging.undelivered import note_receipt_seen
from app.payments.phone_account import LostReceipt, find_lost_receipt
from app.ussd.vocabulary import NothingToShow, Values


def keep_lost_receipt(dialogue: Dialogue, lost: LostReceipt) -> None:
    dialogue.facts["u"] = [lost.receipt, lost.total.centimes, int(lost.received_at.timestamp())]


@vocabulary.source("lost_receipt")
def lost_receipt(dialogue: Dialogue) -> Values:
    if not (row := dialogue.facts.get("u")):
        raise NothingToShow()
    receipt, total, received = row
    received_on = local_date(datetime.fromtimestamp(received, UTC))
    return {"receipt": receipt, "total": Money(total), "received_on": received_on}


@vocabulary.action("note_receipt_seen", "another", "artisan", "several")
def see_receipt(dialogue: Dialogue) -> str:
    """Who goes on has seen it; a line that breaks before that leaves it for the next dial."""
    with begin_operation(dialogue) as operation:
        if row := dialogue.facts.pop("u", None):
            note_receipt_seen(operation, dialogue.phone, row[0])
        another = find_lost_receipt(operation.connection, dialogue.phone)
    if another:
        keep_lost_receipt(dialogue, another)
        return "another"
    return "several" if len(dialogue.facts.get("h", ())) > 1 else "artisan"
