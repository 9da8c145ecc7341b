"""Pays for somebody else: finds whom by RNA number, makes or shows the code, tells both.

A stranger sees a masked name and an amount, and may only pay: neither cancel nor replace.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Connection, select
from sqlalchemy.dialects.postgresql import insert

from app.base.clock import local_date
from app.base.operation import Operation
from app.base.phone import Phone
from app.contributions.rules import Quote, is_collected_here
from app.enrolment.models import artisan as artisan_table
from app.enrolment.queries import PERSON, Artisan
from app.payments.codes import CodeRequest, issue_code, queue_code_message
from app.payments.dues import quote_dues
from app.payments.errors import AnotherIsLive
from app.payments.models import receipt_recipient
from app.payments.queries import IssuedCode, get_account
from app.services import Services

LOOKUPS_A_DAY = 5


@dataclass(frozen=True, slots=True)
class Payable:
    """Somebody to pay for: `owed` is None where no code of ours pays."""

    artisan: Artisan
    owed: Quote | None


def find_payable_person(connection: Connection, rna_number: str, now: datetime) -> Payable | None:
    """The artisan of that number and what is owed; None for a number that is nobody's."""
    row = connection.execute(
        select(*PERSON).where(artisan_table.c.rna_number == rna_number)
    ).one_or_none()
    if row is None:
        return None
    person = Artisan(*row)
    if person.enrolled_on is None or not is_collected_here(person.category):
        return Payable(person, None)
    account = get_account(connection, person.id, now)
    return Payable(person, quote_dues(person, account, local_date(now)))


def issue_code_for_another(
    operation: Operation, services: Services, artisan_id: int, payer: Phone, language: str
) -> IssuedCode:
    """Issues a code for all that the artisan owes, or returns the live one; tells the payer by SMS.

    Both get the receipt: the payer, and the artisan on the register's phone.

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
    recipients = {payer.e164: language} | ({own.phone: own.language} if own.phone else {})
    statement = insert(receipt_recipient).values(
        [
            {"code": code.code, "phone": phone, "language": spoken}
            for phone, spoken in recipients.items()
        ]
    )
    operation.connection.execute(statement.on_conflict_do_nothing())
    return code
