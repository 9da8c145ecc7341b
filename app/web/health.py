"""The addresses for monitoring: alive, ready and metrics."""

import os
from http import HTTPStatus

from flask import Blueprint, Response, abort, jsonify, request
from prometheus_client import (
    CONTENT_TYPE_LATEST,
    REGISTRY,
    CollectorRegistry,
    generate_latest,
)
from prometheus_client.multiprocess import MultiProcessCollector

from app.checks.away import list_away
from app.gauges.exporter import ASKS_FOR_ONE, judge_scraper
from app.runtime import runtime
from app.web.access import Audience, open_to

pages = Blueprint("health", __name__)


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


@pages.get("/metrics")
@open_to(Audience.MONITORING)
def figures() -> Response:
    """Returns Prometheus text: the metrics of this process, or of all that share a folder.

    In development it shows the exporter's gauges too: in production one process asks for them,
    `flask exporter`. With METRICS_TOKEN it is asked for as a bearer token; in production nothing is
    shown without.
    """
    match judge_scraper(runtime().settings, request.headers.get("Authorization", "")):
        case HTTPStatus.NOT_FOUND:
            abort(404)
        case HTTPStatus.UNAUTHORIZED:
            abort(Response(ASKS_FOR_ONE, 401, {"WWW-Authenticate": "Bearer"}))
    if "PROMETHEUS_MULTIPROC_DIR" in os.environ:
        registry = CollectorRegistry()
        MultiProcessCollector(registry)  # type: ignore[no-untyped-call]
    else:
        registry = REGISTRY
    body = generate_latest(registry)
    if not runtime().settings.production:
        # What gauges look at (backups, engines) is read where they are shown alone.
        from app.gauges.all import make_registry

        body += generate_latest(make_registry(runtime()))
    return Response(body, content_type=CONTENT_TYPE_LATEST)
