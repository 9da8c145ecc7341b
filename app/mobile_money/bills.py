"""Lists the bills of an account, and the payments that a network made for them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Connection, Row, Select, func, select

from app.agents.clients import Client
from app.base.money import Money
from app.base.operation import Operation
from app.base.phone import Phone
from app.contributions.rules import is_collected_here
from app.enrolment.models import artisan
from app.enrolment.queries import find_language, get_artisan
from app.mobile_money.accounts import (
    check_owner,
    find_owner_of_code,
    find_owners,
    read_phone,
)
from app.mobile_money.errors import Refused
from app.mobile_money.objects import (
    Bill,
    BillPayment,
    JsonObject,
    bill_object,
    payment_object,
    write_moment,
)
from app.payments.codes import CodeRequest, issue_code
from app.payments.errors import AnotherIsLive, NothingDue
from app.payments.models import deposit, payment_code, reversal
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
    """A request for the bills of the account that all `identifiers` name, by their type."""

    identifiers: Mapping[str, str]
    page: PageQuery


@dataclass(frozen=True, slots=True)
class PaymentQuery:
    """A request for the payments of one bill (`code`), or of all bills of an account."""

    identifiers: Mapping[str, str]
    code: str | None
    page: PageQuery


@dataclass(frozen=True, slots=True)
class BillPage:
    """The rows of a page; `available` is how many there are in all."""

    rows: list[JsonObject]
    available: int


def list_bills(operation: Operation, services: Services, query: BillQuery) -> BillPage:
    """Lists the live bills of an account.

    An artisan who owes and has no live code gets one, so that a person without a phone can pay.

    Raises: Refused if an identifier is wrong or nobody's, CodeMistyped.
    """
    connection, identifiers = operation.connection, query.identifiers
    reference = identifiers.get("linkref")
    code = None if reference is None else _read_known_code(connection, reference)
    owners = find_owners(connection, identifiers)
    codes: list[str | None] = [code]
    if code is None:
        codes = [_ensure_code(operation, services, owner, identifiers) for owner in sorted(owners)]
    bills = [_find_bill(connection, code, operation.now) for code in codes if code]
    return _cut_page([bill for bill in bills if bill], query.page)


def get_only_bill(operation: Operation, services: Services, identifiers: Mapping[str, str]) -> str:
    """Returns the reference of the account's one live bill, for a payment that names none.

    Raises: Refused where there is none or more than one.
    """
    page = list_bills(operation, services, BillQuery(identifiers, PageQuery(limit=2)))
    if page.available != 1:
        why = "no live bill" if not page.available else "more than one bill: name it"
        raise Refused("businessRule", "incorrectState", why)
    return str(page.rows[0]["billReference"])


def list_payments(connection: Connection, client: Client, query: PaymentQuery) -> BillPage:
    """Lists the payments of the client's network, newest first; never another network's.

    Raises: Refused.
    """
    statement = _payments_statement(connection, client, query)
    count = select(func.count()).select_from(statement.order_by(None).subquery())
    available = connection.execute(count).scalar_one()
    page = query.page
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


def _ensure_code(
    operation: Operation, services: Services, owner: int, identifiers: Mapping[str, str]
) -> str | None:
    """Returns the artisan's live code, or issues one for all that is owed and sends it by SMS.

    Returns None for an artisan who pays elsewhere or owes nothing.
    """
    connection = operation.connection
    person = get_artisan(connection, owner)
    if person.enrolled_on is None or not is_collected_here(person.category):
        return None
    phone = _find_phone(connection, owner, identifiers)
    language = (find_language(connection, phone) if phone else None) or person.language
    try:
        return issue_code(operation, services, CodeRequest(owner, phone, language)).code
    except AnotherIsLive as another:
        return another.live.code
    except NothingDue:
        return None


def _find_phone(connection: Connection, owner: int, identifiers: Mapping[str, str]) -> Phone | None:
    """Returns the phone that the request names, else the register's."""
    if "msisdn" in identifiers:
        return read_phone(identifiers["msisdn"])
    number = connection.execute(select(artisan.c.phone).where(artisan.c.id == owner)).scalar()
    return Phone(number) if number else None


def _find_bill(connection: Connection, code: str, now: datetime) -> Bill | None:
    """Returns the bill of a code that can be paid."""
    presented = find_code(connection, code, now)
    if presented is None or (payable := presented.payable) is None:
        return None
    columns = payment_code.c
    issued_at = connection.execute(select(columns.issued_at).where(columns.code == code))
    first, last = payable.period.first, payable.period.last
    return Bill(
        code=code,
        total=payable.total,
        name=payable.full_name,
        months=f"{first}" if first == last else f"{first}/{last}",
        issued_at=issued_at.scalar_one(),
        expires_at=payable.expires_at,
    )


def _cut_page(bills: list[Bill], page: PageQuery) -> BillPage:
    # Compared in milliseconds, as shown, because a client asks again with the moment it was shown.
    rows = [
        bill_object(bill)
        for bill in bills
        if page.includes(datetime.fromisoformat(write_moment(bill.issued_at)))
    ]
    return BillPage(rows[page.offset : page.offset + page.limit], len(rows))
