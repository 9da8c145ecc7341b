"""`flask doctor`: prints a line for each part of an installation that says if it works."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import click
from flask.cli import with_appcontext
from sqlalchemy import text

from app.base.clock import local_date
from app.base.database import reading
from app.embedded import describe_engines
from app.messaging.prices import entry_on
from app.migrating import current_revision, newest_revision
from app.runtime import Runtime, runtime
from app.sms.registry import PROVIDERS
from app.ussd.checker.check import find_faults


@click.command()
@with_appcontext
def doctor() -> None:
    """Checks configuration, database, migrations, Redis, menus, SMS providers and prices."""
    checks: dict[str, Callable[[Runtime], str]] = {
        "configuration": _check_configuration,
        "database": _check_database,
        "migrations": _check_migrations,
        "redis": _check_redis,
        "engines": _check_engines,
        "menus": _check_menus,
        "sms": _check_sms,
        "prices": _check_prices,
    }
    wrong = 0
    for name, check in checks.items():
        try:
            click.echo(f"ok     {name}: {check(runtime())}")
        except Exception as error:  # every failure is a finding
            wrong += 1
            reason = str(error).strip().split("\n")[0] or type(error).__name__
            click.echo(f"WRONG  {name}: {reason}")
    raise SystemExit(1 if wrong else 0)


def _check_configuration(maalem: Runtime) -> str:
    kind = "production" if maalem.settings.production else "development"
    return f"{kind}, dialled as {maalem.settings.ussd_code}"


def _check_database(maalem: Runtime) -> str:
    with reading(maalem.database) as connection:
        version = connection.execute(text("SHOW server_version")).scalar_one()
        number = int(connection.execute(text("SHOW server_version_num")).scalar_one())
    if number < 140000:
        raise RuntimeError(f"PostgreSQL {version} is too old, 14 or later is needed")
    return f"PostgreSQL {version}"


def _check_migrations(maalem: Runtime) -> str:
    current, newest = current_revision(maalem.database), newest_revision()
    if current != newest:
        raise RuntimeError(
            f"the database is at {current}, the code wants {newest}: flask db upgrade"
        )
    return f"at {current}"


def _check_redis(maalem: Runtime) -> str:
    info: Any = maalem.redis.info("server")
    return f"Redis {info['redis_version']}"


def _check_engines(maalem: Runtime) -> str:
    """Returns the engines' programs and where they come from."""
    assert maalem.urls  # starts the engines
    settings = maalem.settings
    origins = describe_engines(settings.data_dir, settings.database_url, settings.redis_url)
    return ", ".join(f"{name} {origin}" for name, origin in origins.items())


def _check_menus(maalem: Runtime) -> str:
    faults = find_faults(maalem.ussd, maalem.declarations, maalem.limits)
    if faults:
        raise RuntimeError(f"{len(faults)} faults, the first: {faults[0]}")
    return f"{len(maalem.ussd.menu.screens)} screens in {', '.join(maalem.words.languages)}"


def _check_sms(maalem: Runtime) -> str:
    names = maalem.settings.sms_providers
    if unknown := [name for name in names if name not in PROVIDERS]:
        raise RuntimeError(f"no such provider: {', '.join(unknown)}")
    if missing := maalem.settings.credentials_missing:
        raise RuntimeError(f"not set: {', '.join(missing)}")
    # Making a provider reads its own settings and names those that are missing.
    return ", ".join(maalem.sms_providers)


def _check_prices(maalem: Runtime) -> str:
    """Returns today's price of a segment at each provider, and how sure the price is."""
    today = local_date(maalem.clock())
    names = maalem.settings.sms_providers
    entries = {name: entry_on(maalem.prices, name, today) for name in names}
    return ", ".join(f"{name} {price.mad} MAD ({price.sure})" for name, price in entries.items())
