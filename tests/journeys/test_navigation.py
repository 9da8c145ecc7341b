"""0, 00 and 9 on every screen of the real menu, in every language."""

from __future__ import annotations

from itertools import count

import pytest

from app.base.database import transaction
from app.base.hop import Hop
from app.base.phone import Phone
from app.enrolment.service import choose_language
from app.runtime import Runtime
from app.text.encoding import fits
from app.ussd.place import Caller
from app.ussd.turn import Turned
from tests.journeys.world import World
from tests.phone import LIMITS

FATIMA, HASSAN, KHADIJA, BRAHIM = (f"+2126000000{n:02d}" for n in (1, 2, 3, 4))
SAID, AUTO, UNKNOWN = "+212600000006", "+212600000007", "+212600000099"
# Where each screen is found once Fatima has paid and Hassan has a code; L is the language's digit.
WHERE = {
    "main": (HASSAN, ""),
    "amo": (HASSAN, "1"),
    "not_enrolled": (BRAHIM, "1"),
    "pay": (HASSAN, "2"),
    "nothing_due": (KHADIJA, "2"),
    "pays_with_cpu": (SAID, "2"),
    "pays_with_tax": (AUTO, "2"),
    "choose_months": (HASSAN, "2*2"),
    "replace": (HASSAN, "2*1"),
    "code": (HASSAN, "2*1*2"),
    "payments": (HASSAN, "3"),
    "no_payments": (KHADIJA, "3"),
    "receipts": (FATIMA, "3*2"),
    "receipt": (FATIMA, "3*2*1"),
    "reimbursements": (HASSAN, "4"),
    "services": (HASSAN, "5"),
    "language": (HASSAN, "5*1"),
    "first_language": (UNKNOWN, ""),
    "identify_rna": (UNKNOWN, "L"),
    "identify_birth_date": (UNKNOWN, "L*100004"),
    # These change what the others need, so they come last and in this order.
    "cancel": (HASSAN, "3*1"),
    "none_live": (HASSAN, "3*1"),
    "cancelled": (HASSAN, "3*1*1"),
    "not_recognised": (UNKNOWN, "L*100004*02021984"),
}
_SESSIONS = count(1)


class Line:
    """Dials straight at the turns, which also say which screen is shown."""

    def __init__(self, runtime: Runtime, number: str) -> None:
        self.runtime, self.phone = runtime, Phone(number)
        self.session = f"navigation-{next(_SESSIONS)}"

    def send(self, chain: str) -> Turned:
        hop = Hop("africastalking", self.session, self.phone, chain)
        now, desk = self.runtime.clock(), self.runtime.desk
        caller = Caller(self.session, self.phone, now, desk, LIMITS)
        turned = self.runtime.turns.answer(hop, caller, "fr")
        assert fits(turned.reply.text, LIMITS) and turned.reply.more
        return turned


def reached(runtime: Runtime, name: str, number: str, chain: str) -> tuple[Line, str]:
    """A line on the screen called `name`, and the chain that led there."""
    line = Line(runtime, number)
    turned = line.send(chain)
    if name == "none_live":
        World(runtime).cancel()
        chain += "*1"
        turned = line.send(chain)
        Line(runtime, number).send("2*2*1")
    assert turned.screen == name
    return line, chain


@pytest.mark.usefixtures("sample_people")
@pytest.mark.parametrize(("language", "digit"), [("fr", "1"), ("ar", "2")])
def test_back_home_and_more_on_every_screen(runtime: Runtime, language: str, digit: str) -> None:
    waiting = {s.name for s in runtime.ussd.menu.screens.values() if s.kind not in {"do", "end"}}
    assert set(WHERE) == waiting, "a screen is missing from this test's table, or gone"
    prepare(runtime, language)
    for name, (number, found_at) in WHERE.items():
        start = "first_language" if number == UNKNOWN else "main"
        line, chain = reached(runtime, name, number, found_at.replace("L", digit))
        assert line.send(f"{chain}*00").screen == start
        assert line.send(f"{chain}*00*0").screen == start
        if name in {"cancelled", "not_recognised", "none_live"}:
            continue  # not there a second time
        line, chain = reached(runtime, name, number, found_at.replace("L", digit))
        more = line.send(f"{chain}*9")
        # Where something is typed, 9 is an answer like any other.
        assert more.screen == ("identify_birth_date" if name == "identify_rna" else name)
        line, chain = reached(runtime, name, number, found_at.replace("L", digit))
        assert (line.send(f"{chain}*0").screen == name) == (name == start), "0 leads back"


def prepare(runtime: Runtime, language: str) -> None:
    world = World(runtime)
    world.run("UPDATE artisan SET category = 'D' WHERE phone = :auto", auto=AUTO)
    for number in {number for number, _ in WHERE.values()}:
        with transaction(runtime.database) as connection:
            choose_language(connection, Phone(number), language)
    Line(runtime, FATIMA).send("2*1")
    world.pay()
    Line(runtime, HASSAN).send("2*2*1")
    world.wait(6)
