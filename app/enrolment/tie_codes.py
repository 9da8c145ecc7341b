"""One-time codes to the register's phone, which prove the holder of another phone."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta

from pydantic import SecretStr
from sqlalchemy import delete, func, select, update
from sqlalchemy.dialects.postgresql import insert

from app.audit.service import record_audit
from app.base.keys import Purpose
from app.base.operation import Operation
from app.base.phone import Phone
from app.enrolment.errors import NoRegisterPhone, TieCodeUnknown
from app.enrolment.models import artisan, tie_code
from app.enrolment.queries import find_language
from app.enrolment.ties import prove_tie
from app.services import Services

# The phone of the register may be in another room, or with the family.
VALID_FOR = timedelta(minutes=30)
_TRIES = 3


@dataclass(frozen=True, slots=True)
class TieRequest:
    """A tied phone that wants to be proven for an artisan; `action_key` names the hop."""

    phone: Phone
    artisan_id: int
    action_key: str


@dataclass(frozen=True, slots=True)
class SentTieCode:
    """A one-time code of six digits, and the register's phone it may be sent to."""

    code: str
    phone: Phone
    language: str


def start_tie_code(
    operation: Operation, services: Services, request: TieRequest
) -> SentTieCode | None:
    """Draws a one-time code, which replaces an earlier one of this phone.

    Returns None if the same `action_key` asked before.
    Raises: NoRegisterPhone.
    """
    own = operation.connection.execute(
        select(artisan.c.phone, artisan.c.language).where(artisan.c.id == request.artisan_id)
    ).one()
    if own.phone is None:
        raise NoRegisterPhone()
    code = f"{services.random.randrange(10**6):06d}"
    values = {
        "code_digest": services.keys.digest(Purpose.TIE_CODE, _name_code(request, code)),
        "expires_at": operation.now + VALID_FOR,
        "tries_left": _TRIES,
        "asked_by": request.action_key,
    }
    statement = insert(tie_code).values(
        phone=request.phone.e164, artisan_id=request.artisan_id, **values
    )
    once = statement.on_conflict_do_update(
        index_elements=["phone", "artisan_id"],
        set_=values,
        where=tie_code.c.asked_by != request.action_key,
    )
    if operation.connection.execute(once.returning(tie_code.c.artisan_id)).scalar() is None:
        return None
    subject = f"artisan:{request.artisan_id}"
    record_audit(operation, "tie_code_sent", subject, phone=request.phone.masked)
    phone = Phone(own.phone)
    language = find_language(operation.connection, phone) or own.language
    return SentTieCode(code, phone, language)


def accept_tie_code(
    operation: Operation, services: Services, request: TieRequest, code: SecretStr
) -> None:
    """Accepts the one-time code once, and proves the tie.

    The caller commits after a refusal too, because tries are counted.

    Raises: TieCodeUnknown for a wrong, old or used-up code, or for a phone no longer tied.
    """
    columns = tie_code.c
    typed = _name_code(request, code.get_secret_value())
    live = (
        columns.phone == request.phone.e164,
        columns.artisan_id == request.artisan_id,
        columns.expires_at > operation.now,
        columns.tries_left > 0,
    )
    right = operation.connection.execute(
        delete(tie_code).where(
            *live, columns.code_digest.in_(services.keys.digests(Purpose.TIE_CODE, typed))
        )
    )
    if right.rowcount:
        prove_tie(operation, request.phone, request.artisan_id, "code")
        return
    left = func.greatest(columns.tries_left - 1, 0)
    operation.connection.execute(update(tie_code).where(*live).values(tries_left=left))
    raise TieCodeUnknown()


def _name_code(request: TieRequest, code: str) -> str:
    """Returns the text whose digest is kept: a code is good for one phone and person."""
    return f"{request.artisan_id}:{request.phone.e164}:{code}"
