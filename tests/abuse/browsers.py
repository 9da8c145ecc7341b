"""Browsers and phones in an attacker's hands, over real connections to the running server."""

from __future__ import annotations

import re
from itertools import count
from typing import Self
from uuid import uuid4

import requests

_TOKEN = re.compile(r'name="csrf_token" value="([^"]+)"')
_SESSIONS = count(1)


class Browser:
    """A browser at the till with a jar of cookies of its own."""

    def __init__(self, base: str) -> None:
        self.base, self.jar = base, requests.Session()
        self.jar.trust_env = False
        self.page = ""

    def copy(self) -> Self:
        """Returns another browser with the same cookies and the same form token."""
        other = type(self)(self.base)
        other.jar.cookies.update(self.jar.cookies)
        other.page = self.page
        return other

    def get(self, path: str = "/agent") -> requests.Response:
        answer = self.jar.get(f"{self.base}{path}", timeout=30, allow_redirects=False)
        self.page = answer.text
        return answer

    def post(self, path: str, **fields: str) -> requests.Response:
        found = _TOKEN.search(self.page)
        form = {"csrf_token": found[1] if found else ""} | fields
        return self.jar.post(f"{self.base}{path}", data=form, timeout=30, allow_redirects=False)

    def enter(self, number: str, pin: str) -> requests.Response:
        """Opens the till and signs in. Returns the answer: 303 if it was right."""
        self.get("/agent?language=fr")
        self.get()
        answer = self.post("/agent/sign-in", number=number, pin=pin)
        if answer.status_code == 303:
            self.get()
        return answer


class Handset:
    """A phone: each call of `dial` is a session of its own, walked hop by hop as people type."""

    def __init__(self, base: str, number: str) -> None:
        self.base, self.number = base, number

    def dial(self, *typed: str) -> str:
        """Dials with the first answer behind the code, types the others, returns the last screen.

        So a dialogue that broke off before is not offered again.
        """
        session = f"{uuid4().hex[:12]}-{next(_SESSIONS)}"
        chain, *others = typed
        screen = self._send(session, chain)
        for answer in others:
            chain = f"{chain}*{answer}"
            screen = self._send(session, chain)
        return screen

    def _send(self, session: str, chain: str) -> str:
        form = {"sessionId": session, "serviceCode": "*384#", "text": chain}
        form |= {"phoneNumber": self.number, "networkCode": "60401"}
        url = f"{self.base}/ussd/africastalking"
        answer = requests.post(url, data=form, timeout=30)
        assert answer.status_code == 200, answer.text
        return answer.text.partition(" ")[2]
