"""Settings are read from the environment; production names all that is missing at once."""

from pathlib import Path
from secrets import token_hex, token_urlsafe

import pytest
from flask import Flask
from pydantic import ValidationError

from app import create_app
from app.base.secrets import find_weakness
from app.runtime import Runtime
from app.settings import DEMO_SECRET, Settings, read_settings
from tests.production import COMPLETE, TOKEN, as_environment


def read_from(monkeypatch: pytest.MonkeyPatch, environment: dict[str, str]) -> str:
    """Returns what the start says of an environment; nothing where all is well."""
    monkeypatch.delenv("APP_ENV")
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    try:
        read_settings()
    except SystemExit as refused:
        return str(refused)
    return ""


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


@pytest.mark.parametrize("name", [key for key in COMPLETE if key not in {"app_env", "log_level"}])
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
        ("secret_key", "4a8e017dc25b396f", "shorter than 32 characters"),
        ("secret_key", "a" * 64, "a repetition"),
        ("secret_key", "4a8e017dc25b396f1a7d,90e852bc4f364c21", "a comma"),
        ("secret_key", "4a8e017dc25b396f 1a7d90e852bc4f36 ", "outer blank"),
        ("secret_key", "9f2c71e0" * 6, "a repetition"),
        ("secret_key", "changeme-4a8e017dc25b396f1a7d90e852bc4f36", "a known sample"),
        ("secret_key", "0123456789abcdefghij0123456789ABCDEFGHIJ", "a known sample"),
        ("secret_key", "4a8e017d-PoiuYtrewq-c25b396f1a7d90e852bc", "a known sample"),
        ("secret_key", "azertyuiop-4a8e017dc25b396f1a7d90e852bc", "a known sample"),
        ("secret_key", "Correct Horse Battery Staple 1a7d90e852bc", "a known sample"),
        ("secret_key_old", DEMO_SECRET, "a known sample"),
        ("redis_url", "redis://cache:6379/0", "anybody may connect"),
        ("redis_url", "redis://127.0.0.1", "anybody may connect"),
        ("redis_url", "redis://somebody@cache", "anybody may connect"),
        ("redis_url", "redis://:@cache", "anybody may connect"),
        ("callback_token", "4a8e017dc25b396f1a7d", "shorter than 24 characters"),
        ("callback_token", "example/4a8e017dc25b396f1a7d==", "an address does not carry"),
        ("callback_tokens", "generic=4a8e017dc25b396f1a7d,abc", "shorter than 24 characters"),
        ("callback_tokens", "generic=,", "missing"),
        ("callback_tokens", "generic", "not written as gateway=token"),
        ("callback_tokens", "generic=a;generic=b", "names twice: generic"),
        ("callback_sources", "generic=::1;generic=::/0", "names twice: generic"),
        ("callback_sources", "generic=everywhere", "not networks"),
        ("trusted_proxies", "0.0.0.0/0", "believes everybody"),
        ("trusted_proxies", "::/0", "believes everybody"),
        ("twilio_auth_token", "auth", "shorter than 24 characters"),
        ("twilio_auth_token", "your_auth_token_your_auth_token_", "a known sample"),
        ("africastalking_api_key", "MyAppAPIKey", "shorter than 24 characters"),
        ("africastalking_username", "sandbox", "sends nothing"),
        ("flask_debug", "1", "shows secrets"),
        ("database_url", "mysql://maalem", "no address of its kind"),
        ("redis_url", "cache:6379", "no address of its kind"),
        ("metrics_token", "metrics", "shorter than 24 characters"),
        ("public_url", "http://maalem.example", "not https"),
        ("public_url", "https://", "no address of its kind"),
        ("public_url", "https://user:word@maalem.example", "no address of its kind"),
        ("africastalking_url", "http://127.0.0.1:9", "not https"),
        ("twilio_url", "http://127.0.0.1:9", "not https"),
        ("sms_providers", "log", "log sends nothing"),
    ],
)
def test_production_refuses_a_weak_setting_by_its_name(
    monkeypatch: pytest.MonkeyPatch, name: str, value: str, why: str
) -> None:
    refusal = read_from(monkeypatch, as_environment(**{name.upper(): value}))
    assert name.upper() in refusal and why in refusal


def test_random_secrets_are_not_called_weak() -> None:
    for _ in range(300):
        assert find_weakness(token_hex(16), 32) is None
        assert find_weakness(token_urlsafe(32), 32) is None


@pytest.mark.parametrize("said", [None, ""])
def test_database_of_ones_own_without_an_environment_starts_nothing(
    monkeypatch: pytest.MonkeyPatch, said: str | None
) -> None:
    given = as_environment()
    own = {name: given[name] for name in ("DATABASE_URL", "REDIS_URL")}
    refusal = read_from(monkeypatch, own | ({} if said is None else {"APP_ENV": said}))
    assert refusal == (
        "configuration: APP_ENV is not set: with DATABASE_URL it must say development or production"
    )
    # A Redis of one's own beside the embedded database is development: `REDIS_URL=... make run`.
    monkeypatch.delenv("DATABASE_URL")
    assert not read_settings().production


@pytest.mark.parametrize("word", ["prod", "Production", " production", "production ", "0", " "])
def test_environment_said_in_another_word_starts_nothing(
    monkeypatch: pytest.MonkeyPatch, word: str
) -> None:
    refusal = read_from(monkeypatch, as_environment(APP_ENV=word))
    assert refusal.startswith(
        "configuration: APP_ENV Input should be 'development' or 'production'"
    )


def test_complete_production_starts(monkeypatch: pytest.MonkeyPatch) -> None:
    assert read_from(monkeypatch, as_environment()) == ""


def test_everything_wrong_is_named_at_once_and_no_value_is_shown(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """A setting that cannot be read hides none of the others."""
    wrong = {
        "PORT": "many-ports",
        "DATABASE_URL": "mysql://root:wordofroot@db/maalem",
        "SECRET_KEY": "wordofkey",
        "SECRET_KEY_OLD": "wordofold",
        "CALLBACK_TOKENS": "wordoftokens",
        "PUBLIC_URL": "http://maalem.example",
        "TRUSTED_PROXIES": "0.0.0.0/0",
        "TWILIO_URL": "http://127.0.0.1:9",
        "TWILIO_AUTH_TOKEN": "wordoftwilio",
        "SMS_RATES": "pigeon=1",
        "FLASK_DEBUG": "yes",
    }
    refusal = read_from(monkeypatch, as_environment(**wrong))
    assert [name for name in wrong if name not in refusal] == []
    assert "wordof" not in refusal and "many-ports" not in refusal


@pytest.mark.parametrize("name", [".env", ".flaskenv"])
def test_file_that_commands_would_read_and_the_server_not_starts_nothing(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, name: str
) -> None:
    folder = tmp_path / "below"
    folder.mkdir()
    monkeypatch.chdir(folder)
    file = tmp_path / name
    file.write_text("COMPOSE_PROJECT_NAME=maalem\n")
    assert read_from(monkeypatch, as_environment()) == ""
    file.write_text("twilio_from=+212500000000\nFLASK_DEBUG=1\nFLASK_SKIP_DOTENV=1\n")
    monkeypatch.setenv("FLASK_SKIP_DOTENV", "1")
    with pytest.raises(SystemExit, match=f"{name} sets FLASK_DEBUG.*twilio_from: commands would"):
        read_settings()
    file.write_text("twilio_from=+212500000000\n")
    assert read_settings().production


_SHARED = token_hex(16)


@pytest.mark.parametrize(
    ("changed", "why"),
    [
        ({"database_url": "postgresql://app:bread@db/maalem"}, "DATABASE_URL (its password"),
        ({"database_url": "postgresql://db/maalem?sslmode=disable"}, "DATABASE_URL (in the clear"),
        (
            {"database_url": "postgresql:///m?host=127.0.0.1,10.0.0.7&sslmode=allow"},
            "DATABASE_URL (in the clear",
        ),
        (
            {"figures_database_url": "postgresql://127.0.0.1,db:1/m?sslmode=disable"},
            "FIGURES_DATABASE_URL (in the clear",
        ),
        ({"public_url": "https://localhost"}, "PUBLIC_URL (this machine"),
        ({"public_url": "https://127.0.0.1:8443"}, "PUBLIC_URL (this machine"),
        (
            {"trusted_proxies": ",".join(f"{first}.0.0.0/8" for first in range(256))},
            "TRUSTED_PROXIES (believes everybody",
        ),
        ({"trusted_proxies": "8000::/1"}, "TRUSTED_PROXIES (believes everybody"),
        (
            {"callback_token": _SHARED, "twilio_auth_token": _SHARED},
            "CALLBACK_TOKEN (a provider's key too",
        ),
        (
            {"metrics_token": _SHARED, "twilio_auth_token": _SHARED},
            "METRICS_TOKEN (a provider's key too",
        ),
        ({"callback_sources": "generic=,"}, "no address: generic"),
        ({"serves": "phones,pigeons"}, "SERVES: none of"),
    ],
)
def test_production_refuses_what_is_open_by_another_way(changed: dict[str, str], why: str) -> None:
    with pytest.raises(ValidationError) as wrong:
        Settings.model_validate(COMPLETE | changed)
    assert why in str(wrong.value) and "bread" not in str(wrong.value)


@pytest.mark.parametrize(
    "url",
    [
        "postgresql://app:bread@127.0.0.1,[::1]:5432/maalem?sslmode=disable",
        "postgresql:///maalem?host=/run/postgresql&sslmode=disable",
        "postgresql://app@db/maalem?sslmode=verify-full",
        "postgresql://app:{}@db/maalem",
    ],
)
def test_database_on_this_machine_or_with_a_strong_password_is_taken(url: str) -> None:
    url = url.format(TOKEN)
    assert Settings.model_validate(COMPLETE | {"database_url": url}).database_url == url


@pytest.mark.parametrize(
    "url",
    [
        "rediss://cache",
        "unix:///run/redis.sock?db=1",
        "redis://:{}@cache",
        "redis://me:{}@c/1",
        "redis+sentinel://one:1,two:2/main/0?password={}",
    ],
)
def test_redis_with_a_password_tls_or_a_socket_is_taken(url: str) -> None:
    url = url.format(TOKEN)
    assert Settings.model_validate(COMPLETE | {"redis_url": url}).redis_url == url


def test_two_tokens_of_a_gateway_are_good_at_once_and_only_for_it() -> None:
    old, new = token_hex(16), token_hex(16)
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


@pytest.mark.parametrize(
    ("setting", "value", "what"),
    [
        ("callback_tokens", "africas=x", "gateway or provider"),
        ("callback_sources", "africas=::1", "gateway or provider"),
        ("sms_providers", "twilio,africas", "provider"),
        ("ussd_limits", "africas=182/80", "gateway"),
    ],
)
def test_name_of_no_gateway_or_provider_starts_nothing(setting: str, value: str, what: str) -> None:
    wrong = Settings.model_validate({setting: value})
    with pytest.raises(SystemExit, match=f"{setting.upper()} names no {what}: africas"):
        create_app(Runtime(wrong))


def test_metrics_ask_for_their_token() -> None:
    production = Settings.model_validate(COMPLETE)
    assert create_app(Runtime(production)).test_client().get("/metrics").status_code == 404
    token = token_hex(16)
    client = create_app(Runtime(Settings(metrics_token=token))).test_client()
    for given in ("", token, f"Bearer {token}x", "Bearer "):
        assert client.get("/metrics", headers={"Authorization": given}).status_code == 401
