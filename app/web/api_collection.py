"""The payments API as a collection for API clients (Postman 2.1, which Bruno and others take)."""

from __future__ import annotations

from typing import Any

from app.web.api_calls import ApiCall, description, list_calls

# A client of collections writes the moment in the place of these words.
_NOW = "{{$isoTimestamp}}"
_SCHEMA = "https://schema.getpostman.com/json/collection/v2.1.0/collection.json"


def make_collection(base: str, client: str, key: str) -> dict[str, Any]:
    """Returns the collection; address, client and key are variables with these values at first."""
    info = description()["info"]
    first = {"baseUrl": base, "clientId": client, "apiKey": key}
    return {
        "info": {"name": info["title"], "description": info["description"], "schema": _SCHEMA},
        "item": [_make_item(call) for call in list_calls()],
        "variable": [{"key": name, "value": value} for name, value in first.items()],
    }


def _make_item(call: ApiCall) -> dict[str, Any]:
    headers = {"X-Client-Id": "{{clientId}}", "X-API-Key": "{{apiKey}}"}
    request: dict[str, Any] = {
        "method": call.method,
        "description": call.summary,
        "url": _make_url(call),
    }
    if call.body:
        headers |= {"X-CorrelationID": "{{$guid}}", "Content-Type": "application/json"}
        request["body"] = {"mode": "raw", "raw": call.write_body(2)}
    listed = [{"key": name, "value": value} for name, value in headers.items()]
    for each in call.list_parameters("header"):
        if each["name"] not in headers:
            listed.append(_make_optional(each))
    return {"name": f"{call.method} {call.path}", "request": request | {"header": listed}}


def _make_url(call: ApiCall) -> dict[str, Any]:
    path = call.path.replace("{", ":").replace("}", "")
    return {
        "raw": f"{{{{baseUrl}}}}{path}",
        "host": ["{{baseUrl}}"],
        "path": path.strip("/").split("/"),
        "query": [_make_optional(each) for each in call.list_parameters("query")],
        "variable": [
            {"key": each["name"], "value": str(each["example"]), "description": each["description"]}
            for each in call.list_parameters("path")
        ],
    }


def _make_optional(parameter: Any) -> dict[str, Any]:
    """Returns a parameter that is sent once it is switched on."""
    first = parameter.get("example", parameter["schema"].get("default", ""))
    return {
        "key": parameter["name"],
        "value": _NOW if parameter["schema"].get("format") == "date-time" else str(first),
        "description": parameter["description"],
        "disabled": True,
    }
