"""The till as an agent uses it: forms, refusals, receipts, sessions."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from html import unescape
from itertools import takewhile
from pathlib import Path
from typing import Any
from urllib.parse import unquote_plus

import pytest
import requests
from flask.testing import FlaskClient
from prometheus_client import REGISTRY
from pydantic import SecretStr
from sqlalchemy import func, select
from werkzeug.test import TestResponse

from app import create_app
from app.agents.agencies import NewAgency, add_agency
from app.agents.staff import NewAgent, add_agent
from app.base.operation import operation
from app.payments.models import deposit
from app.runtime import Runtime
from app.settings import ROOT
from app.web.refusals import STATUSES
from tests.conftest import NOW, free_port
from tests.phone import TestPhone
from tests.servers import await_ready

FATIMA, HASSAN, AICHA = "+212600000001", "+212600000002", "+212600000005"
DRISS = "+212600000007"
UNKNOWN_CODE = "482173059617"
MISTYPED_CODE = "482173059614"
KEY = "0123456789abcdef0123456789abcdef"

pytestmark = pytest.mark.usefixtures("sample_people")


def grouped(code: str) -> str:
    return f"{code[:4]} {code[4:8]} {code[8:]}"


def field(page: str, name: str) -> str:
    """The value of the first input of that name."""
    tag = re.search(rf'<input[^>]* name="{name}"[^>]*>', page)
    assert tag, f"no input {name} on the page"
    value = re.search(r'value="([^"]*)"', tag[0])
    return value[1] if value else ""


def without_token(page: str) -> str:
    """The page but for its forms' tokens, which tell the second they were made in."""
    return re.sub(r'(name="csrf_token" value=)"[^"]*"', r"\1", page)


def plain(page: str) -> str:
    """What a reader sees: no tags, entities read, blanks as one."""
    text = re.sub(r"<[^>]+>", " ", re.sub(r"</?bdi[^>]*>", "", page))
    return re.sub(r"\s+", " ", unescape(text))


@dataclass
class AgentTerminal:
    """One browser at /agent, which follows the forms as they stand on its last page."""

    client: FlaskClient
    page: str = ""

    def get(self, path: str = "/agent", **headers: str) -> TestResponse:
        return self._keep(self.client.get(path, headers=headers, follow_redirects=True))

    def post(self, path: str, **fields: str) -> TestResponse:
        token = field(self.page, "csrf_token")
        return self.client.post(path, data={"csrf_token": token} | fields)

    def enter(self, number: str = "1001", pin: str = "246813") -> TestResponse:
        self.get()
        return self.follow(self.post("/agent/sign-in", number=number, pin=pin))

    def choose_pin(self, new: str, **changed: str) -> TestResponse:
        fields = {"new_pin": new, "new_pin_again": new}
        return self.follow(self.post("/agent/pin", **fields | changed))

    def look(self, code: str) -> TestResponse:
        return self.follow(self.post("/agent/code", code=code))

    def confirm(self, **changed: str) -> TestResponse:
        fields = {"code": field(self.page, "code"), "key": field(self.page, "key")}
        return self.post("/agent/confirm", **fields | changed)

    def follow(self, answer: TestResponse) -> TestResponse:
        if answer.status_code != 303:
            return self._keep(answer)
        return self.get(answer.headers["Location"])

    def _keep(self, answer: TestResponse) -> TestResponse:
        self.page = answer.get_data(as_text=True)
        return answer


@pytest.fixture
def till(client: FlaskClient) -> AgentTerminal:
    """A till with agent 1001 signed in, in French."""
    till = AgentTerminal(client)
    till.get("/agent?language=fr")
    assert till.enter().status_code == 200
    return till


@pytest.fixture
def other_agency(runtime: Runtime) -> AgentTerminal:
    """Agent 2002 of another agency, signed in."""
    with operation(runtime.database, runtime.clock(), "operator") as change:
        add_agency(change, NewAgency("W-FES-01", "Wafacash Fes", "Fes"))
        new = NewAgent("2002", "W-FES-01", SecretStr("135790"), own=True)
        add_agent(change, runtime.services, new)
    till = AgentTerminal(create_app(runtime).test_client())
    assert till.enter("2002", "135790").status_code == 200
    return till


def code_of(phone: TestPhone, number: str) -> str:
    """A new payment code, as dialling `2*1` gives it."""
    match = re.search(r"\d{4} \d{4} \d{4}", phone.dial(number, "2*1"))
    assert match
    return match[0].replace(" ", "")


def deposits(runtime: Runtime) -> int:
    with runtime.database.connect() as connection:
        return connection.execute(select(func.count()).select_from(deposit)).scalar_one()


# The sale


def test_a_code_is_paid_from_typing_to_receipt(
    till: AgentTerminal, phone: TestPhone, runtime: Runtime
) -> None:
    code = code_of(phone, HASSAN)
    preview = till.look(grouped(code))
    assert preview.status_code == 200
    shown = plain(till.page)
    assert "HASSAN B." in shown and "Bennani" not in shown and "BENNANI" not in shown
    assert "663,90 DH" in shown and "4 mois: 08/2026 - 11/2026" in shown
    confirmed = till.confirm()
    assert confirmed.status_code == 303
    assert deposits(runtime) == 1
    receipt = confirmed.headers["Location"].rsplit("/", 1)[1]
    till.follow(confirmed)
    shown = plain(till.page)
    for part in (
        receipt,
        "23/11/2026",
        "Wafacash Agdal",
        "1001",
        "HASSAN B.",
        "4 mois: 08/2026 - 11/2026",
        "Cotisations AMO 654,08 DH",
        "Retard 9,82 DH",
        "Frais 0,00 DH",
        "Total payé 663,90 DH",
        "La CNSS doit encore l'inscrire",
    ):
        assert part in shown, part


@pytest.mark.parametrize(
    "written",
    [
        lambda code: code,
        grouped,
        lambda code: "-".join(re.findall("....", code)),
        lambda code: f"  {code[:6]}\u00a0{code[6:]}\u200f ",
        lambda code: grouped(code).translate({48 + digit: 0x0660 + digit for digit in range(10)}),
    ],
)
def test_preview_reads_a_code_in_any_grouping(
    till: AgentTerminal, phone: TestPhone, written: Callable[[str], str]
) -> None:
    code = code_of(phone, FATIMA)
    assert till.look(written(code)).status_code == 200
    assert "FATIMA Z." in till.page and grouped(code) in plain(till.page)


def test_code_pasted_with_words_around_it_is_read_and_two_are_asked_about(
    till: AgentTerminal, phone: TestPhone
) -> None:
    code, other = (code_of(phone, number) for number in (FATIMA, HASSAN))
    sms = f"Maalem: 163,52 DH. Code {grouped(code)} avant le 30/11/2026, {'merci ' * 20}"
    assert till.look(sms).status_code == 200
    assert "FATIMA Z." in till.page and grouped(code) in plain(till.page)
    both = till.look(f"codes {code} et {other}")
    assert (both.status_code, "plusieurs codes" in plain(both.text)) == (400, True)


def test_confirm_gives_the_same_receipt_to_the_same_confirmation(
    till: AgentTerminal, phone: TestPhone, runtime: Runtime
) -> None:
    till.look(code_of(phone, FATIMA))
    first, again = till.confirm(), till.confirm()
    assert first.status_code == again.status_code == 303
    assert first.headers["Location"] == again.headers["Location"]
    assert deposits(runtime) == 1


def test_confirm_gives_one_receipt_to_two_at_once(
    till: AgentTerminal, phone: TestPhone, runtime: Runtime
) -> None:
    till.look(code_of(phone, FATIMA))
    fields = {name: field(till.page, name) for name in ("csrf_token", "code", "key")}
    cookie = till.client.get_cookie("session")
    assert cookie

    def send(_: int) -> str:
        client = till.client.application.test_client()
        client.set_cookie("session", cookie.value)
        answer = client.post("/agent/confirm", data=fields)
        assert answer.status_code == 303
        return answer.headers["Location"]

    with ThreadPoolExecutor(4) as pool:
        assert len(set(pool.map(send, range(4)))) == 1
    assert deposits(runtime) == 1


def test_paid_code_is_told_as_new_only_by_the_session_that_confirmed_it(
    till: AgentTerminal, phone: TestPhone, runtime: Runtime
) -> None:
    """The form posted again; the page back; the code typed again; another browser's same form."""
    till.look(code_of(phone, FATIMA))
    form = {name: field(till.page, name) for name in ("code", "key")}
    first = till.confirm()
    assert till.follow(first).status_code == 200
    new = till.page
    assert "Paiement enregistré le 23/11/2026 10:00" in plain(new)
    runtime.clock.now += timedelta(minutes=3)  # type: ignore[attr-defined]
    again = till.post("/agent/confirm", **form)
    assert again.headers["Location"] == first.headers["Location"]
    till.follow(again)
    assert without_token(till.page) == without_token(new)
    # The button back asks for the preview anew.
    back = till.get("/agent/code")
    assert back.status_code == 409 and "déjà payé: le 23/11/2026 10:00" in plain(till.page)
    # The next customer.
    till.get("/agent")
    assert till.look(form["code"]).status_code == 409
    assert "Ne prenez pas l'argent" in plain(till.page)
    till.get(first.headers["Location"])
    assert "Déjà payé le 23/11/2026 10:00. Ne prenez pas l'argent" in plain(till.page)
    assert "Paiement enregistré" not in plain(till.page)
    other = AgentTerminal(create_app(runtime).test_client())
    other.get("/agent?language=fr")
    assert other.enter().status_code == 200
    other.get()
    assert other.follow(other.post("/agent/confirm", **form)).status_code == 409
    assert "déjà payé: le 23/11/2026 10:00, agent 1001, reçu 1" in plain(other.page)
    other.get(first.headers["Location"])
    assert "Déjà payé le 23/11/2026 10:00" in plain(other.page)
    assert deposits(runtime) == 1


def test_confirm_refuses_a_key_for_another_code(
    till: AgentTerminal, phone: TestPhone, runtime: Runtime
) -> None:
    till.look(code_of(phone, FATIMA))
    till.confirm(key=KEY)
    refused = till.follow(till.confirm(code=code_of(phone, HASSAN), key=KEY))
    assert refused.status_code == 409
    assert "Cette page a déjà servi" in till.page
    assert deposits(runtime) == 1


def test_confirm_refuses_a_form_without_its_key(till: AgentTerminal, phone: TestPhone) -> None:
    till.look(code_of(phone, FATIMA))
    assert till.confirm(key="").status_code == 400


# Refusals


@dataclass
class TillFixture:
    till: AgentTerminal
    other: AgentTerminal
    phone: TestPhone
    runtime: Runtime


def mistyped(_: TillFixture) -> str:
    return MISTYPED_CODE


def unknown(_: TillFixture) -> str:
    return UNKNOWN_CODE


def paid_here(scene: TillFixture) -> str:
    code = code_of(scene.phone, FATIMA)
    scene.till.look(code)
    assert scene.till.confirm().status_code == 303
    return code


def paid_elsewhere(scene: TillFixture) -> str:
    code = code_of(scene.phone, FATIMA)
    scene.other.look(code)
    assert scene.other.confirm().status_code == 303
    return code


def expired(scene: TillFixture) -> str:
    code = code_of(scene.phone, FATIMA)
    scene.runtime.clock.now = NOW + timedelta(days=8)  # type: ignore[attr-defined]
    scene.till.enter()
    return code


def cancelled(scene: TillFixture) -> str:
    code = code_of(scene.phone, FATIMA)
    for typed in ("00", "3", "2", "1"):
        scene.phone.answer(typed)
    return code


REFUSALS: list[tuple[Callable[[TillFixture], str], int, str]] = [
    (mistyped, 400, "Ce code contient une erreur."),
    (unknown, 404, "Ce code n'existe pas."),
    (paid_here, 409, "Ce code est déjà payé: le 23/11/2026"),
    (paid_elsewhere, 409, "Ce code est déjà payé: le 23/11/2026 10:00, reçu 1"),
    (expired, 410, "Ce code n'est plus valable depuis le 30/11/2026"),
    (cancelled, 410, "Ce code est annulé depuis le 23/11/2026"),
]


@pytest.mark.parametrize(("scene", "status", "words"), REFUSALS)
def test_every_refusal_gives_its_reason_and_keeps_the_code(
    till: AgentTerminal,
    other_agency: AgentTerminal,
    phone: TestPhone,
    runtime: Runtime,
    scene: Callable[[TillFixture], str],
    status: int,
    words: str,
) -> None:
    code = scene(TillFixture(till, other_agency, phone, runtime))
    before = deposits(runtime)
    till.get()
    assert till.look(grouped(code)).status_code == status
    assert words in plain(till.page)
    assert field(till.page, "code") == grouped(code)
    assert 'role="alert"' in till.page and 'aria-describedby="refusal hint"' in till.page
    confirmed = till.post("/agent/confirm", code=code, key=KEY)
    assert confirmed.status_code == status
    assert deposits(runtime) == before


def test_a_paid_code_names_its_agent_only_to_the_same_agency(
    till: AgentTerminal, other_agency: AgentTerminal, phone: TestPhone
) -> None:
    code = code_of(phone, FATIMA)
    till.look(code)
    receipt = till.confirm().headers["Location"]
    till.get()
    till.look(code)
    assert "agent 1001" in plain(till.page) and f'href="{receipt}"' in till.page
    other_agency.look(code)
    assert f"reçu {receipt.rpartition('/')[2]}. Ne prenez pas l'argent" in plain(other_agency.page)
    assert "1001" not in other_agency.page and "/receipts/" not in other_agency.page


def test_receipt_refuses_one_of_another_agency(
    till: AgentTerminal, other_agency: AgentTerminal, phone: TestPhone
) -> None:
    till.look(code_of(phone, FATIMA))
    receipt = till.confirm().headers["Location"]
    assert till.get(receipt).status_code == 200
    assert other_agency.get(receipt).status_code == 404
    assert "FATIMA" not in other_agency.page
    assert other_agency.get("/agent/receipts/99999999").status_code == 404


def test_every_refusal_has_words_in_both_languages(runtime: Runtime) -> None:
    for language in ("fr", "ar"):
        for code in STATUSES:
            assert runtime.words.has(language, f"error.{code}"), (language, code)


# Signing in


def test_sign_in_locks_after_five_wrong_pins(client: FlaskClient, runtime: Runtime) -> None:
    till = AgentTerminal(client)
    till.get("/agent?language=fr")
    for _ in range(5):
        assert till.enter(pin="1111").status_code == 401
        assert "Numéro et PIN ne vont pas ensemble" in plain(till.page)
        assert field(till.page, "number") == "1001" and field(till.page, "pin") == ""
    # A device that is not known hears the same of a wrong PIN, a lock and an unknown number.
    assert till.enter().status_code == 401
    assert "Numéro et PIN ne vont pas ensemble" in plain(till.page)
    runtime.clock.now = NOW + timedelta(minutes=31)  # type: ignore[attr-defined]
    assert till.enter().status_code == 200


def test_sign_in_refuses_an_unknown_number_like_a_wrong_pin(client: FlaskClient) -> None:
    till = AgentTerminal(client)
    known, unknown = till.enter(pin="1111"), till.enter("7777", "1111")
    pages = [page.get_data(as_text=True) for page in (known, unknown)]
    alerts = [re.search(r'role="alert".*?</div>', page, re.S) for page in pages]
    assert known.status_code == unknown.status_code == 401
    assert alerts[0] and alerts[1] and alerts[0][0] == alerts[1][0]


def test_sign_in_reads_digits_of_any_script(client: FlaskClient) -> None:
    assert AgentTerminal(client).enter("١٠٠١", "٢٤٦٨١٣").status_code == 200


def test_sign_in_refuses_too_many_tries_a_minute(client: FlaskClient, runtime: Runtime) -> None:
    till = AgentTerminal(client)
    # Up to twice the limit: a minute may end in between.
    tries = (till.enter("7777", "1111").status_code for _ in range(21))
    assert set(takewhile(lambda status: status != 429, tries)) == {401}
    assert till.enter("7777", "1111").status_code == 429
    assert till.enter().status_code == 200


def test_sign_in_without_redis_is_not_limited_and_is_counted(runtime: Runtime) -> None:
    name = "maalem_rate_limits_away_total"
    before = REGISTRY.get_sample_value(name) or 0
    settings = runtime.settings.model_copy(update={"redis_url": "redis://127.0.0.1:1/0"})
    alone = Runtime(settings, clock=runtime.clock)
    assert AgentTerminal(create_app(alone).test_client()).enter().status_code == 200
    assert REGISTRY.get_sample_value(name) == before + 1
    alone.database.dispose()
    alone.redis.close()


@pytest.mark.parametrize("later", [timedelta(minutes=31), timedelta(hours=11)])
def test_an_ended_session_books_nothing(
    till: AgentTerminal, phone: TestPhone, runtime: Runtime, later: timedelta
) -> None:
    till.look(code_of(phone, FATIMA))
    end = NOW + later
    # A till in use all day is not idle: its session ends with the day all the same.
    while later > timedelta(hours=1) and runtime.clock() < end:
        runtime.clock.now = runtime.clock() + timedelta(minutes=25)  # type: ignore[attr-defined]
        till.client.get("/agent/code")
    runtime.clock.now = end  # type: ignore[attr-defined]
    refused = till.confirm()
    assert refused.status_code == 401
    assert "Rien n'est enregistré" in plain(refused.get_data(as_text=True))
    assert deposits(runtime) == 0
    assert till.enter().status_code == 200


def test_sign_out_is_a_post_and_ends_the_session(till: AgentTerminal) -> None:
    assert till.client.get("/agent/sign-out").status_code == 405
    till.follow(till.post("/agent/sign-out"))
    assert 'name="pin"' in till.page
    assert till.get("/agent/receipts/10000012").status_code == 401


def test_sign_in_clears_the_session_before_it(client: FlaskClient) -> None:
    till = AgentTerminal(client)
    till.get()
    old = field(till.page, "csrf_token")
    till.enter()
    answer = client.post("/agent/code", data={"csrf_token": old, "code": UNKNOWN_CODE})
    assert answer.status_code == 400


def test_a_dismissed_agent_is_signed_out(till: AgentTerminal, runtime: Runtime) -> None:
    with runtime.database.begin() as connection:
        connection.exec_driver_sql("UPDATE agent SET active = false")
    assert till.post("/agent/code", code=UNKNOWN_CODE).status_code == 401


# Forms and pages


@pytest.mark.parametrize("path", ["sign-in", "sign-out", "code", "confirm"])
def test_a_form_without_its_token_is_refused(
    till: AgentTerminal, runtime: Runtime, path: str
) -> None:
    answer = till.client.post(f"/agent/{path}", data={"code": UNKNOWN_CODE, "key": KEY})
    assert answer.status_code == 400
    assert "Cette page est trop ancienne" in answer.get_data(as_text=True)


def test_no_till_page_is_stored_by_a_browser(till: AgentTerminal, phone: TestPhone) -> None:
    for path in ("/agent", "/agent/code", "/agent/receipts/10000012"):
        assert till.get(path).headers["Cache-Control"] == "no-store"
    cookie = till.client.get_cookie("session")
    assert cookie and cookie.http_only and cookie.same_site == "Lax"


def test_pages_hold_no_script_or_style_of_their_own(till: AgentTerminal, phone: TestPhone) -> None:
    till.look(code_of(phone, FATIMA))
    pages = [till.page, till.follow(till.confirm()).get_data(as_text=True)]
    pages += [till.client.get(path).get_data(as_text=True) for path in ("/", "/simulator")]
    for page in pages:
        assert not re.search(r"<style|<script(?![^>]* src=)|\son\w+=|\sstyle=", page)


def test_arabic_runs_right_to_left_and_figures_do_not(
    till: AgentTerminal, phone: TestPhone
) -> None:
    code = code_of(phone, AICHA)
    till.look(code)
    place = till.get("/agent/code?language=ar")
    assert place.request.path == "/agent/code" and place.status_code == 200
    assert '<html lang="ar" dir="rtl">' in till.page
    assert "<bdi>1530.56 درهم</bdi>" in till.page
    assert f'<bdi dir="ltr">{grouped(code)}</bdi>' in till.page
    assert '<bdi dir="ltr">AICHA A.</bdi>' in till.page
    till.follow(till.confirm())
    assert "تم الأداء" in till.page


@pytest.mark.parametrize(
    ("payer", "language"), [(FATIMA, "fr"), (AICHA, "ar"), (DRISS, "ary-Latn")]
)
def test_paper_is_in_the_artisans_language_and_the_page_in_the_agents(
    till: AgentTerminal, phone: TestPhone, payer: str, language: str
) -> None:
    code = code_of(phone, payer)
    till.get("/agent?language=zgh")
    till.look(code)
    till.follow(till.confirm())
    paper = re.search(
        r'<article class="paper" lang="([^"]+)" dir="([^"]+)".*?</article>', till.page, re.S
    )
    assert paper and paper[1] == language
    assert paper[2] == ("rtl" if language == "ar" else "ltr")
    title = {"fr": "Reçu 1", "ar": "وصل 1", "ary-Latn": "Wassl 1"}[language]
    assert title in plain(paper[0])
    assert '<html lang="zgh" dir="ltr">' in till.page
    assert "ⵜⴰⵏⴳⴰⵍⵜ ⵜⴰⵏⴰⴹⴼⵓⵔⵜ" in till.page  # next code


def test_the_language_is_guessed_then_remembered(client: FlaskClient) -> None:
    till = AgentTerminal(client)
    till.get(**{"Accept-Language": "ar-MA,ar;q=0.9,fr;q=0.5"})
    assert 'dir="rtl"' in till.page
    till.get(**{"Accept-Language": "en"})
    assert 'lang="fr"' in till.page
    till.get("/agent?language=ar")
    till.get(**{"Accept-Language": "fr"})
    assert 'dir="rtl"' in till.page


def test_the_first_page_names_what_is_here(client: FlaskClient) -> None:
    page = client.get("/").get_data(as_text=True)
    for path in ("/simulator", "/agent", "/healthz", "/readyz", "/metrics"):
        assert f'href="{path}"' in page


# When something is away


def test_with_the_database_away_a_page_says_so_and_offers_the_same_again(
    till: AgentTerminal, phone: TestPhone, runtime: Runtime
) -> None:
    till.look(code_of(phone, FATIMA))
    code, key = field(till.page, "code"), field(till.page, "key")
    away_url = "postgresql://nobody@127.0.0.1:1/nothing"
    settings = runtime.settings.model_copy(update={"database_url": away_url})
    alone = Runtime(settings, clock=runtime.clock)
    broken = AgentTerminal(create_app(alone).test_client(), till.page)
    cookie = till.client.get_cookie("session")
    assert cookie
    broken.client.set_cookie("session", cookie.value)
    answer = broken.follow(broken.post("/agent/confirm", code=code, key=key))
    assert answer.status_code == 503
    assert "Service en panne" in broken.page
    assert (field(broken.page, "code"), field(broken.page, "key")) == (code, key)
    assert broken.get("/agent").status_code == 503
    assert "Rien n'est enregistré" in plain(broken.page)
    assert till.confirm().status_code == 303
    assert deposits(runtime) == 1
    alone.database.dispose()


# What is written down


@pytest.fixture
def logged_server(runtime: Runtime, tmp_path: Path) -> Iterator[tuple[str, Path]]:
    """A server that logs everything, addresses too; its base address and the log."""
    log, port = tmp_path / "log", free_port()
    runtime.clock.now = datetime.now(UTC)  # type: ignore[attr-defined]
    environment: dict[str, str] = os.environ | {
        "DATABASE_URL": runtime.settings.database_url,
        "REDIS_URL": runtime.settings.redis_url,
        "LOG_LEVEL": "debug",
    }
    command: list[Any] = [Path(sys.executable).parent / "granian", "--interface", "wsgi"]
    command += ["--port", str(port), "--access-log", "--log-level", "info", "wsgi:app"]
    command += ["--access-log-fmt", "%(method)s %(path)s?%(query_string)s"]
    with log.open("wb") as file:
        server = subprocess.Popen(command, env=environment, cwd=ROOT, stdout=file, stderr=file)
    try:
        await_ready(f"http://127.0.0.1:{port}")
        yield f"http://127.0.0.1:{port}", log
    finally:
        server.terminate()
        server.wait(15)


def test_no_code_or_pin_in_any_address_or_log_line(
    logged_server: tuple[str, Path], phone: TestPhone, runtime: Runtime
) -> None:
    base, log = logged_server
    pin, wrong_pin = "24680731", "24680732"  # long: no time or identifier holds them by chance
    with operation(runtime.database, runtime.clock(), "operator") as change:
        new = NewAgent("1001", "W-RABAT-01", SecretStr(pin), own=True)
        add_agent(change, runtime.services, new)
    code = code_of(phone, FATIMA)
    with requests.Session() as browser:
        page = browser.get(f"{base}/agent").text

        def send(path: str, **fields: str) -> requests.Response:
            data = {"csrf_token": field(page, "csrf_token")} | fields
            return browser.post(f"{base}/agent/{path}", data, timeout=5)

        page = send("sign-in", number="248163", pin="1001").text  # each in the other's field
        page = send("sign-in", number="1001", pin=wrong_pin).text
        page = send("sign-in", number="1001", pin=pin).text
        page = send("code", code=MISTYPED_CODE).text
        page = send("code", code=grouped(code)).text
        answer = send("confirm", code=code, key=field(page, "key"))
        assert "/agent/receipts/" in answer.url
    written = log.read_text("utf-8")
    assert "/agent/confirm" in written and '"event": "deposit"' in written
    readable = unquote_plus(written)
    for typed in (code, MISTYPED_CODE):
        assert typed not in readable and grouped(typed) not in readable
    assert pin not in readable and wrong_pin not in readable
    assert '"248163"' not in readable
