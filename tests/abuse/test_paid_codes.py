"""One code, many customers and doors at once: one of them is told of a new payment, ever."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

from app.runtime import Runtime
from tests.abuse.browsers import Browser, Handset
from tests.conftest import AGENT, PIN
from tests.payments.conftest import Books, PaymentFixture

HASSAN, AGENTS_PHONE = "+212600000002", "+212600000091"
RIGHT = PIN.get_secret_value()


def test_a_code_shown_at_many_doors_at_once_is_new_at_one(
    live_server: str, payments: PaymentFixture, runtime: Runtime, books: Books
) -> None:
    code = payments.issue(HASSAN).code
    till = Browser(live_server)
    assert till.enter(AGENT, RIGHT).status_code == 303

    def pay_at_till(number: int) -> str:
        own = till.copy()
        answer = own.post("/agent/confirm", code=code, key=f"{number:032d}")
        return "new" if answer.status_code == 303 else answer.text

    def pay_by_phone(_number: int) -> str:
        screen = Handset(live_server, AGENTS_PHONE).dial("1", code, "1", RIGHT)
        return "new" if screen.startswith("Encaissé") else screen

    with ThreadPoolExecutor(8) as many:
        asked = [many.submit(way, n) for n in range(4) for way in (pay_at_till, pay_by_phone)]
        told = [one.result() for one in asked]
    assert told.count("new") == 1, told
    # And nobody later, whichever session begins.
    assert (
        Handset(live_server, AGENTS_PHONE).dial("1", code).startswith("Code déjà encaissé par vous")
    )
    again = Browser(live_server)
    again.enter(AGENT, RIGHT)
    refused = again.post("/agent/code", code=code)
    assert refused.status_code == 409 and "déjà payé" in refused.text
