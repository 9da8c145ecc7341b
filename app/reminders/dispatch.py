"""Queues the messages of waiting recipients within the hours, each in a short transaction.

Only some are queued ahead, because the text of a queued message is fixed: a later payment can only
cancel it (service.cancel_settled), and its code may expire before it is sent.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import date, datetime
from decimal import Decimal
from typing import Any

import structlog
from sqlalchemy import DateTime, Row, bindparam, select, text, update

from app.base.clock import Clock, local_date
from app.base.database import reading
from app.base.errors import InvalidInput
from app.base.operation import Operation, operation
from app.base.phone import Phone
from app.contributions.errors import NotCollectedHere
from app.messaging.models import CAMPAIGN
from app.messaging.queries import count_waiting
from app.messaging.service import OutboundMessage, queue_message
from app.payments.errors import NothingDue
from app.reminders.budgets import count_cost, mark_budget_reached
from app.reminders.errors import OverBudget
from app.reminders.fragments import WHY_NOT
from app.reminders.models import campaign, campaign_recipient
from app.reminders.rules import MESSAGE_KINDS
from app.reminders.settings import ReminderSettings
from app.reminders.wording import notice_values, reminder_values
from app.services import Services
from app.text.encoding import segments

# The most messages of campaigns that wait to be sent; more are queued as these are sent.
BACKLOG = 500
_log = structlog.get_logger("reminders")


@dataclass
class CampaignDispatcher:
    """Works on all running campaigns, for this process.

    It remembers the day whose budget was reached. A greater budget is a new setting, which takes a
    new process.
    """

    services: Services
    settings: ReminderSettings
    clock: Clock
    backlog: int = BACKLOG
    _spent_on: date | None = field(default=None)

    def dispatch(self, most: int) -> int:
        """Decides about up to `most` waiting recipients, within the hours. Returns their number."""
        now = self.clock()
        if not self.settings.calendar.is_open(now) or self._spent_on == local_date(now):
            return 0
        self._end_campaigns(now)
        decided, limit = 0, min(most, self._count_free_places())
        for campaign_id in self._find_urgent(now):
            while decided < limit and self._decide_next(campaign_id):
                decided += 1
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

    def _decide_next(self, campaign_id: int) -> bool:
        """Decides about one recipient. Returns False if none waits, or nothing may be sent now."""
        now = self.clock()
        if not self.settings.calendar.is_open(now):
            return False
        try:
            with operation(self.services.database, now, "worker") as change:
                return decide_next(change, self.services, self.settings, campaign_id)
        except OverBudget as over:
            self._record_budget_reached(over.params["scope"], campaign_id, now)
            return False

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
    operation: Operation, services: Services, settings: ReminderSettings, campaign_id: int
) -> bool:
    """Queues the message of the campaign's next recipient, or records why none is sent.

    Returns False if no recipient waits.

    Raises: OverBudget. The caller rolls back, so the recipient still waits.
    """
    connection = operation.connection
    recipient = connection.execute(_NEXT_RECIPIENT, {"campaign": campaign_id}).one_or_none()
    if recipient is None:
        return False
    reason = connection.execute(_WHY_NOT, _recipient_key(recipient)).scalar()
    if recipient.phone is None:
        # The number is no longer the person's, and the register has no other.
        reason = reason or "stopped"
    if reason is None:
        try:
            message_id, cost = _queue_reminder(operation, services, settings, recipient)
        except (NothingDue, NotCollectedHere, InvalidInput):
            reason = "not_due"
        else:
            _write_decision(operation, recipient, state="queued", message=message_id, cost=cost)
            return True
    _write_decision(operation, recipient, state="cancelled", reason=reason)
    return True


# A number that is no longer the person's is replaced by the register's present one.
# Two workers get two recipients, because a locked one is skipped. `_WHY_NOT` locks the artisan, so
# that a code issued by phone at the same moment is seen here, or sees the one issued here.
_NEXT_RECIPIENT = text("""
    SELECT r.campaign_id, r.artisan_id, r.language,
        CASE WHEN EXISTS (SELECT FROM ended_tie ended
                WHERE ended.phone = r.phone AND ended.artisan_id = r.artisan_id)
            THEN (SELECT a.phone FROM artisan a WHERE a.id = r.artisan_id)
            ELSE r.phone END AS phone,
        c.name, c.kind, c.step, c.deadline, c.useful_until, c.texts
    FROM campaign_recipient r JOIN campaign c ON c.id = r.campaign_id
    WHERE r.campaign_id = :campaign AND r.state = 'waiting' AND c.state = 'running'
    ORDER BY r.artisan_id LIMIT 1 FOR UPDATE OF r SKIP LOCKED
""")
_WHY_NOT = text(f"""
    SELECT {WHY_NOT} FROM campaign c JOIN artisan a ON a.id = :artisan
    LEFT JOIN phone_preference wish ON wish.phone = :phone
    WHERE c.id = :campaign FOR NO KEY UPDATE OF a
""")  # noqa: S608


def _recipient_key(recipient: Row[Any]) -> dict[str, object]:
    return {
        "campaign": recipient.campaign_id,
        "artisan": recipient.artisan_id,
        "phone": recipient.phone,
    }


def _queue_reminder(
    operation: Operation, services: Services, settings: ReminderSettings, recipient: Row[Any]
) -> tuple[int | None, Decimal]:
    """Queues the message. Returns its id and its greatest cost, which the budgets count.

    The cost is counted last, because every worker locks the rows of the budgets.
    """
    language = services.words.language_or_default(recipient.language)
    values: dict[str, object]
    if recipient.kind == "notice":
        kind, values = "notice", notice_values(recipient.texts, language)
    else:
        kind = MESSAGE_KINDS[recipient.step]
        values = reminder_values(operation, services, recipient)
    outbound = OutboundMessage(
        kind=kind,
        event=f"{recipient.name}:{recipient.artisan_id}",
        phone=Phone(recipient.phone),
        language=language,
        values=values,
        priority=CAMPAIGN,
        useful_until=recipient.useful_until,
    )
    message_id = queue_message(operation, services, outbound)
    price = settings.price_on(local_date(operation.now))
    cost = segments(services.words.say(language, f"sms.{kind}", values)) * price
    count_cost(operation, recipient.campaign_id, cost, settings.day_budget)
    return message_id, cost


def _write_decision(operation: Operation, recipient: Row[Any], **decision: object) -> None:
    usual = {"reason": None, "message": None, "cost": None, "now": operation.now}
    operation.connection.execute(_DECISION, _recipient_key(recipient) | usual | decision)


_DECISION = text("""
    UPDATE campaign_recipient SET state = :state, reason = :reason, message_id = :message,
        cost = :cost, decided_at = :now
    WHERE campaign_id = :campaign AND artisan_id = :artisan
""").bindparams(bindparam("now", type_=DateTime(True)))
