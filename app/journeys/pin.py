"""The PIN: asked before what is private, set, changed, removed, forgotten."""

from datetime import UTC, date, datetime
from math import ceil

from pydantic import SecretStr

from app.base.database import reading
from app.base.errors import InvalidInput
from app.base.operation import Operation
from app.enrolment.errors import (
    IdentificationPaused,
    NotRecognised,
    PinPaused,
    ResetCodeUnknown,
    WrongPinTyped,
)
from app.enrolment.pins import (
    PinEntry,
    check_pin,
    is_pin_of,
    pin_hash,
    read_new_pin,
    remove_pin,
    set_pin,
    start_pin_reset,
    take_reset_code,
)
from app.enrolment.service import confirm_identity, take_identification_attempt
from app.journeys.confirmations import queue_confirmation, queue_owner_notice
from app.journeys.context import Dialogue, begin_operation, own_message_when, vocabulary
from app.journeys.facts import read_locks_again
from app.messaging.service import OutboundMessage, queue_message
from app.ussd.vocabulary import NothingToShow, Values


@vocabulary.check("pin")
def pin(typed: str, _now: datetime) -> str:
    if not (typed.isascii() and typed.isdecimal() and len(typed) == 4):
        raise InvalidInput(what="pin", why="not four digits")
    return typed


@vocabulary.check("new_pin")
def new_pin(typed: str, _now: datetime) -> str:
    return read_new_pin(typed)


@vocabulary.check("reset_code")
def reset_code(typed: str, _now: datetime) -> str:
    digits = typed.replace(" ", "")
    if not (digits.isascii() and digits.isdecimal() and len(digits) == 6):
        raise InvalidInput(what="reset_code", why="not six digits")
    return digits


@vocabulary.guard("locked")
def locked(dialogue: Dialogue) -> bool:
    """Whether this person's PIN is still to be typed in this session."""
    return bool(dialogue.facts.get("k")) and not dialogue.facts.get("o")


@vocabulary.guard("has_pin")
def has_pin(dialogue: Dialogue) -> bool:
    return bool(dialogue.facts.get("k"))


@vocabulary.guard("has_no_pin")
def has_no_pin(dialogue: Dialogue) -> bool:
    return not has_pin(dialogue)


@vocabulary.guard("has_reset_code")
def has_reset_code(dialogue: Dialogue) -> bool:
    """A one-time code is on its way: it often comes after the session in which it was asked."""
    return bool(dialogue.facts.get("r"))


@vocabulary.action("type_pin", "right", "wrong", "paused")
def type_pin(dialogue: Dialogue) -> str:
    """Committed whatever comes of it, so that a wrong PIN counts."""
    outcome = "right"
    with begin_operation(dialogue) as operation:
        try:
            pin = SecretStr(dialogue.answers["pin"])
            entry = PinEntry(dialogue.facts["a"][0], pin, dialogue.action_key)
            check_pin(operation, dialogue.services, entry)
        except WrongPinTyped:
            outcome = "wrong"
        except PinPaused as pause:
            outcome = "paused"
            dialogue.facts["u"] = ceil(pause.params["until"].timestamp() / 60) * 60
    dialogue.facts["o"] = int(outcome == "right")
    return outcome


@vocabulary.source("pin_pause")
def pin_pause(dialogue: Dialogue) -> Values:
    """The first whole minute at which the PIN may be typed again."""
    if not (until := dialogue.facts.get("u")):
        raise NothingToShow()
    return {"until": datetime.fromtimestamp(until, UTC)}


@vocabulary.action("close_pin", "closed")
def close_pin(dialogue: Dialogue) -> str:
    """Changing and removing want the PIN typed again, whoever holds the phone by now."""
    dialogue.facts["o"] = 0
    return "closed"


@vocabulary.action("keep_new_pin", "kept")
def keep_new_pin(dialogue: Dialogue) -> str:
    """Of the PIN typed first only its digest waits for the second."""
    dialogue.facts["n"] = pin_hash(SecretStr(dialogue.answers["pin"]), dialogue.services.secret)
    return "kept"


@vocabulary.action("set_pin", "set", "differs")
def store_new_pin(dialogue: Dialogue) -> str:
    hashed = dialogue.facts.pop("n", None)
    if hashed is None:
        raise NothingToShow()
    if not is_pin_of(hashed, SecretStr(dialogue.answers["pin"]), dialogue.services.secret):
        return "differs"
    with begin_operation(dialogue) as operation:
        set_pin(operation, dialogue.facts["a"][0], hashed, dialogue.phone)
        _queue_both(operation, dialogue, "pin_set")
    dialogue.facts |= {"k": 1, "o": 1, "r": 0}
    return "set"


@vocabulary.action("remove_pin", "removed", by_sms=own_message_when("removed"))
def drop_pin(dialogue: Dialogue) -> str:
    with begin_operation(dialogue) as operation:
        if remove_pin(operation, dialogue.facts["a"][0]):
            _queue_both(operation, dialogue, "pin_removed")
    dialogue.facts |= {"k": 0, "o": 0, "r": 0}
    return "removed"


@vocabulary.action("ask_reset", "sent", "not_recognised", "paused")
def ask_reset(dialogue: Dialogue) -> str:
    """RNA number and birth date first; the code goes to the phone the PIN was set on."""
    number, born = (
        dialogue.answers.pop("rna_number"),
        date.fromisoformat(dialogue.answers.pop("birth_date")),
    )
    try:
        with begin_operation(dialogue) as operation:
            take_identification_attempt(operation, dialogue.phone, dialogue.action_key)
    except IdentificationPaused:
        return "paused"
    try:
        with begin_operation(dialogue) as operation:
            confirm_identity(operation.connection, dialogue.facts["a"][0], number, born)
            _send_reset_code(operation, dialogue)
    except NotRecognised:
        return "not_recognised"
    dialogue.facts["r"] = 1
    return "sent"


@vocabulary.action("type_reset_code", "right", "wrong")
def type_reset_code(dialogue: Dialogue) -> str:
    outcome = "right"
    with begin_operation(dialogue) as operation:
        try:
            code = SecretStr(dialogue.answers["reset_code"])
            take_reset_code(operation, dialogue.services, dialogue.facts["a"][0], code)
        except ResetCodeUnknown:
            outcome = "wrong"
    if outcome == "wrong":
        with reading(dialogue.services.database) as connection:
            read_locks_again(connection, dialogue)
    return outcome


def _send_reset_code(operation: Operation, dialogue: Dialogue) -> None:
    """Sends a new code to the phone the PIN was set on, once for each time it is asked.

    A gateway's retry sends nothing.
    """
    artisan_id, hop = dialogue.facts["a"][0], dialogue.action_key
    reset = start_pin_reset(operation, dialogue.services, artisan_id, hop)
    if reset is None:
        return
    message = OutboundMessage(
        kind="pin_reset",
        event=dialogue.action_key,
        phone=reset.phone,
        language=dialogue.language,
        values={"reset_code": reset.code},
    )
    queue_message(operation, dialogue.services, message)


def _queue_both(operation: Operation, dialogue: Dialogue, kind: str) -> None:
    """Confirms on the line and to the person's own phone: somebody else may be on the line."""
    queue_owner_notice(operation, dialogue, kind)
    queue_confirmation(operation, dialogue, kind)
