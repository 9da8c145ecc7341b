"""The addresses for monitoring: alive, ready and metrics."""

import hmac
import os
from datetime import datetime, timedelta

from flask import Blueprint, Response, abort, jsonify, request
from prometheus_client import (
    CONTENT_TYPE_LATEST,
    REGISTRY,
    CollectorRegistry,
    generate_latest,
)
from prometheus_client.metrics_core import GaugeMetricFamily
from prometheus_client.multiprocess import MultiProcessCollector
from redis.exceptions import RedisError
from sqlalchemy import text

from app.audit.sealing import count_unsealed
from app.base.clock import local_date
from app.base.database import reading
from app.base.errors import Unavailable
from app.messaging.queries import count_ended_since, count_open
from app.mobile_money.allowance import list_bill_days
from app.payments.queries import count_live_codes
from app.payments.reversal_list import count_reversals_today
from app.reminders.queries import count_paused, find_spending
from app.runtime import Runtime, runtime
from app.settings import Settings
from app.web.access import Audience, open_to

pages = Blueprint("health", __name__)
_LATELY = timedelta(hours=1)


@pages.get("/healthz")
@open_to(Audience.EVERYONE)
def alive() -> Response:
    """Says that the process answers."""
    return jsonify(status="alive")


@pages.get("/readyz")
@open_to(Audience.EVERYONE)
def ready() -> tuple[Response, int]:
    """Says if PostgreSQL and Redis answer; 503 if one does not.

    The menus are loaded by then, so that the first caller of a new process waits for nothing.
    """
    away = list_away(runtime())
    _ = runtime().turns
    return jsonify(status="away" if away else "ready", away=away), 503 if away else 200


def list_away(maalem: Runtime) -> list[str]:
    """Returns the names of the engines that do not answer."""
    away = []
    try:
        with reading(maalem.database) as connection:
            connection.execute(text("SELECT version_num FROM alembic_version"))
    except Exception:
        away.append("postgresql")
    try:
        maalem.redis.ping()
    except RedisError:
        away.append("redis")
    return away


@pages.get("/metrics")
@open_to(Audience.MONITORING)
def figures() -> Response:
    """Returns Prometheus text: the metrics of this process or of all, and the database's counts.

    With METRICS_TOKEN it is asked for as a bearer token; in production nothing is shown without.
    """
    _check_token(runtime().settings)
    if "PROMETHEUS_MULTIPROC_DIR" in os.environ:
        registry = CollectorRegistry()
        MultiProcessCollector(registry)  # type: ignore[no-untyped-call]
    else:
        registry = REGISTRY
    body = generate_latest(registry) + _read_counts(runtime())
    return Response(body, content_type=CONTENT_TYPE_LATEST)


def _check_token(settings: Settings) -> None:
    """Answers 404 in production without a token of ours, and 401 for another than ours."""
    token = settings.metrics_token.get_secret_value()
    if not token:
        if settings.production:
            abort(404)
        return
    given = request.headers.get("Authorization", "")
    if not hmac.compare_digest(given.encode(), f"Bearer {token}".encode()):
        abort(Response("metrics: a bearer token is needed\n", 401, {"WWW-Authenticate": "Bearer"}))


def _read_counts(maalem: Runtime) -> bytes:
    """Returns the counts of live codes, of messages not ended and of messages ended lately.

    Each is read from an index that holds only those rows, so that a scrape stays cheap however
    many rows there are.
    """
    codes = GaugeMetricFamily("maalem_payment_codes", "Live payment codes", labels=["state"])
    messages = GaugeMetricFamily("maalem_messages", "Messages not ended", labels=["state"])
    ended = GaugeMetricFamily(
        "maalem_messages_ended_last_hour", "Messages ended in the last hour", labels=["state"]
    )
    spent = GaugeMetricFamily("maalem_sms_day_spent_dirhams", "Messages to many, today, at most")
    stopped = GaugeMetricFamily(
        "maalem_sms_budgets_reached", "Budgets that hold messages to many back", labels=["scope"]
    )
    bills = GaugeMetricFamily(
        "maalem_api_bills_unpaid_today",
        "Bills of today that a client's look-ups made and that were not paid, as last counted",
        labels=["client"],
    )
    allowed = GaugeMetricFamily(
        "maalem_api_bills_allowed_a_day", "Bills that a client may make so", labels=["client"]
    )
    unknown = GaugeMetricFamily(
        "maalem_api_unknown_look_ups_today",
        "Look-ups of today of numbers that are nobody's",
        labels=["client"],
    )
    undone = GaugeMetricFamily(
        "maalem_reversals_today",
        "Deposits reversed today, by what allowed it",
        labels=["allowance"],
    )
    unsealed = GaugeMetricFamily("maalem_audit_unsealed_rows", "Audit rows that wait for a seal")
    unsealed_age = GaugeMetricFamily(
        "maalem_audit_unsealed_seconds", "How long the oldest of them has waited"
    )
    try:
        with reading(maalem.database) as connection:
            waiting = count_unsealed(connection)
            unsealed.add_metric([], waiting.rows)
            unsealed_age.add_metric([], _measure_age(waiting.since, maalem.clock()))
            for client in list_bill_days(connection, local_date(maalem.clock())):
                bills.add_metric([client.client_id], client.bills)
                allowed.add_metric([client.client_id], client.bills_a_day)
                unknown.add_metric([client.client_id], client.unknown)
            codes.add_metric(["issued"], count_live_codes(connection))
            for state, count in count_open(connection).items():
                messages.add_metric([state], count)
            for state, count in count_ended_since(connection, maalem.clock() - _LATELY).items():
                ended.add_metric([state], count)
            today = find_spending(connection, local_date(maalem.clock()))
            spent.add_metric([], float(today.spent))
            stopped.add_metric(["day"], today.reached_at is not None)
            stopped.add_metric(["campaign"], count_paused(connection))
            for allowance, count in count_reversals_today(connection, maalem.clock()).items():
                undone.add_metric([allowance], count)
    except Unavailable:
        return b""
    registry = CollectorRegistry()
    families = codes, messages, ended, spent, stopped, bills, allowed, unknown, undone
    registry.register(_Families(*families, unsealed, unsealed_age))
    return generate_latest(registry)


def _measure_age(since: datetime | None, now: datetime) -> float:
    return max((now - since).total_seconds(), 0) if since else 0


class _Families:
    """Metric families already filled, as a registry collects them."""

    def __init__(self, *families: GaugeMetricFamily) -> None:
        self._families = families

    def collect(self) -> tuple[GaugeMetricFamily, ...]:
        return self._families
