"""How the service is: what the doctor looks at, workers, queues, providers and budgets."""

from __future__ import annotations

import copy
import time
from typing import Any

from flask import Response

from app.base.clock import local_date
from app.checks.all import CHECKS
from app.checks.looking import Finding
from app.checks.looking import look as look_at
from app.messaging.health import read_health
from app.messaging.queries import list_queues
from app.observe.workers import find_last_beat, list_beats
from app.office.rights import Right
from app.reminders.queries import find_spending
from app.runtime import Runtime, runtime
from app.web.office.desk import look
from app.web.office.frame import may, office_page, pages

# All checks together: a page is waited for.
_SECONDS, _EACH_SECONDS = 5.0, 2.0


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
        findings=_look_at_all(maalem),
        workers=list_beats(maalem.redis, now),
        last_beat=find_last_beat(maalem.redis),
        providers=maalem.settings.sms_providers,
        now=now,
        **values,
    )


def _look_at_all(maalem: Runtime) -> list[Finding]:
    """Looks at one part after the other, through the office's own connections."""
    desk = copy.copy(maalem)
    desk.database = maalem.office_database
    until = time.monotonic() + _SECONDS
    findings: list[Finding] = []
    for name, check in CHECKS.items():
        left = min(_EACH_SECONDS, max(0.001, until - time.monotonic()))
        findings += look_at({name: check}, desk, left)
    return findings
