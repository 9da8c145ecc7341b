"""Entry 3, my payments: the live code, receipts, and how far CNSS is."""

from app.base.clock import local_date
from app.base.database import transaction
from app.enrolment.queries import lock_artisan
from app.journeys.desk import Conversation, vocabulary
from app.journeys.facts import fresh_person, person, read_account_again
from app.journeys.pay import code_values
from app.payments.queries import Deposit, get_account
from app.payments.service import cancel_code
from app.payments.wording import period_words
from app.text.words import Say
from app.ussd.vocabulary import NothingToShow, Row, Values


@vocabulary.action("look_at_payments", "some", "none")
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
    for deposit in person(talk).account.deposits:
        if deposit.receipt == talk.kept["receipt"]:
            return _shown(deposit)
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
