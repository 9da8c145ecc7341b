"""The help desk's page of a person: found by a number, opened for a reason, acted on by service."""

from __future__ import annotations

import re
from datetime import timedelta

import pytest
from flask.testing import FlaskClient
from sqlalchemy import Engine, text

from app.base.clock import local_date
from app.base.operation import operation
from app.base.phone import Phone
from app.enrolment.pins import set_pin
from app.enrolment.ties import find_way, tie_phone
from app.jobs.housekeeping import Housekeeping
from app.office.service import dismiss_office_user
from app.reconciliation.cnss_export import export_payments
from app.runtime import Runtime
from tests.journeys.other_parties import OtherParties
from tests.phone import TestPhone
from tests.web.office.conftest import SignIn, post

HASSAN, AICHA, DRISS = "+212600000002", "+212600000005", "+212600000007"
BRAHIM, STRANGER = "+212600000004", "+212600000099"
pytestmark = pytest.mark.usefixtures("sample_people")


def id_of(engine: Engine, phone: str) -> int:
    with engine.connect() as connection:
        found = connection.execute(text("SELECT id FROM artisan WHERE phone = :p"), {"p": phone})
        return int(found.scalar_one())


def ask(engine: Engine, query: str, **values: object) -> list[tuple[object, ...]]:
    with engine.connect() as connection:
        return [tuple(row) for row in connection.execute(text(query), values)]


def act(browser: FlaskClient, person: int, name: str, **fields: str) -> str:
    """Does an act as the form of the page does; returns the page it leads to."""
    answer = post(browser, f"/office/people/{person}/{name}", reason="call", **fields)
    if answer.status_code != 303:
        return f"{answer.status_code} {answer.text}"
    return browser.get(answer.headers["Location"]).text


@pytest.mark.parametrize(
    "typed",
    ["0600000002", "+212 600 00 00 02", "100002", "٠٦٠٠٠٠٠٠٠٢", "۱۰۰۰۰۲", "100000002", " 100002 "],
)
def test_a_person_is_found_by_any_number_in_any_digits(sign_in: SignIn, typed: str) -> None:
    page = post(sign_in("helpdesk"), "/office/people", q=typed)
    assert page.status_code == 200
    assert "Hassan Bennani" in page.text
    assert "Location" not in page.headers


def test_a_chamber_looks_up_so_many_people_in_a_day(
    sign_in: SignIn, engine: Engine, runtime: Runtime, monkeypatch: pytest.MonkeyPatch
) -> None:
    few = runtime.settings.model_copy(update={"chamber_searches_a_day": 3})
    monkeypatch.setattr(runtime, "settings", few)
    chamber, helpdesk = sign_in("chamber"), sign_in("helpdesk")
    # Numbers of nobody count too: they are how one would try them all.
    numbers = ("100002", "999998", "999999", "100002")
    answers = [post(chamber, "/office/people", q=number) for number in numbers]
    assert [answer.status_code for answer in answers] == [200, 200, 200, 429]
    assert "en un jour" in answers[-1].text and "Hassan" not in answers[-1].text
    refused = "SELECT actor, details ->> 'most' FROM audit_event WHERE action = 'search_refused'"
    assert ask(engine, refused) == [("chamber", "3")]
    assert "Hassan" in post(helpdesk, "/office/people", q="100002").text
    runtime.clock.now = runtime.clock() + timedelta(days=1)  # type: ignore[attr-defined]
    assert post(sign_in("chamber"), "/office/people", q="100002").status_code == 200


def test_a_search_that_finds_several_is_a_look_at_each(
    sign_in: SignIn, engine: Engine, runtime: Runtime
) -> None:
    people = [id_of(engine, HASSAN), id_of(engine, DRISS)]
    for person in people:
        with operation(runtime.database, runtime.clock(), "artisan") as change:
            tie_phone(change, Phone(STRANGER), person)
    browser = sign_in("helpdesk")
    assert "Driss" in post(browser, "/office/people", q=STRANGER).text
    looks = "SELECT subject, details->>'reason' FROM audit_event WHERE action = :a ORDER BY id"
    expected = [(f"artisan:{person}", "search") for person in people]
    assert ask(engine, looks, a="person_looked_up") == expected
    page = browser.get(f"/office/people/{people[1]}?reason=call").text
    assert "<td>Recherche</td>" in page


@pytest.mark.parametrize("typed", ["", "abc", "9" * 500, "'; DROP TABLE artisan", "<b>"])
def test_a_number_of_nobody_finds_nobody(sign_in: SignIn, typed: str) -> None:
    page = post(sign_in("helpdesk"), "/office/people", q=typed)
    assert page.status_code == 200
    assert "Personne avec ce numéro" in page.text and "<b>" not in page.text


@pytest.mark.parametrize(
    "reason", ["", "?reason=", "?reason=fun", "?reason=call%00", "?reason=till"]
)
def test_without_a_reason_of_the_list_nothing_is_shown(
    sign_in: SignIn, engine: Engine, reason: str
) -> None:
    hassan = id_of(engine, HASSAN)
    page = sign_in("helpdesk").get(f"/office/people/{hassan}{reason}")
    assert page.status_code in {200, 400}
    assert "Hassan" not in page.text and "100002" not in page.text
    assert not ask(engine, "SELECT 1 FROM audit_event WHERE action = 'person_shown'")


def test_a_person_s_page_shows_what_the_desk_needs_and_notes_the_look(
    sign_in: SignIn, engine: Engine, phone: TestPhone, runtime: Runtime
) -> None:
    screen = phone.dial(HASSAN, "2*1")
    code = re.search(r"\d{4} \d{4} \d{4}", screen)
    assert code
    Housekeeping(runtime).do()
    hassan = id_of(engine, HASSAN)
    browser = sign_in("helpdesk")
    page = browser.get(f"/office/people/{hassan}?reason=complaint").text
    for shown in ("Hassan Bennani", "08/2026", code[0], "À payer", HASSAN, "Depuis", "Réclamation"):
        assert shown in page, shown
    # A message's fate without its text; a talk by its screens and the digits of menus.
    assert "En attente" in page and "Maalem:" not in page
    assert '<kbd dir="ltr">2 1</kbd>' in page
    actor, details = ask(
        engine,
        "SELECT actor, details FROM audit_event WHERE action = 'person_shown' AND subject = :s",
        s=f"artisan:{hassan}",
    )[0]
    assert actor == "helpdesk"
    assert details["reason"] == "complaint" and "talks" in details["seen"]  # type: ignore[index]
    again = browser.get(f"/office/people/{hassan}?reason=check").text
    assert "Réclamation" in again and "helpdesk" in again


def test_a_talk_shows_no_number_that_was_typed(
    sign_in: SignIn, engine: Engine, phone: TestPhone, runtime: Runtime
) -> None:
    phone.dial(HASSAN, "2*3")
    phone.answer("100007")
    Housekeeping(runtime).do()
    page = sign_in("helpdesk").get(f"/office/people/{id_of(engine, HASSAN)}?reason=call").text
    typed = re.findall(r'<kbd dir="ltr">([^<]*)</kbd>', page)
    assert typed == ["2 3", "…"]
    assert "100007" not in page


def test_where_a_payment_is_stands_beside_it(
    sign_in: SignIn, engine: Engine, phone: TestPhone, runtime: Runtime
) -> None:
    phone.dial(HASSAN, "2*1")
    others = OtherParties(runtime)
    others.collect_cash()
    hassan = id_of(engine, HASSAN)
    browser = sign_in("helpdesk")

    def read_place() -> str:
        page = browser.get(f"/office/people/{hassan}?reason=call").text
        row = page.partition('id="h-payments"')[2].partition("<tbody>")[2].partition("</tr>")[0]
        return re.findall(r"<td>(.*?)</td>", row)[2]

    places = [read_place()]
    with operation(runtime.database, runtime.clock(), "cnss") as change:
        export = export_payments(change, local_date(runtime.clock()))
    assert export
    places.append(read_place())
    others.run("UPDATE cnss_line SET answer = 'refused', answered_on = now(), reason = 'R12'")
    places.append(read_place())
    others.run("UPDATE cnss_line SET answer = 'posted', reason = NULL")
    others.run("UPDATE contribution_allocation SET posted_on = '2026-11-24'")
    places.append(read_place())
    assert [place.partition(" ")[0] for place in places] == ["Reçu", "Envoyé", "Refusé", "Inscrit"]
    assert "R12" in places[2] and "24/11/2026" in places[3]


def test_talks_of_a_phone_are_linked_by_no_number(
    engine: Engine, phone: TestPhone, runtime: Runtime
) -> None:
    phone.dial(HASSAN, "1")
    phone.dial(AICHA, "1")
    Housekeeping(runtime).do()
    callers = {caller for (caller,) in ask(engine, "SELECT caller FROM hop")}
    assert len(callers) == 2
    assert not any(str(number)[-6:] in str(callers) for number in (HASSAN, AICHA))
    sessions, today = runtime.turns.sessions, runtime.clock().date()
    assert set(sessions.digest_callers(Phone(HASSAN), [today])) < callers
    assert not set(sessions.digest_callers(Phone(HASSAN), [today.replace(day=1)])) & callers


@pytest.mark.parametrize(
    ("role", "status"),
    [("analyst", 403), ("wafacash", 403), ("cnss", 403), ("operator", 403), ("auditor", 200)],
)
def test_who_may_not_see_people_does_not(
    sign_in: SignIn, engine: Engine, role: str, status: int
) -> None:
    hassan = id_of(engine, HASSAN)
    browser = sign_in(role)
    assert browser.get(f"/office/people/{hassan}?reason=check").status_code == status
    assert act(browser, hassan, "note", note="x").startswith("403")


def test_nobody_s_number_is_no_page(sign_in: SignIn) -> None:
    browser = sign_in("helpdesk")
    for number in ("0", "999999", str(2**63), "9" * 40):
        assert browser.get(f"/office/people/{number}?reason=call").status_code == 404, number
        assert act(browser, int(number), "note", note="x").startswith("404")


def test_a_merged_entry_leads_to_the_person(sign_in: SignIn, engine: Engine, owner: Engine) -> None:
    hassan, aicha = id_of(engine, HASSAN), id_of(engine, AICHA)
    with owner.begin() as connection:
        connection.execute(
            text(
                "UPDATE artisan SET merged_into = :kept, phone = NULL, enrolled_on = NULL"
                " WHERE id = :double"
            ),
            {"kept": hassan, "double": aicha},
        )
    answer = sign_in("helpdesk").get(f"/office/people/{aicha}?reason=call")
    assert answer.status_code == 303
    assert answer.headers["Location"].endswith(f"/office/people/{hassan}?reason=call")


def test_a_note_is_kept_as_written_once_and_never_as_html(sign_in: SignIn, engine: Engine) -> None:
    hassan = id_of(engine, HASSAN)
    browser = sign_in("helpdesk")
    wicked = "<script>alert(1)</script> & ملاحظة"
    page = act(browser, hassan, "note", note=wicked, once="a" * 32)
    assert "&lt;script&gt;" in page and "<script>" not in page
    again = act(browser, hassan, "note", note=wicked, once="a" * 32)
    assert again.startswith("409") and "déjà" in again
    assert len(ask(engine, "SELECT 1 FROM person_note")) == 1
    for wrong in ("", "   ", "x" * 1001, "a\0b"):
        assert act(browser, hassan, "note", note=wrong).startswith("400")
    assert act(browser, hassan, "note", note="x", once="forged").startswith("409")
    for statement in ("UPDATE person_note SET words = 'other'", "DELETE FROM person_note"):
        with (
            pytest.raises(Exception, match=r"permission denied|kept as it is"),
            engine.begin() as change,
        ):
            change.execute(text(statement))


def test_the_code_shown_is_cancelled_and_no_other(
    sign_in: SignIn, engine: Engine, phone: TestPhone
) -> None:
    phone.dial(HASSAN, "2*1")
    hassan = id_of(engine, HASSAN)
    browser = sign_in("helpdesk")
    assert "était plus" in act(browser, hassan, "cancel-code", code="100000000000")
    code = str(ask(engine, "SELECT code FROM payment_code")[0][0])
    assert "Le code est annulé" in act(browser, hassan, "cancel-code", code=code)
    assert ask(engine, "SELECT state FROM payment_code") == [("cancelled",)]
    assert ask(engine, "SELECT 1 FROM message WHERE kind = 'code_cancelled'")
    assert "était plus" in act(browser, hassan, "cancel-code", code=code)


def test_a_receipt_goes_again_to_its_phones_a_few_times_a_day(
    sign_in: SignIn, engine: Engine, phone: TestPhone, runtime: Runtime
) -> None:
    phone.dial(HASSAN, "2*1")
    OtherParties(runtime).collect_cash()
    receipt = str(ask(engine, "SELECT receipt_number FROM deposit")[0][0])
    hassan, driss = id_of(engine, HASSAN), id_of(engine, DRISS)
    browser = sign_in("helpdesk")
    count = "SELECT count(*) FROM message WHERE kind = 'receipt'"
    before = ask(engine, count)[0][0]
    assert "renvoyé" in act(browser, hassan, "receipt", receipt=receipt)
    assert ask(engine, count)[0][0] == int(str(before)) + 1
    assert act(browser, driss, "receipt", receipt=receipt).startswith("404")
    for _ in range(3):
        last = act(browser, hassan, "receipt", receipt=receipt)
    assert "trois fois" in last


def test_a_phone_is_untied_and_the_registers_stays(
    sign_in: SignIn, engine: Engine, runtime: Runtime
) -> None:
    hassan = id_of(engine, HASSAN)
    with operation(runtime.database, runtime.clock(), "artisan") as change:
        tie_phone(change, Phone(STRANGER), hassan)
    browser = sign_in("helpdesk")
    assert "délié" in act(browser, hassan, "untie", phone=STRANGER)
    with engine.connect() as connection:
        assert find_way(connection, Phone(STRANGER), hassan) is None
    assert act(browser, hassan, "untie", phone=HASSAN).startswith("409")
    assert act(browser, hassan, "untie", phone="abc").startswith("400")


def test_a_pin_is_reset_by_two_people_at_two_terminals(
    sign_in: SignIn, engine: Engine, runtime: Runtime
) -> None:
    hassan = id_of(engine, HASSAN)
    with operation(runtime.database, runtime.clock(), "artisan") as change:
        set_pin(change, hassan, "hash", Phone(HASSAN))
    browser = sign_in("helpdesk")
    assert "proposé" in act(browser, hassan, "reset-pin")
    # The same person, also from another browser, is one.
    assert act(browser, hassan, "reset-pin").startswith("409")
    assert act(sign_in("helpdesk"), hassan, "reset-pin").startswith("409")
    assert ask(engine, "SELECT 1 FROM artisan_pin")
    assert "à deux" in act(sign_in("office"), hassan, "reset-pin")
    assert not ask(engine, "SELECT 1 FROM artisan_pin")
    assert ask(engine, "SELECT 1 FROM message WHERE kind = 'pin_removed'")


def test_a_phone_is_proven_and_a_double_merged_by_two(sign_in: SignIn, engine: Engine) -> None:
    hassan, double = id_of(engine, HASSAN), id_of(engine, BRAHIM)
    first, second = sign_in("helpdesk"), sign_in("office")
    for name, fields in {"prove": {"phone": STRANGER}, "merge": {"double": str(double)}}.items():
        assert "proposé" in act(first, hassan, name, **fields)
        page = act(first, hassan, "note", note="x")
        assert "helpdesk" in page.partition('id="h-two"')[2].partition("</ul>")[0]
        assert act(first, hassan, name, **fields).startswith("409")
        assert "à deux" in act(second, hassan, name, **fields), name
    with engine.connect() as connection:
        assert find_way(connection, Phone(STRANGER), hassan) == "desk"
    assert ask(engine, "SELECT merged_into FROM artisan WHERE id = :s", s=double) == [(hassan,)]
    moved = first.get(f"/office/people/{double}?reason=call")
    assert moved.headers["Location"].endswith(f"/office/people/{hassan}?reason=call")
    for wrong in ("", "x", str(10**19), str(hassan)):
        status = act(first, hassan, "merge", double=wrong)[:3]
        assert status in ("400", "409"), wrong


def test_a_desk_of_the_bank_opens_no_file(sign_in: SignIn, engine: Engine, owner: Engine) -> None:
    hassan = id_of(engine, HASSAN)
    browser = sign_in("helpdesk")
    with owner.begin() as connection:
        connection.execute(text("UPDATE office_user SET desk = 'bank' WHERE name = 'helpdesk'"))
    assert browser.get(f"/office/people/{hassan}?reason=call").status_code == 404
    assert "Hassan" not in post(browser, "/office/people", q="100002").text
    assert act(browser, hassan, "note", note="x").startswith("404")


def test_a_dismissed_officer_does_nothing_more(
    sign_in: SignIn, engine: Engine, runtime: Runtime
) -> None:
    hassan = id_of(engine, HASSAN)
    browser = sign_in("helpdesk")
    token = browser.get("/office").text.partition('csrf_token" value="')[2].partition('"')[0]
    with operation(runtime.database, runtime.clock(), "office") as change:
        dismiss_office_user(change, "helpdesk")
    fields = {"csrf_token": token, "note": "x"}
    answer = browser.post(f"/office/people/{hassan}/note", data=fields)
    assert answer.status_code == 401
    assert not ask(engine, "SELECT 1 FROM person_note")
