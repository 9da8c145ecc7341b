"""Possession: a phone is proven by a code to the register's phone, which sees and unties others."""

from __future__ import annotations

from pydantic import SecretStr

from app.base.clock import local_date
from app.base.database import reading
from app.base.keys import Key, Purpose
from app.base.operation import Operation
from app.base.phone import Phone
from app.enrolment.errors import NoRegisterPhone, TieCodeUnknown
from app.enrolment.models import REGISTER
from app.enrolment.service import DailyTries, take_try
from app.enrolment.tie_codes import TieRequest, accept_tie_code, start_tie_code
from app.enrolment.ties import Tie, list_ties, untie_phone
from app.journeys.confirmations import queue_owner_notice
from app.journeys.context import Dialogue, begin_operation, vocabulary
from app.journeys.facts import TiedPhone
from app.journeys.person import is_unproven, reload_person
from app.messaging.queries import count_recent_of_kind
from app.messaging.service import OutboundMessage, queue_message
from app.text.words import Say
from app.ussd.vocabulary import NothingToShow, Row, Values

# Codes that a phone may ask for in a day, and that one person's phone may be sent by all.
_CODES_A_DAY = DailyTries("tie_code", 3)
_MOST_SENT_A_DAY = 6


@vocabulary.guard("unproven")
def is_phone_unproven(dialogue: Dialogue) -> bool:
    """True if this phone opens only what paying needs."""
    return is_unproven(dialogue)


@vocabulary.action("send_tie_code", "sent", "enough", "no_phone")
def send_tie_code(dialogue: Dialogue) -> str:
    """Sends a one-time code to the register's phone, a few times a day."""
    with begin_operation(dialogue) as operation:
        if take_try(operation, dialogue.phone, _CODES_A_DAY, dialogue.action_key) is None:
            return "enough"
        try:
            return _queue_tie_code(operation, dialogue)
        except NoRegisterPhone:
            return "no_phone"


def _queue_tie_code(operation: Operation, dialogue: Dialogue) -> str:
    """Queues the code's SMS, unless the phone has had too many. Raises: NoRegisterPhone."""
    request, draft = _make_request(dialogue), operation.connection.begin_nested()
    sent = start_tie_code(operation, dialogue.services, request)
    if sent is None:
        return "sent"
    now = operation.now
    recent = count_recent_of_kind(operation.connection, sent.phone, "tie_code", now)
    if recent >= _MOST_SENT_A_DAY:
        # A code that is not sent could only be guessed; the one sent before stays good.
        draft.rollback()
        return "enough"
    values = {"tie_code": sent.code, "ends": dialogue.phone.e164[-4:]}
    event = dialogue.action_key
    message = OutboundMessage("tie_code", event, sent.phone, sent.language, values)
    queue_message(operation, dialogue.services, message)
    return "sent"


@vocabulary.action("type_tie_code", "right", "wrong")
def redeem_tie_code(dialogue: Dialogue) -> str:
    """Checks the one-time code; a wrong try is committed, so that it counts."""
    code, request = SecretStr(dialogue.answers.tie_code or ""), _make_request(dialogue)
    with begin_operation(dialogue) as operation:
        try:
            accept_tie_code(operation, dialogue.services, request, code)
        except TieCodeUnknown:
            return "wrong"
        queue_owner_notice(operation, dialogue, "phone_proven")
    reload_person(dialogue)
    return "right"


@vocabulary.guard("is_register_phone")
def is_register_phone(dialogue: Dialogue) -> bool:
    """True on the register's phone, which outranks every other."""
    return dialogue.facts.way == REGISTER


@vocabulary.action("look_at_phones", "some", "none")
def look_at_phones(dialogue: Dialogue) -> str:
    """Reads the other phones tied to the person, for the register's phone alone."""
    artisan_id = dialogue.facts.artisan_id
    with reading(dialogue.services.database) as connection:
        ties = list_ties(connection, artisan_id)
    _require_register_phone(dialogue, ties)
    others = [_describe_tie(dialogue, tie) for tie in ties[1:]]
    dialogue.facts.tied_phones = tuple(others)
    return "some" if others else "none"


@vocabulary.rows("tied_phones")
def list_tied_phones(dialogue: Dialogue) -> list[Row]:
    return [Row(tied.digest, _word_tie(tied)) for tied in dialogue.facts.tied_phones]


@vocabulary.source("tied_phone")
def describe_tied_phone(dialogue: Dialogue) -> Values:
    return _word_tie(_get_chosen_phone(dialogue))


@vocabulary.action("untie_phone", "untied")
def untie_chosen_phone(dialogue: Dialogue) -> str:
    """Unties the phone that was chosen; it shows nothing of the person from then on."""
    chosen, artisan_id = _get_chosen_phone(dialogue), dialogue.facts.artisan_id
    with begin_operation(dialogue) as operation:
        ties = list_ties(operation.connection, artisan_id)
        _require_register_phone(dialogue, ties)
        for tie in ties[1:]:
            # The talk may have begun before the secret was replaced.
            keys = dialogue.services.keys.all(Purpose.TIED_PHONE)
            if chosen.digest in [_digest_of(tie.phone, key) for key in keys]:
                untie_phone(operation, tie.phone, artisan_id, "untied")
    return "untied"


def _require_register_phone(dialogue: Dialogue, ties: list[Tie]) -> None:
    """Raises: NothingToShow if this is not the register's phone any more."""
    if not ties or ties[0].way != REGISTER or ties[0].phone != dialogue.phone:
        raise NothingToShow()


def _make_request(dialogue: Dialogue) -> TieRequest:
    return TieRequest(dialogue.phone, dialogue.facts.artisan_id, dialogue.action_key)


def _describe_tie(dialogue: Dialogue, tie: Tie) -> TiedPhone:
    since = local_date(tie.since or dialogue.now)
    digest = _digest_of(tie.phone, dialogue.services.keys.today(Purpose.TIED_PHONE))
    return TiedPhone(digest, tie.phone.e164[-4:], tie.way, since)


def _digest_of(phone: Phone, key: Key) -> str:
    return key.sign(phone.e164.encode()).hex()[:8]


def _get_chosen_phone(dialogue: Dialogue) -> TiedPhone:
    digest = dialogue.answers.tied_phone
    for tied in dialogue.facts.tied_phones:
        if tied.digest == digest:
            return tied
    raise NothingToShow()


def _word_tie(tied: TiedPhone) -> Values:
    return {"ends": tied.ends, "since": tied.since, "way": Say(f"tie.{tied.way}")}
