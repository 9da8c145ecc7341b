"""Finds the artisan who comes to the till without a code, by phone, RNA or CNSS number.

An agent is shown people by name and amount, so each look is an audit row, and a day has a share of
them. Who pays gives the place back. A day begins at midnight in Morocco.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import timedelta
from math import ceil

import structlog
from sqlalchemy import ColumnElement, Connection, delete, exists, func, literal, select, tuple_
from sqlalchemy.dialects.postgresql import insert

from app.agents.models import agency
from app.agents.queries import Agent
from app.audit.service import record_audit
from app.base.clock import local_date
from app.base.errors import InvalidInput
from app.base.identifiers import plain_writing, read_cnss_number, read_typed_rna_number
from app.base.operation import Operation
from app.base.phone import Phone
from app.enrolment.models import artisan
from app.enrolment.numbers import find_numbered_artisan
from app.enrolment.queries import MOST_MEMBERS, owners_of
from app.payments.errors import TooManyPayers
from app.payments.limits import beginning_of_day
from app.payments.models import deposit, payer_look_up

# People of a day whom an agent, and all agents of an agency, looked up and who did not pay.
PAYERS_A_DAY, PAYERS_A_DAY_OF_AGENCY = 60, 240
_KEPT_FOR = timedelta(days=30)
_PHONE_SIGNS = re.compile(r"[+0-9().\s-]+", re.ASCII)
_WHOLE_PHONE = re.compile(r"212[5-7][0-9]{8}", re.ASCII)
# Twelve digits, or two more or fewer: fingers that slipped in a code.
_LIKE_A_CODE = re.compile(r"[1-9][0-9]{9,13}", re.ASCII)
_log = structlog.get_logger("agents")


@dataclass(frozen=True, slots=True)
class Payer:
    """An artisan whom a typed number names; `way` is `phone`, `rna` or `cnss`."""

    artisan_id: int
    full_name: str
    rna_number: str
    way: str


def is_like_a_code(typed: str) -> bool:
    """True for digits that a mistyped code would have, and no phone."""
    digits = re.sub(r"[\s-]", "", plain_writing(typed))
    return bool(_LIKE_A_CODE.fullmatch(digits)) and not _WHOLE_PHONE.fullmatch(digits)


def is_number_of_person(typed: str) -> bool:
    """True for text that is a phone, an RNA or a CNSS number, of somebody or nobody."""
    try:
        read_typed_rna_number(typed)
    except InvalidInput:
        return read_typed_phone(typed) is not None
    return True


def read_typed_phone(typed: str) -> Phone | None:
    """Returns the phone that a text may be, also one without the plus sign; None for no phone."""
    text = plain_writing(typed)
    if not _PHONE_SIGNS.fullmatch(text):
        return None
    digits = re.sub(r"[^0-9]", "", text)
    try:
        return Phone.parse(f"+{digits}" if _WHOLE_PHONE.fullmatch(digits) else text)
    except InvalidInput:
        return None


def find_payers(connection: Connection, typed: str) -> list[Payer]:
    """Returns the artisans whom a typed number may mean, each once; a household's phone several."""
    found: dict[int, Payer] = {}
    for way, condition in _list_readings(connection, typed):
        columns = artisan.c
        rows = connection.execute(
            select(columns.id, columns.full_name, columns.rna_number)
            .where(condition)
            .order_by(columns.id)
            .limit(MOST_MEMBERS)
        )
        for row in rows:
            found.setdefault(row.id, Payer(row.id, row.full_name, row.rna_number, way))
    return list(found.values())


def record_looks(operation: Operation, who: Agent, payers: list[Payer]) -> None:
    """Counts and audits that the agent is shown these people.

    Raises: TooManyPayers, and nobody is to be shown.
    """
    # Before any other lock: look-ups of one agency at once are counted one by one.
    lock = select(agency.c.code).where(agency.c.code == who.agency_code)
    operation.connection.execute(lock.with_for_update(key_share=True))
    by_agent, by_agency = _count_unpaid(operation, who)
    added = _count_unseen(operation, who, payers)
    if by_agent + added > PAYERS_A_DAY or by_agency + added > PAYERS_A_DAY_OF_AGENCY:
        _log.error("agent_payers_used_up", agent=who.number, people=by_agent)
        raise TooManyPayers()
    for payer in payers:
        _record(operation, who, payer)
    half = ceil(PAYERS_A_DAY / 2)
    if by_agent < half <= by_agent + added:
        people = by_agent + added
        record_audit(operation, "agent_payers_half_used", f"agent:{who.number}", people=people)
        _log.error("agent_payers_half_used", agent=who.number, people=people)


def forget_looks(operation: Operation, most: int) -> int:
    """Deletes at most `most` looks of days that nobody counts any more. Returns how many.

    The audit keeps who looked up whom.
    """
    columns = payer_look_up.c
    key = (columns.agent_id, columns.day, columns.artisan_id)
    old = select(*key).where(columns.day < local_date(operation.now - _KEPT_FOR)).limit(most)
    return operation.connection.execute(delete(payer_look_up).where(tuple_(*key).in_(old))).rowcount


def _list_readings(connection: Connection, typed: str) -> list[tuple[str, ColumnElement[bool]]]:
    """Returns the conditions on an artisan under every reading of a typed number."""
    readings: list[tuple[str, ColumnElement[bool]]] = []
    if phone := read_typed_phone(typed):
        owners = owners_of(literal(phone.e164))
        readings.append(("phone", artisan.c.id.in_(select(owners.c.id))))
    try:
        found = find_numbered_artisan(connection, read_typed_rna_number(typed))
        if found is not None:
            readings.append(("rna", artisan.c.id == found))
    except InvalidInput:
        pass
    try:
        number = read_cnss_number("".join(plain_writing(typed).split()))
        readings.append(("cnss", artisan.c.cnss_number == number))
    except InvalidInput:
        pass
    return readings


def _count_unpaid(operation: Operation, who: Agent) -> tuple[int, int]:
    """Counts the people of today who did not pay: the agent's, and the agency's."""
    columns, now = payer_look_up.c, operation.now
    paid = exists().where(
        deposit.c.artisan_id == columns.artisan_id,
        deposit.c.agency_code == columns.agency_code,
        deposit.c.received_at >= beginning_of_day(now),
    )
    row = operation.connection.execute(
        select(
            func.count().filter(columns.agent_id == who.id).label("by_agent"),
            func.count().label("by_agency"),
        ).where(columns.agency_code == who.agency_code, columns.day == local_date(now), ~paid)
    ).one()
    return row.by_agent, row.by_agency


def _count_unseen(operation: Operation, who: Agent, payers: list[Payer]) -> int:
    """Counts the people whom the agent did not look up today before."""
    columns = payer_look_up.c
    seen = operation.connection.execute(
        select(func.count()).where(
            columns.agent_id == who.id,
            columns.day == local_date(operation.now),
            columns.artisan_id.in_([payer.artisan_id for payer in payers]),
        )
    ).scalar_one()
    return len(payers) - int(seen)


def _record(operation: Operation, who: Agent, payer: Payer) -> None:
    values = {
        "agent_id": who.id,
        "day": local_date(operation.now),
        "artisan_id": payer.artisan_id,
        "agency_code": who.agency_code,
        "looked_at": operation.now,
    }
    operation.connection.execute(insert(payer_look_up).values(values).on_conflict_do_nothing())
    by = {"by": payer.way, "agency": who.agency_code}
    record_audit(operation, "person_looked_up", f"artisan:{payer.artisan_id}", **by)
