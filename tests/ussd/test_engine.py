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
from tests.ussd.toy import LIMITS, MENU, Bench, Player, toy_engine

MAIN = "1 long\n2 rows\n3 ask\n5 sure"


@pytest.fixture
def bench() -> Bench:
    return Bench()


@pytest.fixture
def player(tmp_path: Path, bench: Bench) -> Player:
    return Player(toy_engine(tmp_path), bench)


def test_the_first_screen_offers_what_the_guards_allow(player: Player, tmp_path: Path) -> None:
    assert player.reply.text == MAIN
    rich = Player(player.engine, Bench(rich=True))
    assert rich.reply.text == "1 long\n2 rows\n3 ask\n4 rich\n5 sure"
    assert rich.type("4") == "Still here.\n0 Back"


def test_a_choice_not_offered_is_not_understood(player: Player) -> None:
    assert player.type("4") == f"Wrong!\n{MAIN}"
    assert not player.understood


def test_back_and_home_from_every_depth(player: Player) -> None:
    assert player.type("5", "2") == "Deep.\n1 hidden\n0 Back 00 Home"
    assert player.type("0") == "Sure?\n1 Yes\n2 No\n0 Back"
    assert player.type("0") == MAIN
    assert player.type("0") == MAIN
    assert player.type("5", "2", "00") == MAIN
    assert player.type("00") == MAIN
    assert player.understood


def test_more_walks_all_pages_and_back_again(player: Player) -> None:
    pages = [player.type("1")]
    while player.reply.text.endswith("9 More"):
        pages.append(player.type("9"))
    assert len(pages) > 2
    said = [word for page in pages for word in page.split() if word.startswith("word")]
    assert said == [f"word{n:02d}" for n in range(20)]
    for page in reversed(pages[:-1]):
        assert player.type("0") == page
    assert player.type("0") == MAIN


def test_nine_where_nothing_more_waits_is_a_wrong_choice(player: Player) -> None:
    assert player.type("9") == f"Wrong!\n{MAIN}"
    player.type("1")
    while player.reply.text.endswith("9 More"):
        player.type("9")
    assert player.type("9").startswith("Wrong!")


def test_home_leaves_a_later_page_too(player: Player) -> None:
    player.type("1", "9", "00")
    assert player.reply.text == MAIN
    assert player.type("1").startswith("word00")


def test_a_reason_stands_once_and_goes_with_the_next_screen(player: Player) -> None:
    assert player.type("x") == f"Wrong!\n{MAIN}"
    assert player.type("x") == f"Wrong!\n{MAIN}"
    assert player.type("5") == "Sure?\n1 Yes\n2 No\n0 Back"
    assert player.type("x") == "Wrong!\nSure?\n1 Yes\n2 No\n0 Back"
    assert player.type("0") == MAIN


def test_a_wrong_input_on_a_later_page_says_so(player: Player) -> None:
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


def test_a_list_shows_all_its_rows_five_a_page_at_most(player: Player) -> None:
    player.type("2")
    pages = list_pages(player)
    assert all(1 <= len(page) <= 5 for page in pages)
    assert all(list(page) == [str(n) for n in range(1, len(page) + 1)] for page in pages)
    shown = [number for page in pages for number in page.values()]
    assert shown == [str(n * 1000) for n in range(1, 18)]


@settings(deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(typed=st.lists(st.sampled_from(["9", "0", "x", "7", "9", "9"]), max_size=8), pick=st.data())
def test_a_digit_chooses_the_row_it_stands_before(
    player: Player, typed: list[str], pick: st.DataObject
) -> None:
    """Whatever was typed before, wrong or right: what is chosen is what is shown."""
    player = Player(player.engine, Bench())
    player.type("2")
    for one in typed:
        player.type(one)
        if "dirhams" not in player.reply.text:
            return
    shown = rows_shown(player.reply.text)
    digit = pick.draw(st.sampled_from(sorted(shown)))
    assert player.type(digit) == f"Number {int(shown[digit]) // 1000}.\n0 Back"


@pytest.mark.parametrize(
    "typed", ["6", "", "x", "9" * 5000, "1.0", "-1", "²", "①", "१", "11", "0x1"]
)
def test_a_list_takes_only_the_digits_it_shows(player: Player, typed: str) -> None:
    player.type("2")
    assert player.type(typed).startswith("Wrong!\nNumbers:")
    assert not player.understood


def test_a_list_that_shrank_keeps_its_last_page(player: Player, bench: Bench) -> None:
    player.type("2", "9", "9", "9", "9")
    bench.numbers = 1
    assert rows_shown(player.type("x")) == {"1": "1000"}


def test_an_empty_list_is_only_its_words(player: Player, bench: Bench) -> None:
    bench.numbers = 0
    assert player.type("2") == "Numbers:\n0 Back"
    assert player.type("1").startswith("Wrong!")


@pytest.mark.parametrize(("typed", "shown"), [("0", MAIN), ("00", MAIN)])
def test_an_input_can_be_left(player: Player, typed: str, shown: str) -> None:
    assert player.type("3") == "Three digits:\n0 Back"
    assert player.type(typed) == shown


def test_an_input_asks_again_until_it_is_right(player: Player) -> None:
    assert player.type("3", "9") == "Not three!\nThree digits:\n0 Back"
    assert not player.understood
    assert player.type("\u200f١٢٣ ") == "You said 123."
    assert player.understood and not player.reply.more


def test_an_input_that_comes_first_cannot_be_left_but_by_answering(player: Player) -> None:
    unknown = Player(player.engine, Bench(known=False))
    for typed in ("0", "00"):
        assert unknown.type(typed) == "Three digits, please:"
    assert unknown.type("123") == MAIN


def test_what_is_done_cannot_be_gone_back_into(player: Player) -> None:
    assert player.type("2", "2") == "Number 2.\n0 Back"
    assert player.type("0") == MAIN


def test_an_action_has_a_key_for_each_visit_and_the_same_on_a_retry(
    player: Player, bench: Bench
) -> None:
    player.type("5")
    before = copy.deepcopy(player.position)
    player.type("1")
    player.position = before
    player.type("1", "0", "5", "1")
    first, again, later = bench.acted
    assert first == again != later


def test_what_is_gone_leads_home_with_a_word(player: Player, bench: Bench) -> None:
    rich = Player(player.engine, Bench(rich=True))
    rich.type("4")
    rich.caller.services.gone = True
    for typed in ("x", "4"):
        assert rich.type(typed) == "Changed.\n1 long\n2 rows\n3 ask\n4 rich\n5 sure"
        assert not rich.understood
    bench.gone = True
    assert player.type("5", "1") == f"Changed.\n{MAIN}"


def test_a_late_action_is_promised_by_sms(tmp_path: Path) -> None:
    player = Player(toy_engine(tmp_path, deadline=0.05), Bench(slow=0.3))
    player.caller.began = monotonic()
    assert player.type("2", "1") == "Later, by SMS."
    assert not player.reply.more
    late = player.caller.deferred
    assert late and (late.action, late.answers) == ("act", {"number": 1})
    assert late.key == player.bench.acted[0]


def test_a_secret_typed_before_a_late_action_waits_in_no_queue(tmp_path: Path) -> None:
    """The PIN opens the way to a private action, in the hop in which that action is late."""
    private = "hidden: {do: act, outcomes: {done: done, gone: fragile}, private: true}"
    menu = MENU.replace("hidden: {show: none, private: true}", private)
    player = Player(toy_engine(tmp_path, menu, deadline=0.05), Bench(locked=True, slow=0.3))
    player.type("2")
    player.position.answers["number"] = 7
    player.type("0", "5", "2", "1")
    player.caller.began = monotonic()
    assert player.type("123") == "Later, by SMS."
    assert player.caller.deferred and player.caller.deferred.answers == {"number": 7}
    assert player.position.answers == {"number": 7}


def test_a_late_action_that_no_sms_answers_is_an_outage(tmp_path: Path) -> None:
    bench = Bench()
    player = Player(toy_engine(tmp_path, deadline=0.05), bench)
    player.caller.began = monotonic() - 1
    bench.rich = player.position.facts["rich"] = True
    with pytest.raises(Late):
        player.type("5", "2", "2", "123")


def test_a_walk_of_many_actions_has_the_time_of_one_hop(tmp_path: Path) -> None:
    player = Player(toy_engine(tmp_path, deadline=0.3), Bench(slow=0.2))
    player.caller.began = monotonic()
    assert player.type("5", "1").startswith("Number")
    assert player.type("0", "5", "1") == "Later, by SMS."


def test_a_circle_of_actions_ends(tmp_path: Path) -> None:
    circle = MENU.replace("{done: done, gone: fragile}", "{done: act, gone: act}")
    player = Player(toy_engine(tmp_path, circle), Bench())
    with pytest.raises(RuntimeError, match="circles at act"):
        player.type("5", "1")


@settings(deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    st.lists(st.sampled_from(["0", "00", "9", "1", "2", "3", "4", "5", "x", "123"]), max_size=30)
)
def test_any_walk_fits_and_never_loses_the_way(player: Player, walk: list[str]) -> None:
    player = Player(player.engine, Bench(rich=True))
    for typed in walk:
        if not player.reply.more:
            return
        player.type(typed)
        assert fits(player.reply.text, LIMITS)
        assert len(player.position.path) <= 6
    if player.reply.more:
        assert player.type("00") == "1 long\n2 rows\n3 ask\n4 rich\n5 sure"


@settings(deadline=None)
@given(st.text(max_size=20))
def test_typed_text_loses_only_what_nobody_sees(typed: str) -> None:
    read = plain_input(typed)
    assert read == read.strip() and read.isprintable()
    assert not set(read) & set("٠١٢٣٤٥٦٧٨٩۰۱۲۳۴۵۶۷۸۹")


@pytest.mark.parametrize(
    ("typed", "read"),
    [
        ("٢", "2"),
        ("۲", "2"),
        (" 1 ", "1"),
        ("\u200e1\u200f", "1"),
        ("\u202b10\u202c", "10"),
        ("1\n", "1"),
        ("\x001", "1"),
        ("a b", "a b"),
        ("\u00a01", "1"),
    ],
)
def test_how_typed_text_is_read(typed: str, read: str) -> None:
    assert plain_input(typed) == read
