"""The mark of a proposal: an approval names the one that was read, so that it approves no other."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from datetime import UTC, datetime

import click

from app.base.clock import local
from app.ledger.errors import ProposalChanged
from app.runtime import runtime

MARK = click.option(
    "--mark",
    help="of the proposal that was read: without it the command shows the proposal and its mark"
    " (in development it approves what is proposed)",
)


def mark_of(proposed_at: datetime) -> str:
    """Returns the mark of what was proposed at that moment: six letters or digits."""
    return hashlib.sha256(proposed_at.astimezone(UTC).isoformat().encode()).hexdigest()[:6]


def check_mark(mark: str | None, proposed_at: datetime, shown: Mapping[str, object]) -> None:
    """Checks that a mark is of the proposal; in production a command without one shows it and ends.

    Raises: ProposalChanged.
    """
    if mark is not None and mark != mark_of(proposed_at):
        raise ProposalChanged()
    if mark is not None or not runtime().settings.production:
        return
    for name, value in shown.items():
        if value is not None:
            click.echo(f"{name}: {value}")
    click.echo(f"proposed at: {local(proposed_at).isoformat(timespec='seconds')}")
    raise click.ClickException(f"not approved; to approve this: --mark {mark_of(proposed_at)}")
