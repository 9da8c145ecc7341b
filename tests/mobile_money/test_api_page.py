"""docs/api.md is run line by line against the real server; what it shows is what comes."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
from datetime import date
from hashlib import sha256
from pathlib import Path
from typing import Any

import pytest
from pydantic import SecretStr

from app.base.clock import utc_now
from app.files.table import GivenFile
from app.mobile_money.callbacks import signature
from app.mobile_money.errors import STATUSES
from app.mobile_money.objects import write_moment
from app.reconciliation.network_file import Summary, read_lines
from app.settings import ROOT
from tests.mobile_money import curl
from tests.shared_server import live_server, server_of_file

__all__ = ["live_server", "server_of_file"]

PAGE = (ROOT / "docs/api.md").read_text("utf-8")
BLOCKS = re.findall(r"(?ms)^```(\w+)\n(.*?)^```$", PAGE)
_END = "--- the end of a block ---"


def _fits(told: Any, shown: Any) -> bool:
    """All that is shown is there; `...` stands for anything."""
    if isinstance(shown, str) and "..." in shown:
        pattern = re.escape(shown).replace(r"\.\.\.", ".*")
        return shown == "..." or bool(re.fullmatch(pattern, str(told)))
    if isinstance(shown, dict):
        return isinstance(told, dict) and all(
            name in told and _fits(told[name], value) for name, value in shown.items()
        )
    if isinstance(shown, list):
        return len(told) == len(shown) and all(map(_fits, told, shown))
    return bool(told == shown)


@pytest.mark.xdist_group("the API's page")
# A bare machine has no curl, and the page must be true there too.
@pytest.mark.parametrize("program", ["our own curl"] + ["curl"] * bool(shutil.which("curl")))
def test_every_call_of_the_page_answers_as_the_page_shows(
    live_server: str, program: str, tmp_path: Path
) -> None:
    commands = [block for kind, block in BLOCKS if kind == "sh"]
    shown = [json.loads(block) for kind, block in BLOCKS if kind == "json"]
    assert len(commands) == len(shown) > 7
    script = "".join(f"{block}echo; echo '{_END}'\n" for block in commands)
    script = script.replace("http://127.0.0.1:8000", live_server)
    path = os.environ["PATH"]
    if program == "our own curl":
        curl.install(tmp_path)
        path = f"{tmp_path}:{path}"
    run = subprocess.run(
        ["bash", "-e"],
        input=script,
        env=os.environ | {"PATH": path},
        capture_output=True,
        text=True,
        timeout=120,
    )
    answers = run.stdout.split(_END)[:-1]
    assert len(answers) == len(shown), run.stdout + run.stderr
    for command, answer, wanted in zip(commands, answers, shown, strict=True):
        assert _fits(json.loads(answer), wanted), (command, answer)


def test_the_page_checks_a_signature_as_the_program_signs() -> None:
    (code,) = (block for kind, block in BLOCKS if kind == "python")
    names: dict[str, Any] = {}
    exec(code, names)
    key, date, identity, body = "k" * 64, write_moment(utc_now()), "some-id", b'{"a": 1}'
    headers = {
        "X-Date": date,
        "X-CorrelationID": identity,
        "X-Content-Hash": sha256(body).hexdigest(),
        "X-Signature": signature(SecretStr(key), date, identity, body),
    }
    assert names["is_from_maalem"](key, headers, body)
    assert not names["is_from_maalem"](key, headers, body + b" ")
    assert not names["is_from_maalem"]("other", headers, body)


def test_the_settlement_file_of_the_page_can_be_read(tmp_path: Path) -> None:
    (content,) = (block for kind, block in BLOCKS if kind == "csv")
    path, summary = tmp_path / "day.csv", Summary()
    path.write_text(content, encoding="utf-8")
    assert [
        line.reference for line in read_lines(GivenFile(path), summary, date(2026, 11, 23))
    ] == ["W-1"]


def test_the_page_lists_the_statuses_of_the_definition() -> None:
    rows = re.findall(r"(?m)^\| (\d+) \| `(\w+)` /", PAGE)
    assert {(category, int(status)) for status, category in rows} <= set(STATUSES.items())
