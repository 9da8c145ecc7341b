"""Records CNSS's word on a claim, sends one SMS when it is ready, and keeps how it is collected."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date

from sqlalchemy import Connection, select, update
from sqlalchemy.dialects.postgresql import insert

from app.base.money import Money
from app.base.operation import Operation
from app.claims.errors import ClaimClosed, ClaimOfAnother
from app.claims.models import claim
from app.enrolment.queries import find_own_phone
from app.ledger.audit import record_audit
from app.messaging.service import OutboundMessage, queue_message
from app.services import Services

_OPEN = ("filed", "in_review", "ready")


@dataclass(frozen=True, slots=True)
class ClaimWord:
    """CNSS's word, on `as_of`, on an artisan's claim; `amount` once CNSS has decided."""

    artisan_id: int
    number: str
    filed_on: date
    state: str
    amount: Money | None
    as_of: date


def record_claim(operation: Operation, services: Services, word: ClaimWord) -> bool:
    """Stores CNSS's word; one older than the known word changes nothing.

    The artisan gets one SMS when the claim is ready. Returns True if the word was news.
    Raises: ClaimOfAnother.
    """
    values = {
        "state": word.state,
        "amount_centimes": word.amount.centimes if word.amount else None,
        "filed_on": word.filed_on,
        "as_of": word.as_of,
    }
    statement = insert(claim).values(number=word.number, artisan_id=word.artisan_id, **values)
    new = statement.excluded
    news = claim.c.state.is_distinct_from(new.state) | claim.c.amount_centimes.is_distinct_from(
        new.amount_centimes
    )
    stored = operation.connection.execute(
        statement.on_conflict_do_update(
            index_elements=["number"],
            set_=values,
            where=(claim.c.artisan_id == word.artisan_id) & (claim.c.as_of <= new.as_of) & news,
        ).returning(claim.c.id)
    ).scalar()
    if stored is None:
        _refuse_claim_of_another(operation.connection, word)
        return False
    if word.state == "ready" and word.amount:
        _queue_ready(operation, services, word)
    return True


def choose_collection(operation: Operation, artisan_id: int, number: str, way: str) -> bool:
    """Stores how the artisan wants the money: a word of COLLECTIONS.

    Returns True if that is a change.
    Raises: ClaimClosed if it is too late.
    """
    own = (claim.c.number == number) & (claim.c.artisan_id == artisan_id)
    changed = operation.connection.execute(
        update(claim)
        .where(own, claim.c.state.in_(_OPEN), claim.c.collection.is_distinct_from(way))
        .values(collection=way, chosen_at=operation.now, exported_at=None)
    ).rowcount
    if changed:
        details = {"claim": number, "way": way}
        record_audit(operation, "collection_chosen", f"artisan:{artisan_id}", **details)
        return True
    state = operation.connection.execute(select(claim.c.state).where(own)).scalar()
    if state not in _OPEN:
        raise ClaimClosed()
    return False


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
