"""Reads claims."""

from dataclasses import dataclass
from datetime import date

from sqlalchemy import BigInteger, Connection, bindparam, select

from app.base.money import Money
from app.claims.models import claim

SHOWN = 5


@dataclass(frozen=True, slots=True)
class Claim:
    """A claim by CNSS's word of `as_of`; `amount` once CNSS has decided."""

    number: str
    filed_on: date
    state: str
    amount: Money | None
    as_of: date
    collection: str | None


def list_claims(connection: Connection, artisan_id: int) -> list[Claim]:
    """Lists the newest claims of an artisan, newest first."""
    rows = connection.execute(_CLAIMS, {"artisan": artisan_id})
    return [
        Claim(
            number=row.number,
            filed_on=row.filed_on,
            state=row.state,
            amount=Money(row.amount_centimes) if row.amount_centimes else None,
            as_of=row.as_of,
            collection=row.collection,
        )
        for row in rows
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
