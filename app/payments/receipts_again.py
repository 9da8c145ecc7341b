"""Sends a receipt's SMS once more, for the help desk, to the phones that may have it."""

from __future__ import annotations

from sqlalchemy import select

from app.audit.service import record_audit
from app.base.clock import local_date
from app.base.operation import Operation
from app.enrolment.queries import get_artisan
from app.enrolment.rules import name_on_receipt
from app.enrolment.service import DailyTries, take_try
from app.messaging.service import OutboundMessage, queue_message
from app.payments.errors import ReceiptUnknown
from app.payments.models import deposit
from app.payments.queries import get_account
from app.payments.receipts import receipt_phones
from app.payments.wording import period_words
from app.services import Services

# A receipt costs a message each time; the phone's own menu sends as many.
_A_DAY = 3


def send_receipt_again(
    operation: Operation, services: Services, artisan_id: int, receipt: str, event: str
) -> int:
    """Queues a receipt of a person to its phones, a few times a day.

    The same `event` again is once. Returns to how many phones it goes.

    Raises: ReceiptUnknown for a receipt that is not this person's, or was undone.
    """
    connection = operation.connection
    account = get_account(connection, artisan_id, operation.now)
    found = next((one for one in account.deposits if one.receipt == receipt), None)
    if found is None:
        raise ReceiptUnknown(receipt=receipt)
    values = {
        "receipt": receipt,
        "total": found.total,
        "for_whom": name_on_receipt(get_artisan(connection, artisan_id).full_name),
        "period": period_words(found.period),
        "received_on": local_date(found.received_at),
        "agency": found.agency,
    }
    of_receipt = select(deposit.c.code).where(deposit.c.receipt_number == receipt)
    code = connection.execute(of_receipt).scalar_one()
    sent = 0
    for phone, language in receipt_phones(connection, code).items():
        if take_try(operation, phone, DailyTries(f"receipt:{receipt}", _A_DAY), event) is None:
            continue
        once = f"{receipt}:{phone.e164}:{event}"
        message = OutboundMessage("receipt", once, phone, language, values)
        sent += queue_message(operation, services, message) is not None
    record_audit(
        operation, "receipt_sent_again", f"artisan:{artisan_id}", receipt=receipt, phones=sent
    )
    return sent
