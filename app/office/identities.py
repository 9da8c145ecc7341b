"""Who a user is at a provider of identities: tied by an operator, made by nobody else."""

from __future__ import annotations

from sqlalchemy import Connection, delete, select
from sqlalchemy.dialects.postgresql import insert

from app.audit.service import record_audit
from app.base.errors import InvalidInput
from app.base.operation import Operation
from app.office.errors import IdentityTaken, IdentityUnknown
from app.office.models import office_identity, office_user
from app.office.service import lock_office_user
from app.office.sessions import end_office_sessions

# OpenID Connect Core 1.0, 2: a subject has no more characters.
_LONGEST_SUBJECT = 255


def tie_identity(operation: Operation, typed: str, issuer: str, subject: str) -> str:
    """Ties a subject at the issuer to a user, in place of the one before. Returns the name.

    Raises: OfficeUserUnknown, IdentityTaken, InvalidInput.
    """
    row = lock_office_user(operation, typed)
    if row.sample:
        raise InvalidInput(what="name", why="a sample user of development")
    if not 1 <= len(subject) <= _LONGEST_SUBJECT or not subject.isprintable():
        raise InvalidInput(what="subject", why=f"not 1 to {_LONGEST_SUBJECT} characters")
    columns = office_identity.c
    operation.connection.execute(
        delete(office_identity).where(columns.name == row.name, columns.issuer == issuer)
    )
    values = {"issuer": issuer, "subject": subject, "name": row.name}
    statement = insert(office_identity).values(
        **values, tied_by=operation.actor, tied_at=operation.now
    )
    tied = statement.on_conflict_do_nothing().returning(columns.name)
    if operation.connection.execute(tied).scalar() is None:
        holder = select(columns.name).where(columns.issuer == issuer, columns.subject == subject)
        raise IdentityTaken(name=operation.connection.execute(holder).scalar_one())
    # Whoever the one before was may be signed in.
    end_office_sessions(operation, row.name, "changed")
    record_audit(operation, "office_identity_tied", f"office:{row.name}", issuer=issuer)
    return str(row.name)


def untie_identity(operation: Operation, typed: str) -> str:
    """Unties a user from every provider. Returns the name.

    Raises: OfficeUserUnknown, IdentityUnknown if there was none.
    """
    row = lock_office_user(operation, typed)
    gone = operation.connection.execute(
        delete(office_identity).where(office_identity.c.name == row.name)
    )
    if not gone.rowcount:
        raise IdentityUnknown()
    end_office_sessions(operation, row.name, "changed")
    record_audit(operation, "office_identity_untied", f"office:{row.name}")
    return str(row.name)


def find_user_of_identity(connection: Connection, issuer: str, subject: str) -> str:
    """Returns the name of the user whom a subject is tied to. Raises: IdentityUnknown."""
    columns = office_identity.c
    name = connection.execute(
        select(columns.name)
        .join(office_user, office_user.c.name == columns.name)
        .where(
            columns.issuer == issuer,
            columns.subject == subject,
            office_user.c.dismissed_at.is_(None),
            ~office_user.c.sample,
        )
    ).scalar()
    if name is None:
        raise IdentityUnknown()
    return str(name)
