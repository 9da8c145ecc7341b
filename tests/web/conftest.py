"""The service in production, and the addresses that a service has."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from flask import Flask
from werkzeug.routing import IntegerConverter, Rule

from app import create_app
from app.runtime import Runtime
from tests.production import production_settings


@pytest.fixture
def production(runtime: Runtime) -> Iterator[Flask]:
    """The service in production, with every SMS provider that it knows."""
    settings = production_settings(
        runtime, sms_providers="twilio", public_url="https://maalem.example/maalem"
    )
    own = Runtime(settings, clock=runtime.clock)
    yield create_app(own)
    own.database.dispose()
    own.office_database.dispose()


def rules_of(app: Flask) -> list[tuple[Rule, str, str]]:
    """Each rule with its method and an address that it serves; a number in it is 1."""
    adapter = app.url_map.bind("localhost")

    def build(rule: Rule, method: str) -> str:
        values = {
            name: 1 if isinstance(rule._converters[name], IntegerConverter) else "x"
            for name in rule.arguments
        }
        return adapter.build(rule.endpoint, values, method)

    return [
        (rule, method, build(rule, method))
        for rule in app.url_map.iter_rules()
        for method in sorted((rule.methods or set()) - {"HEAD", "OPTIONS"})
    ]
