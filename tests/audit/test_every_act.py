"""Every service that changes people, money, agents or who may act writes its audit row.

Writers are found in the source (`acts`), not listed: a new one without a row makes this fail.
"""

from __future__ import annotations

from collections.abc import Mapping

import pytest

from app.migrating import load_models
from app.settings import ROOT
from tests.audit.acts import Program

# Tables whose rows are no act on anybody, with the reason.
NO_ACT: Mapping[str, str] = {
    "api_bill_day": "counts of a client's look-ups in a day",
    "api_request": "calls and their answers: the act that a call asked for has its own row",
    "audit_event": "the trail itself",
    "audit_seal": "follows from the trail",
    "campaign_recipient": "whom a campaign reaches: the campaign's row says who decided it",
    "delivery_report": "a provider's word on a message",
    "ended_event": "what was said: kept apart from what is being said",
    "ended_message": "what was said: it is its own record, with state and moment",
    "figure": "follows from the books",
    "day_total": "sums of deposits, changed by their triggers",
    "figure_month": "follows from the books",
    "funnel_day": "sums of hops",
    "hop": "what a phone was shown",
    "idempotency_key": "the name of a request, beside the act that it asked for",
    "identification_attempt": "counts tries; what a try opened has a row",
    "inbound_message": "what a phone sent, kept as it came",
    "message": "what was said: it is its own record, with state and moment",
    "outage": "an engine that was away",
    "office_unknown_name": "counts tries at names that are nobody's",
    "office_seat": "where a user signed in: the act has the row",
    "number_attempt": "counts wrong birth dates of a number in a day",
    "picture": "drawn from published figures",
    "provider_health": "how a provider does",
    "receipt_recipient": "who hears of a code: the code's own row says who asked for it",
    "spending_day": "sums of what messages cost",
    "talk_day": "sums of hops",
    "town": "shipped data",
}
# Functions that write, and are no act of a person, with the reason.
NO_ACTOR: Mapping[str, str] = {
    "app.agents.locks.forget_locks": "time ends a count of wrong PINs; a lock has its row",
    "app.agents.sessions.confirm_pin": "a right PIN; what it was typed for has its row",
    "app.agents.sessions.forget_sessions": "time ends it; sign-in and sign-out have rows",
    "app.agents.sessions.use_session": "when a session was used last",
    "app.enrolment.registry_imports.forget_imports": "time ends what an undo would need",
    "app.payments.payers.forget_looks": "time ends a count; the audit has each look",
    "app.people.presences.forget_presences": "time ends it; the audit has each presence",
    "app.figures.reports.forget_reports": "time ends a list; who asked for it has a row",
    "app.figures.reports.write_asked_reports": "a list that somebody asked for, with a row",
    "app.office.forms.forget_forms": "time ends it; what a form did has its row",
    "app.office.forms.use_form": "that a form is used up; what it did has its row",
    "app.office.passkey_answers.use_passkey": "a passkey's count; the sign-in has the row",
    "app.office.sessions._change_open": "what a session asked; what was proven has its row",
    "app.office.sessions.forget_office_sessions": "time ends it; sign-in and sign-out have rows",
    "app.office.sessions.use_office_session": "when a session was used last",
    "app.office.sign_in.clear_wrong_secrets": "a right secret; the sign-in has the row",
    "app.publishing.service.begin_check": "a worker looks at it; what it finds has a row",
    "app.payments.codes.expire_codes": "time ends a code; its own row says when",
    "app.reminders.budgets.return_cost": "a sum follows from a message that was taken back",
}


def read_program() -> Program:
    return Program(
        {
            ".".join(path.relative_to(ROOT).with_suffix("").parts).removesuffix(
                ".__init__"
            ): path.read_text("utf-8")
            for path in sorted((ROOT / "app").rglob("*.py"))
        }
    )


PROGRAM = read_program()
WATCHED = set(load_models().tables) - set(NO_ACT)
WRITERS = PROGRAM.writers(WATCHED)


def test_the_walk_finds_the_writers() -> None:
    """Were a way of writing not found, a watched table would have no writer."""
    assert len(WRITERS) > 50
    found = {table for tables in WRITERS.values() for table in tables}
    assert WATCHED - found == {"ledger_account"}


def test_every_exemption_is_of_a_table_or_a_writer_that_there_is() -> None:
    assert set(NO_ACT) <= set(load_models().tables)
    assert set(NO_ACTOR) <= set(WRITERS)
    assert not [name for name in NO_ACTOR if PROGRAM.is_covered(name)]


@pytest.mark.parametrize("writer", sorted(set(WRITERS) - set(NO_ACTOR)))
def test_a_writer_comes_into_the_audit_trail(writer: str) -> None:
    assert PROGRAM.is_covered(writer), f"{writer} writes {WRITERS[writer]}"


SERVICE = """
from sqlalchemy import insert, update
from app.audit.service import record_audit
from app.agents.models import agent
from app.agents.wording import say

_STATEMENT = text("UPDATE agent SET active = false")

def dismiss(operation):
    operation.connection.execute(_STATEMENT)
"""
AUDITED = """
from app.agents.service import dismiss
from app.audit.service import record_audit

def dismiss_with_row(operation):
    dismiss(operation)
    record_audit(operation, "dismissed", "agent:1")
"""


def test_a_writer_without_a_row_is_found() -> None:
    program = Program({"app.agents.service": SERVICE})
    assert set(program.writers({"agent"})) == {"app.agents.service.dismiss"}
    assert not program.is_covered("app.agents.service.dismiss")


def test_a_row_of_every_caller_covers_a_writer_and_one_of_an_edge_does_not() -> None:
    dismiss = "app.agents.service.dismiss"
    assert Program({"app.agents.service": SERVICE, "app.agents.staff": AUDITED}).is_covered(dismiss)
    assert not Program({"app.agents.service": SERVICE, "app.cli.agents": AUDITED}).is_covered(
        dismiss
    )
    edge = "from app.agents.service import dismiss\n\ndef call(change):\n    dismiss(change)\n"
    assert not Program(
        {"app.agents.service": SERVICE, "app.agents.staff": AUDITED, "app.web.till": edge}
    ).is_covered(dismiss)
