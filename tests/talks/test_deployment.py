"""A new version is deployed in the middle of a talk: it finishes on the menu it began with."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest
from flask.testing import FlaskClient

from app.base.hop import Hop
from app.base.phone import Phone
from app.runtime import MENUS, Runtime
from app.ussd.live import LiveMenus
from app.ussd.position import Caller
from app.ussd.session import Sessions
from app.ussd.turn import Turns
from app.ussd.versions import Versions
from tests.phone import LIMITS, TestPhone

FATIMA = "+212600000001"
pytestmark = pytest.mark.usefixtures("sample_people")


@pytest.fixture
def older(tmp_path: Path) -> Path:
    """The menus of last month: 2 and 3 changed places, other words, and no word yet of fees."""
    folder = tmp_path / "menus"
    shutil.copytree(MENUS, folder)
    menu, words = folder / "artisan.yaml", folder / "locales/fr/LC_MESSAGES/menus.po"
    turned = "2: look_at_payments, 3: look_at_dues"
    change(menu, "2: look_at_dues, 3: look_at_payments", turned)
    change(words, 'msgstr "Mon AMO"', 'msgstr "Mon assurance"')
    change(words, 'msgid "fee.none"\nmsgstr "Frais: 0 DH"\n', "")
    return folder


def change(path: Path, old: str, new: str) -> None:
    content = path.read_text("utf-8")
    assert old in content
    path.write_text(content.replace(old, new, 1), encoding="utf-8")


@pytest.fixture
def begun(client: FlaskClient, runtime: Runtime, older: Path) -> TestPhone:
    """A phone whose talk the older process began, and which the newer one answers from now on."""
    engine = runtime.load_menus(older)
    live = LiveMenus.in_folder(engine, older)
    versions = Versions(runtime.redis, runtime.redis_calls, runtime.keys, live, runtime.load_menus)
    turns = Turns(versions, Sessions(runtime.redis_calls, runtime.keys), runtime.deferred_actions)
    phone = TestPhone(client)
    phone.number, phone.session, phone.more = FATIMA, "deployed-1", True
    hop = Hop("africastalking", phone.session, Phone(FATIMA), "")
    caller = Caller(phone.session, hop.phone, runtime.clock(), runtime.services, LIMITS)
    assert "1 Mon assurance" in turns.answer(hop, caller, "fr").reply.text
    return phone


def test_dialogue_goes_on_with_the_older_menu_and_the_next_takes_the_newer(
    begun: TestPhone,
) -> None:
    assert "Pas de code ni de paiement" in begun.answer("2")
    assert "1 Mon assurance" in begun.answer("00")
    assert "A payer: 163,52 DH" in begun.answer("3")
    assert begun.answer("1").startswith("Code ")
    begun.answer("00")
    assert "1 Mon AMO" in begun.dial(FATIMA)
    assert "A payer: 163,52 DH" in begun.answer("2")


def test_older_menu_says_new_sentences_in_the_newer_words(begun: TestPhone) -> None:
    assert "Frais: 0 DH" in begun.answer("3")


def test_broken_dialogue_resumes_on_the_older_menu(begun: TestPhone) -> None:
    begun.answer("3")
    months = begun.answer("2")
    begun.dial(FATIMA)
    assert begun.answer("1") == months
    assert "1 Mon assurance" in begun.answer("00")
