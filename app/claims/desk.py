"""Records CNSS's word on a claim as a person types it: the claim's number, the artisan's RNA."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date

from app.base.clock import local_date
from app.base.errors import InvalidInput
from app.base.money import Money
from app.base.operation import Operation
from app.claims.service import ClaimWord, is_claim_number, record_claim
from app.enrolment.numbers import find_numbered_artisan
from app.services import Services


@dataclass(frozen=True, slots=True)
class ClaimEntry:
    """A claim's state as it is typed; `filed_on` is today when it is left out."""

    number: str
    rna: str
    state: str
    amount: Money | None = None
    filed_on: date | None = None


def record_claim_of(operation: Operation, services: Services, entry: ClaimEntry) -> bool:
    """Records CNSS's word of today; the artisan of a ready claim gets one SMS. True if it is new.

    Raises: InvalidInput, ClaimOfAnother.
    """
    if entry.state in {"ready", "paid"} and not entry.amount:
        raise InvalidInput(what="amount", why="empty")
    today = local_date(operation.now)
    if entry.filed_on and entry.filed_on > today:
        raise InvalidInput(what="filed_on", why="ahead")
    if not is_claim_number(entry.number):
        raise InvalidInput(what="number", why="no_claim_number")
    owner = find_numbered_artisan(operation.connection, entry.rna)
    if owner is None:
        raise InvalidInput(what="rna", why="nobody")
    word = ClaimWord(
        artisan_id=owner,
        number=entry.number,
        filed_on=entry.filed_on or today,
        state=entry.state,
        amount=entry.amount,
        as_of=today,
    )
    return record_claim(operation, services, word)
