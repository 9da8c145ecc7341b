"""All checks of an installation, in the order in which they are shown."""

from __future__ import annotations

from collections.abc import Mapping

from app.checks import (
    backups,
    callers,
    clocks,
    engines,
    installation,
    keys,
    providers,
    receivers,
    register,
)
from app.checks.looking import Check
from app.checks.role import check_role

CHECKS: Mapping[str, Check] = {
    "configuration": installation.check_configuration,
    "database": engines.check_database,
    "migrations": engines.check_migrations,
    "partitions": engines.check_partitions,
    "time limits": engines.check_time_limits,
    "role": check_role,
    "redis": engines.check_redis,
    "redis memory": engines.check_redis_memory,
    "redis storage": engines.check_redis_storage,
    "engines": engines.check_engines,
    "worker": engines.check_worker,
    "backups": backups.check_backups,
    "clocks": clocks.check_clocks,
    "time zone": clocks.check_time_zone,
    "calendar": clocks.check_calendar,
    "keys": keys.check_keys,
    "menus": installation.check_menus,
    "sms": providers.check_sms,
    "prices": providers.check_prices,
    "callers": callers.check_callers,
    "agents": register.check_agents,
    "samples": register.check_samples,
    "traces": receivers.check_traces,
    "faults": receivers.check_faults,
}
