"""Counts each hop's SQL statements and Redis round trips (docs/performance.md, P4)."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import timedelta
from uuid import uuid4

import pytest
from flask.testing import FlaskClient
from sqlalchemy import text

from app.base.database import transaction
from app.base.driver import Prepared, by_driver
from app.runtime import Runtime
from benchmarks.statements import counted_statements
from tests.conftest import TestClock
from tests.journeys.other_parties import OtherParties
from tests.phone import TestPhone

FATIMA, HASSAN, AICHA, TIED = (f"+2126000000{n:02d}" for n in (1, 2, 5, 99))
# A test that makes Redis forget its scripts makes the next save dearer: they never run at once.
pytestmark = pytest.mark.xdist_group("scripts of Redis")


@dataclass
class Spent:
    """The cost of one hop: statements on PostgreSQL, BEGIN and COMMIT too; trips to Redis."""

    sql: int = 0
    redis: int = 0
    commands: list[str] = field(default_factory=list, compare=False)


Meter = Callable[[Callable[[], object]], Spent]


@pytest.fixture
def spent(runtime: Runtime) -> Iterator[Meter]:
    """Measures one call. Redis is read by MONITOR, which also shows the commands of a script."""
    with counted_statements(runtime.database) as statements, runtime.redis.monitor() as monitor:
        number = runtime.redis.get_connection_kwargs()["db"]

        def read_commands() -> Iterator[dict[str, object]]:
            mark = f"so far {uuid4()}"  # another test process may count on the same Redis
            runtime.redis.echo(mark)
            while (command := monitor.next_command())["command"] != f"ECHO {mark}":
                if command["db"] == number:
                    yield command

        def measure(hop: Callable[[], object]) -> Spent:
            list(read_commands())
            statements.count()
            hop()
            sql = statements.count()
            trips = [command for command in read_commands() if command["client_type"] != "lua"]
            names = [str(command["command"]).split(" ")[0] for command in trips]
            # Any process's new connection greets in number 0 before it selects its own number.
            names = [name for name in names if name not in {"HELLO", "SELECT", "CLIENT"}]
            return Spent(sql, len(names), names)

        yield measure


class OnePost(TestPhone):
    """A phone that sends each hop once, for counting."""

    def _hop(self) -> str:
        kind, _, self.screen = self.post().partition(" ")
        self.more = kind == "CON"
        return self.screen


@pytest.fixture
def once(client: FlaskClient) -> OnePost:
    return OnePost(client)


# What is typed, and the most SQL statements the hop may take. A phone not proven reads in two.
NONE, READ, TWO, CODE, CHANGE = 0, 1, 2, 2, 10
TALK = [
    ("1", READ),
    ("0", NONE),
    ("2", READ),
    ("x", NONE),
    ("2", NONE),
    ("9", NONE),
    ("0", NONE),
    ("00", NONE),
    ("2", READ),
    ("1", CODE),
    ("00", NONE),
    ("3", READ),
    ("1", NONE),
    ("2", NONE),
    ("0", NONE),
    ("4", READ),
    ("0", NONE),
    ("5", NONE),
    ("1", TWO),
    ("0", NONE),
    ("2", NONE),
    ("1", CHANGE),
    ("00", NONE),
]


@pytest.mark.usefixtures("sample_people")
@pytest.mark.parametrize("apart", [0, 20])
def test_every_hop_stays_in_the_budget(
    once: OnePost, spent: Meter, runtime: Runtime, apart: int
) -> None:
    """The talk is typed quickly, and so slowly that the account is read again."""
    clock = runtime.clock
    assert isinstance(clock, TestClock)
    once.dial(FATIMA)  # loads the script, and opens the connections
    for number in (FATIMA, HASSAN, AICHA):
        first = spent(lambda number=number: once.dial(number))  # type: ignore[misc]
        assert (first.sql <= READ, first.redis <= 2) == (True, True), first
        for typed, most in TALK:
            clock.now += timedelta(seconds=apart)
            cost = spent(lambda typed=typed: once.answer(typed))  # type: ignore[misc]
            trips = 1 if most in {NONE, READ} else 2  # what may change something asks first
            assert cost.sql <= most and cost.redis <= trips, (number, typed, cost, once.screen)
            again = spent(once.post)
            assert again == Spent(0, 1), (number, typed, again)


@pytest.mark.usefixtures("sample_people")
def test_code_for_other_months_and_cancelling_stay_in_the_budget(
    once: OnePost, spent: Meter, runtime: Runtime
) -> None:
    clock = runtime.clock
    assert isinstance(clock, TestClock)
    once.dial(HASSAN, "2*1*00")
    once.dial(HASSAN)
    # Asking for other months finds the live code under the lock that a new one would be made with.
    for typed, most in [("2", READ), ("2", NONE), ("2", CHANGE), ("1", CHANGE), ("0", NONE)]:
        clock.now += timedelta(seconds=20)
        cost = spent(lambda typed=typed: once.answer(typed))  # type: ignore[misc]
        assert cost.sql <= most and cost.redis <= 2, (typed, cost)
    assert "08/26-09/26" in once.dial(HASSAN, "2*2*2")
    once.dial(HASSAN, "00")
    for typed, most in [
        ("3", READ),
        ("1", NONE),
        ("0", NONE),
        ("2", NONE),
        ("1", CHANGE),
        ("0", NONE),
    ]:
        clock.now += timedelta(seconds=20)
        cost = spent(lambda typed=typed: once.answer(typed))  # type: ignore[misc]
        assert cost.sql <= most and cost.redis <= 2, (typed, cost)


@pytest.mark.usefixtures("sample_people")
@pytest.mark.parametrize("proven", [True, False])
def test_payments_on_a_tied_phone_are_shown_again_without_sql(
    once: OnePost, spent: Meter, runtime: Runtime, proven: bool
) -> None:
    once.dial(TIED, "1*100002*01011982")
    if proven:
        proof = "UPDATE artisan_phone SET way = 'code', proven_at = identified_at"
        OtherParties(runtime).run(proof)
    once.dial(TIED, "2*1*00")
    assert "2 Annuler" in once.dial(TIED, "3")
    for typed in ("x", "2", "2", "0", "x"):
        cost = spent(lambda typed=typed: once.answer(typed))  # type: ignore[misc]
        assert cost.sql == 0, (typed, cost, once.screen)


@pytest.mark.usefixtures("sample_people")
def test_lost_receipt_stays_in_the_budget(once: OnePost, spent: Meter, runtime: Runtime) -> None:
    """The receipt is read with the caller; `1` notes that it was seen and looks for the next."""
    once.dial(HASSAN)  # loads the script
    once.dial(FATIMA, "2*1*00")
    others = OtherParties(runtime)
    others.collect_cash()
    others.run("UPDATE message SET state = 'failed', ended_at = due_at WHERE kind = 'receipt'")
    first = spent(lambda: once.dial(FATIMA))
    assert "pas arrivé" in once.screen
    assert (first.sql <= READ, first.redis <= 2) == (True, True), first
    seen = spent(lambda: once.answer("1"))
    assert "Mon AMO" in once.screen
    # The change between its BEGIN and COMMIT, and the next receipt.
    assert (seen.sql <= 4, seen.redis <= 2) == (True, True), seen


def test_meters_count_statements_and_round_trips(spent: Meter, runtime: Runtime) -> None:
    one = Prepared(text("SELECT 1"))

    def work() -> None:
        runtime.redis.get("a")
        runtime.redis.register_script("redis.call('GET', 'a')")()
        with transaction(runtime.database) as connection:
            connection.exec_driver_sql("SELECT 1")
        with by_driver(runtime.database) as connection:
            one.fetch_value(connection)

    work()
    assert spent(work) == Spent(sql=4, redis=2)
