"""Publishes and withdraws official notices."""

from datetime import datetime

from sqlalchemy import Connection, delete
from sqlalchemy.dialects.postgresql import insert

from app.notices.models import notice, notice_text
from app.notices.rules import Notice


def publish_notice(connection: Connection, new: Notice, now: datetime) -> None:
    """Under its name: publishing it again replaces its words and its last day."""
    statement = insert(notice).values(name=new.name, published_at=now, until=new.until)
    published = connection.execute(
        statement.on_conflict_do_update(
            index_elements=["name"], set_={"until": statement.excluded.until}
        ).returning(notice.c.id)
    ).scalar_one()
    connection.execute(delete(notice_text).where(notice_text.c.notice_id == published))
    connection.execute(
        insert(notice_text),
        [
            {"notice_id": published, "language": language, "title": title, "body": body}
            for language, (title, body) in new.texts.items()
        ],
    )


def withdraw_notice(connection: Connection, name: str) -> bool:
    """Whether there was one of that name."""
    return bool(connection.execute(delete(notice).where(notice.c.name == name)).rowcount)
