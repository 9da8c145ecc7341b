"""The doctor looks at the real thing, in limited time, and shows no secret."""

from __future__ import annotations

import fcntl
import json
import os
import re
import socket
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from datetime import UTC, datetime
from secrets import token_hex
from typing import Any

import pytest
from pydantic import SecretStr
from sqlalchemy import create_engine, update

from app import create_app
from app.agents.agencies import replace_agencies
from app.agents.agency_file import SAMPLE_AGENCIES, read_agencies
from app.agents.models import agency
from app.agents.staff import NewAgent, add_agent
from app.base.operation import operation
from app.checks.all import CHECKS
from app.checks.looking import Finding, WrongInProduction, look
from app.checks.providers import check_sms
from app.observe.workers import beat
from app.office.service import add_sample_users
from app.runtime import Runtime
from app.settings import Settings
from app.sms.loopback.options import Options
from app.sms.loopback.server import running
from tests.collector import collecting
from tests.conftest import AGENCY
from tests.fault_server import taking_faults
from tests.production import COMPLETE, production_settings


@pytest.fixture(autouse=True)
def _one_at_a_time(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """The settings of Redis are the server's: two of these at once would see each other's."""
    base = tmp_path_factory.getbasetemp()
    shared = base.parent if "PYTEST_XDIST_WORKER" in os.environ else base
    with (shared / "settings-of-redis").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def examine(maalem: Runtime) -> tuple[int, dict[str, Any]]:
    """Returns the exit code, and each check by its name."""
    told = create_app(maalem).test_cli_runner().invoke(args=["doctor", "--json"])
    found = json.loads(told.stdout)
    assert found["ok"] == (told.exit_code == 0) == all(check["ok"] for check in found["checks"])
    return told.exit_code, {check.pop("name"): check for check in found["checks"]}


Open = Callable[[Settings], Runtime]


@pytest.fixture
def open_runtime(runtime: Runtime) -> Iterator[Open]:
    """Makes runtimes of other settings, with the clock of `runtime`."""
    opened = []

    def open_one(settings: Settings) -> Runtime:
        opened.append(Runtime(settings, clock=runtime.clock))
        return opened[-1]

    yield open_one
    for one in opened:
        one.database.dispose()
        one.redis.close()


@pytest.fixture
def in_production(runtime: Runtime, open_runtime: Open) -> Runtime:
    """A production on the tests' engines, which asks no provider."""
    settings = production_settings(runtime, trusted_proxies="127.0.0.1")
    return open_runtime(settings.model_copy(update={"sms_providers": ("log",)}))


def wrong(checks: dict[str, Any]) -> dict[str, str]:
    return {name: check["says"] for name, check in checks.items() if not check["ok"]}


def test_fresh_development_is_well(runtime: Runtime) -> None:
    code, checks = examine(runtime)
    assert (code, wrong(checks)) == (0, {})
    assert checks["worker"]["says"].startswith("none was heard of")
    assert checks["time limits"]["says"].startswith("statement_timeout 1500 ms")


def test_production_without_worker_agents_and_storage_is_named_so(in_production: Runtime) -> None:
    code, checks = examine(in_production)
    assert code == 1
    assert wrong(checks) == {
        "worker": "none was heard of: `flask worker` sends what is queued",
        "agents": "no agencies, no agents: nobody can take cash",
        "redis storage": "appendonly is no: what was promised is lost when Redis restarts",
    }


@pytest.mark.usefixtures("sample_people")
def test_production_is_told_who_of_development_is_there(
    runtime: Runtime, in_production: Runtime
) -> None:
    with operation(runtime.database, runtime.clock(), "operator") as change:
        add_sample_users(change)
    code, checks = examine(in_production)
    assert code == 1
    for who in ("user office of", "client demo-wafacash", "8 people of the register"):
        assert who in checks["samples"]["says"]
    # Its PIN is sealed with another secret's key, and so it is nobody's here.
    assert "agent 1001" not in checks["samples"]["says"]
    assert "1 agent_pins under" in checks["keys"]["says"]
    assert examine(runtime)[0] == 0
    beat(runtime.redis, "one", runtime.clock())
    _, checks = examine(in_production)
    assert set(wrong(checks)) == {"keys", "samples", "redis storage"}
    assert checks["worker"]["says"] == "1 alive"
    with operation(runtime.database, runtime.clock(), "operator") as change:
        change.connection.execute(update(agency).values(active=False))
    _, checks = examine(in_production)
    assert checks["agents"]["says"] == "no agencies, no agents: nobody can take cash"


def test_production_that_lacks_nothing_is_well(in_production: Runtime) -> None:
    pin = SecretStr("730915")
    with operation(in_production.database, in_production.clock(), "operator") as change:
        replace_agencies(change, read_agencies(SAMPLE_AGENCIES))
        add_agent(change, in_production.services, NewAgent("1001", AGENCY, pin, own=True))
    beat(in_production.redis, "one", in_production.clock())
    in_production.redis.config_set("appendonly", "yes")
    try:
        code, checks = examine(in_production)
    finally:
        in_production.redis.config_set("appendonly", "no")
    assert (code, wrong(checks)) == (0, {})
    assert checks["samples"]["says"] == "nobody of development"


def test_calendar_that_runs_out_is_named_in_production(in_production: Runtime) -> None:
    clock: Any = in_production.clock
    clock.now = datetime(2028, 6, 1, tzinfo=UTC)
    _, checks = examine(in_production)
    assert wrong(checks)["calendar"].startswith("moving holidays are known until 2028-08-04 alone")


def test_time_limit_that_the_server_does_not_see_is_named(
    runtime: Runtime, open_runtime: Open
) -> None:
    """As behind a pooler that leaves out the options of a connection."""
    settings = runtime.settings
    bare = open_runtime(settings)
    bare.__dict__["database"] = create_engine(
        settings.database_url.replace("postgresql://", "postgresql+psycopg://", 1)
    )
    code, checks = examine(bare)
    assert code == 1
    assert "statement_timeout is none on our connections" in wrong(checks)["time limits"]


def test_eviction_of_talks_is_named(runtime: Runtime) -> None:
    try:
        runtime.redis.config_set("maxmemory", 2**30)
        assert examine(runtime)[1]["redis memory"]["says"] == "noeviction, 1024 MB"
        runtime.redis.config_set("maxmemory-policy", "allkeys-lru")
        assert "talks under way" in wrong(examine(runtime)[1])["redis memory"]
    finally:
        runtime.redis.config_set("maxmemory", 0)
        runtime.redis.config_set("maxmemory-policy", "noeviction")


@pytest.mark.parametrize(
    ("change", "says"),
    [
        ({}, {"sms africastalking": "balance 120.50 USD", "sms twilio": "balance 120.50 USD"}),
        ({"balance": "0.00"}, {"sms africastalking": "balance 0.00 USD"}),
        ({"account": "closed"}, {"sms twilio": "account closed"}),
        ({"api_key": "x", "auth_token": "x"}, {"sms twilio": "20003 credentials refused"}),
    ],
)
def test_providers_are_asked(
    runtime: Runtime, open_runtime: Open, change: dict[str, str], says: dict[str, str]
) -> None:
    given = {name: value for name, value in COMPLETE.items() if "twilio" in name or "afric" in name}
    given |= {"sms_providers": COMPLETE["sms_providers"]}
    options = {
        "api_key": COMPLETE["africastalking_api_key"],
        "auth_token": COMPLETE["twilio_auth_token"],
    }
    with running(Options(**(options | change))) as url:
        addresses = {"africastalking_url": url, "twilio_url": url}
        engines = runtime.settings.model_dump(include={"database_url", "redis_url"})
        settings = Settings.model_validate(given | addresses | engines)
        code, checks = examine(open_runtime(settings))
    assert code == bool(change), checks
    assert says.items() <= {name: check["says"] for name, check in checks.items()}.items()


def test_provider_whose_reports_are_refused_is_named(runtime: Runtime, open_runtime: Open) -> None:
    tokens = f"generic={COMPLETE['callback_token']}"
    settings = production_settings(runtime, callback_token="", callback_tokens=tokens)
    with pytest.raises(WrongInProduction, match="reports of africastalking are refused"):
        check_sms(open_runtime(settings))


def test_check_that_hangs_ends_in_time_and_holds_up_no_other(runtime: Runtime) -> None:
    def hang(_maalem: Runtime) -> str:
        time.sleep(5)
        return ""

    began = time.monotonic()
    found = list(look({"hung": hang, "good": lambda _: "so"}, runtime, 0.2))
    assert found == [
        Finding("hung", False, "no answer within 0.2 s"),
        Finding("good", True, "so"),
    ]
    assert time.monotonic() - began < 2


def test_engines_and_providers_that_only_listen_do_not_hang_the_doctor(open_runtime: Open) -> None:
    with ExitStack() as stack:
        ports = []
        for _ in range(3):
            silent = stack.enter_context(socket.create_server(("127.0.0.1", 0)))
            ports.append(silent.getsockname()[1])
        changed = {
            "database_url": f"postgresql://maalem:word-of-db@127.0.0.1:{ports[0]}/maalem",
            "redis_url": f"redis://:word-of-redis@127.0.0.1:{ports[1]}/0",
            "twilio_url": f"http://127.0.0.1:{ports[2]}",
            "sms_providers": "twilio",
            "sms_timeout": 1,
            "app_env": "development",
        }
        settings = Settings.model_validate(COMPLETE | changed)
        began = time.monotonic()
        _, checks = examine(open_runtime(settings))
        assert time.monotonic() - began < 10
    assert {"database", "migrations", "redis", "worker", "clocks", "agents", "sms twilio"} <= set(
        wrong(checks)
    )
    assert "word-of" not in str(checks) and "menus" not in wrong(checks)


def test_who_takes_traces_and_faults_is_asked_with_nothing_to_take(
    runtime: Runtime, open_runtime: Open
) -> None:
    plain = {check: CHECKS[check](runtime) for check in ("traces", "faults")}
    assert plain == {
        "traces": "sent nowhere: TRACES_URL is not set",
        "faults": "told nowhere: SENTRY_DSN is not set",
    }
    with collecting() as collector, taking_faults() as taken:
        given = {"traces_url": collector.url, "sentry_dsn": SecretStr(taken.dsn)}
        maalem = open_runtime(runtime.settings.model_copy(update=given))
        at = {"traces": collector.url.split("/")[2], "faults": taken.dsn.split("@")[1][:-2]}
        assert CHECKS["traces"](maalem) == f"{at['traces']} takes 1.00% of all calls"
        assert CHECKS["faults"](maalem) == f"{at['faults']} takes them"
        assert collector.list_spans() == [] and taken.list_events() == []
        assert collector.bodies and "sentry_key=4a8e017dc25b" in taken.heads[0]

        for status, says in ((403, "the key is not known"), (404, "nothing is there"), (302, "")):
            collector.status = taken.status = status
            for check, address in at.items():
                why = f"{address}: http {status}" + (f", {says}" if says else "")
                assert find_wrong(check, maalem) == why
        collector.seconds = taken.seconds = 4.0
        began = time.monotonic()
        found = look({check: CHECKS[check] for check in at}, maalem)
        late = {each.name: each.says for each in found}
        assert late == {check: f"{address}: no answer in time" for check, address in at.items()}
        assert time.monotonic() - began < 4
    for check, address in at.items():
        assert find_wrong(check, maalem) == f"{address}: no connection"


def find_wrong(check: str, maalem: Runtime) -> str:
    (found,) = look({check: CHECKS[check]}, maalem)
    assert not found.ok and "4a8e017dc25b" not in found.says
    return found.says


def test_findings_come_in_the_order_of_the_list(runtime: Runtime) -> None:
    assert list(examine(runtime)[1])[: len(CHECKS)] == list(CHECKS)


def test_settings_are_shown_without_a_secret() -> None:
    word = f"word-{token_hex(12)}"
    own = {"database_url": f"postgresql://maalem:{word}@db/maalem?password={word}"}
    own |= {
        "redis_url": "rediss://:word/of/redis@cache:6380/0",
        "secret_key_old": token_hex(32),
    }
    given = production_settings(callback_tokens=f"generic={COMPLETE['callback_token']}", **own)
    told = create_app(Runtime(given)).test_cli_runner().invoke(args=["settings"])
    assert told.exit_code == 0
    for name, value in COMPLETE.items():
        if name.endswith(("_key", "_token")):
            assert value not in told.output
    # A setting's meaning may speak of passwords and of the menus' words.
    assert "word" not in re.sub(r"password|\bwords\b", "", told.output)
    assert "DATABASE_URL=postgresql://db/maalem " in told.output
    assert "TWILIO_AUTH_TOKEN=*** " in told.output
