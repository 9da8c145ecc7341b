"""A talk that broke off: offered again when the phone dials anew, with what is true by now."""

from app.base.database import reading
from app.enrolment.queries import find_language
from app.journeys.desk import Conversation, vocabulary
from app.journeys.facts import person, read_account_again
from app.journeys.pay import code_values
from app.text.words import Say
from app.ussd.vocabulary import Values


@vocabulary.action("take_up_talk", "taken_up")
def take_up_talk(talk: Conversation) -> str:
    """Reads the account and the language again; the PIN has to be typed anew."""
    talk.facts.pop("o", None)
    with reading(talk.desk.database) as connection:
        talk.language = find_language(connection, talk.phone) or talk.language
    if "a" in talk.facts:
        read_account_again(talk)
    return "taken_up"


@vocabulary.source("broken_off")
def broken_off(talk: Conversation) -> Values:
    """A code that is live comes first: it may be what the caller did not see any more."""
    code = person(talk).account.code if "a" in talk.facts else None
    return {"live": Say("payments.live", code_values(code)) if code else Say("broken_off.ask")}
