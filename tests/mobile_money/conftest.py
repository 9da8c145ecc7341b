"""A network's system: its headers, its requests, and the definition each answer is held to."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from uuid import uuid4

import jsonschema_rs
import pytest
from flask.testing import FlaskClient
from werkzeug.test import TestResponse

from app.runtime import Runtime
from app.web.mobile_money.routes import BASE
from tests.payments.conftest import Books, PaymentFixture, books, payments  # noqa: F401 - fixtures here too

DEFINITION = json.loads(Path(__file__).with_name("gsma_bill_payments.json").read_text())
HEADERS = {"X-Client-Id": "demo-wafacash", "X-API-Key": "demo-key"}


def _paths() -> list[tuple[re.Pattern[str], str]]:
    """The definition's paths, the most literal first."""
    paths = sorted(DEFINITION["paths"], key=lambda path: (path.count("{"), path))
    return [(re.compile(re.sub(r"\{\w+\}", "[^/]+", path)), path) for path in paths]


_PATHS = _paths()


def check_against_definition(method: str, path: str, response: TestResponse) -> None:
    """Status, headers and body as the definition has them; reversals are of another profile."""
    found = next((name for pattern, name in _PATHS if pattern.fullmatch(path)), None)
    if found is None:
        return
    told = DEFINITION["paths"][found][method.lower()]["responses"].get(str(response.status_code))
    assert told is not None, (response.status_code, response.text)
    assert response.mimetype == "application/json"
    for header in told.get("headers", {}):
        assert header in response.headers, header
    schema = told["content"]["application/json"]["schema"]
    validator = jsonschema_rs.Draft4Validator({**schema, "components": DEFINITION["components"]})
    # The definition calls the payments of a bill a list, pages them, and gives one's schema.
    listed = isinstance(response.json, list) and schema.get("type") != "array"
    for one in response.json if listed else [response.json]:
        validator.validate(one)


@dataclass
class NetworkClient:
    """A network's system: its calls, and every answer checked against the definition."""

    client: FlaskClient
    headers: dict[str, str] = field(default_factory=lambda: dict(HEADERS))

    def get(self, path: str, **options: Any) -> TestResponse:
        return self._call("GET", path, **options)

    def post(
        self, path: str, json: Any, correlation: str | None = None, **more: str
    ) -> TestResponse:
        identity = {"X-CorrelationID": correlation or str(uuid4())}
        headers = identity | {name.replace("_", "-"): value for name, value in more.items()}
        return self._call("POST", path, json=json, headers=headers)

    def pay(
        self, code: str, amount: str, correlation: str | None = None, **more: str
    ) -> TestResponse:
        return self.post(f"/bills/{code}/payments", payment(amount), correlation, **more)

    def _call(
        self, method: str, path: str, headers: dict[str, str] | None = None, **options: Any
    ) -> TestResponse:
        response = self.client.open(
            f"{BASE}{path}", method=method, headers={**self.headers, **(headers or {})}, **options
        )
        check_against_definition(method, path.partition("?")[0], response)
        return response


def payment(amount: str, **more: Any) -> dict[str, Any]:
    metadata = [{"key": "agentId", "value": "1001"}, {"key": "terminalId", "value": "T-07"}]
    return {"amountPaid": amount, "currency": "MAD", "metadata": metadata} | more


@pytest.fixture
def network(client: FlaskClient, runtime: Runtime, sample_people: None) -> NetworkClient:
    return NetworkClient(client)
