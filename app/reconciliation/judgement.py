"""Judges what a network tells of a code's payments against our books of it. Pure.

The same facts give the same judgement, in whatever order and however often files told them.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime


@dataclass(frozen=True, slots=True)
class NetworkPayment:
    """A payment as its network tells it by now; `amount` and `booked` are in centimes.

    `status` is paid, reversed or withdrawn; `told_paid` is True once a line told it as paid.
    `booked` is what resolutions charged the network for it beside the deposit. `in_gap` is True if
    it was paid in a span of time that a restore lost.
    """

    reference: str
    amount: int
    paid_at: datetime
    agent: str | None
    terminal: str | None
    status: str
    told_paid: bool
    booked: int = 0
    in_gap: bool = False


@dataclass(frozen=True, slots=True)
class BookedDeposit:
    """The deposit of a code, in centimes.

    `accounted` is what the network is held to have taken: the deposit, and what resolutions booked
    with its receipt. `owed` is what it owes of that; a refund makes it less. `expected` is True if
    a file should have told it by now.
    """

    receipt: str
    total: int
    agent: str | None
    reversed: bool
    accounted: int
    owed: int
    expected: bool


@dataclass(frozen=True, slots=True)
class Difference:
    """A difference between our books and a network's word, in centimes; `kind` is a break's.

    `apart` is True for cash that is booked without the deposit's receipt.
    """

    kind: str
    receipt: str | None = None
    ours: int | None = None
    theirs: int | None = None
    apart: bool = False


@dataclass(frozen=True, slots=True)
class Judgement:
    """The differences of a code: one at most for each reference, and the deposit no file tells."""

    of_payments: Mapping[str, Difference | None]
    untold: Difference | None


def judge_code(payments: Sequence[NetworkPayment], deposit: BookedDeposit | None) -> Judgement:
    """Judges a code's payments, which are in the order in which they were first told."""
    standing = _find_standing(payments)
    stands = deposit is not None and not deposit.reversed
    main = next((one for one in standing if not (one.booked and stands)), None)
    reversal = next((one for one in payments if one.status == "reversed" and not one.booked), None)
    differences: dict[str, Difference | None] = {}
    for one in payments:
        if one.booked:
            difference = _judge_booked(one, one in standing)
        elif one is main:
            difference = _judge_main(one, deposit)
        elif one in standing:
            total = deposit.total if deposit else None
            receipt = deposit.receipt if deposit else None
            difference = Difference("duplicate", receipt, total, one.amount)
        elif one is reversal and main is None and stands and deposit and deposit.owed:
            difference = Difference("reversed_there", deposit.receipt, deposit.owed)
        else:
            difference = None
        differences[one.reference] = difference
    told = any(one.status != "withdrawn" and not one.booked for one in payments)
    return Judgement(differences, None if told else _judge_untold(deposit))


def _find_standing(payments: Sequence[NetworkPayment]) -> list[NetworkPayment]:
    """Returns the payments whose cash the network has.

    A reversal under a reference of its own undoes the latest payment before it.
    """
    standing = [one for one in payments if one.status == "paid"]
    reversals = (one for one in payments if one.status == "reversed" and not one.told_paid)
    for reversal in sorted(reversals, key=lambda one: one.paid_at):
        before = [one for one in standing if one.paid_at <= reversal.paid_at]
        if before:
            standing.remove(max(before, key=lambda one: one.paid_at))
    return standing


def _judge_booked(one: NetworkPayment, stands: bool) -> Difference | None:
    """Judges a payment that was charged beside the deposit."""
    if one.status == "withdrawn":
        return Difference("not_owed", ours=one.booked, apart=True)
    if not stands:
        return Difference("reversed_there", ours=one.booked, apart=True)
    if one.amount != one.booked:
        return Difference("amount_differs", ours=one.booked, theirs=one.amount, apart=True)
    return None


def _judge_main(one: NetworkPayment, deposit: BookedDeposit | None) -> Difference | None:
    """Judges the payment that is the deposit's, if there is one."""
    if deposit is None:
        return Difference("lost_in_restore" if one.in_gap else "missing_here", theirs=one.amount)
    if deposit.reversed:
        return Difference("reversed_here", deposit.receipt, deposit.total, one.amount)
    if deposit.accounted != one.amount:
        return Difference("amount_differs", deposit.receipt, deposit.accounted, one.amount)
    if deposit.agent and one.agent and deposit.agent != one.agent:
        return Difference("other_agent", deposit.receipt, deposit.total, one.amount)
    return None


def _judge_untold(deposit: BookedDeposit | None) -> Difference | None:
    if deposit is None or deposit.reversed or not deposit.owed or not deposit.expected:
        return None
    return Difference("missing_there", deposit.receipt, deposit.owed)
