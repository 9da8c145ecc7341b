"""`flask doctor`: prints a line for each part of an installation that says if it works."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import suppress

import click
from flask.cli import with_appcontext

from app.cli.checks import callers, clocks, engines, installation, keys, providers, register
from app.cli.checks.looking import Check, Finding, look
from app.cli.checks.role import check_role
from app.cli.tables import JSON, print_json
from app.runtime import Runtime, runtime

CHECKS: Mapping[str, Check] = {
    "configuration": installation.check_configuration,
    "database": engines.check_database,
    "migrations": engines.check_migrations,
    "time limits": engines.check_time_limits,
    "role": check_role,
    "redis": engines.check_redis,
    "redis memory": engines.check_redis_memory,
    "redis storage": engines.check_redis_storage,
    "engines": engines.check_engines,
    "worker": engines.check_worker,
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
}


@click.command()
@JSON
@with_appcontext
def doctor(as_json: bool) -> None:
    """Checks this installation part by part; exit 1 if one is wrong."""
    maalem = runtime()
    _start_engines(maalem)
    found = []
    for finding in look({**CHECKS, **providers.list_account_checks(maalem)}, maalem):
        found.append(finding)
        if not as_json:
            click.echo(_as_line(finding))
    ok = all(finding.ok for finding in found)
    if as_json:
        checks = [{"name": f.name, "ok": f.ok, "says": f.says} for f in found]
        print_json({"checks": checks, "ok": ok})
    raise SystemExit(0 if ok else 1)


def _start_engines(maalem: Runtime) -> None:
    """Starts and migrates the embedded engines, which take the time they need; no check does.

    What many checks use is made here, in one thread.
    """
    assert maalem.urls
    for make in (lambda: maalem.database, lambda: maalem.redis, lambda: maalem.services):
        with suppress(Exception):  # the checks say what is wrong
            make()


def _as_line(finding: Finding) -> str:
    word = "note" if finding.note else "ok" if finding.ok else "WRONG"
    return f"{word:<6} {finding.name}: {finding.says}"
