"""CNSS's desk, the operator's pages and the auditor's: what each does, and what nobody does."""

from __future__ import annotations

import csv
import re
from io import BytesIO, StringIO

from sqlalchemy import text

from app import create_app
from app.audit.service import record_audit
from app.base.operation import operation
from app.jobs.office import OfficeWork
from app.people.looks import LOOK_SORTING, list_looks
from app.reconciliation.cnss_file import HEADER
from app.runtime import Runtime
from app.text.languages import LANGUAGES
from tests.web.office.conftest import SignIn, Staff, post, send, tokens_of, write_lists


def test_cnss_gives_its_answer_and_records_a_claim(staff: Staff, runtime: Runtime) -> None:
    amina = staff.enter("amina", "cnss")
    page = "/office/postings"
    assert send(amina, page, "/office/postings/exports").status_code == 303
    content = f"{','.join(HEADER)}\n".encode()
    data = {**tokens_of(amina.get(page)), "file": (BytesIO(content), "answer.csv")}
    given = amina.post("/office/postings/answers", data=data, content_type="multipart/form-data")
    assert "refusé" in amina.get(given.location).text
    form = {"number": "R-77", "rna": "100002", "state": "in_review"}
    claims = "/office/postings/claims"
    assert send(amina, claims, claims, **form).status_code == 303
    assert "R-77" in amina.get(claims).text
    assert send(amina, claims, claims, **{**form, "state": "ready"}).status_code == 400
    assert amina.get("/office/breaks").status_code == 403


def test_a_user_is_added_changed_and_dismissed_by_another(
    sign_in: SignIn, staff: Staff, runtime: Runtime
) -> None:
    operator = staff.enter("zineb", "operator")
    form = {"name": "Said", "role": "wafacash", "network": "wafacash"}
    added = send(operator, "/office/users", "/office/users", **form)
    password = re.search(r"<code>([a-z0-9-]{19})</code>", added.text)
    page = "/office/users/Said"
    assert password and password[1] not in operator.get(page).text
    changed = send(operator, page, f"{page}/role", role="chamber", region="Fès-Meknès")
    assert changed.status_code == 303
    assert send(operator, page, f"{page}/dismiss").status_code == 303
    for act in ("dismiss", "reset", "role"):
        sent = send(operator, "/office/users", f"/office/users/zineb/{act}", role="auditor")
        assert sent.status_code == 409, act
    assert send(operator, "/office/users", "/office/users", name="", role="cnss").status_code == 400


def test_a_notice_is_written_by_one_and_published_by_another(
    staff: Staff, runtime: Runtime
) -> None:
    zineb, omar = staff.enter("zineb", "operator"), staff.enter("omar", "operator")
    form = {"name": "avis-1", "until": "2026-12-31"}
    form |= {f"{code}-title": "Avis" for code in LANGUAGES}
    form |= {f"{code}-1": "Payez avant la fin du mois." for code in LANGUAGES}
    shown = send(zineb, "/office/notices", "/office/notices/preview", **form)
    assert shown.status_code == 200 and 'class="phone"' in shown.text
    proposed = zineb.post("/office/notices", data={**tokens_of(shown), **form})
    page = proposed.location.partition("?")[0]
    assert send(zineb, page, f"{page}/approve").status_code == 409
    assert send(omar, page, f"{page}/approve").status_code == 303
    assert send(omar, page, f"{page}/approve").status_code == 409
    broken = send(zineb, "/office/notices", "/office/notices/preview", **form | {"fr-1": ""})
    assert broken.status_code == 400
    with runtime.database.connect() as connection:
        named = text("SELECT count(*) FROM notice WHERE name = 'avis-1'")
        assert connection.execute(named).scalar() == 1


def test_the_auditor_finds_acts_and_takes_them_as_safe_cells(
    sign_in: SignIn, runtime: Runtime
) -> None:
    with operation(runtime.database, runtime.clock(), "=cmd()") as change:
        record_audit(change, "person_shown", "artisan:1", reason="call")
        record_audit(change, "agent_dismissed", "agent:1001")
    auditor = sign_in("auditor")
    page = auditor.get("/office/audit?which=looks&reason=call").text
    assert "artisan:1" in page and "agent:1001" not in page
    page = "/office/audit?act=agent_dismissed"
    asked = send(auditor, page, "/office/audit/lists?act=agent_dismissed&after=1")
    assert asked.status_code == 303 and "en préparation" in auditor.get(page).text
    assert auditor.get(page).headers.get("Refresh") is None
    assert auditor.get(asked.location).headers["Refresh"] == "3"
    assert write_lists(runtime) == 1
    shown = auditor.get(asked.location)
    assert "Refresh" not in shown.headers
    taken = re.findall(r'href="(/office/audit/lists/[0-9]+)"', shown.text)
    rows = list(csv.DictReader(StringIO(auditor.get(taken[0]).text)))
    assert [(row["who"], row["about"]) for row in rows] == [("'=cmd()", "agent:1001")]
    # A list is its asker's alone, and at the pages of its kind.
    assert sign_in("office").get(taken[0]).status_code == 404
    assert auditor.get(taken[0].replace("audit", "figures")).status_code == 404
    assert send(sign_in("analyst"), "/office", "/office/audit/lists").status_code == 403
    assert auditor.get("/office/audit?from=yesterday").status_code == 400
    for address in ("/office/audit", "/office/audit/rights", "/office/books"):
        forms = re.findall(r'<form method="post" action="([^"]+)"', auditor.get(address).text)
        # To have rows written for oneself changes nothing of them.
        assert set(forms) <= {"/office/sign-out", "/office/audit/lists"}, address


def test_the_books_are_checked_once_a_day_and_shown(sign_in: SignIn, runtime: Runtime) -> None:
    work = OfficeWork(runtime)
    assert (work._check_books(), work._check_books()) == (1, 0)
    auditor = sign_in("auditor")
    page = auditor.get("/office/books").text
    assert "23/11/2026" in page and "aucune" in page
    account = auditor.get("/office/books/suspense")
    assert account.status_code == 200
    assert auditor.get("/office/books/nothing").status_code == 404


def test_the_operator_sees_that_redis_is_away(runtime: Runtime, sample_people: None) -> None:
    settings = runtime.settings.model_copy(update={"redis_url": "redis+cluster://127.0.0.1:1"})
    alone = Runtime(settings, clock=runtime.clock)
    operator = create_app(alone).test_client()
    assert post(operator, "/office/sign-in", name="operator", password="operator").location
    assert operator.get("/office").status_code == 200, "only the workers are not counted"
    page = operator.get("/office/health")
    assert page.status_code == 200 and "Aucun programme ne travaille" not in page.text
    for engine in (alone.database, alone.office_database):
        engine.dispose()


def test_the_operator_sees_how_the_service_is(sign_in: SignIn) -> None:
    operator = sign_in("operator")
    health = operator.get("/office/health").text
    assert "Aucun programme ne travaille" in health and "il faut le lancer" in health
    assert 'href="/office/agents">agents<' in health
    # The office's own statements may take longer than a phone's.
    assert "peut durer trop longtemps" not in health
    operator.get("/office?language=ar")
    arabic = operator.get("/office/health").text
    told = re.sub(r'<bdi dir="ltr" lang="en">.*?</bdi>', "", arabic)
    assert "يجب تشغيله" in told and "none was heard of" not in told
    operator.get("/office?language=fr")
    assert operator.get("/office/messages/costs").status_code == 200
    assert operator.get("/office/messages/reminders").status_code == 200
    assert operator.get("/office/messages/campaigns/nothing").status_code == 409


def test_the_operator_adds_a_network_and_takes_lost_factors_away(
    staff: Staff, runtime: Runtime
) -> None:
    zineb, page = staff.enter("zineb", "operator"), "/office/networks"
    form = {"code": "barid", "shown": "Barid", "format": "wafacash"}
    assert send(zineb, page, page, **form).status_code == 303
    assert "Barid" in zineb.get(page).text
    assert send(zineb, page, page, **form).status_code == 400
    amina = staff.enter("amina", "wafacash", network="wafacash")
    assert send(amina, page, page, **form).status_code == 403
    user = "/office/users/amina"
    assert send(zineb, user, f"{user}/factors").status_code == 303
    assert amina.get("/office").status_code == 401
    own = "/office/users/zineb"
    assert send(zineb, own, f"{own}/factors").status_code == 409
    # Without a provider of identities there is nothing to tie to.
    assert send(zineb, user, f"{user}/identity", subject="x").status_code == 404


def test_a_person_is_given_what_is_kept_and_forgotten_by_two(
    staff: Staff, runtime: Runtime
) -> None:
    nadia, karim = staff.enter("nadia", "helpdesk"), staff.enter("karim", "helpdesk")
    with runtime.database.connect() as connection:
        named = text("SELECT id FROM artisan WHERE phone = '+212600000003'")
        number = connection.execute(named).scalar_one()
    page = f"/office/people/{number}"
    shown = f"{page}?reason=call"
    assert send(nadia, shown, f"{page}/export").status_code == 400
    kept = send(nadia, shown, f"{page}/export", reason="complaint")
    assert (
        kept.mimetype == "application/json" and "attachment" in kept.headers["Content-Disposition"]
    )
    assert kept.json and kept.json["artisan"][0]["id"] == number
    # It is a look at all of it, which the page shows, and the phone.
    with runtime.database.connect() as connection:
        newest = list_looks(connection, number, LOOK_SORTING.first(1)).rows[0]
    assert (newest.who, newest.reason, newest.seen) == ("nadia", "complaint", ("export",))
    chamber = staff.enter("said", "chamber", region="Fès-Meknès")
    assert send(chamber, "/office", f"{page}/export").status_code == 403
    assert send(nadia, shown, f"{page}/forget").location.endswith("done=proposed")
    assert send(nadia, shown, f"{page}/forget").status_code == 409
    assert "Oublier la personne" in karim.get(shown).text
    assert send(karim, shown, f"{page}/forget").location.endswith("done=done")
    with runtime.database.connect() as connection:
        gone = text("SELECT phone, forgotten_at FROM artisan WHERE id = :id")
        phone, forgotten_at = connection.execute(gone, {"id": number}).one()
    assert phone is None and forgotten_at is not None
