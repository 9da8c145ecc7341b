"""The audit trail: who did what, to whom, when. Rows are never changed."""

from datetime import datetime
from typing import Any

from sqlalchemy import Connection, insert

from app.ledger.models import audit_event


def note(
    connection: Connection, now: datetime, actor: str, action: str, artisan_id: int, **details: Any
) -> None:
    """One line of the audit trail."""
    subject = f"artisan:{artisan_id}"
    told = {"happened_at": now, "actor": actor, "action": action, "subject": subject}
    connection.execute(_NOTE, told | {"details": details})


_NOTE = insert(audit_event)
