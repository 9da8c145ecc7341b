"""What an agent and an agency may take: of one code, and in a day, however many confirm at once."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from datetime import date, timedelta
from threading import Barrier

import pytest
from pydantic import SecretStr
from sqlalchemy import select, text

from app.agents.models import agent
from app.agents.queries import Agent, find_agent
from app.agents.service import NewAgency, NewAgent, add_agency, add_agent
from app.base.clock import local_midnight
from app.base.errors import MaalemError
from app.base.money import Money as Amount
from app.base.operation import operation
from app.payments.agent_day import AgentDay, find_agent_day
from app.payments.errors import OverCodeLimit, OverDayLimit, OverFloatLimit
from app.payments.limits import DayTotals, day_totals, refuse_over_limits
from app.payments.presentment import get_payable
from tests.conftest import AGENCY, AGENT, PIN
from tests.payments.conftest import Books, Money
from tests.talks.test_budgets import counted_sql

FATIMA, HASSAN, AICHA = "+212600000001", "+212600000002", "+212600000005"
DRISS, TLAYTMAS = "+212600000007", "+212600000008"
ONE_MONTH = Amount(16352)  # of Fatima, Driss and Tlaytmas each


def limited(
    money: Money,
    number: str = AGENT,
    code: int | None = None,
    day: int | None = None,
    agency: int | None = None,
) -> Agent:
    """The agent with these limits in centimes, as the database has them now."""
    code_limit, day_limit = (Amount(limit) if limit else None for limit in (code, day))
    new = NewAgent(number, AGENCY, PIN, code_limit=code_limit, day_limit=day_limit)
    with operation(money.runtime.database, money.runtime.clock(), "operator") as change:
        connection = change.connection
        if agency:
            limit = Amount(agency)
            add_agency(
                change, NewAgency(AGENCY, "Wafacash Rabat Agdal", "Rabat", float_limit=limit)
            )
        add_agent(change, new)
        found = find_agent(
            connection,
            connection.execute(select(agent.c.id).where(agent.c.number == number)).scalar_one(),
        )
    assert found
    return found


def day_of(money: Money, who: Agent) -> AgentDay:
    with money.runtime.database.connect() as connection:
        found = find_agent_day(connection, who.id, money.runtime.clock())
    assert found
    return found


def test_a_code_up_to_the_limit_and_not_a_centime_more(money: Money, books: Books) -> None:
    code = money.issue(FATIMA)
    with pytest.raises(OverCodeLimit) as refused:
        money.redeem(code.code, by=limited(money, code=ONE_MONTH.centimes - 1))
    assert refused.value.params == {"limit": Amount(16351)}
    assert money.one("SELECT state FROM payment_code") == "issued"
    money.redeem(code.code, by=limited(money, code=ONE_MONTH.centimes))
    books()


def test_a_day_up_to_the_limit(money: Money, books: Books) -> None:
    who = limited(money, day=2 * ONE_MONTH.centimes)
    for phone in (FATIMA, DRISS):
        money.redeem(money.issue(phone).code, phone, who)
    late = money.issue(TLAYTMAS)
    with pytest.raises(OverDayLimit) as refused:
        money.redeem(late.code, "late", who)
    assert refused.value.params == {"limit": Amount(32704), "rest": Amount(0)}
    # The receipts of the day are still given again.
    first = str(money.one("SELECT code FROM deposit ORDER BY receipt_number LIMIT 1"))
    assert money.redeem(first, FATIMA, who) == money.one("SELECT min(receipt_number) FROM deposit")
    money.runtime.clock.now = local_midnight(date(2026, 11, 24))  # type: ignore[attr-defined]
    money.redeem(late.code, "late", who)
    books()


def test_a_day_is_morocco_s(money: Money) -> None:
    who = limited(money, day=ONE_MONTH.centimes)
    midnight = local_midnight(date(2026, 11, 24))
    money.runtime.clock.now = midnight - timedelta(seconds=1)  # type: ignore[attr-defined]
    money.redeem(money.issue(FATIMA).code, "before", who)
    assert day_of(money, who).deposits == 1
    money.runtime.clock.now = midnight  # type: ignore[attr-defined]
    assert day_of(money, who).deposits == 0
    money.redeem(money.issue(DRISS).code, "after", who)


def test_an_agency_s_float_is_all_its_agents(money: Money, books: Books) -> None:
    second = limited(money, "1002", agency=2 * ONE_MONTH.centimes)
    first = limited(money)
    money.redeem(money.issue(FATIMA).code, "1", first)
    money.redeem(money.issue(DRISS).code, "2", second)
    with pytest.raises(OverFloatLimit) as refused:
        money.redeem(money.issue(TLAYTMAS).code, "3", first)
    assert refused.value.params["rest"] == Amount(0)
    assert day_of(money, first).totals == DayTotals(ONE_MONTH, ONE_MONTH + ONE_MONTH)
    books()


@pytest.mark.parametrize("of_agency", [False, True])
def test_many_at_once_never_pass_a_limit_together(
    money: Money, books: Books, of_agency: bool
) -> None:
    """Each connection waits for all to be ready, so that every sum is asked before any commit."""
    limit = 2 * ONE_MONTH.centimes
    who = [limited(money, day=None if of_agency else limit, agency=limit if of_agency else None)]
    if of_agency:
        who.append(limited(money, "1002"))
    codes = [money.issue(phone).code for phone in (FATIMA, DRISS, TLAYTMAS)]
    codes.append(money.issue(HASSAN, 1).code)
    ready = Barrier(len(codes))

    def confirm(place: int) -> str | type[MaalemError]:
        ready.wait()
        try:
            return money.redeem(codes[place], str(place), who[place % len(who)])
        except MaalemError as refusal:
            return type(refusal)

    with ThreadPoolExecutor(len(codes)) as many:
        answers = list(many.map(confirm, range(len(codes))))
    wanted = OverFloatLimit if of_agency else OverDayLimit
    assert sum(isinstance(answer, str) for answer in answers) in {1, 2}
    assert {answer for answer in answers if not isinstance(answer, str)} == {wanted}
    total = money.one("SELECT sum(total_centimes)::bigint FROM deposit")
    assert isinstance(total, int) and total <= limit
    books()


def test_limits_are_told_before_any_cash(money: Money) -> None:
    who = limited(money, day=ONE_MONTH.centimes - 1)
    code = money.issue(FATIMA).code
    with money.runtime.database.connect() as connection:
        taken = day_totals(connection, who, money.runtime.clock())
        with pytest.raises(OverDayLimit):
            get_payable(connection, code, who, taken, money.runtime.clock())


def test_a_limit_lowered_during_the_day_leaves_nothing() -> None:
    who = Agent(1, "1001", AGENCY, "", day_limit=Amount(100), float_limit=Amount(500))
    with pytest.raises(OverDayLimit) as refused:
        refuse_over_limits(who, DayTotals(Amount(200), Amount(200)), Amount(1))
    assert refused.value.params["rest"] == Amount(0)


def test_who_has_no_limit_waits_for_nobody(money: Money) -> None:
    """Limits cost two statements where there are some, and none elsewhere (P8)."""
    free, capped = limited(money), limited(money, "1002", day=10**9)
    counts = []
    for phone, who in ((FATIMA, free), (DRISS, capped)):
        code = money.issue(phone).code
        with counted_sql(money.runtime.database) as statements:
            money.redeem(code, phone, who)
        counts.append(len(statements))
    assert counts[1] - counts[0] == 2


def test_an_agents_day_in_one_statement(money: Money) -> None:
    who = limited(money, code=10**6, day=10**6)
    receipts = []
    for number in range(1, 8):
        money.runtime.clock.now += timedelta(minutes=1)  # type: ignore[attr-defined]
        receipts.append(money.redeem(money.issue(AICHA, 1).code, str(number), who))
    with counted_sql(money.runtime.database) as statements:
        day = day_of(money, who)
    assert len(statements) == 1
    assert day.deposits == 7 and [one.receipt for one in day.newest] == receipts[:1:-1]
    assert day.totals.by_agent.centimes == money.one("SELECT sum(total_centimes) FROM deposit")
    assert (day.agent.code_limit, day.newest[0].received_at) == (
        Amount(10**6),
        money.runtime.clock(),
    )
    with money.runtime.database.begin() as connection:
        connection.execute(text("UPDATE agent SET active = false"))
        assert find_agent_day(connection, who.id, money.runtime.clock()) is None


def test_a_pin_given_anew_keeps_the_limits(money: Money) -> None:
    limited(money, day=777)
    with operation(money.runtime.database, money.runtime.clock(), "operator") as change:
        add_agent(change, NewAgent(AGENT, AGENCY, SecretStr("8642")))
    assert money.one("SELECT day_limit_centimes FROM agent") == 777
