"""Issues payment codes, cancels and expires them. (Cash for them arrives in deposits.)

Every function works in the caller's transaction and commits nothing itself.
"""

from __future__ import annotations

from datetime import datetime, timedelta
from random import Random

from sqlalchemy import Connection, DateTime, bindparam, text, update

from app.base.clock import local_date, local_midnight
from app.base.money import Money
from app.base.months import Month
from app.base.operation import Operation
from app.base.phone import Phone
from app.contributions.rules import (
    Quote,
    code_validity_days,
    coefficient_of,
    last_unchanged_day,
)
from app.enrolment.queries import Artisan, lock_artisan
from app.ledger.audit import note
from app.messaging.service import OutboundMessage, queue_message
from app.payments.dues import quote_payable, quote_until
from app.payments.errors import AnotherIsLive, NothingDue
from app.payments.models import payment_code
from app.payments.queries import IssuedCode, PaymentAccount, get_account
from app.payments.receipts import receipt_phones
from app.payments.rules import draw_code
from app.payments.wording import period_words, shown_until
from app.text.words import Words


def issue_code(
    connection: Connection,
    artisan_id: int,
    phone: Phone | None,
    language: str,
    through: Month | None,
    *,
    replacing: str | None = None,
    by: str = "artisan",
    fee: Money,
    words: Words,
    random: Random,
    now: datetime,
) -> IssuedCode:
    """A code for all months payable up to `through` (None: all that is owed); also sent by SMS
    where somebody asks by phone.

    The live code is given again when it pays the same months. One for other months stays, unless
    it is the one named `replacing`, or its amount is no longer what is due: then it is cancelled
    first. Callers for one artisan wait for each other, and the database allows one live code.
    NothingDue, NotCollectedHere, AnotherIsLive.
    """
    artisan = lock_artisan(connection, artisan_id)
    account = get_account(connection, artisan_id, now)
    whole = quote_payable(artisan, account, local_date(now))
    due = _chosen(whole, through, now)
    if (live := account.code) and _pays(live, quote_until(whole, live.last), fee):
        if (live.first, live.last) == (due.periods[0], due.periods[-1]):
            return live
        if live.code != replacing:
            raise AnotherIsLive(live)
    ended = end_live_code(connection, artisan_id, now, by)
    if account.code and not ended:
        # Paid at this very moment: what is due has changed.
        account = get_account(connection, artisan_id, now)
        whole = quote_payable(artisan, account, local_date(now))
        due = _chosen(whole, through, now)
    if account.code and ended == "cancelled":
        tell_cancelled(connection, words, account.code.code, now, but=phone)
    code = _insert_code(connection, artisan, account, phone, due, fee, random, now)
    if phone:
        tell_code(connection, words, code, phone, language, now)
    told = {"code": code.code, "total": code.total.centimes}
    note(connection, now, by, "code_issued", artisan.id, **told)
    return code


def tell_code(
    connection: Connection,
    words: Words,
    code: IssuedCode,
    phone: Phone,
    language: str,
    now: datetime,
) -> None:
    """Sends a live code to a phone, once."""
    values = {
        "code": code.code,
        "total": code.total,
        "period": period_words(code.first, code.last),
        "until": shown_until(code.expires_at),
    }
    message = OutboundMessage("code", f"{code.code}:{phone.e164}", phone, language, values)
    queue_message(Operation(connection, now, "artisan"), words, message)


def cancel_code(connection: Connection, artisan_id: int, now: datetime) -> bool:
    """Whether the artisan's live code is now cancelled; False when there was none any more."""
    lock_artisan(connection, artisan_id)
    return end_live_code(connection, artisan_id, now) == "cancelled"


def tell_cancelled(
    connection: Connection, words: Words, code: str, now: datetime, but: Phone | None = None
) -> None:
    """Whoever was sent the code still has that message, and would go to the counter with it; not
    the phone that is told of a new one at once.
    """
    for phone, language in receipt_phones(connection, code).items():
        if phone == but:
            continue
        event, values = f"{code}:{phone.e164}", {"code": code}
        message = OutboundMessage("code_cancelled", event, phone, language, values)
        queue_message(Operation(connection, now, "artisan"), words, message)


def end_live_code(
    connection: Connection, artisan_id: int, now: datetime, by: str = "artisan"
) -> str | None:
    """Ends the artisan's issued code: `cancelled` by somebody, or `expired` by time.

    None when there was none: the row count decides, not an earlier read.
    """
    ended = connection.execute(_END_LIVE, {"artisan": artisan_id, "now": now}).one_or_none()
    if ended is None:
        return None
    if ended.state == "cancelled":
        note(connection, now, by, "code_cancelled", artisan_id, code=ended.code)
    return str(ended.state)


def expire_codes(connection: Connection, now: datetime) -> int:
    """Notes which codes' time is over, and how many. They are not payable without it either."""
    return connection.execute(
        update(payment_code)
        .where(payment_code.c.state == "issued", payment_code.c.expires_at <= now)
        .values(state="expired", ended_at=payment_code.c.expires_at)
    ).rowcount


def _chosen(whole: Quote, through: Month | None, now: datetime) -> Quote:
    """The oldest of what is payable: up to `through`, or to the current month."""
    last = through or Month.of(local_date(now))
    if not (lines := tuple(line for line in whole.lines if line.period <= last)):
        raise NothingDue()
    return Quote(lines)


def _pays(code: IssuedCode, due: Quote, fee: Money) -> bool:
    """Whether the code still pays exactly this."""
    return bool(due.lines) and code.first == due.periods[0] and code.total == due.total + fee


def _insert_code(
    connection: Connection,
    artisan: Artisan,
    account: PaymentAccount,
    phone: Phone | None,
    due: Quote,
    fee: Money,
    random: Random,
    now: datetime,
) -> IssuedCode:
    first, last = due.periods[0], due.periods[-1]
    total, expires_at = due.total + fee, _expiry(artisan, account, due, now)
    values = {
        "artisan": artisan.id,
        "phone": phone.e164 if phone else None,
        "contribution": due.amount.centimes,
        "penalty": due.penalty.centimes,
        "fee": fee.centimes,
        "total": total.centimes,
        "first": first.first_day,
        "last": last.first_day,
        "now": now,
        "expires_at": expires_at,
        "periods": [line.period.first_day for line in due.lines],
        "contributions": [line.amount.centimes for line in due.lines],
        "penalties": [line.penalty.centimes for line in due.lines],
    }
    # A code that was given before, to anyone, is not given again.
    while True:
        code = draw_code(random)
        if connection.execute(_INSERT, values | {"code": code}).rowcount:
            return IssuedCode(code, total, first, last, expires_at)


def _expiry(artisan: Artisan, account: PaymentAccount, due: Quote, now: datetime) -> datetime:
    """Some days from now, and never past the day on which the amount would change."""
    today = local_date(now)
    days = code_validity_days(Month.of(today))
    coefficient = coefficient_of(artisan.category, artisan.coefficient)
    last_day = last_unchanged_day(coefficient, due.periods, today, days, earlier=account.paid_late)
    return min(now + timedelta(days=days), local_midnight(last_day + timedelta(days=1)))


# Built once: building them takes longer than running them.
_END_LIVE = text("""
    UPDATE payment_code SET
        state = CASE WHEN expires_at <= :now THEN 'expired' ELSE 'cancelled' END,
        ended_at = least(expires_at, :now)
    WHERE artisan_id = :artisan AND state = 'issued' RETURNING code, state
""").bindparams(bindparam("now", type_=DateTime(True)))
# The code and its months; none of both where the code was given before.
_INSERT = text("""
    WITH drawn AS (
        INSERT INTO payment_code (code, artisan_id, phone, contribution_centimes, penalty_centimes,
            fee_centimes, total_centimes, first_period, last_period, issued_at, expires_at)
        VALUES (:code, :artisan, :phone, :contribution, :penalty, :fee, :total, :first, :last,
            :now, :expires_at)
        ON CONFLICT (code) DO NOTHING RETURNING code
    )
    INSERT INTO payment_code_line (code, period, contribution_centimes, penalty_centimes)
    SELECT drawn.code, line.* FROM drawn, unnest(CAST(:periods AS date[]),
        CAST(:contributions AS bigint[]), CAST(:penalties AS bigint[])) AS line
""").bindparams(bindparam("now", type_=DateTime(True)))
