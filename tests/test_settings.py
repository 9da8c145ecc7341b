"""Settings are read from the environment; production names all that is missing at once."""

import pytest
from flask import Flask
from pydantic import ValidationError

from app import create_app
from app.runtime import Runtime
from app.settings import DEMO_SECRET, Settings

SECRET = "a-long-enough-secret-for-tests"
COMPLETE = {
    "app_env": "production",
    "secret_key": SECRET,
    "database_url": "postgresql://db/maalem",
    "redis_url": "redis://cache",
    "callback_token": "0123456789abcdef",
    "public_url": "https://maalem.example",
    "sms_providers": "africastalking,twilio",
    "africastalking_username": "maalem",
    "africastalking_api_key": "key",
    "twilio_account_sid": "AC1",
    "twilio_auth_token": "token",
    "twilio_from": "Maalem",
}


def test_production_names_every_missing_secret_at_once() -> None:
    with pytest.raises(ValidationError) as wrong:
        Settings(app_env="production", sms_providers="africastalking,twilio")
    for name in (
        "SECRET_KEY",
        "DATABASE_URL",
        "REDIS_URL",
        "CALLBACK_TOKEN",
        "PUBLIC_URL",
        "AFRICASTALKING_USERNAME",
        "AFRICASTALKING_API_KEY",
        "TWILIO_ACCOUNT_SID",
        "TWILIO_AUTH_TOKEN",
        "TWILIO_FROM",
    ):
        assert name in str(wrong.value)


@pytest.mark.parametrize("name", [key for key in COMPLETE if key != "app_env"])
def test_production_refuses_one_missing_setting(name: str) -> None:
    left = {key: value for key, value in COMPLETE.items() if key != name}
    with pytest.raises(ValidationError) as wrong:
        Settings.model_validate(left)
    assert name.upper() in str(wrong.value)


def test_production_refuses_the_demo_secret_and_prints_no_secret() -> None:
    with pytest.raises(ValidationError) as wrong:
        Settings.model_validate(COMPLETE | {"secret_key": DEMO_SECRET, "twilio_auth_token": "tk9"})
    assert "SECRET_KEY" in str(wrong.value)
    assert "tk9" not in str(wrong.value) and "tk9" not in repr(Settings.model_validate(COMPLETE))


def test_production_has_no_simulator_and_takes_callbacks_only_with_the_token() -> None:
    client = create_app(Runtime(Settings.model_validate(COMPLETE))).test_client()
    assert client.get("/simulator").status_code == 404
    assert client.get("/simulator/messages.json?phone=%2B212600000001").status_code == 404
    for path in ("", "/wrong", "/events", "/events/wrong"):
        assert client.post(f"/ussd/africastalking{path}", data={}).status_code == 404
    token = COMPLETE["callback_token"]
    assert client.post(f"/ussd/africastalking/{token}", data={}).status_code == 400


def test_production_has_no_simulated_phone() -> None:
    app = create_app(Runtime(Settings.model_validate(COMPLETE)))
    dialled = app.test_cli_runner().invoke(args=["dial", "*384#", "--phone", "+212600000001"])
    assert dialled.exit_code == 1 and "production" in dialled.output


def test_doctor_names_the_missing_settings_of_a_provider(app: Flask, runtime: Runtime) -> None:
    before = runtime.settings
    runtime.settings = before.model_copy(
        update={"sms_providers": ("twilio",), "twilio_from": "+15005550006"}
    )
    try:
        told = app.test_cli_runner().invoke(args=["doctor"])
    finally:
        runtime.settings = before
    assert told.exit_code == 1
    assert "WRONG  sms: not set: TWILIO_ACCOUNT_SID, TWILIO_AUTH_TOKEN" in told.output
