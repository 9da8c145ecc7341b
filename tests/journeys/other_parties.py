"""Other parties that act during a dialogue: an agent, another phone, the clock, an operator."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, timedelta

from sqlalchemy import select, text

from app.agents.models import agent
from app.agents.queries import find_agent
from app.base.clock import local_midnight
from app.base.operation import Operation, operation
from app.base.phone import Phone
from app.payments.codes import CodeRequest, cancel_code, issue_code
from app.payments.collector import at_till
from app.payments.deposits import CashConfirmation, redeem_code
from app.runtime import Runtime
from tests.conftest import TestClock
from tests.owed import through_month

HASSAN, ELSEWHERE = "+212600000002", "+212699999999"


@dataclass
class OtherParties:
    """Acts of others on the installation, each in a transaction of its own."""

    runtime: Runtime

    def run(self, sql: str, **values: object) -> list[tuple[object, ...]]:
        """Runs a statement by the owner of the tables: others are not bound to the app's role."""
        with self.runtime.owners_database.begin() as connection:
            result = connection.execute(text(sql), values)
            return [tuple(row) for row in result] if result.returns_rows else []

    def wait(self, seconds: float) -> None:
        clock = self.runtime.clock
        assert isinstance(clock, TestClock)
        clock.now += timedelta(seconds=seconds)

    def collect_cash(self) -> None:
        """Lets an agent collect the cash for every live code."""
        live = "SELECT code FROM payment_code WHERE state = 'issued' AND expires_at > :now"
        codes = self.run(live, now=self.runtime.clock())
        with self.runtime.owners_database.begin() as connection:
            by = find_agent(connection, connection.execute(select(agent.c.id)).scalar_one())
            assert by
            collector = at_till(by, "page")
            change = Operation(connection, self.runtime.clock(), collector.actor)
            for (code,) in codes:
                confirmation = CashConfirmation(str(code), str(code))
                redeem_code(change, self.runtime.services, collector, confirmation)

    def cancel_codes(self) -> None:
        owners = self.run("SELECT artisan_id FROM payment_code WHERE state = 'issued'")
        with operation(self.runtime.database, self.runtime.clock(), "artisan") as change:
            for (owner,) in owners:
                assert isinstance(owner, int)
                cancel_code(change, owner)

    def replace_codes(self) -> None:
        """Lets another phone ask for the three oldest months."""
        sql = (
            "SELECT id, code FROM artisan LEFT JOIN payment_code"
            " ON artisan_id = id AND state = 'issued' WHERE trade = 'X'"
        )
        for owner, live in self.run(sql):
            assert isinstance(owner, int) and isinstance(live, str | None)
            now = self.runtime.clock()
            with operation(self.runtime.database, now, "artisan") as change:
                through = through_month(change.connection, owner, 3, now)
                request = CodeRequest(owner, Phone(ELSEWHERE), "fr", through, live)
                issue_code(change, self.runtime.services, request)

    def let_codes_expire(self) -> None:
        """Lets every live code end now; no dialogue goes on for as long as a code lives."""
        now = self.runtime.clock()
        with self.runtime.owners_database.begin() as connection:
            # A code does not change: this one was made a week ago.
            connection.execute(text("SET LOCAL session_replication_role = replica"))
            connection.execute(
                text(
                    "UPDATE payment_code SET issued_at = :before, expires_at = :now"
                    " WHERE state = 'issued' AND expires_at > :now"
                ),
                {"before": now - timedelta(days=7), "now": now},
            )

    def turn_the_month(self) -> None:
        clock = self.runtime.clock
        assert isinstance(clock, TestClock)
        clock.now = local_midnight(date(2026, 12, 1)) + timedelta(seconds=10)

    def add_artisans(self, count: int) -> list[str]:
        """Adds artisans who owe what Hassan owes, and returns their phones."""
        columns = (
            "full_name, birth_date, language, category, enrolled_on, rights_until, rights_as_of"
        )
        rows = self.run(
            f"INSERT INTO artisan (rna_number, phone, trade, {columns})"
            f" SELECT n, '+2126120' || lpad(n::text, 5, '0'), 'X', {columns}"
            " FROM artisan, generate_series(1, :count) n WHERE phone = :hassan RETURNING phone",
            count=count,
            hassan=HASSAN,
        )
        return [str(phone) for (phone,) in rows]
