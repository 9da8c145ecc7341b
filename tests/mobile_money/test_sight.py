"""What a client is told: its agencies' payments alone, its own repetition, why there is no bill."""

from __future__ import annotations

from uuid import uuid4

import pytest
from sqlalchemy import text

from app.jobs.api import ApiWork
from tests.mobile_money.conftest import Books, NetworkClient, PaymentFixture, payment
from tests.mobile_money.test_api import error

FATIMA, HASSAN, KHADIJA, BRAHIM, SAID, DRISS = (f"+21260000000{n}" for n in (1, 2, 3, 4, 6, 7))
NAME = "requestingOrganisationTransactionReference"
WRONG_STATE = (400, "businessRule", "incorrectState")
NO_ID = (404, "identification", "identifierError")


def speak_for(payments: PaymentFixture, *agencies: str) -> None:
    with payments.runtime.database.begin() as connection:
        statement = text("UPDATE api_client SET agencies = :agencies")
        connection.execute(statement, {"agencies": list(agencies) or None})


def params(response: object) -> dict[str, str]:
    told = response.json["errorParameters"]  # type: ignore[attr-defined]
    return {pair["key"]: pair["value"] for pair in told}


def test_a_client_limited_to_agencies_sees_what_those_took_alone(
    network: NetworkClient, payments: PaymentFixture, books: Books
) -> None:
    """By every address that tells of a payment: lists, answers kept, states, repetitions."""
    code, identity = payments.issue(FATIMA).code, str(uuid4())
    body = payment("163.52", **{NAME: "W-1"})
    paid = network.post(f"/bills/{code}/payments", body, identity)
    promised = network.pay(payments.issue(HASSAN).code, "663.9", Prefer="respond-async")
    work = ApiWork(payments.runtime)
    work.do()
    work.stop()
    state = f"/requeststates/{promised.json['serverCorrelationId']}"
    lists = (
        f"/bills/{code}/payments",
        f"/accounts/msisdn/{FATIMA}/bills/payments",
        f"/accounts/msisdn@{FATIMA}$linkref@{code}/bills/payments",
        f"/accounts/linkref/{code}/bills/{code}/payments",
    )
    for path in lists:
        assert len(network.get(path).json) == 1
    speak_for(payments, "W-FES-01")
    for path in lists:
        seen = network.get(path)
        assert (seen.json, seen.headers["X-Records-Available-Count"]) == ([], "0")
    assert error(network.get(state)) == NO_ID
    assert error(network.get(f"/responses/{identity}")) == NO_ID
    again = network.post(f"/bills/{code}/payments", body, identity)
    assert error(again)[1:] == ("authorisation", "requestingPartyAuthorisationError")
    for name in ("W-1", paid.json["serviceProviderPaymentReference"]):
        assert error(network.post(f"/transactions/{name}/reversals", {})) == NO_ID
    speak_for(payments, "W-RABAT-01")
    assert len(network.get(lists[0]).json) == 1
    assert network.get(state).json["status"] == "completed"
    assert network.post(f"/bills/{code}/payments", body, identity).data == paid.data
    assert network.post("/transactions/W-1/reversals", {}).status_code == 201
    books()


def test_another_agencys_payment_makes_no_reference_ambiguous(
    network: NetworkClient, payments: PaymentFixture
) -> None:
    body = payment("163.52", **{NAME: "W-1"})
    network.post(f"/bills/{payments.issue(FATIMA).code}/payments", body)
    network.post(f"/bills/{payments.issue(DRISS).code}/payments", body | {"metadata": []})
    speak_for(payments, "W-RABAT-01")
    assert network.post("/transactions/W-1/reversals", {}).status_code == 201


def test_a_payment_that_meets_its_own_repetition_says_that_it_was_this_clients(
    network: NetworkClient, payments: PaymentFixture, books: Books
) -> None:
    code, body = payments.issue(FATIMA).code, payment("163.52", **{NAME: "W-1"})
    paid = network.client.post(
        f"/mm/v1.2/bills/{code}/payments", json=body, headers=network.headers
    )
    again = network.client.post(
        f"/mm/v1.2/bills/{code}/payments", json=body, headers=network.headers
    )
    assert error(again) == WRONG_STATE
    assert params(again) == {
        "paidBy": "this client",
        "serviceProviderPaymentReference": paid.json["serviceProviderPaymentReference"],
        "amountPaid": "163.52",
        "paidAt": paid.json["creationDate"],
        NAME: "W-1",
    }
    books()


def test_a_reversal_that_meets_its_own_repetition_says_so(
    network: NetworkClient, payments: PaymentFixture
) -> None:
    own, tills = payments.issue(FATIMA).code, payments.redeem(payments.issue(HASSAN).code)
    receipt = network.pay(own, "163.52").json["serviceProviderPaymentReference"]
    payments.reverse(tills)
    network.post(f"/transactions/{receipt}/reversals", {})
    again = network.post(f"/transactions/{receipt}/reversals", {})
    assert error(again) == WRONG_STATE
    told = params(again)
    assert (told["reversedBy"], told["transactionReference"]) == ("this client", f"R{receipt}")
    others = network.post(f"/transactions/{tills}/reversals", {})
    assert error(others) == WRONG_STATE and "reversedBy" not in params(others)
    # The bill too: whoever pays it again learns that it was its own payment, and reversed.
    assert params(network.pay(own, "163.52"))["paidBy"] == "this client"


def test_a_bill_that_somebody_else_took_is_nobodys_own(
    network: NetworkClient, payments: PaymentFixture
) -> None:
    code = payments.issue(FATIMA).code
    payments.redeem(code)
    refused = network.pay(code, "163.52")
    assert error(refused) == WRONG_STATE and "errorParameters" not in refused.json


def test_a_payment_without_bill_and_id_never_pays_what_is_due_next(
    network: NetworkClient, payments: PaymentFixture, books: Books
) -> None:
    """Hassan paid two of his months; the same words again would make and pay a bill of the rest."""
    with payments.runtime.database.begin() as connection:
        connection.execute(text("UPDATE agent_network SET other_amounts = true"))
    path = f"/mm/v1.2/accounts/msisdn/{HASSAN}/bills/payments"
    asked = {"json": payment("334", **{NAME: "W-1"}), "headers": network.headers}
    assert network.client.post(path, **asked).status_code == 201
    again = network.client.post(path, **asked)
    assert error(again) == WRONG_STATE and params(again)["paidBy"] == "this client"
    other = {"json": payment("329.92", **{NAME: "W-2"}), "headers": network.headers}
    assert network.client.post(path, **other).status_code == 201
    assert payments.read_value("SELECT count(*) FROM deposit") == 2
    books()


@pytest.mark.parametrize(
    ("phone", "why"),
    [(KHADIJA, "nothingOwed"), (BRAHIM, "notEnrolled"), (SAID, "paysElsewhere")],
)
def test_no_bill_says_why(
    network: NetworkClient, payments: PaymentFixture, phone: str, why: str
) -> None:
    path = f"/accounts/msisdn/{phone}/bills"
    none = network.get(path)
    assert (none.json, none.headers["X-No-Bill-Reason"]) == ([], why)
    refused = network.post(f"{path}/payments", payment("5"))
    assert error(refused) == WRONG_STATE and params(refused) == {"noBillReason": why}


def test_a_code_that_is_no_bill_any_more_says_why(
    network: NetworkClient, payments: PaymentFixture
) -> None:
    paid, expired = payments.issue(FATIMA), payments.issue(HASSAN)
    payments.redeem(paid.code)
    payments.runtime.clock.now = expired.expires_at  # type: ignore[attr-defined]
    for code, why in ((paid.code, "paid"), (expired.code, "expired")):
        none = network.get(f"/accounts/linkref/{code}/bills")
        assert (none.json, none.headers["X-No-Bill-Reason"]) == ([], why)


def test_a_bill_shows_the_total_owed_beside_the_amount_of_the_live_code(
    network: NetworkClient, payments: PaymentFixture
) -> None:
    code = payments.issue(HASSAN, months=2)
    for path in (f"/accounts/msisdn/{HASSAN}/bills", f"/accounts/linkref/{code.code}/bills"):
        (bill,) = network.get(path).json
        told = {pair["key"]: pair["value"] for pair in bill["customData"]}
        assert told == {"totalOwed": "663.9", "monthsOwed": "2026-08/2026-11"}
        assert bill["amountDue"] != "663.9"


def test_a_promised_answer_says_where_its_state_is(
    network: NetworkClient, payments: PaymentFixture
) -> None:
    code = payments.issue(FATIMA).code
    asked = network.pay(code, "163.52", Prefer="respond-async")
    where = f"/mm/v1.2/requeststates/{asked.json['serverCorrelationId']}"
    assert (asked.status_code, asked.headers["Location"]) == (202, where)
    state = network.client.get(where, headers=network.headers)
    assert state.json["status"] == "pending"


def test_too_many_requests_say_when_to_come_again(
    network: NetworkClient, payments: PaymentFixture
) -> None:
    with payments.runtime.database.begin() as connection:
        connection.execute(text("UPDATE api_client SET requests_a_minute = 1"))
    network.get("/heartbeat")
    refused = network.get("/heartbeat")
    assert error(refused) == (400, "businessRule", "rateLimitError")
    assert 1 <= int(refused.headers["Retry-After"]) <= 60
