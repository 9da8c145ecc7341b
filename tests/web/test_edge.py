"""What no honest caller sends is refused at the edge, with a line that says why, on every route."""

from __future__ import annotations

import pytest
from flask import Flask
from flask.testing import FlaskClient

from app.runtime import Runtime
from tests.mobile_money.conftest import HEADERS

BILL = "/mm/v1.2/bills/482173059614/payments"


@pytest.mark.parametrize("path", ["/", "/agent", "/simulator", "/docs", "/mm/v1.2/heartbeat"])
def test_control_character_in_an_address_is_refused(client: FlaskClient, path: str) -> None:
    for written, where in ((f"{path}?a=%00", "query"), (f"{path}?a%1b=1", "query")):
        answer = client.get(written, headers=HEADERS)
        assert answer.status_code == 400
        assert f"{where}: a control character" in answer.text
    answer = client.get(f"{path}%00".replace("//", "/"))
    assert (answer.status_code, "path: a control character" in answer.text) == (400, True)


def test_control_character_in_a_form_is_refused(client: FlaskClient) -> None:
    for typed in ("1001\0", "10\x0801", "10\x9b01"):
        answer = client.post("/agent/sign-in", data={"number": typed, "pin": "246813"})
        assert (answer.status_code, answer.text) == (400, "form: a control character\n")


@pytest.mark.parametrize(
    ("body", "why"),
    [
        ('{"amountPaid": "1", "amountPaid": "2"}', "a name twice in one object"),
        ('{"metadata": [{"key": "a", "key": "b", "value": "c"}]}', "a name twice in one object"),
        ('{"amountPaid": NaN}', "NaN or Infinity"),
        ('{"a": "\\u0000"}', "a control character"),
        ('{"a\\u001f": 1}', "a control character"),
        ("[" * 33 + "]" * 33, "nested too deeply"),
        ("[" * 30_000, "nested too deeply"),
        ('{"a": "\\ud800"}', "not JSON in UTF-8"),
        ("{", "not JSON in UTF-8"),
    ],
)
def test_json_that_can_be_read_in_two_ways_is_refused(
    client: FlaskClient, body: str, why: str
) -> None:
    headers = {**HEADERS, "Content-Type": "application/json", "X-CorrelationID": "1"}
    answer = client.post(BILL, data=body, headers=headers)
    assert answer.status_code == 400
    assert answer.json is not None
    assert answer.json["errorCategory"] == "validation"
    assert why in answer.json["errordescription"]


def test_deep_json_of_a_gateway_is_refused_as_that_gateway_reads(client: FlaskClient) -> None:
    answer = client.post("/ussd/generic", data="[" * 5000, content_type="application/json")
    assert (answer.status_code, list(answer.json or {})) == (400, ["error"])


@pytest.mark.parametrize("host", ["evil.example", "localhost.evil.example", "[", "", "127.0.0.2"])
@pytest.mark.parametrize("path", ["/", "/agent", "/mm/v1.2/heartbeat", "/figures"])
def test_host_that_is_not_ours_is_refused(client: FlaskClient, path: str, host: str) -> None:
    answer = client.get(path, headers={"Host": host})
    assert answer.status_code == 400
    assert "Host: not an address of this service" in answer.text


def test_own_hosts_are_taken_on_any_port(app: Flask, client: FlaskClient, runtime: Runtime) -> None:
    for host in ("localhost", "localhost:8000", "127.0.0.1:9", "[::1]:8000"):
        assert client.get("/", headers={"Host": host}).status_code == 200
    assert client.get("/healthz", headers={"Host": "10.1.2.3:8000"}).status_code == 200
    app.extensions["hosts"].add("maalem.example")
    try:
        assert client.get("/", headers={"Host": "maalem.example"}).status_code == 200
    finally:
        app.extensions["hosts"].discard("maalem.example")
