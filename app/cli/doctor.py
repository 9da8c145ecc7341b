"""`flask doctor`: prints a line for each part of an installation that says if it works."""

from __future__ import annotations

import json
from collections.abc import Mapping
from contextlib import suppress

import click
from flask.cli import with_appcontext

from app.cli.checks import callers, engines, installation
from app.cli.checks.looking import Check, Finding, look
from app.runtime import Runtime, runtime

CHECKS: Mapping[str, Check] = {
    "configuration": installation.check_configuration,
    "database": engines.check_database,
    "migrations": engines.check_migrations,
    "redis": engines.check_redis,
    "engines": engines.check_engines,
    "menus": installation.check_menus,
    "sms": installation.check_sms,
    "prices": installation.check_prices,
    "callers": callers.check_callers,
}


@click.command()
@click.option("--json", "as_json", is_flag=True, help="for programs: checks and ok")
@with_appcontext
def doctor(as_json: bool) -> None:
    """Checks this installation part by part; exit 1 if one is wrong."""
    maalem = runtime()
    _start_engines(maalem)
    found = []
    for name, check in CHECKS.items():
        found.append(look(name, check, maalem))
        if not as_json:
            click.echo(_as_line(found[-1]))
    ok = all(finding.ok for finding in found)
    if as_json:
        checks = [{"name": f.name, "ok": f.ok, "says": f.says} for f in found]
        click.echo(json.dumps({"checks": checks, "ok": ok}, ensure_ascii=False))
    raise SystemExit(0 if ok else 1)


def _start_engines(maalem: Runtime) -> None:
    """Starts and migrates the embedded engines, which take the time they need; no check does."""
    assert maalem.urls
    with suppress(Exception):  # the checks of the database say it
        assert maalem.database


def _as_line(finding: Finding) -> str:
    word = "note" if finding.note else "ok" if finding.ok else "WRONG"
    return f"{word:<6} {finding.name}: {finding.says}"
