"""Money that moved, files about it, and the commands that take them."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from click.testing import Result
from flask import Flask

from app.reconciliation.cnss_rules import CNSS_RULES
from app.reconciliation.money_rules import RULES, find_broken_rules
from app.reconciliation.network_file import HEADER
from tests.payments.conftest import PaymentFixture, payments  # noqa: F401 - a fixture of these tests too
from tests.people_of_office import run_command

DAY = "2026-11-23"


@dataclass
class BackOffice:
    """The back office: writes files, runs commands."""

    app: Flask
    folder: Path
    payments: PaymentFixture

    def run(self, *command: str) -> Result:
        return run_command(self.app, *command)

    def run_successfully(self, *command: str) -> str:
        result = self.run(*command)
        assert result.exit_code == 0, result.output
        return result.output

    def file(self, *lines: str, name: str = "day.csv", header: str = ",".join(HEADER)) -> Path:
        path = self.folder / name
        path.write_text("\n".join((header, *lines)) + "\n", encoding="utf-8")
        return path

    def match(self, path: Path, *more: str) -> dict[str, int]:
        counts: dict[str, int] = json.loads(
            self.run_successfully("wafacash", "match", str(path), "--json", *more)
        )
        return counts

    def breaks(self, *more: str) -> list[dict[str, Any]]:
        breaks: list[dict[str, Any]] = json.loads(
            self.run_successfully("breaks", "list", "--json", *more)
        )
        return breaks

    def resolve(self, number: int, method: str, reason: str = "looked at") -> str:
        """Proposes a resolution as one person and approves it as one or two others."""
        self.run_successfully(
            "breaks", "propose", str(number), method, "--by", "amina", "--reason", reason
        )
        return self.approve(number)

    def approve(self, number: int) -> str:
        """Approves as one other person, and as a second one where the amount asks for it."""
        approved = self.run_successfully("breaks", "approve", str(number), "--by", "driss")
        if "one more person" in approved:
            return self.run_successfully("breaks", "approve", str(number), "--by", "leila")
        return approved

    def balances(self) -> dict[str, str]:
        balances: dict[str, str] = json.loads(
            self.run_successfully("ledger", "trial-balance", "--on", "2030-01-01", "--json")
        )["accounts"]
        return {account: balance for account, balance in balances.items() if balance != "0.00"}


@pytest.fixture
def office(app: Flask, tmp_path: Path, payments: PaymentFixture) -> Iterator[BackOffice]:  # noqa: F811
    office = BackOffice(app, tmp_path, payments)
    yield office
    with payments.runtime.database.connect() as connection:
        assert find_broken_rules(connection, {**RULES, **CNSS_RULES}) == {}


def paid_line(
    code: str, amount: object, reference: str = "W1", status: str = "paid", **more: str
) -> str:
    """A line of a settlement file; fields that are left out are those of the test's till."""
    fields = {"paid_at": f"{DAY}T10:00:00+00:00", "agent": "1001", "terminal": "T1"} | more
    where = f"{fields['paid_at']},{fields['agent']},{fields['terminal']}"
    return f"{reference},{code},{amount},MAD,{where},{status}"


Lines = Callable[..., str]
