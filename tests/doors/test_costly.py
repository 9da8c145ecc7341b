"""Work that costs a core and memory for each try leaves phones quick, however many try at once."""

from __future__ import annotations

import http.client
import os
import re
import sys
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from urllib.parse import urlencode

import psutil
import pytest

from tests.doors.deployment import Entrance
from tests.doors.test_slow_callers import serves

_MOST_MORE = 200 << 20  # bytes


def _find_server(port: int) -> psutil.Process:
    """Returns the process that answers: the newest that was started with this port."""
    named = [
        p for p in psutil.process_iter(["cmdline"]) if f"--port={port}" in (p.info["cmdline"] or ())
    ]
    children = [child for process in named for child in process.children(recursive=True)]
    return max([*named, *children], key=lambda process: process.memory_info().rss)


@pytest.mark.skipif(sys.platform != "linux", reason="one address alone, which the limits stop")
def test_two_hundred_sign_ins_at_once_leave_phones_quick(alone: Entrance) -> None:
    """Each comes from an address of its own, with a number of its own."""
    many = 200 if "ABUSE_SECONDS" in os.environ else 60
    with alone.session() as browser:
        page = browser.get(f"{alone.base}/agent", timeout=5)
        token = re.search(r'name="csrf_token" value="([^"]+)"', page.text)
        cookie = "; ".join(f"{name}={value}" for name, value in browser.cookies.items())
    assert token

    def sign_in(number: int) -> int:
        source = (f"127.2.{number // 200}.{number % 200 + 1}", 0)
        connection = http.client.HTTPConnection("127.0.0.1", alone.port, 20, source_address=source)
        form = {"csrf_token": token[1], "number": f"{8000 + number}", "pin": "975310"}
        kind = "application/x-www-form-urlencoded"
        headers = {"Cookie": cookie, "Content-Type": kind}
        with closing(connection):
            connection.request("POST", "/agent/sign-in", urlencode(form), headers)
            return connection.getresponse().status

    server = _find_server(alone.port)
    before = server.memory_info().rss
    with ThreadPoolExecutor(many) as strangers:
        answers = strangers.map(sign_in, range(many))
        serves(alone)
        told = list(answers)
    assert set(told) <= {401, 503} and told.count(401) >= 2, told
    assert server.memory_info().rss - before < _MOST_MORE
    serves(alone)
