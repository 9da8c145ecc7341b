"""Reads and judges the texts that settings are written as. Pure; a reason never shows the value."""

from __future__ import annotations

import re
from collections.abc import Sequence
from ipaddress import IPv4Network, IPv6Network, collapse_addresses, ip_address, ip_network
from typing import Annotated
from urllib.parse import parse_qs, unquote, urlsplit

from pydantic import AfterValidator, BeforeValidator, Field, SecretStr
from pydantic_core import ErrorDetails
from pydantic_settings import NoDecode

from app.base.redis_client import read_many
from app.base.secrets import find_weakness

SHORTEST_TOKEN = 24
_DATABASE = r"^(postgresql(\+psycopg)?://.+)?$"
_REDIS = r"^((rediss?|unix|redis\+sentinel|redis\+cluster)://.+)?$"
_ADDRESS = r"^(https?://[A-Za-z0-9_]([A-Za-z0-9_.-]*[A-Za-z0-9_])?(:[0-9]{1,5})?(/[^\s?#]*)?)?$"
# A key in place of a user, a project's number in place of a path.
_DSN = re.compile(r"https?://[0-9A-Za-z]+@[A-Za-z0-9._-]+(:[0-9]{1,5})?(/[A-Za-z0-9._-]+)*/[0-9]+")
_CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029]")
# What a provider takes: a number, a name, a short code, Twilio's messaging service.
_SENDER = r"\+[1-9][0-9]{6,14}|[A-Za-z0-9 ]{1,11}|MG[0-9a-f]{32}"
# How Redis's client is told to believe any certificate, or one of any name.
_UNPROVEN = re.compile(
    r"ssl_cert_reqs=(?!required)|ssl_check_hostname=(?!true|1|yes)", re.IGNORECASE
)
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


def refuse_letters_beyond_ascii(address: object) -> object:
    """Returns an address that every program reads alike. Raises: ValueError."""
    if isinstance(address, str) and not address.isascii():
        raise ValueError("is not ASCII: write the host as browsers send it, xn--...")
    return address


def refuse_impossible_port(address: str) -> str:
    """Returns an address whose port there is. Raises: ValueError."""
    urlsplit(address).port  # noqa: B018 - raises, with its reason, for one above 65535
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
    proven = parts.scheme == "rediss" or "ssl=true" in parts.query
    if proven and _UNPROVEN.search(unquote(parts.query)):
        return "its certificate is not checked, so anybody may stand between"
    if password := read_password(url):
        weakness = find_weakness(password, SHORTEST_TOKEN)
        return f"its password is weak: {weakness}" if weakness else None
    if parts.scheme == "unix" or proven:
        return None
    return "anybody may connect: no password, no TLS (rediss://), no socket (unix://)"


def refuse_unreadable_redis(url: str) -> str:
    """Returns an address that leads to some Redis. Raises: ValueError, with the reason."""
    read_many(url)
    return url


def judge_database(url: str) -> str | None:
    """Returns why others on the network may read this PostgreSQL, or guess its password."""
    try:
        parts = urlsplit(url)
    except ValueError:  # the address is refused elsewhere
        return None
    asked = parse_qs(parts.query)
    named = parts.netloc.rpartition("@")[2].split(",")
    hosts = [re.sub(r":\d+$", "", host) for host in named]
    hosts += [host for hosts in asked.get("host", []) for host in hosts.split(",")]
    if all(is_this_machine(unquote(host)) for host in hosts):
        return None
    if asked.get("sslmode", [""])[-1] in ("disable", "allow"):
        return "in the clear to another machine: sslmode is verify-full or require there"
    password = read_password(url)
    weakness = find_weakness(password, SHORTEST_TOKEN) if password else None
    return f"its password is weak: {weakness}" if weakness else None


def judge_public_url(url: str) -> str | None:
    """Returns why nobody outside would be served at this address; None if they are."""
    if not url.startswith("https://"):
        return "not https://..."
    return "this machine's own name" if is_this_machine(urlsplit(url).hostname or "") else None


def is_this_machine(host: str) -> bool:
    """True for a name or address by which a machine calls itself, a socket's folder, or none."""
    name = host.strip("[]").lower()
    if not name or name.startswith(("/", "@")) or name == "localhost":
        return True
    try:
        return ip_address(name).is_loopback
    except ValueError:
        return name.endswith(".localhost")


def believe_everybody(networks: Sequence[IPv4Network | IPv6Network], narrowest: int) -> bool:
    """True if the networks, laid together, hold one that is wider than the narrowest prefix."""
    fours = collapse_addresses(n for n in networks if isinstance(n, IPv4Network))
    sixes = collapse_addresses(n for n in networks if isinstance(n, IPv6Network))
    widths = (*(four.prefixlen for four in fours), *(six.prefixlen for six in sixes))
    return any(width < narrowest for width in widths)


def read_password(url: str) -> str:
    """Returns the password in an engine's address; nothing where there is none."""
    try:
        parts = urlsplit(url)
        return unquote(parts.password or "") or parse_qs(parts.query).get("password", [""])[0]
    except ValueError:  # the address is refused elsewhere
        return ""


def refuse_unreadable_dsn(value: SecretStr) -> SecretStr:
    """Raises: ValueError for what Sentry's library would not take as an address."""
    dsn = value.get_secret_value()
    if dsn and not _DSN.fullmatch(dsn):
        raise ValueError("is no address of its kind")
    if dsn:
        refuse_impossible_port(dsn)
    return value


def split_names(value: object) -> object:
    """Reads `one,two`; what is no text stays."""
    if not isinstance(value, str):
        return value
    return tuple(name.strip() for name in value.split(",") if name.strip())


def read_networks(value: object) -> object:
    """Reads networks and addresses, by commas. Raises: ValueError."""
    return _split_networks(value) if isinstance(value, str) else value


def read_tokens(value: object) -> object:
    """Reads `gateway=token,token;...`. Raises: ValueError."""
    if not isinstance(value, str):
        return value
    return {
        name: tuple(token for token in tokens.split(",") if token)
        for name, tokens in _split_pairs(value, "gateway=token,token;...")
    }


def read_sources(value: object) -> object:
    """Reads `gateway=CIDR,CIDR;...`. Raises: ValueError."""
    if not isinstance(value, str):
        return value
    pairs = _split_pairs(value, "gateway=CIDR,CIDR;...")
    sources = {name: _split_networks(networks) for name, networks in pairs}
    if empty := sorted(name for name, networks in sources.items() if not networks):
        raise ValueError(f"no address: {', '.join(empty)}")
    return sources


def read_limits(value: object) -> object:
    """Reads `gateway=septets/units,...`. Raises: ValueError."""
    if not isinstance(value, str):
        return value
    if not re.fullmatch(r"\w+=\d{2,3}/\d{2}(,\w+=\d{2,3}/\d{2})*", value, re.ASCII):
        raise ValueError("not written as gateway=septets/units,...")
    pairs = (pair.split("=") for pair in value.split(","))
    return {name: tuple(map(int, limits.split("/"))) for name, limits in pairs}


def read_numbers(value: object) -> object:
    """Reads `provider=number,...`. Raises: ValueError."""
    if not isinstance(value, str):
        return value
    if not re.fullmatch(r"\w+=\d{1,6}(,\w+=\d{1,6})*", value, re.ASCII):
        raise ValueError("not written as provider=number,...")
    return {name: int(number) for name, number in (p.split("=") for p in value.split(","))}


def _split_pairs(value: str, form: str) -> list[tuple[str, str]]:
    pairs = [pair.strip().partition("=") for pair in value.split(";") if pair.strip()]
    names = [name for name, _, _ in pairs]
    if any(not re.fullmatch(r"\w+", name, re.ASCII) or not rest for name, _, rest in pairs):
        raise ValueError(f"not written as {form}")
    if twice := sorted({name for name in names if names.count(name) > 1}):
        raise ValueError(f"names twice: {', '.join(twice)}")
    return [(name, rest) for name, _, rest in pairs]


def _split_networks(value: str) -> tuple[IPv4Network | IPv6Network, ...]:
    try:
        return tuple(ip_network(each.strip()) for each in value.split(",") if each.strip())
    except ValueError:
        raise ValueError("not networks as 192.0.2.0/24 or addresses, separated by commas") from None


def judge_providers(names: Sequence[str]) -> str | None:
    """Returns why production cannot send by these providers; None if it can."""
    if not names:
        return "missing"
    if len(set(names)) < len(names):
        return "names one twice"
    return "log sends nothing" if "log" in names else None


def describe_fault(fault: ErrorDetails) -> str:
    """Returns which setting is wrong and why, without its value."""
    name = str(fault["loc"][0]).upper() if fault["loc"] else ""
    why = fault["msg"].removeprefix("Value error, ")
    if fault["type"] == "string_pattern_mismatch":
        why = "is no address of its kind"
    return f"{name} {why}".strip()


# The types of settings that are written as one text.
Address = Annotated[
    str,
    Field(pattern=_ADDRESS),
    BeforeValidator(refuse_letters_beyond_ascii),
    AfterValidator(refuse_impossible_port),
]
Dsn = Annotated[SecretStr, AfterValidator(refuse_unreadable_dsn)]
DatabaseUrl = Annotated[str, Field(pattern=_DATABASE, repr=False)]
RedisUrl = Annotated[
    str, Field(pattern=_REDIS, repr=False), AfterValidator(refuse_unreadable_redis)
]
Names = Annotated[tuple[str, ...], NoDecode, BeforeValidator(split_names)]
Secrets = Annotated[tuple[SecretStr, ...], NoDecode, BeforeValidator(split_names)]
_Network = IPv4Network | IPv6Network
Networks = Annotated[tuple[_Network, ...], NoDecode, BeforeValidator(read_networks)]
TokensByName = Annotated[dict[str, tuple[SecretStr, ...]], NoDecode, BeforeValidator(read_tokens)]
SourcesByName = Annotated[dict[str, tuple[_Network, ...]], NoDecode, BeforeValidator(read_sources)]
LimitsByName = Annotated[dict[str, tuple[int, int]], NoDecode, BeforeValidator(read_limits)]
NumbersByName = Annotated[dict[str, int], NoDecode, BeforeValidator(read_numbers)]
