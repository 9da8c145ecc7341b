"""Publishes and withdraws official notices."""

from sqlalchemy import delete
from sqlalchemy.dialects.postgresql import insert

from app.audit.service import record_audit
from app.base.operation import Operation
from app.notices.models import notice, notice_text
from app.notices.rules import Notice


def publish_notice(operation: Operation, new: Notice) -> None:
    """Publishes the notice; the same name again replaces its words and its last day."""
    connection = operation.connection
    statement = insert(notice).values(name=new.name, published_at=operation.now, until=new.until)
    notice_id = connection.execute(
        statement.on_conflict_do_update(
            index_elements=["name"], set_={"until": statement.excluded.until}
        ).returning(notice.c.id)
    ).scalar_one()
    connection.execute(delete(notice_text).where(notice_text.c.notice_id == notice_id))
    connection.execute(
        insert(notice_text),
        [
            {"notice_id": notice_id, "language": language, "title": title, "body": body}
            for language, (title, body) in new.texts.items()
        ],
    )
    record_audit(operation, "notice_published", f"notice:{new.name}", until=str(new.until))


def withdraw_notice(operation: Operation, name: str) -> bool:
    """Deletes the notice. Returns False if there was none of that name."""
    deletion = delete(notice).where(notice.c.name == name)
    if not operation.connection.execute(deletion).rowcount:
        return False
    record_audit(operation, "notice_withdrawn", f"notice:{name}")
    return True
