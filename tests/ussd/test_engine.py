"""Moving a talk: back, home, more, choices, lists, inputs, and what is gone meanwhile."""

from __future__ import annotations

import copy
from pathlib import Path
from time import monotonic

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from app.base.errors import Late
from app.text.encoding import fits
from app.ussd.engine import plain_input
from tests.ussd.toy import LIMITS, MENU, Player, ToyServices, toy_engine

MAIN = "1 long\n2 rows\n3 ask\n5 sure"


@pytest.fixture
def services() -> ToyServices:
    return ToyServices()


@pytest.fixture
def player(tmp_path: Path, services: ToyServices) -> Player:
    return Player(toy_engine(tmp_path), services)


def test_begin_offers_the_choices_that_guards_allow(player: Player, tmp_path: Path) -> None:
    assert player.reply.text == MAIN
    rich = Player(player.engine, ToyServices(rich=True))
    assert rich.reply.text == "1 long\n2 rows\n3 ask\n4 rich\n5 sure"
    assert rich.type("4") == "Still here.\n0 Back"


def test_step_refuses_a_choice_not_offered(player: Player) -> None:
    assert player.type("4") == f"Wrong!\n{MAIN}"
    assert not player.understood


def test_step_goes_back_and_home_from_every_depth(player: Player) -> None:
    assert player.type("5", "2") == "Deep.\n1 hidden\n0 Back 00 Home"
    assert player.type("0") == "Sure?\n1 Yes\n2 No\n0 Back"
    assert player.type("0") == MAIN
    assert player.type("0") == MAIN
    assert player.type("5", "2", "00") == MAIN
    assert player.type("00") == MAIN
    assert player.understood


def test_step_turns_all_pages_and_back(player: Player) -> None:
    pages = [player.type("1")]
    while player.reply.text.endswith("9 More"):
        pages.append(player.type("9"))
    assert len(pages) > 2
    said = [word for page in pages for word in page.split() if word.startswith("word")]
    assert said == [f"word{n:02d}" for n in range(20)]
    for page in reversed(pages[:-1]):
        assert player.type("0") == page
    assert player.type("0") == MAIN


def test_step_refuses_9_on_the_last_page(player: Player) -> None:
    assert player.type("9") == f"Wrong!\n{MAIN}"
    player.type("1")
    while player.reply.text.endswith("9 More"):
        player.type("9")
    assert player.type("9").startswith("Wrong!")


def test_step_goes_home_from_a_later_page(player: Player) -> None:
    player.type("1", "9", "00")
    assert player.reply.text == MAIN
    assert player.type("1").startswith("word00")


def test_step_shows_a_refusal_once_and_drops_it_on_the_next_screen(player: Player) -> None:
    assert player.type("x") == f"Wrong!\n{MAIN}"
    assert player.type("x") == f"Wrong!\n{MAIN}"
    assert player.type("5") == "Sure?\n1 Yes\n2 No\n0 Back"
    assert player.type("x") == "Wrong!\nSure?\n1 Yes\n2 No\n0 Back"
    assert player.type("0") == MAIN


def test_step_refuses_a_wrong_input_on_a_later_page(player: Player) -> None:
    player.type("1", "9")
    assert player.type("x").startswith("Wrong!\nword00")
    assert not player.understood


def rows_shown(text: str) -> dict[str, str]:
    """The rows of a list's page by their digit."""
    lines = [line.split(" ") for line in text.split("\n") if line.endswith("dirhams")]
    return {digit: number for digit, number, _ in lines}


def list_pages(player: Player) -> list[dict[str, str]]:
    pages = [rows_shown(player.reply.text)]
    while player.reply.text.endswith("9 More"):
        pages.append(rows_shown(player.type("9")))
    return pages


def test_list_shows_all_its_rows_five_a_page_at_most(player: Player) -> None:
    player.type("2")
    pages = list_pages(player)
    assert all(1 <= len(page) <= 5 for page in pages)
    assert all(list(page) == [str(n) for n in range(1, len(page) + 1)] for page in pages)
    shown = [number for page in pages for number in page.values()]
    assert shown == [str(n * 1000) for n in range(1, 18)]


@settings(deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(typed=st.lists(st.sampled_from(["9", "0", "x", "7", "9", "9"]), max_size=8), pick=st.data())
def test_list_digit_chooses_the_row_it_stands_before(
    player: Player, typed: list[str], pick: st.DataObject
) -> None:
    """Whatever was typed before, wrong or right: what is chosen is what is shown."""
    player = Player(player.engine, ToyServices())
    player.type("2")
    for one in typed:
        player.type(one)
        if "dirhams" not in player.reply.text:
            return
    shown = rows_shown(player.reply.text)
    digit = pick.draw(st.sampled_from(sorted(shown)))
    assert player.type(digit) == f"Number {int(shown[digit]) // 1000}.\n0 Back"


@pytest.mark.parametrize("typed", ["6", "", "x", "9" * 5000, "1.0", "-1", "²", "①", "11", "0x1"])
def test_list_refuses_digits_it_does_not_show(player: Player, typed: str) -> None:
    player.type("2")
    assert player.type(typed).startswith("Wrong!\nNumbers:")
    assert not player.understood


def test_list_that_shrank_shows_its_last_page(player: Player, services: ToyServices) -> None:
    player.type("2", "9", "9", "9", "9")
    services.numbers = 1
    assert rows_shown(player.type("x")) == {"1": "1000"}


def test_list_without_rows_shows_only_its_words(player: Player, services: ToyServices) -> None:
    services.numbers = 0
    assert player.type("2") == "Numbers:\n0 Back"
    assert player.type("1").startswith("Wrong!")


@pytest.mark.parametrize(("typed", "shown"), [("0", MAIN), ("00", MAIN)])
def test_input_is_left_by_0_and_00(player: Player, typed: str, shown: str) -> None:
    assert player.type("3") == "Three digits:\n0 Back"
    assert player.type(typed) == shown


def test_input_asks_again_until_it_is_right(player: Player) -> None:
    assert player.type("3", "9") == "Not three!\nThree digits:\n0 Back"
    assert not player.understood
    assert player.type("\u200f١٢٣ ") == "You said 123."
    assert player.understood and not player.reply.more


def test_first_input_cannot_be_left_without_an_answer(player: Player) -> None:
    unknown = Player(player.engine, ToyServices(known=False))
    for typed in ("0", "00"):
        assert unknown.type(typed) == "Three digits, please:"
    assert unknown.type("123") == MAIN


def test_back_does_not_return_into_a_finished_action(player: Player) -> None:
    assert player.type("2", "2") == "Number 2.\n0 Back"
    assert player.type("0") == MAIN


def test_action_key_changes_by_visit_and_stays_on_a_retry(
    player: Player, services: ToyServices
) -> None:
    player.type("5")
    before = copy.deepcopy(player.position)
    player.type("1")
    player.position = before
    player.type("1", "0", "5", "1")
    first, again, later = services.acted
    assert first == again != later


def test_step_leads_home_with_a_reason_if_nothing_is_left_to_show(
    player: Player, services: ToyServices
) -> None:
    rich = Player(player.engine, ToyServices(rich=True))
    rich.type("4")
    rich.caller.services.gone = True
    for typed in ("x", "4"):
        assert rich.type(typed) == "Changed.\n1 long\n2 rows\n3 ask\n4 rich\n5 sure"
        assert not rich.understood
    services.gone = True
    assert player.type("5", "1") == f"Changed.\n{MAIN}"


def test_slow_action_is_deferred_and_promised_by_sms(tmp_path: Path) -> None:
    player = Player(toy_engine(tmp_path, deadline=0.05), ToyServices(slow=0.3))
    player.caller.began = monotonic()
    assert player.type("2", "1") == "Later, by SMS."
    assert not player.reply.more
    late = player.caller.deferred
    assert late and (late.action, late.answers) == ("act", {"number": 1})
    assert late.key == player.services.acted[0]


def test_deferred_action_holds_no_secret(tmp_path: Path) -> None:
    """The PIN opens the way to a private action, in the hop in which that action is late."""
    private = "hidden: {do: act, outcomes: {done: done, gone: fragile}, private: true}"
    was = "hidden: {input: three, keep: three, to: long, private: true}"
    menu = MENU.replace(was, private)
    player = Player(toy_engine(tmp_path, menu, deadline=0.05), ToyServices(locked=True, slow=0.3))
    player.type("2")
    player.position.answers["number"] = 7
    player.type("0", "5", "2", "1")
    player.caller.began = monotonic()
    assert player.type("123") == "Later, by SMS."
    assert player.caller.deferred and player.caller.deferred.answers == {"number": 7}
    assert player.position.answers == {"number": 7}


def test_slow_action_without_sms_raises_late(tmp_path: Path) -> None:
    services = ToyServices()
    player = Player(toy_engine(tmp_path, deadline=0.05), services)
    player.caller.began = monotonic() - 1
    services.rich = player.position.facts["rich"] = True
    with pytest.raises(Late):
        player.type("5", "2", "2", "123")


def test_several_actions_share_the_time_of_one_hop(tmp_path: Path) -> None:
    player = Player(toy_engine(tmp_path, deadline=0.3), ToyServices(slow=0.2))
    player.caller.began = monotonic()
    assert player.type("5", "1").startswith("Number")
    assert player.type("0", "5", "1") == "Later, by SMS."


def test_circle_of_actions_raises(tmp_path: Path) -> None:
    circle = MENU.replace("{done: done, gone: fragile}", "{done: act, gone: act}")
    player = Player(toy_engine(tmp_path, circle), ToyServices())
    with pytest.raises(RuntimeError, match="circles at act"):
        player.type("5", "1")


@settings(deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    st.lists(st.sampled_from(["0", "00", "9", "1", "2", "3", "4", "5", "x", "123"]), max_size=30)
)
def test_any_walk_fits_the_screen_and_finds_home(player: Player, walk: list[str]) -> None:
    player = Player(player.engine, ToyServices(rich=True))
    for typed in walk:
        if not player.reply.more:
            return
        player.type(typed)
        assert fits(player.reply.text, LIMITS)
        assert len(player.position.path) <= 6
    if player.reply.more:
        homes = "1 long\n2 rows\n3 ask\n4 rich\n5 sure", "Three digits, please:"
        assert player.type("00") in homes


@settings(deadline=None)
@given(st.text(max_size=20))
def test_plain_input_removes_only_invisible_letters(typed: str) -> None:
    read = plain_input(typed)
    assert read == read.strip() and read.isprintable()
    assert not set(read) & set("٠١٢٣٤٥٦٧٨٩۰۱۲۳۴۵۶۷۸۹")


@pytest.mark.parametrize(
    ("typed", "read"),
    [
        ("٢", "2"),
        ("۲", "2"),
        (" 1 ", "1"),
        ("1 \U000e0080", "1"),  # a character that Unicode does not have
        ("\u200e1\u200f", "1"),
        ("\u202b10\u202c", "10"),
        ("1\n", "1"),
        ("\x001", "1"),
        ("a b", "a b"),
        ("\u00a01", "1"),
    ],
)
def test_plain_input_reads_digits_of_every_script(typed: str, read: str) -> None:
    assert plain_input(typed) == read
