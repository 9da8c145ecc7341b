"""Finds the bill of an artisan whom a network's system looks up, or makes one within its allowance.

Somebody who comes to the counter without a phone can pay so. Nobody is told by SMS of such a bill:
no phone asked for it.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from sqlalchemy import select

from app.agents.clients import Client
from app.base.clock import local_date
from app.base.operation import Operation
from app.base.phone import Phone
from app.contributions.rules import is_collected_here
from app.enrolment.models import artisan
from app.enrolment.queries import find_language, get_artisan, lock_artisan
from app.mobile_money.accounts import read_phone
from app.mobile_money.allowance import lock_bill_day, record_bill, take_bill
from app.payments.codes import CodeRequest, find_kept_code, issue_code
from app.payments.dues import quote_dues
from app.payments.queries import get_account
from app.payments.receipt_recipients import add_receipt_recipient, carry_over_recipients
from app.services import Services

# Why an artisan has no bill, in the words of the header X-No-Bill-Reason.
NOT_ENROLLED, PAYS_ELSEWHERE, NOTHING_OWED = "notEnrolled", "paysElsewhere", "nothingOwed"
TOO_MANY_BILLS = "tooManyBills"


@dataclass(frozen=True, slots=True)
class LookedUpBill:
    """The code of a bill; None if there is none, and then `why`."""

    code: str | None
    why: str | None = None


@dataclass(frozen=True, slots=True)
class LookUp:
    """A client's look-up of one artisan, `owner`, whom the identifiers of its request name."""

    client: Client
    owner: int
    identifiers: Mapping[str, str]


def find_or_make_bill(operation: Operation, services: Services, look_up: LookUp) -> LookedUpBill:
    """Returns the artisan's live bill, or makes one for all that is owed.

    A live bill is returned whatever the client made before; a new one counts in its allowance.
    """
    found = _find_bill(operation, services, look_up.owner)
    if found is not None:
        return found
    lock_bill_day(operation, look_up.client)
    lock_artisan(operation.connection, look_up.owner)
    # Whoever held the locks before may have made it, or taken the cash for it.
    return _find_bill(operation, services, look_up.owner) or _make_bill(
        operation, services, look_up
    )


def _find_bill(operation: Operation, services: Services, owner: int) -> LookedUpBill | None:
    """Returns the bill there is, or why there is none; None if one is to be made."""
    person = get_artisan(operation.connection, owner)
    if person.enrolled_on is None:
        return LookedUpBill(None, NOT_ENROLLED)
    if not is_collected_here(person.category):
        return LookedUpBill(None, PAYS_ELSEWHERE)
    account = get_account(operation.connection, owner, operation.now)
    if kept := find_kept_code(operation, services, person, account):
        return LookedUpBill(kept.code)
    if quote_dues(person, account, local_date(operation.now)).lines:
        return None
    return LookedUpBill(account.code.code if account.code else None, NOTHING_OWED)


def _make_bill(operation: Operation, services: Services, look_up: LookUp) -> LookedUpBill:
    """Makes a bill within the allowance; beyond it a live one stays, whose amount has changed."""
    connection, owner = operation.connection, look_up.owner
    live = get_account(connection, owner, operation.now).code
    if not take_bill(operation, look_up.client):
        return LookedUpBill(live.code if live else None, TOO_MANY_BILLS)
    person = get_artisan(connection, owner)
    code = issue_code(operation, services, CodeRequest(owner, None, person.language)).code
    record_bill(operation, look_up.client, code)
    if live:
        carry_over_recipients(operation, live.code, code)
    if phone := _find_named_phone(operation, look_up):
        language = find_language(connection, phone) or person.language
        add_receipt_recipient(operation, code, phone.e164, language)
    return LookedUpBill(code)


def _find_named_phone(operation: Operation, look_up: LookUp) -> Phone | None:
    """Returns the phone that the request names, for the receipt; the register's gets it anyway."""
    if "msisdn" not in look_up.identifiers:
        return None
    phone = read_phone(look_up.identifiers["msisdn"])
    own = select(artisan.c.phone).where(artisan.c.id == look_up.owner)
    return None if operation.connection.execute(own).scalar() == phone.e164 else phone
