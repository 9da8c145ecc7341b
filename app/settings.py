"""The settings, typed, each with a sentence; their names are in docs/contract.md, Commands."""

from contextvars import ContextVar
from decimal import Decimal
from pathlib import Path
from typing import Literal

from pydantic import (
    DirectoryPath,
    Field,
    SecretStr,
    ValidationError,
    ValidationInfo,
    field_validator,
    model_validator,
)
from pydantic_settings import BaseSettings, SettingsConfigDict

from app.base.environment import find_unread_file, is_switched_on
from app.base.secrets import (
    find_header_weakness,
    find_key_weakness,
    find_token_weakness,
    find_weakness,
)
from app.base.setting_texts import (
    SHORTEST_TOKEN,
    Address,
    DatabaseUrl,
    Dsn,
    LimitsByName,
    Names,
    Networks,
    NumbersByName,
    RedisUrl,
    Secrets,
    SourcesByName,
    TokensByName,
    believe_everybody,
    describe_fault,
    judge_database,
    judge_providers,
    judge_public_url,
    judge_redis,
    judge_shape,
    read_password,
    refuse_unseen,
)

_CHECKOUT = Path(__file__).resolve().parent.parent
# Menus, migrations and pages: of the checkout, or as the wheel brings them (supply/wheel.py).
_INSTALLED = _CHECKOUT / "maalem_files"
ROOT = _INSTALLED if _INSTALLED.is_dir() else _CHECKOUT
DEMO_SECRET = "demo-secret-for-development-only"  # noqa: S105 - refused in production

_SHORTEST_SECRET = 32
_USSD_CODE = r"^\*[0-9]{1,8}(\*[0-9]{1,8})*#$"
_LONGEST_KEPT_DAYS, _MOST_DIRHAMS = 3650, 100_000_000
# Every message has room for a service code of so many keys (app/text/dialled.py).
LONGEST_USSD_CODE = 8
# Settings that an SMS provider may leave empty; it needs all others that begin with its name.
_MAY_BE_EMPTY = {"africastalking_sender_id", "africastalking_url", "twilio_url"}
_NARROWEST_PROXIES = 8
# Settings that could not be read, of which it is said already.
_UNREAD: ContextVar[frozenset[str]] = ContextVar("unread", default=frozenset())

# What a process may serve.
PARTS = ("phones", "tills", "api", "office")


class Settings(BaseSettings):
    """The settings of an installation; in production every missing secret is named at once."""

    model_config = SettingsConfigDict(
        env_ignore_empty=True, extra="ignore", frozen=True, hide_input_in_errors=True
    )

    app_env: Literal["development", "production"] | None = Field(
        None,
        description="production hides the simulator and refuses demo secrets; left out, it is"
        " development with the embedded engines alone, and with others nothing starts",
    )
    flask_debug: str = Field("", description="Flask's own switch; production refuses it")
    serves: Names = Field(
        PARTS,
        description="what this process answers, by commas: phones (with providers' reports), tills,"
        " api, office (with public figures); all else is 404 here. Left out, everything",
    )
    port: int = Field(8000, ge=1, le=65535, description="the port `make run` listens on")
    data_dir: Path = Field(
        Path.cwd() / "instance" if _INSTALLED.is_dir() else ROOT / "instance",
        description="where the embedded engines keep their data",
    )
    secret_key: SecretStr = Field(
        SecretStr(DEMO_SECRET),
        description="the secret from which the keys of every purpose are derived",
    )
    secret_key_old: Secrets = Field(
        (), description="keys before or after SECRET_KEY, only to verify with, by commas"
    )
    menus_folder: DirectoryPath | None = Field(
        None,
        description="a folder with changed words or screens, laid over menus/ to see them on the"
        " simulator before they are live; in development only",
    )
    till_pin_minutes: int = Field(
        10, ge=1, le=30, description="idle minutes after which the till asks the PIN before money"
    )
    office_idle_minutes: int = Field(
        30, ge=1, le=120, description="minutes without a request after which the office signs out"
    )
    office_session_hours: int = Field(
        12, ge=1, le=24, description="hours after which the office signs out in any case"
    )
    oidc_issuer: Address = Field(
        "",
        description="the provider of identities (OpenID Connect) by which the office may sign in"
        " beside passwords; empty means none",
    )
    oidc_client_id: str = Field("", description="what the provider knows this installation as")
    oidc_client_secret: SecretStr = Field(
        SecretStr(""), description="the secret that the provider gave this installation"
    )
    oidc_factor_acr: Names = Field(
        (),
        description="the provider's words (acr) for a sign-in with a second factor, by commas; amr"
        " mfa is read in any case, otherwise our own factor is asked",
    )
    database_url: DatabaseUrl = Field(
        "",
        description="PostgreSQL 14+, itself or by a pooler in transaction mode; several hosts as"
        " postgresql://USER:PASSWORD@HOST:5432,HOST:5432/NAME?target_session_attrs=read-write;"
        " empty means the embedded one",
    )
    migrations_database_url: DatabaseUrl = Field(
        "",
        description="the same database by the role that owns its tables, for `flask db` alone;"
        " empty means DATABASE_URL",
    )
    figures_database_url: DatabaseUrl = Field(
        "",
        description="a replica of the same database, from which figures and reports are read; empty"
        " means DATABASE_URL",
    )
    pooler_keeps_prepared: bool = Field(
        False,
        description="whether the pooler that DATABASE_URL leads to keeps prepared statements, as"
        " PgBouncer 1.21 with max_prepared_statements does; without a pooler they are kept anyway",
    )
    backup_folder: Path | None = Field(
        None,
        description="where `flask backup` keeps what it made, best on another machine; empty means"
        " backup/ in DATA_DIR with the embedded engine, and no backup with another",
    )
    backup_key: SecretStr = Field(
        SecretStr(""),
        description="the secret that backups are encrypted with; keep it elsewhere too, for without"
        " it there is no backup",
    )
    backup_database_url: DatabaseUrl = Field(
        "",
        description="the same server, not through a pooler, by a role with REPLICATION; empty means"
        " MIGRATIONS_DATABASE_URL",
    )
    backup_keep_days: int = Field(
        14, ge=1, le=_LONGEST_KEPT_DAYS, description="days back to whose every moment one can go"
    )
    backup_rehearsals: bool = Field(
        False, description="whether a worker rehearses a restore each week, on its own machine"
    )
    redis_url: RedisUrl = Field(
        "",
        description="Redis or Valkey 6.2+, in production with a password, TLS or a socket; also"
        " redis+sentinel://host:port,host:port/SERVICE/DB and redis+cluster://host:port,host:port;"
        " empty means the embedded one",
    )
    callback_token: SecretStr = Field(
        SecretStr(""), description="the secret part of the callback addresses of every gateway"
    )
    callback_tokens: TokensByName = Field(
        {},
        description="tokens of one gateway or provider in place of CALLBACK_TOKEN, two while one"
        " is replaced, as africastalking=token,token;generic=token",
    )
    callback_sources: SourcesByName = Field(
        {},
        description="the only addresses a gateway or provider calls from, as"
        " africastalking=192.0.2.0/24,198.51.100.7;generic=...; none: from everywhere",
    )
    trusted_proxies: Networks = Field(
        (),
        description="the proxies whose X-Forwarded-For is believed, as 127.0.0.1,10.0.0.0/8",
    )
    metrics_token: SecretStr = Field(
        SecretStr(""), description="the bearer token that /metrics asks for; none: only development"
    )
    public_url: Address = Field("", description="the address providers and people reach us at")
    ussd_code: str = Field(
        "*384#",
        max_length=LONGEST_USSD_CODE,
        pattern=_USSD_CODE,
        description="the short code artisans dial, of at most 8 keys: every message names it",
    )
    complaints_phone: str = Field(
        "",
        pattern=r"^(\+?[0-9]{3,13})?$",
        description="the number on receipts where one complains, digits alone; empty means the"
        " short code with the keys that ask to be called back",
    )
    ussd_limit_septets: int = Field(
        160, ge=60, le=182, description="how much GSM-7 text a gateway's screen carries"
    )
    ussd_limit_ucs2: int = Field(
        80, ge=40, le=80, description="how much UCS-2 text a gateway's screen carries"
    )
    ussd_limits: LimitsByName = Field(
        {}, description="gateways whose screen carries another amount, as generic=182/80"
    )
    sms_providers: Names = Field(("log",), description="the SMS providers, in order of preference")
    sms_weights: NumbersByName = Field(
        {}, description="how messages are shared out, as africastalking=9,twilio=1; none: in order"
    )
    sms_rates: NumbersByName = Field(
        {}, description="the most messages a second for a provider, as twilio=50; none: no limit"
    )
    sms_at_once: int = Field(
        256, ge=1, le=512, description="messages a worker has on their way at once"
    )
    sms_timeout: float = Field(
        9.05, gt=0, le=15, description="seconds a provider may take to answer"
    )
    sms_prices: Path | None = Field(
        None, description="the file of what a segment costs; empty means the one shipped"
    )
    africastalking_username: str = Field("", description="the account's user name")
    africastalking_api_key: SecretStr = Field(SecretStr(""), description="the account's key")
    africastalking_sender_id: str = Field("", description="the sender shown to the artisan")
    africastalking_url: Address = Field("", description="another base address for the same API")
    twilio_account_sid: str = Field("", description="the account's identifier")
    twilio_auth_token: SecretStr = Field(SecretStr(""), description="the account's token")
    twilio_from: str = Field("", description="the number or sender messages come from")
    twilio_url: Address = Field("", description="another base address for the same API")
    private_callbacks: bool = Field(
        False,
        description="whether the payments API may call back private addresses, http and any port",
    )
    fee_centimes: int = Field(
        0, ge=0, le=10_000, description="what the artisan pays on top of the dues"
    )
    reversal_minutes_alone: int = Field(
        10, ge=0, le=60, description="minutes in which an agent alone may undo a deposit"
    )
    reversals_a_day: int = Field(
        5, ge=0, le=100_000, description="how many deposits an agent may undo in a day"
    )
    chamber_searches_a_day: int = Field(
        200,
        ge=1,
        le=100_000,
        description="how many people a chamber's user may look up in a day",
    )
    two_approvers_from_dirhams: Decimal = Field(
        Decimal(200),
        ge=0,
        le=_MOST_DIRHAMS,
        description="from how many dirhams on the office's money acts need two approvers beside who"
        " proposed; below, one. As shipped: more than a month of the smallest contribution",
    )
    sms_day_budget: Decimal | None = Field(
        None,
        ge=0,
        le=_MOST_DIRHAMS,
        description="dirhams a day for reminders and notices; none is no limit",
    )
    sms_campaign_budget: Decimal | None = Field(
        None,
        ge=0,
        le=_MOST_DIRHAMS,
        description="dirhams for each month's step of reminders, and each notice",
    )
    reminders_holdout_per_mille: int = Field(
        0, ge=0, le=500, description="so many of 1000 artisans get no reminder, to see its effect"
    )
    reminders_calendar: Path | None = Field(
        None, description="the file of hours, closed days and steps; empty means the one shipped"
    )
    reminders_automatic: bool | None = Field(
        None, description="whether workers queue each day's reminders; none: in production only"
    )
    registry_new_share: float = Field(
        5, ge=0, le=100, description="the percentage of new people from which an import needs a yes"
    )
    keep_imports_days: int = Field(
        30,
        ge=1,
        le=_LONGEST_KEPT_DAYS,
        description="how long an import of the register can be undone",
    )
    keep_talks_days: int = Field(
        30,
        ge=1,
        le=_LONGEST_KEPT_DAYS,
        description="how long hops of talks are kept, for the funnel",
    )
    keep_bodies_days: int = Field(
        90,
        ge=7,
        le=_LONGEST_KEPT_DAYS,
        description="how long the text of a message is kept once it has ended",
    )
    log_level: Literal["debug", "info", "warning", "error"] = Field(
        "info", description="the least that is logged"
    )
    sentry_dsn: Dsn = Field(
        SecretStr(""),
        description="where faults of the program are told, as Sentry and GlitchTip name it"
        " (https://KEY@HOST/PROJECT), without anybody's data; empty means nowhere",
    )
    traces_url: Address = Field(
        "",
        description="a collector of OpenTelemetry traces that speaks OTLP over HTTP, as"
        " http://127.0.0.1:4318/v1/traces; empty means no traces",
    )
    traces_share: float = Field(
        0.01,
        ge=0,
        le=1,
        description="how many of all calls are traced, 1 is every one; those that failed are in any"
        " case, ten a second at most",
    )

    @field_validator("data_dir")
    @classmethod
    def _make_absolute(cls, value: Path) -> Path:
        return value if value.is_absolute() else (Path.cwd() / value)

    @field_validator("sms_prices", "reminders_calendar")
    @classmethod
    def _require_file(cls, value: Path | None) -> Path | None:
        if value and not value.is_file():
            raise ValueError("is no file")
        return value

    # The last, which is the first to look at a value.
    @field_validator("*", mode="before")
    @classmethod
    def _refuse_unseen(cls, value: object, info: ValidationInfo) -> object:
        judged = isinstance(value, str) and info.field_name != "app_env"
        return refuse_unseen(str(value)) if judged else value

    @model_validator(mode="after")
    def _check_together(self) -> "Settings":
        """Names everything that is wrong at once, with the reason and without the value."""
        wrong = [*self._list_contradictions(), *self._list_unsaid()]
        if self.production and (faults := self._list_wrong()):
            wrong.append("wrong in production: " + ", ".join(faults))
        if wrong:
            raise ValueError("; ".join(wrong))
        return self

    def _list_contradictions(self) -> list[str]:
        wrong = []
        for what in ("sms_weights", "sms_rates"):
            if strange := set(getattr(self, what)) - set(self.sms_providers):
                names = ", ".join(sorted(strange))
                wrong.append(f"{what.upper()} names what SMS_PROVIDERS does not: {names}")
        if any(rate < 1 for rate in self.sms_rates.values()):
            wrong.append("SMS_RATES: at least 1 a second")
        if self.sms_weights and not any(self.sms_weights.values()):
            wrong.append("SMS_WEIGHTS: one at least above 0")
        if strange := set(self.serves) - set(PARTS):
            wrong.append(f"SERVES: none of {', '.join(PARTS)}: {', '.join(sorted(strange))}")
        for name in ("migrations_database_url", "figures_database_url", "backup_database_url"):
            if getattr(self, name) and not self.database_url:
                wrong.append(f"{name.upper()} without DATABASE_URL")
        oidc = (self.oidc_issuer, self.oidc_client_id, self.oidc_client_secret)
        if any(oidc) and not all(oidc):
            wrong.append("OIDC_ISSUER, OIDC_CLIENT_ID and OIDC_CLIENT_SECRET: all of them, or none")
        return wrong

    def _list_unsaid(self) -> list[str]:
        """Development with a database of one's own has to be said."""
        if self.app_env or not self.database_url:
            return []
        return ["APP_ENV is not set: with DATABASE_URL it must say development or production"]

    @property
    def reminders_by_worker(self) -> bool:
        """True if the worker queues each day's reminders; in development only if it is set."""
        given = self.reminders_automatic
        return self.production if given is None else given

    @property
    def production(self) -> bool:
        return self.app_env == "production"

    def _list_wrong(self) -> list[str]:
        """Lists the settings that production cannot start with, each with the reason."""
        wrong = {
            **self._list_weak_secrets(),
            "DATABASE_URL": judge_database(self.database_url) if self.database_url else "missing",
            "MIGRATIONS_DATABASE_URL": judge_database(self.migrations_database_url),
            "FIGURES_DATABASE_URL": judge_database(self.figures_database_url),
            "REDIS_URL": judge_redis(self.redis_url),
            "PUBLIC_URL": judge_public_url(self.public_url),
            "SMS_PROVIDERS": judge_providers(self.sms_providers),
            "MENUS_FOLDER": "menus are deployed with the program" if self.menus_folder else None,
            "FLASK_DEBUG": "shows secrets" if is_switched_on(self.flask_debug) else None,
        }
        if self.backup_folder and not self.backup_key:
            wrong["BACKUP_KEY"] = "missing"
        if self.backup_rehearsals and not self.backup_folder:
            wrong["BACKUP_FOLDER"] = "missing"
        if believe_everybody(self.trusted_proxies, _NARROWEST_PROXIES):
            wrong["TRUSTED_PROXIES"] = "believes everybody"
        if self.africastalking_username == "sandbox" and "africastalking" in self.sms_providers:
            wrong["AFRICASTALKING_USERNAME"] = "the sandbox sends nothing"
        shaped = (
            *self._list_provider_settings(),
            ("africastalking_sender_id", self.africastalking_sender_id),
        )
        for name, value in shaped:
            if value and (why := judge_shape(name, value)):
                wrong[name.upper()] = why
        for name in ("africastalking_url", "twilio_url", "oidc_issuer"):
            if getattr(self, name).startswith("http://"):
                wrong[name.upper()] = "not https"
        missing = [(name, "missing") for name in self.credentials_missing]
        return [
            f"{name} ({why})"
            for name, why in (*wrong.items(), *missing)
            if why and name.partition(" ")[0].lower() not in _UNREAD.get()
        ]

    def _list_weak_secrets(self) -> dict[str, str | None]:
        """Returns why each secret of the operator's own is weak, by the setting's name."""
        key, token = self.secret_key.get_secret_value(), self.callback_token.get_secret_value()
        weak = {"SECRET_KEY": find_key_weakness(key, _SHORTEST_SECRET)}
        # A key that is good for verifying is good for forging.
        old = [find_weakness(k.get_secret_value(), _SHORTEST_SECRET) for k in self.secret_key_old]
        weak["SECRET_KEY_OLD"] = next(filter(None, old), None)
        if metrics := self.metrics_token.get_secret_value():
            weak["METRICS_TOKEN"] = find_header_weakness(metrics, SHORTEST_TOKEN)
        if token or not self.callback_tokens:
            weak["CALLBACK_TOKEN"] = find_token_weakness(token, SHORTEST_TOKEN)
        for name, tokens in self.callback_tokens.items():
            given = [t.get_secret_value() for t in tokens] or [""]
            reasons = (find_token_weakness(each, SHORTEST_TOKEN) for each in given)
            weak[f"CALLBACK_TOKENS of {name}"] = next(filter(None, reasons), None)
        theirs = set()
        for name, value in self._list_provider_settings():
            if value and isinstance(getattr(self, name), SecretStr):
                weak[name.upper()] = find_header_weakness(value, SHORTEST_TOKEN)
                theirs.add(value)
        tokens_too = {t.get_secret_value() for ts in self.callback_tokens.values() for t in ts}
        in_addresses = tokens_too | {token}
        engines = (
            self.redis_url,
            self.database_url,
            self.migrations_database_url,
            self.figures_database_url,
            self.backup_database_url,
        )
        backups = self.backup_key.get_secret_value()
        if backups:
            weak["BACKUP_KEY"] = find_key_weakness(backups, _SHORTEST_SECRET)
        known = in_addresses | theirs | {metrics, backups, *map(read_password, engines)}
        olds = tuple(each.get_secret_value() for each in self.secret_key_old)
        if key in olds:
            weak |= {"SECRET_KEY_OLD": "SECRET_KEY itself: the new key has to be another"}
        for name, keys in (("SECRET_KEY", (key,)), ("SECRET_KEY_OLD", olds)):
            if any(each and each in known for each in keys):
                weak[name] = weak[name] or "a token or password too: others know what signs"
        if metrics and metrics in in_addresses:
            weak["METRICS_TOKEN"] = weak["METRICS_TOKEN"] or "a callback token too"
        if metrics and metrics in theirs:
            weak["METRICS_TOKEN"] = weak["METRICS_TOKEN"] or "a provider's key too"
        shared = {"CALLBACK_TOKEN": {token}, "CALLBACK_TOKENS": tokens_too}
        for name, common in shared.items():
            if common & theirs:
                weak[name] = weak.get(name) or "a provider's key too: it stands in addresses"
        return weak

    def tokens_of(self, gateway: str) -> tuple[bytes, ...]:
        """Returns the tokens that a gateway's or provider's callbacks may carry."""
        tokens = self.callback_tokens.get(gateway, (self.callback_token,))
        return tuple(token.get_secret_value().encode() for token in tokens if token)

    @property
    def credentials_missing(self) -> list[str]:
        """The settings that the providers in use need and that are not set."""
        return [name.upper() for name, value in self._list_provider_settings() if not value]

    def _list_provider_settings(self) -> list[tuple[str, str]]:
        """Lists name and value of the settings that the providers in use need."""
        named = [
            (name, getattr(self, name))
            for name in type(self).model_fields
            if name.partition("_")[0] in self.sms_providers and name not in _MAY_BE_EMPTY
        ]
        return [
            (name, value.get_secret_value() if isinstance(value, SecretStr) else value)
            for name, value in named
        ]


def read_settings() -> Settings:
    """Reads the environment. Raises: SystemExit, naming every wrong setting and no value."""
    wrong: list[str] = []
    if file := find_unread_file({name.upper() for name in Settings.model_fields}):
        wrong.append(file)
    given: dict[str, object] = {}
    while True:
        try:
            _UNREAD.set(frozenset(given))
            settings = Settings.model_validate(given)
        except ValidationError as error:
            faults = error.errors()
        else:
            break
        wrong += [describe_fault(fault) for fault in faults]
        unread = {str(fault["loc"][0]) for fault in faults if fault["loc"]}
        if not unread - given.keys():
            break
        # One that cannot be read hides what is wrong with the others: look again without it.
        given |= {name: Settings.model_fields[name].default for name in unread}
        if "app_env" in unread:
            given["app_env"] = "production"
    _UNREAD.set(frozenset())
    if wrong:
        raise SystemExit(f"configuration: {'; '.join(wrong)}")
    return settings
