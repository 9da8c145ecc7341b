"""An artisan at a chamber's counter: known, present for a while, helped, and told of it by SMS."""

from __future__ import annotations

import re
from datetime import timedelta

import pytest
from flask.testing import FlaskClient
from sqlalchemy import Engine, text
from werkzeug.test import TestResponse

from app.base.operation import operation
from app.base.phone import Phone
from app.enrolment.pins import set_pin
from app.jobs.housekeeping import Housekeeping
from app.office.samples import SAMPLE_USERS
from app.runtime import Runtime
from app.wall import Sight, stand_behind
from tests.journeys.other_parties import OtherParties
from tests.phone import TestPhone
from tests.web.office.conftest import SignIn, post
from tests.web.office.test_people import AICHA, HASSAN, STRANGER, act, ask, id_of

HASSANS = {"rna": "100002", "birth_date": "01/01/1982"}
pytestmark = pytest.mark.usefixtures("sample_people")


def open_by_card(browser: FlaskClient, **fields: str) -> TestResponse:
    return post(browser, "/office/counter", **(HASSANS | {"way": "card"} | fields))


def help_with(browser: FlaskClient, person: int, act: str, **fields: str) -> TestResponse:
    address = f"/office/people/{person}/counter/{act}"
    return post(browser, address, **({"reason": "counter"} | fields))


def sent(engine: Engine, kind: str) -> list[str]:
    rows = ask(engine, "SELECT body FROM message WHERE kind = :k ORDER BY id", k=kind)
    return [str(body) for (body,) in rows]


def test_without_the_artisan_no_file_opens_also_behind_the_wall(
    sign_in: SignIn, engine: Engine, runtime: Runtime, phone: TestPhone
) -> None:
    hassan, aicha = id_of(engine, HASSAN), id_of(engine, AICHA)
    browser = sign_in("chamber")
    closed = browser.get(f"/office/people/{hassan}?reason=counter")
    assert closed.status_code == 403
    assert "Bennani" not in closed.text and "présent" in closed.text
    assert browser.get(f"/office/people/{aicha}?reason=counter").status_code == 404
    assert help_with(browser, hassan, "code").status_code == 403
    assert help_with(browser, aicha, "code").status_code == 404
    # A search shows the region's own, by a masked name.
    assert "HASSAN B." in post(browser, "/office/people", q=HASSAN).text
    assert "AICHA" not in post(browser, "/office/people", q=AICHA).text.upper()
    phone.dial(HASSAN, "2*1")
    phone.dial(AICHA, "2*1")
    region, codes = SAMPLE_USERS["chamber"].region, "SELECT artisan_id FROM payment_code"

    def codes_seen(name: str, later: int = 0) -> list[int]:
        moment = runtime.clock() + timedelta(minutes=later)
        with engine.begin() as connection:
            stand_behind(connection, Sight(name, "chamber", region, moment=moment))
            return list(connection.execute(text(codes)).scalars())

    assert codes_seen("chamber") == []
    assert open_by_card(browser).status_code == 303
    assert codes_seen("chamber") == [hassan]
    assert codes_seen("another") == codes_seen("chamber", later=31) == []


@pytest.mark.parametrize(
    "wrong",
    [
        {"birth_date": "02/01/1982"},
        {"rna": "999999"},
        {"rna": "100005", "birth_date": "01/01/1985"},
        {"rna": "100001", "birth_date": "01/01/1981"},
    ],
)
def test_a_wrong_birth_date_and_another_region_are_refused_alike(
    sign_in: SignIn, engine: Engine, wrong: dict[str, str]
) -> None:
    answer = open_by_card(sign_in("chamber"), **wrong)
    assert answer.status_code == 404
    assert "autre région" in answer.text
    assert not ask(engine, "SELECT 1 FROM presence")


def test_birth_dates_are_not_guessed_at_a_counter(
    sign_in: SignIn, engine: Engine, runtime: Runtime
) -> None:
    browser = sign_in("chamber")
    answers = [open_by_card(browser, birth_date=f"{day:02d}/02/1982") for day in range(1, 13)]
    assert [answer.status_code for answer in answers] == [404] * 10 + [429] * 2
    # Then a right one opens nothing either; another officer's and another number's still do.
    assert open_by_card(browser).status_code == 429
    assert open_by_card(browser, rna="100007", birth_date="01/01/1987").status_code != 429
    assert open_by_card(sign_in("office")).status_code == 303
    refused = (
        "SELECT subject FROM audit_event WHERE action = 'presence_refused' AND actor = :who"
        " ORDER BY id"
    )
    hassan = f"artisan:{id_of(engine, HASSAN)}"
    assert ask(engine, refused, who="chamber")[:10] == [(hassan,)] * 10
    assert len(sent(engine, "dates_tried")) == 1
    # A day later there are new ones; of all numbers together a day has forty.
    clock = runtime.clock
    clock.now = runtime.clock() + timedelta(days=1)  # type: ignore[attr-defined]
    browser = sign_in("chamber")
    answers = [open_by_card(browser, rna=str(200_000 + number)) for number in range(41)]
    assert [answer.status_code for answer in answers] == [404] * 40 + [429]
    assert open_by_card(browser).status_code == 429


@pytest.mark.parametrize("wrong", [{"birth_date": "x"}, {"rna": ""}, {"birth_date": "31/02/1982"}])
def test_fields_that_are_none_are_said(sign_in: SignIn, wrong: dict[str, str]) -> None:
    assert open_by_card(sign_in("chamber"), **wrong).status_code == 400


def test_a_file_opens_for_half_an_hour_and_for_this_officer_alone(
    sign_in: SignIn, engine: Engine, owner: Engine, runtime: Runtime
) -> None:
    hassan, clock = id_of(engine, HASSAN), runtime.clock
    browser, other = sign_in("chamber"), sign_in("helpdesk")
    answer = open_by_card(browser, rna="١٠٠٠٠٢", birth_date="01011982")
    address = answer.headers["Location"]
    assert address.endswith(f"/office/people/{hassan}?reason=counter")
    page = browser.get(address).text
    assert "Hassan Bennani" in page and "Dossier ouvert pour vous" in page
    assert len(sent(engine, "counter_opened")) == 1
    # Another officer of the same chamber is not let in by it.
    with owner.begin() as connection:
        connection.execute(
            text("UPDATE office_user SET role = 'chamber', region = 'Fès-Meknès' WHERE name = :n"),
            {"n": "helpdesk"},
        )
    assert other.get(address).status_code == 403
    assert help_with(other, hassan, "code").status_code == 403
    clock.now = runtime.clock() + timedelta(minutes=29)  # type: ignore[attr-defined]
    assert browser.get(address).status_code == 200
    clock.now = runtime.clock() + timedelta(minutes=1)  # type: ignore[attr-defined]
    assert browser.get(address).status_code == 403
    assert help_with(browser, hassan, "code").status_code == 403


def test_the_file_closes_when_the_artisan_leaves(sign_in: SignIn, engine: Engine) -> None:
    browser = sign_in("chamber")
    address = open_by_card(browser).headers["Location"]
    number = ask(engine, "SELECT id FROM presence")[0][0]
    assert post(sign_in("office"), f"/office/counter/{number}/end").status_code == 404
    assert browser.get(address).status_code == 200
    assert post(browser, f"/office/counter/{number}/end").status_code == 303
    assert browser.get(address).status_code == 403


def test_a_code_of_the_artisan_s_phone_opens_what_a_pin_protects(
    sign_in: SignIn, engine: Engine, runtime: Runtime
) -> None:
    hassan = id_of(engine, HASSAN)
    with operation(runtime.database, runtime.clock(), "artisan") as change:
        set_pin(change, hassan, "hash", Phone(HASSAN))
    browser = sign_in("chamber")
    shut = browser.get(open_by_card(browser).headers["Location"]).text
    assert "Protégé par le code PIN" in shut
    # What paying needs is there; rights, payments and requests are not.
    assert "08/2026" in shut and "Ouverts jusqu" not in shut and 'id="h-payments"' not in shut
    asked = open_by_card(browser, way="code").headers["Location"]
    assert browser.get(asked).status_code == 200
    (code,) = re.findall(r"\d{6}", sent(engine, "presence_code")[0])
    wrong = "000000" if code != "000000" else "111111"
    assert post(browser, asked, code=wrong).status_code == 403
    assert post(sign_in("office"), asked, code=code).status_code == 404
    opened = post(browser, asked, code=f" {code[:3]} {code[3:]}")
    assert opened.status_code == 303
    page = browser.get(opened.headers["Location"]).text
    assert "Protégé" not in page and "Ouverts jusqu" in page and 'id="h-payments"' in page
    assert post(browser, asked, code=code).status_code == 403


def test_a_code_is_tried_three_times_and_ten_minutes(
    sign_in: SignIn, engine: Engine, runtime: Runtime
) -> None:
    browser, clock = sign_in("chamber"), runtime.clock
    for late in (False, True):
        asked = open_by_card(browser, way="code").headers["Location"]
        code = re.findall(r"\d{6}", sent(engine, "presence_code")[-1])[0]
        wrong = f"{(int(code) + 1) % 10**6:06d}"
        if late:
            clock.now = runtime.clock() + timedelta(minutes=10)  # type: ignore[attr-defined]
            assert post(browser, asked, code=code).status_code == 404
        else:
            for _ in range(3):
                assert post(browser, asked, code=wrong).status_code == 403
            assert post(browser, asked, code=code).status_code == 403
    assert not ask(engine, "SELECT 1 FROM presence WHERE began_at IS NOT NULL")


def test_what_the_officer_does_is_done_in_the_artisan_s_name_and_told(
    sign_in: SignIn, engine: Engine
) -> None:
    hassan = id_of(engine, HASSAN)
    browser = sign_in("chamber")
    open_by_card(browser)
    made = help_with(browser, hassan, "code")
    sheet = browser.get(made.headers["Location"]).text
    code = re.search(r"\d{4} \d{4} \d{4}", sheet)
    assert code and "Wafacash" in sheet and code[0] in sent(engine, "code")[0]
    # Asked once more, it is the same code.
    help_with(browser, hassan, "code")
    assert len(ask(engine, "SELECT 1 FROM payment_code")) == 1
    assert help_with(browser, hassan, "help", topic="topic.bank.account").status_code == 303
    assert help_with(browser, hassan, "help", topic="topic.bank.gold").status_code == 400
    assert ask(engine, "SELECT kind, artisan_id FROM help_request") == [("bank", hassan)]
    assert sent(engine, "request")
    for answer in ("yes", "no"):
        assert help_with(browser, hassan, "consent", calls=answer).status_code == 303
    assert ask(
        engine, "SELECT given, channel FROM consent WHERE subject = 'calls' ORDER BY id"
    ) == [(True, "counter"), (False, "counter")]
    assert sent(engine, "calls_on") and sent(engine, "calls_off")
    assert help_with(browser, hassan, "tie", phone=STRANGER).status_code == 303
    assert ask(engine, "SELECT phone, way FROM artisan_phone WHERE artisan_id = :h", h=hassan) == [
        (STRANGER, "papers")
    ]
    # Told of each tie that is new, also of a phone that was untied between.
    assert help_with(browser, hassan, "tie", phone=STRANGER).status_code == 303
    assert len(sent(engine, "phone_added")) == 1
    assert "délié" in act(sign_in("helpdesk"), hassan, "untie", phone=STRANGER)
    help_with(browser, hassan, "tie", phone=STRANGER)
    assert len(sent(engine, "phone_added")) == 2
    actors = ask(engine, "SELECT DISTINCT actor FROM audit_event WHERE action = 'code_issued'")
    assert actors == [("chamber",)]


def test_who_has_no_phone_is_helped_on_paper(
    sign_in: SignIn, engine: Engine, owner: Engine
) -> None:
    hassan = id_of(engine, HASSAN)
    with owner.begin() as connection:
        connection.execute(text("UPDATE artisan SET phone = NULL WHERE id = :h"), {"h": hassan})
    browser = sign_in("chamber")
    refused = open_by_card(browser, way="code")
    assert refused.status_code == 409 and "utilisez sa carte" in refused.text
    open_by_card(browser)
    sheet = browser.get(help_with(browser, hassan, "code").headers["Location"])
    assert re.search(r"\d{4} \d{4} \d{4}", sheet.text)
    for _ in range(2):
        help_with(browser, hassan, "help", topic="topic.call_back.any")
    assert ask(engine, "SELECT phone, artisan_id FROM help_request") == [(None, hassan)]
    reference = str(ask(engine, "SELECT reference FROM help_request")[0][0])
    assert "Pas de téléphone" in sign_in("helpdesk").get(f"/office/requests/{reference}").text
    assert help_with(browser, hassan, "consent", calls="yes").status_code == 409
    assert not ask(engine, "SELECT 1 FROM message WHERE kind <> 'claim_ready'")


def test_an_officer_opens_so_many_files_a_day(
    sign_in: SignIn, engine: Engine, owner: Engine, runtime: Runtime
) -> None:
    browser = sign_in("chamber")
    open_by_card(browser)
    with owner.begin() as connection:
        connection.execute(
            text(
                "INSERT INTO presence (artisan_id, officer, way, asked_at, began_at, ends_at)"
                " SELECT artisan_id, officer, way, asked_at, began_at, asked_at"
                " FROM presence, generate_series(1, 59)"
            )
        )
    refused = open_by_card(browser)
    assert refused.status_code == 429 and "trop de dossiers" in refused.text
    # Two days later a worker forgets them.
    clock = runtime.clock
    clock.now = runtime.clock() + timedelta(days=2, hours=1)  # type: ignore[attr-defined]
    Housekeeping(runtime).do()
    assert not ask(engine, "SELECT 1 FROM presence")


def test_sheets_are_for_both_papers_and_noted(
    sign_in: SignIn, engine: Engine, runtime: Runtime
) -> None:
    hassan = id_of(engine, HASSAN)
    browser = sign_in("chamber")
    open_by_card(browser)
    address = f"/office/people/{hassan}/sheets"
    assert browser.get(f"{address}/code?reason=counter").status_code == 404
    help_with(browser, hassan, "code")
    for paper in ("a4", "roll", "wall"):
        page = browser.get(f"{address}/code?reason=counter&paper={paper}").text
        assert ("sheet_roll.css" in page) == (paper == "roll")
    OtherParties(runtime).collect_cash()
    receipt = str(ask(engine, "SELECT receipt_number FROM deposit")[0][0])
    assert receipt in browser.get(f"{address}/receipt/{receipt}?reason=counter").text
    assert browser.get(f"{address}/receipt/1000?reason=counter").status_code == 404
    assert "Hassan" not in browser.get(f"{address}/file").text
    browser.get("/office?language=ar")
    arabic = browser.get(f"{address}/file?reason=counter").text
    assert 'dir="rtl"' in arabic and "ملف الصانع" in arabic
    seen = ask(
        engine,
        "SELECT details->'seen'->>0 FROM audit_event WHERE action = 'person_shown' ORDER BY id",
    )
    assert [part for (part,) in seen] == ["sheet_code"] * 3 + ["sheet_receipt", "sheet_file"]
