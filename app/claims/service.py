"""Records CNSS's word on a claim, tells the artisan once when it is ready, keeps the choice."""

from __future__ import annotations

from datetime import date, datetime

from sqlalchemy import Connection, select, update
from sqlalchemy.dialects.postgresql import insert

from app.base.money import Money
from app.base.operation import Operation
from app.claims.errors import ClaimClosed, ClaimOfAnother
from app.claims.models import claim
from app.enrolment.queries import find_own_phone
from app.ledger.audit import record_audit
from app.messaging.service import OutboundMessage, queue_message
from app.text.words import Words

_OPEN = ("filed", "in_review", "ready")


def record_claim(
    connection: Connection,
    words: Words,
    artisan_id: int,
    number: str,
    *,
    filed_on: date,
    state: str,
    amount: Money | None,
    as_of: date,
    now: datetime,
) -> bool:
    """Takes CNSS's word; whether it was news. An older word than the one known changes nothing.

    A claim that is ready is told by SMS, once. ClaimOfAnother.
    """
    values = {
        "state": state,
        "amount_centimes": amount.centimes if amount else None,
        "filed_on": filed_on,
        "as_of": as_of,
    }
    statement = insert(claim).values(number=number, artisan_id=artisan_id, **values)
    known = statement.excluded
    news = claim.c.state.is_distinct_from(known.state) | claim.c.amount_centimes.is_distinct_from(
        known.amount_centimes
    )
    taken = connection.execute(
        statement.on_conflict_do_update(
            index_elements=["number"],
            set_=values,
            where=(claim.c.artisan_id == artisan_id) & (claim.c.as_of <= known.as_of) & news,
        ).returning(claim.c.id)
    ).scalar()
    if taken is None:
        _refuse_another(connection, number, artisan_id)
        return False
    if state == "ready" and amount:
        _tell_ready(connection, words, artisan_id, number, amount, now)
    return True


def choose_collection(
    connection: Connection, artisan_id: int, number: str, way: str, now: datetime
) -> bool:
    """How the artisan wants the money; whether that is a change. ClaimClosed: it is too late."""
    own = (claim.c.number == number) & (claim.c.artisan_id == artisan_id)
    changed = connection.execute(
        update(claim)
        .where(own, claim.c.state.in_(_OPEN), claim.c.collection.is_distinct_from(way))
        .values(collection=way, chosen_at=now, told_at=None)
    ).rowcount
    if changed:
        operation = Operation(connection, now, "artisan")
        details = {"claim": number, "way": way}
        record_audit(operation, "collection_chosen", f"artisan:{artisan_id}", **details)
        return True
    state = connection.execute(select(claim.c.state).where(own)).scalar()
    if state not in _OPEN:
        raise ClaimClosed()
    return False


def _refuse_another(connection: Connection, number: str, artisan_id: int) -> None:
    owner = connection.execute(select(claim.c.artisan_id).where(claim.c.number == number)).scalar()
    if owner != artisan_id:
        raise ClaimOfAnother(number=number)


def _tell_ready(
    connection: Connection,
    words: Words,
    artisan_id: int,
    number: str,
    amount: Money,
    now: datetime,
) -> None:
    """To the person's own phone, in the language chosen there."""
    own = find_own_phone(connection, artisan_id)
    if own is None:
        return
    phone, language = own
    values = {"claim": number, "amount": amount}
    message = OutboundMessage("claim_ready", number, phone, language, values)
    queue_message(Operation(connection, now, "worker"), words, message)
