"""The door of hops answers as Flask does, to which it leaves what is out of the ordinary."""

from io import BytesIO

import pytest
from flask import Flask, request
from werkzeug.test import Client, TestResponse

from app import create_app
from app.runtime import Runtime

FATIMA = "+212600000001"
FORM = "application/x-www-form-urlencoded"
HOP = "/ussd/africastalking"
SENT = b"sessionId=door&serviceCode=%2A384%23&phoneNumber=%2B212600000001&text="


@pytest.fixture
def by_flask(app: Flask, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The addresses that the door left to Flask, as they come."""
    seen: list[str] = []
    whole = app.full_dispatch_request

    def note() -> object:
        seen.append(request.path)
        return whole()

    monkeypatch.setattr(app, "full_dispatch_request", note)
    return seen


def post(app: Flask, path: str, data: bytes, kind: str = FORM, **more: object) -> TestResponse:
    client = Client(app.wsgi_app)
    return client.post(path, data=data, content_type=kind, **more)  # type: ignore[arg-type]


def shown(answer: TestResponse) -> tuple[object, ...]:
    """An answer without what is drawn for each request."""
    headers = sorted((name, value) for name, value in answer.headers if name != "X-Request-Id")
    assert len(answer.headers["X-Request-Id"]) == 16
    return answer.status, headers, answer.text


@pytest.mark.usefixtures("sample_people")
@pytest.mark.parametrize(
    ("path", "data", "kind"),
    [
        (HOP, SENT, FORM),
        (HOP, SENT, f"{FORM}; charset=UTF-8"),
        (HOP, SENT.replace(b"%2B", b"+").replace(b"%2A", b"%2a"), FORM),
        (HOP, SENT + b"&phoneNumber=1&%FF=%FE&&x", FORM),
        (HOP, b"phoneNumber=%2B212600000001", FORM),
        (HOP, b"sessionId=door&phoneNumber=\xff", FORM),
        (f"{HOP}/events", SENT + b"&status=Success", FORM),
        ("/ussd/generic", b'{"session_id": "d", "msisdn": "+212600000001"}', "application/json"),
        ("/ussd/generic", b"[]", "application/json"),
        ("/ussd/generic", b'{"type": "end", "session_id": "d", "msisdn": "+1"}', "text/plain"),
    ],
)
def test_ordinary_post_is_answered_before_flask_and_as_flask_answers_it(
    app: Flask, by_flask: list[str], path: str, data: bytes, kind: str
) -> None:
    at_door = shown(post(app, path, data, kind))
    assert by_flask == []
    assert shown(post(app, f"{path}?by=flask", data, kind)) == at_door
    assert by_flask == [path]


@pytest.mark.parametrize(
    ("more", "status"),
    [
        ({"data": SENT + b"1" * 9000}, 400),
        ({"headers": {"Host": "elsewhere.example"}}, 400),
        ({"headers": {"X-Made-Up": "a\x7fb"}}, 400),
        ({"environ_overrides": {"CONTENT_LENGTH": "4000"}}, 408),
        ({"method": "GET"}, 405),
        ({"kind": "multipart/form-data; boundary=b"}, 400),
        ({"path": f"{HOP}/?"}, 404),
        ({"path": "/ussd/nobody"}, 404),
    ],
)
def test_what_is_out_of_the_ordinary_goes_on_to_flask(
    app: Flask, by_flask: list[str], more: dict[str, object], status: int
) -> None:
    asked = {"path": HOP, "data": SENT, "kind": FORM, **more}
    data, kind = asked.pop("data"), asked.pop("kind")
    assert isinstance(data, bytes)
    answer = Client(app.wsgi_app).open(
        **{"method": "POST", "input_stream": BytesIO(data), "content_type": kind, **asked}
    )
    assert answer.status_code == status
    assert by_flask


def test_fault_at_the_door_is_answered_without_its_words(
    app: Flask, runtime: Runtime, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_given: object) -> None:
        raise RuntimeError("0612345678")

    monkeypatch.setattr("app.web.hop_door.answer_callback", fail)
    answer = post(app, HOP, SENT)
    assert answer.status_code == 500
    assert answer.headers["X-Request-Id"] in answer.text and "0612" not in answer.text


def test_process_that_serves_no_phones_has_no_door_for_them(runtime: Runtime) -> None:
    own = Runtime(runtime.settings.model_copy(update={"serves": {"office"}}), clock=runtime.clock)
    assert post(create_app(own), HOP, SENT).status_code == 404
    own.database.dispose()
