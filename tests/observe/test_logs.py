"""What is logged never holds a whole number, a code or a secret."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from datetime import UTC, datetime
from io import StringIO

import pytest
import structlog
from pydantic import SecretStr

from app.base.money import Money
from app.base.phone import Phone
from app.observe.hops import store_hops
from app.observe.logs import redact, set_up_logs
from app.observe.references import find_reference
from app.observe.talks import list_dialogues
from app.runtime import Runtime
from app.settings import ROOT


def test_redact_prints_values_by_their_type() -> None:
    event = redact(
        None,
        "info",
        {
            "event": "x",
            "phone": Phone("+212600000001"),
            "pin": SecretStr("246813"),
            "total": Money(16352),
            "text": "call +212 600 00 00 01 about 4821 7305 9614 or 482173059614",
            "ms": 12.5,
            "request_id": "0123456789012345",
        },
    )
    line = json.dumps(event, default=str)
    for secret in ("600000001", "246813", "7305 9614", "73059614", "600 00 00"):
        assert secret not in line
    assert event["total"] == "163.52" and event["ms"] == 12.5
    assert event["request_id"] == "0123456789012345"


def test_redact_leaves_out_the_row_of_a_database_error() -> None:
    trace = "CheckViolation: violates check\nDETAIL:  Failing row contains (7, FATIMA ZAHRA).\n[SQL"
    event = redact(None, "error", {"exception": trace})
    assert event["exception"] == "CheckViolation: violates check\nDETAIL: left out\n[SQL"


def test_a_callers_words_forge_no_line_of_the_log() -> None:
    set_up_logs("info")
    written = StringIO()
    forged = 'x"}\n{"event": "signed_in"}\r\x1b[2K\0'
    logger = structlog.wrap_logger(structlog.WriteLogger(written))
    logger.info("refused", reason=forged)
    set_up_logs("error")
    (line,) = written.getvalue().splitlines()
    assert json.loads(line)["reason"] == forged and line.isprintable()


class Terminal(StringIO):
    """Standard error as a person reads it."""

    def isatty(self) -> bool:
        return True


def test_lines_are_short_in_a_terminal_and_forge_nothing_there(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    with monkeypatch.context() as patch:
        patch.setattr(sys, "stderr", written := Terminal())
        set_up_logs("info")
        structlog.wrap_logger(structlog.WriteLogger(written)).info(
            "refused", phone=Phone("+212600000002"), reason="x\n12:00:00 [info] signed_in\x1b[2K"
        )
    set_up_logs("error")
    (line,) = re.sub(r"\x1b\[\d*m", "", written.getvalue()).splitlines()
    assert re.match(r"\d\d:\d\d:\d\d \[info *\] refused", line)
    assert line.isprintable() and "600000002" not in line


TALKS = """
from app import create_app
from tests.phone import TestPhone
phone = TestPhone(create_app().test_client())
print(phone.dial("+212600000002", "2*1"))
phone.dial("+212600000099", "1*77001122*17041985")
"""

POST = """
from app import create_app
from tests.phone import TestPhone
phone = TestPhone(create_app().test_client())
phone.number, phone.session, phone.chain = "+212600000002", "one", {chain!r}
print(phone.post())
"""


@pytest.mark.usefixtures("sample_people")
def test_outage_leads_by_its_reference_to_every_line_about_it(runtime: Runtime) -> None:
    """From the screen to the log's line, and from there to the talk."""
    settings = runtime.settings
    own = {"DATABASE_URL": settings.database_url, "REDIS_URL": settings.redis_url}
    assert run(POST.format(chain=""), own).stdout
    away = own | {"DATABASE_URL": "postgresql://nobody@127.0.0.1:1/none"}
    talked = run(POST.format(chain="2*1"), away)
    reference = talked.stdout.strip()[-6:]
    lines = [json.loads(line) for line in talked.stderr.splitlines()]
    (outage,) = [line for line in lines if line["event"] == "away"]
    (hop,) = [line for line in lines if line["event"] == "hop"]
    assert outage["reference"] == reference == find_reference(hop["request_id"])
    store_hops(runtime.database, runtime.redis)
    with runtime.database.connect() as connection:
        (talk,) = list_dialogues(connection, datetime(2000, 1, 1, tzinfo=UTC), 9)
    assert talk.session == outage["session"] == hop["session"]


def run(program: str, environment: dict[str, str]) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-c", program],
        env=os.environ | environment | {"LOG_LEVEL": "debug"},
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
    )


@pytest.mark.usefixtures("sample_people")
def test_whole_dialogue_leaves_no_number_in_the_log(runtime: Runtime) -> None:
    settings = runtime.settings
    own = {"DATABASE_URL": settings.database_url, "REDIS_URL": settings.redis_url}
    talked = run(TALKS, own)
    code = talked.stdout.split("\n")[0].removeprefix("Code ")
    assert len(code) == 14 and '"event": "hop"' in talked.stderr
    for secret in (code, code.replace(" ", ""), "600000002", "600000099", "77001122", "17041985"):
        assert secret not in talked.stderr
