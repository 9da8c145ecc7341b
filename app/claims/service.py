"""Records the state of claims as CNSS gives it, and how artisans want the money."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import date

from sqlalchemy import Connection, delete, select, update
from sqlalchemy.dialects.postgresql import insert

from app.audit.service import record_audit
from app.base.money import Money
from app.base.operation import Operation
from app.claims.errors import ClaimClosed, ClaimOfAnother
from app.claims.models import claim
from app.enrolment.queries import find_own_phone
from app.messaging.service import OutboundMessage, queue_message
from app.services import Services

_NUMBER = re.compile(r"[A-Z0-9][A-Z0-9/-]{0,15}", re.ASCII)


def is_claim_number(written: str) -> bool:
    """True for what may be CNSS's number of a claim."""
    return _NUMBER.fullmatch(written) is not None


@dataclass(frozen=True, slots=True)
class ClaimWord:
    """The state of a claim that CNSS gives on `as_of`; `amount` is None until it decides."""

    artisan_id: int
    number: str
    filed_on: date
    state: str
    amount: Money | None
    as_of: date


def record_claim(operation: Operation, services: Services, word: ClaimWord) -> bool:
    """Stores the state of a claim, unless a newer one is stored. Returns True if it is a change.

    The artisan gets one SMS when the claim is ready.

    Raises: ClaimOfAnother if the claim's number is another artisan's.
    """
    values = {
        "state": word.state,
        "amount_centimes": word.amount.centimes if word.amount else None,
        "filed_on": word.filed_on,
        "as_of": word.as_of,
    }
    statement = insert(claim).values(number=word.number, artisan_id=word.artisan_id, **values)
    new = statement.excluded
    differs = claim.c.state.is_distinct_from(new.state) | claim.c.amount_centimes.is_distinct_from(
        new.amount_centimes
    )
    stored = operation.connection.execute(
        statement.on_conflict_do_update(
            index_elements=["number"],
            set_=values,
            where=(claim.c.artisan_id == word.artisan_id) & (claim.c.as_of <= new.as_of) & differs,
        ).returning(claim.c.id)
    ).scalar()
    if stored is None:
        _refuse_claim_of_another(operation.connection, word)
        return False
    said = {"claim": word.number, "state": word.state, "as_of": str(word.as_of)}
    record_audit(operation, "claim_recorded", f"artisan:{word.artisan_id}", **said)
    if word.state == "ready" and word.amount:
        _queue_ready(operation, services, word)
    return True


def choose_collection(operation: Operation, artisan_id: int, number: str, way: str) -> bool:
    """Stores the way in which the artisan wants the money, a word of COLLECTIONS.

    Returns True if it is a change.

    Raises: ClaimClosed if there is no money to collect: not ready yet, paid or refused.
    """
    own = (claim.c.number == number) & (claim.c.artisan_id == artisan_id)
    changed = operation.connection.execute(
        update(claim)
        .where(own, claim.c.state == "ready", claim.c.collection.is_distinct_from(way))
        .values(collection=way, chosen_at=operation.now, exported_at=None)
    ).rowcount
    if changed:
        details = {"claim": number, "way": way}
        record_audit(operation, "collection_chosen", f"artisan:{artisan_id}", **details)
        return True
    state = operation.connection.execute(select(claim.c.state).where(own)).scalar()
    if state != "ready":
        raise ClaimClosed()
    return False


def move_claims(operation: Operation, double: int, kept: int) -> None:
    """Moves the claims of an entry that is merged into another to that one."""
    moved = operation.connection.execute(
        update(claim)
        .where(claim.c.artisan_id == double)
        .values(artisan_id=kept)
        .returning(claim.c.number)
    ).scalars()
    if numbers := list(moved):
        record_audit(operation, "claims_moved", f"artisan:{kept}", claims=numbers, double=double)


def forget_claims(operation: Operation, artisan_id: int) -> None:
    """Deletes the claims of a person who asked to be forgotten: CNSS has them."""
    operation.connection.execute(delete(claim).where(claim.c.artisan_id == artisan_id))
    record_audit(operation, "claims_forgotten", f"artisan:{artisan_id}")


def _refuse_claim_of_another(connection: Connection, word: ClaimWord) -> None:
    owner = select(claim.c.artisan_id).where(claim.c.number == word.number)
    if connection.execute(owner).scalar() != word.artisan_id:
        raise ClaimOfAnother(number=word.number)


def _queue_ready(operation: Operation, services: Services, word: ClaimWord) -> None:
    """Queues the SMS to the person's own phone, in the language chosen there."""
    own = find_own_phone(operation.connection, word.artisan_id)
    if own is None:
        return
    values = {"claim": word.number, "amount": word.amount}
    message = OutboundMessage("claim_ready", word.number, own.phone, own.language, values)
    queue_message(operation, services, message)
