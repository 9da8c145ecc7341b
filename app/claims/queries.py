"""Reads claims."""

from dataclasses import dataclass
from datetime import date

from sqlalchemy import BigInteger, Connection, bindparam, select

from app.base.money import Money
from app.claims.models import claim

SHOWN = 5


@dataclass(frozen=True, slots=True)
class Claim:
    """A claim as CNSS told of it on `as_of`; `amount` once CNSS has decided."""

    number: str
    filed_on: date
    state: str
    amount: Money | None
    as_of: date
    collection: str | None


def list_claims(connection: Connection, artisan_id: int) -> list[Claim]:
    """The newest claims of an artisan, newest first."""
    return [
        Claim(number, filed_on, state, Money(centimes) if centimes else None, as_of, collection)
        for number, filed_on, state, centimes, as_of, collection in connection.execute(
            _CLAIMS, {"artisan": artisan_id}
        )
    ]


# Built once: building it takes longer than running it.
_CLAIMS = (
    select(
        claim.c.number,
        claim.c.filed_on,
        claim.c.state,
        claim.c.amount_centimes,
        claim.c.as_of,
        claim.c.collection,
    )
    .where(claim.c.artisan_id == bindparam("artisan", type_=BigInteger))
    .order_by(claim.c.filed_on.desc(), claim.c.id.desc())
    .limit(SHOWN)
)
