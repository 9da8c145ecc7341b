"""Pictures that pages ask for and the worker draws: one of the same figures is drawn once."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import Connection, Engine, delete, select, update
from sqlalchemy.dialects.postgresql import insert

from app.base.database import reading
from app.base.operation import operation
from app.figures.drawing import draw_pictures
from app.figures.models import picture
from app.figures.pictures import Picture, read_specification

_AT_ONCE = 8
# Whoever asks again later has it drawn again.
_KEPT = timedelta(days=60)


@dataclass(frozen=True, slots=True)
class AskedPicture:
    """A picture that was asked for; `svg` is None until it is drawn."""

    picture: Picture
    svg: str | None


def ask_for_pictures(connection: Connection, pictures: Iterable[Picture], now: datetime) -> None:
    """Has the pictures drawn that are not there yet."""
    rows = [
        {"digest": one.digest, "specification": one.specification, "asked_at": now}
        for one in pictures
        if one.shows_anything
    ]
    if rows:
        connection.execute(insert(picture).on_conflict_do_nothing(), rows)


def list_drawn(connection: Connection, pictures: Iterable[Picture]) -> set[str]:
    """Returns the digests of those of the pictures that are drawn."""
    digests = [one.digest for one in pictures]
    asked = select(picture.c.digest).where(picture.c.digest.in_(digests))
    return set(connection.execute(asked.where(picture.c.svg.is_not(None))).scalars())


def find_picture(connection: Connection, digest: str) -> AskedPicture | None:
    """Returns a picture by its digest; None if nobody asked for it."""
    columns = picture.c
    statement = select(columns.specification, columns.svg).where(columns.digest == digest)
    row = connection.execute(statement).one_or_none()
    return AskedPicture(read_specification(row.specification), row.svg) if row else None


def draw_asked_pictures(database: Engine, now: datetime) -> int:
    """Draws what was asked for, and returns how many. Raises: DrawingFailed, Unavailable."""
    columns = picture.c
    asked = (
        select(columns.digest, columns.specification)
        .where(columns.svg.is_(None))
        .order_by(columns.asked_at)
        .limit(_AT_ONCE)
    )
    with reading(database) as connection:
        rows = connection.execute(asked).all()
    if not rows:
        return 0
    drawn = draw_pictures([row.specification for row in rows])
    with operation(database, now, "worker") as change:
        for row, svg in zip(rows, drawn, strict=True):
            change.connection.execute(
                update(picture).where(columns.digest == row.digest).values(svg=svg, drawn_at=now)
            )
    return len(rows)


def forget_pictures(connection: Connection, now: datetime) -> int:
    """Forgets pictures asked for long ago, and returns how many."""
    old = delete(picture).where(picture.c.asked_at < now - _KEPT)
    return connection.execute(old).rowcount
