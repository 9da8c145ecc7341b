"""Builds what the edges work with: the only place that knows every concrete class."""

from __future__ import annotations

import atexit
import gc
from contextlib import ExitStack
from functools import cached_property
from random import Random, SystemRandom

from flask import current_app
from redis import Redis
from redis.backoff import NoBackoff
from redis.exceptions import ConnectionError as RedisConnectionError
from redis.retry import Retry
from sqlalchemy import Engine

from app.base.clock import Clock, utc_now
from app.base.database import connect
from app.base.deadline import Deadline
from app.base.money import Money
from app.embedded import EngineUrls, using_engines
from app.journeys import amo, caller, history, pay  # noqa: F401 - they register what menus name
from app.journeys.desk import Desk, vocabulary
from app.migrating import upgrade
from app.settings import ROOT, Settings
from app.sms.provider import Provider
from app.sms.registry import PROVIDERS
from app.text.encoding import Limits
from app.text.words import Words
from app.ussd.engine import Engine as UssdEngine
from app.ussd.menu import load_menu
from app.ussd.samples import Samples
from app.ussd.session import Sessions
from app.ussd.turn import Turns

MENUS = ROOT / "menus"


class Runtime:
    """One process's clock, database, Redis, words, menus and providers, each made when needed."""

    def __init__(
        self, settings: Settings, *, clock: Clock = utc_now, random: Random | None = None
    ) -> None:
        self.settings = settings
        self.clock = clock
        self.random = random or SystemRandom()

    @cached_property
    def urls(self) -> EngineUrls:
        """Where PostgreSQL and Redis are; the embedded ones are started if nothing else is set."""
        database_url, redis_url = self.settings.database_url, self.settings.redis_url
        if database_url and redis_url:
            return EngineUrls(database_url, redis_url)
        stack = ExitStack()
        embedded = stack.enter_context(
            using_engines(self.settings.data_dir, postgres=not database_url, redis=not redis_url)
        )
        atexit.register(stack.close)
        return EngineUrls(database_url or embedded.database_url, redis_url or embedded.redis_url)

    @cached_property
    def database(self) -> Engine:
        engine = connect(self.urls.database_url)
        self.deadline.watch(engine)
        if not self.settings.database_url:
            # The embedded one is nobody's to migrate but ours.
            upgrade(engine)
        return engine

    @cached_property
    def redis(self) -> Redis:
        """Waits 0.4 s at most; only a dropped connection is tried again, at once."""
        return Redis.from_url(
            self.urls.redis_url,
            socket_timeout=0.4,
            socket_connect_timeout=0.4,
            retry=Retry(NoBackoff(), 1, supported_errors=(RedisConnectionError,)),
        )

    @cached_property
    def words(self) -> Words:
        return Words.load(MENUS / "locales")

    @cached_property
    def limits(self) -> Limits:
        return Limits(self.settings.ussd_limit_septets, self.settings.ussd_limit_ucs2)

    @cached_property
    def desk(self) -> Desk:
        return Desk(self.database, self.words, self.random, Money(self.settings.fee_centimes))

    @cached_property
    def deadline(self) -> Deadline:
        """With a Redis that times out before and after it, a hop stays under its two seconds."""
        return Deadline(1.0, threads=16)

    @cached_property
    def ussd(self) -> UssdEngine[Desk]:
        menu = load_menu(MENUS / "artisan.yaml")
        return UssdEngine(menu, self.words, vocabulary, self.limits, self.deadline)

    @cached_property
    def samples(self) -> Samples:
        """The worst values, for the menus' check."""
        return Samples.load(MENUS / "samples.yaml")

    @cached_property
    def turns(self) -> Turns[Desk]:
        turns = Turns(self.ussd, Sessions(self.redis))
        # What is there by now stays: looking through it for garbage took a fifth of each hop.
        gc.freeze()
        return turns

    @cached_property
    def sms_provider(self) -> Provider:
        """The first provider configured."""
        return PROVIDERS[self.settings.sms_providers[0]](self.settings, self.redis)

    @property
    def cin_key(self) -> bytes:
        return self.settings.secret_key.get_secret_value().encode()


def runtime() -> Runtime:
    """The runtime of the app at work."""
    found: Runtime = current_app.extensions["maalem"]
    return found
