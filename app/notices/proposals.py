"""A notice that one person writes and another publishes: nothing is on phones before."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import date, datetime

from sqlalchemy import Connection, Row, func, insert, select, update

from app.audit.service import record_audit, record_decision
from app.base.operation import Operation
from app.base.paging import PageOfRows, RowsAsked, Sorting, read_page
from app.notices.errors import NoticeProposalUnknown
from app.notices.models import notice_proposal
from app.notices.rules import Notice
from app.notices.service import publish_notice
from app.office.two_people import check_two_people


@dataclass(frozen=True, slots=True)
class ProposedNotice:
    """A notice and how far it is; `approved_by` published it."""

    id: int
    notice: Notice
    state: str
    proposed_by: str
    proposed_at: datetime
    approved_by: str | None
    ended_at: datetime | None


def propose_notice(operation: Operation, new: Notice) -> int:
    """Keeps a notice for another person to publish. Returns its number."""
    values = {
        "name": new.name,
        "until": new.until,
        "texts": {language: list(said) for language, said in new.texts.items()},
        "proposed_by": operation.actor,
        "proposed_at": operation.now,
    }
    statement = insert(notice_proposal).values(values).returning(notice_proposal.c.id)
    number = int(operation.connection.execute(statement).scalar_one())
    record_audit(operation, "notice_proposed", f"notice:{new.name}", number=number)
    return number


def approve_notice(operation: Operation, number: int) -> str:
    """Publishes a proposed notice as another person than who wrote it. Returns its name.

    Raises: NoticeProposalUnknown, SamePerson.
    """
    proposal = _lock(operation, number)
    check_two_people(operation, proposal.proposed_by)
    publish_notice(operation, proposal.notice)
    _end(operation, number, "published", operation.actor)
    writer = replace(operation, actor=proposal.proposed_by)
    subject = f"notice:{proposal.notice.name}"
    record_decision(writer, "notice_approved", subject, operation.actor, number=number)
    return proposal.notice.name


def refuse_notice(operation: Operation, number: int, reason: str) -> None:
    """Ends a proposal: its writer takes it back, or another refuses it.

    Raises: NoticeProposalUnknown.
    """
    proposal = _lock(operation, number)
    _end(operation, number, "refused", None)
    told = {"number": number, "proposed_by": proposal.proposed_by, "reason": reason}
    record_audit(operation, "notice_refused", f"notice:{proposal.notice.name}", **told)


PROPOSAL_SORTING = Sorting(
    {
        "number": notice_proposal.c.id,
        "proposed": notice_proposal.c.proposed_at,
        "state": notice_proposal.c.state,
    },
    notice_proposal.c.id,
    "-number",
)


def list_notice_proposals(connection: Connection, asked: RowsAsked) -> PageOfRows[ProposedNotice]:
    """Returns the proposals that are asked for."""
    return read_page(connection, select(notice_proposal), PROPOSAL_SORTING, asked, _read)


def count_proposed_notices(connection: Connection, name: str) -> int:
    """Returns how many notices wait for `name`, who wrote none of them."""
    columns = notice_proposal.c
    counted = select(func.count()).where(columns.state == "proposed", columns.proposed_by != name)
    return int(connection.execute(counted).scalar_one())


def find_notice_proposal(connection: Connection, number: int) -> ProposedNotice | None:
    """Returns a proposal; None if there is none of this number."""
    statement = select(notice_proposal).where(notice_proposal.c.id == number)
    row = connection.execute(statement).one_or_none()
    return _read(row) if row else None


def _lock(operation: Operation, number: int) -> ProposedNotice:
    columns = notice_proposal.c
    row = operation.connection.execute(
        select(notice_proposal)
        .where(columns.id == number, columns.state == "proposed")
        .with_for_update()
    ).one_or_none()
    if row is None:
        raise NoticeProposalUnknown(number=number)
    return _read(row)


def _end(operation: Operation, number: int, state: str, approved_by: str | None) -> None:
    values = {"state": state, "approved_by": approved_by, "ended_at": operation.now}
    operation.connection.execute(
        update(notice_proposal).where(notice_proposal.c.id == number).values(values)
    )


def _read(row: Row[*tuple[object, ...]]) -> ProposedNotice:
    texts = {language: (said[0], said[1]) for language, said in row.texts.items()}
    until: date = row.until
    return ProposedNotice(
        id=row.id,
        notice=Notice(row.name, until, texts),
        state=row.state,
        proposed_by=row.proposed_by,
        proposed_at=row.proposed_at,
        approved_by=row.approved_by,
        ended_at=row.ended_at,
    )
