"""What a message told is read back from its words, in every language."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, date, datetime

import pytest

from app.base.money import Money
from app.base.months import Month
from app.base.phone import Phone
from app.reconciliation.told_messages import ToldMessage, read_told
from app.runtime import Runtime
from app.sms.provider import LoggedSms
from app.text.languages import LANGUAGES
from app.text.words import Say

CODE, RECEIPT, TOTAL = "482173059617", "174509283615", Money(100566)
AT = datetime(2026, 11, 23, 10, 0, tzinfo=UTC)
SMS = LoggedSms("SM1", Phone("+212600000002"), "", AT)
VALUES = {
    "code": CODE,
    "receipt": RECEIPT,
    "total": TOTAL,
    "owed_total": Money(200000),
    "period": Month(2026, 11),
    "until": AT,
    "deadline": date(2026, 11, 30),
    "received_on": date(2026, 11, 23),
    "for_whom": "HASSAN B.",
    "agency": "W-RABAT-01",
    "reversed_by": "1002",
    "stake": Say("stake.keep"),
    "where": "Wafacash Rabat",
    "announced": "Code 4821, 2 mots",
}
READ = {
    "code": ("code", CODE),
    "code_live": ("code", CODE),
    "reminder_week": ("code", CODE),
    "reminder_due": ("code", CODE),
    "reminder_rights": ("code", CODE),
    "receipt": ("receipt", RECEIPT),
    "reversal": ("reversal", RECEIPT),
    "deposit_reversed": ("reversal", RECEIPT),
    "code_cancelled": None,
    "notice": None,
    "pin_set": None,
}


@pytest.mark.parametrize("language", sorted(LANGUAGES))
def test_a_message_is_read_back_as_what_it_told(runtime: Runtime, language: str) -> None:
    words = runtime.services.words
    for kind, expected in READ.items():
        sms = replace(SMS, text=words.say(language, f"sms.{kind}", VALUES))
        told = read_told(words, "twilio", sms)
        if expected is None:
            assert told is None, kind
            continue
        assert told == ToldMessage(*expected, "twilio", "SM1", SMS.to, AT, TOTAL), kind


def test_words_that_nobody_knows_are_told_by_their_reference(runtime: Runtime) -> None:
    told = read_told(runtime.services.words, "twilio", replace(SMS, text="Maalem: wassl 123"))
    assert told == ToldMessage("message", "twilio SM1", "twilio", "SM1", SMS.to, AT)
