"""When files last came, for who watches whether they still do."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Connection, func, literal, select, union_all

from app.agents.models import agent_network
from app.base.rows import read_row
from app.reconciliation.models import cnss_answer, cnss_batch, settlement_file


@dataclass(frozen=True, slots=True)
class LastFile:
    """The last file of a kind (`settlement`, `cnss_export`, `cnss_answer`); CNSS is no network."""

    kind: str
    network: str
    taken_at: datetime


def list_last_files(connection: Connection) -> list[LastFile]:
    """Returns the last file of each kind, of each network; a kind that never came is missing."""
    newest = (
        select(settlement_file.c.matched_at)
        .where(settlement_file.c.network == agent_network.c.code)
        .order_by(settlement_file.c.day.desc(), settlement_file.c.id.desc())
        .limit(1)
        .scalar_subquery()
    )
    settlements = select(
        literal("settlement").label("kind"),
        agent_network.c.code.label("network"),
        newest.label("taken_at"),
    )
    exports = select(literal("cnss_export"), literal("cnss"), func.max(cnss_batch.c.created_at))
    answers = select(literal("cnss_answer"), literal("cnss"), func.max(cnss_answer.c.imported_at))
    found = union_all(settlements, exports, answers).subquery()
    known = select(found).where(found.c.taken_at.is_not(None))
    return [read_row(LastFile, row) for row in connection.execute(known)]
