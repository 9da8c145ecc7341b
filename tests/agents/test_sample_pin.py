"""The sample agent's PIN, which everybody knows, opens nothing in production."""

from __future__ import annotations

from dataclasses import replace

import pytest

from app.agents.errors import WrongPin
from app.agents.locks import Door
from app.agents.samples import SAMPLE_AGENT, SAMPLE_PIN
from app.agents.sign_in import PinTry, sign_in
from app.agents.staff import NewAgent, add_agent, choose_pin
from app.base.errors import InvalidInput
from app.base.operation import operation
from app.runtime import Runtime
from tests.conftest import AGENCY


@pytest.mark.usefixtures("sample_people")
def test_sample_pin_is_wrong_in_production_and_nobody_can_choose_it(runtime: Runtime) -> None:
    """The database is development's, with the same key: the stored PIN compares."""
    production = replace(runtime.services, samples=False)
    given = PinTry(SAMPLE_AGENT, SAMPLE_PIN, Door.phone())
    with operation(runtime.database, runtime.clock(), "agent:1001") as change:
        known = sign_in(change, runtime.services, given)
        with pytest.raises(WrongPin):
            sign_in(change, production, given)
        with pytest.raises(InvalidInput, match="everybody knows"):
            choose_pin(change, production, known.agent_id, SAMPLE_PIN)
        with pytest.raises(InvalidInput, match="everybody knows"):
            add_agent(change, production, NewAgent("1002", AGENCY, SAMPLE_PIN))
