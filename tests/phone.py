"""Phones for tests, behind Africa's Talking or a plain gateway, which check every hop."""

from __future__ import annotations

import itertools

from flask.testing import FlaskClient

from app.text.encoding import Limits, fits

_SESSIONS = itertools.count(1)
LIMITS = Limits(160, 80)


class TestPhone:
    """Dials and answers. Sends each hop twice, and fails if a screen is too large."""

    __test__ = False

    def __init__(self, client: FlaskClient) -> None:
        self._client = client
        self.number = ""
        self.chain = ""
        self.session = ""
        self.more = False
        self.screen = ""

    def dial(self, number: str, inputs: str = "") -> str:
        """Opens a session of `number`, with `inputs` behind the code. Returns the screen."""
        self.number, self.session = number, f"AT-{next(_SESSIONS)}"
        self.chain = inputs
        return self._hop()

    def answer(self, typed: str) -> str:
        """Types an answer and returns the next screen."""
        assert self.more, "the session is over"
        self.chain = f"{self.chain}*{typed}" if self.chain else typed
        return self._hop()

    def _hop(self) -> str:
        first, again = self.post(), self.post()
        assert first == again, "a retried hop must get the same bytes"
        kind, _, self.screen = first.partition(" ")
        assert kind in {"CON", "END"}
        assert fits(self.screen, LIMITS), self.screen
        self.more = kind == "CON"
        return self.screen

    def post(self, **changed: str) -> str:
        """Posts the callback, with `changed` fields if any, and returns the body of a 200."""
        form = {
            "sessionId": self.session,
            "serviceCode": "*384#",
            "phoneNumber": self.number,
            "networkCode": "60401",
            "text": self.chain,
        }
        answer = self._client.post("/ussd/africastalking", data=form | changed)
        assert answer.status_code == 200, answer.get_data(as_text=True)
        assert answer.content_type == "text/plain; charset=utf-8"
        return answer.get_data(as_text=True)


class GenericPhone(TestPhone):
    """The same phone behind an operator's own gateway: JSON, the last input alone."""

    __test__ = False

    def __init__(self, client: FlaskClient) -> None:
        super().__init__(client)
        self._message = 0

    def dial(self, number: str, inputs: str = "") -> str:
        self._typed, self._kind = inputs, "start"
        return super().dial(number, inputs)

    def answer(self, typed: str) -> str:
        self._typed, self._kind = typed, "input"
        return super().answer(typed)

    def _hop(self) -> str:
        self._message += 1
        return super()._hop()

    def post(self, **changed: str) -> str:
        fields = {
            "session_id": self.session,
            "msisdn": self.number,
            "service_code": "*384#",
            "input": self._typed,
            "type": self._kind,
            "message_id": f"m{self._message}",
        }
        answer = self._client.post("/ussd/generic", json=fields | changed)
        assert answer.status_code == 200, answer.get_data(as_text=True)
        assert answer.content_type == "application/json"
        body = answer.get_json()
        assert set(body) == {"message", "continue"}
        return ("CON " if body["continue"] else "END ") + body["message"]

    def hang_up(self) -> None:
        """Posts the gateway's notice that the session is over."""
        self._message += 1
        self._typed, self._kind = "", "end"
        self.post()
