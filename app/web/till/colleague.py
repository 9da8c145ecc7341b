"""A second agent at the first one's till, who types number and PIN there."""

from flask import request
from pydantic import SecretStr

from app.agents.locks import Door
from app.agents.queries import Agent
from app.base.operation import operation
from app.payments.errors import SecondAgentRefused
from app.payments.till_reversals import SecondAgentEntry, check_second_agent
from app.runtime import runtime
from app.web.rate_limits import give_back_try, take_try
from app.web.till.sign_in import PER_NUMBER, plain_digits


def check_colleague(first: Agent) -> Agent | None:
    """Returns the second agent who typed number and PIN; None if nobody did.

    Raises: SecondAgentRefused.
    """
    number = plain_digits(request.form.get("second_number", ""))
    if not number:
        return None
    pin = SecretStr(plain_digits(request.form.get("second_pin", "")))
    # One door for all sessions of the first, who else could try a colleague's PINs without end.
    entry = SecondAgentEntry(number, pin, Door.colleague(first.number))
    counted = (PER_NUMBER, "till_second_pin", first.number)
    if not take_try(counted):
        raise SecondAgentRefused()
    with operation(runtime().database, runtime().clock(), f"agent:{number}") as change:
        try:
            second = check_second_agent(change, runtime().services, first, entry)
            give_back_try(counted)
            return second
        except SecondAgentRefused as error:
            refused = error
    raise refused
