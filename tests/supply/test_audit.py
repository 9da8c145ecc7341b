"""Known holes are named and fail; where nobody can be asked, that is said and is no pass."""

from __future__ import annotations

import json
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread

import pytest

from supply.audit import NOT_CHECKED, audit
from supply.pins import PRODUCT, read_pins

HOLE = {
    "id": "PYSEC-2026-1",
    "modified": "2026-11-01T00:00:00Z",
    "published": "2026-11-01T00:00:00Z",
    "aliases": ["CVE-2026-1"],
    "summary": "a hole",
    "details": "a hole",
    "affected": [
        {
            "package": {"name": "flask", "ecosystem": "PyPI"},
            "ranges": [
                {"type": "ECOSYSTEM", "events": [{"introduced": "0"}, {"fixed": "99.1"}]},
            ],
            "versions": ["3.1.3"],
        }
    ],
}


class Database:
    """A database of holes on this machine, which speaks as the public one; `holes` by package."""

    def __init__(self) -> None:
        self.holes: dict[str, list[object]] = {}
        self.asked: list[str] = []
        database = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
                name = body["package"]["name"]
                database.asked.append(name)
                told = json.dumps({"vulns": database.holes.get(name, [])}).encode()
                self.send_response(200)
                self.send_header("Content-Length", str(len(told)))
                self.end_headers()
                self.wfile.write(told)

            def log_message(self, *_: object) -> None:
                pass

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.address = f"http://127.0.0.1:{self.server.server_port}/v1/query"
        Thread(target=self.server.serve_forever, daemon=True).start()


@pytest.fixture
def database() -> Iterator[Database]:
    database = Database()
    yield database
    database.server.shutdown()
    database.server.server_close()


def test_known_hole_is_named_and_fails(
    database: Database, capsys: pytest.CaptureFixture[str]
) -> None:
    database.holes["flask"] = [HOLE]
    assert audit(PRODUCT, f"--osv-url={database.address}") == 1
    told = capsys.readouterr().out
    assert "flask 3.1.3: PYSEC-2026-1, mended in 99.1" in told
    assert "1 known holes" in told
    # Those for other machines alone are no part of this one.
    wanted = [pin for pin in read_pins(PRODUCT) if not pin.requirement.marker]
    assert len(set(database.asked)) >= len(wanted)


def test_no_known_hole_passes(tmp_path: Path, database: Database) -> None:
    few = tmp_path / "few.txt"
    few.write_text(next(pin for pin in read_pins(PRODUCT)).write() + "\n")
    assert audit(few, f"--osv-url={database.address}") == 0


def test_nobody_to_ask_is_said_and_is_no_pass(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    few = tmp_path / "few.txt"
    few.write_text(next(pin for pin in read_pins(PRODUCT)).write() + "\n")
    assert audit(few, "--osv-url=http://127.0.0.1:9/v1/query") == NOT_CHECKED
    assert "NOT CHECKED for known holes" in capsys.readouterr().out
