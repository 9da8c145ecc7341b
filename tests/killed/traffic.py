"""Payments that artisans, agents and systems make while parts of an installation are killed.

Each request is repeated until it is answered. An answer is kept as what must be true afterwards;
the same request again gets the same answer.
"""

from __future__ import annotations

import csv
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field
from decimal import Decimal
from pathlib import Path
from random import Random
from threading import Lock
from uuid import UUID

from sqlalchemy import text

from app.reconciliation.network_file import HEADER
from tests.conftest import AGENT
from tests.killed.dismissals import DismissalTraffic
from tests.killed.installation import Installation
from tests.killed.reversals import AnsweredReversal, ReversalTraffic
from tests.killed.ties import TieTraffic
from tests.wire import NetworkLine, PhoneLine, TillLine, until_answered

# The share of payments that are reversed.
REVERSED = 0.5
# How many payments of earlier files a file corrects.
CORRECTED = 4


@dataclass
class AnsweredPayment:
    """A payment whose receipt was given to somebody."""

    receipt: str
    code: str
    amount: str
    paid_at: str
    taken_by: str
    reversal: AnsweredReversal | None = None
    # Another amount that the network's files tell by now, if they were corrected.
    told: str | None = None


# A payment, and the other amount that a file tells of it; None for the right one.
Correction = tuple[AnsweredPayment, str | None]


@dataclass
class Answers:
    """All answers that were ever given."""

    payments: dict[str, AnsweredPayment] = field(default_factory=dict)
    codes: set[str] = field(default_factory=set)
    matched: int = 0
    in_files: set[str] = field(default_factory=set)
    corrections: int = 0


class PaymentTraffic:
    """Artisans who owe, and the tills and systems through which they pay."""

    def __init__(self, installation: Installation, random: Random) -> None:
        self._installation, self._random, self.answers = installation, random, Answers()
        self._lock = Lock()
        self._artisans = self._find_debtors()
        self._till = TillLine(installation.base, 5)
        self._till.enter()
        self._reversals = ReversalTraffic(installation)
        self.ties = TieTraffic(installation)
        self.dismissals = DismissalTraffic(installation)

    def close(self) -> None:
        self._till.__exit__(None, None, None)
        self._reversals.close()

    def pay_once(self, seed: int) -> str:
        """Has one artisan get a code and pay it, and now and then reversed. Returns the way."""
        random = Random(seed)
        ways = (self._pay_in_step, self._pay_polled, self._pay_at_page, self._pay_by_phone)
        issue = random.choice((self._issue_by_api, self._issue_by_phone))
        code, amount = self._issue_code(issue, random)
        way = random.choice(ways)
        receipt = way(code, amount, random)
        by_phone = way == self._pay_by_phone
        payment = self._keep_answer(receipt, code, amount, "" if by_phone else AGENT)
        if random.random() < REVERSED:
            payment.reversal = self._reversals.reverse(receipt, payment.taken_by, random)
        return way.__name__

    def match(self, number: int) -> None:
        """Matches a settlement file of the payments that were in none, until it ends well."""
        payments = [
            payment
            for payment in self.answers.payments.values()
            if payment.receipt not in self.answers.in_files
        ]
        corrected = self._choose_corrections()
        path = self._installation.folder / f"file-{number}.csv"
        _write_settlement_file(path, payments, corrected)
        while self._installation.run("wafacash", "match", str(path)).wait() != 0:
            pass
        self.answers.in_files |= {payment.receipt for payment in payments}
        self.answers.matched += sum(1 + bool(payment.reversal) for payment in payments)
        self.answers.corrections += len(corrected)
        for payment, told in corrected:
            payment.told = told

    def _choose_corrections(self) -> list[Correction]:
        """Chooses payments of earlier files that this one tells with another amount, or right."""
        told = [
            payment
            for payment in self.answers.payments.values()
            if payment.receipt in self.answers.in_files and payment.reversal is None
        ]
        chosen = self._random.sample(told, min(len(told), CORRECTED))
        return [(p, None if p.told else str(Decimal(p.amount) + 1)) for p in chosen]

    def untie_once(self, seed: int) -> None:
        """Has an artisan of the register untie another phone."""
        with self._lock:
            phone, _ = self._artisans.pop()
        self.ties.untie_once(phone, Random(seed))

    def _issue_code(self, issue: Callable[..., str], random: Random) -> tuple[str, str]:
        with self._lock:
            phone, consumer = self._artisans.popleft()
        code = issue(phone, consumer, random)
        with NetworkLine(self._installation.base, 5) as line:
            (bill,) = until_answered(lambda: line.bills(consumer)).json()
        assert bill["billReference"] == code, "one live code, whoever asks"
        self.answers.codes.add(code)
        return code, str(bill["amountDue"])

    def _issue_by_api(self, _phone: str, consumer: str, _random: Random) -> str:
        with NetworkLine(self._installation.base, 5) as line:
            (bill,) = until_answered(lambda: line.bills(consumer)).json()
        return str(bill["billReference"])

    def _issue_by_phone(self, phone: str, _consumer: str, random: Random) -> str:
        sessions = (_identity(random) for _ in range(10_000))
        with PhoneLine(self._installation.base, 5) as line:
            return until_answered(lambda: line.ask_code(phone, next(sessions)))

    def _pay_in_step(self, code: str, amount: str, random: Random) -> str:
        identity = _identity(random)
        with NetworkLine(self._installation.base, 5) as line:
            first = until_answered(lambda: line.pay(code, amount, identity))
            again = until_answered(lambda: line.pay(code, amount, identity))
        assert (first.status_code, first.content) == (201, again.content), first.text
        return str(first.json()["serviceProviderPaymentReference"])

    def _pay_polled(self, code: str, amount: str, random: Random) -> str:
        identity = _identity(random)
        with NetworkLine(self._installation.base, 5) as line:
            accepted = until_answered(lambda: line.pay(code, amount, identity, "respond-async"))
            server_id = accepted.json()["serverCorrelationId"]
            done = until_answered(
                lambda: line.state(server_id), lambda state: state.json()["status"] != "pending"
            ).json()
        assert done["status"] == "completed", done
        return str(done["objectReference"])

    def _pay_at_page(self, code: str, _amount: str, random: Random) -> str:
        key = _identity(random)
        with self._till.open_another() as till:
            first = until_answered(lambda: till.confirm(code, key))
            assert first == until_answered(lambda: till.confirm(code, key))
        return first

    def _pay_by_phone(self, code: str, _amount: str, random: Random) -> str:
        """The agent dials again while the service is away; a redeemed code shows its receipt."""
        with PhoneLine(self._installation.base, 5) as line:

            def dial() -> str | None:
                session, phone = _identity(random), next(self._installation.agent_phones)
                seen = line.look(phone, code, session)
                if seen is None or "argent recu" not in seen:
                    return seen
                return line.confirm(phone, code, session)

            return until_answered(dial, _is_receipt, pause=0.3)

    def _keep_answer(self, receipt: str, code: str, amount: str, taken_by: str) -> AnsweredPayment:
        assert _is_receipt(receipt), receipt
        at = self._installation.runtime.clock().isoformat(timespec="seconds")
        payment = AnsweredPayment(receipt, code, amount, at, taken_by)
        with self._lock:
            assert receipt not in self.answers.payments, "a receipt is given once"
            self.answers.payments[receipt] = payment
        return payment

    def _find_debtors(self) -> deque[tuple[str, str]]:
        """Returns phones and CNSS numbers of artisans who owe and share neither."""
        sql = (
            "SELECT phone, cnss_number FROM artisan WHERE category IN ('A', 'C')"
            " AND cnss_number IS NOT NULL AND enrolled_on < '2026-01-01'"
            " AND rights_until < '2026-12-31' AND phone IN"
            " (SELECT phone FROM artisan GROUP BY 1 HAVING count(*) = 1)"
            " AND id > 20 ORDER BY id"
        )
        with self._installation.runtime.database.connect() as connection:
            return deque((row.phone, row.cnss_number) for row in connection.execute(text(sql)))


def _identity(random: Random) -> str:
    return str(UUID(int=random.getrandbits(128), version=4))


def _is_receipt(answer: str) -> bool:
    return answer.isdecimal() and 8 <= len(answer) <= 12


def _write_settlement_file(
    path: Path, payments: list[AnsweredPayment], corrected: list[Correction]
) -> None:
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(HEADER)
        for payment in payments:
            writer.writerow(_make_line(payment, payment.amount, "paid"))
            if payment.reversal:
                writer.writerow(_make_line(payment, payment.amount, "reversed"))
        for payment, told in corrected:
            writer.writerow(_make_line(payment, told or payment.amount, "paid"))


def _make_line(payment: AnsweredPayment, amount: str, status: str) -> tuple[str, ...]:
    reference = f"W{payment.receipt}"
    return reference, payment.code, amount, "MAD", payment.paid_at, "", "", status
