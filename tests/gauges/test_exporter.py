"""The exporter as an operator starts it: its token, its page, and that it ends when asked."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from threading import Thread

import requests
from prometheus_client import REGISTRY
from pydantic import SecretStr

from app.gauges.exporter import listen
from app.runtime import Runtime
from app.settings import ROOT, Settings

TOKEN = "a-token-of-the-test-alone"


@contextmanager
def serving(settings: Settings) -> Iterator[str]:
    server = listen(settings, REGISTRY, "127.0.0.1", 0)
    Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        server.server_close()


def test_page_asks_for_the_token(runtime: Runtime) -> None:
    settings = runtime.settings.model_copy(update={"metrics_token": SecretStr(TOKEN)})
    with serving(settings) as address:
        asked = requests.get(f"{address}/metrics", timeout=5)
        assert asked.status_code == 401 and asked.headers["WWW-Authenticate"] == "Bearer"
        named = {"Authorization": f"Bearer {TOKEN}"}
        assert requests.get(f"{address}/metrics", headers=named, timeout=5).ok
        assert requests.get(f"{address}/else", headers=named, timeout=5).status_code == 404


def test_command_shows_the_gauges_and_ends_when_asked(runtime: Runtime) -> None:
    settings = runtime.settings
    engines = {"DATABASE_URL": settings.database_url, "REDIS_URL": settings.redis_url}
    command = Path(sys.executable).parent / "flask"
    process = subprocess.Popen(
        [command, "exporter", "--port", "0"],
        env=os.environ | engines,
        cwd=ROOT,
        stdout=subprocess.PIPE,
        text=True,
    )
    try:
        assert process.stdout
        said = process.stdout.readline()
        found = re.search(r"http://\S+/metrics", said)
        assert found, said
        told = requests.get(found[0], timeout=10).text
        assert "maalem_workers_alive 0.0" in told and "maalem_readings_failed 0.0" in told
        process.send_signal(signal.SIGTERM)
        assert process.wait(10) == 0
    finally:
        process.kill()
        process.wait()
        assert process.stdout
        process.stdout.close()
