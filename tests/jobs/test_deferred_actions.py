"""What was promised by SMS because the screen could not wait: every such action really answers."""

from __future__ import annotations

from dataclasses import replace

import pytest

from app.base.phone import Phone
from app.jobs.deferred_actions import answer_deferred_actions
from app.journeys.agencies import look_at_nearest_agencies
from app.journeys.context import Dialogue, vocabulary
from app.journeys.entry import recognise_caller
from app.journeys.facts import Answers, Facts
from app.journeys.reimbursements import look_at_claims
from app.runtime import Runtime
from app.text.encoding import GSM7, encoding_of, segments
from app.text.languages import LANGUAGES
from app.ussd.deferred import DeferredAction
from tests.journeys.other_parties import OtherParties
from tests.waiting import add_action, count_waiting_actions

FATIMA, HASSAN, KHADIJA, BRAHIM, SAID, DRISS = (f"+2126000000{n:02d}" for n in (1, 2, 3, 4, 6, 7))
pytestmark = pytest.mark.usefixtures("sample_people")

# The action, who waits for it, what was chosen before, and the kind of message that comes.
CASES = [
    ("look_at_rights", FATIMA, {}, "rights"),
    ("look_at_rights", BRAHIM, {}, "not_enrolled"),
    ("look_at_dues", FATIMA, {}, "dues"),
    ("look_at_dues", KHADIJA, {}, "nothing_due"),
    ("look_at_dues", BRAHIM, {}, "not_enrolled"),
    ("look_at_dues", SAID, {}, "elsewhere"),
    ("issue_code_for_all", FATIMA, {}, "code"),
    ("issue_code_for_all", SAID, {}, "elsewhere"),
    ("issue_code_for_months", HASSAN, {"months": "2026-09"}, "code"),
    ("replace_code", HASSAN, {"months": "2026-08"}, "code"),
    ("look_at_payments", FATIMA, {}, "no_payments"),
    ("look_at_claims", DRISS, {}, "claims"),
    ("look_at_claims", FATIMA, {}, "no_claims"),
    ("collect_in_cash", DRISS, {"claim": "R-2026-0377"}, "collection"),
    ("collect_at_bank", DRISS, {"claim": "R-2026-0377"}, "collection"),
    ("collect_at_bank", DRISS, {"claim": "R-NONE"}, "call_again"),
    ("send_receipt_again", FATIMA, {"receipt": "nobody's"}, "call_again"),
    ("issue_code_for_another", FATIMA, {}, "call_again"),
    ("ask_for_help", BRAHIM, {"topic": "topic.enrolment.any"}, "request"),
    ("ask_for_help", FATIMA, {"topic": "topic.call_back.any"}, "request"),
    ("ask_for_help", FATIMA, {"topic": "topic.bank.offer"}, "request"),
    ("ask_for_help", FATIMA, {"topic": "topic.bank.account"}, "request"),
    ("ask_for_help", FATIMA, {"topic": "topic.bank.branch"}, "request"),
    ("ask_for_help", FATIMA, {"topic": "topic.dar.credit"}, "request"),
    ("ask_for_help", FATIMA, {"topic": "topic.export.fairs"}, "request"),
    ("look_at_nearest_agencies", FATIMA, {}, "agencies"),
    ("look_at_home_agencies", FATIMA, {}, "agencies"),
    ("look_at_agencies_to_pay", FATIMA, {}, "agencies"),
    ("look_at_agencies", FATIMA, {"town": "fes"}, "agencies"),
    ("look_at_agency", FATIMA, {"agency": "W-RABAT-01"}, "agencies"),
    ("start_export_news", FATIMA, {}, "news_on"),
    ("stop_export_news", FATIMA, {}, "news_off"),
    ("start_calls", FATIMA, {}, "calls_on"),
    ("stop_calls", FATIMA, {}, "calls_off"),
    ("start_reminders", FATIMA, {}, "reminders_on"),
    ("stop_reminders", FATIMA, {}, "reminders_off"),
]
# Nothing of it is promised where there is nothing: its own tests set a PIN first.
ELSEWHERE = {"remove_pin"}


def defer_action(
    runtime: Runtime, action: str, number: str, kept: dict[str, object]
) -> DeferredAction:
    """The action as the phone of `number` asked for it, after what it had looked at before."""
    phone, answers = Phone(number), Answers(dict(kept))
    dialogue: Dialogue = Dialogue(
        phone, "fr", Facts(), answers, runtime.clock(), "late:1", runtime.services
    )
    recognise_caller(dialogue)
    look_at_claims(dialogue)
    look_at_nearest_agencies(dialogue)
    return DeferredAction.of(action, dialogue)


def take_messages(runtime: Runtime) -> list[tuple[object, ...]]:
    rows = OtherParties(runtime).run("SELECT kind, body FROM message WHERE kind <> 'claim_ready'")
    OtherParties(runtime).run("DELETE FROM message")
    return rows


@pytest.mark.parametrize(("action", "number", "kept", "kind"), CASES)
def test_deferred_action_is_answered_once_and_by_one_message(
    runtime: Runtime, action: str, number: str, kept: dict[str, object], kind: str
) -> None:
    take_messages(runtime)
    deferred = defer_action(runtime, action, number, kept)
    add_action(runtime, runtime.deferred_actions.sign(deferred))
    assert answer_deferred_actions(runtime, "one") == 1
    ((came, body),) = take_messages(runtime)
    assert came == kind
    assert segments(str(body)) <= (1 if encoding_of(str(body)) == GSM7 else 2)
    assert count_waiting_actions(runtime) == 0


def test_every_action_that_promises_an_sms_has_a_case() -> None:
    promised = {name for name, action in vocabulary.actions.items() if action.by_sms}
    assert promised == {action for action, *_ in CASES} | ELSEWHERE


def test_deferred_action_done_before_it_was_given_up_is_not_done_again(runtime: Runtime) -> None:
    """The database had finished when the phone no longer waited; the worker finds that."""
    take_messages(runtime)
    for action, says, kinds in (
        ("ask_for_help", ("topic.call_back.any",), {"request"}),
        ("issue_code_for_all", (), {"code"}),
    ):
        deferred = replace(defer_action(runtime, action, FATIMA, {}), says=says)
        for _ in range(2):
            add_action(runtime, runtime.deferred_actions.sign(deferred))
        assert answer_deferred_actions(runtime, "one") == 2
        assert {came for came, _ in take_messages(runtime)} == kinds
    for table in ("help_request", "payment_code"):
        assert OtherParties(runtime).run(f"SELECT count(*) FROM {table}") == [(1,)]


@pytest.mark.parametrize("language", LANGUAGES)
def test_deferred_action_is_answered_in_the_language_of_its_dialogue(
    runtime: Runtime, language: str
) -> None:
    take_messages(runtime)
    deferred = defer_action(runtime, "look_at_dues", SAID, {})
    spoken = replace(deferred, language=language)
    add_action(runtime, runtime.deferred_actions.sign(spoken))
    answer_deferred_actions(runtime, "one")
    owed = runtime.words.say(language, "owed.pays_with_cpu")
    ((_, body),) = take_messages(runtime)
    assert owed in str(body)
