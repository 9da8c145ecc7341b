"""How several Redis servers are named in one address, and which names lead nowhere."""

from __future__ import annotations

from secrets import token_hex

import pytest
from redis.exceptions import (
    AuthenticationError,
    BusyLoadingError,
    MovedError,
    OutOfMemoryError,
    ReadOnlyError,
    RedisClusterException,
    SlotNotCoveredError,
)
from redis.exceptions import ConnectionError as RedisConnectionError
from redis.exceptions import TimeoutError as RedisTimeout

from app.base.redis_client import is_away, read_many
from app.base.setting_texts import judge_redis

SECRET = token_hex(12)


def test_one_server_is_named_as_ever() -> None:
    for url in ("redis://h:6379/0", "rediss://h", "unix:///run/redis.sock"):
        assert read_many(url) is None


def test_sentinels_are_named_with_their_service_and_number() -> None:
    address = read_many(
        f"redis+sentinel://me:{SECRET}@a,b:26380/pair/3?sentinel_password=p%40&ssl=true&ssl_ca_certs=ca"
    )
    assert address and address.hosts == (("a", 26379), ("b", 26380)) and address.service == "pair"
    tls = {"ssl": True, "ssl_ca_certs": "ca"}
    assert address.options == tls | {"username": "me", "password": SECRET, "db": 3}
    assert address.asking == tls | {"password": "p@"}


def test_nodes_of_a_cluster_are_named() -> None:
    address = read_many(f"redis+cluster://:{SECRET}@[::1]:7000,b")
    assert address and address.hosts == (("::1", 7000), ("b", 6379)) and not address.service
    assert address.options == {"password": SECRET}


@pytest.mark.parametrize(
    "url",
    [
        "redis+sentinel://a:1",
        "redis+sentinel://a:1/pair/first",
        "redis+cluster://a:1/2",
        "redis+cluster://a:1,,b:2",
        "redis+cluster://a:123456",
        "redis+cluster://:secret/2@a:1",
        "redis+cluster://:secret\u2100@a:1",
    ],
)
def test_an_address_that_leads_nowhere_is_refused(url: str) -> None:
    with pytest.raises(ValueError) as refused:
        read_many(url)
    assert "secret" not in str(refused.value)


def test_production_asks_for_a_password_or_tls_of_several_servers_too() -> None:
    for place in ("redis+sentinel://{}a,b/pair/0", "redis+cluster://{}a,b"):
        assert "anybody may connect" in str(judge_redis(place.format("")))
        assert judge_redis(place.format(f":{SECRET}@")) is None
        assert judge_redis(place.format("") + "?ssl=true") is None
        unproven = place.format("") + "?ssl=true&ssl_cert_reqs=none"
        assert "certificate is not checked" in str(judge_redis(unproven))


def test_who_answers_is_not_away() -> None:
    away = [RedisConnectionError(), RedisTimeout()]
    answered = [
        ReadOnlyError(),
        OutOfMemoryError(),
        AuthenticationError(),
        BusyLoadingError(),
        MovedError("1 h:1"),
        SlotNotCoveredError(),
    ]
    assert [is_away(error) for error in (*away, *answered)] == [True] * 2 + [False] * 6
    for cause in (*away, *answered):
        try:
            raise RedisClusterException from cause
        except RedisClusterException as error:
            assert is_away(error) is (cause in away)
