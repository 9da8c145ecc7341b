"""Reminders to the sample people who owe November, on a day within the hours."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any

import pytest
from sqlalchemy import select

from app.base.clock import local_date
from app.base.database import transaction
from app.base.operation import operation
from app.base.phone import Phone
from app.enrolment.models import artisan
from app.payments.codes import CodeRequest, issue_code
from app.reminders.dispatch import CampaignDispatcher
from app.reminders.service import CampaignPlan, cancel_settled, plan_reminders, queue_reminders
from app.reminders.settings import ReminderSettings
from app.runtime import Runtime
from tests.conftest import TestClock
from tests.journeys.other_parties import OtherParties
from tests.owed import through_month

FATIMA, HASSAN, KHADIJA = "+212600000001", "+212600000002", "+212600000003"
AICHA, DRISS, TLAYTMAS = "+212600000005", "+212600000007", "+212600000008"
# The sample people who owe November and pay here.
OWING = [FATIMA, HASSAN, AICHA, DRISS, TLAYTMAS]
PRICE = Decimal("1.15")


@dataclass
class Campaigns(OtherParties):
    """Queues and dispatches campaigns, each call in a transaction; `settings` are the runtime's."""

    settings: ReminderSettings

    def at(self, written: str) -> None:
        """Sets the clock: UTC, which is Morocco's hour in November 2026."""
        clock = self.runtime.clock
        assert isinstance(clock, TestClock)
        clock.now = datetime.fromisoformat(written).replace(tzinfo=UTC)

    def queue(self, on: date | None = None, **changes: Any) -> tuple[CampaignPlan, ...]:
        settings, now = replace(self.settings, **changes), self.runtime.clock()
        with operation(self.runtime.database, now, "worker") as change:
            return queue_reminders(change, settings, on or local_date(now))

    def plan(self, on: date | None = None, **changes: Any) -> tuple[CampaignPlan, ...]:
        settings, now = replace(self.settings, **changes), self.runtime.clock()
        with transaction(self.runtime.database) as connection:
            return plan_reminders(connection, settings, on or local_date(now), now)

    def dispatcher(self, **changes: Any) -> CampaignDispatcher:
        settings = replace(self.settings, **changes)
        return CampaignDispatcher(self.runtime.services, settings, self.runtime.clock)

    def dispatch(self, most: int = 100, **changes: Any) -> int:
        return self.dispatcher(**changes).dispatch(most)

    def cancel_settled(self, numbers: Sequence[int]) -> list[int]:
        with operation(self.runtime.database, self.runtime.clock(), "worker") as change:
            return cancel_settled(change, numbers)

    def states(self) -> dict[str, tuple[str, str | None]]:
        """Returns the recipients' state and reason by phone."""
        rows = self.run("SELECT phone, state, reason FROM campaign_recipient ORDER BY phone")
        return {str(row[0]): (str(row[1]), row[2]) for row in rows}  # type: ignore[misc]

    def bodies(self, phone: str) -> list[str]:
        """Returns the texts of the campaigns' messages to a phone, oldest first."""
        sql = "SELECT body FROM message WHERE phone = :phone AND priority = 1 ORDER BY id"
        return [str(body) for (body,) in self.run(sql, phone=phone)]

    def issue_all(self, phone: str, months: int | None = None) -> str:
        """Issues a code to the artisan, for all that is owed or for the oldest months."""
        now = self.runtime.clock()
        with operation(self.runtime.database, now, "artisan") as change:
            owner = select(artisan.c.id).where(artisan.c.phone == phone)
            number = change.connection.execute(owner).scalar_one()
            through = through_month(change.connection, number, months, now)
            request = CodeRequest(number, Phone(phone), "fr", through)
            return issue_code(change, self.runtime.services, request).code

    def scalar(self, sql: str, **values: object) -> Any:
        ((value,),) = self.run(sql, **values)
        return value


@pytest.fixture
def reminding(runtime: Runtime, sample_people: None) -> Campaigns:
    """Monday 23 November 2026, 10:00: the week's reminders are due since nine."""
    settings = replace(runtime.reminder_settings, providers=("africastalking", "twilio"))
    return Campaigns(runtime, settings)
