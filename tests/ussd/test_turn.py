"""Callbacks as gateways really send them: repeated, late, in one go, at once, out of order."""

from __future__ import annotations

import itertools
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from app.base.hop import Hop
from app.base.phone import Phone
from app.runtime import Runtime
from app.ussd.position import Caller
from app.ussd.turn import TurnResult, Turns
from tests.ussd.toy import LIMITS, MENU, NOW, Bench, toy_turns

MAIN = "1 long\n2 rows\n3 ask\n5 sure"
SURE = "Sure?\n1 Yes\n2 No\n0 Back"
_SESSIONS = itertools.count(1)


class Line:
    """One session of a gateway: sends chains as they come."""

    def __init__(self, turns: Turns[Bench], bench: Bench, number: str = "+212600000001") -> None:
        self.turns, self.bench, self.phone = turns, bench, Phone(number)
        self.session = f"line-{next(_SESSIONS)}"

    def send(self, chain: str) -> TurnResult:
        caller = Caller(self.session, self.phone, NOW, self.bench, LIMITS)
        return self.turns.answer(Hop("toy", self.session, self.phone, chain), caller, "fr")

    def shows(self, chain: str) -> str:
        return self.send(chain).reply.text


@pytest.fixture
def line(tmp_path: Path, runtime: Runtime) -> Line:
    return Line(toy_turns(tmp_path, runtime.redis), Bench())


def test_a_talk_grows_hop_by_hop(line: Line) -> None:
    turned = line.send("")
    assert (turned.reply.text, turned.screen, turned.outcome) == (MAIN, "main", "continued")
    assert line.shows("5") == SURE
    assert line.shows("5*0") == MAIN
    assert line.shows("5*0*2").startswith("Numbers:")
    assert line.send("5*0*2*1").screen == "done"


def test_a_retry_gets_the_same_and_does_nothing(line: Line) -> None:
    line.send("5")
    first, again = line.send("5*1"), line.send("5*1")
    assert again.reply == first.reply
    assert (first.outcome, again.outcome) == ("continued", "repeated")
    assert len(line.bench.acted) == 1


def test_old_hops_get_their_own_answers_or_the_present_one(line: Line) -> None:
    hops = ["", "5", "5*2", "5*2*0", "5*2*0*0", "5*2*0*0*2", "5*2*0*0*2*1"]
    answers = {chain: line.send(chain).reply for chain in hops}
    for chain in reversed(hops):
        again = line.send(chain)
        expected = answers[chain] if again.outcome == "repeated" else answers[hops[-1]]
        assert again.reply == expected
        assert again.outcome in {"repeated", "stale"}
    assert [line.send(chain).outcome for chain in hops[-2:]] == ["repeated", "repeated"]
    assert len(line.bench.acted) == 1


def test_a_hop_that_comes_before_its_predecessor(line: Line) -> None:
    line.send("")
    assert line.shows("5*2") == "Deep.\n1 hidden\n0 Back 00 Home"
    assert line.send("5").outcome == "stale"
    assert line.shows("5*2*0") == SURE


def test_a_chain_that_goes_another_way_counts_by_its_last_answer(line: Line) -> None:
    line.send("5")
    assert line.shows("1*2*2") == "Deep.\n1 hidden\n0 Back 00 Home"
    # Some networks begin the chain anew after a while.
    assert line.shows("1*2*2*00*5") == SURE


def test_a_chain_as_long_but_different_is_an_old_one(line: Line) -> None:
    line.send("5")
    assert line.send("2").outcome == "stale"
    assert line.shows("2") == SURE


def test_dialled_through_in_one_go(line: Line) -> None:
    assert line.shows("5*1") == "Number -.\n0 Back"
    other = Line(line.turns, Bench())
    assert other.shows("*5*1") == "Number -.\n0 Back"
    assert other.shows("5*1*0") == MAIN
    assert len(line.bench.acted) == len(other.bench.acted) == 1


def test_what_is_not_understood_ends_the_walk(line: Line) -> None:
    turned = line.send("5*7*1")
    assert turned.reply.text == f"Wrong!\n{SURE}"
    assert turned.outcome == "not_understood"
    assert line.bench.acted == []
    assert line.send("5*7*1*1").screen == "done"


def test_forty_answers_at_once_are_walked_and_no_more(line: Line) -> None:
    assert line.send("*".join(["5", "0"] * 19 + ["5", "1"])).screen == "done"
    other = Line(line.turns, Bench())
    assert other.shows("*".join(["5", "0"] * 20 + ["5", "1"])) == MAIN
    assert other.bench.acted == []
    assert other.shows("*".join(["5", "0"] * 20 + ["5", "1", "5"])) == SURE


def test_a_long_talk_may_have_more_than_forty_answers(line: Line) -> None:
    line.send("")
    chain = []
    for _ in range(25):
        for typed, shown in (("5", SURE), ("0", MAIN)):
            chain.append(typed)
            assert line.shows("*".join(chain)) == shown


@pytest.mark.parametrize("chain", ["**", "5*", "5**", "5*5*5", "*" * 3000, "5" * 7000])
def test_empty_and_endless_answers_are_answers(line: Line, chain: str) -> None:
    assert line.shows(chain)
    assert line.shows(chain + "*00") == MAIN


def test_a_talk_that_is_over_stays_so(line: Line) -> None:
    end = line.send("3*123")
    assert (end.reply.text, end.reply.more, end.outcome) == ("You said 123.", False, "ended")
    for chain in ("3*123*5", "3*123*5*1", "3", "9*9*9*9*9*9"):
        assert line.send(chain).reply == end.reply
    assert line.bench.acted == []


def test_answers_behind_the_end_are_left(line: Line) -> None:
    assert line.shows("3*123*5*1") == "You said 123."
    assert line.bench.acted == []


def test_a_lost_session_is_walked_again_from_its_chain(line: Line, runtime: Runtime) -> None:
    line.send("")
    line.send("5")
    runtime.redis.flushdb()
    assert line.shows("5*2") == "Deep.\n1 hidden\n0 Back 00 Home"


def test_an_action_repeated_from_a_lost_session_has_its_key_again(
    line: Line, runtime: Runtime
) -> None:
    line.send("5*1")
    runtime.redis.flushdb()
    line.send("5*1*0")
    assert len(line.bench.acted) == 2
    assert len(set(line.bench.acted)) == 1


def test_a_talk_finishes_on_the_menu_it_began_with(
    line: Line, runtime: Runtime, tmp_path: Path
) -> None:
    """Deployed meanwhile: another process, another menu; new talks are the new menu's."""
    line.send("5*2")
    (tmp_path / "new").mkdir()
    changed = MENU.replace("2: rows, 3: ask", "2: ask, 3: rows")
    line.turns = toy_turns(tmp_path / "new", runtime.redis, changed)
    assert line.shows("5*2*0*0*2").startswith("Numbers:")
    other = Line(line.turns, Bench(), "+212600000002")
    assert other.shows("2") == "Three digits:\n0 Back"


def test_a_talk_of_a_menu_that_is_gone_begins_anew(
    line: Line, runtime: Runtime, tmp_path: Path
) -> None:
    line.send("5*2")
    for key in runtime.redis.keys("menus.zip:*"):
        runtime.redis.delete(key)
    (tmp_path / "new").mkdir()
    line.turns = toy_turns(tmp_path / "new", runtime.redis, MENU + "\n# changed\n")
    assert line.shows("5*2") == "Deep.\n1 hidden\n0 Back 00 Home"
    assert line.shows("5*2*0") == SURE


def test_a_menu_that_names_what_this_code_has_not_is_not_used(
    line: Line, runtime: Runtime, tmp_path: Path
) -> None:
    """The older code beside the newer one, while it is deployed."""
    (tmp_path / "new").mkdir()
    newer = toy_turns(tmp_path / "new", runtime.redis, MENU.replace("do: act,", "do: unheard,"))
    other = Line(newer, Bench())
    other.send("5")
    other.turns = line.turns
    assert other.shows("5*2") == "Deep.\n1 hidden\n0 Back 00 Home"


def test_the_same_hop_at_once_gets_one_answer(line: Line) -> None:
    """Two workers may act at once, under one key; the phone sees what one of them answered."""
    line.send("5")
    line.bench.slow = 0.05
    with ThreadPoolExecutor(8) as many:
        turned = list(many.map(line.send, ["5*1"] * 8))
    assert len({one.reply for one in turned}) == 1
    assert len(set(line.bench.acted)) == 1
    assert {one.outcome for one in turned} <= {"continued", "raced", "repeated"}
    assert line.send("5*1").outcome == "repeated"


def test_different_hops_at_once_never_break_the_talk(line: Line) -> None:
    hops = ["", "5", "5*2", "5*2*0", "5*2*0*1", "2", "2*9", "5*x"]
    with ThreadPoolExecutor(8) as many:
        for _ in range(10):
            line.session = f"line-{next(_SESSIONS)}"
            assert all(one.reply.text for one in many.map(line.send, hops))
            assert line.shows("5*2*0*1*00*00") == MAIN
