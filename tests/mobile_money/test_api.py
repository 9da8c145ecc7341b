"""The payments API as a network's system meets it (contract section 4)."""

from __future__ import annotations

from datetime import timedelta
from hashlib import sha256
from uuid import uuid4

import pytest
from flask import Flask
from sqlalchemy import text
from stdnum import damm

from app.jobs.api import ApiWork
from tests.mobile_money.conftest import Books, NetworkClient, PaymentFixture, payment

FATIMA, HASSAN, KHADIJA, BRAHIM, SAID, DRISS = (f"+21260000000{n}" for n in (1, 2, 3, 4, 6, 7))
NO_ID = "8e5a2c0e-3c0a-4d2c-9c53-0d3c5b8f1a11"
NOBODY = "12345678901" + damm.calc_check_digit("12345678901")


def error(response: object) -> tuple[int, str, str]:
    told = response.json  # type: ignore[attr-defined]
    status = response.status_code  # type: ignore[attr-defined]
    return status, told["errorCategory"], told["errorCode"]


def test_list_bills_finds_a_bill_by_each_identifier(
    network: NetworkClient, payments: PaymentFixture
) -> None:
    code = payments.issue(HASSAN)
    for path in (
        f"/accounts/linkref/{code.code}/bills",
        f"/accounts/msisdn/{HASSAN}/bills",
        "/accounts/msisdn/212600000002/bills",
        "/accounts/msisdn/0600000002/bills",
        "/accounts/consumerno/100000002/bills",
        f"/accounts/linkref@{code.code}$msisdn@{HASSAN}/bills",
        f"/accounts/msisdn@{HASSAN}$consumerno@100000002/bills",
    ):
        response = network.get(path)
        (bill,) = response.json
        assert (bill["billReference"], bill["amountDue"], bill["billStatus"]) == (
            code.code, "663.9", "unpaid",
        )  # fmt: skip
        assert bill["dueDate"] == "2026-11-30"
        assert "HASSAN B." in bill["billdescription"] and "Hassan" not in response.text
        assert response.headers["X-Records-Available-Count"] == "1"


def test_list_bills_issues_a_code_to_an_artisan_who_owes_and_has_none(
    network: NetworkClient, payments: PaymentFixture
) -> None:
    """The artisan who comes without a phone can pay; asked again it is the same bill."""
    (bill,) = network.get("/accounts/consumerno/100000001/bills").json
    assert network.get(f"/accounts/msisdn/{FATIMA}/bills").json == [bill]
    made_by = "SELECT actor FROM audit_event WHERE details ->> 'code' = :code"
    assert payments.read_value(made_by, code=bill["billReference"]) == "client:demo-wafacash"
    assert network.pay(bill["billReference"], bill["amountDue"]).status_code == 201
    assert network.get(f"/accounts/msisdn/{FATIMA}/bills").json == []
    assert payments.read_value("SELECT count(*) FROM payment_code") == 1


@pytest.mark.parametrize("phone", [KHADIJA, BRAHIM, SAID])
def test_list_bills_is_empty_for_an_artisan_who_owes_nothing_here(
    network: NetworkClient, phone: str
) -> None:
    assert network.get(f"/accounts/msisdn/{phone}/bills").json == []


@pytest.mark.parametrize(
    ("path", "told"),
    [
        (f"/accounts/linkref/{NOBODY}/bills", (404, "identification", "identifierError")),
        ("/accounts/linkref/123456789012/bills", (400, "validation", "formatError")),
        ("/accounts/msisdn/+212611111111/bills", (404, "identification", "identifierError")),
        ("/accounts/msisdn/hello/bills", (400, "validation", "formatError")),
        ("/accounts/consumerno/999999999/bills", (404, "identification", "identifierError")),
        ("/accounts/consumerno/12/bills", (400, "validation", "formatError")),
        ("/accounts/iban/MA64/bills", (400, "validation", "formatError")),
        ("/accounts/nonsense/bills", (400, "validation", "formatError")),
        (
            f"/accounts/msisdn@{FATIMA}$consumerno@100000002/bills",
            (404, "identification", "identifierError"),
        ),
        (f"/accounts/msisdn/{FATIMA}/bills?offset=-1", (400, "validation", "invalidOffset")),
        (f"/accounts/msisdn/{FATIMA}/bills?limit=none", (400, "validation", "formatError")),
        (f"/accounts/msisdn/{FATIMA}/bills?fromDateTime=x", (400, "validation", "formatError")),
        (f"/requeststates/{NO_ID}", (404, "identification", "identifierError")),
        (f"/responses/{NO_ID}", (404, "identification", "identifierError")),
        ("/responses/12", (400, "validation", "formatError")),
    ],
)
def test_list_bills_refuses_an_identifier_that_cannot_be_looked_up(
    network: NetworkClient, path: str, told: tuple[int, str, str]
) -> None:
    assert error(network.get(path)) == told


def test_pay_answers_in_step_with_the_payment(
    network: NetworkClient, payments: PaymentFixture, books: Books
) -> None:
    code = payments.issue(HASSAN)
    asked = payment(
        "663.90", requestingOrganisationTransactionReference="W-1", customerReference="c"
    )
    response = network.post(f"/bills/{code.code}/payments", asked)
    told = response.json
    assert (response.status_code, told["billPaymentStatus"], told["amountPaid"]) == (
        201, "completed", "663.9",
    )  # fmt: skip
    assert told["requestingOrganisationTransactionReference"] == "W-1"
    row = (
        "SELECT agent_number || ' ' || terminal || ' ' || channel || ' ' || client_id FROM deposit"
    )
    assert payments.read_value(row) == "1001 T-07 api demo-wafacash"
    in_books = (
        "SELECT metadata ->> 'agent_number' || ' ' || (metadata ->> 'terminal') || ' ' || made_by"
        " FROM ledger_transaction"
    )
    assert payments.read_value(in_books) == "1001 T-07 client:demo-wafacash"
    receipt = told["serviceProviderPaymentReference"]
    assert receipt in str(payments.read_value("SELECT body FROM message WHERE kind = 'receipt'"))
    books()


@pytest.mark.parametrize(
    "form",
    [
        "/bills/{code}/payments",
        "/accounts/linkref/{code}/bills/{code}/payments",
        "/accounts/msisdn/+212600000002/bills/{code}/payments",
        "/accounts/consumerno@100000002/bills/{code}/payments",
        "/accounts/msisdn/+212600000002/bills/payments",
        "/accounts/linkref@{code}/bills/payments",
    ],
)
def test_pay_accepts_every_form_of_address(
    network: NetworkClient, payments: PaymentFixture, form: str, books: Books
) -> None:
    code, identity = payments.issue(HASSAN), str(uuid4())
    path = form.format(code=code.code)
    first = network.post(path, payment("663.9"), identity)
    assert first.status_code == 201, first.text
    again = network.post(path, payment("663.9"), identity)
    assert (again.status_code, again.data) == (201, first.data)
    listed = network.get(path)
    assert [one["serviceProviderPaymentReference"] for one in listed.json] == [
        first.json["serviceProviderPaymentReference"]
    ]
    assert listed.headers["X-Records-Returned-Count"] == "1"
    assert network.get(f"{path}?toDateTime=2026-11-01T00:00:00Z").json == []
    books()


def test_pay_refuses_a_bill_of_another_account(
    network: NetworkClient, payments: PaymentFixture
) -> None:
    code = payments.issue(HASSAN)
    response = network.post(
        f"/accounts/msisdn/{FATIMA}/bills/{code.code}/payments", payment("663.9")
    )
    assert error(response) == (404, "identification", "identifierError")


def test_pay_repeats_its_answer_to_the_same_request(
    network: NetworkClient, payments: PaymentFixture
) -> None:
    code, identity = payments.issue(FATIMA), str(uuid4())
    first = network.pay(code.code, "163.52", identity)
    assert network.pay(code.code, "163.52", identity).data == first.data
    other = network.post(
        f"/bills/{code.code}/payments", payment("163.52", customerReference="x"), identity
    )
    assert error(other) == (400, "businessRule", "duplicateRequest")
    kept = network.get(f"/responses/{identity}").json
    assert kept.pop("link") == f"/mm/v1.2/bills/{code.code}/payments"
    assert kept == first.json


def test_pay_repeats_its_refusal_to_the_same_request(
    network: NetworkClient, payments: PaymentFixture
) -> None:
    code, identity = payments.issue(FATIMA), str(uuid4())
    first = network.pay(code.code, "1", identity)
    assert error(first) == (400, "businessRule", "underPaymentNotAllowed")
    assert {"key": "due", "value": "163.52"} in first.json["errorParameters"]
    assert network.pay(code.code, "1", identity).data == first.data
    kept = network.get(f"/responses/{identity}")
    assert (kept.status_code, kept.json) == (400, first.json)


def test_pay_refuses_a_code_that_cannot_be_paid(
    network: NetworkClient, payments: PaymentFixture
) -> None:
    wrong_state = (400, "businessRule", "incorrectState")
    assert error(network.pay(NOBODY, "5")) == (404, "identification", "identifierError")
    assert error(network.pay("123456789012", "5")) == (400, "validation", "formatError")
    code = payments.issue(FATIMA)
    assert error(network.pay(code.code, "163.53")) == (400, "businessRule", "overPaymentNotAllowed")
    assert network.pay(code.code, "163.52").status_code == 201
    assert error(network.pay(code.code, "163.52")) == wrong_state
    expired = payments.issue(HASSAN)
    payments.runtime.clock.now = expired.expires_at  # type: ignore[attr-defined]
    assert error(network.pay(expired.code, "663.9")) == wrong_state


@pytest.mark.parametrize(
    ("body", "told"),
    [
        ({"amountPaid": "163.52"}, ("mandatoryValueNotSupplied", "currency")),
        ({"currency": "MAD"}, ("mandatoryValueNotSupplied", "amountPaid")),
        (payment("0"), ("negativeValue", "amountPaid")),
        (payment("-5"), ("formatError", "amountPaid")),
        (payment("163,52"), ("formatError", "amountPaid")),
        (payment("163.525"), ("formatError", "amountPaid")),
        (payment("١٦٣"), ("formatError", "amountPaid")),
        (payment("1e3"), ("formatError", "amountPaid")),
        (payment("163.52") | {"amountPaid": 163.525}, ("formatError", "amountPaid")),
        (payment("163.52") | {"amountPaid": True}, ("formatError", "amountPaid")),
        (payment("163.52") | {"amountPaid": [163.52]}, ("formatError", "amountPaid")),
        (payment("163.52") | {"amountPaid": -5}, ("formatError", "amountPaid")),
        (payment("163.52") | {"amountPaid": 0}, ("negativeValue", "amountPaid")),
        (payment("163.52") | {"amountPaid": None}, ("mandatoryValueNotSupplied", "amountPaid")),
        (payment("163.52") | {"currency": 504}, ("formatError", "currency")),
        (payment("163.52", currency="EUR"), ("currencyNotSupported", "currency")),
        (payment("163.52", paidAmount="5"), ("formatError", "paidAmount")),
        (payment("163.52", paymentType="gift"), ("formatError", "paymentType")),
        (payment("163.52", requestDate="soon"), ("formatError", "requestDate")),
        (payment("163.52", customerReference="x" * 257), ("formatError", "customerReference")),
        (payment("163.52", metadata=[{"key": "k"}]), ("formatError", "metadata")),
        (
            payment("163.52", metadata=[{"key": "k", "value": "v"}] * 21),
            ("formatError", "metadata"),
        ),
        (
            payment("163.52", metadata=[{"key": "agentId", "value": "'; DROP"}]),
            ("formatError", "metadata.agentId"),
        ),
        ([], ("formatError", "body")),
        ("163.52", ("formatError", "body")),
    ],
)
def test_pay_names_the_field_of_a_body_that_cannot_be_read(
    network: NetworkClient, payments: PaymentFixture, body: object, told: tuple[str, str]
) -> None:
    code = payments.issue(FATIMA)
    response = network.post(f"/bills/{code.code}/payments", body)
    assert response.status_code == 400
    assert response.json["errorCode"] == told[0]
    assert response.json["errordescription"].startswith(f"{told[1]}: ")
    assert payments.read_value("SELECT count(*) FROM api_request") == 0


@pytest.mark.parametrize(
    ("headers", "data", "name"),
    [
        ({"Content-Type": "text/plain"}, b"{}", "Content-Type"),
        ({"Content-Type": "application/json"}, b"{", "body"),
        ({"Content-Type": "application/json"}, b"\xff", "body"),
        ({"Content-Type": "application/json"}, b"[" * 5000, "body"),
        ({"Content-Type": "application/json"}, b'{"amountPaid": NaN}', "body"),
        ({"X-CorrelationID": "12"}, None, "X-CorrelationID"),
        ({"X-Date": "yesterday"}, None, "X-Date"),
        ({"X-Date": "2026-11-23"}, None, "X-Date"),
        ({"X-Date": "20261123T100000Z"}, None, "X-Date"),
        ({"X-Date": "2026-11-22T09:59:59Z"}, None, "X-Date"),
        ({"X-Date": "2026-11-24T10:00:01Z"}, None, "X-Date"),
        ({"X-Date": "2026-11-24T00:00:00-11:00"}, None, "X-Date"),
        ({"X-Content-Hash": "00"}, None, "X-Content-Hash"),
        ({"X-Callback-URL": "ftp://example.com/"}, None, "X-Callback-URL"),
        ({"X-Callback-URL": "https://user:key@example.com/"}, None, "X-Callback-URL"),
        ({"Content-Type": "application/json"}, b" " * 70_000, "body"),
    ],
)
def test_pay_refuses_a_request_that_is_not_whole(
    network: NetworkClient,
    payments: PaymentFixture,
    headers: dict[str, str],
    data: bytes | None,
    name: str,
) -> None:
    code = payments.issue(FATIMA)
    body = {"json": payment("163.52")} if data is None else {"data": data}
    response = network._call("POST", f"/bills/{code.code}/payments", headers=headers, **body)
    assert response.status_code == 400, response.text
    assert response.json["errordescription"].startswith(f"{name}: ")


def test_a_request_of_within_a_day_is_taken(network: NetworkClient) -> None:
    """The date is told in any offset, and without one in UTC."""
    for date in ("2026-11-22T10:00:00Z", "2026-11-24T11:00:00+01:00", "2026-11-23T10:00:00"):
        assert network.get("/heartbeat", headers={"X-Date": date}).status_code == 200
    stale = network.get("/heartbeat", headers={"X-Date": "2026-11-21T10:00:00Z"})
    assert (stale.json["errorCategory"], stale.json["errorCode"]) == ("validation", "formatError")


def test_pay_checks_the_digest_of_the_body_if_it_is_sent(
    network: NetworkClient, payments: PaymentFixture
) -> None:
    code = payments.issue(FATIMA)
    body = b'{"amountPaid":"163.52","currency":"MAD"}'
    headers = {"X-Content-Hash": sha256(body).hexdigest(), "Content-Type": "application/json"}
    path = f"/bills/{code.code}/payments"
    assert network._call("POST", path, data=body, headers=headers).status_code == 201


def test_a_promised_payment_is_answered_by_polling(
    network: NetworkClient, payments: PaymentFixture, books: Books
) -> None:
    code, identity = payments.issue(FATIMA), str(uuid4())
    asked = network.pay(code.code, "163.52", identity, Prefer="respond-async")
    assert (asked.status_code, asked.json["status"]) == (202, "pending")
    state = f"/requeststates/{asked.json['serverCorrelationId']}"
    assert network.get(state).json["notificationMethod"] == "polling"
    assert network.get(f"/responses/{identity}").json == {"link": f"/mm/v1.2{state}"}
    assert payments.read_value("SELECT count(*) FROM deposit") == 0
    work = ApiWork(payments.runtime)
    assert work.do() == 1
    assert work.do() == 0
    work.stop()
    done = network.get(state).json
    assert done["status"] == "completed"
    given = network.get(f"/responses/{identity}").json
    assert given["serviceProviderPaymentReference"] == done["objectReference"]
    again = network.pay(code.code, "163.52", identity, Prefer="respond-async")
    assert (again.status_code, again.json) == (202, done)
    books()


def test_a_polling_client_is_answered_by_polling_by_default(
    network: NetworkClient, payments: PaymentFixture
) -> None:
    with payments.runtime.database.begin() as connection:
        connection.execute(text("UPDATE api_client SET polling = true"))
    response = network.pay(payments.issue(FATIMA).code, "163.52")
    assert (response.status_code, response.json["notificationMethod"]) == (202, "polling")


def test_a_promised_refusal_is_answered_by_polling(
    network: NetworkClient, payments: PaymentFixture
) -> None:
    asked = network.pay(NOBODY, "5", Prefer="respond-async")
    work = ApiWork(payments.runtime)
    work.do()
    work.stop()
    told = network.get(f"/requeststates/{asked.json['serverCorrelationId']}").json
    assert (told["status"], told["error"]["errorCode"]) == ("failed", "identifierError")


def test_reverse_reverses_a_payment_on_its_day(
    network: NetworkClient, payments: PaymentFixture, books: Books
) -> None:
    code = payments.issue(FATIMA)
    paid = payment("163.52", requestingOrganisationTransactionReference="W-77")
    network.post(f"/bills/{code.code}/payments", paid)
    short = network.post("/transactions/W-77/reversals", {"type": "reversal", "amount": "5"})
    assert error(short) == (400, "businessRule", "underPaymentNotAllowed")
    identity = str(uuid4())
    done = network.post("/transactions/W-77/reversals", {"type": "reversal"}, identity)
    assert (done.status_code, done.json["transactionStatus"]) == (201, "completed")
    again = network.post("/transactions/W-77/reversals", {"type": "reversal"}, identity)
    assert again.data == done.data
    other = network.post("/transactions/W-77/reversals", {"type": "reversal"})
    assert error(other) == (400, "businessRule", "incorrectState")
    (listed,) = network.get(f"/bills/{code.code}/payments").json
    assert listed["billPaymentStatus"] == "reversed"
    # What is owed again can be paid again.
    (bill,) = network.get(f"/accounts/msisdn/{FATIMA}/bills").json
    assert bill["billReference"] != code.code
    books()


def test_reverse_refuses_a_reference_of_two_payments(
    network: NetworkClient, payments: PaymentFixture, books: Books
) -> None:
    receipts = []
    for phone, amount, reference in ((FATIMA, "163.52", "W-7"), (HASSAN, "663.9", "W-7")):
        paid = payment(amount, requestingOrganisationTransactionReference=reference)
        answer = network.post(f"/bills/{payments.issue(phone).code}/payments", paid)
        receipts.append(answer.json["serviceProviderPaymentReference"])
    # The third one's reference is the first one's receipt.
    paid = payment("163.52", requestingOrganisationTransactionReference=receipts[0])
    network.post(f"/bills/{payments.issue(DRISS).code}/payments", paid)
    for name in ("W-7", receipts[0]):
        refused = network.post(f"/transactions/{name}/reversals", {"type": "reversal"})
        assert error(refused) == (400, "businessRule", "incorrectState")
    assert network.post(f"/transactions/{receipts[1]}/reversals", {}).status_code == 201
    # Now only one of that reference stands.
    done = network.post("/transactions/W-7/reversals", {})
    assert (done.status_code, done.json["originalTransactionReference"]) == (201, receipts[0])
    books()


def test_reverse_refuses_a_later_day_and_an_unknown_payment(
    network: NetworkClient, payments: PaymentFixture
) -> None:
    receipt = payments.redeem(payments.issue(FATIMA).code)
    unknown = network.post("/transactions/99999999/reversals", {"type": "reversal"})
    assert error(unknown) == (404, "identification", "identifierError")
    kind = network.post(f"/transactions/{receipt}/reversals", {"type": "transfer"})
    assert error(kind) == (400, "businessRule", "transactionTypeError")
    payments.runtime.clock.now += timedelta(days=1)  # type: ignore[attr-defined]
    late = network.post(f"/transactions/{receipt}/reversals", {"type": "reversal"})
    assert error(late) == (400, "businessRule", "incorrectState")


def test_another_network_neither_lists_nor_reverses_a_payment(
    network: NetworkClient, payments: PaymentFixture
) -> None:
    with payments.runtime.database.begin() as connection:
        network_row = "INSERT INTO agent_network VALUES ('cashplus', 'Cash Plus', 'wafacash')"
        connection.execute(text(network_row))
        connection.execute(text("UPDATE api_client SET network = 'cashplus'"))
    code = payments.issue(FATIMA)
    receipt = payments.redeem(code.code)
    assert network.get(f"/bills/{code.code}/payments").json == []
    unknown = network.post(f"/transactions/{receipt}/reversals", {"type": "reversal"})
    assert error(unknown) == (404, "identification", "identifierError")
    assert error(network.pay(code.code, "163.52")) == (400, "businessRule", "incorrectState")


def test_heartbeat_says_that_the_service_is_available(network: NetworkClient) -> None:
    response = network.get("/heartbeat")
    assert response.json == {"serviceStatus": "available"}
    assert response.headers["X-Date"].startswith("2026-11-23T10:00:00")


def test_the_description_is_served_as_a_page_and_as_yaml(app: Flask) -> None:
    client = app.test_client()
    page = client.get("/docs").text
    assert "/transactions/{transactionReference}/reversals" in page
    assert client.get("/docs/openapi.yaml").text.startswith("# The payments API")


@pytest.mark.parametrize(
    ("written", "status"),
    [
        ("163.52", 201),
        ("163.520", 201),
        ("1.6352e2", 201),
        ("16352E-2", 201),
        # As a binary fraction these would be the same number.
        ("163.52000000000000001", 400),
        ("163.51999999999999999", 400),
        ("163.53", 400),
        ("1e30", 400),
        ("1e-39", 400),
    ],
)
def test_pay_reads_an_amount_that_is_a_number_exactly(
    network: NetworkClient, payments: PaymentFixture, written: str, status: int
) -> None:
    code = payments.issue(FATIMA)
    body = f'{{"amountPaid": {written}, "currency": "MAD"}}'
    headers = {"Content-Type": "application/json"}
    response = network._call("POST", f"/bills/{code.code}/payments", data=body, headers=headers)
    assert response.status_code == status, response.text
    if status == 201:
        assert response.json["amountPaid"] == "163.52"


def test_pay_reads_numbers_nulls_and_words_in_other_capitals(
    network: NetworkClient, payments: PaymentFixture
) -> None:
    code = payments.issue(FATIMA)
    body = {
        "amountPaid": 163.52,
        "paidAmount": None,
        "currency": "mad",
        "paymentType": "FULLPAYMENT",
        "requestDate": None,
        "customerReference": 77,
        "requestingOrganisationTransactionReference": 90071992547409931,
        "customData": None,
        "metadata": [{"key": "agentId", "value": 1001}, {"key": "terminalId", "value": 7}],
    }
    identity = str(uuid4())
    path = f"/accounts/LinkRef/{code.code}/bills/{code.code}/payments"
    paid = network.post(path, body, identity)
    assert paid.status_code == 201, paid.text
    assert paid.json["requestingOrganisationTransactionReference"] == "90071992547409931"
    assert (paid.json["paymentType"], paid.json["customerReference"]) == ("fullpayment", "77")
    assert {"key": "agentId", "value": "1001"} in paid.json["metadata"]
    # The same in texts is the same request.
    texts = {name: value for name, value in body.items() if value is not None}
    texts |= {"amountPaid": "163.52", "customerReference": "77"}
    assert network.post(path, texts, identity).json == paid.json
    for one in (f"LINKREF/{code.code}", f"linkRef@{code.code}"):
        assert network.get(f"/accounts/{one}/bills/payments").status_code == 200
    receipt = paid.json["requestingOrganisationTransactionReference"]
    back = {"type": "REVERSAL", "amount": 163.52, "currency": "mad", "descriptionText": None}
    undone = network.post(f"/transactions/{receipt}/reversals", back)
    assert undone.status_code == 201, undone.text
