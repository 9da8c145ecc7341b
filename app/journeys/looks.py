"""Entry 5, settings: who looked at my record, and if my chamber may call me."""

from __future__ import annotations

from app.base.clock import local_date
from app.base.database import reading
from app.journeys.context import Dialogue, own_message_when, vocabulary
from app.journeys.facts import SeenLook
from app.journeys.news import record_answer
from app.journeys.person import require_proof
from app.messaging.consent import has_consented
from app.people.calls import CALLS
from app.people.looks import LOOK_SORTING, REASONS, SEARCH, TILL, list_looks, name_roles
from app.text.words import Say
from app.ussd.vocabulary import NothingToShow, Row, Values

_MOST = 10
_LOOKERS = frozenset({"agent", "auditor", "chamber", "helpdesk"})


@vocabulary.action("look_at_looks", "some", "none")
def look_at_looks(dialogue: Dialogue) -> str:
    """Reads the newest looks. Who looked is named by their work, never by name."""
    with reading(dialogue.services.database) as connection:
        require_proof(connection, dialogue)
        asked = LOOK_SORTING.first(_MOST)
        looks = list_looks(connection, dialogue.facts.artisan_id, asked).rows
        roles = name_roles(connection, {look.who for look in looks if not look.role})
    dialogue.facts.looks = tuple(
        SeenLook(
            look.id,
            local_date(look.at),
            look.role or roles.get(look.who, ""),
            look.reason,
        )
        for look in looks
    )
    return "some" if looks else "none"


@vocabulary.rows("looks")
def list_look_rows(dialogue: Dialogue) -> list[Row]:
    return [Row(look.id, _describe(look)) for look in dialogue.facts.looks]


@vocabulary.source("look")
def describe_look(dialogue: Dialogue) -> Values:
    number = dialogue.answers.look
    for look in dialogue.facts.looks:
        if look.id == number:
            return _describe(look)
    raise NothingToShow()


def _describe(look: SeenLook) -> Values:
    looker = look.role if look.role in _LOOKERS else "office"
    reason = look.reason if look.reason in {*REASONS, SEARCH, TILL} else "check"
    return {
        "seen_on": look.seen_on,
        "looker": Say(f"looker.{looker}"),
        "look_reason": Say(f"look_reason.{reason}"),
    }


@vocabulary.action("look_at_calls", "on", "off")
def look_at_calls(dialogue: Dialogue) -> str:
    with reading(dialogue.services.database) as connection:
        return "on" if has_consented(connection, dialogue.phone, CALLS) else "off"


@vocabulary.action("start_calls", "done", by_sms=own_message_when("done"))
def start_calls(dialogue: Dialogue) -> str:
    return record_answer(dialogue, CALLS, True, "calls_off", "calls_on")


@vocabulary.action("stop_calls", "done", by_sms=own_message_when("done"))
def stop_calls(dialogue: Dialogue) -> str:
    return record_answer(dialogue, CALLS, False, "calls_on", "calls_off")
