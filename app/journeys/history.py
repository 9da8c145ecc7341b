"""Entry 3, my payments: the live code, receipts, and how far CNSS is."""

from app.base.clock import local_date
from app.base.database import transaction
from app.journeys.desk import Conversation, vocabulary
from app.journeys.facts import fresh_person, person, read_facts
from app.journeys.pay import code_values
from app.payments.queries import Deposit
from app.payments.service import cancel_code
from app.payments.wording import period_words
from app.text.words import Say
from app.ussd.vocabulary import Row, Values


@vocabulary.action("look_at_payments", "some", "none")
def look_at_payments(talk: Conversation) -> str:
    account = fresh_person(talk).account
    return "some" if account.code or account.deposits else "none"


@vocabulary.source("payments")
def payments(talk: Conversation) -> Values:
    account = person(talk).account
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
    number = talk.kept["receipt"]
    deposits = person(talk).account.deposits
    chosen = next((deposit for deposit in deposits if deposit.receipt == number), deposits[0])
    return _shown(chosen)


@vocabulary.action("cancel_live_code", "cancelled", "none_live")
def cancel_live_code(talk: Conversation) -> str:
    artisan_id = talk.facts["a"][0]
    with transaction(talk.desk.database) as connection:
        cancelled = cancel_code(connection, artisan_id, talk.now)
        read_facts(connection, talk, artisan_id)
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
