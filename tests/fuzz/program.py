"""Sends requests at random to every route, in this process, and says what should not have come.

    python -m tests.fuzz.program SEED FROM COUNT

DATABASE_URL and REDIS_URL name engines with the sample people in them. Prints each finding with
the request and how to repeat it, then a line of JSON that counts answers by status; exits 1 for
findings.
"""

from __future__ import annotations

import io
import json
import re
import sys
import time
from collections import Counter
from collections.abc import Mapping
from datetime import UTC, datetime
from random import Random
from urllib.parse import unquote_to_bytes, urlsplit

from flask import Flask
from flask.testing import FlaskClient
from pydantic import SecretStr
from sqlalchemy import text
from werkzeug.test import TestResponse

from app import create_app
from app.agents.sessions import begin_session
from app.base.operation import operation
from app.runtime import Runtime
from app.settings import ROOT, read_settings
from app.web.access import Audience, audience_of
from tests.fuzz.made_up import Maker, Request, Route, World

_API = {"X-Client-Id": "demo-wafacash", "X-API-Key": "demo-key"}
# A name where a field is read, and the name of one on a page.
_FIELDS = re.compile(
    r'(?:get|read_\w+|refuse_missing)\((?:[^()"]|"\w+",?)*?"(\w+)"'
    r'|(?:form|args|fields|body)\b[^"\n]{0,12}"(\w+)"|<(?:input|select|button)[^>]* name="(\w+)"'
)
_USUAL = {
    "number": ["1001"], "pin": ["246813"], "code": [], "key": ["k" * 32, "j" * 16],
    "reason": ["mistake"], "sessionId": ["s-1", "s-2"], "session_id": ["s-1", "s-3"],
    "phoneNumber": [], "msisdn": [], "from": [], "From": [], "phone": [], "text": ["", "1", "2*1"],
    "input": ["1", "2"], "type": ["start", "input", "end", "reversal"], "id": ["m-1"],
    "MessageSid": ["SM1"], "MessageStatus": ["sent"], "status": ["Success", "Failed"],
    "limit": ["1", "500"], "offset": ["0", "5"], "fromDateTime": ["2026-11-01T00:00:00Z"],
    "toDateTime": ["2026-12-01T00:00:00Z"], "language": ["fr", "ar"],
    "amountPaid": ["163.52"], "currency": ["MAD"],
}  # fmt: skip
_PHONES = ("phoneNumber", "msisdn", "from", "From", "phone")
_FIELD_FILES = ("web/**/*.py", "web/**/*.html", "gateways/*.py", "sms/*.py", "mobile_money/*.py")
_TRACE = re.compile(r"Traceback|File \"/|psycopg|sqlalchemy|werkzeug|\.py\b", re.IGNORECASE)
# What the API's page offers by name for reading is no trace.
_EXAMPLES = re.compile("|".join(re.escape(file.name) for file in ROOT.glob("examples/*.py")))
_MOST_FINDINGS = 20
_SLOW_SECONDS = 5.0


class Till:
    """An agent signed in at the till; signed in anew where the session has ended."""

    def __init__(self, app: Flask, runtime: Runtime) -> None:
        self._app, self._runtime = app, runtime
        self.headers: dict[str, str] = {}
        self.token = ""

    def sign_in(self) -> None:
        maalem = self._runtime
        with operation(maalem.database, maalem.clock(), "agent:1001") as change:
            agent = change.connection.execute(text("SELECT id FROM agent LIMIT 1")).scalar_one()
            opened = begin_session(change, maalem.random, agent)
        client = self._app.test_client()
        with client.session_transaction() as session:
            session.update(token=opened.get_secret_value(), _user_id=str(agent), _fresh=True)
        found = re.search(r'name="csrf_token" value="([^"]+)"', client.get("/agent").text)
        assert found, "the till shows no form to an agent who is signed in"
        self.token = found[1]
        cookies = (client.get_cookie(name) for name in (self._app.config["SESSION_COOKIE_NAME"],))
        self.headers = {"Cookie": "; ".join(f"{c.key}={c.value}" for c in cookies if c)}


def list_routes(app: Flask, till: Till) -> list[Route]:
    """Returns every rule of the service with each of its methods, and the headers that open it."""
    proofs = {Audience.AGENT: lambda: till.headers, Audience.API_CLIENT: lambda: _API}

    def route(rule: str, method: str, endpoint: str) -> Route:
        audience = audience_of(app, endpoint)
        return Route(rule, method, proofs.get(audience or Audience.EVERYONE, lambda: till.headers))

    return [
        route(rule.rule, method, rule.endpoint)
        for rule in app.url_map.iter_rules()
        for method in sorted(rule.methods or ())
        if method not in ("HEAD", "OPTIONS")
    ]


def list_values(runtime: Runtime) -> list[str]:
    """Returns what honest callers know: codes, receipts, phones and the like."""
    with runtime.database.connect() as connection:
        known = connection.execute(
            text(
                "SELECT phone FROM artisan WHERE phone IS NOT NULL UNION SELECT code FROM"
                " payment_code UNION SELECT receipt_number FROM deposit UNION SELECT rna_number"
                " FROM artisan UNION SELECT cnss_number FROM artisan WHERE cnss_number IS NOT NULL"
            )
        )
        values = [str(value) for value in known.scalars()]
    usual = ["1001", "246813", "163.52", "MAD", "yes", "mistake", "fr", "input", "start", "Success"]
    now = runtime.clock().isoformat()
    ids = ["0e9a1c5e-1f5a-4f59-8b0c-1b2f1d0c7a11", "0e9a1c5e-1f5a-4f59-8b0c-1b2f1d0c7a12"]
    return [*values, *usual, now, *ids, "2*1", "1*1", "s-1", "STOP", "CODE", "k" * 32, "reversal"]


def list_fields() -> list[str]:
    """Returns the names of fields in the files that read them: a new one is there by itself."""
    files = [file for pattern in _FIELD_FILES for file in sorted((ROOT / "app").glob(pattern))]
    found = [names for file in files for names in _FIELDS.findall(file.read_text("utf-8"))]
    return sorted({name for names in found for name in names if name})


def list_usual(values: list[str]) -> dict[str, list[str]]:
    """Returns the values that honest callers give some of the fields."""
    usual = dict(_USUAL)
    usual["code"] = [value for value in values if len(value) == 12 and value.isdigit()]
    phones = [value for value in values if value.startswith("+")]
    return usual | dict.fromkeys(_PHONES, phones)


def send(client: FlaskClient, made: Request) -> TestResponse:
    """Sends a request as a server hands it over: each byte of the path as one character."""
    named = {
        "HTTP_" + name.upper().replace("-", "_"): value for name, value in made.headers.items()
    }
    return client.open(
        "/",
        method=made.method,
        input_stream=io.BytesIO(made.body),
        environ_overrides={
            "HTTP_HOST": "localhost",
            **named,
            "PATH_INFO": unquote_to_bytes(made.path).decode("latin-1"),
            "QUERY_STRING": made.query.decode("latin-1"),
            "CONTENT_TYPE": made.content_type,
            "CONTENT_LENGTH": str(len(made.body)) if made.body else "",
            "REMOTE_ADDR": "127.0.0.1",
        },
    )


def judge(answer: TestResponse, secrets: list[str], logged: str) -> str | None:
    """Returns what is wrong with an answer, or None."""
    busy = answer.status_code == 503 and answer.headers.get("Retry-After")
    if answer.status_code >= 500 and not busy:
        return f"status {answer.status_code}: {answer.text[:300]}"
    if fault := find_fault(logged):
        return f"the log has {fault[:3000]}"
    told = answer.get_data().decode("utf-8", "replace")
    if answer.mimetype != "application/yaml" and (trace := _TRACE.search(_EXAMPLES.sub("", told))):
        return f"the answer speaks of {trace[0]!r}: {told[:500]}"
    heads = "".join(value for _, value in answer.headers)
    if shown := [secret for secret in secrets if secret in told or secret in heads]:
        return f"the answer shows a secret of {len(shown[0])} characters"
    place = urlsplit(answer.headers.get("Location", ""))
    if place.netloc not in ("", "localhost"):
        return f"the answer leads away, to {place.netloc!r}"
    if answer.headers.get("X-Content-Type-Options") != "nosniff":
        return "the answer has no nosniff"
    return None


def find_fault(logged: str) -> str | None:
    """Returns the first line of the log that tells of a fault; alarms for people are none."""
    for line in logged.splitlines():
        if not line.startswith("{"):
            return line
        told = json.loads(line)
        if "exception" in told or told["event"] in ("failed", "unavailable", "away"):
            return line
    return None


def list_secrets(runtime: Runtime) -> list[str]:
    """Returns what no answer may show."""
    settings = runtime.settings
    kept = (getattr(settings, name) for name in type(settings).model_fields)
    secrets = [value.get_secret_value() for value in kept if isinstance(value, SecretStr)]
    return [secret for secret in (*secrets, settings.database_url, settings.redis_url) if secret]


def main(seed: str, first: int, count: int) -> int:
    """Sends the requests from number `first` on. Returns how many findings there were."""
    log, out = io.StringIO(), sys.stdout
    sys.stderr = log
    runtime = Runtime(read_settings(), clock=lambda: datetime.now(UTC))
    app = create_app(runtime)
    client = app.test_client(use_cookies=False)
    till = Till(app, runtime)
    till.sign_in()
    values = list_values(runtime)
    world = World(
        list_routes(app, till), values, list_fields(), list_usual(values), lambda: till.token
    )
    secrets, statuses, findings = list_secrets(runtime), Counter[int](), 0
    for number in range(first, first + count):
        made = Maker(world, Random(f"{seed}:{number}")).make()
        began, answer, fault = time.monotonic(), None, None
        try:
            answer = send(client, made)
            fault = judge(answer, secrets, log.getvalue())
        except Exception as error:
            fault = f"{type(error).__name__} came through: {error}"
        if time.monotonic() - began > _SLOW_SECONDS:
            fault = fault or "the answer took over five seconds"
        log.seek(0), log.truncate()
        if fault:
            findings += 1
            again = (
                f"FUZZ_SEED={seed} FUZZ_FROM={number} FUZZ_REQUESTS=1 make fuzz ARGS='-k request'"
            )
            print(f"request {number} of seed {seed}: {fault}\n{made.describe()}", file=out)
            print(f"again: {again}\n", file=out)
            if findings >= _MOST_FINDINGS:
                break
        statuses[answer.status_code if answer is not None else 0] += 1
        if _has_ended(made.headers, till, answer):
            till.sign_in()
    print(json.dumps({"statuses": dict(sorted(statuses.items())), "findings": findings}), file=out)
    return findings


def _has_ended(sent: Mapping[str, str], till: Till, answer: TestResponse | None) -> bool:
    """Returns whether the till's own session is over: then the agent signs in anew."""
    return answer is None or (
        answer.status_code == 401 and sent.get("Cookie") == till.headers["Cookie"]
    )


if __name__ == "__main__":
    sys.exit(1 if main(sys.argv[1], int(sys.argv[2]), int(sys.argv[3])) else 0)
