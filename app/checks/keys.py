"""Checks that no key was taken away while something is still stored under it."""

from __future__ import annotations

from app.checks.looking import WrongInProduction
from app.rekeying.columns import UNNAMED
from app.rekeying.holdings import SIGNING_KEYS, list_holdings
from app.rekeying.service import find_hindrance, find_lost, find_removable
from app.runtime import Runtime


def check_keys(maalem: Runtime) -> str:
    """Returns today's key and what becomes of older ones."""
    keys = maalem.keys
    held = list_holdings(maalem.database, maalem.redis, keys, maalem.clock())
    if lost := find_lost(held, keys):
        told = ", ".join(f"{count} {kind} under {name}" for kind, name, count in lost)
        raise RuntimeError(f"{told}: a key that is not known, put it back into SECRET_KEY_OLD")
    if why := find_hindrance(held, keys):
        raise RuntimeError(f"{why}; till then callbacks wait")
    signing = sum(each.counts.get(UNNAMED, 0) for each in held if each.kind == SIGNING_KEYS)
    if signing:
        raise WrongInProduction(
            f"{signing} signing_keys name no key: flask keys rotate, before another SECRET_KEY"
        )
    removable = find_removable(held, keys)
    said = [f"today's {keys.ids[0]}"]
    for name in keys.ids[1:]:
        said.append(f"{name} {'may be taken away' if name in removable else 'is still needed'}")
    unnamed = sum(each.counts.get(UNNAMED, 0) for each in held if each.stored_again)
    if unnamed:
        said.append(f"{unnamed} name no key: flask keys rotate, before another SECRET_KEY")
    return ", ".join(said)
