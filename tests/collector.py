"""A collector of traces on this machine, which reads what it is sent as the real ones do."""

from __future__ import annotations

import gzip
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

PATH = "/v1/traces"


class Collector:
    """What was sent so far: the raw bytes, and the spans in them."""

    def __init__(self) -> None:
        self.bodies: list[bytes] = []
        self.status, self.seconds, self.url = 200, 0.0, ""

    def list_spans(self) -> list[Any]:
        requests = [ExportTraceServiceRequest.FromString(body) for body in self.bodies]
        return [
            span
            for request in requests
            for resource in request.resource_spans
            for scope in resource.scope_spans
            for span in scope.spans
        ]

    def wait_for(self, name: str, seconds: float = 10) -> list[Any]:
        """Returns the spans of the trace in which one of this name was sent."""
        until = time.monotonic() + seconds
        while time.monotonic() < until:
            spans = self.list_spans()
            if found := [span for span in spans if span.name == name]:
                return [span for span in spans if span.trace_id == found[-1].trace_id]
            time.sleep(0.02)
        raise TimeoutError(f"no {name} among {sorted({span.name for span in self.list_spans()})}")


def read_details(span: Any) -> dict[str, Any]:
    """Returns the attributes of a span as ordinary values."""
    return {
        each.key: getattr(each.value, each.value.WhichOneof("value")) for each in span.attributes
    }


@contextmanager
def collecting() -> Iterator[Collector]:
    """Runs a collector; its `status` and `seconds` say how it answers, and how late."""
    collector = Collector()

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            if self.headers.get("Content-Encoding") == "gzip":
                body = gzip.decompress(body)
            time.sleep(collector.seconds)
            assert self.path == PATH
            collector.bodies.append(body)
            self.send_response(collector.status)
            self.send_header("Content-Length", "0")
            self.end_headers()

        def log_message(self, *_args: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    collector.url = f"http://127.0.0.1:{server.server_port}{PATH}"
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield collector
    finally:
        server.shutdown()
        server.server_close()
