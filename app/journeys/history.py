"""Entry 3, my payments: the live code, receipts, and how far CNSS is."""

from app.base.clock import local_date
from app.base.database import transaction
from app.enrolment.queries import lock_artisan
from app.enrolment.service import take_try
from app.journeys.desk import Conversation, own_message_when, vocabulary
from app.journeys.facts import fresh_person, person, read_account_again
from app.journeys.pay import code_message, code_values
from app.messaging.service import queue_message
from app.payments.queries import Deposit, get_account
from app.payments.service import cancel_code, tell_cancelled
from app.payments.wording import period_words
from app.text.words import Say
from app.ussd.vocabulary import NothingToShow, Row, Values

# A receipt again by SMS costs a message each time.
_AGAIN_A_DAY = 3


def payments_by_sms(talk: Conversation, _outcome: str) -> Say:
    """The live code, else the newest payment, for whom the screen was too slow."""
    account = person(talk).account
    if account.code:
        return code_message(account.code)
    if not account.deposits:
        return Say("sms.no_payments")
    shown = _shown(account.deposits[0])
    return Say("sms.payments", {key: shown[key] for key in ("total", "received_on", "posted")})


@vocabulary.action("look_at_payments", "some", "none", by_sms=payments_by_sms)
def look_at_payments(talk: Conversation) -> str:
    account = fresh_person(talk).account
    return "some" if account.code or account.deposits else "none"


@vocabulary.source("payments")
def payments(talk: Conversation) -> Values:
    account = person(talk).account
    if not (account.code or account.deposits):
        raise NothingToShow()
    return {
        "live": Say("payments.live", code_values(account.code)) if account.code else "",
        "newest": Say("payments.newest", _shown(account.deposits[0])) if account.deposits else "",
    }


@vocabulary.guard("has_live_code")
def has_live_code(talk: Conversation) -> bool:
    return person(talk).account.code is not None


@vocabulary.guard("has_receipts")
def has_receipts(talk: Conversation) -> bool:
    return bool(person(talk).account.deposits)


@vocabulary.rows("receipts")
def receipts(talk: Conversation) -> list[Row]:
    return [Row(deposit.receipt, _shown(deposit)) for deposit in person(talk).account.deposits]


@vocabulary.source("receipt")
def receipt(talk: Conversation) -> Values:
    return _shown(_chosen(talk))


@vocabulary.action("send_receipt_again", "sent", "enough", by_sms=own_message_when("sent"))
def send_receipt_again(talk: Conversation) -> str:
    """By SMS to this phone, a few times a day; a gateway's retry sends one."""
    shown = _shown(_chosen(talk))
    names = ("receipt", "total", "period", "received_on", "agency")
    with transaction(talk.desk.database) as connection:
        kind = f"receipt:{shown['receipt']}"
        left = take_try(connection, talk.phone, kind, _AGAIN_A_DAY, talk.action_key, talk.now)
        if left is None:
            return "enough"
        queue_message(
            connection,
            talk.desk.words,
            kind="receipt",
            event=f"{shown['receipt']}:{talk.action_key}",
            phone=talk.phone,
            language=talk.language,
            values={name: shown[name] for name in names},
            now=talk.now,
        )
    return "sent"


def _chosen(talk: Conversation) -> Deposit:
    for deposit in person(talk).account.deposits:
        if deposit.receipt == talk.kept["receipt"]:
            return deposit
    raise NothingToShow()


@vocabulary.action("cancel_live_code", "cancelled", "none_live")
def cancel_live_code(talk: Conversation) -> str:
    """Only the code that was shown: another phone of the artisan may have made a new one."""
    who = person(talk)
    with transaction(talk.desk.database) as connection:
        lock_artisan(connection, who.artisan.id)
        live = get_account(connection, who.artisan.id, talk.now).code
        shown = live and who.account.code and live.code == who.account.code.code
        cancelled = shown and cancel_code(connection, who.artisan.id, talk.now)
        if live and cancelled:
            tell_cancelled(connection, talk.desk.words, live.code, talk.now)
    read_account_again(talk)
    return "cancelled" if cancelled else "none_live"


def _shown(deposit: Deposit) -> Values:
    posted = deposit.posted_on
    return {
        "receipt": deposit.receipt,
        "total": deposit.total,
        "count": deposit.months,
        "period": period_words(deposit.first, deposit.last),
        "received_on": local_date(deposit.received_at),
        "agency": deposit.agency,
        "posted": Say("posted.on", {"posted_on": posted}) if posted else Say("posted.not_yet"),
    }
