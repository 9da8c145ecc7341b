"""Callbacks as gateways really send them: repeated, late, in one go, at once, out of order."""

from __future__ import annotations

import itertools
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from pathlib import Path

import pytest
from redis import Redis

from app.base.errors import Unavailable
from app.base.hop import Hop
from app.base.phone import Phone
from app.base.redis_calls import make_calls
from app.runtime import Runtime
from app.ussd.position import Caller
from app.ussd.session import STORED_SECONDS
from app.ussd.turn import TurnResult, Turns
from tests.conftest import free_port
from tests.ussd.toy import LIMITS, MENU, NOW, ToyServices, toy_turns

MAIN = "1 long\n2 rows\n3 ask\n5 sure"
DEEP = "Deep.\n1 hidden\n0 Back 00 Home"
SURE = "Sure?\n1 Yes\n2 No\n0 Back"
_SESSIONS = itertools.count(1)


class GatewaySession:
    """One session of a gateway: sends chains as they come."""

    def __init__(
        self, turns: Turns[ToyServices], services: ToyServices, number: str = "+212600000001"
    ) -> None:
        self.turns, self.services, self.phone = turns, services, Phone(number)
        self.session, self.now = f"line-{next(_SESSIONS)}", NOW

    def send(self, chain: str) -> TurnResult:
        caller = Caller(self.session, self.phone, self.now, self.services, LIMITS)
        return self.turns.answer(Hop("toy", self.session, self.phone, chain), caller, "fr")

    def show(self, chain: str) -> str:
        """The text after a chain is sent."""
        return self.send(chain).reply.text


@pytest.fixture
def gateway(tmp_path: Path, runtime: Runtime) -> GatewaySession:
    return GatewaySession(toy_turns(tmp_path, runtime.redis), ToyServices())


@pytest.fixture
def elsewhere(gateway: GatewaySession, tmp_path: Path, runtime: Runtime) -> GatewaySession:
    """The same line, answered by another process."""
    other = GatewaySession(toy_turns(tmp_path, runtime.redis), gateway.services)
    other.session = gateway.session
    return other


def test_answer_walks_a_dialogue_hop_by_hop(gateway: GatewaySession) -> None:
    result = gateway.send("")
    assert (result.reply.text, result.screen, result.outcome) == (MAIN, "main", "continued")
    assert gateway.show("5") == SURE
    assert gateway.show("5*0") == MAIN
    assert gateway.show("5*0*2").startswith("Numbers:")
    assert gateway.send("5*0*2*1").screen == "done"


def test_answer_repeats_the_reply_to_a_retry_and_acts_once(gateway: GatewaySession) -> None:
    gateway.send("5")
    first, again = gateway.send("5*1"), gateway.send("5*1")
    assert again.reply == first.reply
    assert (first.outcome, again.outcome) == ("continued", "repeated")
    assert len(gateway.services.acted) == 1


def test_answer_gives_old_hops_their_own_reply_or_the_current_one(gateway: GatewaySession) -> None:
    hops = ["", "5", "5*2", "5*2*0", "5*2*0*0", "5*2*0*0*2", "5*2*0*0*2*1"]
    answers = {chain: gateway.send(chain).reply for chain in hops}
    for chain in reversed(hops):
        again = gateway.send(chain)
        expected = answers[chain] if again.outcome == "repeated" else answers[hops[-1]]
        assert again.reply == expected
        assert again.outcome in {"repeated", "stale"}
    assert [gateway.send(chain).outcome for chain in hops[-2:]] == ["repeated", "repeated"]
    assert len(gateway.services.acted) == 1


def test_answer_walks_a_hop_that_overtakes_its_predecessor(gateway: GatewaySession) -> None:
    gateway.send("")
    assert gateway.show("5*2") == "Deep.\n1 hidden\n0 Back 00 Home"
    assert gateway.send("5").outcome == "stale"
    assert gateway.show("5*2*0") == SURE


def test_answer_takes_the_last_input_of_a_chain_that_does_not_continue(
    gateway: GatewaySession,
) -> None:
    gateway.send("5")
    assert gateway.show("1*2*2") == DEEP
    # Some networks begin the chain anew after a while.
    assert gateway.show("1*2*2*00*5") == SURE


def test_answer_takes_inputs_that_come_alone(gateway: GatewaySession) -> None:
    """The same digit twice in a row is a retry; after another one it is typed again."""
    gateway.send("")
    for typed, screen in (("5", SURE), ("2", DEEP), ("0", SURE), ("0", SURE), ("2", DEEP)):
        assert gateway.show(typed) == screen
    assert gateway.send("").outcome == "stale"
    assert gateway.show("00") == MAIN


def test_answer_walks_a_dialled_chain_in_one_hop(gateway: GatewaySession) -> None:
    assert gateway.show("5*1") == "Number -.\n0 Back"
    other = GatewaySession(gateway.turns, ToyServices())
    assert other.show("*5*1") == "Number -.\n0 Back"
    assert other.show("5*1*0") == MAIN
    assert len(gateway.services.acted) == len(other.services.acted) == 1


def test_answer_stops_at_an_input_not_understood(gateway: GatewaySession) -> None:
    result = gateway.send("5*7*1")
    assert result.reply.text == f"Wrong!\n{SURE}"
    assert result.outcome == "not_understood"
    assert gateway.services.acted == []
    assert gateway.send("5*7*1*1").screen == "done"


def test_answer_walks_forty_inputs_of_a_chain_at_most(gateway: GatewaySession) -> None:
    assert gateway.send("*".join(["5", "0"] * 19 + ["5", "1"])).screen == "done"
    other = GatewaySession(gateway.turns, ToyServices())
    assert other.show("*".join(["5", "0"] * 20 + ["5", "1"])) == MAIN
    assert other.services.acted == []
    assert other.show("*".join(["5", "0"] * 20 + ["5", "1", "5"])) == SURE


def test_answer_walks_more_than_forty_inputs_over_several_hops(gateway: GatewaySession) -> None:
    gateway.send("")
    chain = []
    for _ in range(25):
        for typed, shown in (("5", SURE), ("0", MAIN)):
            chain.append(typed)
            assert gateway.show("*".join(chain)) == shown


@pytest.mark.parametrize("chain", ["**", "5*", "5**", "5*5*5", "*" * 3000, "5" * 7000])
def test_answer_accepts_empty_and_endless_inputs(gateway: GatewaySession, chain: str) -> None:
    assert gateway.show(chain)
    assert gateway.show(chain + "*00") == MAIN


def test_answer_leaves_an_ended_dialogue_ended(gateway: GatewaySession) -> None:
    end = gateway.send("3*123")
    assert (end.reply.text, end.reply.more, end.outcome) == ("You said 123.", False, "ended")
    for chain in ("3*123*5", "3*123*5*1", "3", "9*9*9*9*9*9"):
        assert gateway.send(chain).reply == end.reply
    assert gateway.services.acted == []


def test_answer_ignores_inputs_behind_the_end(gateway: GatewaySession) -> None:
    assert gateway.show("3*123*5*1") == "You said 123."
    assert gateway.services.acted == []


def test_answer_walks_a_lost_session_again_from_its_chain(
    gateway: GatewaySession, elsewhere: GatewaySession, runtime: Runtime
) -> None:
    gateway.send("")
    gateway.send("5")
    runtime.redis.flushdb()
    assert elsewhere.show("5*2") == "Deep.\n1 hidden\n0 Back 00 Home"


def test_answer_repeats_an_action_of_a_lost_session_under_its_key(
    gateway: GatewaySession, elsewhere: GatewaySession, runtime: Runtime
) -> None:
    gateway.send("5*1")
    runtime.redis.flushdb()
    elsewhere.send("5*1*0")
    assert len(gateway.services.acted) == 2
    assert len(set(gateway.services.acted)) == 1


def test_answer_goes_on_with_a_session_that_redis_lost(
    gateway: GatewaySession, elsewhere: GatewaySession, runtime: Runtime
) -> None:
    """The process that answered the hop before still knows it, and stores it again."""
    gateway.send("5*1")
    runtime.redis.flushdb()
    assert gateway.send("5*1*00").screen == "main"
    assert elsewhere.show("5*1*00*5") == SURE
    assert len(gateway.services.acted) == 1


def test_answer_takes_turns_with_another_process(
    gateway: GatewaySession, elsewhere: GatewaySession
) -> None:
    """What one of them wrote, and knows, is older than what the other wrote since."""
    assert (gateway.show(""), elsewhere.show("5")) == (MAIN, SURE)
    assert gateway.show("5*2") == DEEP
    assert elsewhere.show("5*2*0") == SURE
    assert elsewhere.send("5*2*0*1").screen == "done"
    assert gateway.send("5*2*0*1*00").screen == "main"
    assert len(gateway.services.acted) == 1


def test_answer_repeats_what_another_process_replied_to_the_hop(
    gateway: GatewaySession, elsewhere: GatewaySession
) -> None:
    """Its reply was lost on the way, and the gateway asks the process of the hop before."""
    gateway.send("5")
    first = elsewhere.send("5*1")
    again = gateway.send("5*1")
    assert (again.outcome, again.reply) == ("repeated", first.reply)
    assert gateway.show("5*1*00*2").startswith("Numbers:")
    assert elsewhere.send("5*1*00*2*1").screen == "done"
    assert (gateway.send("5*1").outcome, len(gateway.services.acted)) == ("repeated", 2)


def test_answer_does_not_act_on_what_it_remembers_while_redis_is_away(
    gateway: GatewaySession, monkeypatch: pytest.MonkeyPatch
) -> None:
    gateway.send("5")
    with monkeypatch.context() as away:
        away.setattr(gateway.turns.sessions, "_calls", make_calls(Redis(port=free_port())))
        with pytest.raises(Unavailable):
            gateway.send("5*1")
    assert gateway.services.acted == []
    assert gateway.send("5*1").screen == "done"


def test_answer_knows_what_was_written_anew_after_a_loss(
    gateway: GatewaySession, elsewhere: GatewaySession, runtime: Runtime
) -> None:
    """It has the number of the revision that this process remembers, and says something else."""
    assert (gateway.show(""), gateway.show("5")) == (MAIN, SURE)
    runtime.redis.flushdb()
    assert (elsewhere.show("5*2"), elsewhere.show("5*2*0")) == (DEEP, SURE)
    again = gateway.send("5*2")
    assert (again.outcome, again.reply.text) == ("repeated", DEEP)
    assert elsewhere.show("5*2*0*0") == MAIN


def test_answer_reads_two_stars_alike_in_every_process(
    gateway: GatewaySession, elsewhere: GatewaySession
) -> None:
    """An input without a digit stands between them, and is not understood."""
    for turns in (gateway.turns, elsewhere.turns):
        line = GatewaySession(gateway.turns, ToyServices())
        assert line.show("") == MAIN
        line.turns = turns
        assert line.show("**5") == f"Wrong!\n{MAIN}"


def test_answer_takes_inputs_that_come_alone_to_two_processes(
    gateway: GatewaySession, elsewhere: GatewaySession
) -> None:
    assert (gateway.show(""), elsewhere.show("5")) == (MAIN, SURE)
    assert gateway.show("2") == DEEP
    assert elsewhere.show("0") == SURE
    assert gateway.send("1").screen == "done"


def test_answer_reads_again_what_waited_too_long_or_is_too_many(
    gateway: GatewaySession, runtime: Runtime, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Redis says that the dialogue is gone: it is walked again, so the process did ask."""
    monkeypatch.setattr("app.ussd.session._MOST_WAITING", 1)
    gateway.send("5*1")
    runtime.redis.flushdb()
    gateway.now += timedelta(seconds=STORED_SECONDS + 1)
    gateway.send("5*1*00")
    assert len(gateway.services.acted) == 2
    other = GatewaySession(gateway.turns, gateway.services, "+212600000002")
    other.send("5")
    runtime.redis.flushdb()
    gateway.send("5*1*00*5")
    assert len(gateway.services.acted) == 3


def test_answer_remembers_no_dialogue_for_longer_than_redis(gateway: GatewaySession) -> None:
    gateway.send("5")
    other = GatewaySession(gateway.turns, gateway.services, "+212600000002")
    other.now += timedelta(seconds=STORED_SECONDS + 1)
    other.send("5")
    assert [line[1] for line in gateway.turns.sessions._waiting] == [other.session]


def test_answer_ends_a_dialogue_on_the_menu_it_began_with(
    gateway: GatewaySession, runtime: Runtime, tmp_path: Path
) -> None:
    """Deployed meanwhile: another process, another menu; new talks are the new menu's."""
    gateway.send("5*2")
    (tmp_path / "new").mkdir()
    changed = MENU.replace("2: rows, 3: ask", "2: ask, 3: rows")
    gateway.turns = toy_turns(tmp_path / "new", runtime.redis, changed)
    assert gateway.show("5*2*0*0*2").startswith("Numbers:")
    other = GatewaySession(gateway.turns, ToyServices(), "+212600000002")
    assert other.show("2") == "Three digits:\n0 Back"


def test_answer_begins_anew_a_dialogue_whose_menu_is_gone(
    gateway: GatewaySession, runtime: Runtime, tmp_path: Path
) -> None:
    gateway.send("5*2")
    for key in runtime.redis.keys("menus.zip:*"):
        runtime.redis.delete(key)
    (tmp_path / "new").mkdir()
    gateway.turns = toy_turns(tmp_path / "new", runtime.redis, MENU + "\n# changed\n")
    assert gateway.show("5*2") == "Deep.\n1 hidden\n0 Back 00 Home"
    assert gateway.show("5*2*0") == SURE


def test_answer_does_not_use_a_menu_with_unknown_names(
    gateway: GatewaySession, runtime: Runtime, tmp_path: Path
) -> None:
    """The older code beside the newer one, while it is deployed."""
    (tmp_path / "new").mkdir()
    newer = toy_turns(tmp_path / "new", runtime.redis, MENU.replace("do: act,", "do: unheard,"))
    other = GatewaySession(newer, ToyServices())
    other.send("5")
    other.turns = gateway.turns
    assert other.show("5*2") == "Deep.\n1 hidden\n0 Back 00 Home"


def test_answer_gives_one_reply_to_a_hop_sent_eight_times_at_once(gateway: GatewaySession) -> None:
    """Two workers may act at once, under one key; the phone sees what one of them answered."""
    gateway.send("5")
    gateway.services.slow = 0.05
    with ThreadPoolExecutor(8) as many:
        result = list(many.map(gateway.send, ["5*1"] * 8))
    assert len({one.reply for one in result}) == 1
    assert len(set(gateway.services.acted)) == 1
    assert {one.outcome for one in result} <= {"continued", "raced", "repeated"}
    assert gateway.send("5*1").outcome == "repeated"


def test_answer_survives_different_hops_at_once(gateway: GatewaySession) -> None:
    hops = ["", "5", "5*2", "5*2*0", "5*2*0*1", "2", "2*9", "5*x"]
    with ThreadPoolExecutor(8) as many:
        for _ in range(10):
            gateway.session = f"line-{next(_SESSIONS)}"
            assert all(one.reply.text for one in many.map(gateway.send, hops))
            assert gateway.show("5*2*0*1*00*00") == MAIN
