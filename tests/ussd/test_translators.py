"""What translators and native readers get: comments, the letters left, the sheet, a preview."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Iterator
from pathlib import Path

import pytest
from flask import Flask

from app import create_app
from app.runtime import MENUS, Runtime
from app.text.encoding import segments
from app.text.languages import LANGUAGES
from app.ussd.checker.filled_menu import FilledMenu
from app.ussd.checker.messages import bits
from app.ussd.tools.comments import Comments, write_comments
from app.ussd.tools.places import Places
from app.ussd.tools.room import Room
from app.ussd.tools.sheet import Sheet, SheetRow, write_csv, write_html


@pytest.fixture
def room(session_runtime: Runtime) -> Room:
    maalem = session_runtime
    filled = FilledMenu(maalem.ussd, maalem.samples.everyday)
    return Room(filled, maalem.declarations, maalem.limits["africastalking"])


@pytest.fixture
def comments(session_runtime: Runtime, room: Room) -> Comments:
    places = Places(session_runtime.ussd.menu, session_runtime.words, room.declared)
    return Comments(session_runtime.words, places, room)


def sheet_of(room: Room, language: str) -> list[SheetRow]:
    return Sheet(room.filled, room.declared, room.limits, language, "*384#").list_rows()


def test_every_sentence_has_its_place_and_the_french_one(comments: Comments) -> None:
    described = comments.describe_all("zgh")
    assert described["main.2"][0] == "fr: Payer"
    assert described["main.2"][1] == "main (the first screen), key 2, leads to pay"
    assert described["rights.open"][1].startswith("in amo, as {rights}")
    assert described["sms.code"][1] == "an SMS"
    assert described["till.title"][1] == "a page"
    assert [key for key, lines in described.items() if len(lines) < 2 or not lines[1]] == []


def test_comments_change_nothing_but_comments() -> None:
    written = '# Kept.\n#. fr: Ancien\nmsgid "a"\nmsgstr "x"\n\nmsgid "b"\nmsgstr "y"\n'
    current = write_comments(written, {"a": ["fr: A", "letters left: 3"], "b": ["fr: B"]})
    assert current == (
        '# Kept.\n#. fr: A\n#. letters left: 3\nmsgid "a"\nmsgstr "x"\n\n'
        '#. fr: B\nmsgid "b"\nmsgstr "y"\n'
    )
    assert write_comments(current, {"a": ["fr: A", "letters left: 3"], "b": ["fr: B"]}) == current


@pytest.mark.parametrize("language", LANGUAGES)
def test_a_message_may_grow_by_the_letters_left_and_by_no_more(room: Room, language: str) -> None:
    left, words, samples = room.measure_all(language), room.filled.engine.words, room.declared
    entry = LANGUAGES[language]
    for key, message in room.declared.messages.items():
        most = min(entry.most_segments, message.most_segments[entry.encoding])
        worst = samples.samples.worst(words, language, key, bits)
        text = words.say(language, key, worst)
        assert segments(text + "x" * left[key]) <= most < segments(text + "x" * (left[key] + 1))


def test_the_sheet_shows_every_sentence_once(room: Room, session_runtime: Runtime) -> None:
    rows = sheet_of(room, "zgh")
    keys = [row.key for row in rows]
    assert len(keys) == len(set(keys))
    screens = session_runtime.ussd.menu.screens
    choices = {f"{s.name}.{c.digit}" for s in screens.values() for c in s.choices}
    lists = {f"{name}.row" for name in screens}
    assert session_runtime.words.keys("zgh") <= set(keys) | choices | lists
    by_key = {row.key: row for row in rows}
    assert by_key["pay"].place == "*384*2#"
    assert "ⴷⵔⵀⵎ" in by_key["pay"].text[0] and "DH" in by_key["pay"].french[0]
    assert "4821 7305 9614" in by_key["sms.code"].text[0]
    assert by_key["rights.open"].place == "amo, sms.rights"


def test_the_sheet_says_whole_sentences_with_the_number_that_is_dialled(app: Flask) -> None:
    shown = app.test_cli_runner().invoke(args=["menus", "sheet", "ar", "--json"])
    said = {row["key"]: "\n".join(row["text"]) for row in json.loads(shown.output)}
    assert [key for key, text in said.items() if "{" in text] == []
    assert said["months"].split("\n")[1:4] == ["شهر واحد", "شهران", "3 أشهر"]
    assert said["till.home.dial"].endswith("Tel *384#")
    assert "Tel *384*5*2*4#" in said["sms.receipt"] and "*888" not in "".join(said.values())


def test_the_sheet_says_no_row_of_a_list_twice(room: Room) -> None:
    for row in sheet_of(room, "fr"):
        for page in row.text:
            # What follows a key of the page, or stands alone.
            lines = [line.lstrip("12345 ") for line in page.split("\n")]
            assert len(lines) == len(set(lines)), row


def test_the_sheet_is_printed_from_right_to_left_where_the_language_is(room: Room) -> None:
    page = write_html(sheet_of(room, "ar"), "ar")
    assert '<td lang="ar" dir="rtl">' in page and "Remarque" in page
    assert 'dir="rtl"' not in write_html(sheet_of(room, "zgh"), "zgh")
    read = list(csv.DictReader(io.StringIO(write_csv(sheet_of(room, "ar")))))
    assert len(read) > 300 and {row["remark"] for row in read} == {""}


def test_menus_show_shows_a_message_with_its_segments_and_price(app: Flask) -> None:
    shown = app.test_cli_runner().invoke(args=["menus", "show", "sms.code"])
    assert shown.exit_code == 0
    for part in (
        "values: code, period, total, until",
        "segments at most: 1 in GSM-7, 2 in UCS-2",
        "1 segment, africastalking 0.48 MAD",
        "2 segments, africastalking 0.96 MAD",
        "4821 7305 9614",
        "8888 8888 8888",
    ):
        assert part in shown.output
    part = app.test_cli_runner().invoke(args=["menus", "show", "rights.open"])
    assert "in amo, as {rights}" in part.output


@pytest.fixture
def changed_words(tmp_path: Path) -> Path:
    """A folder with the French words alone, one of them changed."""
    path = tmp_path / "locales" / "fr" / "LC_MESSAGES" / "menus.po"
    path.parent.mkdir(parents=True)
    ours = (MENUS / "locales/fr/LC_MESSAGES/menus.po").read_text("utf-8")
    assert ours.count('msgstr "Mes paiements"') == 1
    path.write_text(ours.replace('"Mes paiements"', '"Ce que j\'ai payé"'), "utf-8")
    return tmp_path


@pytest.fixture
def fresh_app(runtime: Runtime) -> Iterator[Flask]:
    """An app that has not read its menus yet, as a command's."""
    yield create_app(Runtime(runtime.settings, clock=runtime.clock))


@pytest.mark.usefixtures("sample_people")
def test_a_changed_word_is_seen_on_the_phone_before_it_is_live(
    fresh_app: Flask, changed_words: Path
) -> None:
    words = ["dial", "*384#", "--phone", "+212600000001"]
    dialled = fresh_app.test_cli_runner().invoke(args=[*words, "--menus", str(changed_words)])
    assert "3 Ce que j'ai payé" in dialled.output, dialled.output


def test_a_changed_word_is_checked_before_it_is_live(fresh_app: Flask, changed_words: Path) -> None:
    path = changed_words / "locales/fr/LC_MESSAGES/menus.po"
    path.write_text(path.read_text("utf-8").replace("j'ai payé", "j'ai payê"), "utf-8")
    checked = fresh_app.test_cli_runner().invoke(
        args=["menus", "check", "--menus", str(changed_words)]
    )
    assert checked.exit_code == 1 and "main.3 [fr]: ê is not in GSM-7" in checked.stderr


def test_a_folder_that_holds_no_menus_is_refused(fresh_app: Flask, tmp_path: Path) -> None:
    args = ["menus", "check", "--menus", str(tmp_path)]
    refused = fresh_app.test_cli_runner().invoke(args=args)
    assert refused.exit_code == 1 and "holds neither screens nor locales" in refused.output


def test_the_comments_of_every_language_are_current(comments: Comments) -> None:
    """`flask menus annotate` writes them anew."""
    assert sorted(comments.find_stale(MENUS / "locales")) == []
