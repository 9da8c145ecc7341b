"""Names, states and references of requests for help. Pure."""

import re
from collections.abc import Callable
from datetime import date, timedelta
from random import Random

from stdnum import damm

from app.base.errors import InvalidInput

# Menus name a request by the key of the sentence that says what it is about.
_SENTENCE = re.compile(r"topic\.([a-z_]{2,32})\.([a-z_]{2,32})")
# The help desk still has to deal with `open` and `taken` requests; the others are over.
STATES = ("open", "taken", "done", "cancelled")
WAITING = ("open", "taken")
# Who answers: a request goes to the desk of its kind, until it is handed to another.
DESKS = ("call_back", "enrolment", "claims", "bank", "dar", "export")
OUTCOMES = ("helped", "unreachable", "not_wanted", "not_possible")
# The most waiting requests of a phone, because the help desk is a few people.
MOST_WAITING = 5
_DIGITS = 6
# The help desk's promise (assumed): a call within so many days on which offices are open.
WORKING_DAYS_TO_CALL = 2
_SATURDAY = 5


def read_topic(sentence: str) -> tuple[str, str]:
    """Returns the kind and the topic of a request from its sentence, `topic.<kind>.<topic>`.

    Raises: InvalidInput.
    """
    if not (match := _SENTENCE.fullmatch(sentence)):
        raise InvalidInput(what="topic", why=f"{sentence} is no topic.<kind>.<topic>")
    return match[1], match[2]


def name_topic(kind: str, topic: str) -> str:
    """Returns the key of a request's sentence, `topic.<kind>.<topic>`."""
    return f"topic.{kind}.{topic}"


def call_by(asked_on: date, is_closed: Callable[[date], bool]) -> date:
    """Returns the last day on which the help desk calls.

    Saturdays, Sundays and days that `is_closed` calls closed are not counted.
    """
    day, left = asked_on, WORKING_DAYS_TO_CALL
    while left:
        day += timedelta(days=1)
        left -= day.weekday() < _SATURDAY and not is_closed(day)
    return day


def last_late_day(today: date, is_closed: Callable[[date], bool]) -> date:
    """Returns the last day of which every request is past the desk's promise."""
    day = today - timedelta(days=1)
    while call_by(day, is_closed) >= today:
        day -= timedelta(days=1)
    return day


def draw_reference(random: Random) -> str:
    """Draws seven digits to say on the phone: six random, the first 1-9, and a Damm check digit."""
    body = str(random.randrange(10 ** (_DIGITS - 1), 10**_DIGITS))
    return body + damm.calc_check_digit(body)
