"""The PIN: asked before what is private, set, changed, removed, replaced when forgotten."""

from __future__ import annotations

from datetime import UTC, datetime
from math import ceil

from pydantic import SecretStr

from app.base.database import reading
from app.base.errors import InvalidInput, PinKeyUnknown
from app.base.operation import Operation
from app.enrolment.errors import (
    NoRegisterPhone,
    NotRecognised,
    PinPaused,
    ResetCodeUnknown,
    WrongPinTyped,
)
from app.enrolment.pins import (
    PinEntry,
    accept_reset_code,
    check_pin,
    is_pin_of,
    pin_hash,
    read_new_pin,
    remove_pin,
    set_pin,
    start_pin_reset,
)
from app.enrolment.service import confirm_identity
from app.journeys.attempts import count_attempt
from app.journeys.confirmations import queue_confirmation, queue_owner_notice
from app.journeys.context import Dialogue, begin_operation, own_message_when, vocabulary
from app.journeys.person import is_unproven, reload_pin_status, require_proof
from app.messaging.service import OutboundMessage, queue_message
from app.ussd.vocabulary import NothingToShow, Values


@vocabulary.check("pin")
def read_pin(typed: str, _now: datetime) -> str:
    if not (typed.isascii() and typed.isdecimal() and len(typed) == 4):
        raise InvalidInput(what="pin", why="not four digits")
    return typed


@vocabulary.check("new_pin")
def read_pin_to_set(typed: str, _now: datetime) -> str:
    return read_new_pin(typed)


@vocabulary.check("sms_code")
def read_sms_code(typed: str, _now: datetime) -> str:
    """Reads the six digits of a code that came by SMS: for a PIN, a phone's proof or a reversal."""
    digits = typed.replace(" ", "")
    if not (digits.isascii() and digits.isdecimal() and len(digits) == 6):
        raise InvalidInput(what="sms_code", why="not six digits")
    return digits


@vocabulary.guard("locked")
def is_locked(dialogue: Dialogue) -> bool:
    """True if this person has a PIN that was not typed yet in this session.

    A phone that is not proven is asked for a proof instead: it could pause the person's PIN.
    """
    facts = dialogue.facts
    return facts.has_pin and not facts.pin_typed and not is_unproven(dialogue)


@vocabulary.guard("has_reset_code")
def has_reset_code(dialogue: Dialogue) -> bool:
    """True if a one-time code was sent; it often arrives after the session that asked for it."""
    return dialogue.facts.has_reset_code


@vocabulary.action("type_pin", "right", "wrong", "gone", "paused")
def check_typed_pin(dialogue: Dialogue) -> str:
    """Checks the PIN in a transaction that is committed even if it is wrong, so that it counts."""
    outcome = "right"
    with begin_operation(dialogue) as operation:
        try:
            pin, artisan_id = _get_typed_pin(dialogue), dialogue.facts.artisan_id
            require_proof(operation.connection, dialogue)
            entry = PinEntry(artisan_id, dialogue.phone, pin, dialogue.action_key)
            check_pin(operation, dialogue.services, entry)
        except WrongPinTyped:
            outcome = "wrong"
        except PinKeyUnknown:
            outcome = "gone"
        except PinPaused as pause:
            outcome = "paused"
            dialogue.facts.pin_paused_until = _round_up_to_minute(pause.params["until"])
    dialogue.facts.pin_typed = outcome == "right"
    return outcome


@vocabulary.source("pin_pause")
def describe_pin_pause(dialogue: Dialogue) -> Values:
    """Shows the first whole minute at which the PIN may be typed again."""
    if (until := dialogue.facts.pin_paused_until) is None:
        raise NothingToShow()
    return {"until": until}


@vocabulary.action("close_pin", "closed", "no_pin")
def require_pin_again(dialogue: Dialogue) -> str:
    """Asks for the PIN again before a change: the phone may have changed hands."""
    dialogue.facts.pin_typed = False
    return "closed" if dialogue.facts.has_pin else "no_pin"


@vocabulary.action("keep_new_pin", "kept")
def keep_new_pin(dialogue: Dialogue) -> str:
    """Keeps the digest of the new PIN until it is typed a second time."""
    dialogue.facts.new_pin = pin_hash(_get_typed_pin(dialogue), dialogue.services.keys)
    return "kept"


@vocabulary.action("set_pin", "set", "differs")
def store_new_pin(dialogue: Dialogue) -> str:
    """Sets the PIN that was typed twice.

    The facts change after the transaction: an action may run again on another connection.
    """
    if (digest := dialogue.facts.new_pin) is None:
        raise NothingToShow()
    try:
        same = is_pin_of(digest, _get_typed_pin(dialogue), dialogue.services.keys)
    except PinKeyUnknown:
        same = False
    if not same:
        return "differs"
    artisan_id = dialogue.facts.artisan_id
    with begin_operation(dialogue) as operation:
        require_proof(operation.connection, dialogue)
        set_pin(operation, artisan_id, digest, dialogue.phone)
        _queue_both(operation, dialogue, "pin_set")
    dialogue.facts.new_pin = None
    _store_pin(dialogue, True)
    return "set"


@vocabulary.action("remove_pin", "removed", by_sms=own_message_when("removed"))
def remove_stored_pin(dialogue: Dialogue) -> str:
    with begin_operation(dialogue) as operation:
        require_proof(operation.connection, dialogue)
        if remove_pin(operation, dialogue.facts.artisan_id):
            _queue_both(operation, dialogue, "pin_removed")
    _store_pin(dialogue, False)
    return "removed"


@vocabulary.action("ask_reset", "sent", "not_recognised", "paused", "no_phone")
def request_reset_code(dialogue: Dialogue) -> str:
    """Sends a one-time code to the register's phone, whichever phone the PIN was set on.

    RNA number and birth date have to be the person's own.
    """
    outcome = _try_to_send_reset_code(dialogue)
    dialogue.answers.rna_number = dialogue.answers.birth_date = None
    if outcome == "sent":
        dialogue.facts.has_reset_code = True
    return outcome


def _try_to_send_reset_code(dialogue: Dialogue) -> str:
    number, birth_date = dialogue.answers.identity
    if count_attempt(dialogue) is None:
        return "paused"
    try:
        with begin_operation(dialogue) as operation:
            require_proof(operation.connection, dialogue)
            artisan_id = dialogue.facts.artisan_id
            confirm_identity(operation.connection, artisan_id, number, birth_date)
            _send_reset_code(operation, dialogue)
    except NotRecognised:
        return "not_recognised"
    except NoRegisterPhone:
        return "no_phone"
    return "sent"


@vocabulary.action("type_reset_code", "right", "wrong")
def redeem_reset_code(dialogue: Dialogue) -> str:
    """Checks the one-time code; a wrong one may have been the last try, so its state is reread."""
    if _take_reset_code(dialogue):
        return "right"
    with reading(dialogue.services.database) as connection:
        reload_pin_status(connection, dialogue)
    return "wrong"


def _take_reset_code(dialogue: Dialogue) -> bool:
    """Uses the code up and returns True; a wrong try is committed, so that it counts."""
    with begin_operation(dialogue) as operation:
        try:
            code = SecretStr(dialogue.answers.reset_code or "")
            artisan_id, phone = dialogue.facts.artisan_id, dialogue.phone
            accept_reset_code(operation, dialogue.services, artisan_id, phone, code)
        except ResetCodeUnknown:
            return False
    return True


def _send_reset_code(operation: Operation, dialogue: Dialogue) -> None:
    """Sends a new code to the register's phone, once for each time it is asked.

    A gateway's retry sends nothing.
    """
    artisan_id, hop = dialogue.facts.artisan_id, dialogue.action_key
    reset = start_pin_reset(operation, dialogue.services, artisan_id, dialogue.phone, hop)
    if reset is None:
        return
    message = OutboundMessage(
        kind="pin_reset",
        event=dialogue.action_key,
        phone=reset.phone,
        language=reset.language,
        values={"reset_code": reset.code},
    )
    queue_message(operation, dialogue.services, message)


def _queue_both(operation: Operation, dialogue: Dialogue, kind: str) -> None:
    """Confirms on the line and to the person's own phone: somebody else may be on the line."""
    queue_owner_notice(operation, dialogue, kind)
    queue_confirmation(operation, dialogue, kind)


def _get_typed_pin(dialogue: Dialogue) -> SecretStr:
    return SecretStr(dialogue.answers.pin or "")


def _store_pin(dialogue: Dialogue, is_set: bool) -> None:
    """Stores that a PIN was set in this session, or removed."""
    dialogue.facts.has_pin = dialogue.facts.pin_typed = is_set
    dialogue.facts.has_reset_code = False


def _round_up_to_minute(moment: datetime) -> datetime:
    return datetime.fromtimestamp(ceil(moment.timestamp() / 60) * 60, UTC)
