"""Processes as an operator starts them: nothing runs by mistake, and the reason is one line."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from click.testing import CliRunner
from flask.cli import FlaskGroup

from app import create_app
from app.runtime import Runtime
from app.settings import ROOT
from tests.conftest import free_port
from tests.doors.deployment import read_documented_command
from tests.production import as_environment

NOWHERE = {"DATABASE_URL": "postgresql://127.0.0.1:1/maalem", "REDIS_URL": "rediss://127.0.0.1:1"}


def start(command: tuple[str, ...], environment: dict[str, str]) -> tuple[int, str]:
    """Returns a process's exit code and what it said, without the lines of granian itself."""
    own = {name: value for name, value in os.environ.items() if name != "APP_ENV"}
    ended = subprocess.run(
        [str(Path(sys.executable).parent / command[0]), *command[1:]],
        env=own | environment,
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    said = (ended.stdout + ended.stderr).splitlines()
    return ended.returncode, "\n".join(line for line in said if not line.startswith("["))


def test_nothing_starts_where_nobody_said_what_it_is() -> None:
    """The web server as documented, the worker, and a command that touches the database."""
    commands = read_documented_command(free_port()), ("flask", "worker"), ("flask", "db", "upgrade")
    with ThreadPoolExecutor(len(commands)) as beside:
        ended = list(beside.map(lambda command: start(command, NOWHERE), commands))
    for command, (code, said) in zip(commands, ended, strict=True):
        assert code == 1, command
        assert said.count("APP_ENV is not set") == 1 and "Traceback" not in said, command


def test_a_start_reads_no_library_that_few_ask_for() -> None:
    read = "import sys, wsgi; print(*sys.modules)"
    code, said = start(("python", "-c", read), {"APP_ENV": "development"})
    read_names = set(said.split())
    assert code == 0 and "flask" in read_names
    asked_by_few = {
        *("authlib", "joserfc", "webauthn", "opentelemetry", "google", "sentry_sdk"),
        *("rich", "markdown_it", "segno", "cryptography.hazmat.bindings._rust"),
        *("requests", "charset_normalizer", "colorama", "xml.etree.ElementTree", "psutil"),
    }
    assert not asked_by_few & read_names


@pytest.mark.usefixtures("sample_people")
def test_the_phone_of_the_terminal_is_answered_though_commands_have_no_pages(
    runtime: Runtime,
) -> None:
    group = FlaskGroup(create_app=lambda: create_app(runtime), add_default_commands=False)
    called = CliRunner().invoke(group, ["dial", "*384*2*1#", "--phone", "+212600000001"])
    assert re.search(r"\d{4} \d{4} \d{4}", called.output), called.output


def test_the_image_and_units_are_served_with_the_menus_that_are_live() -> None:
    told = "print('begin' in str(a.wsgi_app), 'live_menus' in vars(a.extensions['maalem']))"
    for made in ("from wsgi import app as a", "import app; a = app.create_served()"):
        code, said = start(("python", "-c", f"{made}; {told}"), {"APP_ENV": "development"})
        assert (code, said) == (0, "True True"), made


def test_a_machine_without_the_library_of_cpp_starts_all_the_same() -> None:
    read = """import sys; sys.modules["greenlet"] = None
import app; app.create_server(); from app.base import waits; print(waits.can_give_way())"""
    assert start(("python", "-c", read), {"APP_ENV": "development"}) == (0, "False")


def test_a_web_process_reads_the_pages_when_the_first_is_asked_for() -> None:
    """Machines are answered without them, by their own addresses; all others by the pages."""
    paths = (
        *("/healthz", "/ussd/none", "/sms/none", "/readyz", "/static/star.svg", "/office"),
        *("/agent", "/mm/none", "/none"),
    )
    ask = f"""import sys, wsgi
client = wsgi.app.test_client()
for path in {paths}:
    print(path, client.get(path).status_code, "app.web.pages" in sys.modules)"""
    code, said = start(("python", "-c", ask), {"APP_ENV": "development", **NOWHERE})
    told = [line for line in said.splitlines() if line.startswith("/")]
    assert (code, told) == (
        0,
        [
            *("/healthz 200 False", "/ussd/none 404 False", "/sms/none 404 False"),
            *("/readyz 503 False", "/static/star.svg 200 True", "/office 401 True"),
            *("/agent 200 True", "/mm/none 404 True", "/none 404 True"),
        ],
    )


def test_a_command_reads_no_page_and_no_drawer_of_tables() -> None:
    command = ("python", "-X", "importtime", "-m", "flask", "menus", "check")
    code, said = start(command, {"APP_ENV": "development", **NOWHERE})
    read_names = {line.rpartition("|")[2].strip() for line in said.splitlines()}
    assert code == 0 and "app.ussd.checker.check" in read_names
    assert (
        not {"app.web.pages", "app.web.ussd", "wtforms", "flask_login", "rich.console"} & read_names
    )


@pytest.mark.parametrize(
    ("command", "changed", "why"),
    [
        (("flask", "run"), {}, "flask run is for development"),
        (("flask", "run", "--debug"), {"SECRET_KEY": "short"}, "SECRET_KEY (shorter than 32"),
    ],
)
def test_production_is_not_served_by_the_server_of_development(
    command: tuple[str, ...], changed: dict[str, str], why: str
) -> None:
    code, said = start(command, as_environment(**NOWHERE) | changed)
    assert code == 1
    assert why in said and "Traceback" not in said
    assert ("FLASK_DEBUG (shows secrets)" in said) == ("--debug" in command)
