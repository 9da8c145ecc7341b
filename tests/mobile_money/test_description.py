"""The published description, asked for what it allows and what not: every answer fits it."""

from __future__ import annotations

import pytest
import schemathesis
from flask import Flask
from hypothesis import HealthCheck, Phase, settings

from app.runtime import Runtime
from tests.mobile_money.conftest import HEADERS


@pytest.fixture
def description(app: Flask, runtime: Runtime, sample_people: None) -> schemathesis.BaseSchema:
    with runtime.database.begin() as connection:
        from sqlalchemy import text

        connection.execute(text("UPDATE api_client SET requests_a_minute = 1000000"))
    return schemathesis.openapi.from_wsgi("/docs/openapi.yaml", app)


schema = schemathesis.pytest.from_fixture("description")


@schema.parametrize()
@settings(
    max_examples=25,
    deadline=None,
    derandomize=True,
    phases=[Phase.explicit, Phase.generate],
    suppress_health_check=list(HealthCheck),
)
def test_every_answer_fits_the_description(case: schemathesis.Case) -> None:
    response = case.call(headers=HEADERS)
    case.validate_response(
        response,
        checks=[
            schemathesis.checks.not_a_server_error,
            schemathesis.openapi.checks.status_code_conformance,
            schemathesis.openapi.checks.content_type_conformance,
            schemathesis.openapi.checks.response_schema_conformance,
        ]
        if hasattr(schemathesis.openapi, "checks")
        else None,
    )
