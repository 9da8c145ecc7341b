"""Requests at random to every route of the service: plausible ones, spoilt in every part."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from random import Random
from urllib.parse import quote_from_bytes, urlencode

from tests.fuzz.junk import BIG, BYTES, JSON_TEXTS, TEXTS, VALUES

METHODS = ["GET", "POST"] * 6 + ["PUT", "PATCH", "DELETE", "HEAD", "OPTIONS", "TRACE", "JUNK"]
FORM, JSON, PARTS = "application/x-www-form-urlencoded", "application/json", "multipart/form-data"
TYPES = [
    FORM, JSON, PARTS, f"{PARTS}; boundary=x", f"{PARTS}; boundary=", "text/plain", "text/xml",
    "application/json; charset=utf-16", f"{FORM}; charset=utf-7", "application/problem+json", "/",
    "application/octet-stream", "a/b; c=\xe9; =;;", "", "application/json, text/html",
]  # fmt: skip
PATH_TYPES = ("msisdn", "linkref", "consumerno")
# Headers that are read, by us or by a library.
HEADERS = [
    "X-CorrelationID", "X-Callback-URL", "X-Date", "X-Content-Hash", "X-Client-Id", "X-API-Key",
    "Prefer", "Authorization", "Accept-Language", "Accept", "X-Forwarded-For", "X-Forwarded-Host",
    "X-Twilio-Signature", "Range", "If-None-Match", "If-Modified-Since", "If-Range", "Origin",
    "Referer", "Cookie", "X-CSRFToken", "Forwarded", "Content-Encoding", "Transfer-Encoding",
    "X-HTTP-Method-Override", "Expect", "User-Agent",
]  # fmt: skip


@dataclass(frozen=True, slots=True)
class Route:
    """A rule of the url_map with one of its methods; `proof` are the headers that open it."""

    rule: str
    method: str
    proof: Callable[[], Mapping[str, str]]


@dataclass(slots=True)
class World:
    """What an honest caller knows: values, names of fields, and the usual values of some."""

    routes: list[Route]
    values: list[str]
    fields: list[str]
    usual: Mapping[str, list[str]]
    token: Callable[[], str] = str


@dataclass(slots=True)
class Request:
    """A request as it comes over the wire. Path and query are written out, `%` and all."""

    method: str
    path: bytes
    query: bytes = b""
    headers: dict[str, str] = field(default_factory=dict)
    content_type: str = ""
    body: bytes = b""

    def describe(self) -> str:
        """Writes the request out, so that it can be read and sent again."""
        head = f"{self.method} {self.path!r} ? {self.query!r}"
        told = [f"  {name}: {value[:500]!r}" for name, value in self.headers.items()]
        rest = f"  Content-Type: {self.content_type!r}", f"  {self.body[:1000]!r}"
        return "\n".join([head[:1000], *told, *rest])


class Maker:
    """Makes requests by chance; the same chance makes the same."""

    def __init__(self, world: World, chance: Random) -> None:
        self._world, self._chance = world, chance

    def make(self) -> Request:
        """Makes a plausible request to a route, and spoils it in none to three parts."""
        route = self._chance.choice(self._world.routes)
        made = Request(route.method, self._address(route.rule), headers=dict(route.proof()))
        if route.method != "GET" or self._often(0.1):
            made.content_type, made.body = self._body(route.rule)
        if self._often(0.3):
            made.query = self._form()
        for _ in range(self._chance.choice([0, 0, 1, 1, 2, 3])):
            self._chance.choice(
                [self._spoil_path, self._spoil_query, self._spoil_headers, self._spoil_body,
                 self._spoil_cookie, self._spoil_method]
            )(made)  # fmt: skip
        return made

    def _often(self, share: float) -> bool:
        return self._chance.random() < share

    def _value(self) -> str:
        """A value that somebody honest knows, or junk."""
        return self._chance.choice(self._world.values if self._often(0.6) else TEXTS)

    def _address(self, rule: str) -> bytes:
        def fill(part: re.Match[str]) -> str:
            if part[1] in ("kind", "account") and self._often(0.8):
                kind = self._chance.choice(PATH_TYPES)
                return kind if part[1] == "kind" else quote(f"{kind}@{self._value()}")
            return quote(self._value())

        return re.sub(r"<(?:\w+:)?(\w+)>", fill, rule).encode("latin-1", "replace")

    def _body(self, rule: str) -> tuple[str, bytes]:
        if rule.startswith("/mm/") or "generic" in rule or self._often(0.1):
            return JSON, self._json()
        if self._often(0.15):
            return f"{PARTS}; boundary=x", self._parts()
        return FORM, self._form()

    def _pairs(self) -> list[tuple[str, str]]:
        names = self._chance.sample(self._world.fields, self._chance.randrange(1, 9))
        names += self._chance.sample(list(self._world.usual), self._chance.randrange(4, 12))
        return [("csrf_token", self._world.token()), *((name, self._named(name)) for name in names)]

    def _named(self, name: str) -> str:
        usual = self._world.usual.get(name)
        return self._chance.choice(usual) if usual and self._often(0.8) else self._value()

    def _form(self) -> bytes:
        return urlencode(self._pairs(), errors="surrogatepass").encode()

    def _parts(self) -> bytes:
        head = 'Content-Disposition: form-data; name="{}"{}\r\n{}'
        named = ["", '; filename="a.csv"', "; filename=\x00", "; filename*=utf-7''x"]
        typed = ["", "Content-Type: text/plain; charset=utf-16\r\n", "Content-Type: \r\n", ":\r\n"]
        parts = [
            head.format(name, self._chance.choice(named), self._chance.choice(typed))
            + f"\r\n{value}"
            for name, value in self._pairs()
        ]
        text = (
            "--x\r\n"
            + "\r\n--x\r\n".join(parts)
            + self._chance.choice(["\r\n--x--\r\n", "", "\r\n"])
        )
        return text.encode("utf-8", "surrogatepass")

    def _json(self) -> bytes:
        if self._often(0.15):
            return self._chance.choice(JSON_TEXTS)
        body: dict[str, object] = {"amountPaid": "163.52", "currency": "MAD"}
        for name, value in self._pairs()[1:]:
            body[name] = value if self._often(0.6) else self._chance.choice(VALUES)
        return json.dumps(body).encode()

    def _spoil_path(self, made: Request) -> None:
        made.path = self._spoil(made.path)
        if not made.path.startswith(b"/") and self._often(0.9):
            made.path = b"/" + made.path

    def _spoil_query(self, made: Request) -> None:
        made.query = self._spoil(made.query or self._form())

    def _spoil_body(self, made: Request) -> None:
        if self._often(0.3):
            made.content_type = self._chance.choice(TYPES)
        else:
            made.body = self._spoil(made.body)

    def _spoil_headers(self, made: Request) -> None:
        name = self._chance.choice(HEADERS)
        made.headers[name] = self._spoil(self._value().encode("utf-8", "replace")).decode("latin-1")

    def _spoil_cookie(self, made: Request) -> None:
        if cookie := made.headers.get("Cookie"):
            made.headers["Cookie"] = self._spoil(cookie.encode("latin-1")).decode("latin-1")

    def _spoil_method(self, made: Request) -> None:
        made.method = self._chance.choice(METHODS)

    def _spoil(self, good: bytes) -> bytes:
        """Puts junk into bytes, turns one over, cuts, doubles or replaces them."""
        at, junk = self._chance.randrange(len(good) + 1), self._chance.choice(BYTES)
        way = self._chance.randrange(7)
        if way < 3:
            return good[:at] + junk + good[at:]
        if way == 3 and good:
            at = min(at, len(good) - 1)
            return good[:at] + bytes([good[at] ^ 1 << self._chance.randrange(8)]) + good[at + 1 :]
        if way == 4:
            return good[:at]
        if way == 5:
            return good + self._chance.choice([good, good * 20, *BIG])
        return junk


def quote(text: str) -> str:
    """Percent-encodes for a path; half a character too."""
    return quote_from_bytes(text.encode("utf-8", "surrogatepass"), safe="+@$")
