"""Faults told to a server that speaks Sentry's protocol: where and which call, nobody's data."""

from __future__ import annotations

import re
import time
from collections.abc import Iterator
from secrets import token_hex
from typing import Any
from urllib.parse import quote

import pytest
import sentry_sdk
import structlog
from flask import Flask, request
from prometheus_client import REGISTRY
from pydantic import SecretStr
from sqlalchemy import Engine, text

from app import create_app
from app.base.phone import Phone
from app.observe.faults import FaultReporter
from app.observe.logs import set_up_logs
from app.observe.references import find_reference
from app.runtime import Runtime
from app.web import hop_door, lifecycle
from app.web.mobile_money import responses
from tests.conftest import free_port
from tests.fault_server import FaultServer, taking_faults
from tests.mobile_money.conftest import HEADERS

# What must leave in no spelling: numbers, papers, secrets.
NUMBERS = (
    *("+212612345678", "212612345678", "0612345678", "06 12 34 56 78", "+212 6 12-34-56-78"),
    *("00212612345678", "(+212) 612 345 678", "٠٦١٢٣٤٥٦٧٨", "%2B212612345678", "6.12.34.56.78"),
)
PAPERS = ("AB765432", "RNA-100234567", "198765432", "4821 7305 9614", "482173059614")
SECRETS = (
    *("246813", "pin=246813", "k-9f2c71e0aa51", "Bearer eyJhbGciOi", "postgresql://u:gh3slo@db/m"),
    *("gh3slo", "FATIMA ZAHRA EL IDRISSI", "session=eyJzZWNyZXQi"),
)
ATTACK = (*NUMBERS, *PAPERS, *SECRETS)
_DRAWN = re.compile(r"(?<=\d:\d\d)\.\d{6}z|\b[0-9a-f]{32}\b")


@pytest.fixture
def taken() -> Iterator[FaultServer]:
    with taking_faults() as server:
        yield server


@pytest.fixture
def reporter(taken: FaultServer) -> Iterator[FaultReporter]:
    reporter = FaultReporter(taken.dsn, "production")
    yield reporter
    reporter.stop()


def assert_nothing_in(sent: bytes) -> None:
    """Fails if a value of the attack stands in the bytes, as it is, escaped or percent-encoded."""
    # a moment's fraction and a drawn id are any digits, now and then those of a value
    shown = _DRAWN.sub("", sent.decode("utf-8", "replace").casefold())
    for value in ATTACK:
        spellings = {
            value,
            quote(value),
            quote(value, safe=""),
            value.encode("unicode_escape").decode(),
        }
        for spelling in spellings:
            assert spelling.casefold() not in shown, value
    for part in ("12345678", "765432", "234567", "7305", "idrissi", "gh3s"):
        assert part not in shown, part


class _Talkative(Exception):
    """An exception that says and holds all it knows."""

    def __init__(self, *values: object) -> None:
        super().__init__(*values)
        self.values = self.request_body = values

    def __str__(self) -> str:
        return f"could not serve {self.values}"


def fail_with_everything() -> None:
    """Raises with every value in the words, the variables, the notes, the cause and its cause."""
    nested = {"list": [list(ATTACK), {"deep": [value.encode() for value in ATTACK]}]}
    form, phone = dict.fromkeys(ATTACK, nested), Phone("+212612345678")
    try:
        try:
            raise KeyError(*ATTACK)
        except KeyError as error:
            raise ExceptionGroup(ATTACK[0], [ValueError(each) for each in ATTACK]) from error
    except ExceptionGroup as error:
        told = _Talkative(*ATTACK, form, phone)
        for value in ATTACK:
            told.add_note(value)
            sentry_sdk.add_breadcrumb(message=value, data={"value": value})
            sentry_sdk.set_tag(f"t{len(value)}", value)
        raise told from error


def test_a_fault_is_told_by_its_kind_its_place_and_its_reference_alone(
    taken: FaultServer, reporter: FaultReporter
) -> None:
    request_id = token_hex(8)
    try:
        fail_with_everything()
    except _Talkative:
        reporter.tell(
            {
                "event": "failed",
                "exc_info": True,
                "request_id": request_id,
                "session": "aB3._xyz",
                "endpoint": "ussd.africastalking",
                "phone": "+212612345678",
                **dict.fromkeys(ATTACK, "0612345678"),
            }
        )
    (event,) = taken.wait_for(1)
    assert_nothing_in(taken.everything)
    kinds = [
        (each["type"], each["stacktrace"]["frames"][-1]) for each in event["exception"]["values"]
    ]
    assert [kind for kind, _ in kinds] == ["KeyError", "ExceptionGroup", "_Talkative"]
    assert {frame["function"] for _, frame in kinds} == {"fail_with_everything"}
    assert all(frame["filename"] == "tests/observe/test_faults.py" for _, frame in kinds)
    assert event["tags"] == {
        "event": "failed",
        "endpoint": "ussd.africastalking",
        "request_id": request_id,
        "reference": find_reference(request_id),
        "session": "aB3._xyz",
    }
    assert set(event) <= {
        *("event_id", "timestamp", "level", "platform", "release", "environment", "sdk"),
        *("exception", "tags", "transaction"),
    }


@pytest.mark.parametrize("name", ["event", "endpoint", "loop", "provider", "action", "session"])
def test_no_detail_of_a_line_carries_a_number(
    taken: FaultServer, reporter: FaultReporter, name: str
) -> None:
    for value in (*ATTACK, 612345678, b"0612345678", ["0612345678"], {"0612345678": 1}):
        error = type(f"Fault{len(str(value))}_0612345678", (Exception,), {})(value)
        reporter.tell({"exc_info": error, "request_id": str(value), name: value})
    reporter.stop()
    assert len(taken.list_events()) >= 10
    assert_nothing_in(taken.everything)


def test_a_statement_that_fails_takes_no_value_along(
    taken: FaultServer, reporter: FaultReporter, owner: Engine
) -> None:
    for value in ATTACK[:6]:
        statement = f"SELECT CAST('{value}' AS integer), CAST(:given AS date)"
        try:
            with owner.connect() as connection:
                connection.execute(text(statement), {"given": value})
        except Exception as error:
            error.add_note(statement)
            reporter.tell({"event": "failed", "exc_info": error})
    assert taken.wait_for(1)[0]["exception"]["values"][-1]["type"] == "DataError"
    assert_nothing_in(taken.everything)


def test_requests_that_fail_are_told_without_what_was_sent(
    failing: Flask, taken: FaultServer
) -> None:
    """The whole service: path, headers, cookies, query and form are full of values."""
    sent = {"query_string": {"phone": NUMBERS[0], "q": ATTACK}}
    by_client: dict[str, Any] = sent | {"headers": HEADERS}
    form = {"phoneNumber": NUMBERS[0], "text": PAPERS[3], "sessionId": SECRETS[3]}
    full: dict[str, Any] = sent | {"data": form | {"everything": list(ATTACK)}}
    given = quote(PAPERS[3])
    requests: tuple[tuple[str, str, str, dict[str, Any]], ...] = (
        ("home.first_page", "GET", "/", sent),
        ("mobile_money.bills", "GET", f"/mm/v1.2/accounts/msisdn/{NUMBERS[0]}/bills", by_client),
        ("ussd.africastalking_token", "POST", f"/ussd/africastalking/{given}", full),
        ("sms.africastalking_inbound", "POST", "/sms/africastalking/inbound", full),
        # An ordinary hop, which never comes to Flask.
        ("ussd.africastalking", "POST", "/ussd/africastalking", {"data": form}),
    )
    secret = {"X-API-Key": SECRETS[2], "Authorization": SECRETS[3], "Cookie": SECRETS[-1]}
    for number, (endpoint, method, path, parts) in enumerate(requests, 1):
        headers = secret | parts.pop("headers", {})
        answer = failing.test_client().open(path, method=method, headers=headers, **parts)
        assert answer.status_code == 500, endpoint
        tags = taken.wait_for(number)[-1]["tags"]
        assert (tags["endpoint"], tags["request_id"]) == (endpoint, answer.headers["X-Request-Id"])
    assert_nothing_in(taken.everything)


@pytest.fixture
def failing(
    session_runtime: Runtime,
    taken: FaultServer,
    sample_people: None,
    monkeypatch: pytest.MonkeyPatch,
) -> Iterator[Flask]:
    """A service whose views all fail, each in a way of its own, with what they were sent."""
    # A logger stays as it was set up at its first line, which may be of another test.
    for module in (hop_door, lifecycle, responses):
        monkeypatch.setattr(module, "_log", structlog.get_logger("web"))
    app = create_app(
        Runtime(
            session_runtime.settings.model_copy(update={"sentry_dsn": SecretStr(taken.dsn)}),
            clock=session_runtime.clock,
        )
    )

    def fail(**path: str) -> str:
        shown = (path, request.args, request.form, request.headers, request.cookies)
        kind = type(f"At_{request.endpoint}", (_Talkative,), {})
        raise kind(request.full_path, *shown)

    def fail_before_flask(*sent: object) -> None:
        raise _Talkative(*sent)

    app.view_functions = dict.fromkeys(app.view_functions, fail)
    monkeypatch.setattr(hop_door, "answer_callback", fail_before_flask)
    yield app
    set_up_logs("error")


def fail_at_one_place(number: int) -> None:
    raise ValueError(number)


def fail_at_another() -> None:
    raise ValueError


def test_a_storm_of_one_fault_is_told_once_and_keeps_nobody_waiting(taken: FaultServer) -> None:
    """The server hangs meanwhile; another fault is told still, and the process ends in time."""
    taken.seconds = 1.0
    reporter = FaultReporter(taken.dsn, "production")
    untold = REGISTRY.get_sample_value("maalem_faults_untold_total") or 0
    began = time.monotonic()
    for number in range(1000):
        try:
            fail_at_one_place(number)
        except ValueError as error:
            reporter.tell({"event": "failed", "exc_info": error})
    try:
        fail_at_another()
    except ValueError as error:
        reporter.tell({"event": "failed", "exc_info": error})
    assert time.monotonic() - began < 1
    assert (REGISTRY.get_sample_value("maalem_faults_untold_total") or 0) - untold == 999
    assert len(taken.wait_for(2)) == 2
    began = time.monotonic()
    reporter.stop()
    assert time.monotonic() - began < 4


def test_a_log_goes_on_where_the_server_is_away_or_the_teller_fails() -> None:
    nowhere = FaultReporter(f"http://4a8e017dc25b@127.0.0.1:{free_port()}/7", "production")

    def break_down(_line: object) -> None:
        raise RuntimeError("0612345678")

    try:
        for tell in (nowhere.tell, break_down):
            set_up_logs("error", tell)
            began = time.monotonic()
            try:
                fail_at_another()
            except ValueError:
                structlog.get_logger("test").exception("failed")
            assert time.monotonic() - began < 0.5
    finally:
        set_up_logs("error")
        nowhere.stop()
