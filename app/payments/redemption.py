"""Claims a code for a deposit by one conditional update, or finds the receipt of its key.

Every function works in its caller's transaction and commits nothing itself.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import (
    Boolean,
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

from app.base.driver import Prepared
from app.base.money import Money
from app.base.months import Month
from app.base.operation import Operation
from app.base.phone import Phone
from app.enrolment.models import artisan
from app.enrolment.queries import PERSON, Artisan, lock_artisan, read_artisan
from app.payments.codes import end_live_code
from app.payments.errors import KeyReused
from app.payments.models import (
    contribution_allocation,
    idempotency_key,
    payment_code,
    payment_code_line,
    receipt_serial,
)
from app.payments.receipts import select_receipt_phones


@dataclass(frozen=True, slots=True)
class CodeClaim:
    """A request to claim `code`: its idempotency key and digest, and when the cash was received.

    `after_the_fact` also allows an expired code, if it was live at `received_at`.
    """

    code: str
    scope: str
    key: str
    digest: bytes
    received_at: datetime
    after_the_fact: bool


@dataclass(frozen=True, slots=True)
class CodeLine:
    """A month that a code pays."""

    month: Month
    contribution: Money
    penalty: Money


@dataclass(frozen=True, slots=True)
class ClaimedCode:
    """A code that this transaction moved to `paid`; its lines are in order, oldest month first.

    `serial` is for the new receipt, which goes to `phones`, each with its language.
    `settled_before` is True if a month was settled already.
    """

    artisan: Artisan
    total: Money
    fee: Money
    serial: int
    lines: tuple[CodeLine, ...]
    phones: Mapping[Phone, str]
    settled_before: bool


def claim_code(operation: Operation, claim: CodeClaim) -> ClaimedCode | str | None:
    """Moves a code from `issued` to `paid` in one statement and returns it.

    Returns the receipt instead if the idempotency key has one, or None if the code is not payable.

    Raises: KeyReused.
    """
    params = {
        "wanted": claim.code,
        "scope": claim.scope,
        "key": claim.key,
        "at": claim.received_at,
        "after_the_fact": claim.after_the_fact,
    }
    row = _CLAIM.fetch_one(operation.connection, **params)
    if row.answered_receipt is not None:
        if row.request_digest != claim.digest:
            raise KeyReused()
        return str(row.answered_receipt)
    if row.serial is None:
        return None
    return ClaimedCode(
        artisan=read_artisan(row),
        total=Money(row.total_centimes),
        fee=Money(row.fee_centimes),
        serial=row.serial,
        lines=tuple(_read_line(line) for line in row.lines),
        phones={Phone(one["phone"]): one["language"] for one in row.phones or ()},
        settled_before=row.settled_before,
    )


def end_other_code(operation: Operation, code: str) -> None:
    """Ends the live code of the artisan of `code`, if it is another one.

    It was issued after the cash for `code` came, for months that this cash pays.
    """
    columns = payment_code.c
    connection = operation.connection
    owner = connection.execute(select(columns.artisan_id).where(columns.code == code)).scalar()
    if owner is None:
        return
    lock_artisan(connection, owner)
    live = select(columns.code).where(columns.artisan_id == owner, columns.state == "issued")
    if connection.execute(live).scalar() != code:
        end_live_code(operation, owner)


def _read_line(line: Mapping[str, Any]) -> CodeLine:
    return CodeLine(Month.parse(line["month"]), Money(line["contribution"]), Money(line["penalty"]))


def _claim_statement() -> Select[tuple[Any, ...]]:
    """Builds a statement of one row: the receipt of the key, or the claimed code, or neither."""
    code, line, allocation = payment_code.c, payment_code_line.c, contribution_allocation.c
    at = bindparam("at", type_=DateTime(True))
    answered = (
        select(idempotency_key.c.request_digest, idempotency_key.c.receipt_number)
        .where(
            idempotency_key.c.scope == bindparam("scope", type_=Text),
            idempotency_key.c.key == bindparam("key", type_=Text),
        )
        .cte("answered")
    )
    # Cash that came while the code was live pays it, even if the code has expired since.
    expired_since = and_(bindparam("after_the_fact", type_=Boolean), code.state == "expired")
    claimed = (
        update(payment_code)
        .where(
            code.code == bindparam("wanted", type_=Text),
            code.expires_at > at,
            code.issued_at <= at,
            or_(code.state == "issued", expired_since),
            ~exists().select_from(answered),
        )
        .values(state="paid", ended_at=at)
        .returning(code.code, code.artisan_id, code.total_centimes, code.fee_centimes)
        .cte("claimed")
    )
    month = func.json_build_object(
        "month",
        func.to_char(line.period, "YYYY-MM"),
        "contribution",
        line.contribution_centimes,
        "penalty",
        line.penalty_centimes,
    )
    lines = (
        select(func.json_agg(aggregate_order_by(month, line.period)))
        .where(line.code == claimed.c.code)
        .scalar_subquery()
    )
    settled_before = (
        exists()
        .where(line.code == claimed.c.code)
        .where(allocation.artisan_id == claimed.c.artisan_id, allocation.period == line.period)
    )
    # Of no code there are none, and none is looked for.
    phones = select_receipt_phones(claimed.c.code).subquery("receipt")
    address = func.json_build_object("phone", phones.c.phone, "language", phones.c.language)
    addresses = select(func.json_agg(address)).where(phones.c.phone.is_not(None)).scalar_subquery()
    single_row = select(func.now().label("now")).cte("single_row")
    return (
        select(
            answered.c.request_digest,
            answered.c.receipt_number.label("answered_receipt"),
            case((claimed.c.code.is_not(None), receipt_serial.next_value())).label("serial"),
            claimed.c.total_centimes,
            claimed.c.fee_centimes,
            settled_before.label("settled_before"),
            lines.label("lines"),
            addresses.label("phones"),
            *PERSON,
        )
        .select_from(single_row)
        .outerjoin(answered, true())
        .outerjoin(claimed, true())
        .outerjoin(artisan, artisan.c.id == claimed.c.artisan_id)
    )


# Built once: building it takes longer than running it.
_CLAIM = Prepared(_claim_statement())
