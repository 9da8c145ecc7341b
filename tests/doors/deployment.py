"""The documented deployment: HAProxy with deploy/haproxy.cfg before one production web process."""

from __future__ import annotations

import os
import shutil
import socket
import ssl
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from secrets import token_hex
from typing import Any

import pytest
import requests
from pydantic import SecretStr
from requests.adapters import HTTPAdapter

from app.settings import ROOT
from tests import servers
from tests.conftest import free_port
from tests.production import HOST, TOKEN, as_environment
from tests.servers import Process, await_ready

PRODUCTION = as_environment(
    TRUSTED_PROXIES="127.0.0.1",
    METRICS_TOKEN=token_hex(16),
    CALLBACK_SOURCES="generic=127.0.0.9",
    SMS_PROVIDERS="twilio",
)
# Of agent 2002: production takes no sample's PIN.
OWN_PIN = SecretStr("482915")


@dataclass(frozen=True)
class Entrance:
    """Where requests come in: a port of this machine, the host they name, TLS or not."""

    port: int
    host: str
    certificate: Path | None = None
    token: str = ""
    plain_port: int = 0
    server_port: int = 0
    log: Path = Path()

    @property
    def base(self) -> str:
        return f"{'https' if self.certificate else 'http'}://127.0.0.1:{self.port}"

    def connect(self, address: str = "127.0.0.2") -> socket.socket:
        """Opens an attacker's connection, on Linux from another address than honest callers'."""
        source = (address, 0) if sys.platform == "linux" else None
        plain = socket.create_connection(("127.0.0.1", self.port), 20, source)
        if not self.certificate:
            return plain
        context = ssl.create_default_context(cafile=str(self.certificate))
        return context.wrap_socket(plain, server_hostname=self.host)

    def send(self, request: str, address: str = "127.0.0.2") -> bytes:
        """Returns all that is answered to the bytes of a request, until the door hangs up."""
        answer = b""
        with self.connect(address) as connection, suppress(OSError):
            connection.settimeout(8)
            connection.sendall(request.encode("latin-1"))
            while more := connection.recv(65_536):
                answer += more
        return answer

    def session(self, address: str = "127.0.0.1") -> requests.Session:
        """Returns a caller; the one from 127.0.0.1 is honest in every test."""
        caller = requests.Session()
        caller.mount("https://", _From(address))
        caller.headers["Host"] = self.host
        # Not what the machine's environment says about certificates and proxies.
        caller.trust_env = False
        caller.verify = str(self.certificate) if self.certificate else True
        return caller


class _From(HTTPAdapter):
    """Calls from one address of this machine."""

    def __init__(self, address: str) -> None:
        self._address = address
        super().__init__()

    def init_poolmanager(self, *args: Any, **options: Any) -> None:
        super().init_poolmanager(*args, **options, source_address=(self._address, 0))  # type: ignore[no-untyped-call]


def find_haproxy() -> str:
    """Returns the program; without it the test is not run, and in CI it fails."""
    found = shutil.which("haproxy", path=f"{os.environ['PATH']}:/usr/sbin")
    if found or os.environ.get("CI"):
        return found or "haproxy"
    pytest.skip("no HAProxy: install the package haproxy")


@contextmanager
def deployed(folder: Path, database_url: str, redis_url: str) -> Iterator[Entrance]:
    """Runs one web process for production behind the shipped door."""
    server = free_port()
    process = Process(
        read_documented_command(server),
        {**PRODUCTION, "DATABASE_URL": database_url, "REDIS_URL": redis_url},
    )
    process.start()
    try:
        await_ready(f"http://127.0.0.1:{server}")
        with opened(folder, server) as entrance:
            _await_door(entrance)
            yield entrance
    finally:
        process.end()


@contextmanager
def opened(folder: Path, server: int) -> Iterator[Entrance]:
    """Runs the shipped door before whatever is at the server's port."""
    haproxy, https, http = find_haproxy(), free_port(), free_port()
    certificate = make_certificate(folder)
    door = {
        "DOOR_HTTPS": f"127.0.0.1:{https}",
        "DOOR_HTTP": f"127.0.0.1:{http}",
        "DOOR_CERTIFICATE": str(certificate),
        "MAALEM_HOST": HOST,
        "MAALEM_SERVER": f"127.0.0.1:{server}",
    }
    # It is started from another folder than ours, as a system's service is.
    with (folder / "door.log").open("w") as log:
        proxy = subprocess.Popen(
            [haproxy, "-f", ROOT / "deploy/haproxy.cfg"],
            env=os.environ | door,
            cwd=folder,
            stdout=log,
            stderr=log,
        )
        try:
            assert _await_port(https, proxy), (folder / "door.log").read_text()
            yield Entrance(https, HOST, certificate, TOKEN, http, server, folder / "door.log")
        finally:
            proxy.terminate()
            proxy.wait(10)


def read_documented_command(port: int) -> tuple[str, ...]:
    """Returns the command of a web process that docs/operations.md gives, with another port."""
    words = list(servers.read_documented_command())
    words[words.index("--port") + 1] = str(port)
    return tuple(words)


def make_certificate(folder: Path) -> Path:
    """Returns a file with a certificate for HOST and this machine, and its key."""
    key, certificate = folder / "key.pem", folder / "certificate.pem"
    subprocess.run(
        [
            *("openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256"),
            *("-nodes", "-days", "2"),
            *("-keyout", key, "-out", certificate),
            *("-subj", f"/CN={HOST}", "-addext", f"subjectAltName=DNS:{HOST},IP:127.0.0.1"),
        ],
        check=True,
        capture_output=True,
    )
    both = folder / "door.pem"
    both.write_text(certificate.read_text() + key.read_text())
    return both


def _await_port(port: int, proxy: subprocess.Popen[bytes]) -> bool:
    deadline = time.monotonic() + 20
    while proxy.poll() is None and time.monotonic() < deadline:
        with suppress(OSError), socket.create_connection(("127.0.0.1", port), 1):
            return True
        time.sleep(0.05)
    return False


def _await_door(entrance: Entrance) -> None:
    deadline = time.monotonic() + 20
    while time.monotonic() < deadline:
        with suppress(requests.RequestException), entrance.session() as caller:
            if caller.get(f"{entrance.base}/agent", timeout=2).status_code == 200:
                return
        time.sleep(0.1)
    raise TimeoutError("the door does not open")
