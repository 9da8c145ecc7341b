"""Answers CODE and STATUT by SMS: the same code and the same words as menu entries 2 and 1."""

from __future__ import annotations

from dataclasses import dataclass, replace

from app.base.operation import Operation
from app.contributions.errors import NotCollectedHere
from app.contributions.rules import paid_elsewhere
from app.enrolment.cover import find_enrolment_file
from app.journeys.amo import rights_by_sms
from app.journeys.context import Dialogue
from app.journeys.pay import dues_by_sms, live_code_message
from app.journeys.person import get_standing, is_unproven, store_person
from app.journeys.standing import Standing
from app.payments.codes import CodeRequest, issue_code
from app.payments.errors import AnotherIsLive, NothingDue
from app.payments.phone_account import PhoneAccount, find_phone_account
from app.payments.queries import IssuedCode
from app.payments.receipt_recipients import add_owner_and_payer
from app.text.words import Say


@dataclass(frozen=True, slots=True)
class _AccountQuestion:
    """A question about the money of the phone's artisan, in the transaction of its message."""

    operation: Operation
    dialogue: Dialogue
    account: PhoneAccount

    @property
    def standing(self) -> Standing:
        return get_standing(self.dialogue)


def answer_account(operation: Operation, dialogue: Dialogue, keyword: str) -> Say | None:
    """Returns the answer to `code` or `status`; None if a message is queued already."""
    account = find_phone_account(operation.connection, dialogue.phone, operation.now)
    if account.artisan is None:
        return Say("sms.unknown_phone")
    if account.people > 1:
        # An SMS does not say which of them it is about.
        return Say("sms.several_people")
    store_person(dialogue, account.artisan, account.account, account.way or "")
    question = _AccountQuestion(operation, dialogue, account)
    return _answer_code(question) if keyword == "code" else _answer_status(question)


def _answer_code(question: _AccountQuestion) -> Say | None:
    """Returns the words of a code that is live already; a new one queues its own message."""
    if refusal := _refuse_code(question.standing):
        return refusal
    live = question.account.account.code
    try:
        code = _issue_code(question)
    except AnotherIsLive as another:
        code = live = another.live
    except (NothingDue, NotCollectedHere):
        return Say("sms.nothing_due")
    if is_unproven(question.dialogue):
        add_owner_and_payer(
            question.operation,
            code.code,
            question.dialogue.facts.artisan_id,
            question.dialogue.phone,
            question.dialogue.language,
        )
    if live is None or live.code != code.code:
        return None
    return live_code_message(question.dialogue, code)


def _refuse_code(standing: Standing) -> Say | None:
    """Returns why no code can be made for this person; None if one can."""
    if not standing.enrolled:
        return Say("sms.code_not_enrolled")
    if not standing.pays_here:
        return Say(f"sms.{paid_elsewhere(standing.category)}")
    return None


def _issue_code(question: _AccountQuestion) -> IssuedCode:
    """Issues a code in a savepoint: a refusal undoes its changes and keeps the message's row."""
    dialogue, services = question.dialogue, question.dialogue.services
    with question.operation.connection.begin_nested():
        return issue_code(
            replace(question.operation, actor="artisan"),
            services,
            CodeRequest(question.dialogue.facts.artisan_id, dialogue.phone, dialogue.language),
        )


def _answer_status(question: _AccountQuestion) -> Say:
    """Returns rights and dues; with a PIN set only the dues: an SMS cannot ask for the PIN."""
    standing = question.standing
    if question.account.pin_status.has_pin:
        return _refuse_code(standing) or _answer_dues(question)
    if standing.enrolled:
        return rights_by_sms(question.dialogue, "enrolled")
    file = find_enrolment_file(question.operation.connection, question.dialogue.facts.artisan_id)
    question.dialogue.facts.enrolment_file = file
    return rights_by_sms(question.dialogue, "not_enrolled")


def _answer_dues(question: _AccountQuestion) -> Say:
    return dues_by_sms(question.dialogue, "due" if question.standing.unpaid else "nothing_due")
