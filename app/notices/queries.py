"""Reads the current notices."""

from dataclasses import dataclass
from datetime import date, datetime

from sqlalchemy import Connection, select

from app.base.rows import read_row
from app.notices.models import notice, notice_text

SHOWN = 5


@dataclass(frozen=True, slots=True)
class ShownNotice:
    """A notice in one language."""

    id: int
    title: str
    body: str


@dataclass(frozen=True, slots=True)
class PublishedNotice:
    """A notice that phones show until its last day, in every language."""

    name: str
    published_at: datetime
    until: date
    texts: dict[str, tuple[str, str]]


def list_published(connection: Connection, today: date) -> list[PublishedNotice]:
    """Returns the notices that are current on `today`, newest first."""
    rows = connection.execute(
        select(notice.c.name, notice.c.published_at, notice.c.until, notice_text)
        .join(notice_text, notice_text.c.notice_id == notice.c.id)
        .where(notice.c.until >= today)
        .order_by(notice.c.published_at.desc(), notice.c.id.desc())
    )
    found: dict[str, PublishedNotice] = {}
    for row in rows:
        one = found.setdefault(row.name, PublishedNotice(row.name, row.published_at, row.until, {}))
        one.texts[row.language] = (row.title, row.body)
    return list(found.values())


def list_notices(connection: Connection, language: str, today: date) -> list[ShownNotice]:
    """Returns the newest notices that are current on `today`, newest first."""
    rows = connection.execute(
        select(notice.c.id, notice_text.c.title, notice_text.c.body)
        .join(notice_text, notice_text.c.notice_id == notice.c.id)
        .where(notice_text.c.language == language, notice.c.until >= today)
        .order_by(notice.c.published_at.desc(), notice.c.id.desc())
        .limit(SHOWN)
    )
    return [read_row(ShownNotice, row) for row in rows]
