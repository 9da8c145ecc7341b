"""`flask doctor` says when callers would be known by the proxy's address alone."""

from __future__ import annotations

import pytest

from app.agents.clients import NewClient, add_client, draw_key, revoke_client
from app.base.operation import operation
from app.checks.callers import check_callers
from app.checks.looking import look
from app.runtime import Runtime
from app.settings import Settings
from tests.test_settings import COMPLETE


def doctor_says(runtime: Runtime, **settings: str) -> tuple[bool, str]:
    before = runtime.settings
    runtime.settings = Settings.model_validate(COMPLETE | settings)
    try:
        (finding,) = look({"callers": check_callers}, runtime)
    finally:
        runtime.settings = before
    return finding.ok, finding.says


@pytest.mark.usefixtures("sample_people")
def test_list_of_addresses_needs_trusted_proxies_in_production(runtime: Runtime) -> None:
    ok, says = doctor_says(runtime)
    assert not ok and "TRUSTED_PROXIES" in says and "127.0.0.1,::1" in says
    key = draw_key(runtime.random)
    with operation(runtime.database, runtime.clock(), "office") as change:
        add_client(change, NewClient("listed", "wafacash", key, addresses=["192.0.2.0/24"]))
    ok, says = doctor_says(runtime)
    assert not ok and "TRUSTED_PROXIES" in says and "listed" in says
    assert doctor_says(runtime, trusted_proxies="127.0.0.1")[0]
    with operation(runtime.database, runtime.clock(), "office") as change:
        revoke_client(change, "listed")
    assert "listed" not in doctor_says(runtime)[1]


def test_callback_sources_need_trusted_proxies_in_production(runtime: Runtime) -> None:
    sources = "generic=192.0.2.7"
    ok, says = doctor_says(runtime, callback_sources=sources)
    assert not ok and "CALLBACK_SOURCES" in says
    assert doctor_says(runtime, callback_sources=sources, trusted_proxies="10.0.0.0/8")[0]
    (finding,) = look({"callers": check_callers}, runtime)
    assert finding.ok
