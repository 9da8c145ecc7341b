"""Builds the objects that the edges work with; the only module that knows every concrete class."""

from __future__ import annotations

import atexit
import gc
from contextlib import ExitStack
from copy import copy
from dataclasses import replace
from functools import cached_property
from pathlib import Path
from random import Random, SystemRandom
from time import monotonic
from typing import TYPE_CHECKING, Any

from flask import current_app
from redis import Redis
from redis.exceptions import RedisError
from sqlalchemy import Engine
from sqlalchemy.pool import QueuePool

from app.agents.networks import NetworkNames
from app.base import waits
from app.base.clock import Clock, utc_now
from app.base.database import (
    CONNECTIONS,
    OFFICE_CONNECTIONS,
    OFFICE_STATEMENT_MS,
    connect,
)
from app.base.deadline import Deadline
from app.base.engine_urls import EngineUrls
from app.base.errors import Unavailable
from app.base.keys import Keys
from app.base.money import Money
from app.base.redis_calls import Calls, make_calls
from app.base.redis_client import connect_redis, make_limits_storage
from app.gateways.registry import GATEWAYS
from app.journeys import (  # noqa: F401 - they register what menus name
    agencies,
    agent,
    agent_day,
    agent_pin,
    agent_reversal,
    amo,
    entry,
    help,
    looks,
    lost_receipts,
    news,
    pay,
    pay_for_another,
    payments,
    pin,
    preferences,
    proof,
    reimbursements,
    resume,
)
from app.journeys.context import vocabulary
from app.messaging.kinds import KINDS
from app.messaging.prices import SHIPPED, Prices, read_prices
from app.mobile_money.callback_addresses import CallbackRules
from app.publishing.following import MenuFollower, build_shown
from app.reminders.calendar import SHIPPED as SHIPPED_CALENDAR
from app.reminders.calendar import Calendar, read_calendar
from app.reminders.settings import ReminderSettings
from app.services import Services
from app.settings import ROOT, Settings
from app.sms.provider import Provider
from app.sms.registry import PROVIDERS
from app.text.dialled import dialled_numbers
from app.text.encoding import Limits
from app.text.languages import LANGUAGES
from app.text.words import Words
from app.ussd.checker.declarations import Declarations, load_page_keys
from app.ussd.checker.samples import Samples
from app.ussd.deferred import DeferredActions
from app.ussd.engine import MenuEngine
from app.ussd.live import LiveMenus, version_of
from app.ussd.menu import BrokenMenu, load_menu
from app.ussd.overlay import lay_over
from app.ussd.session import Sessions
from app.ussd.turn import Turns
from app.ussd.versions import Versions

if TYPE_CHECKING:
    from limits.strategies import FixedWindowRateLimiter

    from app.figures.service import FigureBooks
    from app.office.provider import IdentityProvider

MENUS = ROOT / "menus"
_PATIENCE_MS = 30_000
# So often a process that has not reached its Cluster yet looks for a node.
_ASKED_EVERY_SECONDS = 1.0
MENU_FILES = ("artisan.yaml", "agent.yaml")


class Runtime:
    """A process's clock, database, Redis, words, menus and providers, each made when needed."""

    def __init__(
        self, settings: Settings, *, clock: Clock = utc_now, random: Random | None = None
    ) -> None:
        self.settings = settings
        self.clock = clock
        self.random = random or SystemRandom()
        self._asks_again_at = 0.0
        changed = settings.menus_folder
        # `flask dial --menus` sets it before anything is read.
        try:
            self.menus_folder = lay_over(MENUS, changed) if changed else MENUS
        except BrokenMenu as error:
            raise SystemExit(f"configuration: MENUS_FOLDER: {error}") from None

    @cached_property
    def urls(self) -> EngineUrls:
        """The addresses of PostgreSQL and Redis; the embedded ones start if none is set."""
        database_url, redis_url = self.settings.database_url, self.settings.redis_url
        if database_url and redis_url:
            return EngineUrls(database_url, redis_url)
        # What starts engines is read by who has none alone.
        from app.embedded import using_engines

        stack = ExitStack()
        embedded = stack.enter_context(
            using_engines(self.settings.data_dir, postgres=not database_url, redis=not redis_url)
        )
        atexit.register(stack.close)
        return EngineUrls(database_url or embedded.database_url, redis_url or embedded.redis_url)

    def _connect(self, **options: Any) -> Engine:
        kept = self.settings.pooler_keeps_prepared
        return connect(self.urls.database_url, keeps_prepared=kept, **options)

    @cached_property
    def database(self) -> Engine:
        engine = self._connect(opening=self.deadline.open)
        if not self.settings.database_url:
            # Only this program migrates the embedded database; it reads every room's tables.
            from app.migrating import upgrade

            upgrade(engine)
        return engine

    @cached_property
    def owners_database(self) -> Engine:
        """The database by the role that owns the tables, for migrations alone."""
        url = self.settings.migrations_database_url
        return connect(url, pool_size=2) if url else self.database

    @cached_property
    def office_database(self) -> Engine:
        """The database for the office's pages: a pool of its own, so that phones never wait."""
        if not self.settings.database_url:
            _ = self.database  # migrates the embedded one
        return self._connect(
            pool_size=OFFICE_CONNECTIONS,
            statement_timeout_ms=OFFICE_STATEMENT_MS,
            opening=self.deadline.open,
        )

    @cached_property
    def figures_database(self) -> Engine:
        """The database from which figures and reports are read: a replica if there is one."""
        url = self.settings.figures_database_url
        if not url:
            return self.database
        return connect(url, pool_size=4, statement_timeout_ms=_PATIENCE_MS)

    @property
    def figure_books(self) -> FigureBooks:
        """The books that figures are made from."""
        # Their rooms are read by who makes figures alone: a command does without them.
        from app.figures.service import FigureBooks
        from app.figures.talk_screens import list_code_screens, list_dues_screens

        menu = self.ussd.menu
        return FigureBooks(
            self.figures_database, self.prices, list_dues_screens(menu), list_code_screens(menu)
        )

    @cached_property
    def redis(self) -> Redis:
        """Redis. Raises: redis's ConnectionError where no node of a Cluster answers."""
        return connect_redis(self.urls.redis_url)

    @cached_property
    def redis_calls(self) -> Calls:
        """A hop's own way to Redis. Raises as `redis`."""
        return make_calls(self.redis)

    @cached_property
    def _own_words(self) -> Words:
        words = Words.load(self.menus_folder / "locales")
        words.shared["networks"] = self.network_names
        words.shared["payable_at"] = self.network_names.payable_at
        words.shared["agencies_label"] = self.network_names.agencies_label
        settings = self.settings
        words.shared |= dialled_numbers(settings.ussd_code, settings.complaints_phone)
        return words

    @cached_property
    def words(self) -> Words:
        """The sentences of messages and pages: those of the menus that are shown."""
        return copy(self._own_words)

    @cached_property
    def office_words(self) -> Words:
        """The sentences of the office's pages, in the languages that have them."""
        return self._load_office_words()

    def _load_office_words(self) -> Words:
        words = Words.load(MENUS / "locales", "office_*.po")
        words.fall_back_on(self.words)
        return words

    @cached_property
    def network_names(self) -> NetworkNames:
        """The agent networks as every sentence may name them."""
        return NetworkNames(lambda: self.database)

    @cached_property
    def limits(self) -> dict[str, Limits]:
        """The size of a screen, by gateway."""
        settings = self.settings
        usual = settings.ussd_limit_septets, settings.ussd_limit_ucs2
        return {g.name: Limits(*settings.ussd_limits.get(g.name, usual)) for g in GATEWAYS}

    @cached_property
    def identity_provider(self) -> IdentityProvider | None:
        """The provider by which the office may sign in, if the settings name one."""
        settings = self.settings
        if not settings.oidc_issuer:
            return None
        # Its libraries are a tenth of a start, and read by who signs in by a provider alone.
        from app.office.provider import IdentityProvider

        client = settings.oidc_client_id, settings.oidc_client_secret
        return IdentityProvider(settings.oidc_issuer, client, settings.oidc_factor_acr, self.clock)

    @cached_property
    def services(self) -> Services:
        fee = Money(self.settings.fee_centimes)
        return Services(
            database=self.database,
            words=self.words,
            random=self.random,
            fee=fee,
            keys=self.keys,
            reversal_minutes_alone=self.settings.reversal_minutes_alone,
            reversals_a_day=self.settings.reversals_a_day,
            two_approvers_from=Money.rounded(self.settings.two_approvers_from_dirhams),
            is_closed=self.calendar.is_closed,
            samples=not self.settings.production,
        )

    @cached_property
    def calendar(self) -> Calendar:
        """Sundays, holidays and hours. Raises: CalendarWrong if the file cannot be used."""
        return read_calendar(self.settings.reminders_calendar or SHIPPED_CALENDAR)

    @cached_property
    def deadline(self) -> Deadline:
        """The time limit of a hop's statements, counted from when it came, and of each other wait.

        Whatever is silent, a hop waits under 2 s: for its slot (app/web/slots.py), for Redis before
        and behind the statements (app/base/redis_client.py), or, where that is away, once more for
        PostgreSQL (app/web/ussd.py).

        A thread for each connection of the pool, so that none waits to be opened.
        """
        return Deadline(1.0, threads=CONNECTIONS + OFFICE_CONNECTIONS)

    def is_warm(self) -> bool:
        """True once both engines were reached: only then a hop can give way at all its waits."""
        pool = self.database.pool
        return (
            waits.can_give_way()
            and "turns" in vars(self)
            and isinstance(pool, QueuePool)
            and pool.checkedin() > 0
        )

    @property
    def ussd(self) -> MenuEngine[Services]:
        """The menus that this process shows."""
        return self.live_menus.engine

    @cached_property
    def live_menus(self) -> LiveMenus[Services]:
        """The menus that came with the program, until a published version is followed."""
        return LiveMenus.in_folder(self.load_menus(self.menus_folder), self.menus_folder)

    @cached_property
    def menu_follower(self) -> MenuFollower:
        """Follows the version that two people published."""
        return MenuFollower(lambda: self.database, self.show_menus)

    def follow_menus(self) -> bool:
        """Shows the menus that are live, if others were shown; True then. Raises: Unavailable.

        A folder that development or `--menus` names is shown whatever is live.
        """
        return self.menus_folder == MENUS and self.menu_follower.look()

    def watch_menus(self) -> None:
        """Follows from now on, in a thread of its own, the menus that are live."""
        if self.menus_folder == MENUS:
            self.menu_follower.watch()

    def show_menus(self, content: bytes | None) -> None:
        """Shows a version from now on, given as a zip; None for those that came with the program.

        So are those of a version that names what this program has not.
        """
        live = self.live_menus
        live.shown = (content and build_shown(content, self.load_menus)) or live.own
        self.words.follow(live.engine.words)
        if "office_words" in self.__dict__:
            self.__dict__["office_words"] = self._load_office_words()
        # As at the start: these objects stay.
        gc.freeze()

    def load_menus(self, folder: Path) -> MenuEngine[Services]:
        """Loads the menus in a folder; sentences that older menus lack are taken from ours."""
        menu = load_menu(*(folder / name for name in MENU_FILES))
        words = self._own_words
        if folder != self.menus_folder:
            words = Words.load(folder / "locales")
            words.fall_back_on(self._own_words)
        return MenuEngine(menu, words, vocabulary, self.deadline, version_of(folder))

    @cached_property
    def samples(self) -> Samples:
        """The worst values, for the menus' check."""
        return Samples.load(self.menus_folder / "samples.yaml", self.ussd.menu.says)

    @cached_property
    def declarations(self) -> Declarations:
        """The kinds of message, sentences of pages and languages that the menus' check demands."""
        messages = {kind.key: kind for kind in KINDS.values()}
        pages = load_page_keys(self.menus_folder / "pages.yaml")
        return Declarations(self.samples, messages, pages, LANGUAGES)

    @cached_property
    def deferred_actions(self) -> DeferredActions:
        """Actions too slow for the screen, whose outcome was promised by message."""
        return DeferredActions(self.redis, self.keys)

    @cached_property
    def patient_services(self) -> Services:
        """The services of deferred actions: a statement may take half a minute."""
        database = self._connect(pool_size=2, statement_timeout_ms=_PATIENCE_MS)
        return replace(self.services, database=database)

    @cached_property
    def turns(self) -> Turns[Services]:
        """The callbacks' answers. Raises: Unavailable where no node of a Cluster answers."""
        if monotonic() < self._asks_again_at:
            raise Unavailable(what="redis")
        try:
            redis, calls = self.redis, self.redis_calls
        except RedisError as error:
            # Hops that waited for this one's question do not each put it anew.
            self._asks_again_at = monotonic() + _ASKED_EVERY_SECONDS
            raise Unavailable(what="redis") from error
        versions = Versions(redis, calls, self.keys, self.live_menus, self.load_menus)
        turns = Turns(versions, Sessions(calls, self.keys), self.deferred_actions)
        # All objects made by now stay: looking through them for garbage took a fifth of each hop.
        gc.freeze()
        return turns

    @cached_property
    def sms_providers(self) -> dict[str, Provider]:
        """The configured SMS providers, in order of preference."""
        names = self.settings.sms_providers
        return {name: PROVIDERS[name].make(self.settings, self.redis) for name in names}

    @cached_property
    def limiter(self) -> FixedWindowRateLimiter:
        """Counts events by the second or minute, for all processes together."""
        # Its library is 1.5 MB, and hops count nothing.
        from limits.strategies import FixedWindowRateLimiter

        return FixedWindowRateLimiter(make_limits_storage(self.urls.redis_url, self.redis))

    @cached_property
    def reminder_settings(self) -> ReminderSettings:
        """Hours, prices, budgets and the holdout of messages to many."""
        settings = self.settings
        return ReminderSettings(
            calendar=self.calendar,
            prices=self.prices,
            providers=settings.sms_providers,
            day_budget=settings.sms_day_budget,
            campaign_budget=settings.sms_campaign_budget,
            holdout_per_mille=settings.reminders_holdout_per_mille,
        )

    @property
    def callback_rules(self) -> CallbackRules:
        """The places where the payments API may call back: any in development."""
        production = self.settings.production
        return CallbackRules(self.settings.private_callbacks or not production, pinned=production)

    @cached_property
    def prices(self) -> Prices:
        """The prices of a segment. Raises: PricesWrong if the list cannot be used."""
        return read_prices(self.settings.sms_prices or SHIPPED)

    @cached_property
    def keys(self) -> Keys:
        """The keys of each purpose, derived from SECRET_KEY and SECRET_KEY_OLD."""
        old = [secret.get_secret_value().encode() for secret in self.settings.secret_key_old]
        return Keys(self.settings.secret_key.get_secret_value().encode(), old)


def check_names(settings: Settings) -> None:
    """Raises: SystemExit for settings that name a gateway or provider that there is not."""
    gateways, providers = {gateway.name for gateway in GATEWAYS}, set(PROVIDERS)
    known = {
        "sms_providers": (providers, "provider"),
        "ussd_limits": (gateways, "gateway"),
        "callback_tokens": (gateways | providers, "gateway or provider"),
        "callback_sources": (gateways | providers, "gateway or provider"),
    }
    wrong = [
        f"{setting.upper()} names no {what}: {', '.join(strange)}"
        for setting, (names, what) in known.items()
        if (strange := sorted(set(getattr(settings, setting)) - names))
    ]
    if wrong:
        raise SystemExit(f"configuration: {'; '.join(wrong)}")


def runtime() -> Runtime:
    """Returns the runtime of the current app."""
    maalem: Runtime = current_app.extensions["maalem"]
    return maalem
