"""What an agent and an agency may take: of one code, and in a day, however many confirm at once."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from datetime import date, timedelta
from random import Random
from threading import Barrier

import pytest
from pydantic import SecretStr
from sqlalchemy import Engine, select, text
from sqlalchemy.exc import IntegrityError

from app.agents.agencies import NewAgency, add_agency
from app.agents.clients import DEMO_CLIENT, find_client
from app.agents.models import agent
from app.agents.queries import Agent, find_agent
from app.agents.staff import NewAgent, add_agent
from app.base.clock import local_midnight
from app.base.errors import MaalemError
from app.base.money import Money
from app.base.operation import operation
from app.payments.agent_day import AgentDay, find_agent_day
from app.payments.collector import Collector
from app.payments.deposits import CashConfirmation, redeem_code
from app.payments.errors import OverClientLimit, OverCodeLimit, OverDayLimit, OverFloatLimit
from app.payments.limits import (
    DayTotals,
    day_totals,
    refusal_of_day_limit,
    refuse_over_limits,
)
from app.payments.presentment import get_payable
from benchmarks.statements import counted_statements
from tests.conftest import AGENCY, AGENT, PIN
from tests.payments.conftest import Books, PaymentFixture

FATIMA, HASSAN, AICHA = "+212600000001", "+212600000002", "+212600000005"
DRISS, TLAYTMAS = "+212600000007", "+212600000008"
ONE_MONTH = Money(16352)  # of Fatima, Driss and Tlaytmas each


def limited(
    payments: PaymentFixture,
    number: str = AGENT,
    code: int | None = None,
    day: int | None = None,
    agency: int | None = None,
) -> Agent:
    """The agent with these limits in centimes, as the database has them now."""
    code_limit, day_limit = (Money(limit) if limit else None for limit in (code, day))
    new = NewAgent(number, AGENCY, PIN, code_limit=code_limit, day_limit=day_limit, own=True)
    with operation(payments.runtime.database, payments.runtime.clock(), "operator") as change:
        connection = change.connection
        if agency:
            limit = Money(agency)
            add_agency(
                change, NewAgency(AGENCY, "Wafacash Rabat Agdal", "Rabat", float_limit=limit)
            )
        add_agent(change, payments.runtime.services, new)
        found = find_agent(
            connection,
            connection.execute(select(agent.c.id).where(agent.c.number == number)).scalar_one(),
        )
    assert found
    return found


def day_of(payments: PaymentFixture, who: Agent) -> AgentDay:
    with payments.runtime.database.connect() as connection:
        found = find_agent_day(connection, who.id, payments.runtime.clock())
    assert found
    return found


def test_redeem_code_refuses_a_centime_over_the_limit_for_one_code(
    payments: PaymentFixture, books: Books
) -> None:
    code = payments.issue(FATIMA)
    with pytest.raises(OverCodeLimit) as refused:
        payments.redeem(code.code, by=limited(payments, code=ONE_MONTH.centimes - 1))
    assert refused.value.params == {"limit": Money(16351)}
    assert payments.read_value("SELECT state FROM payment_code") == "issued"
    payments.redeem(code.code, by=limited(payments, code=ONE_MONTH.centimes))
    books()


def test_redeem_code_refuses_a_centime_over_the_limit_for_a_day(
    payments: PaymentFixture, books: Books
) -> None:
    who = limited(payments, day=2 * ONE_MONTH.centimes)
    for phone in (FATIMA, DRISS):
        payments.redeem(payments.issue(phone).code, phone, who)
    late = payments.issue(TLAYTMAS)
    with pytest.raises(OverDayLimit) as refused:
        payments.redeem(late.code, "late", who)
    assert refused.value.params == {"limit": Money(32704), "rest": Money(0)}
    # The receipts of the day are still given again.
    first = str(payments.read_value("SELECT code FROM deposit ORDER BY receipt_number LIMIT 1"))
    assert payments.redeem(first, FATIMA, who) == payments.read_value(
        "SELECT min(receipt_number) FROM deposit"
    )
    payments.runtime.clock.now = local_midnight(date(2026, 11, 24))  # type: ignore[attr-defined]
    payments.redeem(late.code, "late", who)
    books()


def test_redeem_code_counts_a_day_in_morocco(payments: PaymentFixture) -> None:
    who = limited(payments, day=ONE_MONTH.centimes)
    midnight = local_midnight(date(2026, 11, 24))
    payments.runtime.clock.now = midnight - timedelta(seconds=1)  # type: ignore[attr-defined]
    payments.redeem(payments.issue(FATIMA).code, "before", who)
    assert day_of(payments, who).deposits == 1
    payments.runtime.clock.now = midnight  # type: ignore[attr-defined]
    assert day_of(payments, who).deposits == 0
    payments.redeem(payments.issue(DRISS).code, "after", who)


def test_redeem_code_counts_an_agency_s_limit_over_all_its_agents(
    payments: PaymentFixture, books: Books
) -> None:
    second = limited(payments, "1002", agency=2 * ONE_MONTH.centimes)
    first = limited(payments)
    payments.redeem(payments.issue(FATIMA).code, "1", first)
    payments.redeem(payments.issue(DRISS).code, "2", second)
    with pytest.raises(OverFloatLimit) as refused:
        payments.redeem(payments.issue(TLAYTMAS).code, "3", first)
    assert refused.value.params["rest"] == Money(0)
    assert day_of(payments, first).totals == DayTotals(ONE_MONTH, ONE_MONTH + ONE_MONTH)
    books()


@pytest.mark.parametrize("of_agency", [False, True])
def test_redeem_code_never_passes_a_limit_with_many_deposits_at_once(
    payments: PaymentFixture, books: Books, of_agency: bool
) -> None:
    """Each connection waits for all to be ready, so that every sum is asked before any commit."""
    limit = 2 * ONE_MONTH.centimes
    who = [limited(payments, day=None if of_agency else limit, agency=limit if of_agency else None)]
    if of_agency:
        who.append(limited(payments, "1002"))
    codes = [payments.issue(phone).code for phone in (FATIMA, DRISS, TLAYTMAS)]
    codes.append(payments.issue(HASSAN, 1).code)
    ready = Barrier(len(codes))

    def confirm(place: int) -> str | type[MaalemError]:
        ready.wait()
        try:
            return payments.redeem(codes[place], str(place), who[place % len(who)])
        except MaalemError as refusal:
            return type(refusal)

    with ThreadPoolExecutor(len(codes)) as many:
        answers = list(many.map(confirm, range(len(codes))))
    wanted = OverFloatLimit if of_agency else OverDayLimit
    assert sum(isinstance(answer, str) for answer in answers) in {1, 2}
    assert {answer for answer in answers if not isinstance(answer, str)} == {wanted}
    total = payments.read_value("SELECT sum(total_centimes)::bigint FROM deposit")
    assert isinstance(total, int) and total <= limit
    books()


def test_get_payable_refuses_over_a_limit_before_any_cash(payments: PaymentFixture) -> None:
    who = limited(payments, day=ONE_MONTH.centimes - 1)
    code = payments.issue(FATIMA).code
    with payments.runtime.database.connect() as connection:
        taken = day_totals(connection, who, payments.runtime.clock())
        with pytest.raises(OverDayLimit):
            get_payable(connection, code, who, taken, payments.runtime.clock())


def test_rest_of_a_limit_lowered_during_the_day_is_zero() -> None:
    who = Agent(1, "1001", AGENCY, "", day_limit=Money(100), float_limit=Money(500))
    with pytest.raises(OverDayLimit) as refused:
        refuse_over_limits(who, DayTotals(Money(200), Money(200)), Money(1))
    assert refused.value.params["rest"] == Money(0)


def test_redeem_code_asks_nothing_more_of_an_agent_with_limits(payments: PaymentFixture) -> None:
    free, capped = limited(payments), limited(payments, "1002", day=10**9)
    counts = []
    for phone, who in ((FATIMA, free), (DRISS, capped)):
        code = payments.issue(phone).code
        with counted_statements(payments.runtime.database) as statements:
            payments.redeem(code, phone, who)
            counts.append(statements.count())
    assert counts[0] == counts[1]


def client_with(payments: PaymentFixture, day_limit: Money | None) -> Collector:
    """A collector for the system of a network, whose limit of a day is this by now."""
    with payments.runtime.owners_database.begin() as connection:
        limit = {"limit": day_limit.centimes if day_limit else None}
        connection.execute(text("UPDATE api_client SET day_limit_centimes = :limit"), limit)
        client = find_client(connection, DEMO_CLIENT)
    assert client
    return Collector("api", "client:x", "wafacash", None, "77", client=client)


def test_redeem_code_refuses_a_centime_over_a_client_s_limit_for_a_day(
    payments: PaymentFixture, books: Books
) -> None:
    codes = [payments.issue(phone).code for phone in (FATIMA, DRISS, TLAYTMAS)]
    by = client_with(payments, ONE_MONTH + ONE_MONTH)
    for place in (0, 1):
        payments.confirm(by, CashConfirmation(codes[place], str(place)))
    with pytest.raises(OverClientLimit) as refused:
        payments.confirm(by, CashConfirmation(codes[2], "2"))
    assert refused.value.params == {"limit": Money(32704), "rest": Money(0)}
    # Lowered, it refuses still; raised, it has room at once; without one there is no end.
    for limit, fits in ((ONE_MONTH, False), (Money(3 * 16352 - 1), False), (Money(49056), True)):
        by = client_with(payments, limit)
        if fits:
            payments.confirm(by, CashConfirmation(codes[2], "2"))
        else:
            with pytest.raises(OverClientLimit):
                payments.confirm(by, CashConfirmation(codes[2], "2"))
    payments.confirm(client_with(payments, None), CashConfirmation(payments.issue(AICHA).code, "3"))
    books()


def test_redeem_code_waits_for_nobody_while_the_limit_has_room(payments: PaymentFixture) -> None:
    codes = [payments.issue(phone).code for phone in (FATIMA, DRISS, TLAYTMAS)]
    by, runtime = client_with(payments, Money(10**9)), payments.runtime
    payments.confirm(by, CashConfirmation(codes[0], "0"))
    with operation(runtime.database, runtime.clock(), by.actor) as under_way:
        redeem_code(under_way, runtime.services, by, CashConfirmation(codes[1], "1"))
        payments.confirm(by, CashConfirmation(codes[2], "2"))


def test_a_reversal_gives_its_cash_back_to_the_limit(
    payments: PaymentFixture, books: Books
) -> None:
    who = limited(payments, day=ONE_MONTH.centimes, agency=ONE_MONTH.centimes)
    receipt = payments.redeem(payments.issue(FATIMA).code, "1", who)
    second = payments.issue(DRISS).code
    with pytest.raises(OverDayLimit):
        payments.redeem(second, "2", who)
    payments.reverse(receipt, who)
    payments.redeem(second, "2", who)
    books()


_WITHIN = text("SELECT add_to_day_within('client', 'c', '2026-11-23', :centimes, :most, true)")
_GIVE_BACK = text("SELECT add_to_day('client', 'c', '2026-11-23', :centimes)")
_TOTAL = "SELECT coalesce(sum(total_centimes), 0)::bigint FROM day_total WHERE key = 'c'"


def test_the_total_of_a_day_reaches_its_limit_and_never_passes_it(
    payments: PaymentFixture, owner: Engine
) -> None:
    """Eight at once add what they draw, and some take it back: none passes, none is refused early.

    As a total that only grows has less and less room, whatever was refused fits at no time later.
    """
    # The program's own engine for its owner has two connections, and waits a second for one.
    database, most = owner, 1_000_000

    def add(seed: int) -> tuple[int, int]:
        draw, added, least_refused = Random(seed), 0, most
        for _ in range(60):
            centimes = draw.choice((100, 163_52, 50_000))
            try:
                with database.connect() as connection, connection.begin() as change:
                    connection.execute(_WITHIN, {"centimes": centimes, "most": most})
                    if draw.random() < 0.2:
                        change.rollback()
                    else:
                        added += centimes
            except IntegrityError as error:
                assert isinstance(refusal_of_day_limit(error), OverClientLimit)
                least_refused = min(least_refused, centimes)
        return added, least_refused

    with ThreadPoolExecutor(4) as many:
        done = list(many.map(add, range(8)))
    total = payments.read_value(_TOTAL)
    assert isinstance(total, int) and total == sum(added for added, _ in done) <= most
    assert total + min(refused for _, refused in done) > most
    # What is given back may be taken again, to the last centime.
    with database.begin() as connection:
        connection.execute(_GIVE_BACK, {"centimes": -16_352})
        connection.execute(_WITHIN, {"centimes": most - total + 16_352, "most": most})
    with pytest.raises(IntegrityError), database.begin() as connection:
        connection.execute(_WITHIN, {"centimes": 1, "most": most})
    assert payments.read_value(_TOTAL) == most


def test_find_agent_day_reads_totals_and_newest_deposits_in_one_statement(
    payments: PaymentFixture,
) -> None:
    who = limited(payments, code=10**6, day=10**6)
    receipts = []
    for number in range(1, 8):
        payments.runtime.clock.now += timedelta(minutes=1)  # type: ignore[attr-defined]
        receipts.append(payments.redeem(payments.issue(AICHA, 1).code, str(number), who))
    with counted_statements(payments.runtime.database) as statements:
        day = day_of(payments, who)
        # Between BEGIN and COMMIT.
        assert statements.count() == 3
    assert day.deposits == 7 and [one.receipt for one in day.newest] == receipts[:1:-1]
    assert day.totals.by_agent.centimes == payments.read_value(
        "SELECT sum(total_centimes) FROM deposit"
    )
    assert (day.agent.code_limit, day.newest[0].received_at) == (
        Money(10**6),
        payments.runtime.clock(),
    )
    with payments.runtime.database.begin() as connection:
        connection.execute(text("UPDATE agent SET active = false"))
        assert find_agent_day(connection, who.id, payments.runtime.clock()) is None


def test_resetting_a_pin_keeps_the_agent_s_limits(payments: PaymentFixture) -> None:
    limited(payments, day=777)
    with operation(payments.runtime.database, payments.runtime.clock(), "operator") as change:
        add_agent(change, payments.runtime.services, NewAgent(AGENT, AGENCY, SecretStr("864213")))
    assert payments.read_value("SELECT day_limit_centimes FROM agent") == 777
