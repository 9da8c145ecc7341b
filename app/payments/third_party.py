"""Lets a third party pay: finds an artisan by RNA number, and issues or returns the live code.

The payer sees a masked name and an amount, and cannot cancel or replace a code.
"""

from __future__ import annotations

from dataclasses import dataclass

from app.audit.service import record_audit
from app.base.clock import local_date
from app.base.operation import Operation
from app.base.phone import Phone
from app.contributions.rules import is_collected_here
from app.enrolment.numbers import find_numbered_artisan
from app.enrolment.queries import Artisan, get_artisan
from app.payments.codes import CodeRequest, find_terms, issue_code, queue_code_message
from app.payments.errors import AnotherIsLive, TermsChanged
from app.payments.queries import IssuedCode, Terms, get_account
from app.payments.receipt_recipients import add_owner_and_payer
from app.services import Services

LOOKUPS_A_DAY = 5


@dataclass(frozen=True, slots=True)
class Payable:
    """An artisan to pay for, and the terms of the code that pays: the live one, or a new one.

    `terms` are None if nothing is owed. `collected` is False if no code pays this artisan's months.
    """

    artisan: Artisan
    terms: Terms | None
    collected: bool = True


def look_up_payable(
    operation: Operation, services: Services, phone: Phone, rna_number: str
) -> Payable | None:
    """Returns the artisan of an RNA number and what to pay; None if the number is nobody's.

    The look stands in the audit trail, with the phone that asked.
    """
    connection, now = operation.connection, operation.now
    artisan_id = find_numbered_artisan(connection, rna_number)
    if artisan_id is None:
        return None
    by = {"by": "rna", "phone": phone.masked}
    record_audit(operation, "person_looked_up", f"artisan:{artisan_id}", **by)
    person = get_artisan(connection, artisan_id)
    if person.enrolled_on is None or not is_collected_here(person.category):
        return Payable(person, None, collected=False)
    account = get_account(connection, person.id, now)
    return Payable(person, find_terms(person, account, local_date(now), services.fee))


def issue_code_for_another(
    operation: Operation, services: Services, request: CodeRequest
) -> IssuedCode:
    """Issues the code whose terms the payer agreed to, or returns the live one.

    The payer gets it by SMS. The payer's phone and the artisan's own phone get the receipt. After
    an error the caller must roll back.

    Raises: NothingDue, NotCollectedHere, TermsChanged.
    """
    assert request.phone, "who pays for another has a phone"
    try:
        code = issue_code(operation, services, request)
    except AnotherIsLive:
        # The artisan has made a code for other months since: only its owner may replace it.
        raise TermsChanged() from None
    queue_code_message(operation, services, code, request.phone, request.language)
    artisan_id, payer, language = request.artisan_id, request.phone, request.language
    add_owner_and_payer(operation, code.code, artisan_id, payer, language)
    return code
