"""Messages: what waits by kind and provider, what they cost, and campaigns to many."""

from __future__ import annotations

from datetime import timedelta
from decimal import Decimal
from typing import Any

from flask import Response
from werkzeug.wrappers import Response as AnyResponse

from app.base.clock import local_date
from app.base.database import reading, take_time, transaction
from app.base.errors import InvalidInput
from app.base.money import Money
from app.enrolment.queries import region_by_phone
from app.messaging.costs import CostRequest, count_costs
from app.messaging.health import read_health
from app.messaging.queries import count_ended_since, list_queues
from app.observe.progress import WorkProgress
from app.office.rights import RIGHTS, Right
from app.reminders.broadcasts import approve_broadcast
from app.reminders.models import campaign
from app.reminders.queries import CAMPAIGN_SORTING, find_campaign, find_spending, list_campaigns
from app.reminders.service import (
    cancel_campaign,
    pause_campaign,
    plan_reminders,
    queue_reminders,
    resume_campaign,
)
from app.runtime import runtime
from app.web.office.desk import act_on, add_to, here, look
from app.web.office.fields import done, read_amount, read_asked_day
from app.web.office.frame import may, office_page, pages
from app.web.office.tables import show_table

_LATELY = timedelta(hours=24)
# The office has few connections: a plan that takes longer is made by the command.
_PLAN_SECONDS = 10
# A page counts the people of each.
_CAMPAIGNS = 10
_CAMPAIGN = "/messages/campaigns/<name>"


@pages.get("/messages")
@may(Right.SEE_MESSAGES)
def messages() -> Response:
    maalem = runtime()
    now = maalem.clock()
    with look() as connection:
        campaigns = show_table(
            CAMPAIGN_SORTING, lambda asked: list_campaigns(connection, asked), most=_CAMPAIGNS
        )
        values: dict[str, Any] = {
            "queues": list_queues(connection),
            "health": read_health(connection),
            "spending": find_spending(connection, local_date(now)),
        }
    # By an index over a column that the wall hides; a count names nobody.
    with reading(maalem.office_database) as counted:
        ended = count_ended_since(counted, now - _LATELY)
    return office_page(
        "messages.html",
        ended=ended,
        campaigns=campaigns,
        providers=maalem.settings.sms_providers,
        opens_at=maalem.reminder_settings.calendar.next_opening(now),
        now=now,
        acts=_may_act(),
        **values,
    )


@pages.get("/messages/costs")
@may(Right.SEE_MESSAGES)
def costs() -> Response:
    """Shows what messages cost on some days, as `flask sms report` does without regions."""
    maalem = runtime()
    today = local_date(maalem.clock())
    first, last = read_asked_day("from") or today - timedelta(days=6), read_asked_day("to") or today
    if last < first or last - first > timedelta(days=400):
        raise InvalidInput(what="to", why="no_period")
    with look() as connection:
        request = CostRequest(first, last, region_by_phone(), ("kind", "provider", "language"))
        counted = count_costs(connection, maalem.prices, request)
    return office_page("costs.html", costs=counted, first=first, last=last)


@pages.get("/messages/reminders")
@may(Right.SEE_MESSAGES)
def plan() -> Response:
    """Says what queueing today's reminders would do, as the command's dry run does."""
    maalem = runtime()
    now, settings = maalem.clock(), maalem.reminder_settings.priced_for_real()
    # It counts people of every region, whom the wall hides, and names nobody.
    with transaction(maalem.office_database) as connection:
        take_time(connection, _PLAN_SECONDS)
        plans = plan_reminders(connection, settings, local_date(now), now)
    return office_page("reminder_plan.html", plans=plans, acts=_may_act())


@pages.post("/messages/reminders")
@may(Right.RUN_SERVICE)
def queue_today() -> AnyResponse:
    maalem = runtime()
    with add_to(campaign) as change:
        plans = queue_reminders(change, maalem.reminder_settings, local_date(maalem.clock()))
    queued = sum(one.queued for one in plans)
    return done("messages", "reminders_queued" if queued else "nobody_new")


@pages.get(_CAMPAIGN)
@may(Right.SEE_MESSAGES)
def campaign_page(name: str) -> Response:
    with look() as connection:
        found = find_campaign(connection, name)
    people = sum(found.people.values())
    far = WorkProgress(people - found.people.get("waiting", 0), people)
    return office_page(
        "campaign.html",
        one=found,
        acts=_may_act(),
        now=runtime().clock(),
        far=far,
        working=found.state == "running",
    )


@pages.post(f"{_CAMPAIGN}/pause")
@may(Right.RUN_SERVICE)
def pause(name: str) -> AnyResponse:
    with act_on(campaign, name, campaign.c.name) as change:
        pause_campaign(change, name)
    return done("campaign_page", "campaign_paused", name=name)


@pages.post(f"{_CAMPAIGN}/resume")
@may(Right.RUN_SERVICE)
def resume(name: str) -> AnyResponse:
    budget = _in_dirhams(read_amount("budget"))
    with act_on(campaign, name, campaign.c.name) as change:
        resume_campaign(change, name, budget)
    return done("campaign_page", "campaign_resumed", name=name)


@pages.post(f"{_CAMPAIGN}/cancel")
@may(Right.RUN_SERVICE)
def cancel(name: str) -> AnyResponse:
    with act_on(campaign, name, campaign.c.name) as change:
        cancel_campaign(change, name)
    return done("campaign_page", "campaign_cancelled", name=name)


@pages.post(f"{_CAMPAIGN}/approve")
@may(Right.SEND_NOTICES)
def start_broadcast(name: str) -> AnyResponse:
    """Starts a broadcast as another person than who proposed it."""
    maalem = runtime()
    with act_on(campaign, name, campaign.c.name) as change:
        found = find_campaign(change.connection, name)
        approve_broadcast(change, maalem.reminder_settings, found.number)
    return done("campaign_page", "broadcast_started", name=name)


def _in_dirhams(amount: Money | None) -> Decimal | None:
    return None if amount is None else Decimal(amount.centimes) / 100


def _may_act() -> bool:
    return Right.RUN_SERVICE in RIGHTS[here().role]
