"""Takes files that people give on the office's pages, by the readers and services of the commands.

A file is kept first. A small one is taken at once, a large one by a worker; who gave it sees how it
stands. No function commits.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from sqlalchemy import ColumnElement, Connection, Row, insert, select, update

from app.audit.service import record_audit
from app.base.errors import InvalidInput
from app.base.money import Money, read_stored_amount
from app.base.operation import Operation
from app.base.paging import PageOfRows, RowsAsked, Sorting, read_page
from app.base.rows import read_row
from app.files.errors import FileRefused
from app.files.names import read_file_name
from app.files.table import GivenFile
from app.observe.progress import BeginTelling, Tell
from app.reconciliation.cnss_import import import_answers
from app.reconciliation.models import uploaded_file
from app.reconciliation.service import SettlementFile, match_file
from app.services import Services

MOST_BYTES = 16 * 2**20
# Such a file is taken while its page is waited for.
SMALL_BYTES = 2**20


@dataclass(frozen=True, slots=True)
class NewUpload:
    """A file as somebody gave it; `network` and `declared_total` are of a settlement file alone."""

    kind: str
    name: str
    content: bytes
    network: str | None = None
    declared_total: Money | None = None
    encoding: str | None = None


@dataclass(frozen=True, slots=True)
class ListedUpload:
    """A given file and how it stands: `report` has its counts, or line and cause of a refusal."""

    id: int
    kind: str
    network: str | None
    name: str
    bytes: int
    given_by: str
    given_at: datetime
    state: str
    ended_at: datetime | None
    report: Mapping[str, Any]

    @property
    def work(self) -> str:
        """The name by which a worker tells how far it is."""
        return name_work(self.id)


_LISTED = tuple(uploaded_file.c[name] for name in ListedUpload.__slots__)


def keep_upload(operation: Operation, new: NewUpload) -> int:
    """Keeps a file until it is taken. Returns its number. Raises: InvalidInput."""
    if not new.content:
        raise InvalidInput(what="file", why="empty")
    if len(new.content) > MOST_BYTES:
        raise InvalidInput(what="file", why="too_large")
    name = read_file_name(new.name)
    statement = insert(uploaded_file).values(
        kind=new.kind,
        network=new.network,
        declared_centimes=new.declared_total.centimes if new.declared_total else None,
        name=name,
        encoding=new.encoding,
        bytes=len(new.content),
        content=new.content,
        given_by=operation.actor,
        given_at=operation.now,
    )
    returning = statement.returning(uploaded_file.c.id)
    number = int(operation.connection.execute(returning).scalar_one())
    record_audit(operation, "file_given", f"file:{name}", number=number, kind=new.kind)
    return number


def take_upload(
    operation: Operation, services: Services, number: int, begin: BeginTelling | None = None
) -> bool:
    """Takes a waiting file; the change is by who gave it.

    `begin` gets how many lines it has, and what it returns is called with how many are read.

    A refusal is kept with the file, and nothing of the file is. Returns False if it does not wait,
    or somebody else takes it at this moment.
    """
    columns = uploaded_file.c
    waiting = select(uploaded_file).where(columns.id == number, columns.state == "waiting")
    row = operation.connection.execute(waiting.with_for_update(skip_locked=True)).one_or_none()
    if row is None:
        return False
    state = "taken"
    try:
        with operation.connection.begin_nested():
            tell = begin(_count_lines(row.content)) if begin else None
            report = _take(replace(operation, actor=row.given_by), services, row, tell)
    except (FileRefused, InvalidInput) as refused:
        state, report = "refused", _describe_refusal(refused)
    operation.connection.execute(
        update(uploaded_file)
        .where(columns.id == row.id)
        .values(state=state, report=report, ended_at=operation.now, content=None)
    )
    return True


def name_work(number: int) -> str:
    """Returns the name by which a worker tells how far the taking of a file is."""
    return f"file:{number}"


def find_waiting(connection: Connection) -> int | None:
    """Returns the number of the oldest file that waits and that nobody takes now; None if none."""
    columns = uploaded_file.c
    waiting = select(columns.id).where(columns.state == "waiting").order_by(columns.id).limit(1)
    return connection.execute(waiting.with_for_update(skip_locked=True)).scalar()


def give_up_upload(operation: Operation, number: int) -> None:
    """Refuses a waiting file whose taking failed in a way that is not the file's."""
    columns = uploaded_file.c
    name = operation.connection.execute(
        update(uploaded_file)
        .where(columns.id == number, columns.state == "waiting")
        .values(
            state="refused",
            report={"line": 0, "why": "internal", "fault": "internal"},
            ended_at=operation.now,
            content=None,
        )
        .returning(columns.name)
    ).scalar()
    if name is not None:
        record_audit(operation, "file_given_up", f"file:{name}", number=number)


def _take(
    operation: Operation, services: Services, row: Row[*tuple[object, ...]], tell: Tell | None
) -> dict[str, object]:
    """Reads and takes a file by the service of its kind. Returns what was found in it."""
    with TemporaryDirectory(prefix="given-") as folder:
        path = Path(folder) / row.name
        path.write_bytes(row.content)
        if row.kind == "cnss_answer":
            taken = import_answers(operation, services, GivenFile(path, row.encoding, tell))
            return {"counts": taken.counts, "new": taken.new, "notes": list(taken.notes)}
        declared = read_stored_amount(row.declared_centimes)
        given = SettlementFile(path, row.network, declared, row.encoding, tell)
        found = match_file(operation, given)
    return {
        "counts": found.counts,
        "new": found.new,
        "notes": list(found.notes),
        "day": f"{found.day}",
        "number": found.number,
        "lines": found.lines,
        "paid": found.paid.centimes,
    }


def _count_lines(content: bytes) -> int:
    return max(content.count(b"\n"), content.count(b"\r"), 1)


def _describe_refusal(refused: FileRefused | InvalidInput) -> dict[str, object]:
    if isinstance(refused, FileRefused):
        return {**refused.params, "fault": refused.fault, "told": refused.told}
    return {"line": 0, "why": str(refused.params.get("why", ""))}


UPLOAD_SORTING = Sorting(
    {
        "name": uploaded_file.c.name,
        "by": uploaded_file.c.given_by,
        "given": uploaded_file.c.given_at,
        "state": uploaded_file.c.state,
    },
    uploaded_file.c.id,
    "-given",
)


def list_uploads(
    connection: Connection, own: ColumnElement[bool], kind: str, asked: RowsAsked
) -> PageOfRows[ListedUpload]:
    """Returns those of one's own given files of a kind that are asked for."""
    statement = select(*_LISTED).where(own, uploaded_file.c.kind == kind)
    return read_page(
        connection, statement, UPLOAD_SORTING, asked, lambda row: read_row(ListedUpload, row)
    )


def find_upload(
    connection: Connection, own: ColumnElement[bool], kind: str, number: int
) -> ListedUpload | None:
    """Returns one of one's own given files, of this kind; None if there is none."""
    columns = uploaded_file.c
    statement = select(*_LISTED).where(own, columns.id == number, columns.kind == kind)
    row = connection.execute(statement).one_or_none()
    return read_row(ListedUpload, row) if row else None
