"""Imports CNSS's answer, once and whole. A refused month becomes a break."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date

from sqlalchemy import Connection, func, insert, select, text, update

from app.audit.service import record_audit
from app.base.clock import local_date
from app.base.money import Money
from app.base.operation import Operation
from app.base.rows import read_row
from app.claims.errors import ClaimOfAnother
from app.claims.service import ClaimWord, record_claim
from app.enrolment.cnss import is_number_of_another, record_enrolment, record_rights
from app.enrolment.cover import EnrolmentFile, Family, record_enrolment_file, record_family
from app.enrolment.models import artisan
from app.files.errors import FileRefused
from app.files.table import GivenFile, open_table
from app.ledger.breaks import NewBreak, open_break
from app.ledger.models import CONTRIBUTIONS, PENALTIES, RECEIVABLE, SUSPENSE
from app.ledger.service import LedgerEntry, Posting, book_entry
from app.payments.allocations import mark_posted
from app.payments.models import deposit
from app.payments.reversals import lock_code_of_deposit
from app.reconciliation.cnss_file import HEADER, CnssAnswer, read_answers, read_day, read_family
from app.reconciliation.csv_lines import compute_digest
from app.reconciliation.models import cnss_answer, cnss_line
from app.services import Services

_ONE_AT_A_TIME = int.from_bytes(b"cnss in", "big")


@dataclass(frozen=True, slots=True)
class CnssImportReport:
    """Counts of the lines that changed something, and of those that did not.

    `new` is False for a file that was imported before. `notes` say what was not as usual in it.
    """

    counts: dict[str, int]
    new: bool
    notes: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class SentMonth:
    """The last time a receipt's month was sent; `undone` is True if its deposit is reversed."""

    batch_id: int
    line: int
    period: date
    answer: str | None
    contribution_centimes: int
    penalty_centimes: int
    undone: bool

    @property
    def total_centimes(self) -> int:
        return self.contribution_centimes + self.penalty_centimes


def import_answers(operation: Operation, services: Services, file: GivenFile) -> CnssImportReport:
    """Imports the file, whole or not at all. Importing the same file again changes nothing.

    Raises: FileRefused.
    """
    connection = operation.connection
    connection.execute(text("SET LOCAL statement_timeout = 0"))
    connection.execute(select(func.pg_advisory_xact_lock(_ONE_AT_A_TIME)))
    digest = compute_digest(file.path)
    earlier = select(cnss_answer.c.report).where(cnss_answer.c.digest == digest)
    if (report := connection.execute(earlier).scalar()) is not None:
        return CnssImportReport(report, False)
    counts = Counter({"posted": 0, "refused": 0, "changed": 0, "unchanged": 0})
    with open_table(file, HEADER) as table:
        for answer in read_answers(table, local_date(operation.now)):
            counts[_IMPORTS[answer.record](operation, services, answer)] += 1
    if not counts.total():
        raise FileRefused(line=2, why="no lines", fault="no_lines")
    connection.execute(
        insert(cnss_answer).values(
            digest=digest, name=file.path.name, report=dict(counts), imported_at=operation.now
        )
    )
    record_audit(operation, "cnss_answer_taken", f"file:{file.path.name}", **counts)
    return CnssImportReport(dict(counts), True, table.notes)


def _import_posting(operation: Operation, _services: Services, answer: CnssAnswer) -> str:
    """Stores and books a posting for those of the receipt's months that have no answer yet."""
    connection = operation.connection
    lock_code_of_deposit(connection, answer.reference)
    months = _find_sent_months(connection, answer)
    waiting = [month for month in months if month.answer is None]
    contrary = [month for month in months if month.answer not in (None, answer.state)]
    if contrary and not waiting:
        why = f"state: {contrary[0].answer} before"
        raise FileRefused(line=answer.line, why=why, fault="answered_before")
    if not waiting:
        return "unchanged"
    columns = cnss_line.c
    for month in waiting:
        connection.execute(
            update(cnss_line)
            .where(columns.batch_id == month.batch_id, columns.line == month.line)
            .values(answer=answer.state, answered_on=answer.on, reason=answer.details or None)
        )
    unreversed = [month for month in waiting if not month.undone]
    if unreversed:
        _book_answer(operation, answer, unreversed)
    return answer.state


def _find_sent_months(connection: Connection, answer: CnssAnswer) -> list[SentMonth]:
    """Returns the last sending of each month. Raises: FileRefused if no month was sent."""
    params = {"receipt": answer.reference, "month": answer.month}
    months = [read_row(SentMonth, row) for row in connection.execute(_SENT_MONTHS, params)]
    if not months:
        why = "reference: nothing of it was sent to CNSS"
        raise FileRefused(line=answer.line, why=why, fault="not_sent")
    return months


def _book_answer(operation: Operation, answer: CnssAnswer, months: Sequence[SentMonth]) -> None:
    """Books posted months as paid to CNSS, or refused months into suspense with a break each."""
    connection = operation.connection
    contribution = sum(month.contribution_centimes for month in months)
    penalty = sum(month.penalty_centimes for month in months)
    posted = answer.state == "posted"
    network = connection.execute(
        select(deposit.c.network).where(deposit.c.receipt_number == answer.reference)
    ).scalar_one()
    source = RECEIVABLE if posted else SUSPENSE
    entry = LedgerEntry(
        "posting" if posted else "posting_refused",
        (
            Posting(source, CONTRIBUTIONS, Money(contribution)),
            Posting(source, PENALTIES, Money(penalty)),
        ),
        reference=answer.reference,
        metadata={"network": network},
    )
    by_cnss = replace(operation, actor="cnss")
    book_entry(by_cnss, entry)
    said = {"receipt": answer.reference, "months": [f"{month.period:%Y-%m}" for month in months]}
    record_audit(operation, entry.event, f"deposit:{answer.reference}", **said)
    for month in months:
        if posted:
            mark_posted(connection, answer.reference, month.period, answer.on)
        else:
            open_break(by_cnss, _make_break(answer, month, network))


def _make_break(answer: CnssAnswer, month: SentMonth, network: str) -> NewBreak:
    return NewBreak(
        "posting_refused",
        network,
        receipt=answer.reference,
        ours=Money(month.total_centimes),
        details={"period": f"{month.period}", "reason": answer.details},
    )


def _import_rights(operation: Operation, _services: Services, answer: CnssAnswer) -> str:
    owner, until = _get_artisan(operation.connection, answer), read_day(answer.details)
    return "changed" if record_rights(operation, owner, until, answer.on) else "unchanged"


def _import_enrolment(operation: Operation, _services: Services, answer: CnssAnswer) -> str:
    connection = operation.connection
    owner = _get_artisan(connection, answer)
    if answer.state != "enrolled":
        missing = answer.details.split() if answer.state == "incomplete" else ()
        record_enrolment_file(operation, owner, EnrolmentFile(tuple(missing), answer.on))
        return "changed"
    if is_number_of_another(connection, owner, answer.details):
        why = "details: the CNSS number is another artisan's"
        raise FileRefused(line=answer.line, why=why, fault="cnss_number_of_another")
    changed = record_enrolment(operation, owner, answer.details, answer.on)
    return "changed" if changed else "unchanged"


def _import_family(operation: Operation, _services: Services, answer: CnssAnswer) -> str:
    owner = _get_artisan(operation.connection, answer)
    spouses, children = read_family(answer.details)
    record_family(operation, owner, Family(spouses, children, answer.on))
    return "changed"


def _import_claim(operation: Operation, services: Services, answer: CnssAnswer) -> str:
    """Records a claim; the artisan gets one SMS when it is ready."""
    word = ClaimWord(
        artisan_id=_get_artisan(operation.connection, answer),
        number=answer.reference,
        filed_on=read_day(answer.details) or answer.on,
        state=answer.state,
        amount=answer.amount,
        as_of=answer.on,
    )
    try:
        changed = record_claim(operation, services, word)
    except ClaimOfAnother:
        why = "reference: another artisan's claim"
        raise FileRefused(line=answer.line, why=why, fault="claim_of_another") from None
    return "changed" if changed else "unchanged"


def _get_artisan(connection: Connection, answer: CnssAnswer) -> int:
    columns = artisan.c
    statement = select(columns.id).where(columns.rna_number == answer.rna_number)
    owner = connection.execute(statement).scalar()
    if owner is None:
        raise FileRefused(line=answer.line, why="rna_number: nobody's", fault="nobody")
    return int(owner)


# Imports of a line by its record; each returns the count of the report that it adds to.
_IMPORTS: Mapping[str, Callable[[Operation, Services, CnssAnswer], str]] = {
    "posting": _import_posting,
    "rights": _import_rights,
    "enrolment": _import_enrolment,
    "family": _import_family,
    "claim": _import_claim,
}
# `undone` months store the answer and book nothing, because the reversal booked it.
_SENT_MONTHS = text("""
    SELECT DISTINCT ON (l.period) l.batch_id, l.line, l.period, l.answer,
        l.contribution_centimes, l.penalty_centimes, r.receipt_number IS NOT NULL AS undone
    FROM cnss_line l LEFT JOIN reversal r ON r.receipt_number = l.receipt_number
    WHERE l.receipt_number = :receipt AND l.status = 'paid'
        AND (CAST(:month AS date) IS NULL OR l.period = :month)
    ORDER BY l.period, l.attempt DESC
""")
