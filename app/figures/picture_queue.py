"""Pictures that pages ask for and the worker draws: one of the same figures is drawn once."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta

import structlog
from sqlalchemy import Connection, Engine, case, delete, or_, select, update
from sqlalchemy.dialects.postgresql import insert

from app.base.database import reading
from app.base.operation import Operation, operation
from app.figures.drawing import draw_pictures
from app.figures.errors import PictureOutdated
from app.figures.models import picture
from app.figures.pictures import Picture, read_specification

_AT_ONCE = 8
# Whoever asks again later has it drawn again; one that failed is tried again after an hour.
_KEPT, _FAILED_KEPT = timedelta(days=60), timedelta(hours=1)
_log = structlog.get_logger("worker")


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


def list_states(connection: Connection, pictures: Iterable[Picture]) -> Mapping[str, str]:
    """Returns the state of each picture that was asked for: `drawn`, `failed` or `waiting`."""
    columns = picture.c
    state = case(
        (columns.svg.is_not(None), "drawn"),
        (columns.failed_at.is_not(None), "failed"),
        else_="waiting",
    )
    asked = columns.digest.in_([one.digest for one in pictures])
    rows = connection.execute(select(columns.digest, state.label("state")).where(asked))
    return {row.digest: row.state for row in rows}


def find_picture(connection: Connection, digest: str) -> AskedPicture | None:
    """Returns a picture by its digest; None if nobody asked for it."""
    columns = picture.c
    statement = select(columns.specification, columns.svg).where(columns.digest == digest)
    row = connection.execute(statement).one_or_none()
    if row is None:
        return None
    try:
        return AskedPicture(read_specification(row.specification), row.svg)
    except PictureOutdated:
        return None


def draw_asked_pictures(database: Engine, now: datetime) -> int:
    """Draws what was asked for, and returns how many were drawn or failed.

    One that cannot be drawn is logged, and the others go on. Raises: DrawingFailed, Unavailable.
    """
    columns = picture.c
    asked = (
        select(columns.digest, columns.specification)
        .where(columns.svg.is_(None), columns.failed_at.is_(None))
        .order_by(columns.asked_at)
        .limit(_AT_ONCE)
    )
    with reading(database) as connection:
        rows = connection.execute(asked).all()
    if not rows:
        return 0
    drawn = draw_pictures([row.specification for row in rows])
    with operation(database, now, "worker") as change:
        for row, one in zip(rows, drawn, strict=False):
            end = {"failed_at": now} if one.svg is None else {"svg": one.svg, "drawn_at": now}
            statement = update(picture).where(columns.digest == row.digest).values(end)
            change.connection.execute(statement)
            if one.svg is None:
                _log.error("picture_not_drawn", digest=row.digest, why=one.why)
    return len(drawn)


def forget_pictures(operation: Operation) -> int:
    """Forgets pictures asked for long ago, and those that failed; returns how many."""
    columns, now = picture.c, operation.now
    old = or_(columns.asked_at < now - _KEPT, columns.failed_at < now - _FAILED_KEPT)
    return operation.connection.execute(delete(picture).where(old)).rowcount
