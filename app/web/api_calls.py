"""The calls of the payments API as its description tells them: their parts, an example, a curl."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import yaml

DESCRIPTION = Path(__file__).with_name("openapi.yaml")
# A new one for each request that changes something.
_NEW_ID = "$(uuidgen)"


@dataclass(frozen=True, slots=True)
class ApiCall:
    """A call of the payments API. `parameters` are its own, `body` an example of what it takes."""

    id: str
    method: str
    path: str
    summary: str
    parameters: tuple[Mapping[str, Any], ...]
    body: Mapping[str, Any] | None
    body_schema: str
    answers: Mapping[str, str]
    has_callback: bool

    def list_parameters(self, place: str) -> list[Mapping[str, Any]]:
        """Returns the parameters of a place: path, query or header."""
        return [each for each in self.parameters if each["in"] == place]

    @property
    def example_path(self) -> str:
        """Returns the path with the examples of its parameters."""
        path = self.path
        for each in self.list_parameters("path"):
            path = path.replace(f"{{{each['name']}}}", str(each["example"]))
        return path

    def write_body(self, indent: int | None = None) -> str:
        """Returns the example of the body as JSON; nothing for a call without one."""
        return json.dumps(self.body, indent=indent) if self.body else ""

    def write_curl(self, base: str, client: str, key: str) -> str:
        """Returns a command to copy. `client` and `key` are written as they stand in a shell."""
        method = "" if self.method == "GET" else f"-X {self.method} "
        lines = [f"curl {method}'{base}{self.example_path}'"]
        lines += [f"-H 'X-Client-Id: {client}'", f"-H 'X-API-Key: {key}'"]
        if self.body:
            lines += [f'-H "X-CorrelationID: {_NEW_ID}"', "-H 'Content-Type: application/json'"]
            lines += [f"-d '{self.write_body()}'"]
        return " \\\n  ".join(lines)


@cache
def description() -> dict[str, Any]:
    """Reads the OpenAPI description, once."""
    content: dict[str, Any] = yaml.load(DESCRIPTION.read_text("utf-8"), yaml.CSafeLoader)
    return content


@cache
def list_calls() -> tuple[ApiCall, ...]:
    """Returns all calls, in the description's order."""
    return tuple(
        _read_call(method, path, told)
        for path, calls in description()["paths"].items()
        for method, told in calls.items()
        if method != "parameters"
    )


def list_request_headers() -> list[tuple[str, str]]:
    """Returns the headers that a request may carry, with what they say."""
    content = description()["components"]
    proofs = [(each["name"], each["description"]) for each in content["securitySchemes"].values()]
    others = [each for each in content["parameters"].values() if each["in"] == "header"]
    return proofs + [(each["name"], each["description"]) for each in others]


def list_answer_headers() -> list[tuple[str, str]]:
    """Returns the headers that an answer may carry, with what they say."""
    return list(dict(_find_answer_headers()).items())


def _find_answer_headers() -> Iterator[tuple[str, str]]:
    calls = [told for calls in description()["paths"].values() for told in calls.values()]
    answers = [answer for call in calls for answer in call["responses"].values()]
    for answer in map(_resolve, answers):
        for name, header in answer.get("headers", {}).items():
            yield name, _resolve(header)["description"]


def _read_call(method: str, path: str, told: Mapping[str, Any]) -> ApiCall:
    content = told.get("requestBody", {}).get("content", {})
    schema = content.get("application/json", {}).get("schema", {})
    return ApiCall(
        id=told["operationId"],
        method=method.upper(),
        path=path,
        summary=told["summary"],
        parameters=tuple(map(_resolve, told["parameters"])),
        body=_resolve(schema).get("example"),
        body_schema=schema.get("$ref", "").rpartition("/")[2],
        answers={
            status: _resolve(answer)["description"] for status, answer in told["responses"].items()
        },
        has_callback="callbacks" in told,
    )


def _resolve(value: Mapping[str, Any]) -> Mapping[str, Any]:
    """Returns what a reference of the description stands for; any other value itself."""
    place = value.get("$ref")
    if place is None:
        return value
    found: Any = description()
    for name in place.removeprefix("#/").split("/"):
        found = found[name]
    resolved: Mapping[str, Any] = found
    return resolved
