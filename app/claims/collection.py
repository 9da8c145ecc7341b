"""Exports artisans' choices of how CNSS pays their reimbursements, each choice once."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import update

from app.base.operation import Operation
from app.base.rows import read_row
from app.claims.models import claim
from app.enrolment.models import artisan


@dataclass(frozen=True, slots=True)
class ChosenCollection:
    """An artisan's choice for one claim; `way` is `cash` or `bank`."""

    claim_number: str
    way: str
    chosen_at: datetime
    rna_number: str
    cnss_number: str | None


def export_collections(operation: Operation, end: datetime) -> list[ChosenCollection]:
    """Marks the choices made before `end` as sent to CNSS, and returns them."""
    columns, owner = claim.c, artisan.c
    statement = (
        update(claim)
        .where(owner.id == columns.artisan_id, columns.collection.is_not(None))
        .where(columns.exported_at.is_(None), columns.chosen_at < end)
        .values(exported_at=operation.now)
        .returning(
            columns.number.label("claim_number"),
            columns.collection.label("way"),
            columns.chosen_at,
            owner.rna_number,
            owner.cnss_number,
        )
    )
    return [read_row(ChosenCollection, row) for row in operation.connection.execute(statement)]
