"""The first page of those who work here: numbers of networks, CNSS, operators and auditors."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta

from redis.exceptions import RedisClusterException, RedisError
from sqlalchemy import Connection

from app.audit.lists import AuditQuery, count_audit_rows
from app.base.clock import local_date
from app.base.money import Money
from app.ledger.break_lists import WAITING_STATES, count_breaks, count_to_approve
from app.ledger.models import reconciliation_break
from app.messaging.queries import list_queues
from app.notices.proposals import count_proposed_notices
from app.observe.workers import count_alive
from app.office.rights import Right
from app.office.sessions import OfficeSession
from app.publishing.queries import count_fit_versions
from app.reconciliation.books_checks import CHECK_SORTING, list_books_checks
from app.reconciliation.cnss_lists import count_unanswered
from app.reconciliation.day_totals import list_day_totals
from app.reconciliation.models import settlement_file
from app.reconciliation.withdrawals import count_asked_withdrawals
from app.reminders.queries import count_paused, count_proposed, find_spending
from app.runtime import runtime
from app.web.office.breaks import DESK
from app.web.office.desk import own
from app.web.office.first_page import FirstNumber, Waiting, numbers_for, waits_for

_REFUSED = ("posting_refused",)


@numbers_for("wafacash")
def _count_for_network(connection: Connection, opened: OfficeSession) -> Sequence[FirstNumber]:
    today = local_date(runtime().clock())
    (day,) = list_day_totals(connection, opened.scope.network, today, 1)
    return (
        FirstNumber("office.work.cash_today", day.ours),
        FirstNumber("office.work.payments_today", day.our_count),
        FirstNumber(
            "office.work.breaks_open",
            count_breaks(connection, own(reconciliation_break), DESK.kinds, WAITING_STATES),
        ),
    )


def _count(connection: Connection, kinds: Sequence[str], states: Sequence[str]) -> int:
    return count_breaks(connection, own(reconciliation_break), kinds, states)


@numbers_for("cnss")
def _count_for_cnss(connection: Connection, _opened: OfficeSession) -> Sequence[FirstNumber]:
    return (
        FirstNumber("office.work.unanswered", count_unanswered(connection)),
        FirstNumber(
            "office.work.refused",
            _count(connection, _REFUSED, WAITING_STATES),
        ),
        FirstNumber(
            "office.work.settled",
            _count(connection, _REFUSED, ("resolved",)),
        ),
    )


@numbers_for("operator")
def _count_for_operator(connection: Connection, _opened: OfficeSession) -> Sequence[FirstNumber]:
    spending = find_spending(connection, local_date(runtime().clock()))
    waiting = sum(one.messages for one in list_queues(connection) if one.state == "queued")
    return (
        FirstNumber("office.work.workers", _count_workers()),
        FirstNumber("office.work.messages_waiting", waiting),
        FirstNumber("office.work.spent_today", Money.rounded(spending.spent)),
    )


def _count_workers() -> int | None:
    """Returns how many workers live; None while Redis, which knows them, is away."""
    try:
        return count_alive(runtime().redis, runtime().clock())
    except (RedisError, RedisClusterException):
        return None


@numbers_for("auditor")
def _count_for_auditor(connection: Connection, _opened: OfficeSession) -> Sequence[FirstNumber]:
    today = local_date(runtime().clock())
    checks = list_books_checks(connection, CHECK_SORTING.first(1)).rows
    week = today - timedelta(days=6)
    looks, approvals = AuditQuery(first=week, looks=True), AuditQuery(first=week, approved=True)
    return (
        FirstNumber("office.work.rules_broken", len(checks[0].broken) if checks else None),
        FirstNumber("office.work.looks", count_audit_rows(connection, looks)),
        FirstNumber("office.work.approvals", count_audit_rows(connection, approvals)),
    )


@waits_for(Right.RESOLVE_BREAKS)
def _count_proposals(connection: Connection, opened: OfficeSession) -> Waiting:
    count = count_to_approve(connection, own(reconciliation_break), DESK.kinds, opened.name)
    return Waiting("office.work.to_approve", count, "office.breaks")


@waits_for(Right.RESOLVE_BREAKS)
def _count_withdrawals(connection: Connection, opened: OfficeSession) -> Waiting:
    count = count_asked_withdrawals(connection, own(settlement_file), opened.name)
    return Waiting("office.work.withdrawals_to_approve", count, "office.settlement_files")


@waits_for(Right.POST_AT_CNSS)
def _count_refused(connection: Connection, opened: OfficeSession) -> Waiting:
    count = count_to_approve(connection, own(reconciliation_break), _REFUSED, opened.name)
    return Waiting("office.work.to_approve", count, "office.postings")


@waits_for(Right.SEND_NOTICES)
def _count_broadcasts(connection: Connection, opened: OfficeSession) -> Waiting:
    count = count_proposed(connection, opened.name)
    return Waiting("office.work.broadcasts_to_approve", count, "office.messages")


@waits_for(Right.SEND_NOTICES)
def _count_notices(connection: Connection, opened: OfficeSession) -> Waiting:
    count = count_proposed_notices(connection, opened.name)
    return Waiting("office.work.notices_to_approve", count, "office.notices")


@waits_for(Right.RUN_SERVICE)
def _count_paused(connection: Connection, _opened: OfficeSession) -> Waiting:
    return Waiting("office.work.paused", count_paused(connection), "office.messages")


@waits_for(Right.RUN_SERVICE)
def _count_menus(connection: Connection, opened: OfficeSession) -> Waiting:
    count = count_fit_versions(connection, opened.name)
    return Waiting("office.work.menus_to_approve", count, "office.menus")
