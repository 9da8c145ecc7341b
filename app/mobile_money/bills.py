"""Bills of a person or a code, and the payments a network made for them."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from random import Random
from typing import Any

from sqlalchemy import Connection, func, literal, select

from app.agents.clients import Client
from app.base.errors import InvalidInput
from app.base.money import Money
from app.base.phone import Phone
from app.contributions.rules import is_collected_here
from app.enrolment.models import artisan
from app.enrolment.queries import find_language, get_artisan, owners_of
from app.mobile_money.errors import Refused
from app.mobile_money.objects import bill_object, payment_object, refuse
from app.payments.codes import issue_code
from app.payments.errors import AnotherIsLive, NothingDue
from app.payments.models import deposit, payment_code, reversal
from app.payments.queries import IssuedCode
from app.payments.receipts import find_code
from app.payments.rules import read_code
from app.text.words import Words

SERVED = ("linkref", "msisdn", "consumerno")
_CNSS_NUMBER = re.compile(r"[0-9]{9}", re.ASCII)


@dataclass(frozen=True, slots=True)
class Page:
    """Which of the rows found are wanted."""

    limit: int
    offset: int
    since: datetime | None
    until: datetime | None


@dataclass(frozen=True, slots=True)
class BillPage:
    """The wanted rows of `available`."""

    rows: list[dict[str, Any]]
    available: int


def read_accounts(text: str) -> dict[str, str]:
    """`linkref@123$msisdn@+212...`: up to three identifiers of one account."""
    parts = [part.partition("@") for part in text.split("$")]
    if len(parts) > 3 or not all(kind and at and value for kind, at, value in parts):
        raise refuse("accountId", "not identifiers as type@value, at most three")
    found = {kind: value for kind, _, value in parts}
    if len(found) != len(parts):
        raise refuse("accountId", "an identifier type twice")
    return found


def list_bills(
    connection: Connection,
    identifiers: Mapping[str, str],
    page: Page,
    *,
    by: str,
    fee: Money,
    words: Words,
    random: Random,
    now: datetime,
) -> BillPage:
    """The live bills of whom all the identifiers name.

    Who owes and has no live code gets one: the artisan may come without a phone. Refused where an
    identifier is not one, or nobody's.
    """
    code = _linked(connection, identifiers["linkref"]) if "linkref" in identifiers else None
    owners = set.intersection(
        *(_owners(connection, kind, value) for kind, value in identifiers.items())
    )
    if not owners:
        raise _nobody()
    if code is None:
        codes = [
            _made(connection, owner, identifiers, by, fee, words, random, now)
            for owner in sorted(owners)
        ]
    else:
        codes = [code]
    return _page([bill for one in codes if one and (bill := _bill(connection, one, now))], page)


def get_only_bill(connection: Connection, identifiers: Mapping[str, str], **how: Any) -> str:
    """The reference of the account's one live bill, for a payment that names none."""
    found = list_bills(connection, identifiers, Page(2, 0, None, None), **how)
    if found.available != 1:
        why = "no live bill" if not found.available else "more than one bill: name it"
        raise Refused("businessRule", "incorrectState", why)
    return str(found.rows[0]["billReference"])


def check_owner(connection: Connection, identifiers: Mapping[str, str], code: str) -> None:
    """That the bill is the account's. Refused as if there were none."""
    owner = _owner_of(connection, code)
    if any(owner not in _owners(connection, *pair) for pair in identifiers.items()):
        raise _nobody()


def list_payments(
    connection: Connection,
    client: Client,
    identifiers: Mapping[str, str],
    code: str | None,
    page: Page,
) -> BillPage:
    """The payments this network made for a bill, or for all bills of an account; newest first.

    What another network took is not told.
    """
    statement = (
        select(
            deposit.c.receipt_number,
            deposit.c.code,
            deposit.c.total_centimes,
            deposit.c.received_at,
            reversal.c.reversed_at,
            deposit.c.network_reference,
            deposit.c.agent_number,
            deposit.c.terminal,
        )
        .outerjoin(reversal, reversal.c.receipt_number == deposit.c.receipt_number)
        .where(deposit.c.network == client.network)
        .order_by(deposit.c.received_at.desc(), deposit.c.receipt_number.desc())
    )
    if code is not None:
        check_owner(connection, identifiers, code)
        statement = statement.where(deposit.c.code == code)
    else:
        owners = set.intersection(*(_owners(connection, *pair) for pair in identifiers.items()))
        if not owners:
            raise _nobody()
        statement = statement.where(deposit.c.artisan_id.in_(owners))
    if page.since:
        statement = statement.where(deposit.c.received_at >= page.since)
    if page.until:
        statement = statement.where(deposit.c.received_at <= page.until)
    counted = select(func.count()).select_from(statement.order_by(None).subquery())
    available = connection.execute(counted).scalar_one()
    rows = connection.execute(statement.limit(page.limit).offset(page.offset))
    return BillPage([_payment(row) for row in rows], available)


def _payment(row: Any) -> dict[str, Any]:
    pairs = {"agentId": row.agent_number, "terminalId": row.terminal}
    kept: dict[str, Any] = {
        "metadata": [{"key": key, "value": value} for key, value in pairs.items() if value]
    }
    if row.network_reference:
        kept["requestingOrganisationTransactionReference"] = row.network_reference
    return payment_object(
        row.receipt_number,
        row.code,
        Money(row.total_centimes),
        row.received_at,
        reversed_at=row.reversed_at,
        kept=kept,
    )


def _linked(connection: Connection, typed: str) -> str:
    code = read_code(typed)
    _owner_of(connection, code)
    return code


def _owner_of(connection: Connection, code: str) -> int:
    row = payment_code.c
    owner = connection.execute(select(row.artisan_id).where(row.code == code)).scalar()
    if owner is None:
        raise _nobody()
    return int(owner)


def _owners(connection: Connection, kind: str, value: str) -> set[int]:
    """Whom an identifier names: several where a household has one phone."""
    if kind == "linkref":
        return {_owner_of(connection, read_code(value))}
    if kind == "msisdn":
        try:
            phone = Phone.parse(value if value.startswith(("+", "0")) else f"+{value}")
        except InvalidInput:
            raise refuse("msisdn", "not a phone number") from None
        owner = owners_of(literal(phone.e164))
        found = set(connection.execute(select(owner.c.id)).scalars())
    elif kind == "consumerno":
        if not _CNSS_NUMBER.fullmatch(value):
            raise refuse("consumerno", "not a CNSS number: nine digits")
        asked = select(artisan.c.id).where(artisan.c.cnss_number == value)
        found = set(connection.execute(asked).scalars())
    else:
        raise refuse("identifierType", f"only {', '.join(SERVED)} are served")
    if not found:
        raise _nobody()
    return found


def _made(
    connection: Connection,
    owner: int,
    identifiers: Mapping[str, str],
    by: str,
    fee: Money,
    words: Words,
    random: Random,
    now: datetime,
) -> str | None:
    """The artisan's live code, or a new one for all that is owed; its phone hears of a new one."""
    person = get_artisan(connection, owner)
    if person.enrolled_on is None or not is_collected_here(person.category):
        return None
    phone = _told_phone(connection, owner, identifiers)
    language = (find_language(connection, phone) if phone else None) or person.language
    try:
        made: IssuedCode = issue_code(
            connection,
            owner,
            phone,
            language,
            None,
            by=by,
            fee=fee,
            words=words,
            random=random,
            now=now,
        )
    except AnotherIsLive as another:
        made = another.live
    except NothingDue:
        return None
    return made.code


def _told_phone(connection: Connection, owner: int, identifiers: Mapping[str, str]) -> Phone | None:
    """The phone that was named, else the register's: whoever it is hears that a code was made."""
    if "msisdn" in identifiers:
        given = identifiers["msisdn"]
        return Phone.parse(given if given.startswith(("+", "0")) else f"+{given}")
    own = connection.execute(select(artisan.c.phone).where(artisan.c.id == owner)).scalar()
    return Phone(own) if own else None


def _bill(connection: Connection, code: str, now: datetime) -> dict[str, Any] | None:
    seen = find_code(connection, code, now)
    if seen is None or (payable := seen.payable) is None:
        return None
    row = payment_code.c
    issued = connection.execute(select(row.issued_at).where(row.code == code)).scalar_one()
    first, last = payable.first, payable.last
    months = f"{first}" if first == last else f"{first}/{last}"
    return bill_object(code, payable.total, payable.full_name, months, issued, payable.expires_at)


def _page(rows: list[dict[str, Any]], page: Page) -> BillPage:
    def wanted(row: dict[str, Any]) -> bool:
        made = datetime.fromisoformat(row["creationDate"])
        return (page.since is None or made >= page.since) and (
            page.until is None or made <= page.until
        )

    kept = [row for row in rows if wanted(row)]
    return BillPage(kept[page.offset : page.offset + page.limit], len(kept))


def _nobody() -> Refused:
    return Refused("identification", "identifierError", "no such account or bill")
