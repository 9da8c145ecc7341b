"""The PIN: asked before what is private, set, changed, removed, forgotten."""

from datetime import UTC, date, datetime
from math import ceil

from pydantic import SecretStr
from sqlalchemy import Connection

from app.base.database import reading, transaction
from app.base.errors import InvalidInput
from app.enrolment.errors import (
    IdentificationPaused,
    NotRecognised,
    PinPaused,
    ResetCodeUnknown,
    WrongPinTyped,
)
from app.enrolment.pins import (
    check_pin,
    is_pin_of,
    pin_hash,
    read_new_pin,
    remove_pin,
    set_pin,
    start_pin_reset,
    take_reset_code,
)
from app.enrolment.service import confirm_identity, take_identification_try
from app.journeys.desk import Conversation, own_message_when, vocabulary
from app.journeys.facts import read_locks_again
from app.journeys.telling import tell_caller, tell_owner
from app.messaging.service import queue_message
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
def locked(talk: Conversation) -> bool:
    """Whether this person's PIN is still to be typed in this session."""
    return bool(talk.facts.get("k")) and not talk.facts.get("o")


@vocabulary.guard("has_pin")
def has_pin(talk: Conversation) -> bool:
    return bool(talk.facts.get("k"))


@vocabulary.guard("has_no_pin")
def has_no_pin(talk: Conversation) -> bool:
    return not has_pin(talk)


@vocabulary.guard("has_reset_code")
def has_reset_code(talk: Conversation) -> bool:
    """A one-time code is on its way: it often comes after the session in which it was asked."""
    return bool(talk.facts.get("r"))


@vocabulary.action("type_pin", "right", "wrong", "paused")
def type_pin(talk: Conversation) -> str:
    """Committed whatever comes of it, so that a wrong PIN counts."""
    outcome = "right"
    with transaction(talk.desk.database) as connection:
        try:
            check_pin(
                connection,
                talk.facts["a"][0],
                SecretStr(talk.kept["pin"]),
                key=talk.desk.secret,
                action_key=talk.action_key,
                now=talk.now,
            )
        except WrongPinTyped:
            outcome = "wrong"
        except PinPaused as pause:
            outcome = "paused"
            talk.facts["u"] = ceil(pause.params["until"].timestamp() / 60) * 60
    talk.facts["o"] = int(outcome == "right")
    return outcome


@vocabulary.source("pin_pause")
def pin_pause(talk: Conversation) -> Values:
    """The first whole minute at which the PIN may be typed again."""
    if not (until := talk.facts.get("u")):
        raise NothingToShow()
    return {"until": datetime.fromtimestamp(until, UTC)}


@vocabulary.action("close_pin", "closed")
def close_pin(talk: Conversation) -> str:
    """Changing and removing want the PIN typed again, whoever holds the phone by now."""
    talk.facts["o"] = 0
    return "closed"


@vocabulary.action("keep_new_pin", "kept")
def keep_new_pin(talk: Conversation) -> str:
    """Of the PIN typed first only its digest waits for the second."""
    talk.facts["n"] = pin_hash(SecretStr(talk.kept["pin"]), talk.desk.secret)
    return "kept"


@vocabulary.action("set_pin", "set", "differs")
def store_new_pin(talk: Conversation) -> str:
    hashed = talk.facts.pop("n", None)
    if hashed is None:
        raise NothingToShow()
    if not is_pin_of(hashed, SecretStr(talk.kept["pin"]), talk.desk.secret):
        return "differs"
    with transaction(talk.desk.database) as connection:
        set_pin(connection, talk.facts["a"][0], hashed, talk.phone, talk.now)
        _tell(connection, talk, "pin_set")
    talk.facts |= {"k": 1, "o": 1, "r": 0}
    return "set"


@vocabulary.action("remove_pin", "removed", by_sms=own_message_when("removed"))
def drop_pin(talk: Conversation) -> str:
    with transaction(talk.desk.database) as connection:
        if remove_pin(connection, talk.facts["a"][0]):
            _tell(connection, talk, "pin_removed")
    talk.facts |= {"k": 0, "o": 0, "r": 0}
    return "removed"


@vocabulary.action("ask_reset", "sent", "not_recognised", "paused")
def ask_reset(talk: Conversation) -> str:
    """RNA number and birth date first; the code goes to the phone the PIN was set on."""
    number, born = talk.kept.pop("rna_number"), date.fromisoformat(talk.kept.pop("birth_date"))
    try:
        with transaction(talk.desk.database) as connection:
            take_identification_try(connection, talk.phone, talk.action_key, talk.now)
    except IdentificationPaused:
        return "paused"
    try:
        with transaction(talk.desk.database) as connection:
            confirm_identity(connection, talk.facts["a"][0], number, born)
            _send_reset_code(connection, talk)
    except NotRecognised:
        return "not_recognised"
    talk.facts["r"] = 1
    return "sent"


@vocabulary.action("type_reset_code", "right", "wrong")
def type_reset_code(talk: Conversation) -> str:
    outcome = "right"
    with transaction(talk.desk.database) as connection:
        try:
            code = SecretStr(talk.kept["reset_code"])
            take_reset_code(
                connection, talk.facts["a"][0], code, key=talk.desk.secret, now=talk.now
            )
        except ResetCodeUnknown:
            outcome = "wrong"
    if outcome == "wrong":
        with reading(talk.desk.database) as connection:
            read_locks_again(connection, talk)
    return outcome


def _send_reset_code(connection: Connection, talk: Conversation) -> None:
    """Once for each time it is asked: a gateway's retry sends nothing."""
    started = start_pin_reset(
        connection,
        talk.facts["a"][0],
        key=talk.desk.secret,
        random=talk.desk.random,
        action_key=talk.action_key,
        now=talk.now,
    )
    if started is None:
        return
    code, phone = started
    queue_message(
        connection,
        talk.desk.words,
        kind="pin_reset",
        event=talk.action_key,
        phone=phone,
        language=talk.language,
        values={"reset_code": code},
        now=talk.now,
    )


def _tell(connection: Connection, talk: Conversation, kind: str) -> None:
    """On the line, and to the person's own phone: it may have been somebody else."""
    tell_owner(connection, talk, kind)
    tell_caller(connection, talk, kind)
