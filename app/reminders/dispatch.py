"""Makes messages of those who wait, while the hours allow, each in a short transaction.

Few are made ahead of the sending: what is queued can no longer learn of a payment, except by
service.cancel_settled, and a code is freshest when it is read.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal
from typing import Any

import structlog
from sqlalchemy import (
    Connection,
    DateTime,
    Engine,
    Row,
    bindparam,
    func,
    select,
    text,
    update,
)

from app.base.clock import Clock, local_date
from app.base.database import reading, transaction
from app.base.errors import InvalidInput
from app.base.operation import Operation
from app.base.phone import Phone
from app.contributions.errors import NotCollectedHere
from app.messaging.models import CAMPAIGN, message
from app.messaging.service import OutboundMessage, queue_message
from app.payments.errors import NothingDue
from app.reminders.budgets import note_reached, spend
from app.reminders.context import ReminderContext
from app.reminders.errors import OverBudget
from app.reminders.fragments import WHY_NOT
from app.reminders.models import campaign, campaign_recipient
from app.reminders.rules import KINDS
from app.reminders.wording import notice_values, reminder_values
from app.text.encoding import segments

# So many messages to many wait to be sent; the next are made when some of them have gone.
BACKLOG = 500
_log = structlog.get_logger("reminders")


@dataclass
class Preparing:
    """One process's work. It remembers on which day the budget was reached: a greater one is a new
    setting, and so a new process.
    """

    database: Engine
    means: ReminderContext
    clock: Clock
    backlog: int = BACKLOG
    _spent_on: Any = field(default=None)

    def prepare(self, most: int) -> int:
        """Decides about up to `most` of those who wait; how many. None outside the hours."""
        now = self.clock()
        if not self.means.calendar.is_open(now) or self._spent_on == local_date(now):
            return 0
        self._give_up_late(now)
        done, room = 0, min(most, self._room())
        for number in self._at_work(now):
            while done < room and self._decide_next(number):
                done += 1
        return done

    def _room(self) -> int:
        ahead = (
            select(message.c.id)
            .where(message.c.priority == CAMPAIGN, message.c.state.in_(("queued", "sending")))
            .limit(self.backlog)
            .subquery()
        )
        with reading(self.database) as connection:
            return self.backlog - connection.execute(select(func.count(ahead.c.id))).scalar_one()

    def _at_work(self, now: datetime) -> list[int]:
        """The campaigns whose time it is, the most urgent first."""
        row = campaign.c
        asked = select(row.id).where(row.state == "running", row.due_at <= now)
        with reading(self.database) as connection:
            urgent = asked.where(row.useful_until > now).order_by(row.useful_until, row.id)
            return list(connection.execute(urgent).scalars())

    def _give_up_late(self, now: datetime) -> None:
        """Too late means not at all."""
        with transaction(self.database) as connection:
            connection.execute(text("SET LOCAL statement_timeout = 0"))
            late = end_campaigns(connection, now)
        if late:
            _log.warning("too_late", count=late)

    def _decide_next(self, number: int) -> bool:
        """Whether somebody of the campaign was still to be decided about."""
        now = self.clock()
        if not self.means.calendar.is_open(now):
            return False
        try:
            with transaction(self.database) as connection:
                return decide_next(connection, self.means, number, now)
        except OverBudget as over:
            self._stop(over.params["scope"], number, now)
            return False

    def _stop(self, scope: str, number: int, now: datetime) -> None:
        day = local_date(now)
        with transaction(self.database) as connection:
            note_reached(connection, scope, number, day, now)
        if scope == "day":
            self._spent_on = day
        _log.warning("budget_reached", scope=scope, campaign=number)


def end_campaigns(connection: Connection, now: datetime) -> int:
    """Ends those whose time is over; how many people were not told in time."""
    row = campaign.c
    over = row.state.in_(("running", "paused")), row.useful_until <= now
    ended = update(campaign).where(*over).values(state="ended").returning(row.id)
    numbers = list(connection.execute(ended).scalars())
    who = campaign_recipient.c
    return connection.execute(
        update(campaign_recipient)
        .where(who.campaign_id.in_(numbers), who.state == "waiting")
        .values(state="too_late", decided_at=now)
    ).rowcount


def decide_next(connection: Connection, means: ReminderContext, number: int, now: datetime) -> bool:
    """Queues the message of the campaign's next recipient, or notes why there is none.

    False when nobody waits. OverBudget: the caller rolls back, and the recipient still waits.
    """
    waiting = connection.execute(_TAKE, {"campaign": number}).one_or_none()
    if waiting is None:
        return False
    why = connection.execute(_WHY_NOT, _key(waiting)).scalar()
    if why is None:
        try:
            told, cost = _tell(connection, means, waiting, now)
        except (NothingDue, NotCollectedHere, InvalidInput):
            why = "not_due"
        else:
            _note(connection, waiting, now, "queued", message_id=told, cost=cost)
            return True
    _note(connection, waiting, now, "cancelled", reason=why)
    return True


# Two workers take two people: whom another has in hand is passed over. The artisan is locked, so
# that a code asked for on the phone meanwhile is seen, or sees ours.
_TAKE = text("""
    SELECT r.campaign_id, r.artisan_id, r.phone, r.language,
        c.name, c.kind, c.step, c.deadline, c.useful_until, c.texts
    FROM campaign_recipient r JOIN campaign c ON c.id = r.campaign_id
    WHERE r.campaign_id = :campaign AND r.state = 'waiting' AND c.state = 'running'
    ORDER BY r.artisan_id LIMIT 1 FOR UPDATE OF r SKIP LOCKED
""")
_WHY_NOT = text(f"""
    SELECT {WHY_NOT} FROM campaign c JOIN artisan a ON a.id = :artisan
    LEFT JOIN phone_preference said ON said.phone = :phone
    WHERE c.id = :campaign FOR NO KEY UPDATE OF a
""")  # noqa: S608


def _key(waiting: Row[Any]) -> dict[str, Any]:
    return {
        "campaign": waiting.campaign_id,
        "artisan": waiting.artisan_id,
        "phone": waiting.phone,
    }


def _tell(
    connection: Connection, means: ReminderContext, waiting: Row[Any], now: datetime
) -> tuple[int | None, Decimal]:
    """The queued message, and what it costs at most. Money is counted last: its rows are shared."""
    language = means.words.spoken(waiting.language)
    if waiting.kind == "notice":
        kind, values = "notice", notice_values(waiting.texts, language)
    else:
        kind = KINDS[waiting.step]
        values = reminder_values(connection, means, waiting, now)
    outbound = OutboundMessage(
        kind=kind,
        event=f"{waiting.name}:{waiting.artisan_id}",
        phone=Phone(waiting.phone),
        language=language,
        values=values,
        priority=CAMPAIGN,
        useful_until=waiting.useful_until,
    )
    told = queue_message(Operation(connection, now, "worker"), means.words, outbound)
    today = local_date(now)
    cost = segments(means.words.say(language, f"sms.{kind}", values)) * means.price_on(today)
    spend(connection, waiting.campaign_id, today, cost, means.day_budget)
    return told, cost


def _note(
    connection: Connection,
    waiting: Row[Any],
    now: datetime,
    state: str,
    *,
    reason: str | None = None,
    message_id: int | None = None,
    cost: Decimal | None = None,
) -> None:
    told = {"state": state, "reason": reason, "message": message_id, "cost": cost, "now": now}
    connection.execute(_DECIDED, _key(waiting) | told)


_DECIDED = text("""
    UPDATE campaign_recipient SET state = :state, reason = :reason, message_id = :message,
        cost = :cost, decided_at = :now
    WHERE campaign_id = :campaign AND artisan_id = :artisan
""").bindparams(bindparam("now", type_=DateTime(True)))
