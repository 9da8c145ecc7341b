"""What machines ask: alive, ready, figures."""

import os

from flask import Blueprint, Response, jsonify
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

from app.base.clock import local_date
from app.base.database import reading
from app.base.errors import Unavailable
from app.messaging.queries import count_by_state as messages_by_state
from app.payments.queries import count_by_state as codes_by_state
from app.reminders.queries import count_paused, find_spending
from app.runtime import Runtime, runtime

pages = Blueprint("health", __name__)


@pages.get("/healthz")
def alive() -> Response:
    """The process answers."""
    return jsonify(status="alive")


@pages.get("/readyz")
def ready() -> tuple[Response, int]:
    """It can do its work: PostgreSQL, Redis and menus are there."""
    away = what_is_away(runtime())
    return jsonify(status="away" if away else "ready", away=away), 503 if away else 200


def what_is_away(maalem: Runtime) -> list[str]:
    """The names of what does not answer."""
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
def figures() -> Response:
    """Prometheus text: this process's (or all processes') figures, and the database's counts."""
    if "PROMETHEUS_MULTIPROC_DIR" in os.environ:
        registry = CollectorRegistry()
        MultiProcessCollector(registry)  # type: ignore[no-untyped-call]
    else:
        registry = REGISTRY
    body = generate_latest(registry) + _counts(runtime())
    return Response(body, content_type=CONTENT_TYPE_LATEST)


def _counts(maalem: Runtime) -> bytes:
    """Codes and messages by state, from the database: true whichever process is asked."""
    codes = GaugeMetricFamily("maalem_payment_codes", "Payment codes by state", labels=["state"])
    messages = GaugeMetricFamily("maalem_messages", "Messages by state", labels=["state"])
    spent = GaugeMetricFamily("maalem_sms_day_spent_dirhams", "Messages to many, today, at most")
    stopped = GaugeMetricFamily(
        "maalem_sms_budgets_reached", "Budgets that hold messages to many back", labels=["scope"]
    )
    try:
        with reading(maalem.database) as connection:
            for state, count in codes_by_state(connection).items():
                codes.add_metric([state], count)
            for state, count in messages_by_state(connection).items():
                messages.add_metric([state], count)
            today = find_spending(connection, local_date(maalem.clock()))
            spent.add_metric([], float(today.spent))
            stopped.add_metric(["day"], today.reached_at is not None)
            stopped.add_metric(["campaign"], count_paused(connection))
    except Unavailable:
        return b""
    registry = CollectorRegistry()
    registry.register(_Families(codes, messages, spent, stopped))
    return generate_latest(registry)


class _Families:
    """Families that are ready, in the shape a registry asks for."""

    def __init__(self, *families: GaugeMetricFamily) -> None:
        self._families = families

    def collect(self) -> tuple[GaugeMetricFamily, ...]:
        return self._families
