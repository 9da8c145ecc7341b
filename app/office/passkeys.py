"""Passkeys (WebAuthn): keys in users' devices that sign what this site alone asked."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from urllib.parse import urlsplit

from sqlalchemy import Connection, delete, select

from app.audit.service import record_audit
from app.base.operation import Operation
from app.office.models import office_passkey


@dataclass(frozen=True, slots=True)
class Site:
    """The address at which passkeys are made, and the host that browsers tie them to."""

    address: str

    @property
    def host(self) -> str:
        return urlsplit(self.address).hostname or ""

    @property
    def origin(self) -> str:
        parts = urlsplit(self.address)
        return f"{parts.scheme}://{parts.netloc}"


@dataclass(frozen=True, slots=True)
class Passkey:
    """A passkey as its owner sees it."""

    id: int
    label: str
    enrolled_at: datetime
    used_at: datetime | None


def remove_passkey(operation: Operation, name: str, passkey_id: int) -> bool:
    """Removes one of a user's passkeys. Returns whether it was there."""
    columns = office_passkey.c
    removed = operation.connection.execute(
        delete(office_passkey)
        .where(columns.name == name, columns.id == passkey_id)
        .returning(columns.label)
    ).scalar()
    if removed is None:
        return False
    details = {"factor": "passkey", "label": removed}
    record_audit(operation, "office_factor_removed", f"office:{name}", **details)
    return True


def list_passkeys(connection: Connection, name: str) -> list[Passkey]:
    """Returns a user's passkeys, the oldest first."""
    columns = office_passkey.c
    rows = connection.execute(
        select(columns.id, columns.label, columns.enrolled_at, columns.used_at)
        .where(columns.name == name)
        .order_by(columns.id)
    )
    return [Passkey(row.id, row.label, row.enrolled_at, row.used_at) for row in rows]
