"""Records what CNSS would answer about the sample people: family, enrolment file and claims."""

from datetime import date, timedelta
from pathlib import Path

from sqlalchemy import select

import app.notices
from app.base.clock import local_date
from app.base.money import Money
from app.base.operation import Operation
from app.claims.service import ClaimWord, record_claim
from app.enrolment.cover import EnrolmentFile, Family, record_enrolment_file, record_family
from app.enrolment.models import artisan
from app.notices.rules import read_notice
from app.notices.service import publish_notice
from app.services import Services

_FATIMA, _BRAHIM, _DRISS = "100001", "100004", "100007"
_NOTICE = Path(app.notices.__file__).parent / "sample_notice.yaml"


def record_sample_answers(operation: Operation, services: Services) -> None:
    """Records CNSS's answers about the sample people, if they are there.

    A second run changes nothing.
    """
    connection, now = operation.connection, operation.now
    rows = select(artisan.c.rna_number, artisan.c.id).where(
        artisan.c.rna_number.in_((_FATIMA, _BRAHIM, _DRISS))
    )
    ids = {row.rna_number: row.id for row in connection.execute(rows)}
    if len(ids) < 3:
        return
    today = local_date(now)
    record_family(operation, ids[_FATIMA], Family(spouses=1, children=2, as_of=today))
    record_enrolment_file(operation, ids[_BRAHIM], EnrolmentFile(("card", "form"), today))
    _record_claims(operation, services, ids[_DRISS], today)
    publish_notice(operation, read_notice(_NOTICE.read_bytes()))


def _record_claims(operation: Operation, services: Services, driss: int, today: date) -> None:
    """Records one claim in review and one ready to collect (docs/contract.md, Sample people)."""
    for number, days, state, amount in (
        ("R-2026-0412", 9, "in_review", None),
        ("R-2026-0377", 34, "ready", Money(42150)),
    ):
        word = ClaimWord(
            artisan_id=driss,
            number=number,
            filed_on=today - timedelta(days=days),
            state=state,
            amount=amount,
            as_of=today,
        )
        record_claim(operation, services, word)
