"""Writes again a code that was issued and that the restored books do not have.

Its number is on a phone or a receipt, and cash came for it. It pays nothing by itself: the deposit
is booked as any other that a network's file reports after the fact.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import DateTime, bindparam, select, text

from app.audit.service import record_audit
from app.base.clock import local_date
from app.base.money import Money
from app.base.operation import Operation
from app.contributions.rules import Quote
from app.enrolment.queries import lock_artisan
from app.ledger.break_queries import has_waiting_break
from app.ledger.breaks import NewBreak, open_break
from app.ledger.gaps import is_after_gap
from app.payments.dues import quote_payable, quote_until
from app.payments.errors import AmountFitsNoMonths, CodeKnown
from app.payments.models import payment_code
from app.payments.queries import get_account


@dataclass(frozen=True, slots=True)
class LostCash:
    """Cash that a network took for a code that the books do not have."""

    code: str
    amount: Money
    paid_at: datetime


def write_lost_code(operation: Operation, cash: LostCash, artisan_id: int, fee: Money) -> None:
    """Writes an artisan's code that cost what came for it, and ended at that moment.

    Its months are the oldest that come to the amount with the fee, as they were due on that day.

    Raises: AmountFitsNoMonths, CodeKnown.
    """
    code, amount, paid_at = cash.code, cash.amount, cash.paid_at
    artisan = lock_artisan(operation.connection, artisan_id)
    known = select(payment_code.c.code).where(payment_code.c.code == code)
    if operation.connection.execute(known).scalar() is not None:
        raise CodeKnown()
    account = get_account(operation.connection, artisan_id, operation.now)
    quote = _find_months(quote_payable(artisan, account, local_date(paid_at)), amount - fee)
    values = {
        "code": code,
        "artisan": artisan_id,
        "contribution": quote.amount.centimes,
        "penalty": quote.penalty.centimes,
        "fee": fee.centimes,
        "total": amount.centimes,
        "first": quote.period.first.first_day,
        "last": quote.period.last.first_day,
        "issued_at": paid_at - timedelta(seconds=1),
        "ended_at": paid_at + timedelta(seconds=1),
        "periods": [line.month.first_day for line in quote.lines],
        "contributions": [line.amount.centimes for line in quote.lines],
        "penalties": [line.penalty.centimes for line in quote.lines],
    }
    operation.connection.execute(_INSERT, values)
    total = {"code": code, "total": amount.centimes}
    record_audit(operation, "lost_code_written", f"artisan:{artisan_id}", **total)


def note_retry(operation: Operation, network: str, cash: LostCash, reference: str | None) -> None:
    """Opens a break for a caller's payment of an unknown code, for some days after a restore.

    The caller is refused as ever: the network's file says whether it took the cash.
    """
    if not is_after_gap(operation.connection, operation.now):
        return
    if not has_waiting_break(operation.connection, "retried_after_restore", network, cash.code):
        details = {"reference": reference, "paid_at": cash.paid_at.isoformat()}
        kind = "retried_after_restore"
        open_break(
            operation,
            NewBreak(kind, network, code=cash.code, theirs=cash.amount, details=details),
        )


def _find_months(payable: Quote, amount: Money) -> Quote:
    """Returns the oldest months that come to an amount. Raises: AmountFitsNoMonths."""
    for line in payable.lines:
        quote = quote_until(payable, line.month)
        if quote.total == amount:
            return quote
    raise AmountFitsNoMonths(amount=amount)


_INSERT = text("""
    WITH written AS (
        INSERT INTO payment_code (code, artisan_id, state, contribution_centimes, penalty_centimes,
            fee_centimes, total_centimes, first_period, last_period, issued_at, expires_at,
            ended_at)
        VALUES (:code, :artisan, 'expired', :contribution, :penalty, :fee, :total, :first, :last,
            :issued_at, :ended_at, :ended_at)
        RETURNING code
    )
    INSERT INTO payment_code_line (code, period, contribution_centimes, penalty_centimes)
    SELECT written.code, line.* FROM written, unnest(CAST(:periods AS date[]),
        CAST(:contributions AS bigint[]), CAST(:penalties AS bigint[])) AS line
""").bindparams(
    bindparam("issued_at", type_=DateTime(True)), bindparam("ended_at", type_=DateTime(True))
)
