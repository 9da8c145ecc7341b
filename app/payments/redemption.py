"""Takes a code for a deposit by one conditional update, or finds the answer given before.

Works in the caller's transaction and commits nothing itself.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import (
    Boolean,
    Connection,
    DateTime,
    Select,
    Text,
    and_,
    bindparam,
    case,
    exists,
    func,
    or_,
    select,
    true,
    update,
)
from sqlalchemy.dialects.postgresql import aggregate_order_by

from app.base.money import Money
from app.base.months import Month
from app.enrolment.models import artisan
from app.enrolment.queries import PERSON, Artisan, lock_artisan
from app.payments.codes import end_live_code
from app.payments.errors import KeyReused
from app.payments.models import (
    contribution_allocation,
    idempotency_key,
    payment_code,
    payment_code_line,
    receipt_serial,
)


@dataclass(frozen=True, slots=True)
class ClaimedCode:
    """A code that is ours to book: what it costs and pays, oldest month first."""

    person: Artisan
    total: Money
    fee: Money
    serial: int
    lines: tuple[tuple[Month, Money, Money], ...]
    settled_before: bool


def claim_code(
    connection: Connection, asked: dict[str, Any], digest: bytes
) -> ClaimedCode | str | None:
    """The code, taken; or the receipt this request got before; None where it is not payable."""
    row = connection.execute(_TAKE, asked).one()
    request_digest, answered, serial, total, fee, settled, lines, *person = row
    if answered is not None:
        if request_digest != digest:
            raise KeyReused()
        return str(answered)
    if serial is None:
        return None
    months = ((Month.parse(period), Money(c), Money(p)) for period, c, p in lines)
    return ClaimedCode(Artisan(*person), Money(total), Money(fee), serial, tuple(months), settled)


def end_later_code(connection: Connection, code: str, by: str, now: datetime) -> None:
    """Another live code of the artisan would ask again for money that was paid long ago."""
    row = payment_code.c
    owner = connection.execute(select(row.artisan_id).where(row.code == code)).scalar()
    if owner is None:
        return
    lock_artisan(connection, owner)
    live = select(row.code).where(row.artisan_id == owner, row.state == "issued")
    if connection.execute(live).scalar() != code:
        end_live_code(connection, owner, now, by)


def _take_statement() -> Select[Any]:
    """Built once. One row always: the answer given before, or the code taken, or neither."""
    code, line, settled = payment_code.c, payment_code_line.c, contribution_allocation.c
    at = bindparam("at", type_=DateTime(True))
    answered = (
        select(idempotency_key.c.request_digest, idempotency_key.c.receipt_number)
        .where(
            idempotency_key.c.caller == bindparam("caller", type_=Text),
            idempotency_key.c.key == bindparam("key", type_=Text),
        )
        .cte("answered")
    )
    # Cash of a moment when the code was live is cash for it, though it has expired since.
    late = and_(bindparam("late", type_=Boolean), code.state == "expired")
    taken = (
        update(payment_code)
        .where(
            code.code == bindparam("wanted", type_=Text),
            code.expires_at > at,
            code.issued_at <= at,
            or_(code.state == "issued", late),
            ~exists().select_from(answered),
        )
        .values(state="paid", ended_at=at)
        .returning(code.code, code.artisan_id, code.total_centimes, code.fee_centimes)
        .cte("taken")
    )
    row = func.json_build_array(
        func.to_char(line.period, "YYYY-MM"), line.contribution_centimes, line.penalty_centimes
    )
    lines = (
        select(func.json_agg(aggregate_order_by(row, line.period)))
        .where(line.code == taken.c.code)
        .scalar_subquery()
    )
    settled_before = (
        exists()
        .where(line.code == taken.c.code)
        .where(settled.artisan_id == taken.c.artisan_id, settled.period == line.period)
    )
    one = select(func.now().label("one")).cte("one")
    return (
        select(
            answered.c.request_digest,
            answered.c.receipt_number,
            case((taken.c.code.is_not(None), receipt_serial.next_value())),
            taken.c.total_centimes,
            taken.c.fee_centimes,
            settled_before,
            lines,
            *PERSON,
        )
        .select_from(one)
        .outerjoin(answered, true())
        .outerjoin(taken, true())
        .outerjoin(artisan, artisan.c.id == taken.c.artisan_id)
    )


_TAKE = _take_statement()
