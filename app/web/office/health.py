"""How the service is: what the doctor looks at, workers, queues, providers and budgets."""

from __future__ import annotations

import copy
import time
from collections.abc import Mapping
from datetime import datetime
from functools import partial
from typing import Any

from flask import Response
from redis.exceptions import RedisClusterException, RedisError

from app.base.clock import local_date
from app.base.database import OFFICE_STATEMENT_MS
from app.checks.looking import Check, Finding
from app.checks.looking import look as look_at
from app.messaging.health import read_health
from app.messaging.queries import list_queues
from app.observe.workers import find_last_beat, list_beats
from app.office.rights import Right
from app.reminders.queries import find_spending
from app.runtime import Runtime, runtime
from app.web.office.desk import look
from app.web.office.frame import may, office_page, pages

# Of the doctor's checks those that ask one question: the others look through menus, keys or people,
# and are the command's. Each has the page that says more, if there is one.
_PAGES: Mapping[str, str | None] = {
    "database": None,
    "migrations": None,
    "time limits": None,
    "redis": None,
    "redis memory": None,
    "redis storage": None,
    "worker": None,
    "clocks": None,
    "calendar": "office.plan",
    "sms": "office.messages",
    "prices": "office.costs",
    "agents": "office.agents",
}
# All together: a page is waited for.
_SECONDS = 2.0


@pages.get("/health")
@may(Right.SEE_HEALTH)
def health() -> Response:
    maalem = runtime()
    now = maalem.clock()
    with look() as connection:
        values: dict[str, Any] = {
            "queues": list_queues(connection),
            "health": read_health(connection),
            "spending": find_spending(connection, local_date(now)),
        }
    return office_page(
        "health.html",
        findings=_look_quickly(maalem),
        pages=_PAGES,
        **_list_workers(maalem, now),
        providers=maalem.settings.sms_providers,
        now=now,
        **values,
    )


def _list_workers(maalem: Runtime, now: datetime) -> dict[str, Any]:
    """Returns who works and when one was last heard; nothing while Redis is away."""
    try:
        workers, last_beat = list_beats(maalem.redis, now), find_last_beat(maalem.redis)
    except (RedisError, RedisClusterException):
        return {"workers": None}
    return {"workers": workers, "last_beat": last_beat}


def _look_quickly(maalem: Runtime) -> list[Finding]:
    """Looks at each part by turns: the office has few connections, and phones keep theirs."""
    desk = copy.copy(maalem)
    desk.database = maalem.office_database
    until = time.monotonic() + _SECONDS
    findings: list[Finding] = []
    for name, check in _list_quick_checks().items():
        findings += look_at({name: check}, desk, max(0.001, until - time.monotonic()))
    return findings


def _list_quick_checks() -> Mapping[str, Check]:
    # What the doctor looks at (backups, engines) is read where it looks alone.
    from app.checks.all import CHECKS
    from app.checks.engines import check_time_limits

    return {name: CHECKS[name] for name in _PAGES} | {
        # Of the office's own connections, on which all of them ask.
        "time limits": partial(check_time_limits, statement_ms=OFFICE_STATEMENT_MS)
    }
