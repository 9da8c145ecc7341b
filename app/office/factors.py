"""A user's second factors together: which there are, and what a typed code proves."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Connection, delete, select

from app.audit.service import record_audit
from app.base.keys import Keys
from app.base.operation import Operation
from app.office.authenticators import remove_authenticator, use_authenticator_code
from app.office.models import office_authenticator, office_passkey
from app.office.passkeys import Passkey, list_passkeys, remove_passkey
from app.office.recovery_codes import (
    ListedRecoveryCode,
    delete_recovery_codes,
    list_recovery_codes,
    use_recovery_code,
)
from app.office.service import lock_office_user
from app.office.sessions import end_office_sessions


@dataclass(frozen=True, slots=True)
class ListedFactors:
    """Everything that a user has enrolled; recovery codes are of no use without another factor."""

    authenticator_since: datetime | None
    passkeys: Sequence[Passkey]
    recovery_codes: Sequence[ListedRecoveryCode]

    @property
    def any(self) -> bool:
        return self.authenticator_since is not None or bool(self.passkeys)


def list_factors(connection: Connection, name: str) -> ListedFactors:
    """Returns what a user has enrolled."""
    columns = office_authenticator.c
    since = connection.execute(select(columns.enrolled_at).where(columns.name == name)).scalar()
    return ListedFactors(
        since, list_passkeys(connection, name), list_recovery_codes(connection, name)
    )


def use_typed_code(operation: Operation, keys: Keys, name: str, typed: str) -> str | None:
    """Uses up what was typed: the app's code, else a recovery code.

    Returns which it was, or None.
    """
    if use_authenticator_code(operation, keys, name, typed):
        return "authenticator"
    return "recovery_code" if use_recovery_code(operation, name, typed) else None


def remove_factor(operation: Operation, name: str, passkey_id: int | None) -> bool:
    """Removes one passkey of a user, or the authenticator app for None, and ends the sessions.

    With the last factor the recovery codes go. Returns whether it was there.
    """
    if passkey_id is None:
        removed = remove_authenticator(operation, name)
    else:
        removed = remove_passkey(operation, name, passkey_id)
    if removed:
        end_office_sessions(operation, name, "factor_removed")
        if not list_factors(operation.connection, name).any:
            delete_recovery_codes(operation, name)
    return removed


def remove_all_factors(operation: Operation, typed: str) -> str:
    """Removes every factor of a user who lost them, and ends the sessions. Returns the name.

    Raises: OfficeUserUnknown.
    """
    name = str(lock_office_user(operation, typed).name)
    remove_authenticator(operation, name)
    operation.connection.execute(delete(office_passkey).where(office_passkey.c.name == name))
    delete_recovery_codes(operation, name)
    end_office_sessions(operation, name, "factor_removed")
    record_audit(operation, "office_factors_removed", f"office:{name}")
    return name
