"""Finds the bill of an artisan whom a network's system looks up, or makes one in its allowance."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from app.agents.clients import Client
from app.base.operation import Operation
from app.base.phone import Phone
from app.enrolment.queries import lock_artisan
from app.mobile_money.accounts import read_phone
from app.mobile_money.allowance import lock_bill_day, record_bill, take_bill
from app.payments.looked_up_bills import LookedUpBill, find_bill, find_live_code, make_bill
from app.services import Services

TOO_MANY_BILLS = "tooManyBills"


@dataclass(frozen=True, slots=True)
class LookUp:
    """A client's look-up of one artisan, `owner`, whom the identifiers of its request name."""

    client: Client
    owner: int
    identifiers: Mapping[str, str]

    @property
    def phone(self) -> Phone | None:
        """The phone that the request names, if any."""
        named = self.identifiers.get("msisdn")
        return read_phone(named) if named is not None else None


def find_or_make_allowed_bill(
    operation: Operation, services: Services, look_up: LookUp
) -> LookedUpBill:
    """Returns the artisan's live bill, or makes one for all that is owed.

    A live bill is returned whatever the client made before; a new one counts in its allowance.
    """
    found = find_bill(operation, services, look_up.owner)
    if found is not None:
        return found
    lock_bill_day(operation, look_up.client)
    lock_artisan(operation.connection, look_up.owner)
    # Whoever held the locks before may have made it, or taken the cash for it.
    return find_bill(operation, services, look_up.owner) or _make_bill(operation, services, look_up)


def _make_bill(operation: Operation, services: Services, look_up: LookUp) -> LookedUpBill:
    """Makes a bill within the allowance; beyond it a live one stays, whose amount has changed."""
    if not take_bill(operation, look_up.client):
        return LookedUpBill(find_live_code(operation, look_up.owner), TOO_MANY_BILLS)
    code = make_bill(operation, services, look_up.owner, look_up.phone)
    record_bill(operation, look_up.client, code)
    return LookedUpBill(code)
