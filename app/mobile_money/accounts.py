"""Finds the artisans that a request's identifiers name, which are its account."""

from __future__ import annotations

from collections.abc import Mapping

from sqlalchemy import Connection, literal, select

from app.base.errors import InvalidInput
from app.base.identifiers import read_cnss_number
from app.base.phone import Phone
from app.enrolment.models import artisan
from app.enrolment.queries import owners_of
from app.mobile_money.errors import Refused
from app.mobile_money.objects import refuse
from app.payments.models import payment_code
from app.payments.rules import read_code

SERVED = ("linkref", "msisdn", "consumerno")
_MOST_IDENTIFIERS = 3


def read_accounts(text: str) -> dict[str, str]:
    """Reads `linkref@123$msisdn@+212...`: up to three identifiers of one account, by type.

    Raises: Refused.
    """
    parts = [part.partition("@") for part in text.split("$")]
    complete = all(kind and at and value for kind, at, value in parts)
    if len(parts) > _MOST_IDENTIFIERS or not complete:
        raise refuse("accountId", "not identifiers as type@value, at most three")
    identifiers = {kind.lower(): value for kind, _, value in parts}
    if len(identifiers) != len(parts):
        raise refuse("accountId", "an identifier type twice")
    return identifiers


def find_owners(connection: Connection, identifiers: Mapping[str, str]) -> set[int]:
    """Returns the artisans that all the identifiers name; a household's phone names several.

    Raises: Refused, also if an identifier is nobody's.
    """
    owners = set.intersection(
        *(_find_owners_of_one(connection, kind, value) for kind, value in identifiers.items())
    )
    if not owners:
        raise refuse_account()
    return owners


def find_owner_of_code(connection: Connection, code: str) -> int:
    """Returns the artisan of a payment code. Raises: Refused if there is no such code."""
    columns = payment_code.c
    owner = connection.execute(select(columns.artisan_id).where(columns.code == code)).scalar()
    if owner is None:
        raise refuse_account()
    return int(owner)


def check_owner(connection: Connection, identifiers: Mapping[str, str], code: str) -> None:
    """Checks that the bill is the account's. Raises: Refused as if there were no such bill."""
    owner = find_owner_of_code(connection, code)
    if any(owner not in _find_owners_of_one(connection, *pair) for pair in identifiers.items()):
        raise refuse_account()


def read_phone(value: str) -> Phone:
    """Reads an `msisdn`, whose plus sign may be missing. Raises: Refused."""
    try:
        return Phone.parse(value if value.startswith(("+", "0")) else f"+{value}")
    except InvalidInput:
        raise refuse("msisdn", "not a phone number") from None


def refuse_account() -> Refused:
    """Returns the refusal of an unknown account or bill. Somebody else's gets the same one."""
    return Refused("identification", "identifierError", "no such account or bill")


def _find_owners_of_one(connection: Connection, kind: str, value: str) -> set[int]:
    if kind == "linkref":
        return {find_owner_of_code(connection, read_code(value))}
    if kind == "msisdn":
        owner = owners_of(literal(read_phone(value).e164))
        statement = select(owner.c.id)
    elif kind == "consumerno":
        try:
            number = read_cnss_number(value)
        except InvalidInput:
            raise refuse("consumerno", "not a CNSS number: nine digits") from None
        statement = select(artisan.c.id).where(artisan.c.cnss_number == number)
    else:
        raise refuse("identifierType", f"only {', '.join(SERVED)} are served")
    owners = set(connection.execute(statement).scalars())
    if not owners:
        raise refuse_account()
    return owners
