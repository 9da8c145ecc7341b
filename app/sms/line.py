"""The line to a provider: connections kept open, waits with a limit, and what broke told apart.

Nothing told from here holds an address or a body: they name the person and what we wrote.
"""

import logging
import os
import ssl
import time
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Any

import requests
from requests.adapters import HTTPAdapter
from requests.exceptions import (
    ConnectTimeout,
    InvalidSchema,
    InvalidURL,
    MissingSchema,
    ProxyError,
    ReadTimeout,
)
from requests.utils import get_environ_proxies
from urllib3.exceptions import ConnectTimeoutError, HTTPError, MaxRetryError, SSLError

from app.sms.provider import FateUnknown, NotSent

# As many as a worker has threads; more still work, over connections that are not kept.
_KEPT_OPEN = 160
_CONNECTING_SECONDS = 3.05
_LONGEST_ANSWER = 1024 * 1024
_LONGEST_REST = 3600.0
_BROKEN = (requests.RequestException, HTTPError)

# It logs each address asked, and a question names the number.
logging.getLogger("urllib3").setLevel(logging.INFO)


@dataclass(frozen=True, slots=True)
class Answer:
    status: int
    headers: Mapping[str, str]
    body: bytes

    @property
    def taken(self) -> bool:
        return 200 <= self.status < 300


class Line:
    """To one base address; safe for many threads. `timeout` in seconds, for the whole answer."""

    def __init__(self, base: str, timeout: float) -> None:
        self._seconds = timeout
        self._timeout = (min(_CONNECTING_SECONDS, timeout), timeout)
        # Nothing is tried again here: whether a message may go twice is not the line's to decide.
        adapter = HTTPAdapter(pool_maxsize=_KEPT_OPEN, max_retries=0)
        self._session = requests.Session()
        self._session.mount("http://", adapter)
        self._session.mount("https://", adapter)
        # Read once: looking through the environment for each message costs more than sending it.
        self._session.proxies = dict(get_environ_proxies(base))
        self._session.verify = os.environ.get("REQUESTS_CA_BUNDLE") or True
        self._session.trust_env = False

    def ask(self, method: str, url: str, **parts: Any) -> Answer:
        """One request, one answer whatever its status; NotSent or FateUnknown if it broke."""
        try:
            with self._session.request(
                method, url, timeout=self._timeout, allow_redirects=False, stream=True, **parts
            ) as response:
                body = self._read(response, time.monotonic() + self._seconds)
            return Answer(response.status_code, response.headers, body)
        except _BROKEN as error:
            broken = _told(error)
        # Out here it drags no exception along that knows the address.
        raise broken

    def _read(self, response: requests.Response, until: float) -> bytes:
        """The body; of a refusal as much as came, since its status says what matters."""
        body = bytearray()
        try:
            while piece := response.raw.read1(65536, decode_content=True):
                body += piece
                if time.monotonic() > until or len(body) > _LONGEST_ANSWER:
                    raise ReadTimeout("too slow or too long")
        except _BROKEN:
            if response.ok:
                raise
        return bytes(body)


def refused(answer: Answer) -> NotSent | FateUnknown:
    """What an HTTP status alone tells."""
    status = answer.status
    reason = f"http {status}"
    if status == 504:
        # Said by a proxy that had passed the request on and waited in vain.
        return FateUnknown(reason)
    if status in {408, 425, 429} or status >= 500:
        rest = rest_asked(answer.headers)
        return NotSent(reason, again="here", faulty=True, rest_seconds=rest)
    # Credentials, addresses and redirections are ours to mend; the rest is about the message.
    faulty = status < 400 or status in {401, 402, 403, 404, 405, 407, 410}
    return NotSent(reason, again="elsewhere", faulty=faulty)


def rest_asked(headers: Mapping[str, str]) -> float | None:
    """Retry-After in seconds, an hour at most; None if there is none that can be read."""
    asked = headers.get("Retry-After", "").strip()
    try:
        if asked.isdecimal():
            return min(float(asked), _LONGEST_REST)
        until = parsedate_to_datetime(asked)
    except ValueError:
        return None
    seconds = (until.replace(tzinfo=until.tzinfo or UTC) - datetime.now(UTC)).total_seconds()
    return min(max(seconds, 0.0), _LONGEST_REST)


def _told(error: Exception) -> NotSent | FateUnknown:
    if isinstance(error, InvalidURL | InvalidSchema | MissingSchema):
        return NotSent("base address is none", again="elsewhere", faulty=True)
    if isinstance(error, ConnectTimeout | ProxyError) or _never_connected(error):
        return NotSent("no connection", again="here", faulty=True)
    if isinstance(error, ReadTimeout):
        return FateUnknown("no answer in time")
    # Also when the provider closed a kept connection just as we wrote: nobody can know.
    return FateUnknown("connection cut")


def _never_connected(error: Exception) -> bool:
    """No address, nobody listening, or a certificate that is not theirs: nothing was written."""
    cause = error.args[0] if error.args else None
    reason = cause.reason if isinstance(cause, MaxRetryError) else None
    if isinstance(reason, SSLError):
        reason = reason.args[0] if reason.args else None
    return isinstance(reason, ConnectTimeoutError | ssl.SSLCertVerificationError)
