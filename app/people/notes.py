"""Writes notes about a person; none is ever changed."""

from __future__ import annotations

from sqlalchemy import insert

from app.audit.service import record_audit
from app.base.errors import InvalidInput
from app.base.operation import Operation
from app.people.models import person_note

LONGEST_NOTE = 1000


def write_note(operation: Operation, artisan_id: int, typed: str) -> None:
    """Writes a note down.

    Raises: InvalidInput for a note that is empty or longer than LONGEST_NOTE.
    """
    words = "\n".join(" ".join(line.split()) for line in typed.strip().splitlines())
    if not 1 <= len(words) <= LONGEST_NOTE or "\0" in words:
        raise InvalidInput(what="note", why=f"1 to {LONGEST_NOTE} letters")
    operation.connection.execute(
        insert(person_note).values(
            artisan_id=artisan_id,
            words=words,
            written_by=operation.actor,
            written_at=operation.now,
        )
    )
    record_audit(operation, "note_written", f"artisan:{artisan_id}", letters=len(words))
