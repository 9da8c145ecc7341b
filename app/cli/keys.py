"""`flask keys`: which key holds what, and storing it again after SECRET_KEY was replaced."""

from __future__ import annotations

from collections.abc import Sequence

import click
from flask.cli import with_appcontext

from app.base.keys import Keys
from app.cli.acting import BY, operation_of, sign_in_actor
from app.cli.tables import JSON, print_json, print_rows
from app.office.rights import Right
from app.rekeying.columns import UNNAMED
from app.rekeying.holdings import Holding, list_holdings
from app.rekeying.service import find_hindrance, find_lost, find_removable, rotate_keys
from app.runtime import runtime

_NOTHING_OLDER = (
    "the keys of SECRET_KEY_OLD held none of it: if the new secret is among them, exchange the two"
    " (step 2 of docs/operations.md, Keys), then once more"
)


@click.group()
def keys() -> None:
    """Keys made of SECRET_KEY and SECRET_KEY_OLD; each is named by an id, which tells no key."""


@keys.command()
@JSON
@with_appcontext
def status(as_json: bool) -> None:
    """Says how many things each key holds, and which old keys may be taken away."""
    maalem = runtime()
    held = list_holdings(maalem.database, maalem.redis, maalem.keys, maalem.clock())
    removable = find_removable(held, maalem.keys)
    if as_json:
        print_json(_describe(held, maalem.keys, removable))
        return
    rows = (
        (
            each.kind,
            _name(name, maalem.keys),
            str(count),
            "flask keys rotate" if each.stored_again else "itself, within hours",
        )
        for each in held
        for name, count in sorted(each.counts.items())
    )
    print_rows(("what", "key", "how many", "moved by"), rows, prose=("what", "moved by"))
    for name in maalem.keys.ids[1:]:
        click.echo(f"{name}: {_advise(name, held, maalem.keys, removable)}")
    _tell_lost(held, maalem.keys)


@keys.command()
@click.option("--unnamed", metavar="ID", help="the key of what names none, of before keys had ids")
@BY
@with_appcontext
def rotate(unnamed: str | None, by: str | None) -> None:
    """Stores again, with today's key, what older keys hold; goes on where it was ended.

    Refused, changing nothing, while it is not known which key something was stored with. Ends with
    1 if something is stored under a key that no setting names: that stays as it is.
    """
    maalem = runtime()
    actor = sign_in_actor(by, Right.RUN_SERVICE)
    held = list_holdings(maalem.database, maalem.redis, maalem.keys, maalem.clock())
    if why := find_hindrance(held, maalem.keys, unnamed):
        raise click.ClickException(f"nothing was stored again: {why}")
    counts = rotate_keys(lambda: operation_of(actor), maalem.keys, _tell, unnamed)
    told = ", ".join(f"{count} {kind}" for kind, count in counts.items())
    click.echo(f"stored again with {maalem.keys.ids[0]}: {told}")
    if maalem.keys.ids[1:] and not any(counts.values()):
        click.echo(_NOTHING_OLDER, err=True)
    click.echo("flask keys status says what older keys still hold", err=True)
    if _tell_lost(held, maalem.keys):
        raise SystemExit(1)


def _tell_lost(held: Sequence[Holding], keys: Keys) -> bool:
    """Says what is stored under keys that are not known; True if something is."""
    lost = find_lost(held, keys)
    for kind, name, count in lost:
        click.echo(f"{name}: {count} {kind} need it: put it back into SECRET_KEY_OLD", err=True)
    return bool(lost)


def _tell(kind: str, stored: int) -> None:
    if stored:
        click.echo(f"{kind}: {stored}", err=True)


def _describe(held: Sequence[Holding], keys: Keys, removable: list[str]) -> dict[str, object]:
    return {
        "today": keys.ids[0],
        "old": list(keys.ids[1:]),
        "may_be_removed": removable,
        "held": [
            {"kind": each.kind, "key": name, "count": count, "stored_again": each.stored_again}
            for each in held
            for name, count in sorted(each.counts.items())
        ],
    }


def _name(name: str, keys: Keys) -> str:
    if name == UNNAMED:
        return "not named"
    if name == keys.ids[0]:
        return f"{name} (SECRET_KEY)"
    return f"{name} (old)" if name in keys.ids else f"{name} (not known)"


def _advise(name: str, held: Sequence[Holding], keys: Keys, removable: list[str]) -> str:
    """Says whether an old key may be taken away, and if not, what holds on to it."""
    if name in removable:
        return "may be taken out of SECRET_KEY_OLD"
    names = (name, UNNAMED)
    left = [f"{each.counts[n]} {each.kind}" for each in held for n in names if each.counts.get(n)]
    return f"still needed: {', '.join(left)}"
