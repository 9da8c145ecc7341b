"""What talks leave behind: stored once, counted, forgotten, and played again."""

from __future__ import annotations

import json
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, time, timedelta
from pathlib import Path
from secrets import token_hex
from threading import Barrier

import pytest
import yaml
from flask import Flask
from prometheus_client import REGISTRY

from app.base.buckets import BUCKETS, HOPS
from app.base.operation import operation
from app.checks.engines import check_partitions
from app.jobs.housekeeping import Housekeeping
from app.observe.funnel import sum_funnel_days
from app.observe.hops import STORED_AT_ONCE, find_last_hop_day, prepare_hop_days, store_hops
from app.runtime import Runtime
from app.ussd.session import MOST_HOPS
from tests.conftest import NOW, TestClock
from tests.journeys.other_parties import OtherParties
from tests.phone import GenericPhone, TestPhone
from tests.talks.player import Player, Story
from tests.waiting import hops_key, list_waiting_hops

FATIMA, KHADIJA, AICHA, DRISS, UNKNOWN = (f"+2126000000{n}" for n in ("01", "03", "05", "07", "99"))
pytestmark = pytest.mark.usefixtures("sample_people")


def store(runtime: Runtime) -> int:
    return store_hops(runtime.database, runtime.redis)


def stored(runtime: Runtime) -> list[tuple[object, ...]]:
    return OtherParties(runtime).run(
        "SELECT how, inputs, screen, more FROM hop ORDER BY at, revision"
    )


def funnel(app: Flask, *options: str) -> dict[str, dict[str, object]]:
    result = app.test_cli_runner().invoke(args=["funnel", "--json", *options])
    assert result.exit_code == 0, result.output
    return {line["screen"]: line for line in json.loads(result.stdout)["screens"]}


def wait(runtime: Runtime, seconds: float) -> None:
    clock = runtime.clock
    assert isinstance(clock, TestClock)
    clock.now += timedelta(seconds=seconds)


def test_store_hops_stores_a_repeated_hop_once(phone: TestPhone, runtime: Runtime) -> None:
    phone.dial(FATIMA)
    for typed in ("2", "x", "1", "0"):
        phone.answer(typed)
    assert store(runtime) == 5 and store(runtime) == 0
    assert stored(runtime) == [
        ("dialled", "", "main", True),
        ("answered", "2", "pay", True),
        ("wrong", "?", "pay", True),
        ("answered", "1", "code", True),
        ("back", "0", "main", True),
    ]


def test_store_hops_stores_nothing_personal(phone: TestPhone, runtime: Runtime) -> None:
    phone.dial(UNKNOWN, "1*100004*01011984")
    phone.dial(FATIMA, "5*5*3*1*1357*1357")
    phone.dial(FATIMA, "2*3*100005")
    kept = b"".join(list_waiting_hops(runtime)).decode()
    store(runtime)
    rows = OtherParties(runtime).run("SELECT hop::text FROM hop")
    for secret in ("100004", "01011984", "1357", "100005", "600000099", "600000001"):
        assert secret not in kept and secret not in str(rows)
    assert "1*<rna_number>*<birth_date>" in kept and "<new_pin>*<pin>" in kept


def test_store_hops_stores_nothing_twice_after_a_kill(phone: TestPhone, runtime: Runtime) -> None:
    phone.dial(FATIMA, "1")
    waiting = list_waiting_hops(runtime)
    store(runtime)
    runtime.redis.rpush(hops_key(FATIMA), *waiting)
    store(runtime)
    assert len(stored(runtime)) == len(waiting) == 1


def test_store_hops_leaves_out_an_unreadable_entry(phone: TestPhone, runtime: Runtime) -> None:
    unreadable = ["{", "[1,2]", "null", "[" * 100_000]
    whole = ["s", 0, 1_700_000_000_000, "g", "fr", "dialled", "", "main", 1]
    # What the table would refuse, and all that came with it.
    for place, wrong in (
        *((2, "x"), (2, 1e300), (2, float("inf")), (1, 2**31), (1, -1), (1, True), (1, 0.5)),
        *((0, None), (0, ["s"]), (0, token_hex(5000)), (3, "g\0"), (6, "\ud800"), (7, 1)),
    ):
        unreadable.append(json.dumps([*whole[:place], wrong, *whole[place + 1 :]]))
    runtime.redis.rpush(hops_key(FATIMA), *unreadable)
    phone.dial(FATIMA)
    assert store(runtime) == len(unreadable) + 1
    assert stored(runtime) == [("dialled", "", "main", True)]


def test_store_hops_loses_nothing_with_many_workers(phone: TestPhone, runtime: Runtime) -> None:
    for number in range(2500):
        line = ["s", number, 1_700_000_000_000 + number, "g", "fr", "answered", "1", "main", 1]
        runtime.redis.rpush(BUCKETS[number % 20] + HOPS, json.dumps(line))
    together = Barrier(4)

    def work(_: int) -> None:
        together.wait()
        while list_waiting_hops(runtime):
            store(runtime)

    with ThreadPoolExecutor(4) as many:
        list(many.map(work, range(4)))
    assert OtherParties(runtime).run("SELECT count(*) FROM hop") == [(2500,)]


def test_housekeeping_stores_waiting_hops_without_a_pause_until_none_is_left(
    runtime: Runtime,
) -> None:
    lines = [
        json.dumps(["s", number, NOW.timestamp() * 1000, "g", "fr", "answered", "1", "main", 1])
        for number in range(2 * STORED_AT_ONCE + 1)
    ]
    runtime.redis.rpush(hops_key(FATIMA), *lines)
    work = Housekeeping(runtime)
    # What is not 0 lets its loop go on at once.
    assert [work.do() for _ in range(3)] == [STORED_AT_ONCE, STORED_AT_ONCE, 0]
    assert list_waiting_hops(runtime) == []
    assert OtherParties(runtime).run("SELECT count(*) FROM hop") == [(len(lines),)]


def test_hops_beyond_the_most_that_wait_are_dropped_and_counted(
    phone: TestPhone, runtime: Runtime, app: Flask
) -> None:
    def count_dropped() -> float:
        return REGISTRY.get_sample_value("maalem_hops_dropped_total") or 0

    before, hops = count_dropped(), hops_key(FATIMA)
    runtime.redis.rpush(hops, "oldest", *["old"] * (MOST_HOPS - 1))
    phone.dial(FATIMA)
    assert runtime.redis.llen(hops) == MOST_HOPS and runtime.redis.lindex(hops, 0) != b"oldest"
    other = GenericPhone(app.test_client())
    other.dial(FATIMA)
    other.hang_up()
    assert runtime.redis.llen(hops) == MOST_HOPS
    assert count_dropped() == before + 3
    assert "maalem_hops_dropped_total" in app.test_client().get("/metrics").text


def test_housekeeping_makes_the_days_of_hops_ahead_and_drops_old_ones_whole(
    phone: TestPhone, runtime: Runtime
) -> None:
    def list_days() -> list[str]:
        sql = "SELECT inhrelid::regclass::text FROM pg_inherits WHERE inhparent = 'hop'::regclass"
        return [str(name) for (name,) in OtherParties(runtime).run(sql)]

    where = "SELECT DISTINCT tableoid::regclass::text FROM hop ORDER BY 1"
    work = Housekeeping(runtime)
    phone.dial(FATIMA)
    work.do()
    # Stored before its day was made, it moved.
    assert OtherParties(runtime).run(where) == [("hop_20261123",)]
    assert {f"hop_202611{day}" for day in range(23, 31)} < set(list_days())
    wait(runtime, 29 * 86400)
    phone.dial(FATIMA)
    long_ago = ["s", 0, 1_700_000_000_000, "g", "fr", "answered", "1", "main", 1]
    runtime.redis.rpush(hops_key(FATIMA), json.dumps(long_ago))
    work.do()
    assert OtherParties(runtime).run(where) == [("hop_20261123",), ("hop_20261222",)]
    wait(runtime, 2 * 86400)
    work.do()
    assert OtherParties(runtime).run(where) == [("hop_20261222",)]
    assert "hop_20261123" not in list_days() and "hop_20261230" in list_days()


def test_doctor_misses_days_of_hops_that_nobody_made_ahead(app: Flask, runtime: Runtime) -> None:
    with operation(runtime.database, runtime.clock(), "worker") as change:
        prepare_hop_days(change)
    assert check_partitions(runtime).startswith("hops until 20")
    with operation(runtime.database, runtime.clock(), "worker") as change:
        last = find_last_hop_day(change.connection)
        assert last
    runtime.clock.now = datetime.combine(last, time(12), UTC)  # type: ignore[attr-defined]
    with pytest.raises(RuntimeError, match=f"made until {last}"):
        check_partitions(runtime)
    assert prepare_again(runtime) == 7
    # Months have days of their own: those made ahead by other tests may end sooner.
    with runtime.database.connect() as connection:
        assert find_last_hop_day(connection) == last + timedelta(days=7)


def prepare_again(runtime: Runtime) -> int:
    with operation(runtime.database, runtime.clock(), "worker") as change:
        return prepare_hop_days(change)


def test_funnel_counts_arrivals_and_what_came_next(
    phone: TestPhone, runtime: Runtime, app: Flask
) -> None:
    phone.dial(FATIMA)
    wait(runtime, 4)
    phone.answer("2")
    wait(runtime, 8)
    phone.answer("1")  # the code: what she came for
    wait(runtime, 2)
    phone.dial(AICHA)
    wait(runtime, 6)
    phone.answer("2")  # and the line breaks
    phone.dial(FATIMA)
    phone.answer("2")
    wait(runtime, 200)
    store(runtime)
    found = funnel(app)
    assert found["code"] | {"median_seconds": 0} == {
        "screen": "code",
        "language": "fr",
        "gateway": "africastalking",
        "entered": 1,
        "answered": 0,
        "misunderstood": 0,
        "went_back": 0,
        "dropped": 0,
        "ended": 1,
        "median_seconds": 0,
    }
    counted = json.loads(app.test_cli_runner().invoke(args=["funnel", "--json"]).stdout)
    steps = {step["step"]: step["count"] for step in counted["journey"]}
    assert list(steps) == ["dialled", "saw dues", "code", "paid"]
    assert steps["dialled"] >= steps["saw dues"] > 0
    lines = counted["screens"]
    pay = {line["language"]: line for line in lines if line["screen"] == "pay"}
    assert (pay["fr"]["answered"], pay["fr"]["median_seconds"]) == (1, 8.0)
    assert (pay["ar"]["entered"], pay["ar"]["answered"], pay["ar"]["dropped"]) == (1, 0, 1)
    shown = app.test_cli_runner().invoke(args=["funnel", "--days", "1"])
    assert shown.exit_code == 0 and "pay" in shown.stdout and "saw dues" in shown.stdout


def test_funnel_of_days_that_are_over_stays_when_their_hops_are_dropped(
    phone: TestPhone, runtime: Runtime, app: Flask
) -> None:
    phone.dial(FATIMA)
    wait(runtime, 4.26)
    phone.answer("2")
    wait(runtime, 12)
    phone.answer("0")
    store(runtime)
    wait(runtime, 24 * 3600)
    before = funnel(app)
    assert sum_days(runtime) == 1
    with runtime.owners_database.begin() as connection:
        connection.exec_driver_sql("DELETE FROM hop")
    assert funnel(app) == before
    assert before["main"]["median_seconds"] == 4.3 and before["pay"]["went_back"] == 1
    # Today's hops are counted beside; a day is summed again once, if its hops are there.
    phone.dial(FATIMA)
    store(runtime)
    assert funnel(app)["main"] == before["main"] | {"entered": before["main"]["entered"] + 1}  # type: ignore[operator]
    assert sum_days(runtime) == 0
    wait(runtime, 24 * 3600)
    assert (sum_days(runtime), sum_days(runtime)) == (1, 0)
    assert funnel(app, "--days", "1")["main"]["entered"] == 1


def sum_days(runtime: Runtime) -> int:
    with operation(runtime.database, runtime.clock(), "worker") as change:
        since = change.now - timedelta(days=30)
        return sum_funnel_days(change, since, runtime.ussd.menu.answers)


def test_funnel_counts_hanging_up_on_an_answer_as_an_end(
    phone: TestPhone, runtime: Runtime, app: Flask
) -> None:
    """Whether rights are open, what was paid, where a claim stands: one reads it and hangs up."""
    other = GenericPhone(app.test_client())
    for chain in ("1", "3", "2"):
        phone.dial(FATIMA, chain)
    phone.dial(DRISS, "4")
    other.dial(KHADIJA, "1")
    other.hang_up()
    wait(runtime, 200)
    store(runtime)
    found = funnel(app)
    left = {screen: (line["ended"], line["dropped"]) for screen, line in found.items()}
    assert left["claims"] == (1, 0) and left["no_payments"] == (1, 0)
    assert left["amo"] == (1, 0) and left["pay"] == (0, 1)


def test_funnel_and_talks_list_cut_no_name(phone: TestPhone, runtime: Runtime, app: Flask) -> None:
    """`ar` and `ary-Latn` must not both read `ar…`, however narrow the terminal is."""
    phone.dial(DRISS, "5*1")
    store(runtime)
    for command in (["funnel"], ["talks", "list"]):
        shown = app.test_cli_runner(env={"COLUMNS": "60"}).invoke(args=command).stdout
        assert "…" not in shown
        for name in ("agencies_here", "ary-Latn", "africastalking"):
            assert name in shown


def test_funnel_counts_a_notice_of_a_broken_line_as_a_drop(
    client: object, runtime: Runtime, app: Flask
) -> None:
    phone = GenericPhone(app.test_client())
    phone.dial(FATIMA)
    phone.answer("2")
    phone.hang_up()
    store(runtime)
    line = funnel(app)["pay"]
    assert (line["entered"], line["dropped"], line["gateway"]) == (1, 1, "generic")


def test_talks_record_prints_a_dialogue_that_can_be_played(
    phone: TestPhone, runtime: Runtime, app: Flask, tmp_path: Path
) -> None:
    phone.dial(UNKNOWN, "1")
    for typed in ("#?!", "100004", "01011984", "2", "00", "5", "1"):
        phone.answer(typed)
    store(runtime)
    run = app.test_cli_runner().invoke
    session = OtherParties(runtime).run("SELECT DISTINCT session FROM hop")[0][0]
    assert str(session)[:8] in run(args=["talks", "list"]).stdout
    printed = run(args=["talks", "record", str(session), "--phone", UNKNOWN])
    assert printed.exit_code == 0, printed.output
    assert "100004" not in printed.stdout and "<rna_number>" in printed.stdout
    body = yaml.safe_load(printed.stdout)
    ((name, steps),) = body["stories"].items()
    OtherParties(runtime).run("DELETE FROM artisan_phone")
    runtime.redis.flushdb()
    story = Story("recorded", name, body["phone"], body["language"], True, steps)
    Player(runtime, TestPhone(app.test_client()), story).play()
    assert [step["screen"] for step in steps][-2:] == ["services", "agencies_search"]


@pytest.mark.parametrize(
    ("caller", "chain", "answers", "last"),
    [
        (UNKNOWN, "1*100004*01011984", ("1", "1", "0"), "main"),
        (FATIMA, "5*2*1", ("00", "3", "7", "7", "0"), "main"),
        (FATIMA, "5*5*3*1", ("1357", "1357", "0", "5", "1"), "agencies_here"),
        (FATIMA, "", ("2", "1", "0", "3", "2", "1"), "cancelled"),
        (FATIMA, "2", ("7", "7", "7", "7", "0"), "pay"),
    ],
)
@pytest.mark.parametrize("line", [{}, {"dropped": True}, {"resumed": True}], ids=str)
def test_talks_record_prints_a_dialogue_that_plays_on_a_broken_line(
    phone: TestPhone,
    runtime: Runtime,
    app: Flask,
    line: dict[str, bool],
    caller: str,
    chain: str,
    answers: tuple[str, ...],
    last: str,
) -> None:
    before = OtherParties(runtime)
    phone.dial(caller, chain)
    for typed in answers:
        phone.answer(typed)
    store(runtime)
    ((session,),) = before.run("SELECT DISTINCT session FROM hop")
    printed = app.test_cli_runner().invoke(
        args=["talks", "record", str(session), "--phone", caller]
    )
    assert printed.exit_code == 0, printed.output
    body = yaml.safe_load(printed.stdout)
    ((name, steps),) = body["stories"].items()
    assert steps[-1]["screen"] == last
    for table in ("artisan_phone", "help_request", "artisan_pin"):
        before.run(f"DELETE FROM {table} RETURNING 1")
    runtime.redis.flushdb()
    story = Story("recorded", name, body["phone"], body["language"], True, steps)
    Player(runtime, TestPhone(app.test_client()), story, **line).play()


def test_talks_record_refuses_an_unknown_session(app: Flask) -> None:
    result = app.test_cli_runner().invoke(args=["talks", "record", "nobody"])
    assert result.exit_code == 1 and "no talk nobody is kept" in result.output
