"""A talk that broke off: offered again when the phone dials anew, with what is true by now."""

from app.base.database import reading
from app.enrolment.queries import find_language
from app.journeys.context import Dialogue, vocabulary
from app.journeys.facts import person, read_account_again
from app.journeys.pay import code_values
from app.text.words import Say
from app.ussd.vocabulary import Values


@vocabulary.action("take_up_talk", "taken_up")
def take_up_talk(dialogue: Dialogue) -> str:
    """Reads the account and the language again; the PIN has to be typed anew."""
    dialogue.facts.pop("o", None)
    with reading(dialogue.services.database) as connection:
        dialogue.language = find_language(connection, dialogue.phone) or dialogue.language
    if "a" in dialogue.facts:
        read_account_again(dialogue)
    return "taken_up"


@vocabulary.source("broken_off")
def broken_off(dialogue: Dialogue) -> Values:
    """A code that is live comes first: it may be what the caller did not see any more."""
    code = person(dialogue).account.code if "a" in dialogue.facts else None
    return {"live": Say("payments.live", code_values(code)) if code else Say("broken_off.ask")}
