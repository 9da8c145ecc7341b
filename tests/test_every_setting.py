"""A production's start with each setting wrong in turn: nothing starts, one line, no value."""

from __future__ import annotations

from pathlib import Path
from secrets import token_hex

import pytest

from app.runtime import Runtime, check_names
from app.settings import DEMO_SECRET, Settings, read_settings
from tests.production import as_environment

_UNSEEN = (
    ("{}\n", "an end of line"),
    ("{}\x07x", "control character"),
    (" {}", "an outer blank"),
    ("  ", "is blank"),
)
_NO_NUMBER = (("many", "valid"), ("-1", "greater than"), ("9" * 30, "than"), ("1e", "valid"))
_NO_ADDRESS = (
    ("https://maalém.example", "xn--"),
    ("https://مثال.example", "xn--"),
    ("maalem.example", "no address of its kind"),
    ("ftp://maalem.example", "no address of its kind"),
    ("http://maalem.example", "not https"),
    ("https://user:wordof@maalem.example", "no address of its kind"),
    ("https://maalem.example?wordof=1", "no address of its kind"),
    ("https://maalem.example:99999", "Port out of range"),
    ("https://-", "no address of its kind"),
)
_WEAK = (
    (DEMO_SECRET, "a known sample"),
    ("4a8e017dc25b", "shorter than"),
    ("9f2c71e0" * 6, "a repetition"),
    ("changeme-4a8e017dc25b396f1a7d90e852bc4f36", "a known sample"),
)
_NOT_SENT = ((f"{token_hex(16)}é", "header does not carry"), (f"a {token_hex(16)}", "header does"))
# For each setting: what starts nothing, and why.
WRONG: dict[str, tuple[tuple[str, str], ...]] = {
    "app_env": (("prod", "Input should be"), ("Production", "Input should be"), (" ", "should be")),
    "flask_debug": (("1", "shows secrets"), ("yes", "shows secrets")),
    "port": (*_NO_NUMBER, ("0", "greater than"), ("65536", "less than")),
    "data_dir": (),
    "menus_folder": (("/wordof/menus", "not point to a directory"), ("/", "are deployed with the")),
    "secret_key": (*_WEAK, (f"{token_hex(16)},{token_hex(16)}", "a comma")),
    "secret_key_old": (*_WEAK, (f"{token_hex(16)},4a8e017dc25b", "shorter than")),
    "till_pin_minutes": (*_NO_NUMBER, ("31", "less than"), ("0", "greater than")),
    "office_idle_minutes": (*_NO_NUMBER, ("121", "less than"), ("0", "greater than")),
    "office_session_hours": (*_NO_NUMBER, ("25", "less than"), ("0", "greater than")),
    "oidc_issuer": (("https://id.example", "all of them, or none"), *_NO_ADDRESS[:4]),
    "oidc_client_id": (("wordof", "all of them, or none"),),
    "oidc_client_secret": ((token_hex(16), "all of them, or none"),),
    "oidc_factor_acr": (),
    "database_url": (
        ("mysql://root:wordof@db/maalem", "no address of its kind"),
        ("wordof-a-database", "no address of its kind"),
        ("postgresql://", "no address of its kind"),
    ),
    "migrations_database_url": (("sqlite:///wordof", "no address of its kind"),),
    "figures_database_url": (("sqlite:///wordof", "no address of its kind"),),
    "backup_folder": (),
    "backup_key": _WEAK,
    "backup_database_url": (("sqlite:///wordof", "no address of its kind"),),
    "backup_keep_days": (*_NO_NUMBER, ("0", "greater than")),
    "backup_rehearsals": (("perhaps", "valid boolean"),),
    "redis_url": (
        ("http://:wordof@cache", "no address of its kind"),
        ("redis://cache:6379", "anybody may connect"),
        ("redis://:x@cache", "its password is weak: shorter than 24"),
        ("redis://me:wordofx@cache/1", "its password is weak: shorter than 24"),
        ("rediss://:wordofx@cache", "its password is weak: shorter than 24"),
        ("redis+sentinel://a:1,b:2/main/0?password=wordofx", "its password is weak"),
        ("redis+cluster://:wordofx@a:1,b:2", "its password is weak"),
        (f"redis://:{'%61' * 30}@cache", "its password is weak: a repetition"),
        ("rediss://cache/0?ssl_cert_reqs=none", "its certificate is not checked"),
        ("rediss://cache?ssl_check_hostname=False", "its certificate is not checked"),
        (f"rediss://:{token_hex(32)}@cache?a=1&ssl%5Fcert_reqs=optional", "is not checked"),
    ),
    "callback_token": (*_WEAK, (f"{token_hex(8)}/{token_hex(6)}", "an address does not carry")),
    "callback_tokens": (
        ("generic", "not written as"),
        ("generic=4a8e017dc25b", "shorter than 24"),
        ("generic=,", "missing"),
        (f"wordof={token_hex(16)}", "names no gateway or provider"),
    ),
    "callback_sources": (
        ("generic=everywhere", "not networks"),
        ("generic=192.0.2.300", "not networks"),
        ("wordof=192.0.2.1", "names no gateway or provider"),
    ),
    "trusted_proxies": (("everybody", "not networks"), ("0.0.0.0/1", "believes everybody")),
    "serves": (("phones,pigeons", "none of"),),
    "metrics_token": (*_WEAK, *_NOT_SENT),
    "public_url": _NO_ADDRESS,
    "ussd_code": (
        *(("384", "no address"), ("*384", "no address"), ("*٣٨٤#", "no address")),
        ("*384*1234#", "at most 8"),
    ),
    "complaints_phone": (("0801 00 00 00", "no address"), ("le bureau", "no address")),
    "ussd_limit_septets": (*_NO_NUMBER, ("59", "greater"), ("183", "less than")),
    "ussd_limit_ucs2": (*_NO_NUMBER, ("39", "greater"), ("81", "less than")),
    "ussd_limits": (("generic=many", "not written as"), ("wordof=182/80", "names no gateway")),
    "sms_providers": (
        ("log", "log sends nothing"),
        ("twilio,log", "log sends nothing"),
        (",", "missing"),
        ("twilio,wordof", "names no provider"),
        ("twilio,twilio", "names one twice"),
    ),
    "sms_weights": (
        ("twilio", "not written as"),
        ("twilio=0,africastalking=0", "one at least above 0"),
        ("wordof=1", "names what SMS_PROVIDERS does not"),
    ),
    "sms_rates": (("twilio=-1", "not written as"), ("twilio=0", "at least 1 a second")),
    "sms_at_once": (*_NO_NUMBER, ("0", "greater than"), ("513", "less than")),
    "sms_timeout": (*_NO_NUMBER[:3], ("0", "greater than"), ("nan", "than")),
    "sms_prices": (("/wordof/prices.yaml", "is no file"), ("/", "is no file")),
    "africastalking_username": (("sandbox", "the sandbox sends nothing"),),
    "africastalking_api_key": (*_WEAK, *_NOT_SENT),
    "africastalking_sender_id": (("wordof-a-long-sender", "neither"), ("maalém", "neither")),
    "africastalking_url": _NO_ADDRESS,
    "twilio_account_sid": (("ACwordof", "not AC and 32"), (f"SK{token_hex(16)}", "not AC and 32")),
    "twilio_auth_token": (*_WEAK, *_NOT_SENT),
    "twilio_from": (("+0612345678", "neither"), ("wordof-a-long-sender", "neither")),
    "twilio_url": _NO_ADDRESS,
    "private_callbacks": (("perhaps", "valid boolean"),),
    "pooler_keeps_prepared": (("perhaps", "valid boolean"),),
    "fee_centimes": (*_NO_NUMBER, ("1.5", "valid integer")),
    "reversal_minutes_alone": (*_NO_NUMBER, ("61", "less than")),
    "reversals_a_day": (*_NO_NUMBER, ("100001", "less than")),
    "chamber_searches_a_day": (*_NO_NUMBER, ("0", "greater than")),
    "two_approvers_from_dirhams": (*_NO_NUMBER, ("nan", "finite"), ("inf", "finite")),
    "sms_day_budget": (*_NO_NUMBER, ("nan", "finite"), ("inf", "finite")),
    "sms_campaign_budget": (*_NO_NUMBER, ("nan", "finite"), ("inf", "finite")),
    "reminders_holdout_per_mille": (*_NO_NUMBER, ("501", "less than")),
    "reminders_calendar": (("/wordof/calendar.yaml", "is no file"),),
    "reminders_automatic": (("perhaps", "valid boolean"),),
    "registry_new_share": (*_NO_NUMBER, ("101", "less than"), ("nan", "than"), ("inf", "than")),
    "keep_imports_days": (*_NO_NUMBER, ("0", "greater than")),
    "keep_talks_days": (*_NO_NUMBER, ("0", "greater than")),
    "keep_bodies_days": (*_NO_NUMBER, ("6", "greater than")),
    "log_level": (("wordof", "Input should be"), ("INFO", "Input should be")),
    "sentry_dsn": (
        ("https://faults.example/1", "no address of its kind"),
        ("https://4a8e:wordof@faults.example/1", "no address of its kind"),
        ("https://4a8e017d@faults.example", "no address of its kind"),
        ("https://4a8e017d@faults.example:99999/1", "Port out of range"),
        ("wordof", "no address of its kind"),
    ),
    # A collector is a neighbour, and told nothing of anybody: plain http may do.
    "traces_url": tuple(case for case in _NO_ADDRESS if case[1] != "not https"),
    "traces_share": (*_NO_NUMBER, ("1.1", "less than"), ("nan", "than"), ("inf", "than")),
}
# Left out, they have no value that production could use.
NEEDED = (
    *("secret_key", "database_url", "redis_url", "callback_token", "public_url", "sms_providers"),
    *("africastalking_username", "africastalking_api_key"),
    *("twilio_account_sid", "twilio_auth_token", "twilio_from"),
)


def start(monkeypatch: pytest.MonkeyPatch, **changed: str) -> str:
    """Returns what a start of production says; nothing where it starts."""
    for name, value in as_environment(**changed).items():
        monkeypatch.setenv(name, value)
    try:
        check_names(read_settings())
    except SystemExit as refused:
        return str(refused)
    return ""


def test_every_setting_has_its_wrong_values() -> None:
    assert set(WRONG) == set(Settings.model_fields)


@pytest.mark.parametrize("setting", WRONG)
def test_a_wrong_value_starts_nothing_and_is_named_in_one_line(
    monkeypatch: pytest.MonkeyPatch, setting: str
) -> None:
    name, usual = setting.upper(), as_environment().get(setting.upper(), "1")
    unseen = () if setting == "app_env" else _UNSEEN
    cases = *WRONG[setting], *((form.format(usual), why) for form, why in unseen)
    for value, why in cases:
        refusal = start(monkeypatch, **{name: value})
        assert name in refusal and why in refusal, (value, refusal)
        assert "\n" not in refusal and "wordof" not in refusal.replace(": wordof", ""), refusal
        assert refusal.count("; ") == 0, refusal
        secret = setting.endswith(("key", "old", "token", "tokens", "url"))
        assert not (secret and len(value) > 9 and value in refusal)


@pytest.mark.parametrize("setting", NEEDED)
@pytest.mark.parametrize("value", [None, ""])
def test_what_production_needs_is_missed_by_its_name(
    monkeypatch: pytest.MonkeyPatch, setting: str, value: str | None
) -> None:
    name = setting.upper()
    for other in as_environment():
        monkeypatch.delenv(other, raising=False)
    given = {key: text for key, text in as_environment().items() if key != name}
    for key, text in (given if value is None else given | {name: value}).items():
        monkeypatch.setenv(key, text)
    with pytest.raises(SystemExit) as refused:
        read_settings()
    assert name in str(refused.value) and "\n" not in str(refused.value)


@pytest.mark.parametrize(
    ("setting", "twin", "form"),
    [
        ("SECRET_KEY", "CALLBACK_TOKEN", "{}"),
        ("SECRET_KEY", "CALLBACK_TOKENS", "generic={}"),
        ("SECRET_KEY", "REDIS_URL", "redis://:{}@cache"),
        ("SECRET_KEY", "DATABASE_URL", "postgresql://maalem_web:{}@db/maalem"),
        ("SECRET_KEY", "DATABASE_URL", "postgresql:///maalem?host=db&user=web&password={}"),
        ("SECRET_KEY", "MIGRATIONS_DATABASE_URL", "postgresql://maalem:{}@db/maalem"),
        ("SECRET_KEY", "AFRICASTALKING_API_KEY", "{}"),
        ("SECRET_KEY", "BACKUP_KEY", "{}"),
        ("SECRET_KEY_OLD", "TWILIO_AUTH_TOKEN", "{}"),
        ("SECRET_KEY_OLD", "CALLBACK_TOKEN", "{}"),
        ("SECRET_KEY_OLD", "METRICS_TOKEN", "{}"),
        ("METRICS_TOKEN", "CALLBACK_TOKEN", "{}"),
    ],
)
def test_one_secret_is_not_for_two_purposes(
    monkeypatch: pytest.MonkeyPatch, setting: str, twin: str, form: str
) -> None:
    """Who is told a token, or keeps an engine, could sign sessions with it."""
    secret = token_hex(32)
    refusal = start(monkeypatch, **{setting: secret, twin: form.format(secret)})
    assert f"{setting} (a " in refusal and " too" in refusal
    assert secret not in refusal


def test_old_key_is_another_than_the_new_one(monkeypatch: pytest.MonkeyPatch) -> None:
    secret = token_hex(32)
    refusal = start(monkeypatch, SECRET_KEY=secret, SECRET_KEY_OLD=secret)
    assert "SECRET_KEY_OLD (SECRET_KEY itself" in refusal and secret not in refusal


def test_backups_have_a_folder_and_a_key(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    refusal = start(monkeypatch, BACKUP_FOLDER=str(tmp_path))
    assert "BACKUP_KEY (missing)" in refusal
    monkeypatch.delenv("BACKUP_FOLDER")
    assert "BACKUP_FOLDER (missing)" in start(monkeypatch, BACKUP_REHEARSALS="true")


def test_menus_folder_without_menus_is_named_in_a_line(tmp_path: Path) -> None:
    with pytest.raises(SystemExit, match=r"^configuration: MENUS_FOLDER: .*neither screens nor"):
        Runtime(Settings(app_env="development", menus_folder=tmp_path))


def test_values_that_are_right_start(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """So that the cases above can fail."""
    prices = tmp_path / "prices é.yaml"
    prices.write_text("")
    right = {
        "USSD_CODE": "*384*12#",
        "TWILIO_FROM": f"MG{token_hex(16)}",
        "AFRICASTALKING_SENDER_ID": "MAALEM AMO",
        "PUBLIC_URL": "https://xn--malem-bsa.example:8443/base",
        "SMS_PRICES": str(prices),
        "DATA_DIR": str(tmp_path / "donn\xe9es"),
        "SMS_DAY_BUDGET": "100.50",
        "SECRET_KEY_OLD": f"{token_hex(32)}, {token_hex(32)}",
    }
    assert start(monkeypatch, **right) == ""
