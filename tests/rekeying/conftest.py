"""One installation under other secrets: as restarted servers, or two at once, see it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from secrets import token_hex
from typing import Any

import pytest
from flask import Flask
from pydantic import SecretStr

from app import create_app
from app.agents.signing_keys import store_signing_keys_again
from app.base.operation import operation
from app.runtime import Runtime

BEFORE, AFTER = "demo-secret-for-development-only", token_hex(16)
# What costs long to make and has to do with no key.
_SHARED = (
    "database",
    "owners_database",
    "redis",
    "words",
    "network_names",
    "ussd",
    "deadline",
    "prices",
)


@dataclass
class Server:
    """A server with its own secrets, on the engines of all."""

    runtime: Runtime

    @cached_property
    def app(self) -> Flask:
        return create_app(self.runtime)

    def run(self, *words: str) -> Any:
        return self.app.test_cli_runner().invoke(args=list(words))


@dataclass
class Installation:
    """The four steps of a rotation, each as a server: `old`, `prepared`, `new`, `alone`."""

    old: Server
    # The new key verifies, and signs nothing yet.
    prepared: Server
    new: Server
    # The old key was taken away.
    alone: Server


def start_server(runtime: Runtime, secret: str, old: Sequence[str] = ()) -> Server:
    """A server whose keys are made of `secret`, and of `old` ones to verify with."""
    keys = {"secret_key": SecretStr(secret), "secret_key_old": tuple(map(SecretStr, old))}
    other = Runtime(runtime.settings.model_copy(update=keys), clock=runtime.clock)
    for name in _SHARED:
        other.__dict__[name] = getattr(runtime, name)
    return Server(other)


def stop_server(server: Server) -> None:
    if "patient_services" in server.runtime.__dict__:
        server.runtime.patient_services.database.dispose()


@pytest.fixture(scope="session")
def servers(session_runtime: Runtime) -> Iterator[Installation]:
    installation = Installation(
        Server(session_runtime),
        start_server(session_runtime, BEFORE, [AFTER]),
        start_server(session_runtime, AFTER, [BEFORE]),
        start_server(session_runtime, AFTER),
    )
    yield installation
    for server in (installation.prepared, installation.new, installation.alone):
        stop_server(server)


@pytest.fixture
def installation(servers: Installation, sample_people: None) -> Installation:
    """With the sample people, stored under the old key."""
    maalem = servers.old.runtime
    with operation(maalem.database, maalem.clock(), "operator") as change:
        assert store_signing_keys_again(change, maalem.keys) == 1
    return servers
