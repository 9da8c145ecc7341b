"""Entry 5, ask for help: enrolment, bank, Dar Al Moukawil, exports, a call back; my requests."""

from __future__ import annotations

from app.agents.towns import find_town_of_province, towns
from app.assistance.centres import nearest_centre
from app.assistance.errors import TooManyRequests
from app.assistance.queries import HelpRequest, list_requests
from app.assistance.rules import WAITING, call_by, name_topic, read_topic
from app.assistance.service import NewRequest, ask_for_help, cancel_request
from app.base.clock import local_date
from app.base.database import reading
from app.enrolment.queries import find_province
from app.journeys.confirmations import queue_confirmation
from app.journeys.context import Dialogue, begin_operation, own_message_when, vocabulary
from app.journeys.person import is_unproven
from app.journeys.pin import is_locked
from app.text.words import Say
from app.ussd.vocabulary import NothingToShow, Row, Values

_ASKING = ("asked", "waits", "too_many")
_message_when_asked = own_message_when("asked")


def request_by_sms(dialogue: Dialogue, outcome: str) -> Say | None:
    """Returns the message with a request that waits already; a new request queues its own."""
    if outcome != "waits":
        return _message_when_asked(dialogue, outcome)
    values = describe_chosen_request(dialogue)
    return Say("sms.request", {name: values[name] for name in ("request", "topic", "call_by")})


@vocabulary.action("ask_for_help", *_ASKING, by_sms=request_by_sms)
def request_help(dialogue: Dialogue) -> str:
    """Makes the request that the screen says, else the one chosen from a list of topics.

    The same request that waits already is found instead.
    """
    topic = dialogue.says[0] if dialogue.says else dialogue.answers.topic
    if topic is None:
        raise NothingToShow()
    artisan = dialogue.facts.artisan
    wanted = NewRequest(
        *read_topic(topic), dialogue.phone, dialogue.language, artisan.id if artisan else None
    )
    try:
        with begin_operation(dialogue) as operation:
            request, is_new = ask_for_help(operation, dialogue.services, wanted)
    except TooManyRequests:
        return "too_many"
    dialogue.facts.requests = (request,)
    dialogue.answers.request = request.reference
    return "asked" if is_new else "waits"


@vocabulary.source("bank_offer")
def describe_bank_offer(dialogue: Dialogue) -> Values:
    """Shows the offer; anybody in the register may ask for it (docs/rules.md, The agreement)."""
    eligible = "yes" if dialogue.facts.artisan else "no"
    return {"fee": dialogue.services.fee, "eligible": Say(f"offer.{eligible}")}


@vocabulary.action("look_for_centre", "found")
def look_for_centre(dialogue: Dialogue) -> str:
    """Finds the centre nearest to the province in the register, if it has one.

    The province is private: on a phone not proven, or until a PIN that is set was typed,
    no centre is found.
    """
    hidden = is_locked(dialogue) or is_unproven(dialogue)
    artisan = None if hidden else dialogue.facts.artisan
    with reading(dialogue.services.database) as connection:
        province = find_province(connection, artisan.id) if artisan else None
    town = find_town_of_province(province) if province else None
    dialogue.facts.centre = nearest_centre(town.region).code if town else None
    return "found"


@vocabulary.rows("topics")
def list_topics(dialogue: Dialogue) -> list[Row]:
    """Lists the topics that the screen says; the one chosen is kept under its sentence."""
    return [Row(sentence, {"topic": Say(sentence)}) for sentence in dialogue.says]


@vocabulary.source("dar_session")
def describe_dar_session(dialogue: Dialogue) -> Values:
    if (topic := dialogue.answers.topic) is None:
        raise NothingToShow()
    return {"topic": Say(topic), **_describe_centre(dialogue)}


def _describe_centre(dialogue: Dialogue) -> Values:
    if (code := dialogue.facts.centre) is None or code not in towns():
        return {"centre": Say("centre.unknown")}
    return {"centre": Say("centre.near", {"town": towns()[code].name_in(dialogue.language)})}


@vocabulary.action("look_at_requests", "some", "none")
def look_at_requests(dialogue: Dialogue) -> str:
    with reading(dialogue.services.database) as connection:
        requests = list_requests(connection, dialogue.phone)
    dialogue.facts.requests = tuple(requests)
    return "some" if requests else "none"


@vocabulary.rows("requests")
def list_request_rows(dialogue: Dialogue) -> list[Row]:
    requests = dialogue.facts.requests
    return [Row(request.reference, _describe_request(dialogue, request)) for request in requests]


@vocabulary.source("request")
def describe_chosen_request(dialogue: Dialogue) -> Values:
    return _describe_request(dialogue, _get_chosen_request(dialogue))


@vocabulary.guard("request_waits")
def does_request_wait(dialogue: Dialogue) -> bool:
    return _get_chosen_request(dialogue).state in WAITING


@vocabulary.action("cancel_request", "cancelled", "over")
def cancel_chosen_request(dialogue: Dialogue) -> str:
    """Cancels the request; one that is over by now is read again, to show its state."""
    if (reference := dialogue.answers.request) is None:
        raise NothingToShow()
    with begin_operation(dialogue) as operation:
        if cancel_request(operation, dialogue.phone, reference):
            values = {"request": reference}
            queue_confirmation(operation, dialogue, "request_cancelled", values)
            return "cancelled"
    look_at_requests(dialogue)
    return "over"


def _get_chosen_request(dialogue: Dialogue) -> HelpRequest:
    reference = dialogue.answers.request
    for request in dialogue.facts.requests:
        if request.reference == reference:
            return request
    raise NothingToShow()


def _describe_request(dialogue: Dialogue, request: HelpRequest) -> Values:
    asked_on = local_date(request.asked_at)
    promised = call_by(asked_on, dialogue.services.is_closed)
    return {
        "request": request.reference,
        "topic": Say(name_topic(request.kind, request.topic)),
        "request_state": Say(f"request.{request.state}"),
        "asked_on": asked_on,
        # A promise that was not kept is one for today.
        "call_by": max(promised, local_date(dialogue.now)),
    }
