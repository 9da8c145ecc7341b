"""The server is destroyed and an older moment comes back: every dirham is in the books once."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from pathlib import Path
from time import sleep
from uuid import uuid4

from flask import Flask
from sqlalchemy import text

from app import create_app
from app.base.clock import local_date
from app.jobs.sending import Sender
from app.payments.queries import IssuedCode
from app.payments.rules import CODE_SERIES
from app.reconciliation.books_checks import verify_books
from tests.backup.conftest import BackedUp, await_log
from tests.mobile_money.conftest import HEADERS, payment
from tests.reconciliation.conftest import BackOffice, paid_line
from tests.redis_servers import await_true
from tests.web.office.conftest import post

FATIMA, HASSAN, DRISS = "+212600000001", "+212600000002", "+212600000007"
AICHA, TLAYTMAS = "+212600000005", "+212600000008"


def test_payments_go_on_the_server_is_destroyed_and_every_dirham_is_booked_once(
    backed_up: BackedUp, tmp_path: Path
) -> None:
    payments = backed_up.payments
    assert backed_up.run().exit_code == 0
    with backed_up.follow().receive():
        known = payments.issue(HASSAN)
        asked_again, its_id = payments.issue(TLAYTMAS), str(uuid4())
        _send_messages(backed_up)
        await_log(backed_up)
        sleep(0.1)
        moment = backed_up.runtime.clock()
        sleep(0.1)
        # From here on all is answered, and none of it comes back.
        told = {payments.redeem(known.code, "told")}
        lost = payments.issue(DRISS)
        told.add(payments.redeem(lost.code, "told too"))
        told.add(_confirm(create_app(backed_up.runtime), asked_again, its_id))
        paid_at = backed_up.runtime.clock()
        _send_messages(backed_up)
        serials = _read_serials(backed_up)
        await_log(backed_up)

    restored = tmp_path / "restored"
    done = backed_up.run("restore", str(restored), "--to", moment.isoformat())
    assert done.exit_code == 0, (done.output, done.exception)
    backed_up.replace_server(restored)
    assert payments.read_value("SELECT count(*) FROM deposit") == 0
    assert payments.read_value("SELECT array_agg(state) FROM payment_code") == ["issued"] * 2

    # No number of before is given again.
    after = payments.issue(FATIMA)
    new = payments.redeem(after.code, "after")
    assert int(new) > max(map(int, told))
    grown = _read_serials(backed_up)
    assert all(grown[name] > number for name, number in serials.items() if number), grown
    # Codes are of the next series, none of which can have been told before.
    series = [int(code.code[:11]) % CODE_SERIES for code in (known, lost, after)]
    assert series == [0, 0, 1]
    # The same moment brought back once more would not know of this: the store does.
    assert backed_up.place.open_newest().count_restore(1) == 2

    app = create_app(backed_up.runtime)
    # A network without an answer asks again: a code that came back is paid, and once.
    repeated = {_confirm(app, asked_again, its_id) for _ in range(2)}
    assert len(repeated) == 1 and not repeated & told
    answer = app.test_client().post(
        f"/mm/v1.2/bills/{lost.code}/payments",
        json=payment(f"{lost.total}"),
        headers={**HEADERS, "X-CorrelationID": str(uuid4())},
    )
    assert answer.status_code == 404
    office = BackOffice(app, tmp_path, payments)
    odd = _report_unknown_messages(backed_up, app)
    # Twilio's log has the three receipts and the lost code, the other provider's report a phone.
    for _ in range(2):
        assert _count_breaks(backed_up) == {"retried_after_restore": 1, "told_in_gap": 5}
    rows = office.breaks("--kind", "told_in_gap")
    about = [(row["details"]["about"], row["details"]["phone"], row["theirs"]) for row in rows]
    assert sorted(about, key=str) == [
        ("code", "+2126…07", f"{lost.total}"),
        ("message", "+2126…05", None),
        *sorted(
            ("receipt", phone, f"{code.total}")
            for phone, code in (("+2126…02", known), ("+2126…07", lost), ("+2126…08", asked_again))
        ),
    ]
    assert {row["details"].get("receipt") for row in rows} == {None, *told}
    assert odd not in json.dumps(rows)  # no whole number
    page = _open_break(app, rows[0]["id"])
    assert rows[0]["details"]["message"] in page and rows[0]["details"]["phone"] in page

    at = {"paid_at": paid_at.isoformat()}
    counts = office.match(
        office.file(
            paid_line(known.code, known.total, "K", **at),
            paid_line(lost.code, lost.total, "L", **at),
            paid_line(asked_again.code, asked_again.total, "R", **at),
            paid_line(after.code, after.total, "A", paid_at=datetime.now(UTC).isoformat()),
        )
    )
    assert counts["lost_in_restore"] == 2 and counts["missing_here"] == 0, counts
    assert counts["matched"] == 2
    assert _count_breaks(backed_up) == {"lost_in_restore": 2, "told_in_gap": 3}

    by_code = {row["reference"]: row["id"] for row in office.breaks("--kind", "lost_in_restore")}
    office.resolve(by_code["K"], "late_confirmation")
    # Twilio's log says whose code it was.
    office.run_successfully("breaks", "write-code", str(by_code["L"]), "--by", "amina")
    assert _read_rna(backed_up, DRISS) == payments.read_value(
        "SELECT rna_number FROM artisan JOIN payment_code ON artisan_id = artisan.id"
        " WHERE code = :code",
        code=lost.code,
    )
    refused = office.run(
        "breaks", "write-code", str(by_code["L"]), "--rna", "100001", "--by", "amina"
    )
    assert "The books have this code" in refused.output
    office.resolve(by_code["L"], "late_confirmation")

    # What was told is found, but for the words that no log has: a person asks whose phone it is.
    assert _count_breaks(backed_up) == {"told_in_gap": 1}
    (left,) = office.breaks("--kind", "told_in_gap")
    assert left["details"]["message"] == "africastalking ATXid_odd"
    office.resolve(left["id"], "acknowledge", "asked: a reminder")
    assert _count_breaks(backed_up) == {}
    with backed_up.runtime.database.connect() as connection:
        assert verify_books(connection).broken == {}
    cash = known.total + lost.total + after.total + asked_again.total
    owed = "SELECT sum(amount_centimes) FROM ledger_line WHERE account = 'agent_network_receivable'"
    assert payments.read_value(owed) == cash.centimes
    assert payments.read_value("SELECT sum(total_centimes) FROM deposit") == cash.centimes
    assert payments.read_value("SELECT count(DISTINCT code) FROM deposit") == 4
    given = {
        str(payments.read_value(f"SELECT {of}(receipt_number) FROM deposit"))
        for of in ("min", "max")
    }
    assert not given & told
    # The file again: all of it is known.
    assert office.match(tmp_path / "day.csv")["known"] == 4


def test_a_lost_code_that_fits_nobody_is_written_for_nobody(
    backed_up: BackedUp, tmp_path: Path
) -> None:
    office = BackOffice(create_app(backed_up.runtime), tmp_path, backed_up.payments)
    at = backed_up.runtime.clock()
    assert backed_up.run("reconcile", "--restored-to", at.isoformat()).exit_code == 0
    line = paid_line("999999999997", "1.00", "N", paid_at=at.isoformat())
    assert office.match(office.file(line, name="odd.csv"))["lost_in_restore"] == 1
    number = office.breaks("--kind", "lost_in_restore")[-1]["id"]
    for rna, why in (
        ((), "no message says"),
        (("--rna", "999999"), "nobody on the register"),
        (("--rna", "100005"), "No months"),
    ):
        refused = office.run("breaks", "write-code", str(number), *rna, "--by", "amina")
        assert refused.exit_code == 1 and why in refused.output, refused.output
    office.resolve(number, "suspense")
    with backed_up.runtime.database.connect() as connection:
        assert verify_books(connection).broken == {}


def test_a_restore_by_another_program_is_told_to_the_books(backed_up: BackedUp) -> None:
    known = json.loads(backed_up.run("reconcile", "--json").stdout)["gaps"]
    before = _read_serials(backed_up)
    moment = backed_up.runtime.clock().isoformat()
    told = json.loads(backed_up.run("reconcile", "--restored-to", moment, "--json").stdout)
    assert len(told["gaps"]) == len(known) + 1
    # The file of the day is still to come, unless a test before gave it.
    today = str(local_date(backed_up.runtime.clock()))
    assert set(told["awaited"]["wafacash"]) <= {today}
    after = _read_serials(backed_up)
    assert all(after[name] >= number + 10_000_000 for name, number in before.items() if number)


def _confirm(app: Flask, code: IssuedCode, correlation_id: str) -> str:
    """Confirms the cash as a network's system does; returns our receipt's number."""
    answer = app.test_client().post(
        f"/mm/v1.2/bills/{code.code}/payments",
        json=payment(f"{code.total}"),
        headers={**HEADERS, "X-CorrelationID": correlation_id},
    )
    assert answer.status_code == 201 and answer.json, answer.text
    return str(answer.json["serviceProviderPaymentReference"])


def _send_messages(backed_up: BackedUp) -> None:
    """Sends what waits, until Twilio's log has all of it as gone."""
    maalem = backed_up.runtime
    sender = Sender(maalem, maalem.sms_providers)
    while sender.do():
        pass
    sender.stop()
    twilio, begin = maalem.sms_providers["twilio"], datetime(2026, 1, 1, tzinfo=UTC)
    taken = backed_up.payments.read_value("SELECT count(*) FROM message WHERE state = 'sent'")
    await_true(lambda: len(list(twilio.list_sent(begin, maalem.clock()))) == taken, "all are gone")


def _open_break(app: Flask, number: int) -> str:
    browser = app.test_client()
    assert post(browser, "/office/sign-in", name="office", password="office").status_code == 303
    return browser.get(f"/office/breaks/{number}").text


def _report_unknown_messages(backed_up: BackedUp, app: Flask) -> str:
    """Reports two messages that the books lack, one of them just now. Returns the phone."""
    client = app.test_client()
    for reference in ("ATXid_odd", "ATXid_young"):
        form = {"id": reference, "status": "Success", "phoneNumber": AICHA}
        assert client.post("/sms/africastalking/delivery", data=form).status_code == 200
        if reference == "ATXid_odd":
            with backed_up.runtime.database.begin() as connection:
                connection.execute(
                    text("UPDATE delivery_report SET received_at = received_at - INTERVAL '46 s'")
                )
    return AICHA


def _read_serials(backed_up: BackedUp) -> dict[str, int]:
    with backed_up.runtime.database.connect() as connection:
        rows = connection.execute(text("SELECT sequencename, last_value FROM pg_sequences"))
        return {row.sequencename: row.last_value or 0 for row in rows}


def _count_breaks(backed_up: BackedUp) -> dict[str, int]:
    done = backed_up.run("reconcile", "--json")
    assert done.exit_code == 0, (done.output, done.exception)
    breaks: dict[str, int] = json.loads(done.stdout)["breaks"]
    return breaks


def _read_rna(backed_up: BackedUp, phone: str) -> object:
    return backed_up.payments.read_value(
        "SELECT rna_number FROM artisan WHERE phone = :phone", phone=phone
    )
