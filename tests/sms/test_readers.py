"""What providers post to us, read: reports, messages from phones, opt-outs."""

from __future__ import annotations

import pytest
from twilio.twiml.messaging_response import MessagingResponse

from app.base.errors import InvalidInput
from app.base.phone import Phone
from app.sms.africastalking import AfricasTalkingReader
from app.sms.provider import InboundSms, Report
from app.sms.twilio import TwilioReader

FATIMA = Phone("+212600000001")
AT, TWILIO = AfricasTalkingReader(), TwilioReader()
WAY, DONE, FAILED = "on_the_way", "delivered", "failed"


@pytest.mark.parametrize(
    ("word", "outcome"),
    [
        ("Sent", WAY),
        ("Submitted", WAY),
        ("Buffered", WAY),
        ("Success", DONE),
        ("Rejected", FAILED),
        ("Failed", FAILED),
        ("AbsentSubscriber", FAILED),
        ("Expired", FAILED),
        ("Teleported", None),
    ],
)
def test_africastalking_report_words(word: str, outcome: str | None) -> None:
    form = {"id": "ATXid_1", "status": word, "phoneNumber": "+212600000001", "retryCount": "0"}
    expected = Report("ATXid_1", word, outcome, phone=FATIMA)  # type: ignore[arg-type]
    assert AT.read_report(form, {}) == expected


@pytest.mark.parametrize(
    ("reason", "stopped"),
    [
        ("InsufficientCredit", False),
        ("UserIsInactive", False),
        ("UserAccountSuspended", False),
        ("UserDoesNotExist", False),
        ("DeliveryFailure", False),
        ("UserInBlackList", True),
        ("UserInBlacklist", True),
        ("DoNotDisturbRejection", True),
        ("SomethingNew", False),
    ],
)
def test_africastalking_failure_reasons_tell_opt_outs(reason: str, stopped: bool) -> None:
    form = {"id": "ATXid_1", "status": "Failed", "failureReason": reason}
    report = AT.read_report(form, {})
    assert (report.outcome, report.reason, report.stopped) == ("failed", reason, stopped)


@pytest.mark.parametrize(
    ("word", "outcome"),
    [
        ("accepted", WAY),
        ("scheduled", WAY),
        ("queued", WAY),
        ("sending", WAY),
        ("sent", WAY),
        ("delivered", DONE),
        ("read", DONE),
        ("undelivered", FAILED),
        ("failed", FAILED),
        ("canceled", FAILED),
        ("receiving", None),
        ("partially_delivered", None),
    ],
)
def test_twilio_report_words(word: str, outcome: str | None) -> None:
    form = {"MessageSid": "SM1", "MessageStatus": word, "To": "+212600000001"}
    expected = Report("SM1", word, outcome, message_id=7, phone=FATIMA)  # type: ignore[arg-type]
    assert TWILIO.read_report(form, {"m": "7"}) == expected


@pytest.mark.parametrize(("code", "stopped"), [("30003", False), ("30008", False), ("21610", True)])
def test_twilio_error_codes_tell_opt_outs(code: str, stopped: bool) -> None:
    form = {"MessageSid": "SM1", "MessageStatus": "undelivered", "ErrorCode": code}
    report = TWILIO.read_report(form, {})
    assert (report.reason, report.stopped, report.message_id) == (f"error {code}", stopped, None)


@pytest.mark.parametrize("given", ["", "x", "-1", "0", "٧", "7 OR 1=1", "9" * 30])
def test_twilio_report_ignores_a_bad_message_id(given: str) -> None:
    form = {"MessageSid": "SM1", "MessageStatus": "sent"}
    assert TWILIO.read_report(form, {"m": given}).message_id is None


def test_twilio_report_reads_older_field_names() -> None:
    report = TWILIO.read_report({"SmsSid": "SM1", "SmsStatus": "sent"}, {})
    assert (report.reference, report.outcome) == ("SM1", "on_the_way")


def test_read_inbound_of_both_providers() -> None:
    form = {"id": "in-1", "from": "+212600000001", "to": "2345", "text": "CODE", "linkId": "x"}
    assert AT.read_inbound(form) == InboundSms("in-1", Phone("+212600000001"), "CODE")
    form = {"MessageSid": "SM1", "From": "+212600000001", "Body": "قف"}
    assert TWILIO.read_inbound(form) == InboundSms("SM1", Phone("+212600000001"), "قف")


def test_read_phone_accepts_a_blank_for_a_plus_sign() -> None:
    assert AT.read_inbound({"id": "1", "from": " 212600000001"}).sender.e164 == "+212600000001"


@pytest.mark.parametrize(
    ("kind", "text"), [("STOP", "STOP"), ("START", "START"), ("HELP", "HELP"), ("", "UNSUBSCRIBE")]
)
def test_twilio_inbound_reads_twilio_s_own_opt_out(kind: str, text: str) -> None:
    form = {"MessageSid": "SM1", "From": "+212600000001", "Body": "UNSUBSCRIBE"}
    assert TWILIO.read_inbound(form | ({"OptOutType": kind} if kind else {})).text == text


def test_africastalking_opt_out_names_the_phone() -> None:
    form = {"senderId": "MAALEM", "phoneNumber": "+212600000001"}
    assert AT.read_optout(form) == Phone("+212600000001")
    with pytest.raises(InvalidInput):
        AT.read_optout({"senderId": "MAALEM"})


@pytest.mark.parametrize("identity", ["", "  ", "x" * 65, "a\0b", "a\nb"])
def test_read_id_refuses_what_is_no_id(identity: str) -> None:
    for call in (
        lambda: AT.read_report({"id": identity, "status": "Sent"}, {}),
        lambda: AT.read_inbound({"id": identity, "from": "+212600000001"}),
        lambda: TWILIO.read_report({"MessageSid": identity, "MessageStatus": "sent"}, {}),
        lambda: TWILIO.read_inbound({"MessageSid": identity, "From": "+212600000001"}),
    ):
        with pytest.raises(InvalidInput) as refused:
            call()
        assert refused.value.params["what"] in {"id", "MessageSid"}


def test_read_word_and_text_cut_what_cannot_be_kept() -> None:
    report = AT.read_report({"id": "1", "status": "S\0ent" + "x" * 100, "failureReason": "\0"}, {})
    assert len(report.status) == 64 and "\0" not in report.status and report.reason is None
    inbound = AT.read_inbound({"id": "1", "from": "+212600000001", "text": "a\0b" + "c" * 9000})
    assert inbound.text.startswith("abc") and len(inbound.text) == 1600


def test_readers_refuse_a_missing_status_and_a_bad_sender() -> None:
    with pytest.raises(InvalidInput, match="status"):
        AT.read_report({"id": "1"}, {})
    with pytest.raises(InvalidInput, match="MessageStatus"):
        TWILIO.read_report({"MessageSid": "SM1"}, {})
    with pytest.raises(InvalidInput, match="from"):
        AT.read_inbound({"id": "1", "from": "MAALEM"})


def test_twilio_is_answered_with_twiml_that_sends_nothing() -> None:
    assert TWILIO.thanks == str(MessagingResponse())
