"""Adds, changes and dismisses the office's users. No function commits."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

from pydantic import SecretStr
from sqlalchemy import Row, select, update
from sqlalchemy.dialects.postgresql import insert

from app.audit.service import record_audit
from app.base.errors import InvalidInput
from app.base.operation import Operation
from app.base.slow_hash import hash_slowly
from app.office.errors import NotOneself, OfficeNameTaken, OfficeUserUnknown
from app.office.models import office_user
from app.office.rules import (
    RESERVED,
    OfficeScope,
    check_password,
    name_key,
    read_role,
    read_user_name,
)
from app.office.samples import SAMPLE_USERS
from app.office.sessions import end_office_sessions
from app.office.sign_in import check_secret, clear_wrong_secrets

ONE_TIME_FOR = timedelta(days=7)


@dataclass(frozen=True, slots=True)
class NewOfficeUser:
    """A user to be added, with the one-time password that opens nothing but its own change."""

    name: str
    role: str
    scope: OfficeScope
    password: SecretStr


def add_office_user(operation: Operation, new: NewOfficeUser) -> str:
    """Adds a user and returns the name as it is kept.

    Raises: InvalidInput, OfficeNameTaken if it reads like another user's.
    """
    name = read_user_name(new.name)
    role = read_role(new.role, new.scope)
    if name_key(name) in {name_key(word) for word in RESERVED}:
        raise InvalidInput(what="name", why="a word that names no person")
    values = _user_values(operation, name, role, new.scope, new.password)
    given = {
        "one_time_until": operation.now + ONE_TIME_FOR,
        "given_by": operation.actor,
        "given_at": operation.now,
    }
    statement = insert(office_user).values(**values, **given)
    added = statement.on_conflict_do_nothing().returning(office_user.c.name)
    if operation.connection.execute(added).scalar() is None:
        raise OfficeNameTaken(name=_read_like(operation, name))
    scope = {"region": new.scope.region, "network": new.scope.network, "desk": new.scope.desk}
    record_audit(operation, "office_user_added", f"office:{name}", role=role, **scope)
    return name


def add_sample_user(operation: Operation, name: str) -> None:
    """Adds one of development's users, if there is none of the name."""
    have = select(office_user.c.name).where(office_user.c.name == name)
    if operation.connection.execute(have).scalar() is not None:
        return
    values = _user_values(operation, name, name, SAMPLE_USERS[name], SecretStr(name))
    operation.connection.execute(
        insert(office_user).values(**values, sample=True).on_conflict_do_nothing()
    )
    record_audit(operation, "office_user_added", f"office:{name}", role=name, sample=True)


def add_sample_users(operation: Operation) -> None:
    """Adds development's users who are not there yet."""
    for name in SAMPLE_USERS:
        add_sample_user(operation, name)


def dismiss_office_user(operation: Operation, typed: str) -> str:
    """Dismisses a user at once and for good; the name stays taken. Returns the name.

    Raises: OfficeUserUnknown, InvalidInput for the last operator.
    """
    row = lock_office_user(operation, typed)
    if row.role == "operator" and not _others_who_operate(operation, row.name):
        raise InvalidInput(what="name", why="the last operator: add another one first")
    operation.connection.execute(
        update(office_user).where(office_user.c.name == row.name).values(dismissed_at=operation.now)
    )
    end_office_sessions(operation, row.name, "dismissal")
    record_audit(operation, "office_user_dismissed", f"office:{row.name}")
    return str(row.name)


def change_office_user(operation: Operation, typed: str, role: str, scope: OfficeScope) -> str:
    """Gives a user another role or scope, and ends what was begun with the old one.

    Returns the name. Raises: NotOneself, OfficeUserUnknown, InvalidInput.
    """
    if name_key(typed) == name_key(operation.actor):
        raise NotOneself()
    row = lock_office_user(operation, typed)
    read_role(role, scope)
    if row.sample:
        raise InvalidInput(what="name", why="a sample user of development: its role is its name")
    if row.role == "operator" != role and not _others_who_operate(operation, row.name):
        raise InvalidInput(what="name", why="the last operator: add another one first")
    values = {"role": role, "region": scope.region, "network": scope.network, "desk": scope.desk}
    operation.connection.execute(
        update(office_user).where(office_user.c.name == row.name).values(**values)
    )
    end_office_sessions(operation, row.name, "changed")
    record_audit(operation, "office_user_changed", f"office:{row.name}", before=row.role, **values)
    return str(row.name)


def reset_office_user(operation: Operation, typed: str, password: SecretStr) -> str:
    """Gives a user a new one-time password, and ends a pause. Returns the name.

    Raises: OfficeUserUnknown.
    """
    row = lock_office_user(operation, typed)
    _store_password(operation, row.name, password, operation.now + ONE_TIME_FOR)
    operation.connection.execute(
        update(office_user)
        .where(office_user.c.name == row.name)
        .values(given_by=operation.actor, given_at=operation.now)
    )
    end_office_sessions(operation, row.name, "reset")
    record_audit(operation, "office_password_reset", f"office:{row.name}")
    return str(row.name)


def change_password(operation: Operation, typed: str, old: SecretStr, new: SecretStr) -> str:
    """Replaces a user's own password. Returns the name.

    The caller commits after a refusal too, because wrong secrets are counted.

    Raises: SignInRefused, SignInPaused, InvalidInput for a password that is easy to guess.
    """
    row = check_secret(operation, typed, old)
    chosen = new.get_secret_value()
    check_password(chosen, row.name)
    if chosen == old.get_secret_value():
        raise InvalidInput(what="password", why="the one before")
    _store_password(operation, row.name, new, None)
    end_office_sessions(operation, row.name, "new_password")
    by_user = Operation(operation.connection, operation.now, row.name, operation.seat)
    record_audit(by_user, "office_password_changed", f"office:{row.name}")
    return str(row.name)


def _store_password(
    operation: Operation, name: str, password: SecretStr, one_time_until: datetime | None
) -> None:
    values = {
        "password_hash": hash_slowly(password.get_secret_value()),
        "one_time_until": one_time_until,
    }
    operation.connection.execute(
        update(office_user).where(office_user.c.name == name).values(**values)
    )
    clear_wrong_secrets(operation, name)


def _user_values(
    operation: Operation, name: str, role: str, scope: OfficeScope, password: SecretStr
) -> dict[str, object]:
    return {
        "name": name,
        "name_key": name_key(name),
        "role": role,
        "region": scope.region,
        "network": scope.network,
        "desk": scope.desk,
        "password_hash": hash_slowly(password.get_secret_value()),
        "created_at": operation.now,
    }


def lock_office_user(operation: Operation, typed: str) -> Row[*tuple[object, ...]]:
    """Locks a user who was not dismissed. Raises: OfficeUserUnknown."""
    columns = office_user.c
    known = columns.name_key == name_key(typed), columns.dismissed_at.is_(None)
    row = operation.connection.execute(
        select(office_user).where(*known).with_for_update()
    ).one_or_none()
    if row is None:
        raise OfficeUserUnknown(name=typed)
    return row


def _read_like(operation: Operation, name: str) -> str:
    like = select(office_user.c.name).where(office_user.c.name_key == name_key(name))
    return str(operation.connection.execute(like).scalar_one())


def _others_who_operate(operation: Operation, name: str) -> bool:
    """True if another operator can act: one with an own password, who is nobody's sample here."""
    columns = office_user.c
    others = select(columns.name).where(
        columns.role == "operator",
        columns.dismissed_at.is_(None),
        columns.one_time_until.is_(None),
        columns.name != name,
    )
    if operation.actor not in SAMPLE_USERS:
        others = others.where(~columns.sample)
    return operation.connection.execute(others).first() is not None
