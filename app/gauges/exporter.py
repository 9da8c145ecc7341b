"""A page of metrics for processes that serve nothing else: the exporter and the workers."""

from __future__ import annotations

import hmac
from collections.abc import Callable, Iterable
from http import HTTPStatus
from socketserver import ThreadingMixIn
from typing import TYPE_CHECKING, Any
from wsgiref.simple_server import WSGIRequestHandler, WSGIServer, make_server

from prometheus_client import CollectorRegistry, make_wsgi_app

from app.settings import Settings

if TYPE_CHECKING:
    from wsgiref.types import StartResponse, WSGIApplication, WSGIEnvironment

_WAITS_SECONDS = 5
ASKS_FOR_ONE = "metrics: a bearer token is needed\n"


def judge_scraper(settings: Settings, authorization: str) -> HTTPStatus:
    """Says whether who asks for metrics may have them, by METRICS_TOKEN.

    OK; UNAUTHORIZED for another token than ours; NOT_FOUND in production without a token of ours.
    """
    token = settings.metrics_token.get_secret_value()
    if not token:
        return HTTPStatus.NOT_FOUND if settings.production else HTTPStatus.OK
    if hmac.compare_digest(authorization.encode(), f"Bearer {token}".encode()):
        return HTTPStatus.OK
    return HTTPStatus.UNAUTHORIZED


def listen(settings: Settings, registry: CollectorRegistry, host: str, port: int) -> WSGIServer:
    """Returns a server of the page, which listens and does not serve yet.

    Raises: OSError if it cannot listen there.
    """
    return make_server(host, port, make_page(settings, registry), _Server, _Handler)


def make_page(settings: Settings, registry: CollectorRegistry) -> WSGIApplication:
    """Returns the page `/metrics` of a registry; every other address is 404."""
    page: Callable[..., Any] = make_wsgi_app(registry)

    def answer(environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        status = judge_scraper(settings, environ.get("HTTP_AUTHORIZATION", ""))
        if environ["PATH_INFO"] != "/metrics":
            status = HTTPStatus.NOT_FOUND
        if status == HTTPStatus.OK:
            gauges: Iterable[bytes] = page(environ, start_response)
            return gauges
        headers = [("Content-Type", "text/plain; charset=utf-8")]
        if status == HTTPStatus.UNAUTHORIZED:
            headers.append(("WWW-Authenticate", "Bearer"))
        start_response(f"{status.value} {status.phrase}", headers)
        return [
            (ASKS_FOR_ONE if status == HTTPStatus.UNAUTHORIZED else f"{status.phrase}\n").encode()
        ]

    return answer


class _Server(ThreadingMixIn, WSGIServer):
    daemon_threads = True


class _Handler(WSGIRequestHandler):
    # Who opens a connection and says nothing keeps no thread.
    timeout = _WAITS_SECONDS

    def log_message(self, format: str, *args: object) -> None:
        """Says nothing: a look every few seconds is no news."""
