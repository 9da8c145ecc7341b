"""Lists the bills of an account, and the payments that a network made for them."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Connection, Row, Select, func, select

from app.agents.clients import Client
from app.base.clock import local_date
from app.base.money import ZERO, Money
from app.base.months import Month
from app.base.operation import Operation
from app.enrolment.queries import get_artisan
from app.mobile_money.accounts import check_owner, find_owner_of_code, find_owners
from app.mobile_money.allowance import is_out_of_unknown, refuse_bill, refuse_unknown
from app.mobile_money.errors import Refused
from app.mobile_money.look_ups import (
    TOO_MANY_BILLS,
    LookUp,
    find_or_make_allowed_bill,
)
from app.mobile_money.objects import (
    Bill,
    BillPayment,
    JsonObject,
    bill_object,
    payment_object,
    write_moment,
)
from app.payments.dues import quote_dues
from app.payments.looked_up_bills import LookedUpBill
from app.payments.models import deposit, payment_code, reversal
from app.payments.presentment import refusal_of_code
from app.payments.queries import get_account
from app.payments.receipts import find_code
from app.payments.rules import read_code
from app.services import Services


@dataclass(frozen=True, slots=True)
class PageQuery:
    """The wanted rows of a list: `limit` of them after `offset`, made from `since` to `until`."""

    limit: int
    offset: int = 0
    since: datetime | None = None
    until: datetime | None = None

    def includes(self, moment: datetime) -> bool:
        """True if a row made at `moment` is asked for."""
        return (self.since is None or moment >= self.since) and (
            self.until is None or moment <= self.until
        )


@dataclass(frozen=True, slots=True)
class BillQuery:
    """A client's request for the bills of the account that all `identifiers` name, by type."""

    client: Client
    identifiers: Mapping[str, str]
    page: PageQuery


@dataclass(frozen=True, slots=True)
class PaymentQuery:
    """A request, made `now`, for the payments of one bill (`code`) or of an account's bills."""

    identifiers: Mapping[str, str]
    code: str | None
    page: PageQuery
    now: datetime


@dataclass(frozen=True, slots=True)
class BillPage:
    """The rows of a page; `available` is how many there are in all.

    `no_bill` says why those of the account who have no bill have none.
    """

    rows: list[JsonObject]
    available: int
    no_bill: frozenset[str] = frozenset()


def list_bills(operation: Operation, services: Services, query: BillQuery) -> BillPage:
    """Lists the live bills of an account.

    An artisan who owes and has no live code gets one, so that a person without a phone can pay.

    Raises: Refused if an identifier is wrong or nobody's, or if a bill is beyond the client's
    allowance and none is live; CodeMistyped.
    """
    found = _find_bills(operation, services, query)
    bills, why = [], {bill.why for bill in found if bill.why}
    for code in (bill.code for bill in found if bill.code):
        bill, end = _read_bill(operation, services, code)
        if bill:
            bills.append(bill)
        elif not why:
            why.add(end)
    if not bills:
        _refuse_to_make_more(operation, query.client, why)
    return _cut_page(bills, query.page, frozenset(why))


def get_only_bill(operation: Operation, services: Services, query: BillQuery) -> str:
    """Returns the reference of the account's one live bill, for a payment that names none.

    Raises: Refused where there is none or more than one.
    """
    page = list_bills(operation, services, query)
    if page.available > 1:
        raise Refused("businessRule", "incorrectState", "more than one bill: name it")
    if not page.available:
        why = ", ".join(sorted(page.no_bill))
        raise Refused("businessRule", "incorrectState", f"no live bill: {why}", noBillReason=why)
    return str(page.rows[0]["billReference"])


def list_payments(connection: Connection, client: Client, query: PaymentQuery) -> BillPage:
    """Lists the payments of the client's network, newest first; never another network's.

    A client that speaks for some agencies alone sees what those took, and nothing else.

    Raises: Refused.
    """
    statement = _payments_statement(connection, client, query)
    count = select(func.count()).select_from(statement.order_by(None).subquery())
    available = connection.execute(count).scalar_one()
    page = query.page
    if not available and is_out_of_unknown(connection, client, query.now):
        raise refuse_unknown(query.now)
    rows = connection.execute(statement.limit(page.limit).offset(page.offset))
    return BillPage([payment_object(_read_payment(row)) for row in rows], available)


def _payments_statement(
    connection: Connection, client: Client, query: PaymentQuery
) -> Select[*tuple[object, ...]]:
    columns, page = deposit.c, query.page
    statement: Select[*tuple[object, ...]] = (
        select(
            columns.receipt_number,
            columns.code,
            columns.total_centimes,
            columns.received_at,
            reversal.c.reversed_at,
            columns.network_reference,
            columns.agent_number,
            columns.terminal,
        )
        .outerjoin(reversal, reversal.c.receipt_number == columns.receipt_number)
        .where(columns.network == client.network)
        .order_by(columns.received_at.desc(), columns.receipt_number.desc())
    )
    if client.agencies is not None:
        statement = statement.where(columns.agency_code.in_(client.agencies))
    if query.code is not None:
        check_owner(connection, query.identifiers, query.code)
        statement = statement.where(columns.code == query.code)
    else:
        owners = find_owners(connection, query.identifiers)
        statement = statement.where(columns.artisan_id.in_(owners))
    if page.since:
        statement = statement.where(columns.received_at >= page.since)
    if page.until:
        statement = statement.where(columns.received_at <= page.until)
    return statement


def _read_payment(row: Row[*tuple[object, ...]]) -> BillPayment:
    pairs = {"agentId": row.agent_number, "terminalId": row.terminal}
    fields: JsonObject = {
        "metadata": [{"key": key, "value": value} for key, value in pairs.items() if value]
    }
    if row.network_reference:
        fields["requestingOrganisationTransactionReference"] = row.network_reference
    return BillPayment(
        receipt=row.receipt_number,
        code=row.code,
        amount=Money(row.total_centimes),
        received_at=row.received_at,
        reversed_at=row.reversed_at,
        request_fields=fields,
    )


def _read_known_code(connection: Connection, typed: str) -> str:
    code = read_code(typed)
    find_owner_of_code(connection, code)
    return code


def _find_bills(operation: Operation, services: Services, query: BillQuery) -> list[LookedUpBill]:
    """Returns the bill that the identifiers name, or one for each artisan whom they name."""
    connection, identifiers = operation.connection, query.identifiers
    reference = identifiers.get("linkref")
    code = None if reference is None else _read_known_code(connection, reference)
    owners = find_owners(connection, identifiers)
    if code is not None:
        return [LookedUpBill(code)]
    return [
        find_or_make_allowed_bill(operation, services, LookUp(query.client, owner, identifiers))
        for owner in sorted(owners)
    ]


def _refuse_to_make_more(operation: Operation, client: Client, why: Collection[str]) -> None:
    """Refuses an empty list beyond the client's allowances of the day.

    A client that has looked up too many numbers that are nobody's gets the same refusal for
    somebody who has no bill, so that it cannot tell them apart. Raises: Refused.
    """
    if TOO_MANY_BILLS in why:
        raise refuse_bill(operation.now)
    if is_out_of_unknown(operation.connection, client, operation.now):
        raise refuse_unknown(operation.now)


def _read_bill(operation: Operation, services: Services, code: str) -> tuple[Bill | None, str]:
    """Returns the bill of a code that can be paid, or None and the state it came to."""
    connection, now = operation.connection, operation.now
    presented = find_code(connection, code, now)
    if presented is None or (payable := presented.payable) is None:
        end = refusal_of_code(presented.end if presented else None, None, now)
        return None, end.code.removeprefix("code_")
    columns = payment_code.c
    row = connection.execute(
        select(columns.issued_at, columns.artisan_id).where(columns.code == code)
    ).one()
    person, account = (
        get_artisan(connection, row.artisan_id),
        get_account(connection, row.artisan_id, now),
    )
    owed = quote_dues(person, account, local_date(now))
    bill = Bill(
        code=code,
        total=payable.total,
        name=payable.full_name,
        months=_write_months(payable.period.first, payable.period.last),
        issued_at=row.issued_at,
        expires_at=payable.expires_at,
        owed=owed.total + services.fee if owed.lines else ZERO,
        months_owed=_write_months(owed.months[0], owed.months[-1]) if owed.lines else "",
    )
    return bill, "issued"


def _write_months(first: Month, last: Month) -> str:
    return f"{first}" if first == last else f"{first}/{last}"


def _cut_page(bills: list[Bill], page: PageQuery, no_bill: frozenset[str]) -> BillPage:
    # Compared in milliseconds, as shown, because a client asks again with the moment it was shown.
    rows = [
        bill_object(bill)
        for bill in bills
        if page.includes(datetime.fromisoformat(write_moment(bill.issued_at)))
    ]
    return BillPage(rows[page.offset : page.offset + page.limit], len(rows), no_bill)
