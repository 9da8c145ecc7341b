"""What people and systems want while things are killed: each asks until it has its answer.

What was answered is kept as what must be true afterwards; asked again, the answer is the same.
"""

from __future__ import annotations

import csv
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from random import Random
from threading import Lock
from uuid import UUID

from sqlalchemy import text

from app.reconciliation.network_file import HEADER
from tests.killed.house import House
from tests.wire import NetworkLine, PhoneLine, TillLine, until_answered


@dataclass
class Payment:
    """A deposit that somebody was told of."""

    receipt: str
    code: str
    amount: str
    paid_at: str
    undone: bool = False


@dataclass
class Told:
    """All that was ever answered."""

    payments: dict[str, Payment] = field(default_factory=dict)
    codes: set[str] = field(default_factory=set)
    matched: int = 0
    in_files: set[str] = field(default_factory=set)


class Street:
    """Artisans who owe, in a row, and the tills and systems they go to."""

    def __init__(self, house: House, random: Random) -> None:
        self._house, self._random, self.told = house, random, Told()
        self._lock = Lock()
        self._artisans = self._who_owe()
        self._till = TillLine(house.base, 5)
        self._till.enter()

    def close(self) -> None:
        self._till.__exit__(None, None, None)

    def errand(self, seed: int) -> str:
        """One artisan's way from no code to a payment, and now and then back; what it was."""
        random = Random(seed)
        ways = (self._in_step, self._polled, self._at_the_page, self._by_phone)
        issue = random.choice((self._bill, self._dial))
        code, amount = self._issued(issue, random)
        way = random.choice(ways)
        receipt = way(code, amount, random)
        payment = self._keep(receipt, code, amount)
        if random.random() < 0.35:
            random.choice((self._undo_by_api, self._undo_at_the_page))(receipt, random)
            payment.undone = True
        return way.__name__

    def match(self, number: int) -> None:
        """The network's file of all that no file had yet, asked for until it was taken."""
        rows = [one for one in self.told.payments.values() if one.receipt not in self.told.in_files]
        path = _settlement(self._house.folder / f"file-{number}.csv", rows)
        while self._house.match(path).wait() != 0:
            pass
        self.told.in_files |= {one.receipt for one in rows}
        self.told.matched += sum(1 + one.undone for one in rows)

    def _issued(self, issue: Callable[..., str], random: Random) -> tuple[str, str]:
        with self._lock:
            phone, consumer = self._artisans.popleft()
        code = issue(phone, consumer, random)
        with NetworkLine(self._house.base, 5) as line:
            (bill,) = until_answered(lambda: line.bills(consumer)).json()
        assert bill["billReference"] == code, "one live code, whoever asks"
        self.told.codes.add(code)
        return code, str(bill["amountDue"])

    def _bill(self, _phone: str, consumer: str, _random: Random) -> str:
        with NetworkLine(self._house.base, 5) as line:
            (bill,) = until_answered(lambda: line.bills(consumer)).json()
        return str(bill["billReference"])

    def _dial(self, phone: str, _consumer: str, random: Random) -> str:
        sessions = (_identity(random) for _ in range(10_000))
        with PhoneLine(self._house.base, 5) as line:
            return until_answered(lambda: line.ask_code(phone, next(sessions)))

    def _in_step(self, code: str, amount: str, random: Random) -> str:
        identity = _identity(random)
        with NetworkLine(self._house.base, 5) as line:
            first = until_answered(lambda: line.pay(code, amount, identity))
            again = until_answered(lambda: line.pay(code, amount, identity))
        assert (first.status_code, first.content) == (201, again.content), first.text
        return str(first.json()["serviceProviderPaymentReference"])

    def _polled(self, code: str, amount: str, random: Random) -> str:
        identity = _identity(random)
        with NetworkLine(self._house.base, 5) as line:
            asked = until_answered(lambda: line.pay(code, amount, identity, "respond-async"))
            server_id = asked.json()["serverCorrelationId"]
            done = until_answered(
                lambda: line.state(server_id), lambda told: told.json()["status"] != "pending"
            ).json()
        assert done["status"] == "completed", done
        return str(done["objectReference"])

    def _at_the_page(self, code: str, _amount: str, random: Random) -> str:
        key = _identity(random)
        with self._till.beside() as till:
            first = until_answered(lambda: till.confirm(code, key))
            assert first == until_answered(lambda: till.confirm(code, key))
        return first

    def _by_phone(self, code: str, _amount: str, random: Random) -> str:
        """Told that the service is away, the agent dials again; a code taken shows its receipt."""
        with PhoneLine(self._house.base, 5) as line:

            def dial() -> str | None:
                session, phone = _identity(random), next(self._house.agent_phones)
                seen = line.look(phone, code, session)
                if seen is None or "Argent recu" not in seen:
                    return seen
                return line.confirm(phone, code, session)

            return until_answered(dial, _is_receipt, pause=0.3)

    def _undo_by_api(self, receipt: str, random: Random) -> None:
        identity = _identity(random)
        with NetworkLine(self._house.base, 5) as line:
            first = until_answered(lambda: line.reverse(receipt, identity))
            again = until_answered(lambda: line.reverse(receipt, identity))
        assert (first.status_code, first.content) == (201, again.content), first.text

    def _undo_at_the_page(self, receipt: str, _random: Random) -> None:
        """Asked again, the page says that it was done."""
        with self._till.beside() as till:
            told = until_answered(lambda: till.reverse(receipt))
        assert told == receipt or "annul" in told, told

    def _keep(self, receipt: str, code: str, amount: str) -> Payment:
        assert _is_receipt(receipt), receipt
        at = self._house.runtime.clock().isoformat(timespec="seconds")
        payment = Payment(receipt, code, amount, at)
        with self._lock:
            assert receipt not in self.told.payments, "a receipt is told once"
            self.told.payments[receipt] = payment
        return payment

    def _who_owe(self) -> deque[tuple[str, str]]:
        """Phones and CNSS numbers, each one's own."""
        sql = (
            "SELECT phone, cnss_number FROM artisan WHERE category IN ('A', 'C')"
            " AND cnss_number IS NOT NULL AND enrolled_on < '2026-01-01'"
            " AND rights_until < '2026-12-31' AND phone IN"
            " (SELECT phone FROM artisan GROUP BY 1 HAVING count(*) = 1)"
            " AND id > 20 ORDER BY id"
        )
        with self._house.runtime.database.connect() as connection:
            return deque((row[0], row[1]) for row in connection.execute(text(sql)))


def _identity(random: Random) -> str:
    return str(UUID(int=random.getrandbits(128), version=4))


def _is_receipt(told: str) -> bool:
    return told.isdecimal() and 8 <= len(told) <= 12


def _settlement(path: Path, payments: list[Payment]) -> Path:
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(HEADER)
        for one in payments:
            row = (f"W{one.receipt}", one.code, one.amount, "MAD", one.paid_at, "", "")
            writer.writerow((*row, "paid"))
            if one.undone:
                writer.writerow((*row, "reversed"))
    return path
