"""Agents dismissed at the command line while parts are killed."""

from __future__ import annotations

from sqlalchemy import Connection, text

from tests.killed.installation import Installation
from tests.wire import TillLine, until_answered


class DismissalTraffic:
    """Agents who are dismissed once each, however often the command has to run."""

    def __init__(self, installation: Installation) -> None:
        self._installation = installation
        self.dismissed: set[str] = set()

    def dismiss_once(self) -> None:
        """Dismisses an agent who is signed in, and runs the command again until it ends well."""
        number = next(self._installation.agent_phones).removeprefix("+212")
        with TillLine(self._installation.base, 5) as till:
            till.enter(number)
            self._dismiss(number)
            day = until_answered(lambda: till.call("GET", "/agent/day"))
            assert day.status_code == 401, day.status_code
        self.dismissed.add(number)

    def _dismiss(self, number: str) -> None:
        while self._installation.run("agents", "dismiss", number).wait() != 0:
            pass


def check_dismissals(connection: Connection, dismissed: set[str]) -> None:
    """Demands that who was dismissed is no agent any more, and that it stands in the audit."""
    inactive = connection.execute(text("SELECT number FROM agent WHERE NOT active")).scalars()
    assert set(inactive) == dismissed
    audited = connection.execute(
        text("SELECT subject FROM audit_event WHERE action = 'agent_dismissed'")
    ).scalars()
    assert {subject.removeprefix("agent:") for subject in audited} == dismissed
