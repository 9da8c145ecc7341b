"""Takes CNSS's answer: whole, once. What it posted is posted, what it refused is a break."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

from sqlalchemy import Connection, insert, select, text, update

from app.base.clock import local_date
from app.base.money import Money
from app.base.operation import Operation
from app.claims.errors import ClaimOfAnother
from app.claims.service import record_claim
from app.enrolment.cnss import is_number_of_another, record_enrolment, record_rights
from app.enrolment.cover import record_enrolment_file, record_family
from app.enrolment.models import artisan
from app.ledger.breaks import NewBreak, open_break
from app.ledger.models import CONTRIBUTIONS, PENALTIES, RECEIVABLE, SUSPENSE
from app.ledger.service import LedgerEntry, Posting, book
from app.payments.models import deposit
from app.payments.postings import mark_posted
from app.payments.reversals import hold_deposit
from app.reconciliation.cnss_file import CnssAnswer, day_of, family_of, read_answers
from app.reconciliation.csv_lines import digest_of
from app.reconciliation.errors import FileRefused
from app.reconciliation.models import cnss_answer, cnss_line
from app.text.words import Words


@dataclass(frozen=True, slots=True)
class CnssImportReport:
    """How many lines of each record changed something, and how many said what was known."""

    counts: dict[str, int]
    new: bool


def import_answers(
    connection: Connection, path: Path, *, words: Words, now: datetime
) -> CnssImportReport:
    """Takes the file whole or not at all; the same file again changes nothing. FileRefused."""
    connection.execute(text("SET LOCAL statement_timeout = 0"))
    connection.execute(text("LOCK TABLE cnss_answer IN SHARE ROW EXCLUSIVE MODE"))
    digest = digest_of(path)
    known = select(cnss_answer.c.report).where(cnss_answer.c.digest == digest)
    if (report := connection.execute(known).scalar()) is not None:
        return CnssImportReport(report, False)
    counts = Counter({"posted": 0, "refused": 0, "changed": 0, "unchanged": 0})
    for answer in read_answers(path, local_date(now)):
        counts[_RECORDS[answer.record](connection, answer, words, now)] += 1
    if not counts.total():
        raise FileRefused(line=2, why="no lines")
    connection.execute(
        insert(cnss_answer).values(
            digest=digest, name=path.name, report=dict(counts), imported_at=now
        )
    )
    return CnssImportReport(dict(counts), True)


def _post(connection: Connection, answer: CnssAnswer, _words: Words, now: datetime) -> str:
    """The months of a receipt that wait for an answer; the same answer again is no news."""
    hold_deposit(connection, answer.reference)
    sent = _sent_months(connection, answer)
    waiting = [month for month in sent if month.answer is None]
    other = [month for month in sent if month.answer not in (None, answer.state)]
    if other and not waiting:
        raise FileRefused(line=answer.line, why=f"state: {other[0].answer} before")
    if not waiting:
        return "unchanged"
    row = cnss_line.c
    for month in waiting:
        connection.execute(
            update(cnss_line)
            .where(row.batch_id == month.batch_id, row.line == month.line)
            .values(
                answer=answer.state,
                answered_on=answer.on,
                reason=answer.details or None,
            )
        )
    standing = [month for month in waiting if not month.undone]
    if standing:
        _book_answer(connection, answer, standing, now)
    return answer.state


def _sent_months(connection: Connection, answer: CnssAnswer) -> list[Any]:
    """The newest sending of each month of the receipt; FileRefused where nothing was sent."""
    asked = {"receipt": answer.reference, "month": answer.month}
    found = list(connection.execute(_SENT, asked))
    if not found:
        raise FileRefused(line=answer.line, why="reference: nothing of it was sent to CNSS")
    return found


def _book_answer(
    connection: Connection, answer: CnssAnswer, months: list[Any], now: datetime
) -> None:
    """Posted: the network's debt and that to CNSS are settled. Refused: it waits in suspense."""
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
    operation = Operation(connection, now, "cnss")
    book(operation, entry)
    for month in months:
        if posted:
            mark_posted(connection, answer.reference, month.period, answer.on)
            continue
        refused = NewBreak(
            "posting_refused",
            network,
            receipt=answer.reference,
            ours=Money(month.contribution_centimes + month.penalty_centimes),
            details={"period": f"{month.period}", "reason": answer.details},
        )
        open_break(operation, refused)


def _set_rights(connection: Connection, answer: CnssAnswer, _words: Words, _now: datetime) -> str:
    owner, until = _artisan(connection, answer), day_of(answer.details)
    return "changed" if record_rights(connection, owner, until, answer.on) else "unchanged"


def _set_enrolment(
    connection: Connection, answer: CnssAnswer, _words: Words, _now: datetime
) -> str:
    owner = _artisan(connection, answer)
    if answer.state != "enrolled":
        missing = answer.details.split() if answer.state == "incomplete" else ()
        record_enrolment_file(connection, owner, missing, answer.on)
        return "changed"
    if is_number_of_another(connection, owner, answer.details):
        raise FileRefused(line=answer.line, why="details: the CNSS number is another artisan's")
    changed = record_enrolment(connection, owner, answer.details, answer.on)
    return "changed" if changed else "unchanged"


def _set_family(connection: Connection, answer: CnssAnswer, _words: Words, _now: datetime) -> str:
    owner = _artisan(connection, answer)
    record_family(connection, owner, *family_of(answer.details), answer.on)
    return "changed"


def _set_claim(connection: Connection, answer: CnssAnswer, words: Words, now: datetime) -> str:
    """One that is ready is told to the artisan, once."""
    try:
        news = record_claim(
            connection,
            words,
            _artisan(connection, answer),
            answer.reference,
            filed_on=day_of(answer.details) or answer.on,
            state=answer.state,
            amount=answer.amount,
            as_of=answer.on,
            now=now,
        )
    except ClaimOfAnother:
        raise FileRefused(line=answer.line, why="reference: another artisan's claim") from None
    return "changed" if news else "unchanged"


def _artisan(connection: Connection, answer: CnssAnswer) -> int:
    row = artisan.c
    found = connection.execute(select(row.id).where(row.rna_number == answer.rna_number)).scalar()
    if found is None:
        raise FileRefused(line=answer.line, why="rna_number: nobody's")
    return int(found)


_RECORDS: dict[str, Callable[[Connection, CnssAnswer, Words, datetime], str]] = {
    "posting": _post,
    "rights": _set_rights,
    "enrolment": _set_enrolment,
    "family": _set_family,
    "claim": _set_claim,
}
# What was given back meanwhile is answered, and books nothing: its reversal did.
_SENT = text("""
    SELECT DISTINCT ON (l.period) l.batch_id, l.line, l.period, l.answer,
        l.contribution_centimes, l.penalty_centimes, r.receipt_number IS NOT NULL AS undone
    FROM cnss_line l LEFT JOIN reversal r ON r.receipt_number = l.receipt_number
    WHERE l.receipt_number = :receipt AND l.status = 'paid'
        AND (CAST(:month AS date) IS NULL OR l.period = :month)
    ORDER BY l.period, l.attempt DESC
""")
