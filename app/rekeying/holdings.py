"""Everything that a key protects, counted by the id of its key."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from redis import Redis
from redis.exceptions import RedisError
from sqlalchemy import Connection, Engine, func, select, text

from app.agents.models import agent, api_client
from app.agents.sessions import count_sessions
from app.audit.models import audit_event
from app.base.database import transaction
from app.base.errors import Unavailable
from app.base.keys import Keys
from app.enrolment.models import artisan, artisan_pin, pin_reset, registry_import_update, tie_code
from app.office.models import office_authenticator
from app.payments.models import reversal_code
from app.people.models import presence
from app.rekeying.columns import UNNAMED, count_by_key, key_of_bytes, key_of_text
from app.ussd.deferred import list_filled_streams
from app.ussd.versions import PREFIX as MENUS

ROTATED, SIGNING_KEYS = "keys_rotated", "signing_keys"
_MOST_ACTIONS = 10_000
_EARLIER_CIN = registry_import_update.c.earlier["cin_digest"].astext
# Counts of a connection at a moment, by the id of the key.
_Count = Callable[[Connection, datetime], dict[str, int]]


@dataclass(frozen=True, slots=True)
class Holding:
    """Things of a kind, counted by the id of their key; an empty id is of before the ids.

    `stored_again`: `flask keys rotate` moves them; others end by themselves, within hours.
    """

    kind: str
    counts: Mapping[str, int]
    stored_again: bool


_STORED: Mapping[str, _Count] = {
    "artisan_pins": lambda c, _: count_by_key(c, key_of_text(artisan_pin.c.pin_hash)),
    "agent_pins": lambda c, _: count_by_key(c, key_of_text(agent.c.pin_hash)),
    "cins": lambda c, _: count_by_key(
        c, key_of_bytes(artisan.c.cin_digest), artisan.c.cin_digest.is_not(None)
    ),
    "cins_before_imports": lambda c, _: count_by_key(
        c,
        key_of_bytes(func.decode(func.substr(_EARLIER_CIN, 3), "hex")),
        _EARLIER_CIN.is_not(None),
    ),
    "authenticators": lambda c, _: count_by_key(c, key_of_text(office_authenticator.c.secret)),
    SIGNING_KEYS: lambda c, _: _count_signing_keys(c),
}
_PASSING: Mapping[str, _Count] = {
    "pin_reset_codes": lambda c, now: count_by_key(
        c, key_of_bytes(pin_reset.c.code_digest), pin_reset.c.expires_at > now
    ),
    "tie_codes": lambda c, now: count_by_key(
        c, key_of_bytes(tie_code.c.code_digest), tie_code.c.expires_at > now
    ),
    "presence_codes": lambda c, now: count_by_key(
        c,
        key_of_bytes(presence.c.code_digest),
        presence.c.code_digest.is_not(None),
        presence.c.began_at.is_(None),
        presence.c.ends_at > now,
    ),
    "reversal_codes": lambda c, now: count_by_key(
        c,
        key_of_bytes(reversal_code.c.code_digest),
        reversal_code.c.expires_at > now,
        reversal_code.c.used_at.is_(None),
    ),
}


def list_holdings(database: Engine, redis: Redis, keys: Keys, now: datetime) -> list[Holding]:
    """Counts everything that a key protects. Reads the whole register: seconds for a million.

    Raises: Unavailable.
    """
    with transaction(database) as connection:
        connection.execute(text("SET LOCAL statement_timeout = '60s'"))
        stored = [Holding(kind, count(connection, now), True) for kind, count in _STORED.items()]
        passing = [Holding(kind, count(connection, now), False) for kind, count in _PASSING.items()]
        sessions = Holding("till_sessions", _count_sessions(connection, keys, now), False)
    try:
        in_redis = [Holding(kind, counts, False) for kind, counts in _count_in_redis(redis).items()]
    except RedisError as error:
        raise Unavailable(what="redis") from error
    return [*stored, *passing, sessions, *in_redis]


def _count_signing_keys(connection: Connection) -> dict[str, int]:
    columns, counts = api_client.c, Counter[str]()
    living = columns.revoked_at.is_(None)
    counts.update(
        count_by_key(connection, key_of_text(func.coalesce(columns.signing_key, "")), living)
    )
    old = columns.old_signing_key
    counts.update(count_by_key(connection, key_of_text(old), living, old.is_not(None)))
    return dict(counts)


def _count_sessions(connection: Connection, keys: Keys, now: datetime) -> dict[str, int]:
    """Counts open sessions, held by an older key until a request after the rotation was answered.

    A cookie is with its browser: when the last rotation began is what tells. One of before it may
    be held by any of the older keys, and counts for each.
    """
    today, *older = keys.ids
    every = count_sessions(connection, now, None)
    if not older:
        return {today: every}
    last = connection.execute(
        select(audit_event.c.subject, audit_event.c.happened_at)
        .where(audit_event.c.action == ROTATED)
        .order_by(audit_event.c.id.desc())
        .limit(1)
    ).one_or_none()
    # Another key's rotation says nothing of today's: secrets were exchanged since.
    to_today = last is not None and last.subject == f"key:{today}"
    left = count_sessions(connection, now, last.happened_at) if last and to_today else every
    return {today: every - left} | dict.fromkeys(older, left)


def _count_in_redis(redis: Redis) -> dict[str, dict[str, int]]:
    # Of each dialogue: `{b17}`, p or u, the key's id.
    names = [name.partition(b"}")[2] for name in redis.scan_iter(match="{b*}[pu]*", count=1000)]
    menus = [redis.getrange(name, 0, 3) for name in redis.scan_iter(match=f"{MENUS}*")]
    waiting: list[Any] = []
    for stream in list_filled_streams(redis):
        entries: Any = redis.xrange(stream, count=_MOST_ACTIONS)
        waiting += entries
    marks = {
        "talks": [name[1:5] for name in names],
        "menus": menus,
        "late_actions": [entry.get(b"action", b"")[:4] for _, entry in waiting],
    }
    return {kind: dict(Counter(map(_read_mark, found))) for kind, found in marks.items()}


def _read_mark(mark: Any) -> str:
    return mark.hex() if isinstance(mark, bytes) and len(mark) == 4 else UNNAMED
