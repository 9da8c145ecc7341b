"""A name server that says nothing holds nobody who asks Redis longer than a hop waits."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from app.settings import ROOT

# With names and a network of its own, in which the only name server is silent.
_APART = ("unshare", "--map-root-user", "--mount", "--net", "sh", "-euc")
_PREPARE = """ip link set lo up
mount --bind "$0" /etc/resolv.conf
exec "$@" """
_ASK = """
import socket, sys, time
from app.base.redis_client import answers, connect_redis
silent = socket.socket(type=socket.SOCK_DGRAM)
silent.bind(("127.0.0.1", 53))
for url in sys.argv[1:]:
    redis, began = connect_redis(url), time.monotonic()
    assert not answers(redis)
    print(round(time.monotonic() - began, 1))
assert silent.recv(512, socket.MSG_DONTWAIT), "it was asked"
sys.stdout.flush()
__import__("os")._exit(0)
"""


def test_a_silent_name_server_holds_nobody_longer_than_a_wait(tmp_path: Path) -> None:
    (resolv := tmp_path / "resolv.conf").write_text("nameserver 127.0.0.1\n")
    tried = (*_APART, _PREPARE, str(resolv), "true")
    if (told := subprocess.run(tried, capture_output=True, text=True)).returncode:
        pytest.skip(f"NOT TRIED: no network apart can be made here: {told.stderr}")
    sentinels = "redis+sentinel://a.example,b.example,c.example/pair"
    urls = ("redis://redis.example", "rediss://redis.example", sentinels)
    command = (*_APART, _PREPARE, str(resolv), sys.executable, "-c", _ASK, *urls)
    asked = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert asked.returncode == 0, asked.stderr
    # 0.4 s, and all Sentinels together; the system itself asks for ten.
    assert all(float(seconds) < 2 for seconds in asked.stdout.split()), asked.stdout
