"""The published description, asked for what it allows and what not: every answer fits it."""

from __future__ import annotations

import re

import pytest
import schemathesis
from flask import Flask
from hypothesis import HealthCheck, Phase, given, settings
from schemathesis import GenerationMode, checks
from sqlalchemy import text

from app.runtime import Runtime
from app.web.api_calls import description
from app.web.mobile_money.routes import BASE
from tests.mobile_money.conftest import DEFINITION, HEADERS

OPERATIONS = [
    (method, path)
    for path, calls in description()["paths"].items()
    for method in calls
    if method != "parameters"
]
CHECKS = [
    checks.not_a_server_error,
    checks.status_code_conformance,
    checks.content_type_conformance,
    checks.response_headers_conformance,
    checks.response_schema_conformance,
]


@pytest.fixture(scope="module")
def schema(app: Flask) -> schemathesis.BaseSchema:
    return schemathesis.openapi.from_wsgi("/docs/openapi.yaml", app)


@pytest.fixture
def open_doors(runtime: Runtime, sample_people: None) -> None:
    with runtime.database.begin() as connection:
        connection.execute(text("UPDATE api_client SET requests_a_minute = 1000000"))


@pytest.mark.usefixtures("open_doors")
@pytest.mark.parametrize(("method", "path"), OPERATIONS)
@pytest.mark.parametrize("mode", [GenerationMode.POSITIVE, GenerationMode.NEGATIVE])
def test_every_answer_fits_the_description(
    schema: schemathesis.BaseSchema, method: str, path: str, mode: GenerationMode
) -> None:
    operation = schema[path][method.upper()]

    @settings(
        max_examples=12,
        deadline=None,
        derandomize=True,
        phases=[Phase.explicit, Phase.generate],
        suppress_health_check=list(HealthCheck),
    )
    @given(case=operation.as_strategy(generation_mode=mode))
    def ask(case: schemathesis.Case) -> None:
        case.call_and_validate(headers=HEADERS, checks=CHECKS)

    ask()


def test_every_served_address_is_described(app: Flask) -> None:
    """And all of the profile that concerns who is paid."""
    served = set()
    for rule in app.url_map.iter_rules():
        if rule.endpoint.startswith("mobile_money."):
            shape = re.sub(r"<(\w+:)?\w+>", "{}", rule.rule.removeprefix(BASE))
            served |= {(method, shape) for method in rule.methods - {"HEAD", "OPTIONS"}}
    told = {(method.upper(), re.sub(r"\{\w+\}", "{}", path)) for method, path in OPERATIONS}
    assert served == told
    profile = {
        (method.upper(), re.sub(r"\{\w+\}", "{}", path))
        for path, calls in DEFINITION["paths"].items()
        for method in calls
        if method in {"get", "post", "put", "patch", "delete"}
    }
    assert told - profile == {("POST", "/transactions/{}/reversals")}
    assert profile <= told
