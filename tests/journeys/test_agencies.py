"""Service 1: agencies near the caller, by region, by the first letters of a town."""

# ruff: noqa: F401, F811 - fixtures of other tests are imported by name
from __future__ import annotations

import json
from typing import Any

import pytest
from sqlalchemy import text

from app.agents.queries import list_agencies
from app.agents.towns import towns
from app.base.phone import Phone
from app.journeys.agencies import look_at_agencies, look_at_agency, look_for_towns
from app.journeys.context import Dialogue, vocabulary
from app.journeys.facts import Answers, Facts
from app.runtime import Runtime
from app.text.encoding import segments
from app.text.languages import LANGUAGES
from app.text.regions import regions
from tests.phone import TestPhone
from tests.talks.test_budgets import Meter, OnePost, once, spent

FATIMA, HASSAN, AICHA, UNKNOWN = (f"+2126000000{n:02d}" for n in (1, 2, 5, 99))
AGENCIES = "5*1"

pytestmark = pytest.mark.usefixtures("sample_people")


def run(runtime: Runtime, sql: str) -> None:
    with runtime.database.begin() as connection:
        connection.execute(text(sql))


def test_agencies_begin_with_the_town_of_the_register(phone: TestPhone) -> None:
    phone.dial(FATIMA, AGENCIES)
    assert phone.screen.startswith("Votre ville: Salé\n1 Agences de Salé\n2 Choisir une région")
    assert phone.answer("1").startswith("Salé:\n1 Tabriquet\n2 Bab Mrissa")
    assert phone.answer("2").startswith(
        "Agence Bab Mrissa\nAdresse: Place Bab Mrissa\nLundi-vendredi: 8:30-18:00\n"
        "Samedi: 9:00-13:00"
    )


def test_agencies_are_found_by_region_and_town(phone: TestPhone) -> None:
    phone.dial(HASSAN, f"{AGENCIES}*2")
    assert "1 Tanger-Tétouan-Al Hoceima" in phone.screen and "4 Rabat-Salé-Kénitra" in phone.screen
    assert phone.answer("4").startswith("Ville:\n1 Rabat\n2 Salé\n3 Kénitra")
    assert phone.answer("1").startswith("Rabat:\n1 Agdal\n2 Médina\n3 Yacoub")
    assert "Lundi-vendredi: 8:30-18:00\nSamedi: fermé" in phone.answer("3")
    assert phone.answer("0").startswith("Rabat:")
    assert phone.answer("0").startswith("Ville:")
    # One town with one agency: nothing is asked that has one answer.
    phone.dial(HASSAN, f"{AGENCIES}*2*2")
    assert phone.screen.startswith("Agence Centre\nAdresse: Bd Zerktouni 29")


@pytest.mark.parametrize("typed", ["mek", "MEK", "mék", "مكن", "ⴰⵎⴽ", "  mek "])
def test_agencies_are_found_by_first_letters_in_any_script(phone: TestPhone, typed: str) -> None:
    phone.dial(FATIMA, f"{AGENCIES}*3")
    assert phone.answer(typed).startswith("Meknès:\n1 Hamria\n2 Médina")


def test_letters_of_several_towns_list_the_towns(phone: TestPhone) -> None:
    phone.dial(FATIMA, f"{AGENCIES}*3*zz")
    assert phone.screen.startswith(
        "Pas d'agence dans une ville de ce nom.\n1 Ecrire une autre ville"
    )
    phone.answer("1")
    assert phone.answer("sa").startswith("Ville:\n1 Salé\n2 Safi")
    assert phone.answer("2").startswith("Agence Plateau\nAdresse: Av. Kennedy 45")


def test_letters_of_no_town_are_asked_for_again(phone: TestPhone) -> None:
    phone.dial(FATIMA, f"{AGENCIES}*3")
    for wrong in ("x", "12", "ag1", "!!", "🙂🙂"):
        if wrong == "!!":
            phone.dial(FATIMA, f"{AGENCIES}*3")
        assert phone.answer(wrong).startswith("Ecrivez 2 lettres ou plus.")
    phone.dial(FATIMA, f"{AGENCIES}*3*zz")
    assert phone.screen.startswith("Pas d'agence dans une ville de ce nom.")
    assert phone.answer("2").startswith("Région:")


def test_agencies_in_arabic_have_arabic_names(phone: TestPhone) -> None:
    phone.dial(AICHA, AGENCIES)
    assert "مدينتك: تطوان" in phone.screen
    phone.dial(AICHA, f"{AGENCIES}*2")
    assert "1 طنجة تطوان الحسيمة" in phone.screen
    assert phone.answer("1").startswith("المدينة:\n1 طنجة\n2 تطوان")
    phone.answer("1")
    assert phone.answer("1").startswith("وكالة Centre\nالعنوان: Bd Pasteur 38\nالأيام 8:30-18:30\n")


def test_agencies_ask_for_a_town_if_the_register_has_none_with_an_agency(
    phone: TestPhone, runtime: Runtime
) -> None:
    for change in ("province = NULL", "province = 'Atlantis'", "province = 'Figuig'"):
        run(runtime, f"UPDATE artisan SET {change}")
        assert phone.dial(FATIMA, AGENCIES).startswith("Agences Wafacash:\n1 Choisir une région")
    run(runtime, "UPDATE agency SET active = false")
    assert "Pas d'agence ici" in phone.answer("1")


def test_agency_closed_meanwhile_is_not_shown(phone: TestPhone, runtime: Runtime) -> None:
    phone.dial(FATIMA, f"{AGENCIES}*1")
    run(runtime, "UPDATE agency SET active = false")
    assert "Pas d'agence ici" in phone.answer("1")


def test_agency_without_hours_shows_them_as_unknown(phone: TestPhone, runtime: Runtime) -> None:
    run(runtime, "UPDATE agency SET weekday_opens = NULL, weekday_closes = NULL")
    run(runtime, "UPDATE agency SET saturday_opens = NULL, saturday_closes = NULL")
    phone.dial(FATIMA, f"{AGENCIES}*1*1")
    assert "Lundi-vendredi: demandez sur place\nSamedi: demandez sur place" in phone.screen


def test_agency_hop_costs_at_most_two_statements(once: OnePost, spent: Meter) -> None:
    once.dial(FATIMA, "5")
    for typed in ("1", "1", "1", "0", "0", "2", "4", "1", "3", "0", "0", "0", "0", "3", "mek"):
        cost = spent(lambda typed=typed: once.answer(typed))  # type: ignore[misc]
        assert cost.sql <= 2 and cost.redis <= 3, (typed, cost, once.screen)


def dialogue_with(runtime: Runtime, **kept: Any) -> Dialogue[Any]:
    return Dialogue(
        Phone(FATIMA), "fr", Facts(), Answers(dict(kept)), runtime.clock(), "key", runtime.services
    )


def test_agencies_by_sms_fit_one_message(runtime: Runtime) -> None:
    """The most agencies a town may have on a phone, with the longest names."""
    run(
        runtime,
        "INSERT INTO agency (code, network, name, town, town_code, address, weekday_opens,"
        " weekday_closes) SELECT 'W-' || n, 'wafacash', 'Wafacash Boulevard Mohammed ' || n,"
        " 'Azrou', 'azrou', repeat('x', 32),"
        " '10:30', '19:30' FROM generate_series(1, 40) n",
    )
    for action, kept in (
        (look_at_agencies, {"town": "azrou"}),
        (look_at_agencies, {"town": "fes"}),
        (look_at_agency, {"agency": "W-7"}),
        (look_at_agency, {"agency": "W-NONE"}),
        (look_at_agencies, {"town": "figuig"}),
    ):
        dialogue = dialogue_with(runtime, **kept)
        outcome = action(dialogue)
        by_sms = next(a.by_sms for a in vocabulary.actions.values() if a.run is action)
        assert by_sms
        said = by_sms(dialogue, outcome)
        assert said
        for language, most in (("fr", 1), ("ar", 2)):
            message = runtime.words.say(language, said.key, said.values)
            assert segments(message) <= most, message
        assert len(json.dumps(dialogue.facts.packed)) < 900
        if kept.get("town") == "fes":
            assert "Batha 8:30-18:00, Atlas 8:30-18:30, Narjiss 8:30-18:00" in message


def test_every_town_is_found_by_its_name_and_shown_in_four_languages(runtime: Runtime) -> None:
    run(
        runtime,
        "INSERT INTO agency (code, network, name, town, town_code)"
        " SELECT 'T-' || row_number() OVER (), 'wafacash', latin, latin, code FROM town",
    )
    with runtime.database.connect() as connection:
        assert all(list_agencies(connection, code) for code in towns())
    check, rows = vocabulary.checks["town_letters"], vocabulary.lists["towns"]
    for town in towns().values():
        for name in town.names:
            dialogue = dialogue_with(runtime, letters=check(name[:20], runtime.clock()))
            assert look_for_towns(dialogue) in {"one", "some"}
            assert town.code in dialogue.facts.towns
        for language in LANGUAGES:
            dialogue.language = language
            assert town.name_in(language) in [row.values["town"] for row in rows(dialogue)]
    dialogue = dialogue_with(runtime)
    vocabulary.actions["look_at_regions"].run(dialogue)
    assert dialogue.facts.regions == tuple(regions())
