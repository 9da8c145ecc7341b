"""`flask doctor`: prints a line for each part of an installation that says if it works."""

from __future__ import annotations

from contextlib import suppress

import click
from flask.cli import with_appcontext

from app.base.errors import MaalemError
from app.checks import providers
from app.checks.all import CHECKS
from app.checks.looking import SECONDS, Finding, look
from app.cli.refusals import SENTENCES, describe
from app.cli.tables import JSON, print_json
from app.runtime import Runtime, runtime


@click.command()
@JSON
@with_appcontext
def doctor(as_json: bool) -> None:
    """Checks this installation part by part; exit 1 if one is wrong."""
    maalem = runtime()
    _start_engines(maalem)
    found = []
    checks = {**CHECKS, **providers.list_account_checks(maalem)}
    for finding in look(checks, maalem, SECONDS, _describe):
        found.append(finding)
        if not as_json:
            click.echo(_as_line(finding))
    ok = all(finding.ok for finding in found)
    if as_json:
        shown = [{"name": f.name, "ok": f.ok, "says": f.says} for f in found]
        print_json({"checks": shown, "ok": ok})
    raise SystemExit(0 if ok else 1)


def _start_engines(maalem: Runtime) -> None:
    """Starts and migrates the embedded engines, which take the time they need; no check does.

    What many checks use is made here, in one thread.
    """
    assert maalem.urls
    for make in (lambda: maalem.database, lambda: maalem.redis, lambda: maalem.services):
        with suppress(Exception):  # the checks say what is wrong
            make()


def _describe(error: MaalemError) -> str:
    return describe(error) if error.code in SENTENCES else str(error)


def _as_line(finding: Finding) -> str:
    word = "note" if finding.note else "ok" if finding.ok else "WRONG"
    return f"{word:<6} {finding.name}: {finding.says}"
