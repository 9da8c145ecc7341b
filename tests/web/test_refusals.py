"""Every refusal is declared for each edge that can meet it: a status, an API error, words."""

from __future__ import annotations

from collections.abc import Mapping

import pytest

from app.base.errors import InvalidInput, MaalemError
from app.cli.refusals import SENTENCES, describe
from app.mobile_money.errors import ERRORS, Refused, refusal_of
from app.runtime import MENUS
from app.text.words import Words
from app.web.refusals import MET_AT, PAGES_OWN, STATUSES, Edge, Refusal
from tests.raised import caught_in, met_by, refusals

REFUSALS = {kind.code: kind for kind in sorted(refusals(), key=lambda kind: len(kind.__mro__))}
WORDS = Words.load(MENUS / "locales")
FOLDERS: Mapping[Edge, tuple[str, ...]] = {
    Edge.TILL: ("app.web.till.",),
    Edge.API: ("app.web.mobile_money.", "app.mobile_money."),
    Edge.AGENT_PHONE: ("app.journeys.agent.", "app.journeys.agent_reversal."),
    Edge.PHONE: ("app.journeys.", "app.keywords."),
    Edge.COMMAND: ("app.cli.",),
}
CATCHERS = ("app.journeys.", "app.keywords.", "app.ussd.", "app.jobs.", "app.web.ussd.")
# Refusals that a room raises on other paths than an edge takes, with the reason.
NEVER: Mapping[Edge, Mapping[str, str]] = {
    Edge.TILL: {
        "another_is_live": "a look-up shows the live code there is",
        "invalid_input": "the till reads its own fields",
        "not_collected_here": "only a code's issue asks who collects",
        "over_client_limit": "an agent is no client",
        "over_paid": "the till sends no amount",
        "receipt_unknown": "the page says that nothing is here",
        "terms_changed": "a look-up agrees to nothing: the code's terms are shown",
        "under_paid": "the till sends no amount",
    },
    Edge.API: {
        "another_is_live": "a look-up returns the live code there is",
        "invalid_input": "read as the definition's formatError",
        "not_collected_here": "whoever pays elsewhere has no bill",
        "over_reversal_limit": "an agent's limit",
        "reversal_code_wrong": "an agent at a till or phone is asked",
        "reversal_not_alone": "an agent at a till or phone is asked",
        "second_agent_refused": "an agent at a till or phone is asked",
        "terms_changed": "a look-up agrees to nothing: it is told the amount",
    },
    Edge.AGENT_PHONE: {
        "invalid_input": "the check of an input",
        "key_reused": "the key is made of the session's own hop",
        "not_collected_here": "only a code's issue asks who collects",
        "nothing_to_show": "the engine shows the main menu",
        "session_over": "a screen of its own ends the talk",
        "over_client_limit": "an agent is no client",
        "over_paid": "a phone sends no amount",
        "unavailable": "the away screen",
        "under_paid": "a phone sends no amount",
    },
    Edge.COMMAND: {
        "agency_code_taken": "the command changes the agency of that code",
        "agent_number_taken": "the command gives that agent a one-time PIN",
        "over_client_limit": "a file has no limits",
        "over_code_limit": "a file has no limits",
        "over_day_limit": "a file has no limits",
        "over_float_limit": "a file has no limits",
        "over_paid": "a file may hold another amount",
        "over_reversal_limit": "an agent's limit",
        "reversal_code_wrong": "an agent at a till or phone is asked",
        "reversal_not_alone": "an agent at a till or phone is asked",
        "second_agent_refused": "an agent at a till or phone is asked",
    },
}


def codes_at(edge: Edge) -> list[str]:
    """The codes that are declared for an edge."""
    return sorted(code for code, edges in MET_AT.items() if edge in edges)


class TestDeclarations:
    def test_every_refusal_declares_the_edges_that_can_meet_it(self) -> None:
        assert len(REFUSALS) > 50
        assert set(MET_AT) == set(REFUSALS)
        assert all(MET_AT.values())

    def test_every_code_is_one_refusal_or_its_subclass(self) -> None:
        codes = [kind.code for kind in refusals() if kind.__base__ is MaalemError]
        # Either PIN is wrong in the same words: an agent's and an artisan's.
        assert sorted(codes) == sorted([*set(codes), "wrong_pin"])

    @pytest.mark.parametrize(
        "edge", [edge for edge in Edge if edge in FOLDERS and edge is not Edge.PHONE]
    )
    def test_every_refusal_that_reaches_an_edge_is_declared_for_it(self, edge: Edge) -> None:
        met = {kind.code for kind in met_by(FOLDERS[edge])}
        never = NEVER.get(edge, {})
        assert met - set(never) <= set(codes_at(edge))
        assert not set(never) & set(codes_at(edge))

    @pytest.mark.parametrize("edge", NEVER)
    def test_every_reason_for_a_refusal_that_never_comes_is_needed(self, edge: Edge) -> None:
        met = {kind.code for kind in met_by(FOLDERS[edge])}
        assert set(NEVER[edge]) <= met


class TestTill:
    @pytest.mark.parametrize("code", codes_at(Edge.TILL))
    def test_a_refusal_has_a_status_and_words_in_every_language(self, code: str) -> None:
        refusal = Refusal.of(REFUSALS[code]())
        assert 400 <= refusal.status < 600
        for language in WORDS.languages:
            assert WORDS.has(language, refusal.words), language

    @pytest.mark.parametrize("code", sorted(PAGES_OWN))
    def test_a_refusal_of_the_pages_has_a_status_and_words_in_every_language(
        self, code: str
    ) -> None:
        assert code not in REFUSALS
        assert 400 <= Refusal(code).status < 600
        for language in WORDS.languages:
            assert WORDS.has(language, f"error.{code}"), language

    def test_no_status_is_declared_for_a_refusal_that_no_page_meets(self) -> None:
        assert set(STATUSES) == {*codes_at(Edge.TILL), *PAGES_OWN}

    def test_a_refusal_that_is_not_declared_has_no_status_by_default(self) -> None:
        with pytest.raises(KeyError):
            _ = Refusal("forgotten").status


class TestApi:
    @pytest.mark.parametrize("code", sorted({*codes_at(Edge.API)} - {Refused.code}))
    def test_a_refusal_has_an_error_of_the_definition(self, code: str) -> None:
        refused = refusal_of(REFUSALS[code]())
        assert refused.category and refused.error and refused.words
        assert 400 <= refused.status < 600

    def test_no_error_is_declared_for_a_refusal_that_the_api_never_meets(self) -> None:
        assert set(ERRORS) == {*codes_at(Edge.API)} - {Refused.code}


class TestPhone:
    @pytest.mark.parametrize("code", codes_at(Edge.AGENT_PHONE))
    def test_a_refusal_at_the_agents_menu_has_words_in_every_language(self, code: str) -> None:
        for language in WORDS.languages:
            assert WORDS.has(language, f"refused.{code}"), language

    def test_the_agents_menu_catches_its_refusals(self) -> None:
        caught = {kind.code for kind in caught_in(FOLDERS[Edge.AGENT_PHONE])}
        assert set(codes_at(Edge.AGENT_PHONE)) <= caught

    @pytest.mark.parametrize("code", codes_at(Edge.PHONE))
    def test_a_refusal_at_a_phone_is_caught_for_a_screen_of_its_own(self, code: str) -> None:
        assert code in {kind.code for kind in caught_in(CATCHERS)}


class TestCommand:
    @pytest.mark.parametrize("code", codes_at(Edge.COMMAND))
    def test_a_refusal_at_a_command_has_a_sentence(self, code: str) -> None:
        error = REFUSALS[code](what="day", why="is over")
        sentence = describe(error)
        if code == InvalidInput.code:
            assert sentence == "day: is over"
        else:
            assert sentence == f"{SENTENCES[code]} [{error}]"
            assert SENTENCES[code].endswith(".")

    def test_no_sentence_is_declared_for_a_refusal_that_no_command_meets(self) -> None:
        assert set(SENTENCES) == {*codes_at(Edge.COMMAND)} - {InvalidInput.code}
