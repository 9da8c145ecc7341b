"""Where the receipt of a code goes once the number that asked for it is in other hands.

A number that the register gave to somebody else, or took back, is never the address of what its old
holder asked for: the receipt goes to that holder's new number. A phone that was untied from the
code's artisan is none either.
"""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import ColumnElement, and_, case, exists, or_, select

from app.enrolment.models import LOST_NUMBER, REGISTER, artisan, ended_tie
from app.payments.models import payment_code


def select_address(
    phone: ColumnElement[str | None], told_at: ColumnElement[datetime] = payment_code.c.issued_at
) -> ColumnElement[str | None]:
    """Selects where the receipt for `phone` goes now; NULL if nowhere.

    `phone` asked for the `payment_code` of the surrounding statement, or is its recipient, and was
    promised the receipt at the moment `told_at`.
    """
    ended, holder = ended_tie.alias("ended"), artisan.alias("holder")
    since = and_(ended.c.phone == phone, ended.c.ended_at >= told_at)
    own = ended.c.artisan_id == payment_code.c.artisan_id
    handed_over = ended.c.why.in_(LOST_NUMBER)
    lost = exists().where(since, or_(own, handed_over))
    new_number = (
        select(holder.c.phone)
        .join(ended, ended.c.artisan_id == holder.c.id)
        .where(since, handed_over, holder.c.phone.is_not(None), holder.c.phone != phone)
        .order_by(own.desc(), (ended.c.way == REGISTER).desc(), ended.c.id)
        .limit(1)
        .scalar_subquery()
    )
    return case((lost, new_number), else_=phone)
