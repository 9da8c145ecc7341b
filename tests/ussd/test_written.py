"""Pages written once: the same as written anew, and nothing of one person among them."""

from __future__ import annotations

from datetime import date
from pathlib import Path
from typing import Any

import pytest

from app.base.money import Money
from app.base.months import Month
from app.text.encoding import Limits
from app.text.words import Say
from app.ussd import written
from app.ussd.screen import ScreenContext, paginate_screen
from app.ussd.written import WrittenPages
from tests.ussd.toy import LIMITS, WORDS, build, toy_engine

COMMON = {
    "number": Say("long", {"total": Money(100), "due": date(2026, 11, 30)}),
    "month": Month(2026, 11),
    "count": 3,
    "nothing": "",
}


@pytest.fixture
def context(tmp_path: Path) -> ScreenContext:
    engine = toy_engine(tmp_path)
    screen = engine.menu.screens["done"]
    return ScreenContext(engine.words, engine.words.languages[0], screen, COMMON, 2, LIMITS)


def test_pages_of_the_same_values_are_written_once(context: ScreenContext) -> None:
    pages = WrittenPages()
    first = pages.paginate(context, [])
    assert first == paginate_screen(context, [])
    assert pages.paginate(context._replace(values=dict(COMMON)), []) is first


@pytest.mark.parametrize(
    "change",
    [
        {"values": {**COMMON, "count": 4}},
        {"values": {**COMMON, "number": Say("long", {"total": Money(101)})}},
        {"values": {**COMMON, "number": Say("main.1", {"total": Money(100)})}},
        {"depth": 3},
        {"limits": Limits(160, 80)},
        {"offers_home": True},
    ],
)
def test_pages_of_anything_else_are_written_anew(
    context: ScreenContext, change: dict[str, Any]
) -> None:
    pages, other = WrittenPages(), context._replace(**change)
    first = pages.paginate(context, [])
    assert pages.paginate(other, []) == paginate_screen(other, [])
    assert pages.paginate(other, []) is not first


@pytest.mark.parametrize(
    "change",
    [
        {"values": {"number": "482173059614"}},
        {"values": {"number": Say("done", {"number": "Fatima A."})}},
        {"values": {"number": Say("done", {"number": Say("done", {"number": "Fatima A."})})}},
        {"reason": "wrong.choice"},
    ],
)
def test_pages_with_a_text_of_one_person_or_a_refusal_are_not_kept(
    context: ScreenContext, change: dict[str, Any]
) -> None:
    pages, personal = WrittenPages(), context._replace(**change)
    assert pages.paginate(personal, []) == paginate_screen(personal, [])
    assert pages.paginate(personal, []) is not pages.paginate(personal, [])
    assert not pages._pages


def test_pages_that_name_the_networks_are_not_kept(tmp_path: Path, context: ScreenContext) -> None:
    po = tmp_path / "locales" / "fr" / "LC_MESSAGES" / "menus.po"
    po.write_text(po.read_text().replace(f'"{WORDS["long"]}"', '"At {networks}"'))
    words, pages = build(tmp_path).words, WrittenPages()
    for network in ("Cash A", "Cash B"):
        words.shared["networks"] = network.format
        shown = pages.paginate(context._replace(words=words), [])
        assert shown == [f"Number At {network}.\n0 Back"]


def test_no_more_pages_are_kept_than_there_is_room_for(
    context: ScreenContext, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(written, "_MOST", 8)
    pages = WrittenPages()
    for number in range(50):
        other = context._replace(values={"number": number})
        assert pages.paginate(other, []) == [f"Number {number}.\n0 Back"]
        assert len(pages._pages) <= 8
