"""Entry 3, my payments: the live code, receipts, and how far CNSS is with them."""

from __future__ import annotations

from app.base.clock import local_date
from app.base.driver import by_driver
from app.enrolment.queries import get_artisan, lock_artisan
from app.enrolment.rules import name_on_receipt
from app.enrolment.service import DailyTries, take_try
from app.journeys.code_of_unproven import may_end_code
from app.journeys.context import Dialogue, begin_operation, own_message_when, vocabulary
from app.journeys.pay import code_message, describe_shown_code
from app.journeys.person import (
    get_live_code,
    reload_person,
    reload_stale_person,
    require_tie,
)
from app.messaging.service import OutboundMessage, queue_message
from app.payments.codes import cancel_code, queue_cancellation
from app.payments.queries import Deposit, get_account
from app.payments.wording import period_words
from app.text.words import Say
from app.ussd.vocabulary import NothingToShow, Row, Values

# A receipt costs a message each time it is sent again.
_SENT_AGAIN_A_DAY = 3
_IN_RECEIPT_MESSAGE = ("receipt", "total", "for_whom", "period", "received_on", "agency")


def payments_by_sms(dialogue: Dialogue, _outcome: str) -> Say:
    """Returns the message with the live code, else with the newest payment."""
    if code := get_live_code(dialogue):
        return code_message(code)
    if not (deposits := dialogue.facts.deposits):
        return Say("sms.no_payments")
    values = _describe_deposit(deposits[0])
    return Say("sms.payments", {name: values[name] for name in ("total", "received_on", "posted")})


@vocabulary.action("look_at_payments", "some", "none", by_sms=payments_by_sms, only_looks=True)
def look_at_payments(dialogue: Dialogue) -> str:
    reload_stale_person(dialogue)
    code = get_live_code(dialogue)
    dialogue.facts.may_end_code = code is not None and may_end_code(dialogue, code.code)
    return "some" if code or dialogue.facts.deposits else "none"


@vocabulary.source("payments")
def describe_payments(dialogue: Dialogue) -> Values:
    code, deposits = get_live_code(dialogue), dialogue.facts.deposits
    if not (code or deposits):
        raise NothingToShow()
    return {
        "live": Say("payments.live", describe_shown_code(dialogue, code)) if code else "",
        "newest": Say("payments.newest", _describe_deposit(deposits[0])) if deposits else "",
    }


@vocabulary.guard("has_live_code")
def has_live_code(dialogue: Dialogue) -> bool:
    """True if there is a live code that this phone might cancel when the payments were read."""
    return dialogue.facts.may_end_code and get_live_code(dialogue) is not None


@vocabulary.action("look_at_receipts", "some", "none", only_looks=True)
def look_at_receipts(dialogue: Dialogue) -> str:
    if not dialogue.facts.deposits:
        return "none"
    if not dialogue.facts.name:
        with by_driver(dialogue.services.database) as connection:
            artisan = get_artisan(connection, dialogue.facts.artisan_id)
        dialogue.facts.name = name_on_receipt(artisan.full_name)
    return "some"


@vocabulary.rows("receipts")
def list_receipts(dialogue: Dialogue) -> list[Row]:
    deposits = dialogue.facts.deposits
    return [Row(deposit.receipt, _describe_deposit(deposit)) for deposit in deposits]


@vocabulary.source("receipt")
def describe_receipt(dialogue: Dialogue) -> Values:
    """Describes the chosen receipt, with the masked name of the person whose months it pays."""
    described = _describe_deposit(_get_chosen_deposit(dialogue))
    return {**described, "for_whom": dialogue.facts.name}


@vocabulary.action("send_receipt_again", "sent", "enough", by_sms=own_message_when("sent"))
def send_receipt_again(dialogue: Dialogue) -> str:
    """Sends the receipt to this phone, a few times a day; a gateway's retry sends nothing more."""
    values = describe_receipt(dialogue)
    receipt = values["receipt"]
    with begin_operation(dialogue) as operation:
        require_tie(operation.connection, dialogue)
        tries = DailyTries(f"receipt:{receipt}", _SENT_AGAIN_A_DAY)
        if take_try(operation, dialogue.phone, tries, dialogue.action_key) is None:
            return "enough"
        message = OutboundMessage(
            kind="receipt",
            event=f"{receipt}:{dialogue.action_key}",
            phone=dialogue.phone,
            language=dialogue.language,
            values={name: values[name] for name in _IN_RECEIPT_MESSAGE},
        )
        queue_message(operation, dialogue.services, message)
    return "sent"


@vocabulary.action("cancel_live_code", "cancelled", "none_live")
def cancel_live_code(dialogue: Dialogue) -> str:
    """Cancels the code that was shown, not one that another phone has made since."""
    artisan_id, shown = dialogue.facts.artisan_id, get_live_code(dialogue)
    if shown and not may_end_code(dialogue, shown.code):
        return "none_live"
    with begin_operation(dialogue) as operation:
        connection = operation.connection
        lock_artisan(connection, artisan_id)
        live = get_account(connection, artisan_id, dialogue.now).code
        is_shown = live and shown and live.code == shown.code
        cancelled = is_shown and cancel_code(operation, artisan_id)
        if live and cancelled:
            queue_cancellation(operation, dialogue.services, live.code)
    reload_person(dialogue)
    return "cancelled" if cancelled else "none_live"


def _get_chosen_deposit(dialogue: Dialogue) -> Deposit:
    receipt = dialogue.answers.receipt
    for deposit in dialogue.facts.deposits:
        if deposit.receipt == receipt:
            return deposit
    raise NothingToShow()


def _describe_deposit(deposit: Deposit) -> Values:
    posted = deposit.posted_on
    return {
        "receipt": deposit.receipt,
        "total": deposit.total,
        "count": len(deposit.period),
        "period": period_words(deposit.period),
        "received_on": local_date(deposit.received_at),
        "agency": deposit.agency,
        "posted": Say("posted.on", {"posted_on": posted}) if posted else Say("posted.not_yet"),
    }
