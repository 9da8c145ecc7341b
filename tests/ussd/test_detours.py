"""Ways that leave the straight line: back and onward, the PIN, help, a talk that broke off."""

from __future__ import annotations

import copy
from pathlib import Path

import pytest

from app.base.hop import Reply
from app.ussd.position import Position
from tests.ussd.toy import MENU, Player, ToyServices, toy_engine

MAIN = "1 long\n2 rows\n3 ask\n5 sure"
SURE = "Sure?\n1 Yes\n2 No\n0 Back"
DEEP = "Deep.\n1 hidden\n0 Back 00 Home"
HIDDEN = "Hidden.\n0 Back 00 Home"
PIN = "PIN:\n0 Back 00 Home"
NUMBERS = "Numbers:\n1 1000 dirhams\n2 2000 dirhams\n0 Back 9 More"
OFFER = "Go on?\n1 on\n00 Home"


@pytest.fixture
def player(tmp_path: Path) -> Player:
    return Player(toy_engine(tmp_path), ToyServices())


@pytest.fixture
def locked(tmp_path: Path) -> Player:
    return Player(toy_engine(tmp_path), ToyServices(locked=True))


def test_private_screen_opens_without_a_pin_set(player: Player) -> None:
    assert player.type("5", "2", "1") == HIDDEN


def test_private_screen_asks_the_pin_once(locked: Player) -> None:
    assert locked.type("5", "2") == DEEP
    assert locked.type("1") == PIN
    assert locked.type("124") == PIN
    assert locked.type("123") == HIDDEN
    assert locked.type("0") == DEEP
    assert locked.type("1") == HIDDEN


def test_pin_question_is_left_by_0_and_00(locked: Player) -> None:
    assert locked.type("5", "2", "1", "0") == DEEP
    assert locked.type("1", "00") == MAIN
    assert (locked.position.suspended_path, locked.position.pending_screen) == ((), "")


def test_secret_is_kept_for_its_own_hop_only(locked: Player) -> None:
    for typed in ("5", "2", "1", "123"):
        locked.type(typed)
        assert "pin" not in locked.position.answers
    assert locked.reply.text == HIDDEN


def test_target_back_shows_the_screen_before_and_acts_once(tmp_path: Path) -> None:
    player = Player(toy_engine(tmp_path), ToyServices(rich=True))
    deep = player.type("5", "2")
    assert player.type("2", "123") == deep
    assert len(player.services.acted) == 1
    assert player.type("0") == SURE


@pytest.mark.parametrize(
    ("way", "reason", "screen"),
    [(["5"], "Wrong!", SURE), (["3"], "Not three!", "Three digits:\n0 Back")],
)
def test_wrong_input_leads_to_help_after_three_refusals(
    player: Player, way: list[str], reason: str, screen: str
) -> None:
    player.type(*way)
    for _ in range(3):
        assert player.type("x") == f"{reason}\n{screen}"
    assert player.type("x") == "Lost?\n1 first\n0 Back 00 Home"
    assert not player.understood
    assert player.type("0") == screen
    # Counted anew.
    assert player.type("x") == f"{reason}\n{screen}"


def test_understood_input_resets_the_count_of_refusals(player: Player) -> None:
    player.type("5", "x", "x", "x", "2", "0")
    assert player.type("x") == f"Wrong!\n{SURE}"


def test_help_refuses_wrong_inputs_without_end(player: Player) -> None:
    player.type("5", "x", "x", "x", "x")
    for _ in range(6):
        assert player.type("x") == "Wrong!\nLost?\n1 first\n0 Back 00 Home"


def resumed(player: Player) -> Player:
    """The same person, dialling anew."""
    again = copy.copy(player)
    again.position = Position(**player.stored_position())
    assert again.engine.can_resume(again.position)
    again.reply = again.engine.resume(again.position, again.caller)
    return again


def test_resume_goes_on_where_the_dialogue_broke_off(player: Player) -> None:
    player.type("5", "2")
    again = resumed(player)
    assert again.reply == Reply(OFFER, True)
    assert again.type("1") == DEEP
    assert again.type("0") == SURE
    assert again.type("00") == MAIN


@pytest.mark.parametrize(
    ("typed", "screen"), [("0", MAIN), ("00", MAIN), ("2", NUMBERS), ("5", SURE)]
)
def test_resume_may_begin_anew_and_digits_keep_their_meaning(
    player: Player, typed: str, screen: str
) -> None:
    player.type("5", "2")
    again = resumed(player)
    assert again.type(typed) == screen
    assert again.position.suspended_path == ()
    assert again.type("00") == MAIN
    assert not again.engine.can_resume(again.position)


def test_resume_survives_a_break_at_the_offer(player: Player) -> None:
    player.type("5", "2")
    again = resumed(resumed(resumed(player)))
    assert again.type("x") == f"Wrong!\n{OFFER}"
    assert again.type("9") == f"Wrong!\n{OFFER}"
    assert again.type("1") == DEEP


def test_resume_shows_the_page_it_was_on(player: Player) -> None:
    shown = player.type("2", "9")
    assert player.position.page == 1
    assert resumed(player).type("1") == shown
    assert resumed(resumed(player)).type("1") == shown


def test_resume_repeats_no_action(tmp_path: Path) -> None:
    player = Player(toy_engine(tmp_path), ToyServices(rich=True))
    shown = player.type("5", "2", "2", "123")
    again = resumed(player)
    assert again.type("1") == shown
    assert len(player.services.acted) == 1


@pytest.mark.parametrize(
    ("way", "begun"),
    [
        ([], False),
        (["5", "0"], False),
        (["1"], False),  # an answer
        (["3"], False),  # asked, and nothing typed
        (["2"], True),  # a list that the menu marks
        (["2", "1"], False),  # come to its answer
        (["5"], True),  # a question
        (["5", "2"], True),
        (["5", "2", "1"], True),
        (["x", "x", "x", "x"], False),  # help
    ],
)
def test_can_resume_is_true_where_something_was_begun(
    player: Player, way: list[str], begun: bool
) -> None:
    player.type(*way)
    assert player.engine.can_resume(player.position) == begun


def test_help_from_the_offer_and_back(player: Player) -> None:
    player.type("5", "2")
    again = resumed(player)
    again.type("x", "x", "x")
    assert again.type("x").startswith("Lost?")
    assert again.type("0") == OFFER
    assert again.type("1") == DEEP


ASTRAY = MENU.replace("to: main, home: true}", "to: main}")


def test_a_path_that_begins_at_no_home_is_not_made(tmp_path: Path) -> None:
    """00 would not lead home from there."""
    with pytest.raises(RuntimeError, match="a path begins at first, which is no home"):
        Player(toy_engine(tmp_path, ASTRAY), ToyServices(known=False))


@pytest.mark.parametrize("name", ["path", "suspended_path"])
@pytest.mark.parametrize("path", [("deep",), ("offer", "deep"), ("main", "gone")])
def test_a_path_that_begins_at_no_home_is_not_taken_up(
    player: Player, name: str, path: tuple[str, ...]
) -> None:
    player.type("5", "2")
    assert player.engine.can_go_on(player.position)
    setattr(player.position, name, path)
    assert not player.engine.can_go_on(player.position)
    assert not player.engine.can_resume(player.position)


def test_the_pin_is_asked_again_and_the_way_is_kept(locked: Player) -> None:
    locked.type("5", "2", "1", "123")
    locked.position.facts["locked"] = True
    again = resumed(locked)
    assert again.type("1") == PIN
    assert again.type("123") == HIDDEN
    assert again.type("0") == DEEP


def test_a_talk_that_broke_off_at_the_pin(locked: Player) -> None:
    locked.type("5", "2", "1", "9")
    again = resumed(locked)
    assert again.type("1", "123") == HIDDEN
    assert again.type("0") == DEEP


def test_broken_off_at_the_pin_and_again_at_the_pin(locked: Player) -> None:
    locked.type("5", "2", "1")
    again = resumed(locked)
    again.type("1")
    again = resumed(again)
    assert again.type("1", "123") == HIDDEN
    again.position.facts["locked"] = True
    again = resumed(again)
    assert again.type("1", "123") == HIDDEN
    assert again.type("0") == DEEP
    assert again.type("00") == MAIN


def test_broken_off_before_the_first_private_screen(locked: Player) -> None:
    """What waits behind the PIN is entered then, also when the line breaks twice meanwhile."""
    locked.type("5", "2", "1")
    for _ in range(2):
        locked = resumed(locked)
        locked.type("1", "124")
    assert locked.type("123") == HIDDEN
    assert locked.type("00") == MAIN
