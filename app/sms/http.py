"""Requests to providers: connections kept open, waits with a limit, and errors told apart.

The providers' packages write and read requests; their own clients cost twice as much, keep no
connections (africastalking) and log numbers (twilio). No error from here holds an address or a
body: they name the person and what we wrote.
"""

import logging
import os
import time
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Any
from urllib.parse import urlencode
from urllib.request import getproxies, proxy_bypass

import certifi
from urllib3 import BaseHTTPResponse, PoolManager, ProxyManager, Timeout
from urllib3.connection import HTTPSConnection
from urllib3.connectionpool import HTTPConnectionPool, HTTPSConnectionPool
from urllib3.exceptions import (
    ConnectTimeoutError,
    HTTPError,
    NewConnectionError,
    ProxyError,
    ReadTimeoutError,
)
from urllib3.util import parse_url

from app.sms.provider import DeliveryUnknown, SendRefused

# As many as a worker may have threads (SMS_AT_ONCE).
_KEPT_OPEN = 512
_CONNECTING_SECONDS = 3.05
_LONGEST_ANSWER = 1024 * 1024
_LONGEST_REST = 3600.0

# It logs each address requested, and an address names the number.
logging.getLogger("urllib3").setLevel(logging.INFO)


@dataclass(frozen=True, slots=True)
class HttpResponse:
    status: int
    headers: Mapping[str, str]
    body: bytes

    @property
    def accepted(self) -> bool:
        return 200 <= self.status < 300


class HttpClient:
    """A client of one base address, safe for many threads; `timeout` in seconds a whole answer."""

    def __init__(self, base: str, timeout: float) -> None:
        self._seconds = timeout
        self._timeout = Timeout(connect=min(_CONNECTING_SECONDS, timeout), read=timeout)
        self._pool = _make_pool(base)

    def request(
        self,
        method: str,
        url: str,
        headers: Mapping[str, str],
        *,
        query: Mapping[str, object] | None = None,
        form: Mapping[str, object] | None = None,
    ) -> HttpResponse:
        """Sends one request and returns its answer, whatever its status.

        Raises: SendRefused, DeliveryUnknown.
        """
        all_headers = dict(headers)
        if form is not None:
            all_headers["Content-Type"] = "application/x-www-form-urlencoded"
        body = None if form is None else urlencode(form).encode()
        target = f"{url}?{urlencode(query)}" if query else url
        try:
            return self._send(method, target, all_headers, body)
        except (HTTPError, OSError) as error:
            failure = _read_failure(error)
        # Raised out here it drags no exception along that knows the address.
        raise failure

    def _send(
        self, method: str, url: str, headers: dict[str, str], body: bytes | None
    ) -> HttpResponse:
        until = time.monotonic() + self._seconds
        # Nothing is tried again here: messaging decides if a message may go twice.
        response = self._pool.urlopen(
            method,
            url,
            body=body,
            headers=headers,
            timeout=self._timeout,
            retries=False,
            redirect=False,
            preload_content=False,
        )
        try:
            return HttpResponse(response.status, response.headers, _read_body(response, until))
        finally:
            # A connection whose answer was read whole is already back in the pool.
            response.close()


class _Trusting(HTTPSConnection):
    """Reports a failed handshake as no connection: nothing of the request was sent."""

    def connect(self) -> None:
        try:
            super().connect()
        except (OSError, ValueError) as error:
            raise NewConnectionError(self, type(error).__name__) from None


class _TrustingPool(HTTPSConnectionPool):
    ConnectionCls = _Trusting


def _make_pool(base: str) -> PoolManager:
    """Makes the pool of connections, with the environment's proxy and certificates."""
    address = parse_url(base)
    proxy = getproxies().get(address.scheme or "")
    trusted = os.environ.get("REQUESTS_CA_BUNDLE") or certifi.where()
    direct = not proxy or proxy_bypass(address.host or "")
    options: dict[str, Any] = {"maxsize": _KEPT_OPEN, "ca_certs": trusted}
    pool = PoolManager(**options) if direct else ProxyManager(proxy or "", **options)
    pool.pool_classes_by_scheme = {"http": HTTPConnectionPool, "https": _TrustingPool}
    return pool


def _read_body(response: BaseHTTPResponse, until: float) -> bytes:
    """Returns the body; of a refusal as much as arrived, since its status is enough."""
    body = bytearray()
    try:
        while piece := response.read1(65536, decode_content=True):
            body += piece
            if time.monotonic() > until or len(body) > _LONGEST_ANSWER:
                raise HTTPError("too slow or too long")
    except HTTPError:
        if response.status < 400:
            raise
    return bytes(body)


def read_refusal(answer: HttpResponse) -> SendRefused | DeliveryUnknown:
    """Returns the failure that an HTTP status alone means."""
    status = answer.status
    reason = f"http {status}"
    if status == 504:
        # A proxy passed the request on and got no answer.
        return DeliveryUnknown(reason)
    if status in {408, 425, 429} or status >= 500:
        rest = read_rest(answer.headers)
        return SendRefused(reason, retry="same", faulty=True, rest_seconds=rest)
    # Credentials, addresses and redirections are ours to mend; the rest is about the message.
    faulty = status < 400 or status in {401, 402, 403, 404, 405, 407, 410}
    return SendRefused(reason, retry="other", faulty=faulty)


def read_rest(headers: Mapping[str, str]) -> float | None:
    """Returns Retry-After in seconds, an hour at most; None if there is none to be read."""
    value = headers.get("Retry-After", "").strip()
    try:
        if value.isdecimal():
            return min(float(value), _LONGEST_REST)
        until = parsedate_to_datetime(value)
    except ValueError:
        return None
    seconds = (until.replace(tzinfo=until.tzinfo or UTC) - datetime.now(UTC)).total_seconds()
    return min(max(seconds, 0.0), _LONGEST_REST)


def _read_failure(error: Exception) -> SendRefused | DeliveryUnknown:
    # No address, nobody listening, no proxy, no trust: nothing was written.
    if isinstance(error, ConnectTimeoutError | ProxyError):
        return SendRefused("no connection", retry="same", faulty=True)
    if isinstance(error, ReadTimeoutError):
        return DeliveryUnknown("no answer in time")
    # Also when the provider closed a kept connection just as we wrote: nobody can know.
    return DeliveryUnknown("connection cut")
