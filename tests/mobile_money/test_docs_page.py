"""/docs holds the whole API: its guide, headers, calls with commands, console and collection."""

from __future__ import annotations

import json
import os
import re
import shlex
import shutil
import subprocess
import sys
from html import unescape
from pathlib import Path
from typing import Any
from uuid import uuid4

import jsonschema_rs
import pytest
from flask import Flask
from flask.testing import FlaskClient
from pydantic import SecretStr

from app.base.clock import utc_now
from app.mobile_money.callbacks import signature
from app.mobile_money.objects import write_moment
from app.settings import ROOT
from app.web.api_calls import list_answer_headers, list_calls, list_request_headers
from app.web.mobile_money.routes import BASE
from tests.mobile_money.conftest import HEADERS
from tests.web.conftest import production

__all__ = ["production"]

# The parts of Postman's collection format 2.1.0 that ours has, and no other.
_VALUE = {"key": {"type": "string"}, "value": {"type": "string"}}
_NAMED = {**_VALUE, "description": {"type": "string"}, "disabled": {"type": "boolean"}}


def _shape(properties: dict[str, Any], *required: str) -> dict[str, Any]:
    needed = {"required": list(required)} if required else {}
    return {"type": "object", "properties": properties, "additionalProperties": False} | needed


_TEXT = {"type": "string"}
_LIST = {"type": "array", "items": _shape(_NAMED, "key", "value")}
COLLECTION = _shape(
    {
        "info": _shape(
            {
                "name": _TEXT,
                "description": _TEXT,
                "schema": {
                    "const": "https://schema.getpostman.com/json/collection/v2.1.0/collection.json"
                },
            },
            "name",
            "schema",
        ),
        "variable": {"type": "array", "items": _shape(_VALUE, "key", "value")},
        "item": {
            "type": "array",
            "items": _shape(
                {
                    "name": _TEXT,
                    "request": _shape(
                        {
                            "method": {"enum": ["GET", "POST"]},
                            "description": _TEXT,
                            "header": _LIST,
                            "body": _shape({"mode": {"const": "raw"}, "raw": _TEXT}, "mode"),
                            "url": _shape(
                                {
                                    "raw": _TEXT,
                                    "host": {"type": "array", "items": _TEXT},
                                    "path": {"type": "array", "items": _TEXT},
                                    "query": _LIST,
                                    "variable": _LIST,
                                },
                                "raw",
                            ),
                        },
                        "method",
                        "url",
                    ),
                },
                "request",
            ),
        },
    },
    "info",
    "item",
)


@pytest.fixture(scope="module")
def page(app: Flask) -> str:
    return app.test_client().get("/docs").text


def test_the_page_tells_all_there_is(page: str) -> None:
    text = unescape(page)
    for call in list_calls():
        assert f'id="{call.id}"' in page
        for told in (call.path, call.summary, *call.answers.values()):
            assert told in text, told
    for name, told in (*list_request_headers(), *list_answer_headers()):
        assert f"<code>{name}</code></td><td>{told}." in text, name
    for name in ("X-Client-Id", "X-API-Key", "X-Date", "X-CorrelationID", "X-Callback-URL"):
        assert name in dict(list_request_headers()), name
    assert {"Location", "Retry-After", "X-Date"} <= set(dict(list_answer_headers()))
    for part in ("X-Signature", "hmac.compare_digest", "rateLimitError", "X-Sandbox-Days"):
        assert part in text, part


def test_every_link_of_the_page_leads_somewhere(page: str, client: FlaskClient) -> None:
    ids = set(re.findall(r'id="([^"]+)"', page))
    links = set(re.findall(r'href="([^"]+)"', page))
    assert {link[1:] for link in links if link.startswith("#")} <= ids
    for link in links:
        if not link.startswith("#"):
            assert link.startswith("/"), link
            assert client.get(link, buffered=True).status_code == 200, link
    assert client.get("/docs/examples/README.md").status_code == 404
    assert client.get("/docs/examples/%2e%2e/README.md").status_code == 404


def test_the_page_needs_no_network_and_no_script_of_its_own(page: str) -> None:
    assert not re.search(r'(src|href|action)="(https?:)?//', page)
    assert not re.search(r"<script(?![^>]* src=)|<style|\son\w+=|\sstyle=", page)


@pytest.mark.usefixtures("sample_people")
def test_every_command_of_the_page_is_a_request_of_the_api(page: str, client: FlaskClient) -> None:
    commands = [unescape(each) for each in re.findall(r"data-copy><code>(.*?)</code>", page, re.S)]
    assert len(commands) == len(list_calls()) > 12
    for call, command in zip(list_calls(), commands, strict=True):
        words = shlex.split(command.replace("\\\n", " ").replace("$(uuidgen)", str(uuid4())))
        assert words.pop(0) == "curl"
        method, address, body, headers = "GET", "", None, {}
        while words:
            word = words.pop(0)
            if word == "-X":
                method = words.pop(0)
            elif word == "-H":
                name, _, value = words.pop(0).partition(": ")
                headers[name] = value
            elif word == "-d":
                body = words.pop(0)
            else:
                address = word
        assert (method, address.startswith(f"http://localhost{BASE}")) == (call.method, True)
        address = address.removeprefix("http://localhost").replace("+", "%2B")
        answer = client.open(address, method=method, headers=headers, data=body)
        # What the examples name may not be there; what is asked can be read and is let in.
        assert str(answer.status_code) in call.answers, (command, answer.text)
        told = answer.json if isinstance(answer.json, dict) else {}
        assert told.get("errorCategory") in {None, "identification", "businessRule"}, command


def test_the_collection_is_one_that_api_clients_take(client: FlaskClient) -> None:
    collection = client.get("/docs/collection.json").json
    assert collection
    jsonschema_rs.Draft7Validator(COLLECTION).validate(collection)
    told = {(each["request"]["method"], each["name"].split()[1]) for each in collection["item"]}
    assert told == {(call.method, call.path) for call in list_calls()}
    for item in collection["item"]:
        url = item["request"]["url"]
        named = {part[1:] for part in url["path"] if part.startswith(":")}
        assert named == {each["key"] for each in url["variable"]}
        sent = {each["key"] for each in item["request"]["header"] if not each.get("disabled")}
        assert set(HEADERS) <= sent
        if "body" in item["request"]:
            assert json.loads(item["request"]["body"]["raw"])


def test_production_has_no_console_and_no_key(production: Flask) -> None:
    client = production.test_client()
    headers = {"Host": "maalem.example"}
    page = client.get("/docs", headers=headers).text
    assert "<form" not in page and 'class="try"' not in page
    assert f"https://maalem.example/maalem{BASE}/heartbeat" in page
    assert "X-API-Key: YOUR-API-KEY" in unescape(page)
    values = client.get("/docs/collection.json", headers=headers).json
    assert values and "demo-key" not in json.dumps(values)


@pytest.mark.parametrize(
    ("program", "name"),
    [
        (sys.executable, "check_callback.py"),
        ("node", "check_callback.js"),
        ("php", "check_callback.php"),
    ],
)
def test_a_callback_is_checked_as_the_program_signs(
    program: str, name: str, tmp_path: Path
) -> None:
    if not shutil.which(program):
        pytest.skip(f"no {program} here")
    key, identity, body = "k" * 64, str(uuid4()), '{"amount": "163.52", "é": "م"}'.encode()

    def check(date: str, sent: bytes, used: str = key) -> str:
        headers = {
            "X-Date": date,
            "X-CorrelationID": identity,
            "X-Signature": signature(SecretStr(used), date, identity, body),
        }
        given = tmp_path / "headers.json"
        given.write_text(json.dumps(headers), "utf-8")
        command = [program, str(ROOT / "examples" / name), str(given)]
        ran = subprocess.run(
            command, input=sent, capture_output=True, env=os.environ | {"SIGNING_KEY": key}
        )
        assert ran.returncode == 0, ran.stderr
        return ran.stdout.decode().strip()

    now = utc_now()
    assert check(write_moment(now), body) == "right"
    assert check(write_moment(now), body + b" ") == "refused"
    assert check(write_moment(now), body, "other") == "refused"
    assert check("2026-01-01T00:00:00.000+01:00", body) == "refused"
