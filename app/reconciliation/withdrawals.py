"""Withdraws a settlement file that was taken by mistake: one person asks, a second person agrees.

Where its lines come to much money a third person agrees too, as of a break. Its lines stay stored.
Each of its payments is then told as the files that stand tell it.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import date, datetime
from itertools import groupby

from sqlalchemy import ColumnElement, Connection, Row, func, select, text, update

from app.audit.service import record_audit, record_decision
from app.base.money import Money
from app.base.operation import Operation
from app.base.paging import PageOfRows, RowsAsked, Sorting, read_page
from app.ledger.errors import ProposalChanged
from app.office.two_people import check_two_people, needs_two_approvers
from app.reconciliation.errors import FileUnknown
from app.reconciliation.models import settlement_file, settlement_line
from app.reconciliation.payment_breaks import Cause, judge_codes
from app.reconciliation.service import lock_network, read_settled_days

# What is asked for anew is approved anew.
_NOT_APPROVED = {"approvers_needed": 1, "first_approved_by": None, "first_approved_at": None}
# As many payments as one statement changes.
_PAYMENTS_AT_ONCE = 5000


@dataclass(frozen=True, slots=True)
class ListedFile:
    """A settlement file that was taken; `withdrawn_by` approved its withdrawal last."""

    number: int
    network: str
    name: str
    first_day: date
    day: date
    lines: int
    matched_at: datetime
    asked_by: str | None
    asked_at: datetime | None
    reason: str | None
    first_approved_by: str | None
    withdrawn_by: str | None
    report: Mapping[str, int]


@dataclass(frozen=True, slots=True)
class Withdrawal:
    """Counts of a withdrawal: payments that no file tells now, and those told otherwise."""

    untold: int
    changed: int


@dataclass(frozen=True, slots=True)
class _ToldLine:
    """A line of a payment in a file that stands, with the day of the file."""

    file_id: int
    line: int
    day: date
    values: tuple[object, ...]


SETTLEMENT_SORTING = Sorting(
    {
        "number": settlement_file.c.id,
        "name": settlement_file.c.name,
        "day": settlement_file.c.day,
        "lines": settlement_file.c.lines,
        "at": settlement_file.c.matched_at,
    },
    settlement_file.c.id,
    "-number",
)


def list_files(
    connection: Connection, network: str | None, asked: RowsAsked
) -> PageOfRows[ListedFile]:
    """Returns those of a network's files, or of all networks', that are asked for."""
    statement = select(settlement_file)
    if network is not None:
        statement = statement.where(settlement_file.c.network == network)
    return read_page(connection, statement, SETTLEMENT_SORTING, asked, _read_file)


def find_file(connection: Connection, own: ColumnElement[bool], number: int) -> ListedFile | None:
    """Returns one of one's own files by its number; None if there is none."""
    statement = select(settlement_file).where(own, settlement_file.c.id == number)
    row = connection.execute(statement).one_or_none()
    return _read_file(row) if row else None


def count_asked_withdrawals(connection: Connection, own: ColumnElement[bool], name: str) -> int:
    """Returns how many of one's own files wait for `name` to agree to their withdrawal."""
    columns = settlement_file.c
    counted = select(func.count()).where(
        own,
        columns.withdrawn_at.is_(None),
        columns.withdrawal_asked_by != name,
        func.coalesce(columns.first_approved_by, "") != name,
    )
    return int(connection.execute(counted).scalar_one())


def _read_file(row: Row[*tuple[object, ...]]) -> ListedFile:
    return ListedFile(
        number=row.id,
        network=row.network,
        name=row.name,
        first_day=row.first_day,
        day=row.day,
        lines=row.lines,
        matched_at=row.matched_at,
        asked_by=row.withdrawal_asked_by,
        asked_at=row.withdrawal_asked_at,
        reason=row.withdrawal_reason,
        first_approved_by=row.first_approved_by,
        withdrawn_by=row.withdrawn_by,
        report=row.report,
    )


def propose_withdrawal(operation: Operation, number: int, reason: str) -> None:
    """Records that the operation's actor asks to withdraw a file. It replaces an earlier request.

    Raises: FileUnknown.
    """
    columns = settlement_file.c
    statement = (
        update(settlement_file)
        .where(columns.id == number, columns.withdrawn_at.is_(None))
        .values(
            withdrawal_asked_by=operation.actor,
            withdrawal_reason=reason,
            withdrawal_asked_at=operation.now,
            **_NOT_APPROVED,
        )
        .returning(columns.name)
    )
    name = operation.connection.execute(statement).scalar()
    if name is None:
        raise FileUnknown(number=number)
    record_audit(operation, "withdrawal_asked", f"file:{name}", number=number, reason=reason)


def refuse_withdrawal(operation: Operation, number: int, asked_at: datetime | None = None) -> None:
    """Takes the request to withdraw a file back, or refuses it: the file stands.

    `asked_at` is the moment of the request that was shown to the actor.

    Raises: FileUnknown, ProposalChanged.
    """
    columns = settlement_file.c
    asked = columns.id == number, columns.withdrawn_at.is_(None)
    row = operation.connection.execute(
        select(
            columns.name,
            columns.withdrawal_asked_by,
            columns.withdrawal_reason,
            columns.withdrawal_asked_at,
        )
        .where(*asked, columns.withdrawal_asked_by.is_not(None))
        .with_for_update()
    ).one_or_none()
    if row is None:
        raise FileUnknown(number=number)
    if asked_at not in (None, row.withdrawal_asked_at):
        raise ProposalChanged()
    nothing = dict.fromkeys(("withdrawal_asked_by", "withdrawal_reason", "withdrawal_asked_at"))
    values = nothing | _NOT_APPROVED
    operation.connection.execute(update(settlement_file).where(*asked).values(values))
    told = {"asked_by": row.withdrawal_asked_by, "reason": row.withdrawal_reason}
    record_audit(operation, "withdrawal_refused", f"file:{row.name}", number=number, **told)


def approve_withdrawal(
    operation: Operation, number: int, two_from: Money, asked_at: datetime | None = None
) -> Withdrawal | None:
    """Withdraws a file as asked; `operation.actor` is the second person, or the third.

    A file whose lines come to `two_from` or more needs two approvers. Returns None if this was the
    first of them. `asked_at` is the moment of the request that the approver read.

    Raises: FileUnknown, ProposalChanged, SamePerson.
    """
    connection, columns = operation.connection, settlement_file.c
    network = connection.execute(select(columns.network).where(columns.id == number)).scalar()
    if network is None:
        raise FileUnknown(number=number)
    # As a match does: the network first.
    lock_network(connection, network)
    asked = connection.execute(
        select(settlement_file)
        .where(
            columns.id == number,
            columns.withdrawn_at.is_(None),
            columns.withdrawal_asked_by.is_not(None),
        )
        .with_for_update()
    ).one_or_none()
    if asked is None:
        raise FileUnknown(number=number)
    if asked_at not in (None, asked.withdrawal_asked_at):
        raise ProposalChanged()
    check_two_people(operation, asked.withdrawal_asked_by)
    if asked.first_approved_by is not None:
        check_two_people(operation, asked.first_approved_by)
    elif needs_two_approvers(_read_stake(connection, number), two_from):
        _keep_first_approval(operation, asked)
        return None
    connection.execute(
        update(settlement_file)
        .where(columns.id == number)
        .values(withdrawn_by=operation.actor, withdrawn_at=operation.now)
    )
    withdrawal = _tell_again(operation, network, number)
    details = {"number": number, "untold": withdrawal.untold, "changed": withdrawal.changed}
    record_decision(
        replace(operation, actor=asked.withdrawal_asked_by),
        "file_withdrawn",
        f"file:{asked.name}",
        operation.actor,
        reason=asked.withdrawal_reason,
        **details,
    )
    return withdrawal


def _read_stake(connection: Connection, number: int) -> Money:
    """Returns what the lines of a file come to, whatever each of them says of its payment."""
    columns = settlement_line.c
    total = select(func.coalesce(func.sum(columns.amount_centimes), 0))
    return Money(int(connection.execute(total.where(columns.file_id == number)).scalar_one()))


def _keep_first_approval(operation: Operation, asked: Row[*tuple[object, ...]]) -> None:
    """Records that the operation's actor is the first of the two approvers that a file needs."""
    operation.connection.execute(
        update(settlement_file)
        .where(settlement_file.c.id == asked.id)
        .values(
            approvers_needed=2,
            first_approved_by=operation.actor,
            first_approved_at=operation.now,
        )
    )
    details = {"number": asked.id, "asked_by": asked.withdrawal_asked_by}
    record_audit(operation, "withdrawal_approved_first", f"file:{asked.name}", **details)


def _tell_again(operation: Operation, network: str, number: int) -> Withdrawal:
    """Tells each payment of the file as the other files tell it, and lets its breaks follow."""
    connection, params = operation.connection, {"network": network, "file": number}
    codes = {row.code for row in connection.execute(_CODES_OF_FILE, params)}
    changes = list(_find_changes(connection, params))
    for start in range(0, len(changes), _PAYMENTS_AT_ONCE):
        rows = json.dumps(changes[start : start + _PAYMENTS_AT_ONCE])
        connection.execute(_CHANGE_PAYMENTS, params | {"rows": rows})
    codes |= {str(one["code"]) for one in changes if one["code"]}
    codes |= {row.code for row in connection.execute(_CODES_OF_UNTOLD, params)}
    settled = read_settled_days(connection, network)
    judge_codes(operation, Cause(network, number, withdrawn=True), codes, settled.__contains__)
    untold = sum(one["status"] == "withdrawn" for one in changes)
    return Withdrawal(untold, len(changes) - untold)


def _find_changes(connection: Connection, params: dict[str, object]) -> Iterator[dict[str, object]]:
    """Yields each payment of the file that is now told otherwise, with its new values."""
    rows = connection.execute(_LINES_THAT_STAND, params)
    for reference, told in groupby(rows, key=lambda row: str(row.reference)):
        lines = list(told)
        present = lines[0].present_file_id, lines[0].present_line
        standing = [_read_line(row) for row in lines if row.file_id is not None]
        last = _find_last_word(standing)
        if last is None:
            yield _write_payment(reference, None, standing)
        elif (last.file_id, last.line) != present or lines[0].first_withdrawn:
            yield _write_payment(reference, last, standing)


def _find_last_word(lines: Iterable[_ToldLine]) -> _ToldLine | None:
    """Returns the line that counts, as if the files had been taken in their order. Pure.

    A line that repeats an older word in a file of an earlier day counts for nothing.
    """
    last: _ToldLine | None = None
    seen: set[tuple[object, ...]] = set()
    for _, in_file in groupby(lines, key=lambda line: line.file_id):
        told = list(in_file)
        word = told[-1]
        is_old = last is not None and word.day < last.day and word.values in seen
        if last is None or (word.values != last.values and not is_old):
            last = word
        seen |= {line.values for line in told}
    return last


def _read_line(row: Row[*tuple[object, ...]]) -> _ToldLine:
    values = (row.code, row.amount_centimes, row.paid_at, row.agent_number, row.terminal)
    return _ToldLine(row.file_id, row.line, row.day, (*values, row.status))


def _write_payment(
    reference: str, last: _ToldLine | None, standing: list[_ToldLine]
) -> dict[str, object]:
    if last is None:
        return {"reference": reference, "status": "withdrawn", "code": None}
    code, amount, paid_at, agent, terminal, status = last.values
    assert isinstance(paid_at, datetime)
    return {
        "reference": reference,
        "code": code,
        "amount_centimes": amount,
        "paid_at": paid_at.isoformat(),
        "agent_number": agent,
        "terminal": terminal,
        "status": status,
        "first_file_id": (first := standing[0].file_id),
        "first_line": min(one.line for one in standing if one.file_id == first),
        "file_id": last.file_id,
        "line": last.line,
    }


_CODES_OF_FILE = text("""
    SELECT code FROM settlement_line WHERE file_id = :file
    UNION
    SELECT p.code FROM settlement_line l
    JOIN network_payment p ON p.network = :network AND p.reference = l.reference
    WHERE l.file_id = :file
""")
# Deposits whose break says that no file has them, opened when this file settled their day.
_CODES_OF_UNTOLD = text("""
    SELECT b.code FROM reconciliation_break b
    WHERE b.network = :network AND b.kind = 'missing_there' AND b.file_id = :file
        AND b.state IN ('open', 'proposed')
""")
# The lines of the file's payments in files that stand; without a file_id if there is none.
_LINES_THAT_STAND = text("""
    SELECT p.reference, p.file_id AS present_file_id, p.line AS present_line,
        p.first_file_id = :file AS first_withdrawn, l.*
    FROM network_payment p
    LEFT JOIN LATERAL (
        SELECT e.file_id, e.line, f.day, e.code, e.amount_centimes, e.paid_at, e.agent_number,
            e.terminal, e.status
        FROM settlement_line e JOIN settlement_file f ON f.id = e.file_id
        WHERE e.reference = p.reference AND f.network = p.network AND f.withdrawn_at IS NULL
    ) l ON true
    WHERE p.network = :network AND EXISTS (SELECT 1 FROM settlement_line w
        WHERE w.file_id = :file AND w.reference = p.reference)
    ORDER BY p.reference COLLATE "C", l.file_id, l.paid_at, l.status, l.line
""")
_CHANGE_PAYMENTS = text("""
    UPDATE network_payment p SET
        code = coalesce(n.code, p.code),
        amount_centimes = coalesce(n.amount_centimes, p.amount_centimes),
        paid_at = coalesce(n.paid_at, p.paid_at),
        agent_number = CASE n.status WHEN 'withdrawn' THEN p.agent_number ELSE n.agent_number END,
        terminal = CASE n.status WHEN 'withdrawn' THEN p.terminal ELSE n.terminal END,
        status = n.status,
        first_file_id = coalesce(n.first_file_id, p.first_file_id),
        first_line = coalesce(n.first_line, p.first_line),
        file_id = coalesce(n.file_id, p.file_id),
        line = coalesce(n.line, p.line)
    FROM jsonb_to_recordset(CAST(:rows AS jsonb)) AS n (reference text, code text,
        amount_centimes bigint, paid_at timestamptz, agent_number text, terminal text, status text,
        first_file_id bigint, first_line integer, file_id bigint, line integer)
    WHERE p.network = :network AND p.reference = n.reference
""")
