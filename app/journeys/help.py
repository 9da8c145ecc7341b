"""Entry 5, ask for help: enrolment, bank, Dar Al Moukawil, exports, a call back; my requests."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from app.agents.towns import find_town_of_province, towns
from app.assistance.centres import nearest_centre
from app.assistance.errors import TooManyRequests
from app.assistance.queries import HelpRequest, list_requests
from app.assistance.rules import TOPICS, WAITING
from app.assistance.service import NewRequest, ask_for_help, cancel_request
from app.base.clock import local_date
from app.base.database import reading
from app.enrolment.queries import find_province
from app.journeys.confirmations import queue_confirmation
from app.journeys.context import Dialogue, begin_operation, own_message_when, vocabulary
from app.journeys.pin import locked
from app.text.words import Say
from app.ussd.vocabulary import NothingToShow, Row, Values

_ASKING = ("asked", "waits", "too_many")
_told_when_asked = own_message_when("asked")


def _told_already(dialogue: Dialogue, outcome: str) -> Say | None:
    """The request's own message is queued with it; one that waits already is told again."""
    if outcome != "waits":
        return _told_when_asked(dialogue, outcome)
    waiting = request(dialogue)
    return Say("sms.request", {name: waiting[name] for name in ("request", "topic")})


def _ask(dialogue: Dialogue, kind: str, topic: str) -> str:
    try:
        with begin_operation(dialogue) as operation:
            artisan_id = dialogue.facts["a"][0] if "a" in dialogue.facts else None
            wanted = NewRequest(kind, topic, dialogue.phone, dialogue.language, artisan_id)
            made, new = ask_for_help(operation, dialogue.services, wanted)
    except TooManyRequests:
        return "too_many"
    dialogue.facts["requests"] = [_packed(made)]
    dialogue.answers["request"] = made.reference
    return "asked" if new else "waits"


@vocabulary.action("ask_enrolment_help", *_ASKING, by_sms=_told_already)
def ask_enrolment_help(dialogue: Dialogue) -> str:
    return _ask(dialogue, "enrolment", "any")


@vocabulary.action("ask_call_back", *_ASKING, by_sms=_told_already)
def ask_call_back(dialogue: Dialogue) -> str:
    return _ask(dialogue, "call_back", "any")


@vocabulary.action("ask_bank_offer", *_ASKING, by_sms=_told_already)
def ask_bank_offer(dialogue: Dialogue) -> str:
    return _ask(dialogue, "bank", "offer")


@vocabulary.action("ask_bank_account", *_ASKING, by_sms=_told_already)
def ask_bank_account(dialogue: Dialogue) -> str:
    return _ask(dialogue, "bank", "account")


@vocabulary.action("ask_bank_branch", *_ASKING, by_sms=_told_already)
def ask_bank_branch(dialogue: Dialogue) -> str:
    return _ask(dialogue, "bank", "branch")


@vocabulary.action("ask_dar_session", *_ASKING, by_sms=_told_already)
def ask_dar_session(dialogue: Dialogue) -> str:
    return _ask(dialogue, "dar", str(dialogue.answers["topic"]))


@vocabulary.action("ask_export_help", *_ASKING, by_sms=_told_already)
def ask_export_help(dialogue: Dialogue) -> str:
    return _ask(dialogue, "export", str(dialogue.answers["topic"]))


@vocabulary.source("bank_offer")
def bank_offer(dialogue: Dialogue) -> Values:
    """Whoever is in the register may ask for it (domain.md section 1, S9 and S10)."""
    return {
        "fee": dialogue.services.fee,
        "eligible": Say(f"offer.{'yes' if 'a' in dialogue.facts else 'no'}"),
    }


@vocabulary.action("look_for_centre", "found")
def look_for_centre(dialogue: Dialogue) -> str:
    """The centre nearest to the province the register has; none where it has none, or where the
    PIN that keeps it private has still to be typed.
    """
    known = "a" in dialogue.facts and not locked(dialogue)
    with reading(dialogue.services.database) as connection:
        province = find_province(connection, dialogue.facts["a"][0]) if known else None
    town = find_town_of_province(province) if province else None
    dialogue.facts["centre"] = nearest_centre(town.region).code if town else None
    return "found"


@vocabulary.rows("dar_topics")
def dar_topics(_talk: Dialogue) -> list[Row]:
    return _topic_rows("dar")


@vocabulary.rows("export_topics")
def export_topics(_talk: Dialogue) -> list[Row]:
    return _topic_rows("export")


@vocabulary.source("dar_session")
def dar_session(dialogue: Dialogue) -> Values:
    if (topic := dialogue.answers.get("topic")) not in TOPICS["dar"]:
        raise NothingToShow()
    return {"topic": Say(f"topic.dar.{topic}"), **_centre(dialogue)}


def _centre(dialogue: Dialogue) -> Values:
    if (code := dialogue.facts.get("centre")) not in towns():
        return {"centre": Say("centre.unknown")}
    return {"centre": Say("centre.near", {"town": towns()[code].name_in(dialogue.language)})}


def _topic_rows(kind: str) -> list[Row]:
    return [Row(topic, {"topic": Say(f"topic.{kind}.{topic}")}) for topic in TOPICS[kind]]


@vocabulary.action("look_at_requests", "some", "none")
def look_at_requests(dialogue: Dialogue) -> str:
    with reading(dialogue.services.database) as connection:
        found = list_requests(connection, dialogue.phone)
    dialogue.facts["requests"] = [_packed(one) for one in found]
    return "some" if found else "none"


@vocabulary.rows("requests")
def requests(dialogue: Dialogue) -> list[Row]:
    return [Row(row[0], _values(row)) for row in dialogue.facts.get("requests", ())]


@vocabulary.source("request")
def request(dialogue: Dialogue) -> Values:
    return _values(_chosen(dialogue))


@vocabulary.guard("request_waits")
def request_waits(dialogue: Dialogue) -> bool:
    return _chosen(dialogue)[3] in WAITING


@vocabulary.action("cancel_request", "cancelled", "over")
def cancel(dialogue: Dialogue) -> str:
    with begin_operation(dialogue) as operation:
        cancelled = cancel_request(operation, dialogue.phone, dialogue.answers["request"])
        if cancelled:
            said = {"request": dialogue.answers["request"]}
            queue_confirmation(operation, dialogue, "request_cancelled", said)
    if not cancelled:
        look_at_requests(dialogue)
    return "cancelled" if cancelled else "over"


def _packed(made: HelpRequest) -> list[Any]:
    asked_at = int(made.asked_at.timestamp())
    return [made.reference, made.kind, made.topic, made.state, asked_at]


def _chosen(dialogue: Dialogue) -> list[Any]:
    for row in dialogue.facts.get("requests", ()):
        if row[0] == dialogue.answers.get("request"):
            return row  # type: ignore[no-any-return]
    raise NothingToShow()


def _values(row: list[Any]) -> Values:
    reference, kind, topic, state, asked_at = row
    return {
        "request": reference,
        "topic": Say(f"topic.{kind}.{topic}"),
        "request_state": Say(f"request.{state}"),
        "asked_on": local_date(datetime.fromtimestamp(asked_at, UTC)),
    }
