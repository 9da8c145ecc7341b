"""Finds the bill of an artisan whom a till or a network's system looks up, or makes one.

Somebody who comes to the counter without a phone can pay so. Nobody is told by SMS of such a bill:
no phone asked for it. The caller bounds how many are made.
"""

from __future__ import annotations

from dataclasses import dataclass

from sqlalchemy import select

from app.base.clock import local_date
from app.base.operation import Operation
from app.base.phone import Phone
from app.contributions.rules import is_collected_here
from app.enrolment.models import artisan
from app.enrolment.queries import find_language, get_artisan, lock_artisan
from app.payments.codes import CodeRequest, find_kept_code, issue_code
from app.payments.dues import quote_dues
from app.payments.queries import get_account
from app.payments.receipt_recipients import add_receipt_recipient, carry_over_recipients
from app.services import Services

# Why an artisan has no bill, in the words of the header X-No-Bill-Reason.
NOT_ENROLLED, PAYS_ELSEWHERE, NOTHING_OWED = "notEnrolled", "paysElsewhere", "nothingOwed"


@dataclass(frozen=True, slots=True)
class LookedUpBill:
    """The code of a bill; None if there is none, and then `why`."""

    code: str | None
    why: str | None = None


def find_bill(operation: Operation, services: Services, artisan_id: int) -> LookedUpBill | None:
    """Returns the bill there is, or why there is none; None if one is to be made."""
    person = get_artisan(operation.connection, artisan_id)
    if person.enrolled_on is None:
        return LookedUpBill(None, NOT_ENROLLED)
    if not is_collected_here(person.category):
        return LookedUpBill(None, PAYS_ELSEWHERE)
    account = get_account(operation.connection, artisan_id, operation.now)
    if kept := find_kept_code(operation, services, person, account):
        return LookedUpBill(kept.code)
    if quote_dues(person, account, local_date(operation.now)).lines:
        return None
    return LookedUpBill(account.code.code if account.code else None, NOTHING_OWED)


def find_live_code(operation: Operation, artisan_id: int) -> str | None:
    """Returns the artisan's live code, also one whose amount has changed since."""
    live = get_account(operation.connection, artisan_id, operation.now).code
    return live.code if live else None


def make_bill(
    operation: Operation, services: Services, artisan_id: int, phone: Phone | None
) -> str:
    """Makes a bill for all that is owed, and returns its code; the artisan is locked already.

    `phone` is the one that the artisan was looked up by, if any: it gets the receipt too. Whoever
    was to get the receipt of a live code whose amount has changed still does.
    """
    live, person = (
        find_live_code(operation, artisan_id),
        get_artisan(operation.connection, artisan_id),
    )
    code = issue_code(operation, services, CodeRequest(artisan_id, None, person.language)).code
    if live:
        carry_over_recipients(operation, live, code)
    if phone and not _is_registers(operation, artisan_id, phone):
        language = find_language(operation.connection, phone) or person.language
        add_receipt_recipient(operation, code, phone.e164, language)
    return code


def find_or_make_bill(
    operation: Operation, services: Services, artisan_id: int, phone: Phone | None
) -> LookedUpBill:
    """Returns the artisan's bill, or makes one; look-ups at once wait for each other."""
    if found := find_bill(operation, services, artisan_id):
        return found
    lock_artisan(operation.connection, artisan_id)
    # Whoever held the lock before may have made it, or taken the cash for it.
    if found := find_bill(operation, services, artisan_id):
        return found
    return LookedUpBill(make_bill(operation, services, artisan_id, phone))


def _is_registers(operation: Operation, artisan_id: int, phone: Phone) -> bool:
    """True for the register's phone of the artisan, which gets the receipt anyway."""
    own = select(artisan.c.phone).where(artisan.c.id == artisan_id)
    return operation.connection.execute(own).scalar() == phone.e164
