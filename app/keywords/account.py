"""CODE and STATUT by SMS: the same code and the same words as the menu's entries 2 and 1."""

from __future__ import annotations

from dataclasses import dataclass

from sqlalchemy import Connection

from app.contributions.errors import NotCollectedHere
from app.enrolment.cover import find_enrolment_file
from app.journeys.amo import keep_enrolment_file, rights_by_sms
from app.journeys.context import Dialogue
from app.journeys.facts import Person, keep_facts, person
from app.journeys.pay import code_values, dues
from app.payments.codes import issue_code
from app.payments.errors import AnotherIsLive, NothingDue
from app.payments.phone_account import PhoneAccount, find_phone_account
from app.payments.queries import IssuedCode
from app.text.words import Say


@dataclass(frozen=True, slots=True)
class _Asker:
    """Who asks, on the connection of the message; the talk holds no other."""

    connection: Connection
    dialogue: Dialogue
    caller: PhoneAccount

    @property
    def person(self) -> Person:
        return person(self.dialogue)


def answer_account(connection: Connection, dialogue: Dialogue, keyword: str) -> Say | None:
    """What `code` or `status` is answered with; None where a message is queued already."""
    caller = find_phone_account(connection, dialogue.phone, dialogue.now)
    if caller.artisan is None:
        return Say("sms.unknown_phone")
    if caller.people > 1:
        # Which of them is asked about nobody can tell.
        return Say("sms.several_people")
    keep_facts(dialogue, caller.artisan, caller.account)
    asker = _Asker(connection, dialogue, caller)
    return _code(asker) if keyword == "code" else _status(asker)


def _code(asker: _Asker) -> Say | None:
    """A code already live is told again; a new one is told by its making."""
    if refusal := _no_code(asker.person):
        return refusal
    before = asker.caller.account.code
    try:
        code = _issue(asker)
    except AnotherIsLive as refusal_of_another:
        code = before = refusal_of_another.live
    except (NothingDue, NotCollectedHere):
        return Say("sms.nothing_due")
    if before is None or before.code != code.code:
        return None
    told = code_values(code)
    return Say("sms.code", {name: told[name] for name in ("code", "total", "period", "until")})


def _no_code(who: Person) -> Say | None:
    if not who.enrolled:
        return Say("sms.code_not_enrolled")
    if not who.pays_here:
        elsewhere = "sms.pays_with_cpu" if who.artisan.category == "B" else "sms.pays_with_tax"
        return Say(elsewhere)
    return None


def _issue(asker: _Asker) -> IssuedCode:
    """What it changed before it refused is undone; the message's own row stays."""
    dialogue = asker.dialogue
    with asker.connection.begin_nested():
        return issue_code(
            asker.connection,
            asker.person.artisan.id,
            dialogue.phone,
            dialogue.language,
            None,
            fee=dialogue.services.fee,
            words=dialogue.services.words,
            random=dialogue.services.random,
            now=dialogue.now,
        )


def _status(asker: _Asker) -> Say:
    """Who has set a PIN is told the amount due and no more: nobody can be asked for it here."""
    who = asker.person
    if asker.caller.locks.has_pin:
        return _no_code(who) or _owed(asker)
    if who.enrolled:
        return rights_by_sms(asker.dialogue, "enrolled")
    keep_enrolment_file(asker.dialogue, find_enrolment_file(asker.connection, who.artisan.id))
    return rights_by_sms(asker.dialogue, "not_enrolled")


def _owed(asker: _Asker) -> Say:
    if not asker.person.unpaid():
        return Say("sms.nothing_due")
    owed = dues(asker.dialogue)
    return Say("sms.dues", {name: owed[name] for name in ("total", "period")})
