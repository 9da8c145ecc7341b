"""Lets a third party pay: finds an artisan by RNA number, and issues or returns the live code.

The payer sees a masked name and an amount, and cannot cancel or replace a code.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Connection, select

from app.base.clock import local_date
from app.base.operation import Operation
from app.base.phone import Phone
from app.contributions.rules import Quote, is_collected_here
from app.enrolment.models import artisan as artisan_table
from app.enrolment.numbers import find_numbered_artisan
from app.enrolment.queries import Artisan, get_artisan
from app.payments.codes import CodeRequest, issue_code, queue_code_message
from app.payments.dues import quote_dues
from app.payments.errors import AnotherIsLive
from app.payments.queries import IssuedCode, get_account
from app.payments.receipt_recipients import add_receipt_recipient
from app.services import Services

LOOKUPS_A_DAY = 5


@dataclass(frozen=True, slots=True)
class Payable:
    """An artisan to pay for; `owed` is None if no payment code pays this artisan's months."""

    artisan: Artisan
    owed: Quote | None


def find_payable_person(connection: Connection, rna_number: str, now: datetime) -> Payable | None:
    """Returns the artisan of an RNA number and the dues; None if the number is nobody's."""
    artisan_id = find_numbered_artisan(connection, rna_number)
    if artisan_id is None:
        return None
    person = get_artisan(connection, artisan_id)
    if person.enrolled_on is None or not is_collected_here(person.category):
        return Payable(person, None)
    account = get_account(connection, person.id, now)
    return Payable(person, quote_dues(person, account, local_date(now)))


def issue_code_for_another(
    operation: Operation, services: Services, artisan_id: int, payer: Phone, language: str
) -> IssuedCode:
    """Issues a code for all that the artisan owes, or returns the live one; the payer gets an SMS.

    The payer's phone and the artisan's phone in the register get the receipt.

    Raises: NothingDue, NotCollectedHere.
    """
    try:
        code = issue_code(operation, services, CodeRequest(artisan_id, payer, language))
    except AnotherIsLive as refusal:
        code = refusal.live
    queue_code_message(operation, services, code, payer, language)
    columns = artisan_table.c
    own = operation.connection.execute(
        select(columns.phone, columns.language).where(columns.id == artisan_id)
    ).one()
    add_receipt_recipient(operation.connection, code.code, payer.e164, language)
    if own.phone:
        add_receipt_recipient(operation.connection, code.code, own.phone, own.language)
    return code
