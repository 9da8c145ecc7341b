"""What comes in the worst minute, mixed: talks, payments by the API, and pages of the office.

Talks begin at random moments, however late answers are.
"""

from __future__ import annotations

import asyncio
import json
import re
from collections.abc import Iterable, Iterator
from dataclasses import replace
from random import Random
from uuid import UUID

from app.web.mobile_money.routes import BASE
from tests.mobile_money.conftest import HEADERS, payment
from tests.storm.lines import Answer, Line, Told, open_line

# Hops and deposits of the worst minute are as 12.5 to 1; messages, 4, follow from both.
_HOPS_A_DEPOSIT = 12.5
# After so long Africa's Talking tells the phone that nobody answered.
_GATEWAY_SECONDS = 15.0
# So long a network's system asks again.
_NETWORK_SECONDS = 90.0
_THINKING_SECONDS = 0.3, 2.5
_PAGE_EVERY_SECONDS = 1.0
# What is typed, and what the screen shows then; a live code is shown instead of the sum.
_CODE = re.compile(r"Code (\d{4}) (\d{4}) (\d{4})")
_HOPS = (
    ("", re.compile("Mon AMO")),
    ("1", re.compile("Droits")),
    ("1*0", re.compile("Mon AMO")),
    ("1*0*2", re.compile(f"A payer: |{_CODE.pattern}")),
    ("1*0*2*1", _CODE),
)
# The screens that say honestly what is so: of the service or the door, and of a late action.
_HONEST = {
    "away": re.compile(r"END (Service en panne|Panne depuis|Panne\. (Dans|Rappelez))"),
    "promise": re.compile(r"END C'est long\. La réponse arrive par SMS"),
}
READERS = {
    "analyst": ("/office/figures",),
    "operator": ("/office", "/office/messages", "/office/health"),
    "auditor": ("/office/breaks", "/office/audit"),
}
_TOKEN = re.compile(r'name="csrf_token" value="([^"]+)"')


class Traffic:
    """The callers of one run, at so many hops a second, and who reads pages beside them."""

    def __init__(
        self,
        doors: list[str],
        certificate: str,
        phones: Iterable[str],
        hops_a_second: float,
        readers: Iterable[str] = READERS,
    ) -> None:
        self._readers = readers
        self._doors, self._certificate, self._rate = doors, certificate, hops_a_second
        self._phones: Iterator[str] = iter(phones)
        # Names drawn at another rate are others: a network never gives one twice.
        self._random = Random(f"storm {hops_a_second}")
        self._ending = False
        self.told = Told()

    def end(self) -> None:
        """Begins nothing more; what was begun is ended."""
        self._ending = True

    def run(self) -> None:
        """Plays until it is to end, and the last answer is there."""
        asyncio.run(self._run())

    async def _run(self) -> None:
        async with asyncio.TaskGroup() as callers:
            for name in self._readers:
                callers.create_task(self._read_pages(name))
            async with (
                open_line(self._doors, self._certificate, self.told) as line,
                asyncio.TaskGroup() as talks,
            ):
                while not self._ending:
                    talks.create_task(self._talk(line, next(self._phones)))
                    await asyncio.sleep(self._random.expovariate(self._rate / len(_HOPS)))

    async def _talk(self, line: Line, phone: str) -> None:
        """Dials, looks, and asks for the code; two in five pay it then."""
        session = f"AT-{self._random.getrandbits(64):016x}"
        for typed, wanted in _HOPS:
            answer = await self._hop(line, phone, session, typed, wanted)
            if answer.cause == "promise":
                self.told.promised.add(phone)
            if answer.cause:
                self.told.talks[session] = answer.cause
                return
            if found := _CODE.search(answer.text):
                break
            await asyncio.sleep(self._random.uniform(*_THINKING_SECONDS))
        assert found
        code = "".join(found.groups())
        self.told.talks[session] = "right"
        self.told.codes.add(code)
        if self._random.random() < len(_HOPS) / _HOPS_A_DEPOSIT:
            await self._pay(line, code)

    async def _hop(
        self, line: Line, phone: str, session: str, typed: str, wanted: re.Pattern[str]
    ) -> Answer:
        form = {"sessionId": session, "serviceCode": "*384#", "phoneNumber": phone, "text": typed}
        answer = await line.ask("hop", "POST", "/ussd/africastalking", _GATEWAY_SECONDS, data=form)
        cause = "wrong" if answer.status else "silence"
        if answer.status == 200:
            honest = (name for name, screen in _HONEST.items() if screen.match(answer.text))
            cause = "" if wanted.search(answer.text) else next(honest, "wrong")
        answer = replace(answer, cause=cause, talk=session)
        line.keep(answer)
        return answer

    async def _pay(self, line: Line, code: str) -> None:
        """Pays a code as a network does: in the same words until it is told."""
        reference = f"W-{self._random.getrandbits(64):016x}"
        bill = await self._call(line, "bill", "GET", f"/accounts/linkref/{code}/bills", 200)
        if bill.cause:
            return
        (told,) = json.loads(bill.text)
        body = payment(told["amountDue"], requestingOrganisationTransactionReference=reference)
        paid = await self._call(line, "deposit", "POST", f"/bills/{code}/payments", 201, body)
        if not paid.cause:
            receipt = json.loads(paid.text)["serviceProviderPaymentReference"]
            self.told.payments[reference] = code, receipt

    async def _call(
        self, line: Line, kind: str, method: str, path: str, wanted: int, body: object = None
    ) -> Answer:
        identity = str(UUID(int=self._random.getrandbits(128), version=4))
        headers = HEADERS | {"X-CorrelationID": identity}
        answer = await line.ask(
            kind,
            method,
            f"{BASE}{path}",
            _NETWORK_SECONDS,
            refused=500,
            headers=headers,
            json=body,
        )
        if answer.status != wanted:
            answer = replace(answer, cause="wrong" if answer.status else "silence")
        line.keep(answer)
        return answer

    async def _read_pages(self, name: str) -> None:
        """Reads the pages of one of development's users, whose password is the name."""
        async with open_line(self._doors, self._certificate, self.told) as line:
            while not self._ending:
                for path in ("/office/sign-in", *READERS[name]):
                    await asyncio.sleep(_PAGE_EVERY_SECONDS * self._random.uniform(0.5, 1.5))
                    await self._read(line, name, path)

    async def _read(self, line: Line, name: str, path: str) -> None:
        """Reads a page, and signs in where that is asked for."""
        answer = await line.ask("page", "GET", path, _GATEWAY_SECONDS)
        if 'name="password"' in answer.text:
            (token,) = _TOKEN.findall(answer.text)[:1]
            form = {"csrf_token": token, "name": name, "password": name}
            answer = await line.ask(
                "sign-in", "POST", "/office/sign-in", _GATEWAY_SECONDS, data=form
            )
        if answer.status in {502, 503, 504}:
            answer = replace(answer, cause="away")
        elif answer.status not in {200, 303}:
            answer = replace(answer, cause="wrong" if answer.status else "silence")
        line.keep(answer)
