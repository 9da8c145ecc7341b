"""Issues payment codes, cancels and expires them. Cash for them arrives in `deposits`.

Every function works in its caller's transaction and commits nothing itself.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime, timedelta

from sqlalchemy import Connection, DateTime, bindparam, text, update

from app.audit.service import record_audit
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
from app.messaging.service import OutboundMessage, queue_message
from app.payments.dues import quote_payable, quote_until
from app.payments.errors import AnotherIsLive, NothingDue, TermsChanged
from app.payments.models import payment_code
from app.payments.queries import IssuedCode, PaymentAccount, Terms, get_account
from app.payments.receipts import phones_with_code
from app.payments.rules import draw_code
from app.payments.wording import period_words, shown_until
from app.services import Services


@dataclass(frozen=True, slots=True)
class CodeRequest:
    """A request for a code that pays all months up to `through` (None: all that is owed).

    `phone` asked for the code and gets it by SMS in `language`; it is None if no phone asked: then
    nobody is told of the code. `replacing` is the live code that the requester has seen and wants
    replaced. `agreed` are the terms that the requester has seen; None if nothing was shown before.
    """

    artisan_id: int
    phone: Phone | None
    language: str
    through: Month | None = None
    replacing: str | None = None
    agreed: Terms | None = None


@dataclass(frozen=True, slots=True)
class _Dues:
    """The account of an artisan, all that may be paid, and the part that a code is to pay."""

    account: PaymentAccount
    payable: Quote
    chosen: Quote


def issue_code(operation: Operation, services: Services, request: CodeRequest) -> IssuedCode:
    """Issues a code for the months of the request, and queues it by SMS to the phone, if any.

    A live code for the same months is returned again. A live code for other months refuses the
    request, unless it is `replacing`, or its amount is no longer what is due: then it is cancelled
    first. Requests for one artisan wait for each other, and the database allows one live code.
    A code never has other terms than those agreed: what changed meanwhile refuses the request.
    After an error the caller must roll back.

    Raises: NothingDue, NotCollectedHere, AnotherIsLive, TermsChanged.
    """
    artisan = lock_artisan(operation.connection, request.artisan_id)
    dues = _read_dues(operation, services, artisan, request)
    live = dues.account.code
    if live and _pays_exactly(live, quote_until(dues.payable, live.period.last), services.fee):
        if live.period == dues.chosen.period:
            return live
        if live.code != request.replacing:
            raise AnotherIsLive(live)
    ended = end_live_code(operation, artisan.id)
    if live and not ended:
        # Another transaction redeemed it since it was read: less is due now.
        dues = _read_dues(operation, services, artisan, request)
    if dues.account.code and ended == "cancelled":
        queue_cancellation(operation, services, dues.account.code.code, request.phone)
    code = _insert_code(operation, services, artisan, dues, request.phone)
    if request.phone:
        queue_code_message(operation, services, code, request.phone, request.language)
    amounts = {"code": code.code, "total": code.total.centimes}
    record_audit(operation, "code_issued", f"artisan:{artisan.id}", **amounts)
    return code


def find_kept_code(
    operation: Operation, services: Services, artisan: Artisan, account: PaymentAccount
) -> IssuedCode | None:
    """Returns the artisan's live code if it still pays exactly what is due for its months.

    `issue_code` never ends such a code unless it is asked to.
    """
    live = account.code
    if live is None:
        return None
    payable = quote_payable(artisan, account, local_date(operation.now))
    due = quote_until(payable, live.period.last)
    return live if _pays_exactly(live, due, services.fee) else None


def find_terms(artisan: Artisan, account: PaymentAccount, on: date, fee: Money) -> Terms | None:
    """Returns the terms of the live code, or of a new one for all that is owed. Pure.

    A live code that no longer pays exactly what is due would be replaced. Returns None if nothing
    is owed.

    Raises: NotCollectedHere.
    """
    payable, live = quote_payable(artisan, account, on), account.code
    if live and _pays_exactly(live, quote_until(payable, live.period.last), fee):
        return live.terms
    return terms_of(quote_until(payable, Month.of(on)), fee)


def terms_of(due: Quote, fee: Money) -> Terms | None:
    """Returns the terms of a code for what is due; None if nothing is. Pure."""
    return Terms(due.total + fee, due.period) if due.lines else None


def queue_code_message(
    operation: Operation, services: Services, code: IssuedCode, phone: Phone, language: str
) -> None:
    """Queues the SMS with a live code to a phone; the same code goes to a phone once."""
    values = {
        "code": code.code,
        "total": code.total,
        "period": period_words(code.period),
        "until": shown_until(code.expires_at),
    }
    message = OutboundMessage("code", f"{code.code}:{phone.e164}", phone, language, values)
    queue_message(operation, services, message)


def cancel_code(operation: Operation, artisan_id: int) -> bool:
    """Cancels the artisan's live code. Returns False if there was none."""
    lock_artisan(operation.connection, artisan_id)
    return end_live_code(operation, artisan_id) == "cancelled"


def queue_cancellation(
    operation: Operation, services: Services, code: str, except_phone: Phone | None = None
) -> None:
    """Queues an SMS to each phone that holds the cancelled code, so that nobody takes it to a till.

    The register's phone is told of no code that it never heard of. `except_phone` gets none either:
    the SMS with its new code follows at once.
    """
    for phone, language in phones_with_code(operation.connection, code).items():
        if phone == except_phone:
            continue
        message = OutboundMessage(
            "code_cancelled", f"{code}:{phone.e164}", phone, language, {"code": code}
        )
        queue_message(operation, services, message)


def end_live_code(operation: Operation, artisan_id: int) -> str | None:
    """Ends the artisan's live code. Returns its new state, `cancelled` or `expired`.

    Returns None if the UPDATE found no live code, whatever was read earlier.
    """
    params = {"artisan": artisan_id, "now": operation.now}
    ended = operation.connection.execute(_END_LIVE, params).one_or_none()
    if ended is None:
        return None
    if ended.state == "cancelled":
        record_audit(operation, "code_cancelled", f"artisan:{artisan_id}", code=ended.code)
    return str(ended.state)


def expire_codes(connection: Connection, now: datetime) -> int:
    """Marks the codes past `expires_at` as expired. Returns their number.

    Such a code is not payable before it is marked either.
    """
    return connection.execute(
        update(payment_code)
        .where(payment_code.c.state == "issued", payment_code.c.expires_at <= now)
        .values(state="expired", ended_at=payment_code.c.expires_at)
    ).rowcount


def _read_dues(
    operation: Operation, services: Services, artisan: Artisan, request: CodeRequest
) -> _Dues:
    """Reads the account and quotes the oldest months of a request.

    Raises: NothingDue, NotCollectedHere, TermsChanged.
    """
    today = local_date(operation.now)
    account = get_account(operation.connection, artisan.id, operation.now)
    payable = quote_payable(artisan, account, today)
    chosen = quote_until(payable, request.through or Month.of(today))
    if not chosen.lines:
        raise NothingDue()
    if request.agreed not in {None, terms_of(chosen, services.fee)}:
        raise TermsChanged()
    return _Dues(account, payable, chosen)


def _pays_exactly(code: IssuedCode, due: Quote, fee: Money) -> bool:
    """True if the code still pays exactly what is due."""
    return bool(due.lines) and code.period.first == due.months[0] and code.total == due.total + fee


def _insert_code(
    operation: Operation, services: Services, artisan: Artisan, dues: _Dues, phone: Phone | None
) -> IssuedCode:
    due, now = dues.chosen, operation.now
    period = due.period
    total, expires_at = due.total + services.fee, _compute_expiry(artisan, dues, now)
    values = {
        "artisan": artisan.id,
        "phone": phone.e164 if phone else None,
        "contribution": due.amount.centimes,
        "penalty": due.penalty.centimes,
        "fee": services.fee.centimes,
        "total": total.centimes,
        "first": period.first.first_day,
        "last": period.last.first_day,
        "now": now,
        "expires_at": expires_at,
        "periods": [line.month.first_day for line in due.lines],
        "contributions": [line.amount.centimes for line in due.lines],
        "penalties": [line.penalty.centimes for line in due.lines],
    }
    # The INSERT adds no row for a code that was ever issued before: another is drawn.
    while True:
        code = draw_code(services.random)
        if operation.connection.execute(_INSERT, values | {"code": code}).rowcount:
            return IssuedCode(code, total, period, expires_at)


def _compute_expiry(artisan: Artisan, dues: _Dues, now: datetime) -> datetime:
    """Returns when a new code expires: some days from now, before its amount would change."""
    today = local_date(now)
    days = code_validity_days(Month.of(today))
    coefficient = coefficient_of(artisan.category, artisan.coefficient)
    last_day = last_unchanged_day(
        coefficient, dues.chosen.months, today, days, earlier=dues.account.paid_late
    )
    return min(now + timedelta(days=days), local_midnight(last_day + timedelta(days=1)))


# Built once: building them takes longer than running them.
_END_LIVE = text("""
    UPDATE payment_code SET
        state = CASE WHEN expires_at <= :now THEN 'expired' ELSE 'cancelled' END,
        ended_at = least(expires_at, :now)
    WHERE artisan_id = :artisan AND state = 'issued' RETURNING code, state
""").bindparams(bindparam("now", type_=DateTime(True)))
# Inserts the code and its months, or nothing if the code was ever issued before.
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
