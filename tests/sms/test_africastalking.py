"""Africa's Talking through its own package: request expected, answer, outcome."""

from __future__ import annotations

import pytest

from app.sms.africastalking import _REFUSED, AfricasTalking
from app.sms.provider import DeliveryUnknown, SendRefused
from tests.sms.conftest import SMS, TEXT, TO, Loopback

UNKNOWN = "unknown"
# fault -> again, faulty, stopped, reason; or unknown and the reason.
CASES = [
    ("code:401", ("other", True, False, "401 RiskHold")),
    ("code:402", ("other", True, False, "402 InvalidSenderId")),
    ("code:403", ("never", False, False, "403 InvalidPhoneNumber")),
    ("code:404", ("other", False, False, "404 UnsupportedNumberType")),
    ("code:405", ("other", True, False, "405 InsufficientBalance")),
    ("code:406", ("other", False, True, "406 UserInBlacklist")),
    ("code:407", ("other", False, False, "407 CouldNotRoute")),
    ("code:409", ("other", False, True, "409 DoNotDisturbRejection")),
    ("code:500", ("same", True, False, "500 InternalServerError")),
    ("code:501", ("same", True, False, "501 GatewayError")),
    ("code:502", ("other", False, False, "502 RejectedByGateway")),
    ("code:499", ("other", False, False, "499 refused")),
    ("code:103", (UNKNOWN, "status 103")),
    ("whole:InvalidSenderId", ("other", True, False, "402 InvalidSenderId")),
    ("whole:Invalid Sender Id.", ("other", True, False, "402 InvalidSenderId")),
    ("whole:InsufficientBalance", ("other", True, False, "405 InsufficientBalance")),
    ("whole:Sent to 0/1 Total Cost: 0", ("other", False, False, "no recipient refused")),
    ("http:302", ("other", True, False, "http 302")),
    ("http:400", ("other", False, False, "http 400")),
    ("http:401", ("other", True, False, "http 401")),
    ("http:403", ("other", True, False, "http 403")),
    ("http:404", ("other", True, False, "http 404")),
    ("http:408", ("same", True, False, "http 408")),
    ("http:413", ("other", False, False, "http 413")),
    ("http:429", ("same", True, False, "http 429")),
    ("http:500", ("same", True, False, "http 500")),
    ("http:502", ("same", True, False, "http 502")),
    ("http:503", ("same", True, False, "http 503")),
    ("http:504", (UNKNOWN, "http 504")),
    ("malformed", (UNKNOWN, "answer not understood")),
    ("empty", (UNKNOWN, "answer not understood")),
    ("half", (UNKNOWN, "connection cut")),
    ("cut_before", (UNKNOWN, "connection cut")),
    ("cut_after", (UNKNOWN, "connection cut")),
    ("slow", (UNKNOWN, "no answer in time")),
]
# The faults after which the provider has the message.
TAKEN = {"malformed", "empty", "half", "cut_after", "slow"}


def test_send_returns_the_reference_of_an_accepted_message(loopback: Loopback) -> None:
    reference = AfricasTalking(loopback.settings()).send(SMS)
    (message,) = loopback.messages()
    assert (message["reference"], message["to"], message["text"]) == (reference, TO.e164, TEXT)
    assert reference.startswith("ATXid_")


def test_send_posts_the_fields_of_the_api(loopback: Loopback) -> None:
    AfricasTalking(loopback.settings()).send(SMS)
    (request,) = loopback.requests()
    assert request["path"] == "/version1/messaging"
    assert request["form"] == {
        "username": "maalem",
        "to": TO.e164,
        "message": TEXT,
        "bulkSMSMode": "1",
        "from": "MAALEM",
    }
    assert request["headers"]["Accept"] == "application/json"


def test_send_leaves_the_sender_out_without_one(loopback: Loopback) -> None:
    AfricasTalking(loopback.settings(africastalking_sender_id="")).send(SMS)
    assert "from" not in loopback.requests()[0]["form"]


@pytest.mark.parametrize(("fault", "outcome"), CASES, ids=[case[0] for case in CASES])
def test_send_reads_every_answer(
    loopback: Loopback, fault: str, outcome: tuple[str, bool, bool, str] | tuple[str, str]
) -> None:
    loopback.next(fault)
    with pytest.raises((SendRefused, DeliveryUnknown)) as refusal:
        AfricasTalking(loopback.settings()).send(SMS)
    error = refusal.value
    if isinstance(error, SendRefused):
        assert (error.retry, error.faulty, error.stopped, error.reason) == outcome
    else:
        assert (UNKNOWN, error.reason) == outcome
    assert loopback.counts()["taken"] == ({"africastalking": 1} if fault in TAKEN else {})


@pytest.mark.parametrize(("fault", "rest"), [("http:429", 1), ("http:503", 1), ("http:500", None)])
def test_send_reads_how_long_to_rest(loopback: Loopback, fault: str, rest: float | None) -> None:
    loopback.next(fault)
    with pytest.raises(SendRefused) as refusal:
        AfricasTalking(loopback.settings()).send(SMS)
    assert refusal.value.rest_seconds == rest


def test_every_refusal_code_has_a_case() -> None:
    assert {f"code:{code}" for code in _REFUSED} <= {fault for fault, _ in CASES}


def test_send_with_a_wrong_key_is_refused_as_our_fault(loopback: Loopback) -> None:
    with pytest.raises(SendRefused) as refusal:
        AfricasTalking(loopback.settings(africastalking_api_key="another")).send(SMS)
    assert (refusal.value.retry, refusal.value.faulty) == ("other", True)


def test_find_raises_lookup_error(loopback: Loopback) -> None:
    with pytest.raises(LookupError):
        AfricasTalking(loopback.settings()).find(SMS)
    assert loopback.requests() == []
