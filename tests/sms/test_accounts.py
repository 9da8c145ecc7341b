"""Providers are asked if they know us and can be paid, at no cost, as the doctor asks."""

from __future__ import annotations

import time

import pytest

from app.sms.africastalking import AfricasTalking
from app.sms.provider import DeliveryUnknown, Provider, SendRefused
from app.sms.twilio import Twilio
from tests.sms.conftest import Loopback

MAKERS = (AfricasTalking, Twilio)


@pytest.fixture(params=MAKERS, ids=lambda maker: str(maker.name))
def provider(request: pytest.FixtureRequest, loopback: Loopback) -> Provider:
    loopback.set(balance="120.50", account="active")
    made: Provider = request.param(loopback.settings())
    return made


def test_account_that_can_be_paid_says_its_balance(provider: Provider, loopback: Loopback) -> None:
    assert provider.check_account() == "balance 120.50 USD"
    assert loopback.messages() == []


@pytest.mark.parametrize(
    ("provider_of", "why"), [(AfricasTalking, "http 401"), (Twilio, "20003 credentials refused")]
)
def test_wrong_key_is_refused(loopback: Loopback, provider_of: type[Provider], why: str) -> None:
    wrong = loopback.settings(africastalking_api_key="another", twilio_auth_token="another")
    with pytest.raises(SendRefused, match=why):
        provider_of(wrong).check_account()  # type: ignore[call-arg]


@pytest.mark.parametrize("balance", ["0.00", "-3.1"])
def test_empty_account_is_refused(provider: Provider, loopback: Loopback, balance: str) -> None:
    loopback.set(balance=balance)
    with pytest.raises(SendRefused, match=f"balance {balance} USD"):
        provider.check_account()


def test_suspended_account_is_refused(loopback: Loopback) -> None:
    loopback.set(account="suspended")
    with pytest.raises(SendRefused, match="account suspended"):
        Twilio(loopback.settings()).check_account()
    loopback.set(account="active")


def test_provider_that_is_unwell_is_named_so(provider: Provider, loopback: Loopback) -> None:
    loopback.next("http:503")
    with pytest.raises(SendRefused, match="http 503"):
        provider.check_account()


def test_provider_that_does_not_answer_is_left_in_time(
    provider: Provider, loopback: Loopback
) -> None:
    loopback.next("slow")
    began = time.monotonic()
    with pytest.raises(DeliveryUnknown, match="no answer in time"):
        provider.check_account()
    assert time.monotonic() - began < 2.5


@pytest.mark.parametrize("balance", ["", "much", "NaN"])
def test_balance_that_cannot_be_read_is_said(
    provider: Provider, loopback: Loopback, balance: str
) -> None:
    loopback.set(balance=balance)
    with pytest.raises(DeliveryUnknown, match="not understood"):
        provider.check_account()
