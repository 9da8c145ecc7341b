"""Versions of the menus: given, checked, made live by a second person, gone back from."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from hashlib import sha256
from pathlib import Path
from tempfile import TemporaryDirectory

from sqlalchemy import Row, func, insert, or_, select, update

from app.audit.service import record_audit, record_decision
from app.base.operation import Operation
from app.files.names import read_file_name
from app.office.two_people import check_two_people
from app.publishing.checking import LONGEST_CHECK_SECONDS, CheckFault
from app.publishing.errors import MenusOutdated, MenusRefused, MenuVersionUnknown
from app.publishing.models import menu_publication, menu_version
from app.publishing.packing import MOST_BYTES, MenuFiles, pack_files, read_zip, unpack_to
from app.publishing.queries import find_live, find_live_version, read_content
from app.ussd.live import version_of

# A worker that was killed while it checked is followed by another after this time.
_CHECK_LEASE = timedelta(seconds=LONGEST_CHECK_SECONDS + 30)
# As many faults are kept as a person reads.
_MOST_FAULTS = 200
_LOCK_NUMBER = int.from_bytes(b"menus!", "big")


def give_menus(operation: Operation, name: str, files: MenuFiles, own: bytes) -> int:
    """Keeps a version for a worker to check; what it lacks is of the one that is live.

    `own` are the menus that came with the program, as a zip. Returns the version's number.

    Raises: InvalidInput, MenusRefused.
    """
    number = find_live(operation.connection)
    live = own if number is None else read_content(operation.connection, number)
    content, over = pack_files({**read_zip(live), **files}), _name_version(live)
    if len(content) > MOST_BYTES:
        raise MenusRefused(cause="too_large", file="")
    version = _name_version(content)
    if version == over:
        raise MenusRefused(cause="same", file="")
    statement = insert(menu_version).values(
        version=version,
        given_over=over,
        name=read_file_name(name),
        content=content,
        digest=sha256(content).hexdigest(),
        given_by=operation.actor,
        given_at=operation.now,
    )
    returning = statement.returning(menu_version.c.id)
    kept = int(operation.connection.execute(returning).scalar_one())
    record_audit(operation, "menus_given", f"menus:{version}", number=kept, over=over)
    return kept


def begin_check(operation: Operation) -> tuple[int, bytes] | None:
    """Takes the oldest version that waits for its check, until it is checked or a lease is over.

    Returns its number and its zip; None if none waits.
    """
    columns, now = menu_version.c, operation.now
    free = or_(columns.check_began_at.is_(None), columns.check_began_at < now - _CHECK_LEASE)
    oldest = (
        select(columns.id)
        .where(columns.state == "waiting", free)
        .order_by(columns.id)
        .limit(1)
        .with_for_update(skip_locked=True)
    )
    row = operation.connection.execute(
        update(menu_version)
        .where(columns.id == oldest.scalar_subquery())
        .values(check_began_at=now)
        .returning(columns.id, columns.content)
    ).one_or_none()
    return (row.id, bytes(row.content)) if row else None


def keep_faults(operation: Operation, number: int, faults: list[CheckFault]) -> None:
    """Keeps what the check of a version found; another worker may have been faster."""
    columns = menu_version.c
    version = operation.connection.execute(
        update(menu_version)
        .where(columns.id == number, columns.state == "waiting")
        .values(
            state="unfit" if faults else "fit",
            checked_at=operation.now,
            faults=faults[:_MOST_FAULTS],
        )
        .returning(columns.version)
    ).scalar()
    if version is not None:
        found = {"number": number, "faults": len(faults)}
        record_audit(operation, "menus_checked", f"menus:{version}", **found)


def approve_menus(operation: Operation, number: int, own_version: str) -> str:
    """Makes a checked version live, as another person than who gave it. Returns its name.

    It must have been given over what is live now; `own_version` came with the program.

    Raises: MenuVersionUnknown, MenusOutdated, SamePerson, ProposerDismissed.
    """
    _lock_publishing(operation)
    row = _lock_version(operation, number, ("fit",))
    check_two_people(operation, row.given_by)
    if row.given_over != (find_live_version(operation.connection) or own_version):
        raise MenusOutdated(number=number, over=row.given_over)
    _publish(operation, number, proposed_by=row.given_by, approved_by=operation.actor)
    _set_state(operation, number, "published")
    giver = replace(operation, actor=row.given_by)
    subject = f"menus:{row.version}"
    record_decision(giver, "menus_published", subject, operation.actor, number=number)
    return str(row.version)


def refuse_menus(operation: Operation, number: int, reason: str) -> None:
    """Ends a version that is not live yet: its giver takes it back, or another refuses it.

    Raises: MenuVersionUnknown.
    """
    row = _lock_version(operation, number, ("waiting", "fit", "unfit"))
    _set_state(operation, number, "refused")
    told = {"number": number, "given_by": row.given_by, "reason": reason}
    record_audit(operation, "menus_refused", f"menus:{row.version}", **told)


def go_back(operation: Operation, number: int | None, reason: str) -> str:
    """Makes live what was live before: a version that two people published, or the program's own.

    One person does it alone, as each minute of wrong menus costs. Returns the version's name, or
    `own`.

    Raises: MenuVersionUnknown if nobody published it, or it is live.
    """
    _lock_publishing(operation)
    if find_live(operation.connection) == number:
        raise MenuVersionUnknown(number=number)
    version = "own"
    if number is not None:
        version = _lock_version(operation, number, ("published",)).version
    _publish(operation, number, proposed_by=operation.actor, reason=reason)
    record_audit(operation, "menus_gone_back", f"menus:{version}", number=number, reason=reason)
    return version


def _publish(operation: Operation, number: int | None, **who: str) -> None:
    values = {"version_id": number, "published_at": operation.now, **who}
    operation.connection.execute(insert(menu_publication).values(values))


def _lock_publishing(operation: Operation) -> None:
    """Lets one version become live at a time."""
    operation.connection.execute(select(func.pg_advisory_xact_lock(_LOCK_NUMBER)))


def _lock_version(
    operation: Operation, number: int, states: tuple[str, ...]
) -> Row[*tuple[object, ...]]:
    columns = menu_version.c
    row = operation.connection.execute(
        select(columns.version, columns.given_over, columns.given_by)
        .where(columns.id == number, columns.state.in_(states))
        .with_for_update()
    ).one_or_none()
    if row is None:
        raise MenuVersionUnknown(number=number)
    return row


def _set_state(operation: Operation, number: int, state: str) -> None:
    operation.connection.execute(
        update(menu_version).where(menu_version.c.id == number).values(state=state)
    )


def _name_version(content: bytes) -> str:
    with TemporaryDirectory(prefix="menus-") as folder:
        unpack_to(Path(folder), content)
        return version_of(Path(folder))
