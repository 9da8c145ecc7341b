"""Every kind of message, declared once: the values its words take, and how long it may be. Pure.

The words of a kind are `sms.<name>` in every language (menus/locales). `flask menus check` holds
each language's words to this list.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field

from app.text.encoding import GSM7, UCS2

PREFIX = "sms."
# By encoding: a text with one letter outside GSM-7 holds less than half in a segment.
_ONE_OR_TWO: Mapping[str, int] = {GSM7: 1, UCS2: 2}


@dataclass(frozen=True, slots=True)
class MessageKind:
    """A kind of message: its name, the names of its values, and the most segments by encoding."""

    name: str
    values: frozenset[str]
    most_segments: Mapping[str, int] = field(default_factory=lambda: _ONE_OR_TWO)

    @property
    def key(self) -> str:
        """The key of its words."""
        return PREFIX + self.name


def _declare(**values: str) -> Mapping[str, MessageKind]:
    return {name: MessageKind(name, frozenset(names.split())) for name, names in values.items()}


KINDS: Mapping[str, MessageKind] = _declare(
    # Codes and payments.
    code="code total period until",
    code_live="code total period until owed_total",
    code_cancelled="code",
    receipt="receipt total for_whom received_on period agency",
    reversal="receipt total",
    reversal_code="reversal_code total",
    # To the agent who took the cash.
    deposit_reversed="receipt total reversed_by",
    # Answers to what a phone asked, by menu or by SMS.
    dues="total period",
    nothing_due="",
    elsewhere="owed",
    payments="total received_on posted",
    no_payments="",
    rights="rights as_of owed",
    not_enrolled="file",
    claims="claim claim_state",
    no_claims="",
    agencies="agencies",
    no_agencies="",
    call_again="",
    language="",
    help="",
    service="",
    service_down="down_since",
    service_mended="down_since down_until",
    code_not_enrolled="",
    pays_with_cpu="",
    pays_with_tax="",
    unknown_phone="",
    several_people="",
    # Reimbursements and requests.
    claim_ready="claim amount",
    collection="claim collection",
    request="request topic call_by",
    request_cancelled="request",
    # PIN and record.
    pin_set="",
    pin_removed="",
    pin_reset="reset_code",
    phone_added="ends",
    phone_proven="ends",
    tie_code="tie_code ends",
    # What a chamber did at its counter.
    presence_code="presence_code",
    counter_opened="",
    calls_on="",
    calls_off="",
    dates_tried="",
    # Opt-outs and consent.
    reminders_on="",
    reminders_off="",
    news_on="",
    news_off="",
    stopped="",
    started="",
    started_all="",
    # To many.
    reminder_week="total deadline stake code until where",
    reminder_due="total deadline stake code until where",
    reminder_rights="total deadline code until where",
    notice="announced",
)


def get_kind(name: str, values: Collection[str]) -> MessageKind:
    """Returns the declared kind. Raises: ValueError if it is not declared or lacks a value."""
    kind = KINDS.get(name)
    if kind is None:
        raise ValueError(f"no kind of message is called {name} (app/messaging/kinds.py)")
    if not kind.values.issubset(values):
        missing = ", ".join(sorted(kind.values.difference(values)))
        raise ValueError(f"a message {name} lacks {missing}")
    return kind
