"""What CNSS would have said of the sample people beside the register: family, file, claims."""

from datetime import date, datetime, timedelta
from pathlib import Path

from sqlalchemy import Connection, select

import app.notices
from app.base.clock import local_date
from app.base.money import Money
from app.claims.service import record_claim
from app.enrolment.cover import record_enrolment_file, record_family
from app.enrolment.models import artisan
from app.notices.rules import read_notice
from app.notices.service import publish_notice
from app.text.words import Words

_FATIMA, _BRAHIM, _DRISS = "100001", "100004", "100007"
_NOTICE = Path(app.notices.__file__).parent / "sample_notice.yaml"


def tell_of_sample_people(connection: Connection, words: Words, now: datetime) -> None:
    """Doing it again changes nothing. Without the sample people there is nothing to tell."""
    rows = select(artisan.c.rna_number, artisan.c.id).where(
        artisan.c.rna_number.in_((_FATIMA, _BRAHIM, _DRISS))
    )
    ids = {row.rna_number: row.id for row in connection.execute(rows)}
    if len(ids) < 3:
        return
    today = local_date(now)
    record_family(connection, ids[_FATIMA], 1, 2, today)
    record_enrolment_file(connection, ids[_BRAHIM], ("card", "form"), today)
    _tell_claims(connection, words, ids[_DRISS], today, now)
    publish_notice(connection, read_notice(_NOTICE.read_bytes()), now)


def _tell_claims(
    connection: Connection, words: Words, driss: int, today: date, now: datetime
) -> None:
    """One in review, one ready to collect (contract section 7)."""
    for number, days, state, amount in (
        ("R-2026-0412", 9, "in_review", None),
        ("R-2026-0377", 34, "ready", Money(42150)),
    ):
        record_claim(
            connection,
            words,
            driss,
            number,
            filed_on=today - timedelta(days=days),
            state=state,
            amount=amount,
            as_of=today,
            now=now,
        )
