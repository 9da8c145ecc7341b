"""Looks at people and acts on them for the help desk; every look and act is an audit row."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from sqlalchemy import ColumnElement, Connection, Row, func, insert, select, union, update

from app.assistance.service import move_requests
from app.audit.service import name_phone, record_audit, record_decision
from app.base.errors import InvalidInput
from app.base.identifiers import plain_writing, read_cnss_number, read_typed_rna_number
from app.base.operation import Operation
from app.base.phone import Phone
from app.base.rows import read_row
from app.claims.service import move_claims
from app.enrolment.doubles import merge_double
from app.enrolment.models import artisan, artisan_phone
from app.enrolment.numbers import find_numbered_artisan
from app.enrolment.pins import remove_pin
from app.enrolment.queries import find_own_phone, has_pin
from app.enrolment.ties import Tie, list_ties, prove_tie, untie_phone
from app.messaging.service import OutboundMessage, queue_message
from app.office.errors import ProposerDismissed
from app.office.two_people import check_two_people
from app.payments.codes import cancel_code
from app.payments.models import deposit, payment_code
from app.payments.payers import find_payers
from app.people.errors import NoPinToReset, NotOneDouble, PersonUnknown, PhoneNotTied
from app.people.looks import record_look, record_search
from app.people.models import desk_act
from app.people.personal_data import check_forgettable, forget_person
from app.services import Services

_MOST_FOUND = 20
# A proposal that waited longer is nobody's: who gives the command then proposes it anew.
WAITS_FOR = timedelta(days=3)


@dataclass(frozen=True, slots=True)
class FoundPerson:
    """A person as a list shows one."""

    id: int
    full_name: str
    rna_number: str
    region: str | None


@dataclass(frozen=True, slots=True)
class ShownPerson:
    """A person with what paying and helping need; nothing of family, claims or receipts."""

    id: int
    full_name: str
    rna_number: str
    cnss_number: str | None
    language: str
    category: str
    region: str | None
    enrolled: bool
    merged_into: int | None
    ties: tuple[Tie, ...]
    has_pin: bool


@dataclass(frozen=True, slots=True)
class DeskAct:
    """An act that opens what is a person's own, so that two people do it.

    `phone` is of the act `prove`, `double` the entry that `merge` ends.
    """

    act: str
    artisan_id: int
    phone: Phone | None = None
    double: int | None = None


@dataclass(frozen=True, slots=True)
class WaitingAct:
    """An act that waits for a second person."""

    id: int
    act: str
    artisan_id: int
    phone: str | None
    double_id: int | None
    proposed_by: str
    proposed_at: datetime


def find_people(operation: Operation, kind: str, typed: str) -> list[FoundPerson]:
    """Finds people by `rna`, `phone` or `cnss`, in any writing of the number.

    Raises: InvalidInput for a number that cannot be one.
    """
    ids, nobody = _FINDERS[kind](operation.connection, typed)
    columns = artisan.c
    rows = operation.connection.execute(
        select(columns.id, columns.full_name, columns.rna_number, columns.region)
        .where(columns.id.in_(ids))
        .order_by(columns.id)
        .limit(_MOST_FOUND)
    )
    found = [read_row(FoundPerson, row) for row in rows]
    record_search(operation, [person.id for person in found], kind, nobody=nobody)
    return found


def search_people(connection: Connection, typed: str) -> set[int]:
    """Finds people by any number of theirs: phone, RNA, CNSS, payment code or receipt.

    Returns our own ids; whoever shows these people notes each of them (looks.record_search).
    """
    ids = {payer.artisan_id for payer in find_payers(connection, typed)}
    digits = "".join(plain_writing(typed).split())
    for table, column in ((payment_code, "code"), (deposit, "receipt_number")):
        by_number = select(table.c.artisan_id).where(table.c[column] == digits)
        ids |= set(connection.execute(by_number).scalars())
    return ids


def list_found(
    connection: Connection,
    own: ColumnElement[bool],
    ids: Collection[int],
    most: int = _MOST_FOUND,
) -> list[FoundPerson]:
    """Lists one's own people of these ids that the connection shows."""
    columns = artisan.c
    rows = connection.execute(
        select(columns.id, columns.full_name, columns.rna_number, columns.region)
        .where(own, columns.id.in_(ids))
        .order_by(columns.id)
        .limit(most)
    )
    return [read_row(FoundPerson, row) for row in rows]


def show_person(operation: Operation, artisan_id: int, reason: str) -> ShownPerson:
    """Returns a person, and notes who looked and why. Raises: PersonUnknown."""
    shown = describe_person(operation.connection, artisan_id)
    record_look(operation, artisan_id, reason, ("record", "phones"))
    return shown


def describe_person(connection: Connection, artisan_id: int) -> ShownPerson:
    """Returns a person; whoever shows one notes the look. Raises: PersonUnknown."""
    row = _get_person(connection, artisan_id)
    return ShownPerson(
        id=row.id,
        full_name=row.full_name,
        rna_number=row.rna_number,
        cnss_number=row.cnss_number,
        language=row.language,
        category=row.category,
        region=row.region,
        enrolled=row.enrolled_on is not None,
        merged_into=row.merged_into,
        ties=tuple(list_ties(connection, artisan_id)),
        has_pin=has_pin(connection, artisan_id),
    )


def untie_for_desk(operation: Operation, artisan_id: int, phone: Phone) -> None:
    """Unties a phone at once. Raises: PersonUnknown, PhoneNotTied."""
    _get_person(operation.connection, artisan_id)
    if not untie_phone(operation, phone, artisan_id, "desk"):
        raise PhoneNotTied(phone=str(phone))


def do_by_two(operation: Operation, services: Services, act: DeskAct) -> bool:
    """Proposes an act, or does it if another person proposed the same. Returns True once done.

    The person's own phone is told of a PIN that is gone, and of a phone that opens everything.

    Raises: PersonUnknown, SamePerson, and the refusals of the act.
    """
    connection = operation.connection
    person = _get_person(connection, act.artisan_id)
    connection.execute(
        select(artisan.c.id).where(artisan.c.id == person.id).with_for_update(key_share=True)
    )
    _CHECKS[act.act](connection, act)
    waiting = _find_waiting(connection, act)
    if waiting is None:
        _propose(operation, act)
        return False
    if waiting.proposed_at < operation.now - WAITS_FOR:
        _propose_anew(operation, act, waiting.id)
        return False
    try:
        check_two_people(operation, waiting.proposed_by)
    except ProposerDismissed:
        _propose_anew(operation, act, waiting.id)
        return False
    connection.execute(
        update(desk_act)
        .where(desk_act.c.id == waiting.id)
        .values(approved_by=operation.actor, done_at=operation.now)
    )
    proposer = replace(operation, actor=waiting.proposed_by)
    subject = f"artisan:{act.artisan_id}"
    record_decision(proposer, f"{act.act}_done", subject, operation.actor, **_describe(act))
    _DOERS[act.act](operation, act)
    if kind := _TOLD.get(act.act):
        _tell_person(operation, services, kind, act, f"desk:{waiting.id}")
    return True


def list_waiting_acts(connection: Connection, artisan_id: int | None = None) -> list[WaitingAct]:
    """Lists the acts, of everybody or of one person, that wait for a second, oldest first."""
    columns = desk_act.c
    waiting: list[ColumnElement[bool]] = [columns.done_at.is_(None)]
    if artisan_id is not None:
        waiting.append(columns.artisan_id == artisan_id)
    rows = connection.execute(
        select(
            columns.id,
            columns.act,
            columns.artisan_id,
            columns.phone,
            columns.double_id,
            columns.proposed_by,
            columns.proposed_at,
        )
        .where(*waiting)
        .order_by(columns.id)
    )
    return [read_row(WaitingAct, row) for row in rows]


def _propose(operation: Operation, act: DeskAct) -> None:
    operation.connection.execute(
        insert(desk_act).values(
            act=act.act,
            artisan_id=act.artisan_id,
            phone=act.phone.e164 if act.phone else None,
            double_id=act.double,
            proposed_by=operation.actor,
            proposed_at=operation.now,
        )
    )
    record_audit(operation, f"{act.act}_proposed", f"artisan:{act.artisan_id}", **_describe(act))


def _propose_anew(operation: Operation, act: DeskAct, number: int) -> None:
    """Takes over a proposal that is too old, or of somebody who was dismissed."""
    operation.connection.execute(
        update(desk_act)
        .where(desk_act.c.id == number)
        .values(proposed_by=operation.actor, proposed_at=operation.now)
    )
    record_audit(operation, f"{act.act}_proposed", f"artisan:{act.artisan_id}", **_describe(act))


def _describe(act: DeskAct) -> dict[str, object]:
    return {"phone": act.phone and act.phone.masked, "double": act.double}


def _find_waiting(connection: Connection, act: DeskAct) -> Row[*tuple[object, ...]] | None:
    columns = desk_act.c
    same = select(columns.id, columns.proposed_by, columns.proposed_at).where(
        columns.act == act.act,
        columns.artisan_id == act.artisan_id,
        columns.phone.is_not_distinct_from(act.phone.e164 if act.phone else None),
        columns.double_id.is_not_distinct_from(act.double),
        columns.done_at.is_(None),
    )
    return connection.execute(same.with_for_update()).one_or_none()


def _get_person(connection: Connection, artisan_id: int) -> Row[*tuple[object, ...]]:
    row = connection.execute(select(artisan).where(artisan.c.id == artisan_id)).one_or_none()
    if row is None:
        raise PersonUnknown(id=artisan_id)
    return row


def _find_by_rna(connection: Connection, typed: str) -> tuple[list[int], str]:
    found = find_numbered_artisan(connection, read_typed_rna_number(typed))
    return ([] if found is None else [found]), "register"


def _find_by_cnss(connection: Connection, typed: str) -> tuple[list[int], str]:
    own = select(artisan.c.id).where(artisan.c.cnss_number == read_cnss_number(typed))
    return list(connection.execute(own).scalars()), "register"


def _find_by_phone(connection: Connection, typed: str) -> tuple[list[int], str]:
    phone = Phone.parse(typed)
    registered = select(artisan.c.id).where(artisan.c.phone == phone.e164)
    tied = select(artisan_phone.c.artisan_id).where(artisan_phone.c.phone == phone.e164)
    ids = list(connection.execute(union(registered, tied)).scalars())
    return ids, name_phone(phone)


def _check_reset(connection: Connection, act: DeskAct) -> None:
    if not has_pin(connection, act.artisan_id):
        raise NoPinToReset(id=act.artisan_id)


def _check_proof(_connection: Connection, act: DeskAct) -> None:
    if act.phone is None:
        raise InvalidInput(what="phone", why="missing")


def _check_merge(connection: Connection, act: DeskAct) -> None:
    """Refuses two entries that money or CNSS knows as two. Raises: PersonUnknown, NotOneDouble."""
    kept = _get_person(connection, act.artisan_id)
    double = _get_person(connection, act.double or 0)
    if kept.id == double.id or kept.merged_into or double.merged_into:
        raise NotOneDouble(why="one of them was merged before, or they are one")
    numbers = {kept.cnss_number, double.cnss_number} - {None}
    if len(numbers) == 2:
        raise NotOneDouble(why="CNSS knows them by two numbers: CNSS merges first")
    # The ministry's next file would take from the one what the merge gave it.
    if (double.enrolled_on or double.cnss_number) and not kept.enrolled_on:
        raise NotOneDouble(why=f"CNSS knows {double.id}: keep that one")
    paid = select(func.count()).select_from(deposit).where(deposit.c.artisan_id == double.id)
    if connection.execute(paid).scalar_one():
        raise NotOneDouble(why=f"payments stand under {double.id}: keep that one")


def _reset_pin(operation: Operation, act: DeskAct) -> None:
    remove_pin(operation, act.artisan_id)


def _prove_phone(operation: Operation, act: DeskAct) -> None:
    assert act.phone is not None
    prove_tie(operation, act.phone, act.artisan_id, "desk")


def _check_forgetting(connection: Connection, act: DeskAct) -> None:
    check_forgettable(connection, act.artisan_id)


def _forget_records(operation: Operation, act: DeskAct) -> None:
    forget_person(operation, act.artisan_id)


def _tell_person(
    operation: Operation, services: Services, kind: str, act: DeskAct, event: str
) -> None:
    own = find_own_phone(operation.connection, act.artisan_id)
    if own is None or own.phone == act.phone:
        return
    values = {"ends": act.phone.e164[-4:]} if act.phone else {}
    message = OutboundMessage(kind, event, own.phone, own.language, values)
    queue_message(operation, services, message)


def _merge_records(operation: Operation, act: DeskAct) -> None:
    assert act.double is not None
    cancel_code(operation, act.double)
    move_claims(operation, act.double, act.artisan_id)
    move_requests(operation, act.double, act.artisan_id)
    merge_double(operation, act.artisan_id, act.double)


_FINDERS: Mapping[str, Callable[[Connection, str], tuple[list[int], str]]] = {
    "rna": _find_by_rna,
    "phone": _find_by_phone,
    "cnss": _find_by_cnss,
}
_CHECKS: Mapping[str, Callable[[Connection, DeskAct], None]] = {
    "reset_pin": _check_reset,
    "prove": _check_proof,
    "merge": _check_merge,
    "forget": _check_forgetting,
}
# What a person's own phone is told, so that nobody does it unseen.
_TOLD = {"reset_pin": "pin_removed", "prove": "phone_proven"}
_DOERS: Mapping[str, Callable[[Operation, DeskAct], None]] = {
    "reset_pin": _reset_pin,
    "prove": _prove_phone,
    "merge": _merge_records,
    "forget": _forget_records,
}
