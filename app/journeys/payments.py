"""Entry 3, my payments: the live code, receipts, and how far CNSS is."""

from app.base.clock import local_date
from app.enrolment.queries import lock_artisan
from app.enrolment.service import DailyTries, take_try
from app.journeys.context import Dialogue, begin_operation, own_message_when, vocabulary
from app.journeys.facts import fresh_person, person, read_account_again
from app.journeys.pay import code_message, code_values
from app.messaging.service import OutboundMessage, queue_message
from app.payments.codes import cancel_code, queue_cancellation
from app.payments.queries import Deposit, get_account
from app.payments.wording import period_words
from app.text.words import Say
from app.ussd.vocabulary import NothingToShow, Row, Values

# A receipt again by SMS costs a message each time.
_AGAIN_A_DAY = 3


def payments_by_sms(dialogue: Dialogue, _outcome: str) -> Say:
    """The live code, else the newest payment, for whom the screen was too slow."""
    account = person(dialogue).account
    if account.code:
        return code_message(account.code)
    if not account.deposits:
        return Say("sms.no_payments")
    shown = _shown(account.deposits[0])
    return Say("sms.payments", {key: shown[key] for key in ("total", "received_on", "posted")})


@vocabulary.action("look_at_payments", "some", "none", by_sms=payments_by_sms)
def look_at_payments(dialogue: Dialogue) -> str:
    account = fresh_person(dialogue).account
    return "some" if account.code or account.deposits else "none"


@vocabulary.source("payments")
def payments(dialogue: Dialogue) -> Values:
    account = person(dialogue).account
    if not (account.code or account.deposits):
        raise NothingToShow()
    return {
        "live": Say("payments.live", code_values(account.code)) if account.code else "",
        "newest": Say("payments.newest", _shown(account.deposits[0])) if account.deposits else "",
    }


@vocabulary.guard("has_live_code")
def has_live_code(dialogue: Dialogue) -> bool:
    return person(dialogue).account.code is not None


@vocabulary.guard("has_receipts")
def has_receipts(dialogue: Dialogue) -> bool:
    return bool(person(dialogue).account.deposits)


@vocabulary.rows("receipts")
def receipts(dialogue: Dialogue) -> list[Row]:
    return [Row(deposit.receipt, _shown(deposit)) for deposit in person(dialogue).account.deposits]


@vocabulary.source("receipt")
def receipt(dialogue: Dialogue) -> Values:
    return _shown(_chosen(dialogue))


@vocabulary.action("send_receipt_again", "sent", "enough", by_sms=own_message_when("sent"))
def send_receipt_again(dialogue: Dialogue) -> str:
    """By SMS to this phone, a few times a day; a gateway's retry sends one."""
    shown = _shown(_chosen(dialogue))
    names = ("receipt", "total", "period", "received_on", "agency")
    with begin_operation(dialogue) as operation:
        kind = f"receipt:{shown['receipt']}"
        tries = DailyTries(kind, _AGAIN_A_DAY)
        left = take_try(operation, dialogue.phone, tries, dialogue.action_key)
        if left is None:
            return "enough"
        message = OutboundMessage(
            kind="receipt",
            event=f"{shown['receipt']}:{dialogue.action_key}",
            phone=dialogue.phone,
            language=dialogue.language,
            values={name: shown[name] for name in names},
        )
        queue_message(operation, dialogue.services, message)
    return "sent"


def _chosen(dialogue: Dialogue) -> Deposit:
    for deposit in person(dialogue).account.deposits:
        if deposit.receipt == dialogue.answers["receipt"]:
            return deposit
    raise NothingToShow()


@vocabulary.action("cancel_live_code", "cancelled", "none_live")
def cancel_live_code(dialogue: Dialogue) -> str:
    """Only the code that was shown: another phone of the artisan may have made a new one."""
    who = person(dialogue)
    with begin_operation(dialogue) as operation:
        lock_artisan(operation.connection, who.artisan.id)
        live = get_account(operation.connection, who.artisan.id, dialogue.now).code
        shown = live and who.account.code and live.code == who.account.code.code
        cancelled = shown and cancel_code(operation, who.artisan.id)
        if live and cancelled:
            queue_cancellation(operation, dialogue.services, live.code)
    read_account_again(dialogue)
    return "cancelled" if cancelled else "none_live"


def _shown(deposit: Deposit) -> Values:
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
