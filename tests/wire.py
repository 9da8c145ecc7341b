"""Clients over real connections for each way of cash: a network's system, the till, a phone.

An answer of None means that the line broke or that the service was away: the request is repeated.
"""

from __future__ import annotations

import re
import time
from collections.abc import Callable
from types import TracebackType
from typing import Any, Self, TypeVar

import requests
from sqlalchemy import Engine, text

from tests.conftest import AGENT, PIN
from tests.mobile_money.conftest import BASE, HEADERS

_T = TypeVar("_T")
_TOKEN = re.compile(r'name="csrf_token" value="([^"]+)"')
_RECEIPT = re.compile(r"/agent/receipts/([0-9]+)$")
_SHOWN_RECEIPT = re.compile(r"[Rr]ecu ([0-9]{8,12})")
_SHOWN_CODE = re.compile(r"Code ([0-9]{4}) ([0-9]{4}) ([0-9]{4})")


class Line:
    """One connection to one server."""

    def __init__(self, base: str, seconds: float = 20) -> None:
        self.base, self._seconds = base, seconds
        self._session = requests.Session()
        self._session.trust_env = False

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._session.close()

    def call(self, method: str, path: str, **how: Any) -> requests.Response | None:
        how = {"timeout": self._seconds, "allow_redirects": False} | how
        try:
            answer = self._session.request(method, f"{self.base}{path}", **how)
        except requests.RequestException:
            return None
        return answer if answer.status_code < 500 else None

    def connect(self) -> None:
        """Opens the connection early, so that requests sent at one instant arrive together."""
        assert self.call("GET", "/healthz")


class NetworkLine(Line):
    """The network's own system."""

    def bills(self, consumer: str) -> requests.Response | None:
        path = f"{BASE}/accounts/consumerno/{consumer}/bills"
        return self.call("GET", path, headers=HEADERS)

    def pay(self, code: str, amount: str, identity: str, prefer: str = "") -> Any:
        metadata = [{"key": "agentId", "value": AGENT}, {"key": "terminalId", "value": "T-1"}]
        body = {"amountPaid": amount, "currency": "MAD", "metadata": metadata}
        return self._post(f"/bills/{code}/payments", body, identity, prefer)

    def reverse(self, receipt: str, identity: str) -> Any:
        return self._post(f"/transactions/{receipt}/reversals", {"type": "reversal"}, identity)

    def state(self, server_id: str) -> requests.Response | None:
        return self.call("GET", f"{BASE}/requeststates/{server_id}", headers=HEADERS)

    def _post(self, path: str, body: dict[str, Any], identity: str, prefer: str = "") -> Any:
        headers = HEADERS | {"X-CorrelationID": identity} | ({"Prefer": prefer} if prefer else {})
        return self.call("POST", f"{BASE}{path}", json=body, headers=headers)


class TillLine(Line):
    """A browser at /agent."""

    def __init__(self, base: str, seconds: float = 20) -> None:
        super().__init__(base, seconds)
        self._token = ""

    def enter(self, number: str = AGENT) -> None:
        """Signs in; the form's token is good as long as the session."""
        until_answered(lambda: self.call("GET", "/agent"), self._keep_token)
        form = {"number": number, "pin": PIN.get_secret_value(), "csrf_token": self._token}
        until_answered(lambda: self.call("POST", "/agent/sign-in", data=form))
        until_answered(lambda: self.call("GET", "/agent"), self._keep_token)

    def confirm(self, code: str, key: str) -> str | None:
        """Confirms the cash. Returns the receipt's number, or the refusal's page."""
        return self._receipt_or_words("/agent/confirm", {"code": code, "key": key})

    def reverse(self, receipt: str, **agreed: str) -> str | None:
        """Reverses a deposit, as `agreed` shows. Returns the receipt's number, or the refusal."""
        path = f"/agent/receipts/{receipt}/reverse"
        form = {"reason": "mistake", "pin": PIN.get_secret_value()}
        return self._receipt_or_words(path, form | agreed)

    def reverse_by_two(self, receipt: str) -> str | None:
        """Reverses a deposit together with the sample agent."""
        second = {"second_number": AGENT, "second_pin": PIN.get_secret_value()}
        return self.reverse(receipt, **second)

    def send_code(self, receipt: str) -> str | None:
        """Has the artisan's code sent. Returns the receipt's number, or the refusal's page."""
        return self._receipt_or_words(f"/agent/receipts/{receipt}/reversal-code", {})

    def _receipt_or_words(self, path: str, form: dict[str, str]) -> str | None:
        answer = self.call("POST", path, data=form | {"csrf_token": self._token})
        if answer is None:
            return None
        match = _RECEIPT.search(answer.headers.get("Location", ""))
        return match[1] if match else answer.text

    def open_another(self) -> TillLine:
        """Returns another connection of the same browser."""
        other = TillLine(self.base, self._seconds)
        other._session.cookies.update(self._session.cookies)
        other._token = self._token
        return other

    def _keep_token(self, answer: requests.Response) -> bool:
        match = _TOKEN.search(answer.text)
        self._token = match[1] if match else ""
        return bool(match)


class PhoneLine(Line):
    """A gateway's callback. The same hop may be sent again."""

    def hop(self, number: str, session: str, chain: str) -> str | None:
        form = {"sessionId": session, "serviceCode": "*384#", "phoneNumber": number}
        more = {"networkCode": "60401", "text": chain}
        answer = self.call("POST", "/ussd/africastalking", data=form | more)
        return answer.text if answer is not None else None

    def ask_code(self, number: str, session: str) -> str | None:
        """Asks for a code for all that is owed, and returns it without spaces."""
        match = _SHOWN_CODE.search(self.hop(number, session, "2*1") or "")
        return "".join(match.groups()) if match else None

    def look(self, number: str, code: str, session: str) -> str | None:
        """Types the code as an agent. Returns the receipt's number, or the screen."""
        return self._receipt_or_screen(number, session, f"1*{code}")

    def confirm(self, number: str, code: str, session: str) -> str | None:
        """Confirms the cash with the PIN. Returns the receipt's number, or the screen."""
        return self._receipt_or_screen(number, session, f"1*{code}*1*{PIN.get_secret_value()}")

    def _receipt_or_screen(self, number: str, session: str, chain: str) -> str | None:
        screen = self.hop(number, session, chain)
        match = _SHOWN_RECEIPT.search(screen or "")
        return match[1] if match else screen


def add_agent_phones(database: Engine, count: int) -> list[str]:
    """Adds `count` agents with the first agent's agency and PIN, and returns their phones."""
    statement = (
        "INSERT INTO agent (number, agency_code, pin_hash, phone)"
        " SELECT '7' || n, agency_code, pin_hash, '+2127' || n FROM agent,"
        " generate_series(10000001, 10000000 + :count) AS n WHERE number = :number"
        " RETURNING phone"
    )
    with database.begin() as connection:
        connection.execute(text("SET LOCAL statement_timeout = 0"))
        phones = connection.execute(text(statement), {"count": count, "number": AGENT})
        return list(phones.scalars())


def until_answered(
    ask: Callable[[], _T | None],
    wanted: Callable[[_T], bool] = lambda _: True,
    seconds: float = 90,
    pause: float = 0.05,
) -> _T:
    """Calls `ask` until it returns an answer for which `wanted` is true. Raises: TimeoutError."""
    deadline = time.monotonic() + seconds
    last: object = None
    while time.monotonic() < deadline:
        if (answer := ask()) is not None and wanted(answer):
            return answer
        last = answer if answer is not None else last
        time.sleep(pause)
    raise TimeoutError(f"no answer after {seconds} s; the last was {last}")
