"""Recovery codes: ten on paper, for a day without the phone or the key; each opens once."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from random import Random

from sqlalchemy import Connection, delete, insert, select, update

from app.audit.service import record_audit
from app.base.operation import Operation
from app.office.models import office_recovery_code
from app.office.rules import draw_password

MANY = 10


@dataclass(frozen=True, slots=True)
class ListedRecoveryCode:
    """A recovery code as its owner sees it later: its place on the paper, and when it was used."""

    position: int
    used_at: datetime | None


def draw_recovery_codes(operation: Operation, random: Random, name: str) -> Sequence[str]:
    """Returns new codes, shown this once. Those of before are good no more."""
    codes = [draw_password(random) for _ in range(MANY)]
    delete_recovery_codes(operation, name)
    operation.connection.execute(
        insert(office_recovery_code),
        [
            {
                "name": name,
                "position": position,
                "code_digest": _digest(name, code),
                "made_at": operation.now,
            }
            for position, code in enumerate(codes, 1)
        ],
    )
    record_audit(operation, "office_recovery_codes_drawn", f"office:{name}")
    return codes


def use_recovery_code(operation: Operation, name: str, typed: str) -> bool:
    """Uses a code up. Returns whether it was good; sent twice at once it is good once."""
    columns = office_recovery_code.c
    used = operation.connection.execute(
        update(office_recovery_code)
        .where(
            columns.name == name,
            columns.code_digest == _digest(name, typed),
            columns.used_at.is_(None),
        )
        .values(used_at=operation.now)
        .returning(columns.position)
    ).scalar()
    if used is None:
        return False
    record_audit(operation, "office_recovery_code_used", f"office:{name}", position=used)
    return True


def delete_recovery_codes(operation: Operation, name: str) -> None:
    """Takes all codes of a user away, with those that draw new ones or remove the factors."""
    operation.connection.execute(
        delete(office_recovery_code).where(office_recovery_code.c.name == name)
    )


def list_recovery_codes(connection: Connection, name: str) -> list[ListedRecoveryCode]:
    """Returns a user's codes in the order of the paper, without what opens."""
    columns = office_recovery_code.c
    rows = connection.execute(
        select(columns.position, columns.used_at)
        .where(columns.name == name)
        .order_by(columns.position)
    )
    return [ListedRecoveryCode(row.position, row.used_at) for row in rows]


def _digest(name: str, typed: str) -> bytes:
    """Returns what is kept of a code: 79 random bits need no slow hash."""
    plain = "".join(sign for sign in typed.casefold() if sign.isalnum())
    return hashlib.sha256(f"maalem recovery code:{name}:{plain}".encode()).digest()
