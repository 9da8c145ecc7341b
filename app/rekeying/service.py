"""Stores again what older keys hold, batch by batch, and says which keys may be taken away."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager
from functools import partial
from typing import Any

from sqlalchemy import text

from app.agents.models import agent
from app.agents.signing_keys import store_signing_keys_again
from app.audit.service import record_audit
from app.base.keys import Keys, Purpose
from app.base.operation import Operation
from app.base.sealed_pins import seal_again
from app.enrolment.cins import store_cins_again, store_earlier_cins_again
from app.enrolment.models import artisan_pin
from app.office.models import office_authenticator
from app.rekeying.columns import AT_ONCE, UNNAMED, store_again
from app.rekeying.holdings import ROTATED, SIGNING_KEYS, Holding

# A batch: behind which row it begins; it returns its last one, None at the end, and how many of it
# were stored again.
_Batch = Callable[[Operation, Keys, Any], tuple[Any, int]]
# Of before the ids, and no key is needed to know what they are.
_NEEDS_NO_KEY = {"cins_before_imports"}
# Of before the ids, and opened by their own secret alone.
_NEED_THEIR_KEY = {SIGNING_KEYS, "artisan_pins"}


def rotate_keys(
    begin: Callable[[], AbstractContextManager[Operation]],
    keys: Keys,
    tell: Callable[[str, int], None],
    unnamed_by: str | None = None,
) -> Mapping[str, int]:
    """Stores everything again that an older key holds. Returns how many of each kind.

    `begin` opens a transaction for one batch: phones and tills go on meanwhile. Ended in the
    middle, it goes on when it is called again. `tell` hears of each batch. `unnamed_by` is the id
    of the secret of what names none; `find_hindrance` says when it has to be given.
    """
    subject, counts = f"key:{keys.ids[0]}", Counter[str]()
    with begin() as change:
        record_audit(change, ROTATED, subject, older=list(keys.ids[1:]))
    for kind, batch in _list_batches(unnamed_by).items():
        after: Any = None
        while True:
            with begin() as change:
                # A batch may read a whole table, and no phone waits for it.
                change.connection.execute(text("SET LOCAL statement_timeout = '60s'"))
                after, stored = batch(change, keys, after)
            counts[kind] += stored
            tell(kind, stored)
            if after is None:
                break
    with begin() as change:
        record_audit(change, "keys_stored_again", subject, **counts)
    return counts


def find_removable(holdings: Sequence[Holding], keys: Keys) -> list[str]:
    """Returns the ids of the older keys that nothing holds on to."""
    if any(each.counts.get(UNNAMED) for each in holdings if _may_need_any(each)):
        return []
    held = {name for each in holdings for name, count in each.counts.items() if count}
    return [name for name in keys.ids[1:] if name not in held]


def find_lost(holdings: Sequence[Holding], keys: Keys) -> list[tuple[str, str, int]]:
    """Returns kind, key and count of what is stored under keys that are not known any more."""
    return [
        (each.kind, name, count)
        for each in holdings
        if each.stored_again
        for name, count in each.counts.items()
        if count and name not in {UNNAMED, *keys.ids}
    ]


def find_hindrance(
    holdings: Sequence[Holding], keys: Keys, unnamed_by: str | None = None
) -> str | None:
    """Returns why nothing may be stored again yet, in words; None if nothing stands in the way.

    What names no key gets a name for good: it must be that of the secret that made it.
    """
    if unnamed_by:
        return None if unnamed_by in keys.ids else f"no secret of the id {unnamed_by} is known"
    unnamed = {each.kind: many for each in holdings if (many := each.counts.get(UNNAMED))}
    signing = unnamed.get(SIGNING_KEYS, 0)
    if signing and len(keys.ids) > 1:
        return (
            f"{signing} {SIGNING_KEYS} name no key, and {' or '.join(keys.ids)} made them:"
            " say which by flask keys rotate --unnamed ID, of the SECRET_KEY of before keys had ids"
        )
    named_here = [f"{many} {kind}" for kind, many in unnamed.items() if kind in _NEED_THEIR_KEY]
    if named_here and (lost := find_lost(holdings, keys)):
        others = sorted({name for _, name, _ in lost})
        return (
            f"{', '.join(named_here)} name no key, and {' and '.join(others)}, which is not known,"
            " may have made them: put it back into SECRET_KEY_OLD"
        )
    return None


def _may_need_any(holding: Holding) -> bool:
    return holding.stored_again and holding.kind not in _NEEDS_NO_KEY


def _list_batches(unnamed_by: str | None) -> Mapping[str, _Batch]:
    """Returns what stores each kind again: first the few on which a network's trust hangs."""

    def store_pins(column: Any, purpose: Purpose) -> _Batch:
        def store(operation: Operation, keys: Keys, after: Any) -> tuple[Any, int]:
            again = partial(seal_again, keys=keys, purpose=purpose, unnamed_by=unnamed_by)
            return store_again(operation, column, again, {*keys.ids[1:], UNNAMED}, after)

        return store

    def store_signing_keys(operation: Operation, keys: Keys, _after: Any) -> tuple[Any, int]:
        return None, store_signing_keys_again(operation, keys, unnamed_by)

    def store_authenticators(operation: Operation, keys: Keys, after: Any) -> tuple[Any, int]:
        again = partial(keys.seal_again, Purpose.AUTHENTICATOR)
        column = office_authenticator.c.secret
        return store_again(operation, column, again, set(keys.ids[1:]), after)

    return {
        SIGNING_KEYS: store_signing_keys,
        "authenticators": store_authenticators,
        "artisan_pins": store_pins(artisan_pin.c.pin_hash, Purpose.ARTISAN_PIN),
        "agent_pins": store_pins(agent.c.pin_hash, Purpose.AGENT_PIN),
        "cins": partial(_store_older, store_cins_again),
        "cins_before_imports": partial(_store_older, store_earlier_cins_again),
    }


def _store_older(
    store: Callable[[Operation, Keys, Any, int], tuple[Any, int]],
    operation: Operation,
    keys: Keys,
    after: Any,
) -> tuple[Any, int]:
    return store(operation, keys, after, AT_ONCE) if keys.ids[1:] else (None, 0)
