"""Queues the messages of waiting recipients within the hours, some in each short transaction.

Only some are queued ahead, because the text of a queued message is fixed: a later payment can only
cancel it (service.cancel_settled), and its code may expire before it is sent.
"""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from datetime import date, datetime
from decimal import Decimal
from typing import Any

import structlog
from sqlalchemy import DateTime, Row, bindparam, select, text, update

from app.base.clock import Clock, local_date
from app.base.database import reading, take_time
from app.base.errors import InvalidInput
from app.base.operation import Operation, operation
from app.base.phone import Phone
from app.base.rows import write_array
from app.contributions.errors import NotCollectedHere
from app.messaging.models import CAMPAIGN
from app.messaging.queries import count_waiting
from app.messaging.service import OutboundMessage, queue_messages
from app.payments.errors import NothingDue
from app.reminders.budgets import count_cost, mark_budget_reached
from app.reminders.errors import OverBudget
from app.reminders.fragments import WHY_NOT
from app.reminders.models import campaign, campaign_recipient
from app.reminders.rules import MESSAGE_KINDS
from app.reminders.settings import ReminderSettings
from app.reminders.wording import notice_values, reminder_values, reminder_values_of_many
from app.services import Services

# The most messages of campaigns that wait to be sent; more are queued as these are sent.
BACKLOG = 2000
# Decided in one transaction, which holds the rows of the artisans: at first few, then as many as
# take no longer than a phone waits for its code.
AT_ONCE, _FIRST_AT_ONCE, _LEAST_AT_ONCE, _HOLDS_SECONDS = 500, 50, 10, 0.7
# A set writes thousands of rows: under the limit of a hop's statement it would never be done where
# the machine is busy.
_SECONDS_OF_A_SET = 10
_log = structlog.get_logger("reminders")


@dataclass
class CampaignDispatcher:
    """Works on all running campaigns, for this process.

    It remembers the day whose budget was reached. A greater budget is a new setting, which takes a
    new process. `at_once` is how many it decides in one transaction, by how long others took.
    """

    services: Services
    settings: ReminderSettings
    clock: Clock
    backlog: int = BACKLOG
    at_once: int = _FIRST_AT_ONCE
    _spent_on: date | None = field(default=None)

    def dispatch(self, most: int) -> int:
        """Decides about up to `most` waiting recipients, within the hours. Returns their number."""
        now = self.clock()
        if not self.settings.calendar.is_open(now) or self._spent_on == local_date(now):
            return 0
        self._end_campaigns(now)
        decided, limit = 0, min(most, self._count_free_places())
        for campaign_id in self._find_urgent(now):
            decided += self._decide_many(campaign_id, limit - decided)
        return decided

    def _decide_many(self, campaign_id: int, most: int) -> int:
        """Decides about up to `most` recipients, of many in two sets at once. Returns their number.

        While the database writes the codes of one, the other is put into words.
        """
        if most <= self.at_once:
            return self._decide_sets(campaign_id, most)
        with ThreadPoolExecutor(1, thread_name_prefix="reminding") as beside:
            others = beside.submit(self._decide_sets, campaign_id, most // 2)
            return self._decide_sets(campaign_id, most - most // 2) + others.result()

    def _decide_sets(self, campaign_id: int, most: int) -> int:
        decided, affordable = 0, AT_ONCE
        while decided < most:
            next_set = min(affordable, self.at_once, most - decided)
            count = self._decide_in_time(campaign_id, next_set)
            if count is None:
                # The budget has no room for so many: at last it is used up one by one.
                affordable = next_set // 2
            elif count:
                decided += count
            else:
                break
        return decided

    def _count_free_places(self) -> int:
        with reading(self.services.database) as connection:
            return self.backlog - count_waiting(connection, CAMPAIGN, self.backlog)

    def _find_urgent(self, now: datetime) -> list[int]:
        """Returns the running campaigns that are due, in the order of `useful_until`."""
        columns = campaign.c
        statement = (
            select(columns.id)
            .where(columns.state == "running", columns.due_at <= now, columns.useful_until > now)
            .order_by(columns.useful_until, columns.id)
        )
        with reading(self.services.database) as connection:
            return list(connection.execute(statement).scalars())

    def _end_campaigns(self, now: datetime) -> None:
        with operation(self.services.database, now, "worker") as change:
            change.connection.execute(text("SET LOCAL statement_timeout = 0"))
            count = end_campaigns(change)
        if count:
            _log.warning("too_late", count=count)

    def _decide_in_time(self, campaign_id: int, most: int) -> int | None:
        """Decides as `_decide_next`; after a set that took long, or failed, come smaller ones.

        One that failed at once says nothing of the time that others take: it begins as at first.
        """
        began, failed = time.monotonic(), True
        try:
            count = self._decide_next(campaign_id, most)
            failed = False
            return count
        finally:
            took = time.monotonic() - began
            fit = int(most * _HOLDS_SECONDS / took)
            if failed or took > _HOLDS_SECONDS:
                largest = _FIRST_AT_ONCE if failed else AT_ONCE
                self.at_once = max(_LEAST_AT_ONCE, min(most // 2, fit, largest))
            elif most == self.at_once:
                self.at_once = min(AT_ONCE, most * 2, fit)

    def _decide_next(self, campaign_id: int, most: int) -> int | None:
        """Decides about up to `most` recipients. Returns 0 if none waits, or nothing may be sent.

        Returns None, and has decided nothing, if the budget is enough for fewer than so many.
        """
        now = self.clock()
        if not self.settings.calendar.is_open(now):
            return 0
        try:
            with operation(self.services.database, now, "worker") as change:
                take_time(change.connection, _SECONDS_OF_A_SET)
                return decide_next(change, self.services, self.settings, campaign_id, most)
        except OverBudget as over:
            if most > 1:
                return None
            self._record_budget_reached(over.params["scope"], campaign_id, now)
            return 0

    def _record_budget_reached(self, scope: str, campaign_id: int, now: datetime) -> None:
        with operation(self.services.database, now, "worker") as change:
            mark_budget_reached(change, scope, campaign_id)
        if scope == "day":
            self._spent_on = local_date(now)
        _log.warning("budget_reached", scope=scope, campaign=campaign_id)


def end_campaigns(operation: Operation) -> int:
    """Ends campaigns past `useful_until`; their waiting recipients become `too_late`.

    Returns the number of these recipients.
    """
    columns, now = campaign.c, operation.now
    over = columns.state.in_(("running", "paused")), columns.useful_until <= now
    ended = update(campaign).where(*over).values(state="ended").returning(columns.id)
    campaign_ids = list(operation.connection.execute(ended).scalars())
    recipients = campaign_recipient.c
    return operation.connection.execute(
        update(campaign_recipient)
        .where(recipients.campaign_id.in_(campaign_ids), recipients.state == "waiting")
        .values(state="too_late", decided_at=now)
    ).rowcount


def decide_next(
    operation: Operation,
    services: Services,
    settings: ReminderSettings,
    campaign_id: int,
    most: int = 1,
) -> int:
    """Queues the messages of the campaign's next recipients, or records why none is sent.

    Returns their number; 0 if no recipient waits.

    Raises: OverBudget. The caller rolls back, so the recipients still wait.
    """
    connection = operation.connection
    which = {"campaign": campaign_id, "most": most}
    recipients = connection.execute(_NEXT_RECIPIENTS, which).all()
    if not recipients:
        return 0
    params = {
        "campaign": campaign_id,
        "artisans": [recipient.artisan_id for recipient in recipients],
        "phones": [recipient.phone for recipient in recipients],
    }
    reasons = {row.artisan_id: row.why for row in connection.execute(_WHY_NOT, params)}
    # A phone is missing where the number is no longer the person's, and the register has no other.
    needless = {
        recipient.artisan_id: reasons[recipient.artisan_id] or "stopped"
        for recipient in recipients
        if reasons[recipient.artisan_id] or recipient.phone is None
    }
    written = [recipient for recipient in recipients if recipient.artisan_id not in needless]
    if written and written[0].kind == "reminder":
        values = reminder_values_of_many(operation, services, written)
        for recipient in written:
            if recipient.artisan_id not in values:
                try:
                    alone = reminder_values(operation, services, recipient)
                except (NothingDue, NotCollectedHere, InvalidInput):
                    needless[recipient.artisan_id] = "not_due"
                else:
                    values[recipient.artisan_id] = alone
    else:
        values = {one.artisan_id: _notice_values_of(services, one) for one in written}
    _write_needless(operation, campaign_id, needless)
    told = [recipient for recipient in written if recipient.artisan_id in values]
    _queue_reminders(operation, services, settings, told, values)
    return len(recipients)


# A number that is no longer the person's is replaced by the register's present one.
# Two workers get two recipients, because a locked one is skipped. `_WHY_NOT` locks the artisan, so
# that a code issued by phone at the same moment is seen here, or sees the one issued here.
_NEXT_RECIPIENTS = text("""
    SELECT r.campaign_id, r.artisan_id, r.language,
        CASE WHEN EXISTS (SELECT FROM ended_tie ended
                WHERE ended.phone = r.phone AND ended.artisan_id = r.artisan_id)
            THEN (SELECT a.phone FROM artisan a WHERE a.id = r.artisan_id)
            ELSE r.phone END AS phone,
        (SELECT a.province FROM artisan a WHERE a.id = r.artisan_id) AS province,
        c.name, c.kind, c.step, c.deadline, c.useful_until, c.texts
    FROM campaign_recipient r JOIN campaign c ON c.id = r.campaign_id
    WHERE r.campaign_id = :campaign AND r.state = 'waiting' AND c.state = 'running'
    ORDER BY r.artisan_id LIMIT :most FOR UPDATE OF r SKIP LOCKED
""")
_WHY_NOT = text(f"""
    SELECT r.artisan_id, {WHY_NOT} AS why
    FROM unnest(CAST(:artisans AS bigint[]), CAST(:phones AS text[])) AS r (artisan_id, phone)
    JOIN artisan a ON a.id = r.artisan_id JOIN campaign c ON c.id = :campaign
    LEFT JOIN phone_preference wish ON wish.phone = r.phone
    ORDER BY a.id FOR NO KEY UPDATE OF a
""")  # noqa: S608


def _notice_values_of(services: Services, recipient: Row[Any]) -> dict[str, object]:
    language = services.words.language_or_default(recipient.language)
    return notice_values(recipient.texts, language)


def _queue_reminders(
    operation: Operation,
    services: Services,
    settings: ReminderSettings,
    recipients: Sequence[Row[Any]],
    values: Mapping[int, dict[str, object]],
) -> None:
    """Queues the messages, and records them with their greatest cost, which the budgets count.

    The cost is counted last, because every worker locks the rows of the budgets.

    Raises: OverBudget.
    """
    if not recipients:
        return
    outbounds = [_make_message(services, one, values[one.artisan_id]) for one in recipients]
    queued = queue_messages(operation, services, outbounds)
    price = settings.price_on(local_date(operation.now))
    costs = [message.segments * price for message in queued]
    campaign_id = recipients[0].campaign_id
    params = {
        "campaign": campaign_id,
        "artisans": write_array(recipient.artisan_id for recipient in recipients),
        "messages": write_array(message.id for message in queued),
        "costs": write_array(costs),
        "now": operation.now,
    }
    operation.connection.execute(_QUEUED, params)
    count_cost(operation, campaign_id, sum(costs, Decimal(0)), settings.day_budget)


def _make_message(
    services: Services, recipient: Row[Any], values: dict[str, object]
) -> OutboundMessage:
    is_notice = recipient.kind == "notice"
    return OutboundMessage(
        kind="notice" if is_notice else MESSAGE_KINDS[recipient.step],
        event=f"{recipient.name}:{recipient.artisan_id}",
        phone=Phone(recipient.phone),
        language=services.words.language_or_default(recipient.language),
        values=values,
        priority=CAMPAIGN,
        useful_until=recipient.useful_until,
    )


def _write_needless(operation: Operation, campaign_id: int, reasons: Mapping[int, str]) -> None:
    """Cancels recipients, each with the reason why no message is sent."""
    if not reasons:
        return
    params = {
        "campaign": campaign_id,
        "artisans": list(reasons),
        "reasons": list(reasons.values()),
        "now": operation.now,
    }
    operation.connection.execute(_NEEDLESS, params)


# Each is looked up by its key, one by one: of a campaign that was queued a moment ago the planner
# knows nothing, and would read all of it for each set.
_EACH_RECIPIENT = """
    CROSS JOIN LATERAL (SELECT found.ctid FROM campaign_recipient found
        WHERE found.campaign_id = :campaign AND found.artisan_id = each.artisan LIMIT 1) place
    WHERE r.ctid = place.ctid
"""
_QUEUED = text(f"""
    UPDATE campaign_recipient r
    SET state = 'queued', message_id = each.message, cost = each.cost, decided_at = :now
    FROM unnest(CAST(:artisans AS bigint[]), CAST(:messages AS bigint[]),
        CAST(:costs AS numeric[])) AS each (artisan, message, cost)
    {_EACH_RECIPIENT}
""").bindparams(bindparam("now", type_=DateTime(True)))  # noqa: S608 - our own words alone
_NEEDLESS = text(f"""
    UPDATE campaign_recipient r
    SET state = 'cancelled', reason = each.reason, decided_at = :now
    FROM unnest(CAST(:artisans AS bigint[]), CAST(:reasons AS text[])) AS each (artisan, reason)
    {_EACH_RECIPIENT}
""").bindparams(bindparam("now", type_=DateTime(True)))  # noqa: S608 - our own words alone
