"""Settings are read from the environment; production names all that is missing at once."""

from secrets import token_hex, token_urlsafe

import pytest
from flask import Flask
from pydantic import ValidationError

from app import create_app
from app.base.secrets import find_weakness
from app.runtime import Runtime
from app.settings import DEMO_SECRET, Settings, read_settings

SECRET = "9f2c71e0b64ad853f1c07be2936ad84e"
COMPLETE = {
    "app_env": "production",
    "secret_key": SECRET,
    "database_url": "postgresql://db/maalem",
    "redis_url": "redis://cache",
    "callback_token": "5ac1e9027fd84b36c0172e9d",
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


def test_doctor_says_development_where_nobody_said_what_it_is(app: Flask, runtime: Runtime) -> None:
    before = runtime.settings
    runtime.settings = before.model_copy(update={"app_env": None})
    try:
        told = app.test_cli_runner().invoke(args=["doctor"])
    finally:
        runtime.settings = before
    assert "configuration: development, dialled as " in told.output


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


@pytest.mark.parametrize(
    ("name", "value", "why"),
    [
        ("secret_key", "9f2c71e0b64ad853", "shorter than 32 characters"),
        ("secret_key", "x" * 64, "a repetition"),
        ("secret_key", "9f2c71e0" * 6, "a repetition"),
        ("secret_key", "changeme-9f2c71e0b64ad853f1c07be2936ad84e", "a known sample"),
        ("secret_key", "0123456789abcdefghij0123456789ABCDEFGHIJ", "a known sample"),
        ("callback_token", "5ac1e9027fd84b36c017", "shorter than 24 characters"),
        ("callback_tokens", "generic=5ac1e9027fd84b36c0172e9d,abc", "shorter than 24 characters"),
        ("callback_tokens", "generic=,", "missing"),
        ("metrics_token", "metrics", "shorter than 24 characters"),
        ("public_url", "http://maalem.example", "not https"),
        ("africastalking_url", "http://127.0.0.1:9", "not https"),
        ("twilio_url", "http://127.0.0.1:9", "not https"),
        ("sms_providers", "log", "log sends nothing"),
    ],
)
def test_production_refuses_a_weak_setting_by_its_name(name: str, value: str, why: str) -> None:
    with pytest.raises(ValidationError) as wrong:
        Settings.model_validate(COMPLETE | {name: value})
    assert name.upper() in str(wrong.value) and why in str(wrong.value)


def test_random_secrets_are_not_called_weak() -> None:
    for _ in range(300):
        assert find_weakness(token_hex(16), 32) is None
        assert find_weakness(token_urlsafe(32), 32) is None


def test_database_of_ones_own_without_an_environment_starts_nothing(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.delenv("APP_ENV")
    monkeypatch.setenv("DATABASE_URL", "postgresql://db/maalem")
    with pytest.raises(SystemExit, match="APP_ENV is not set"):
        read_settings()
    monkeypatch.delenv("DATABASE_URL")
    assert not read_settings().production


def test_two_tokens_of_a_gateway_are_good_at_once_and_only_for_it() -> None:
    old, new = "5ac1e9027fd84b36c0172e9d", "b07d13f2c96e48a5d1f0837c"
    tokens = {"callback_tokens": f"generic={old},{new}", "callback_token": ""}
    client = create_app(Runtime(Settings.model_validate(COMPLETE | tokens))).test_client()
    for token in (old, new):
        assert client.post(f"/ussd/generic/{token}", data=b"{}").status_code == 400
        assert client.post(f"/ussd/africastalking/{token}", data={}).status_code == 404
        assert client.post(f"/sms/africastalking/inbound/{token}", data={}).status_code == 404


def test_callbacks_come_from_their_sources_alone() -> None:
    token = COMPLETE["callback_token"]
    sources = {"callback_sources": "africastalking=192.0.2.0/24;twilio=198.51.100.7"}
    client = create_app(Runtime(Settings.model_validate(COMPLETE | sources))).test_client()

    def post(path: str, address: str) -> int:
        from_there = {"REMOTE_ADDR": address}
        host = {"Host": "maalem.example"}
        return client.post(path, environ_base=from_there, headers=host, data={}).status_code

    assert post(f"/ussd/africastalking/{token}", "192.0.2.9") == 400
    assert post(f"/ussd/africastalking/{token}", "198.51.100.7") == 404
    assert post(f"/sms/africastalking/inbound/{token}", "198.51.100.7") == 404
    assert post(f"/ussd/generic/{token}", "198.51.100.7") == 400


@pytest.mark.parametrize("setting", ["CALLBACK_TOKENS", "CALLBACK_SOURCES"])
def test_name_of_no_gateway_starts_nothing(setting: str) -> None:
    value = {"CALLBACK_TOKENS": "africas=5ac1e9027fd84b36c0172e9d", "CALLBACK_SOURCES": "a=::1"}
    wrong = Settings.model_validate({setting.lower(): value[setting]})
    with pytest.raises(SystemExit, match=f"{setting} names no gateway or provider"):
        create_app(Runtime(wrong))


def test_metrics_ask_for_their_token() -> None:
    production = Settings.model_validate(COMPLETE)
    assert create_app(Runtime(production)).test_client().get("/metrics").status_code == 404
    token = "b07d13f2c96e48a5d1f0837c"
    client = create_app(Runtime(Settings(metrics_token=token))).test_client()
    for given in ("", token, f"Bearer {token}x", "Bearer "):
        assert client.get("/metrics", headers={"Authorization": given}).status_code == 401
