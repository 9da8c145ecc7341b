"""Files in any order, repeated, corrected and withdrawn, end in the books of a plain model.

The model knows a network by its last words alone, and that it owes the cash of which they speak.
Breaks are resolved at any time by what the network says; at the end none is left.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import date, timedelta
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import Connection, text
from stdnum import damm

from app.base.operation import Operation
from app.ledger.break_queries import list_breaks
from app.ledger.breaks import propose_resolution
from app.reconciliation.money_rules import RULES, find_broken_rules
from app.reconciliation.network_file import HEADER
from app.reconciliation.resolutions import approve_resolution
from app.reconciliation.service import SettlementFile, match_file
from app.reconciliation.withdrawals import (
    SETTLEMENT_SORTING,
    approve_withdrawal,
    list_files,
    propose_withdrawal,
)
from tests.payments.conftest import PaymentFixture, payments  # noqa: F401 - a fixture of these tests too

FATIMA, HASSAN = "+212600000001", "+212600000002"
NOBODY, WITNESS = ("".join((n, damm.calc_check_digit(n))) for n in ("12345678901", "22345678901"))
FIRST_DAY = date(2026, 11, 23)


@dataclass(frozen=True)
class Line:
    """A line of a generated file; `code` is the place of a code, and `amount` that of an amount."""

    reference: str
    code: int
    amount: int
    status: str
    agent: str


@dataclass(frozen=True)
class Sent:
    """A file of the day that lies `day` after the first, with its lines."""

    day: int
    lines: tuple[Line, ...]


LINES = st.builds(
    Line,
    reference=st.sampled_from(["W1", "W2", "W3", "R1"]),
    code=st.sampled_from([0, 0, 1, 2]),
    amount=st.integers(0, 2),
    status=st.sampled_from(["paid", "paid", "paid", "reversed"]),
    agent=st.sampled_from(["1001", "1001", "7777"]),
)
FILES = st.builds(
    Sent, day=st.sampled_from([0, 0, 1]), lines=st.lists(LINES, min_size=1, max_size=4).map(tuple)
)
# What happens: a file is sent, one sent before is sent again, one is withdrawn, a break resolved.
ACTS = st.lists(
    st.one_of(
        FILES,
        st.tuples(st.just("again"), st.integers(0, 9)),
        st.tuples(st.just("withdraw"), st.integers(0, 9)),
        st.tuples(st.just("resolve"), st.integers(0, 9)),
    ),
    min_size=1,
    max_size=9,
)


@dataclass
class Model:
    """What the network says: the files that stand, in the order in which they were taken."""

    codes: list[str]
    totals: list[int]
    taken: dict[int, Sent] = field(default_factory=dict)

    def amount(self, line: Line) -> int:
        return (self.totals[line.code], 10000, 20000)[line.amount]

    def last_words(self) -> dict[str, tuple[Line, int]]:
        """Each reference with its last word and the day of its file."""
        words: dict[str, tuple[Line, int]] = {}
        seen: set[Line] = set()
        for number in sorted(self.taken):
            sent = self.taken[number]
            new = {}
            # All are of one moment: a reversal follows its payment.
            for line in sorted(sent.lines, key=lambda line: line.status):
                new[line.reference] = line
            for reference, line in new.items():
                known = words.get(reference)
                at = (line, sent.day)
                is_old = known and sent.day < known[1] and (line, sent.day) in seen
                if not is_old and known != at:
                    words[reference] = at
            seen |= {(line, sent.day) for line in sent.lines}
        return words

    def owed(self) -> int:
        """What the network owes by its own words: the cash of payments that stand."""
        words = self.last_words()
        told_paid = {
            line.reference for sent in self.taken.values() for line in sent.lines
            if line.status == "paid"
        }  # fmt: skip
        owed = 0
        for code in range(len(self.codes)):
            paid = [word for word in words.values() if word[0].code == code]
            cash = sorted(
                ((day, self.first_told(line.reference), self.amount(line))
                for line, day in paid if line.status == "paid"),
            )  # fmt: skip
            backs = sorted(
                day
                for line, day in paid
                if line.status == "reversed" and line.reference not in told_paid
            )
            for back in backs:
                before = [one for one in cash if one[0] <= back]
                if before:
                    latest = max(one[0] for one in before)
                    cash.remove(next(one for one in before if one[0] == latest))
            owed += sum(amount for *_, amount in cash)
        return owed

    def first_told(self, reference: str) -> tuple[int, int]:
        return min(
            (number, place)
            for number, sent in self.taken.items()
            for place, line in enumerate(sent.lines)
            if line.reference == reference
        )


@dataclass
class Story:
    """Plays acts on the program and on the model, within one transaction that is rolled back."""

    connection: Connection
    payments: PaymentFixture
    folder: Path
    model: Model
    files: list[Sent] = field(default_factory=list)

    def operation(self, actor: str) -> Operation:
        now = self.payments.runtime.clock() + timedelta(days=2)
        return Operation(self.connection, now, actor)

    def send(self, sent: Sent) -> None:
        path = self.folder / "sent.csv"
        path.write_text("\n".join((",".join(HEADER), *map(str, self._rows(sent)))) + "\n", "utf-8")
        report = match_file(self.operation("amina"), SettlementFile(path, "wafacash"))
        told = ("matched", "known", "corrected", "missing_here", "amount_differs", "duplicates")
        others = ("other_agent", "reversed_there", "reversed_here")
        assert sum(report.counts.get(kind, 0) for kind in (*told, *others)) >= len(sent.lines)
        if report.new:
            self.model.taken[report.number] = sent
        self.files.append(sent)

    def _rows(self, sent: Sent) -> Iterator[str]:
        at = f"{FIRST_DAY + timedelta(days=sent.day)}T10:00:00+00:00"
        for line in sent.lines:
            centimes = self.model.amount(line)
            amount = f"{centimes // 100}.{centimes % 100:02d}"
            code = self.model.codes[line.code]
            yield f"{line.reference},{code},{amount},MAD,{at},{line.agent},T1,{line.status}"

    def withdraw(self, place: int) -> None:
        standing = [
            one
            for one in list_files(self.connection, "wafacash", SETTLEMENT_SORTING.first(100)).rows
            if not one.withdrawn_by
        ]
        if standing:
            number = standing[place % len(standing)].number
            propose_withdrawal(self.operation("amina"), number, "a mistake")
            two_from = self.payments.runtime.services.two_approvers_from
            if approve_withdrawal(self.operation("driss"), number, two_from) is None:
                approve_withdrawal(self.operation("leila"), number, two_from)
            del self.model.taken[number]

    def resolve(self, place: int) -> bool:
        """Resolves a waiting break by what the network says. Returns True if there was one."""
        waiting = list_breaks(self.connection, None, False, 100, self.payments.runtime.clock())
        if not waiting:
            return False
        one = waiting[place % len(waiting)]
        method = "acknowledge" if one.kind == "other_agent" else "suspense"
        propose_resolution(self.operation("amina"), one.id, method, "as the network says")
        services = self.payments.runtime.services
        if approve_resolution(self.operation("driss"), services, one.id) is None:
            approve_resolution(self.operation("leila"), services, one.id)
        return True

    def play(self, act: Sent | tuple[str, int]) -> None:
        if isinstance(act, Sent):
            self.send(act)
        elif act[0] == "again":
            if self.files:
                self.send(self.files[act[1] % len(self.files)])
        elif act[0] == "withdraw":
            self.withdraw(act[1])
        else:
            self.resolve(act[1])

    def check(self) -> None:
        self.connection.execute(text("SET CONSTRAINTS ALL IMMEDIATE"))
        self.connection.execute(text("SET CONSTRAINTS ALL DEFERRED"))
        assert find_broken_rules(self.connection, RULES) == {}

    def receivable(self) -> int:
        sql = (
            "SELECT coalesce(sum(amount_centimes), 0)::bigint FROM ledger_line"
            " WHERE account = 'agent_network_receivable'"
        )
        return int(self.connection.execute(text(sql)).scalar_one())


@pytest.fixture
def paid(payments: PaymentFixture) -> Model:  # noqa: F811
    codes = [payments.issue(phone) for phone in (FATIMA, HASSAN)]
    for code in codes:
        payments.redeem(code.code, code.code)
    totals = [*(code.total.centimes for code in codes), 5500, 700]
    return Model([*(code.code for code in codes), NOBODY, WITNESS], totals)


@settings(
    max_examples=30, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(acts=ACTS)
def test_files_in_any_order_end_in_the_books_that_the_network_tells(
    payments: PaymentFixture,  # noqa: F811
    paid: Model,
    tmp_path: Path,
    acts: list[Sent | tuple[str, int]],
) -> None:
    with payments.runtime.database.connect() as connection:
        story = Story(connection, payments, tmp_path, Model(paid.codes, paid.totals))
        for act in acts:
            story.play(act)
            story.check()
        # A last file settles the day, so that deposits which no file tells are asked about.
        story.send(Sent(0, (Line("Z9", 3, 0, "paid", "1001"),)))
        story.check()
        while story.resolve(0):
            story.check()
        assert story.receivable() == story.model.owed()
        # Whatever stands is told once more, and nothing opens.
        for sent in list(story.model.taken.values())[-1:]:
            story.send(sent)
        assert not story.resolve(0)
        connection.rollback()
