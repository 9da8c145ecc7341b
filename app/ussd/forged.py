"""Counts and logs what stood in Redis and is not ours: somebody else writes there."""

from __future__ import annotations

import structlog

from app.observe import metrics

_log = structlog.get_logger("redis")


def report_forged(kind: str) -> None:
    """Reports a value that is not believed; nothing of its content is told.

    `kind` is `talk`, `menu` or `late_action`.
    """
    metrics.forged_values.labels(kind).inc()
    _log.error("value_not_believed", kind=kind)
