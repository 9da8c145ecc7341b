"""The service in production, and the addresses that a service has."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from flask import Flask
from werkzeug.routing import Rule

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


def rules_of(app: Flask) -> list[tuple[Rule, str, str]]:
    """Each rule with its method and an address that it serves."""
    adapter = app.url_map.bind("localhost")
    return [
        (rule, method, adapter.build(rule.endpoint, dict.fromkeys(rule.arguments, "x"), method))
        for rule in app.url_map.iter_rules()
        for method in sorted((rule.methods or set()) - {"HEAD", "OPTIONS"})
    ]
