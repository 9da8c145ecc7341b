"""Payments as tests make them: artisans who owe, an agent who collects, codes and receipts."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import pytest
from pydantic import SecretStr
from sqlalchemy import select, text

from app.agents.agencies import NewAgency, add_agency
from app.agents.models import agent
from app.agents.queries import Agent, find_agent
from app.agents.staff import NewAgent, add_agent
from app.base.operation import operation
from app.base.phone import Phone
from app.enrolment.models import artisan
from app.payments.codes import CodeRequest, cancel_code, issue_code
from app.payments.collector import Collector, at_till
from app.payments.deposits import CashConfirmation, redeem_code
from app.payments.queries import IssuedCode
from app.payments.reversals import ReversalRequest, reverse_deposit
from app.reconciliation.cnss_rules import CNSS_RULES
from app.reconciliation.money_rules import RULES, find_broken_rules
from app.runtime import Runtime
from tests.owed import through_month


@dataclass
class PaymentFixture:
    """Issues, redeems, cancels and reverses, each in a transaction of its own."""

    runtime: Runtime
    agent: Agent

    def artisan_id(self, phone: str) -> int:
        with self.runtime.database.connect() as connection:
            return connection.execute(
                select(artisan.c.id).where(artisan.c.phone == phone)
            ).scalar_one()

    def issue(
        self, phone: str, months: int | None = None, replacing: str | None = None
    ) -> IssuedCode:
        artisan_id = self.artisan_id(phone)
        now = self.runtime.clock()
        with operation(self.runtime.database, now, "artisan") as change:
            through = through_month(change.connection, artisan_id, months, now)
            request = CodeRequest(artisan_id, Phone(phone), "fr", through, replacing)
            return issue_code(change, self.runtime.services, request)

    def redeem(self, code: str, key: str = "k", by: Agent | None = None) -> str:
        return self.confirm(at_till(by or self.agent, "page"), CashConfirmation(code, key))

    def confirm(self, collector: Collector, confirmation: CashConfirmation) -> str:
        now = self.runtime.clock()
        with operation(self.runtime.database, now, collector.actor) as change:
            return redeem_code(change, self.runtime.services, collector, confirmation)

    def reverse(self, receipt: str, by: Agent | None = None, **how: Any) -> int:
        """The agent gives the cash back; `how` names a second agent or the artisan's code."""
        agent = by or self.agent
        request = ReversalRequest(
            receipt, "page", "mistake", agent.network, agent.agency_code, agent=agent, **how
        )
        now = self.runtime.clock()
        with operation(self.runtime.database, now, f"agent:{agent.number}") as change:
            return reverse_deposit(change, self.runtime.services, request)

    def cancel(self, phone: str) -> bool:
        with operation(self.runtime.database, self.runtime.clock(), "artisan") as change:
            return cancel_code(change, self.artisan_id(phone))

    def read_value(self, sql: str, **values: object) -> object:
        with self.runtime.database.connect() as connection:
            return connection.execute(text(sql), values).scalar_one()


@pytest.fixture
def payments(runtime: Runtime, sample_people: None) -> PaymentFixture:
    with runtime.database.connect() as connection:
        number = connection.execute(select(agent.c.id)).scalar_one()
        found = find_agent(connection, number)
    assert found
    return PaymentFixture(runtime, found)


@pytest.fixture
def other_agent(payments: PaymentFixture) -> Agent:
    with operation(payments.runtime.database, payments.runtime.clock(), "operator") as change:
        add_agency(change, NewAgency("W-FES-02", "Wafacash Fes", "Fes"))
        new = NewAgent("2002", "W-FES-02", SecretStr("135790"), own=True)
        add_agent(change, payments.runtime.services, new)
        connection = change.connection
        number = connection.execute(select(agent.c.id).where(agent.c.number == "2002")).scalar_one()
        found = find_agent(connection, number)
    assert found
    return found


Books = Callable[[], None]


@pytest.fixture
def books(runtime: Runtime) -> Books:
    """Checks, as `flask ledger verify` does, what must hold after anything that happened."""

    def check() -> None:
        with runtime.database.connect() as connection:
            assert find_broken_rules(connection, {**RULES, **CNSS_RULES}) == {}
            untold = (
                "SELECT receipt_number FROM deposit d WHERE NOT EXISTS (SELECT 1 FROM message"
                " WHERE event_key LIKE 'receipt:' || d.receipt_number || ':%')"
            )
            assert connection.execute(text(untold)).all() == []

    return check
