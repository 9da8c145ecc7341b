"""Reads and judges the texts that settings are written as. Pure; a reason never shows the value."""

from __future__ import annotations

import re
from ipaddress import IPv4Network, IPv6Network, ip_network
from urllib.parse import parse_qs, unquote, urlsplit

from app.base.secrets import find_weakness

SHORTEST_TOKEN = 24
_CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029]")
# What a provider takes: a number, a name, a short code, Twilio's messaging service.
_SENDER = r"\+[1-9][0-9]{6,14}|[A-Za-z0-9 ]{1,11}|MG[0-9a-f]{32}"
_SHAPES = {
    "africastalking_sender_id": (
        _SENDER,
        "neither a number, a short code nor a name of 11 letters",
    ),
    "twilio_account_sid": ("AC[0-9a-f]{32}", "not AC and 32 hexadecimal digits"),
    "twilio_from": (_SENDER, "neither a number, a name nor a messaging service"),
}


def refuse_unseen(value: str) -> str:
    """Returns a text without unseen parts: a file's last end of line makes another value of it.

    Raises: ValueError.
    """
    if _CONTROL.search(value):
        raise ValueError("holds an end of line or another control character")
    if value and not value.strip():
        raise ValueError("is blank")
    if value != value.strip():
        raise ValueError("has an outer blank")
    return value


def refuse_letters_beyond_ascii(address: str) -> str:
    """Returns an address that every program reads alike. Raises: ValueError."""
    if not address.isascii():
        raise ValueError("is not ASCII: write the host as browsers send it, xn--...")
    return address


def judge_shape(name: str, value: str) -> str | None:
    """Returns why a provider would not take the value of this setting; None if it may."""
    shape, why = _SHAPES.get(name, (".*", ""))
    return None if re.fullmatch(shape, value) else why


def judge_redis(url: str) -> str | None:
    """Returns why others on the network may read and write this Redis; None if nobody may."""
    if not url:
        return "missing"
    try:
        parts = urlsplit(url)
    except ValueError:
        return "not an address"
    if password := unquote(parts.password or "") or parse_qs(parts.query).get("password", [""])[0]:
        weakness = find_weakness(password, SHORTEST_TOKEN)
        return f"its password is weak: {weakness}" if weakness else None
    if parts.scheme in {"unix", "rediss"}:
        return None
    return "anybody may connect: no password, no TLS (rediss://), no socket (unix://)"


def read_pairs(value: str, form: str) -> list[tuple[str, str]]:
    pairs = [pair.strip().partition("=") for pair in value.split(";") if pair.strip()]
    names = [name for name, _, _ in pairs]
    if any(not re.fullmatch(r"\w+", name, re.ASCII) or not rest for name, _, rest in pairs):
        raise ValueError(f"not written as {form}")
    if twice := sorted({name for name in names if names.count(name) > 1}):
        raise ValueError(f"names twice: {', '.join(twice)}")
    return [(name, rest) for name, _, rest in pairs]


def read_networks(value: str) -> tuple[IPv4Network | IPv6Network, ...]:
    try:
        return tuple(ip_network(each.strip()) for each in value.split(",") if each.strip())
    except ValueError:
        raise ValueError("not networks as 192.0.2.0/24 or addresses, separated by commas") from None
