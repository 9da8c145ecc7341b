"""0, 00 and 9 on every screen of the real menus, all of them found by trying every answer."""

from __future__ import annotations

import re
from collections import deque
from collections.abc import Iterator
from functools import cache
from itertools import count

import pytest
from pydantic import SecretStr
from sqlalchemy import select, text
from stdnum import damm

from app.agents.pins import store_form
from app.base.hop import Hop
from app.base.operation import operation
from app.base.phone import Phone
from app.enrolment.models import artisan
from app.enrolment.pins import pin_hash, set_pin
from app.enrolment.service import choose_language, identify_phone
from app.messaging.service import set_reminders
from app.people.looks import record_look
from app.runtime import Runtime
from app.text.encoding import fits
from app.ussd.position import Caller
from app.ussd.turn import TurnResult
from tests.conftest import PIN
from tests.journeys.other_parties import OtherParties
from tests.phone import LIMITS

FATIMA, HASSAN, KHADIJA, BRAHIM, AICHA, SAID, AUTO, DRISS = (
    f"+2126000000{n:02d}" for n in (1, 2, 3, 4, 5, 6, 8, 7)
)
AGENT, UNKNOWN, FAMILY = "+212600000091", "+212600000099", "+212600000077"
# Whoever finds the most comes first: a screen is tried where it is found first.
PEOPLE = (HASSAN, FATIMA, KHADIJA, BRAHIM, SAID, AUTO, DRISS, AGENT, UNKNOWN, FAMILY, AICHA)
# What is typed where no digit is chosen: what is right, and what is well written but wrong.
TYPED = {
    "rna_number": ("100004", "999999", "100005", "100003"),
    "birth_date": ("01011984", "02021984"),
    "pin": ("1357", "9999"),
    "new_pin": ("1357",),
    "sms_code": ("000000",),
    "payment_code": (f"12345678901{damm.calc_check_digit('12345678901')}",),
    "agent_pin": ("246813", "975310"),
    "new_agent_pin": ("975310",),
    "town_letters": ("mar", "zz", "ra"),
}
# Aicha has forgotten her PIN.
HERS = {"rna_number": ("100005",), "birth_date": ("01011985", "02021984")}
_DEEPEST = 9
# Met only when something happens between two hops; tests of their own show them.
IN_BETWEEN = {
    "agent_artisan_code",
    "agent_card_noted",
    "agent_confirm",
    "agent_dismissed",
    "agent_locked",
    "agent_not_reversed",
    "agent_one_time",
    "agent_one_time_over",
    "agent_pin_gone",
    "agent_pin",
    "agent_pin_easy",
    "agent_receipt",
    "agent_reverse_how",
    "agent_reverse_wrong_pin",
    "agent_second_number",
    "agent_second_pin",
    "agent_signed_out",
    "agent_wrong_pin",
    "broken_off",
    "collection_too_late",
    "help",
    "identification_paused",
    "lost_receipt",
    "live_terms",
    "new_terms",
    "no_agencies",
    "no_notices",
    "no_register_phone",
    "no_requests",
    "none_live",
    "other_paused",
    "other_terms",
    "pin_gone",
    "pin_paused",
    "receipt_enough",
}
_CHOICE = re.compile(r"^([1-79])\b", re.MULTILINE)
# Choices past the fifth stand on the second page.
_MORE = re.compile(r"\b9 \w")
_BEHIND_9 = ("9*6", "9*7")
_SESSIONS = count(1)
# What the walk itself has changed, so that a chain keeps its meaning.
_UNDONE = text("""
WITH a AS (DELETE FROM identification_attempt), b AS (DELETE FROM number_attempt),
    c AS (DELETE FROM artisan_phone WHERE phone <> :family),
    d AS (DELETE FROM artisan_pin WHERE set_on <> :aicha),
    e AS (DELETE FROM pin_attempt), f AS (DELETE FROM agent_lock),
    g AS (UPDATE agent SET pin_hash = :own WHERE pin_hash IS DISTINCT FROM :own)
INSERT INTO artisan_phone (phone, artisan_id, identified_at)
SELECT :family, id, now() FROM artisan WHERE rna_number IN ('100001', '100003')
ON CONFLICT DO NOTHING""")


class Handset:
    """Dials straight at the turns, which also say which screen is shown."""

    def __init__(self, runtime: Runtime, number: str) -> None:
        self.runtime, self.phone = runtime, Phone(number)
        self.session = f"navigation-{next(_SESSIONS)}"
        runtime.redis.flushdb()  # no broken dialogue is offered again
        with runtime.database.begin() as connection:
            connection.execute(
                _UNDONE, {"family": FAMILY, "aicha": AICHA, "own": _own_pin(runtime)}
            )
        if number == FAMILY:
            self.send("")  # nothing dialled ahead chooses for whom

    def send(self, chain: str) -> TurnResult:
        hop = Hop("africastalking", self.session, self.phone, chain)
        now, services = self.runtime.clock(), self.runtime.services
        caller = Caller(self.session, self.phone, now, services, LIMITS)
        turned = self.runtime.turns.answer(hop, caller, "fr")
        assert fits(turned.reply.text, LIMITS)
        return turned


@cache
def _own_pin(runtime: Runtime) -> str:
    """The stored PIN that the walk begins with."""
    return store_form(PIN, runtime.services)


def walk_from(runtime: Runtime, number: str, found: set[str]) -> Iterator[tuple[str, str]]:
    """Screens not found before, each with the chain that led there, nearest first."""
    waiting, seen = deque([""]), set[str]()
    while waiting:
        chain = waiting.popleft()
        shown = Handset(runtime, number).send(chain)
        # The PIN is asked in front of many screens, and each way is another.
        if shown.screen in seen - {"pin"}:
            continue
        seen.add(shown.screen)
        if shown.screen not in found:
            found.add(shown.screen)
            yield shown.screen, chain
        screen = runtime.ussd.menu.screens[shown.screen]
        typed_here = TYPED | HERS if number == AICHA else TYPED
        # What is on and what is off changes under way: 2 may be offered by then.
        offered = tuple(dict.fromkeys(("1", "2", *_CHOICE.findall(shown.reply.text))))
        if screen.kind == "menu" and _MORE.search(shown.reply.text):
            offered += _BEHIND_9
        answers = typed_here.get(screen.uses or "", offered)
        if shown.reply.more and chain.count("*") < _DEEPEST:
            waiting.extend(f"{chain}*{typed}" if chain else typed for typed in answers)


@pytest.mark.usefixtures("sample_people")
@pytest.mark.parametrize("language", ["fr", "zgh"])
def test_back_home_and_more_work_on_every_screen(runtime: Runtime, language: str) -> None:
    screens = runtime.ussd.menu.screens
    prepare(runtime, language)
    found: set[str] = set()
    for number in PEOPLE:
        for name, chain in walk_from(runtime, number, found):
            if screens[name].kind == "end":
                continue
            line = Handset(runtime, number)
            before = line.send(chain)
            if not before.reply.more:
                continue
            assert screens[line.send(join(chain, "00")).screen].home, name
            assert screens[line.send(join(chain, "00*0")).screen].home, name
            line = Handset(runtime, number)
            before = line.send(chain)
            after = line.send(join(chain, "0"))
            at_home = screens[before.screen].home
            assert (after.screen == before.screen) == at_home or not before.reply.more, name
    asked = {name for name, screen in screens.items() if screen.kind != "do"}
    assert sorted(asked - found - IN_BETWEEN) == [], "not found: " + " ".join(
        sorted(asked - found - IN_BETWEEN)
    )
    assert IN_BETWEEN & found == set(), "found after all"


def join(chain: str, typed: str) -> str:
    return f"{chain}*{typed}" if chain else typed


def prepare(runtime: Runtime, language: str) -> None:
    """Fatima has paid, Hassan has a code, Aicha a PIN; a phone serves two.

    Driss has no reminders, his newest claim is ready, and the help desk looked at his file. The
    chamber may call Hassan.
    """
    others = OtherParties(runtime)
    others.run("UPDATE artisan SET category = 'D', province = NULL WHERE phone = :auto", auto=AUTO)
    with operation(runtime.database, runtime.clock(), "artisan") as change:
        for number in PEOPLE:
            choose_language(change, Phone(number), language)
        for rna_number, year in (("100001", 1981), ("100003", 1983)):
            born = change.now.date().replace(year, 1, 1)
            identify_phone(change, Phone(FAMILY), rna_number, born)
        aicha = select(artisan.c.id).where(artisan.c.phone == AICHA)
        hashed = pin_hash(SecretStr("1357"), runtime.keys)
        owner = change.connection.execute(aicha).scalar_one()
        set_pin(change, owner, hashed, Phone(AICHA))
        set_reminders(change, Phone(DRISS), False)
        looked_at = select(artisan.c.id).where(artisan.c.phone == DRISS)
        record_look(
            change, change.connection.execute(looked_at).scalar_one(), "call", ["dues"], "helpdesk"
        )
    # The walk opens the first claim: how to collect is asked once the money is ready.
    ready = "UPDATE claim SET state = 'ready', amount_centimes = 42150 WHERE number = :number"
    others.run(ready, number="R-2026-0412")
    Handset(runtime, FATIMA).send("2*1")
    others.collect_cash()
    Handset(runtime, HASSAN).send("5*5*9*7*1")
    Handset(runtime, HASSAN).send("2*2*1")
    others.wait(6)
