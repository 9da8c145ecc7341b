"""Every error page is ours: in the reader's language, with a way back, and kept by nobody."""

from __future__ import annotations

import re
from html import unescape

import pytest
from flask import Flask, Response, g
from flask.testing import FlaskClient
from werkzeug import exceptions
from werkzeug.test import TestResponse

from app.base.errors import Unavailable
from app.runtime import Runtime
from app.settings import ROOT
from app.text.languages import LANGUAGES
from app.web import error_pages
from tests.mobile_money.conftest import HEADERS
from tests.web.test_till import AgentTerminal, till

__all__ = ["till"]

# Where a reader is, and the first of the ways back.
PLACES = {
    "/": "/",
    "/nothing": "/",
    "/docs": "/",
    "/docs/nothing": "/",
    "/static/nothing.css": "/",
    "/simulator": "/simulator",
    "/simulator/nothing": "/simulator",
    "/agent": "/agent",
    "/agent/nothing": "/agent",
    "/agent/code": "/agent",
    "/agent/sign-in": "/agent",
    "/agent/receipts/10000012/reverse": "/agent",
}
# What may be met anywhere, and what is said of it.
ERRORS: list[tuple[Exception, int, str]] = [
    (exceptions.BadRequest(), 400, "not_understood"),
    (exceptions.Unauthorized(), 401, "not_allowed"),
    (exceptions.Forbidden(), 403, "not_allowed"),
    (exceptions.NotFound(), 404, "page_unknown"),
    (exceptions.MethodNotAllowed(["POST"]), 405, "not_understood"),
    (exceptions.RequestTimeout(), 408, "too_slow"),
    (exceptions.RequestEntityTooLarge(), 413, "too_long"),
    (exceptions.UnsupportedMediaType(), 415, "not_understood"),
    (exceptions.TooManyRequests(retry_after=9), 429, "asked_too_often"),
    (exceptions.InternalServerError(), 500, "internal"),
    (exceptions.ServiceUnavailable(), 503, "unavailable"),
    (Unavailable(what="postgresql"), 503, "unavailable"),
    (ZeroDivisionError(), 500, "internal"),
]
NOTHING_RECORDED = {
    "fr": "Rien n'est enregistré",
    "ar": "لم يسجل شيء",
    "ary-Arab": "ما تسجل والو",
    "ary-Latn": "Ma tsejjel walo",
    "zgh": "ⵓⵔ ⵉⵜⵜⵓⵣⵎⵎⴻⵎ ⵢⴰⵏ",
    "zgh-Latn": "Ur ittuzemmem yan",
}
EXPIRED = ("form_too_old", "page_too_old", "signed_out", "session_over", "pin_again")
NOT_DONE = ("not_understood", "not_allowed", "too_slow", "too_long", "unavailable")


def in_language(language: str) -> dict[str, str]:
    return {"Accept-Language": language, "Accept": "text/html,*/*;q=0.8"}


def read_text(answer: Response | TestResponse) -> str:
    """What a page holds under its head, as it is read."""
    main = answer.get_data(as_text=True).partition("<main")[2]
    return unescape(re.sub(r"</?bdi[^>]*>", "", main))


def check_page(answer: Response | TestResponse, language: str, sentence: str, back: str) -> None:
    page = answer.get_data(as_text=True)
    direction = LANGUAGES[language].direction
    assert answer.mimetype == "text/html"
    assert answer.headers["Cache-Control"] == "no-store"
    assert {"Cookie", "Accept-Language"} <= {*answer.headers["Vary"].split(", ")}
    assert f'<html lang="{language}" dir="{direction}">' in page
    body = read_text(answer)
    assert sentence in body
    links = re.findall(r'<a class="button" href="([^"]+)"', page)
    assert (links[0], links[-1]) == (back, "/")
    # Nothing of the servers' own words.
    assert not re.search("not |request|method|server|error", re.sub("<[^>]+>", "", body).lower())


@pytest.mark.parametrize("language", LANGUAGES)
def test_every_error_of_every_place_is_a_page_of_ours(
    app: Flask, runtime: Runtime, language: str
) -> None:
    for path, back in PLACES.items():
        for error, status, code in ERRORS:
            with app.test_request_context(path, headers=in_language(language)):
                g.request_id = "0123456789abcdef"
                g.agent = g.opened = None
                answer = app.make_response(app.handle_user_exception(error))
                answer = error_pages.vary(app.process_response(answer))
                assert answer.status_code == status, (path, error)
                words = runtime.words.say(language, f"error.{code}", {"reference": g.request_id})
                if path.startswith("/agent") and isinstance(error, Unavailable | ZeroDivisionError):
                    assert words in read_text(answer)  # a page of the till
                    continue
                check_page(answer, language, words, back)
                if status == 405:
                    assert answer.headers["Allow"] == "POST"
                if status == 429:
                    assert answer.headers["Retry-After"] == "9"


@pytest.mark.parametrize(
    ("method", "path", "body", "status", "code"),
    [
        ("GET", "/nothing", "", 404, "page_unknown"),
        ("GET", "/agent/nothing", "", 404, "page_unknown"),
        ("GET", "/agent/sign-out", "", 405, "not_understood"),
        ("GET", "/agent/sign-in", "", 405, "not_understood"),
        ("DELETE", "/agent", "", 405, "not_understood"),
        ("POST", "/docs", "", 405, "not_understood"),
        ("POST", "/", "x" * 70_000, 405, "not_understood"),
        ("POST", "/agent/sign-in", "number=" + "1" * 70_000, 413, "too_long"),
        ("POST", "/agent/sign-in", "number=%00", 400, "not_understood"),
        ("GET", "/simulator?a=%00", "", 400, "not_understood"),
        ("GET", "/docs?a=%ff", "", 400, "not_understood"),
    ],
)
def test_what_a_browser_may_send_wrongly_is_answered_with_a_page(
    client: FlaskClient, runtime: Runtime, method: str, path: str, body: str, status: int, code: str
) -> None:
    kind = "application/x-www-form-urlencoded" if body else None
    place = path.partition("?")[0]
    back = next((each for each in ("/agent", "/simulator") if place.startswith(each)), "/")
    for language in LANGUAGES:
        headers = in_language(language)
        answer = client.open(path, method=method, data=body, content_type=kind, headers=headers)
        assert answer.status_code == status
        check_page(answer, language, runtime.words.say(language, f"error.{code}"), back)
        assert answer.headers["X-Request-Id"]


def test_a_body_that_ends_too_soon_is_told_as_late(client: FlaskClient, runtime: Runtime) -> None:
    answer = client.post(
        "/agent/sign-in",
        data="number=1",
        content_type="application/x-www-form-urlencoded",
        headers=in_language("ar"),
        environ_overrides={"CONTENT_LENGTH": "50"},
    )
    assert answer.status_code == 408
    check_page(answer, "ar", runtime.words.say("ar", "error.too_slow"), "/agent")


def test_a_host_that_is_not_ours_leads_to_the_right_one(
    client: FlaskClient, runtime: Runtime
) -> None:
    answer = client.get("/agent", headers=in_language("fr") | {"Host": "other.example"})
    assert answer.status_code == 400
    assert runtime.words.say("fr", "error.other_host") in unescape(answer.text)
    assert f'href="{runtime.settings.public_url or "/"}"' in answer.text


def test_programs_get_no_page(client: FlaskClient) -> None:
    for path in ("/mm/v1.2/nothing", "/mm/v1.1/heartbeat", "/mm/"):
        answer = client.get(path, headers=HEADERS | {"Accept": "text/html"})
        assert (answer.status_code, "errorCategory" in (answer.json or {})) == (404, True), path
    for path, status, line in (
        ("/ussd/nothing", 404, "Not Found\n"),
        ("/ussd/africastalking", 405, "Method Not Allowed\n"),
        ("/sms/nothing", 404, "Not Found\n"),
        ("/metrics/nothing", 404, "Not Found\n"),
    ):
        answer = client.get(path, headers={"Accept": "text/html"})
        assert (answer.status_code, answer.text) == (status, line), path
        assert answer.mimetype == "text/plain"
    answer = client.get("/nothing", headers={"Accept": "application/json"})
    assert (answer.status_code, answer.json) == (404, {"error": "Not Found"})
    answer = client.post("/ussd/nothing", json={})
    assert (answer.status_code, answer.json) == (404, {"error": "Not Found"})


@pytest.mark.usefixtures("sample_people")
def test_a_form_that_is_too_old_leads_back_and_says_that_nothing_was_recorded(
    till: AgentTerminal,
) -> None:
    for path, way in (
        ("code", 'action="/agent/code"'),
        ("confirm", 'action="/agent/code"'),
        ("sign-out", 'action="/agent/code"'),
        ("pin", 'action="/agent/pin"'),
        ("receipts/10000012/reverse", 'href="/agent/receipts/10000012"'),
        ("receipts/10000012/reversal-code", 'href="/agent/receipts/10000012"'),
    ):
        answer = till.client.post(f"/agent/{path}", data={"csrf_token": "old"})
        assert answer.status_code == 400, path
        assert NOTHING_RECORDED["fr"] in unescape(answer.text) and way in answer.text, path
    till.client.delete_cookie("session")
    for path, status in (("sign-in", 400), ("confirm", 401), ("pin", 401)):
        answer = till.client.post(f"/agent/{path}", data={"csrf_token": "old"})
        assert answer.status_code == status, path
        assert NOTHING_RECORDED["fr"] in unescape(answer.text), path
        assert 'action="/agent/sign-in"' in answer.text, path


@pytest.mark.parametrize("language", LANGUAGES)
def test_what_was_not_done_is_said_to_be_recorded_nowhere(runtime: Runtime, language: str) -> None:
    for code in (*EXPIRED, *NOT_DONE):
        assert NOTHING_RECORDED[language] in runtime.words.say(language, f"error.{code}"), code


@pytest.mark.parametrize(
    ("page", "code"),
    [
        ("away", "unavailable"),
        ("not-here", "page_unknown"),
        ("not-understood", "not_understood"),
        ("other-host", "other_host"),
        ("too-long", "too_long"),
        ("too-many", "asked_too_often"),
        ("too-slow", "too_slow"),
    ],
)
def test_the_door_says_it_in_the_same_words(runtime: Runtime, page: str, code: str) -> None:
    text = (ROOT / f"deploy/errors/{page}.html").read_text("utf-8")
    for language in ("fr", "ar"):
        assert runtime.words.say(language, f"error.{code}") in text, language
        assert runtime.words.say(language, "till.first_page") in text, language
