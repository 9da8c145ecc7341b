"""Twilio through its own package: request expected, answer, outcome; asked what it took."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from app.base.phone import Phone
from app.sms.provider import DeliveryUnknown, SendRefused
from app.sms.twilio import _REFUSED, Twilio
from tests.redis_servers import await_true
from tests.sms.conftest import SENDER, SMS, TEXT, TO, Loopback

UNKNOWN = "unknown"
NEVER, ELSEWHERE = ("never", False, False), ("other", False, False)
OURS, PASSES = ("other", True, False), ("same", True, False)
# fault -> again, faulty, stopped, reason; or unknown and the reason.
CASES = [
    ("code:21211", (*NEVER, "21211 invalid number")),
    ("code:21265", (*NEVER, "21265 a short code")),
    ("code:21614", (*NEVER, "21614 not a mobile number")),
    ("code:21635", (*NEVER, "21635 a landline")),
    ("code:21602", (*NEVER, "21602 no text")),
    ("code:21617", (*NEVER, "21617 text too long")),
    ("code:21610", ("other", False, True, "21610 stopped")),
    ("code:21408", (*ELSEWHERE, "21408 region not permitted")),
    ("code:21608", (*ELSEWHERE, "21608 number not verified")),
    ("code:21612", (*ELSEWHERE, "21612 not reachable from our sender")),
    ("code:20003", (*OURS, "20003 credentials refused")),
    ("code:20005", (*OURS, "20005 account not active")),
    ("code:20403", (*OURS, "20403 forbidden")),
    ("code:20404", (*OURS, "20404 no such account")),
    ("code:21212", (*OURS, "21212 invalid sender")),
    ("code:21601", (*OURS, "21601 sender is not ours")),
    ("code:21603", (*OURS, "21603 no sender")),
    ("code:21606", (*OURS, "21606 sender cannot send there")),
    ("code:21609", (*OURS, "21609 callback address refused")),
    ("code:21659", (*OURS, "21659 sender is not of Twilio")),
    ("code:21660", (*OURS, "21660 sender is another account's")),
    ("code:21661", (*OURS, "21661 sender cannot send")),
    ("code:14107", (*PASSES, "14107 throttled")),
    ("code:20429", (*PASSES, "20429 throttled")),
    ("code:20500", (*PASSES, "20500 internal error")),
    ("code:20503", (*PASSES, "20503 unavailable")),
    ("code:21611", (*PASSES, "21611 sender's queue is full")),
    ("code:21999", (*ELSEWHERE, "http 400")),
    ("failed:30001", (*PASSES, "30001 queue is full")),
    ("failed:30002", (*OURS, "30002 account suspended")),
    ("failed:30003", (*ELSEWHERE, "30003 handset unreachable")),
    ("failed:30004", (*ELSEWHERE, "30004 blocked")),
    ("failed:30005", (*NEVER, "30005 unknown handset")),
    ("failed:30006", (*NEVER, "30006 landline or unreachable carrier")),
    ("failed:30007", (*ELSEWHERE, "30007 filtered by the carrier")),
    ("failed:30008", (*ELSEWHERE, "30008 unknown error")),
    ("failed:30022", (*PASSES, "30022 throttled by carriers")),
    ("failed:30034", (*OURS, "30034 sender not registered")),
    ("failed:30410", (*ELSEWHERE, "30410 carrier did not answer")),
    ("failed:30450", (*ELSEWHERE, "30450 held to be fraud")),
    ("failed:63017", (*PASSES, "63017 throttled")),
    ("failed:63018", (*PASSES, "63018 throttled")),
    ("failed:63038", (*OURS, "63038 day's limit reached")),
    ("failed:63999", (*ELSEWHERE, "63999 refused")),
    ("failed:0", (*ELSEWHERE, "status failed refused")),
    ("http:302", (*OURS, "http 302")),
    ("http:400", (*ELSEWHERE, "http 400")),
    ("http:401", (*OURS, "http 401")),
    ("http:429", (*PASSES, "http 429")),
    ("http:500", (*PASSES, "http 500")),
    ("http:502", (*PASSES, "http 502")),
    ("http:503", (*PASSES, "http 503")),
    ("http:504", (UNKNOWN, "http 504")),
    ("malformed", (UNKNOWN, "answer not understood")),
    ("empty", (UNKNOWN, "answer not understood")),
    ("half", (UNKNOWN, "connection cut")),
    ("cut_before", (UNKNOWN, "connection cut")),
    ("cut_after", (UNKNOWN, "connection cut")),
    ("slow", (UNKNOWN, "no answer in time")),
]
# What a fault leaves at the provider.
TAKEN = ["malformed", "empty", "half", "cut_after", "slow"]


def test_send_returns_the_reference_of_an_accepted_message(loopback: Loopback) -> None:
    reference = Twilio(loopback.settings()).send(SMS)
    (message,) = loopback.messages()
    assert (message["reference"], message["to"], message["text"]) == (reference, TO.e164, TEXT)
    assert reference.startswith("SM")


@pytest.mark.parametrize(
    ("public", "callback"),
    [
        (
            "https://maalem.example/",
            {"StatusCallback": "https://maalem.example/sms/twilio/status?m=7"},
        ),
        ("", {}),
    ],
)
def test_send_posts_the_fields_of_the_api(
    loopback: Loopback, public: str, callback: dict[str, str]
) -> None:
    Twilio(loopback.settings(public_url=public)).send(SMS)
    (request,) = loopback.requests()
    assert request["path"] == "/2010-04-01/Accounts/AC1/Messages.json"
    assert request["form"] == {"To": TO.e164, "From": SENDER, "Body": TEXT} | callback


@pytest.mark.parametrize(("fault", "outcome"), CASES, ids=[case[0] for case in CASES])
def test_send_reads_every_answer(
    loopback: Loopback, fault: str, outcome: tuple[str, bool, bool, str] | tuple[str, str]
) -> None:
    loopback.next(fault)
    with pytest.raises((SendRefused, DeliveryUnknown)) as refusal:
        Twilio(loopback.settings()).send(SMS)
    error = refusal.value
    if isinstance(error, SendRefused):
        assert (error.retry, error.faulty, error.stopped, error.reason) == outcome
    else:
        assert (UNKNOWN, error.reason) == outcome
    assert loopback.counts()["taken"] == ({"twilio": 1} if fault in TAKEN else {})


@pytest.mark.parametrize("fault", ["http:429", "code:20429", "code:14107", "http:503"])
def test_send_reads_how_long_to_rest(loopback: Loopback, fault: str) -> None:
    loopback.next(fault)
    with pytest.raises(SendRefused) as refusal:
        Twilio(loopback.settings()).send(SMS)
    assert refusal.value.rest_seconds == 1


def test_every_refusal_code_has_a_case() -> None:
    assert set(_REFUSED) <= {int(fault.split(":")[1]) for fault, _ in CASES if ":" in fault}


def test_send_with_a_wrong_token_is_refused_as_our_fault(loopback: Loopback) -> None:
    with pytest.raises(SendRefused, match="20003") as refusal:
        Twilio(loopback.settings(twilio_auth_token="another")).send(SMS)
    assert (refusal.value.retry, refusal.value.faulty) == ("other", True)


@pytest.mark.parametrize("fault", TAKEN)
def test_find_returns_a_message_of_unknown_delivery(loopback: Loopback, fault: str) -> None:
    provider, sms = Twilio(loopback.settings()), replace(SMS, since=datetime.now(UTC))
    loopback.next(fault)
    with pytest.raises(DeliveryUnknown):
        provider.send(sms)
    assert provider.find(sms) == loopback.messages()[0]["reference"]


def test_find_returns_none_for_a_message_cut_off_before(loopback: Loopback) -> None:
    provider, sms = Twilio(loopback.settings()), replace(SMS, since=datetime.now(UTC))
    loopback.next("cut_before")
    with pytest.raises(DeliveryUnknown):
        provider.send(sms)
    assert provider.find(sms) is None


def test_find_matches_text_number_and_time(loopback: Loopback) -> None:
    provider, sms = Twilio(loopback.settings()), replace(SMS, since=datetime.now(UTC))
    provider.send(sms)
    assert provider.find(sms)
    assert provider.find(replace(sms, text=TEXT + ".")) is None
    assert provider.find(replace(sms, to=Phone("+212600000002"))) is None
    later = datetime.now(UTC) + timedelta(minutes=2)
    assert provider.find(replace(sms, since=later)) is None
    with pytest.raises(LookupError):
        provider.find(replace(sms, since=None))


def test_find_prefers_a_message_sent_to_one_that_failed(loopback: Loopback) -> None:
    loopback.set(reports={"failed": 1.0, "delay_ms": 1})
    provider = Twilio(loopback.settings(public_url="http://127.0.0.1:9"))
    first = provider.send(SMS)
    loopback.set(reports={"failed": 0.0, "delay_ms": 300})
    second = Twilio(loopback.settings()).send(SMS)
    assert first != second
    assert provider.find(replace(SMS, since=datetime.now(UTC))) == second


@pytest.mark.parametrize("fault", ["http:429", "http:500", "http:503", "code:20429", "http:504"])
def test_find_without_an_answer_raises_and_does_not_deny(loopback: Loopback, fault: str) -> None:
    loopback.next(fault)
    with pytest.raises(SendRefused) as refusal:
        Twilio(loopback.settings()).find(replace(SMS, since=datetime.now(UTC)))
    assert (refusal.value.retry, refusal.value.faulty) == ("same", True)


def test_its_log_is_listed_by_moment_and_sender_over_many_pages(
    loopback: Loopback, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("app.sms.twilio._PAGE", 2)
    provider = Twilio(loopback.settings(public_url="http://127.0.0.1:9"))
    another = Twilio(loopback.settings(public_url="http://127.0.0.1:9", twilio_from="+15005550007"))
    another.send(SMS)
    begin = datetime.now(UTC).replace(microsecond=0)
    sent = {provider.send(replace(SMS, text=f"{TEXT} {number}")) for number in range(5)}
    end = datetime.now(UTC) + timedelta(seconds=1)
    await_true(lambda: len(list(provider.list_sent(begin, end))) == 5, "the log has them all")
    listed = list(provider.list_sent(begin, end))
    assert {one.reference for one in listed} == sent
    assert {one.to for one in listed} == {TO}
    assert {one.text for one in listed} == {f"{TEXT} {number}" for number in range(5)}
    assert list(provider.list_sent(begin - timedelta(days=2), begin - timedelta(days=1))) == []
    loopback.next("code:20003")
    with pytest.raises(SendRefused):
        list(provider.list_sent(begin, end))
