"""What no honest caller sends is refused at the edge, and the answer says why, on every route."""

from __future__ import annotations

from urllib.parse import unquote_to_bytes

import pytest
from flask import Flask
from flask.testing import FlaskClient
from werkzeug.test import TestResponse

from app.runtime import Runtime
from tests.mobile_money.conftest import HEADERS

BILL = "/mm/v1.2/bills/482173059614/payments"


# What an address may not hold, percent-encoded or as bare bytes, and what is said of it.
IN_ADDRESSES = (
    ("%00", "a control character"),
    ("%1b", "a control character"),
    ("%0d%0aX-Evil:1", "a control character"),
    ("%09", "a control character"),
    ("%7F", "a control character"),
    ("%c2%9b", "a control character"),
    ("%e2%80%a8", "a control character"),
    ("\x00", "a control character"),
    ("%c0%80", "not UTF-8"),
    ("%e0%80%80", "not UTF-8"),
    ("%ed%a0%80", "not UTF-8"),
    ("%ff", "not UTF-8"),
    ("\xff", "not UTF-8"),
)


def call(client: FlaskClient, path: str, query: str = "", **environ: str) -> TestResponse:
    """Calls as a server does: the path decoded, each byte a character; the query as it came."""
    decoded = unquote_to_bytes(path.encode("latin-1")).decode("latin-1")
    given = {"PATH_INFO": decoded, "QUERY_STRING": query, **environ}
    return client.get("/", headers=HEADERS, environ_overrides=given)


@pytest.mark.parametrize("path", ["/", "/agent", "/simulator", "/docs", "/mm/v1.2/heartbeat"])
def test_control_character_in_an_address_is_refused(client: FlaskClient, path: str) -> None:
    for junk, why in IN_ADDRESSES:
        for query in (f"a={junk}", f"{junk}=1", f"a=b&c=d{junk}", junk):
            answer = call(client, path, query)
            assert (answer.status_code, f"query: {why}" in answer.text) == (400, True), query
        answer = call(client, f"{path}{junk}")
        assert (answer.status_code, f"path: {why}" in answer.text) == (400, True), junk


def test_control_character_in_a_form_is_refused(client: FlaskClient) -> None:
    for typed in ("1001\0", "10\x0801", "10\x9b01", "\x1b[2J"):
        for kind in ("application/x-www-form-urlencoded", "multipart/form-data"):
            for form in ({"number": typed, "pin": "246813"}, {f"number{typed}": "1"}):
                answer = client.post("/agent/sign-in", data=form, content_type=kind)
                told = 'content="form: a control character"'
                assert (answer.status_code, told in answer.text) == (400, True)


@pytest.mark.parametrize(
    ("body", "why"),
    [
        (b"number=%00", "a control character"),
        (b"number=\x00", "a control character"),
        (b"number=%c2%85", "a control character"),
        (b"number=%c0%80", "not UTF-8"),
        (b"number=%ed%a0%80", "not UTF-8"),
        (b"number=\xff", "not UTF-8"),
        (b"%ff=1", "not UTF-8"),
    ],
)
def test_form_that_is_no_text_is_refused(client: FlaskClient, body: bytes, why: str) -> None:
    kind = "application/x-www-form-urlencoded; charset=iso-8859-1"
    answer = client.post("/agent/sign-in", data=body, content_type=kind)
    assert (answer.status_code, f'content="form: {why}"' in answer.text) == (400, True)


@pytest.mark.parametrize(
    ("head", "value", "why"),
    [
        ('name="number"; filename="a\x00.csv"', "1", "a control character"),
        ('name="number"\r\nContent-Type: text/plain; charset=utf-16', "1\x000\x00", "a control c"),
        ('name="number"\r\nContent-Type: text/plain; charset=iso-8859-1', "\xff", "not UTF-8"),
        ('name="number"\r\nContent-Type: \x1b', "1", "a control character"),
    ],
)
def test_parts_of_a_form_are_held_to_the_same(
    client: FlaskClient, head: str, value: str, why: str
) -> None:
    body = f"--x\r\nContent-Disposition: form-data; {head}\r\n\r\n{value}\r\n--x--\r\n"
    kind = "multipart/form-data; boundary=x"
    answer = client.post("/agent/sign-in", data=body.encode("latin-1"), content_type=kind)
    assert (answer.status_code, f"form: {why}" in answer.text) == (400, True)


@pytest.mark.parametrize("name", ["X_CORRELATIONID", "X_CALLBACK_URL", "X_DATE", "X_CLIENT_ID"])
@pytest.mark.parametrize("junk", ["\x00", "\r\nX-Evil: 1", "\x1b[2J", "\x7f"])
def test_control_character_in_a_header_is_refused(
    client: FlaskClient, name: str, junk: str
) -> None:
    answer = call(client, "/mm/v1.2/heartbeat", **{f"HTTP_{name}": f"a{junk}"})
    assert answer.status_code == 400
    assert "header: a control character" in answer.text


def test_letters_and_marks_of_direction_are_taken(client: FlaskClient) -> None:
    """A phone's number copied on a telephone has such marks around it."""
    for text in ("\u202a+212600000001\u202c", "\u2066100001\u2069", "\u200e1", "é م ⴰ 👩‍👧"):
        form = {"number": text, "pin": "1"}
        assert "control character" not in client.post("/agent/sign-in", data=form).text
        assert client.get("/", query_string={"a": text}).status_code == 200
        assert (
            client.get("/", headers={"X-Other": text.encode().decode("latin-1")}).status_code == 200
        )


@pytest.mark.parametrize(
    ("body", "why"),
    [
        ('{"amountPaid": "1", "amountPaid": "2"}', "a name twice in one object"),
        ('{"metadata": [{"key": "a", "key": "b", "value": "c"}]}', "a name twice in one object"),
        ('{"amountPaid": NaN}', "NaN or Infinity"),
        ('{"a": "\\u0000"}', "a control character"),
        ('{"a\\u001f": 1}', "a control character"),
        ("[" * 33 + "]" * 33, "nested too deeply"),
        ("[" * 30_000 + "]" * 30_000, "nested too deeply"),
        ('{"a": "\\ud800"}', "not JSON in UTF-8"),
        ('{"a": "\\udfff\\ud83d"}', "not JSON in UTF-8"),
        ('{"\\ud800": 1}', "not JSON in UTF-8"),
        ('{"amountPaid": -Infinity}', "NaN or Infinity"),
        ('{"amountPaid": 1e999}', "a number without end"),
        ('{"amountPaid": 1e99999999999999999999}', "a number without end"),
        ('{"amountPaid": 1e-99999999999999999999}', "a number without end"),
        ('{"amountPaid": %s}' % ("1" * 5_000), "not JSON in UTF-8"),
        ('{"a": "\\u009b"}', "a control character"),
        ('{"a": {"b": ["\\u001b"]}}', "a control character"),
        ('{"a": {"b": 1, "\\u0062": 2}}', "a name twice in one object"),
        ('{"a": "\x00"}', "not JSON in UTF-8"),
        ("\ufeff\ufeff{}", "not JSON in UTF-8"),
        ('{"a": 1}'.encode("utf-16"), "not JSON in UTF-8"),
        (b'{"a": "\xc0\x80"}', "not JSON in UTF-8"),
        (b'{"a": "\xed\xa0\x80"}', "not JSON in UTF-8"),
        ("{", "not JSON in UTF-8"),
        ("", "not JSON in UTF-8"),
    ],
)
def test_json_that_can_be_read_in_two_ways_is_refused(
    client: FlaskClient, body: str | bytes, why: str
) -> None:
    headers = {**HEADERS, "Content-Type": "application/json", "X-CorrelationID": "1"}
    answer = client.post(BILL, data=body, headers=headers)
    assert answer.status_code == 400
    assert answer.json is not None
    assert answer.json["errorCategory"] == "validation"
    assert why in answer.json["errordescription"]


def test_json_behind_a_byte_order_mark_is_read(client: FlaskClient) -> None:
    """RFC 8259, section 8.1: none is to be written, and a reader may ignore one."""
    headers = {**HEADERS, "Content-Type": "application/json", "X-CorrelationID": "1"}
    with_mark, without = (
        client.post(BILL, data=mark + '{"amountPaid": "x"}', headers=headers)
        for mark in ("\ufeff", "")
    )
    assert with_mark.json == without.json and "JSON" not in str(without.json)
    hop = '{"session_id": "1", "msisdn": "+212600000099", "input": "", "type": "start"}'
    assert client.post("/ussd/generic", data="\ufeff" + hop).status_code == 200


def test_deep_json_of_a_gateway_is_refused_as_that_gateway_reads(client: FlaskClient) -> None:
    answer = client.post("/ussd/generic", data="[" * 5000, content_type="application/json")
    assert (answer.status_code, list(answer.json or {})) == (400, ["error"])


@pytest.mark.parametrize(
    "host",
    [
        "evil.example",
        "localhost.evil.example",
        "[",
        "",
        "127.0.0.2",
        "evil.example@localhost",
        "localhost/..",
        "localhost#evil.example",
        "localhost:x",
        "localhost, evil.example",
        "localhost ",
        "[::1]evil.example",
    ],
)
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
