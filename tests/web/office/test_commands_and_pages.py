"""What people of the office do by a command they do on a page; and what pages refuse has words."""

from __future__ import annotations

from collections.abc import Mapping

import pytest
from flask import Flask

from app.ledger.breaks import RESOLUTIONS
from app.ledger.models import ACCOUNTS, BREAK_KINDS, EVENTS
from app.office.rights import Right
from app.runtime import MENUS
from app.text.words import Words
from app.web.office.frame import right_of
from app.web.refusals import MET_AT, Edge
from tests.audit.test_commands import asks_who, commands  # noqa: F401 - a fixture of this test too

# Commands that ask who acts, and the endpoint of the office that does the same.
PAGES: Mapping[str, str] = {
    "assistance done": "answer_request",
    "assistance take": "answer_request",
    "agents add": "add_agent_here",
    "agents agency": "add_agency_here",
    "agents dismiss": "dismiss",
    "agents import-agencies": "give_agencies",
    "agents limit": "change_limits",
    "agents sessions": "end_agent_sessions",
    "agents unlock": "unlock",
    "breaks approve": "breaks_approve",
    "breaks ask-reversal": "ask_reversal",
    "breaks own": "breaks_own",
    "breaks propose": "breaks_propose",
    "breaks refuse": "breaks_refuse",
    "claims record": "record_claim_here",
    "figures publish": "publish_figures",
    "clients change": "change_hosts",
    "clients create": "add_client_here",
    "clients other-amounts": "set_other_amounts",
    "clients revoke": "revoke",
    "clients rotate": "renew_keys",
    "cnss export": "make_export",
    "cnss import": "give_answer",
    "menus approve": "approve_menus_here",
    "menus back": "go_back_here",
    "menus publish": "give_menus_here",
    "menus refuse": "refuse_menus_here",
    "networks add": "add_network_here",
    "networks approve-withdrawal": "approve_file_withdrawal",
    "networks match": "give_settlement",
    "networks withdraw": "withdraw_file",
    "notices approve": "start_broadcast",
    "notices broadcast": "propose_broadcast_here",
    "notices cancel": "cancel",
    "notices publish": "approve_notice_here",
    "notices withdraw": "withdraw_notice_here",
    "office add": "add_user",
    "office change": "change_user",
    "office dismiss": "dismiss_user",
    "office remove-factors": "remove_factors_here",
    "office reset": "reset_user",
    "office tie-identity": "change_identity",
    "office untie-identity": "change_identity",
    "people export": "export_person_here",
    "people forget": "help_person",
    "people merge": "help_person",
    "people prove": "help_person",
    "people reset-pin": "help_person",
    "people untie": "help_person",
    "reminders cancel": "cancel",
    "reminders pause": "pause",
    "reminders resume": "resume",
    "reminders send": "queue_today",
    "wafacash match": "give_settlement",
}
# Commands that look and ask who does, and the endpoint that shows the same.
LOOKS: Mapping[str, str] = {
    "assistance list": "requests",
    "people find": "people",
    "people show": "person",
}
# Those that have no page of ours, with the reason.
NO_PAGE: Mapping[str, str] = {
    "breaks close-repeated": "mends once what an older version opened",
    "breaks write-code": "after a restore alone, by who brought the books back",
    "keys": "keys of the installation lie with its machine",
    "registry": "the register of hundreds of thousands is imported where its file lies",
}
# Refusals that no page of the office can meet, with the reason.
NOT_MET: Mapping[str, str] = {"invalid_input": "its words are held below"}


def test_every_command_that_asks_who_acts_has_a_page_or_a_reason(
    app: Flask,
    commands: dict[str, object],  # noqa: F811
) -> None:
    acting = {name for name, command in commands.items() if asks_who(command)}  # type: ignore[arg-type]
    without = {
        name
        for name in acting
        if name not in {*PAGES, *LOOKS} and name not in NO_PAGE and name.split()[0] not in NO_PAGE
    }
    assert without == set()
    assert {*PAGES, *LOOKS} <= acting
    assert {name for name in NO_PAGE if " " in name} <= acting
    for command, endpoint in LOOKS.items():
        assert right_of(app, f"office.{endpoint}") is not None, command
    for command, endpoint in PAGES.items():
        right = right_of(app, f"office.{endpoint}")
        assert right is not None and not right.startswith("see_"), (command, endpoint)


@pytest.mark.parametrize("language", ["fr", "ar"])
def test_what_pages_refuse_and_show_has_words(language: str) -> None:
    own, shared = Words.load(MENUS / "locales", "office_*.po"), Words.load(MENUS / "locales")
    known = own.keys(language) | shared.keys(language)
    codes = {code for code, edges in MET_AT.items() if Edge.OFFICE in edges}
    assert {f"error.{code}" for code in codes - set(NOT_MET)} - known == set()
    ways = {way for kind in RESOLUTIONS.values() for way in kind}
    shown = {
        *(f"office.break_kind.{kind}" for kind in BREAK_KINDS),
        *(f"office.break_way.{way}" for way in ways),
        *(f"office.account.{account}" for account in ACCOUNTS),
        *(f"office.event.{event}" for event in EVENTS),
        *(f"office.right.{right}" for right in Right),
    }
    assert shown - known == set()
