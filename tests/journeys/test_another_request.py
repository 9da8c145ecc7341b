"""Adding a request under menu 5 touches five files: the menu, and the words of each language."""

from __future__ import annotations

from pathlib import Path

import pytest
from sqlalchemy import text

from app.runtime import Runtime
from app.text.languages import LANGUAGES
from tests.checkout import Checkout

FATIMA = "+212600000001"
MENU_FILE = "menus/artisan.yaml"
WORDS_FILES = {f"menus/locales/{language}/LC_MESSAGES/menus.po" for language in LANGUAGES}
# In plain digits and Latin letters, which every language may hold.
BANK_CHOICE = '\nmsgid "bank.4"\nmsgstr "CARD"\n'
BANK_TOPIC = '\nmsgid "topic.bank.card"\nmsgstr "CARD"\n'
EXPORT_TOPIC = '\nmsgid "topic.export.customs"\nmsgstr "CUSTOMS"\n'
BANK_MENU = "  bank: {menu: {1: bank_offer, 2: ask_bank_account, 3: ask_bank_branch}}"
BANK_SCREEN = """  ask_bank_card:
    do: ask_for_help
    says: topic.bank.card
    outcomes: {asked: request_made, waits: request_waits, too_many: too_many_requests}
"""
pytestmark = pytest.mark.usefixtures("sample_people")


@pytest.fixture
def checkout(runtime: Runtime, tmp_path: Path) -> Checkout:
    return Checkout(tmp_path / "checkout", runtime)


def change_menu(checkout: Checkout, before: str, after: str) -> None:
    file = checkout.folder / MENU_FILE
    content = file.read_text("utf-8")
    assert content.count(before) == 1
    file.write_text(content.replace(before, after), "utf-8")


def add_words(checkout: Checkout, *entries: str) -> None:
    for file in WORDS_FILES:
        checkout.append(file, "".join(entries))


def add_bank_request(checkout: Checkout) -> None:
    with_card = BANK_MENU.replace("}}", ", 4: ask_bank_card}}")
    change_menu(checkout, BANK_MENU, f"{with_card}\n{BANK_SCREEN.rstrip()}")


def read_requests(runtime: Runtime) -> list[tuple[str, str]]:
    with runtime.database.connect() as connection:
        rows = connection.execute(text("SELECT kind, topic FROM help_request ORDER BY id"))
        return [(row.kind, row.topic) for row in rows]


def test_a_request_and_a_topic_are_added_by_the_menu_and_its_words(
    checkout: Checkout, runtime: Runtime
) -> None:
    add_bank_request(checkout)
    change_menu(checkout, "topic.export.fairs]", "topic.export.fairs, topic.export.customs]")
    add_words(checkout, BANK_CHOICE, BANK_TOPIC, EXPORT_TOPIC)
    assert checkout.changed_files() == {MENU_FILE} | WORDS_FILES
    menus = checkout.flask("menus", "check")
    assert menus.returncode == 0, menus.stderr

    bank, made, listed, topics, _ = checkout.dial(
        (FATIMA, "5", "2", "3"),
        (FATIMA, "5", "2", "3", "4"),
        (FATIMA, "5", "2", "5"),
        (FATIMA, "5", "4", "1"),
        (FATIMA, "5", "4", "1", "4"),
    )
    assert "4 CARD" in bank
    assert "CARD" in made
    assert "CARD" in listed
    assert "4 CUSTOMS" in topics
    assert read_requests(runtime) == [("bank", "card"), ("export", "customs")]


def test_a_request_without_words_and_words_of_none_are_refused_by_the_check(
    checkout: Checkout,
) -> None:
    add_bank_request(checkout)
    add_words(checkout, BANK_CHOICE, EXPORT_TOPIC)
    menus = checkout.flask("menus", "check")
    assert menus.returncode == 1
    for language in LANGUAGES:
        assert f"topic.bank.card [{language}]: has no words" in menus.stderr
    assert "topic.export.customs [fr]: is used nowhere" in menus.stderr
