"""Kinds, topics and states of a request for help, and its reference. Pure."""

from random import Random

from stdnum import damm

# Each kind with its topics; every topic of every kind has words `topic.<kind>.<topic>`.
TOPICS: dict[str, tuple[str, ...]] = {
    "call_back": ("any",),
    "enrolment": ("any",),
    "bank": ("account", "offer", "branch"),
    "dar": ("accounts", "selling", "credit", "status", "digital"),
    "export": ("finance", "training", "fairs"),
}
# Requests that are open or taken wait for the desk; done and cancelled ones are over.
STATES = ("open", "taken", "done", "cancelled")
WAITING = ("open", "taken")
# A phone may have so many waiting: the desk is a few people.
MOST_WAITING = 5
_DIGITS = 6


def draw_reference(random: Random) -> str:
    """Draws seven digits to say on the phone: six random, the first 1-9, and a Damm check digit."""
    body = str(random.randrange(10 ** (_DIGITS - 1), 10**_DIGITS))
    return body + damm.calc_check_digit(body)
