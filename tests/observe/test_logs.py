"""What is logged never holds a whole number, a code or a secret."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from io import StringIO

import pytest
import structlog
from pydantic import SecretStr

from app.base.money import Money
from app.base.phone import Phone
from app.observe.logs import redact, set_up_logs
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


TALKS = """
from app import create_app
from tests.phone import TestPhone
phone = TestPhone(create_app().test_client())
print(phone.dial("+212600000002", "2*1"))
phone.dial("+212600000099", "1*77001122*17041985")
"""


@pytest.mark.usefixtures("sample_people")
def test_whole_dialogue_leaves_no_number_in_the_log(runtime: Runtime) -> None:
    settings = runtime.settings
    own = {"DATABASE_URL": settings.database_url, "REDIS_URL": settings.redis_url}
    talked = subprocess.run(
        [sys.executable, "-c", TALKS],
        env=os.environ | own | {"LOG_LEVEL": "debug"},
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
    )
    code = talked.stdout.split("\n")[0].removeprefix("Code ")
    assert len(code) == 14 and '"event": "hop"' in talked.stderr
    for secret in (code, code.replace(" ", ""), "600000002", "600000099", "77001122", "17041985"):
        assert secret not in talked.stderr
