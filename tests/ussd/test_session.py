"""Talks in Redis: one value, one writer at a time, small, soon forgotten, telling nobody."""

from __future__ import annotations

import json
import zlib

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from redis import Redis
from redis.backoff import NoBackoff
from redis.retry import Retry

from app.base.buckets import find_bucket
from app.base.errors import Unavailable
from app.base.hop import Hop, Reply
from app.base.keys import Keys
from app.base.phone import Phone
from app.base.redis_calls import make_calls
from app.runtime import Runtime
from app.ussd import session
from app.ussd.position import Position
from app.ussd.session import STORED_SECONDS, Sessions, Slot, StoredSession
from tests.conftest import NOW
from tests.phone import TestPhone

KEYS = Keys(b"secret")
NUMBER, SESSION = "+212600000001", "AT-session-7"
HOP = Hop("africastalking", SESSION, Phone(NUMBER), "")
UNSEEN = st.characters(exclude_categories=["Cs"])
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(UNSEEN, max_size=20),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(UNSEEN), inner, max_size=4),
    max_leaves=10,
)
KEPT = st.dictionaries(st.text(UNSEEN, max_size=8), JSON, max_size=4)
POSITIONS = st.builds(
    Position,
    language=st.sampled_from(["fr", "ar"]),
    path=st.lists(st.text(UNSEEN, max_size=12), max_size=6),
    page=st.integers(0, 50),
    visits=st.integers(0, 10**6),
    facts=KEPT,
    answers=KEPT,
    refusal_reason=st.sampled_from(["", "wrong.choice"]),
)
RECORDS = st.builds(
    StoredSession,
    position=POSITIONS,
    menu=st.just("1a2b3c4d"),
    walked=st.integers(0, 9000),
    walked_digest=st.sampled_from(["", "AbC._123"]),
    over=st.booleans(),
    revision=st.integers(0, 10**6),
)


def body_of(value: bytes) -> bytes:
    """What `pack` wrote, of what is stored."""
    return value[12:].partition(b":")[2][20:]


def record_of(reply: str = "CON") -> StoredSession:
    record = StoredSession(Position("fr", ["main"]), "digest")
    record.add_reply("hop", Reply(reply, True))
    return record


@pytest.fixture
def sessions(runtime: Runtime) -> Sessions:
    return Sessions(runtime.redis_calls, KEYS)


@settings(deadline=None)
@given(RECORDS, st.lists(st.tuples(st.text(UNSEEN, max_size=8), st.text(UNSEEN, max_size=200))))
def test_stored_session_unpacks_what_it_packs(
    record: StoredSession, replies: list[tuple[str, str]]
) -> None:
    for hop_key, text in replies:
        record.add_reply(hop_key, Reply(text, True))
    assert StoredSession.unpack(record.pack(), record.revision, 0) == record


@pytest.mark.parametrize(
    "words", ["", "Ma famille\n" * 40, "عائلتي\n" * 40], ids=["none", "fr", "ar"]
)
def test_every_release_reads_a_dialogue_that_is_short_or_long(words: str) -> None:
    record = record_of(words)

    body = record.pack()

    # As the releases before the short ones were stored as they are read it: zlib checks its sum.
    read = zlib.decompressobj(zdict=session._USUAL)
    text = read.decompress(body)
    assert read.eof
    assert text == session._expand(body)
    assert json.loads(text)[-1] == [["hop", words, 1]]


def test_load_returns_none_for_a_dialogue_never_begun(sessions: Sessions) -> None:
    assert sessions.load(HOP, NOW).record is None


def test_load_returns_what_was_saved(sessions: Sessions) -> None:
    assert sessions.save(HOP, record_of(), "", NOW) is None
    loaded = sessions.load(HOP, NOW).record
    assert loaded and loaded.position == Position("fr", ["main"])
    assert loaded.find_reply("hop") == Reply("CON", True)
    assert loaded.find_reply("another") is None


def test_save_returns_the_winner_to_the_second_of_two_first_writers(sessions: Sessions) -> None:
    assert sessions.save(HOP, record_of("first"), "", NOW) is None
    lost = sessions.save(HOP, record_of("second"), "", NOW)
    assert lost and lost.record and lost.record.find_reply("hop") == Reply("first", True)
    kept = sessions.load(HOP, NOW).record
    assert kept and kept.find_reply("hop") == Reply("first", True)


def test_save_returns_the_winner_to_the_second_of_two_later_writers(sessions: Sessions) -> None:
    sessions.save(HOP, record_of(), "", NOW)
    first, second = sessions.load(HOP, NOW), sessions.load(HOP, NOW)
    one, two = first.record, second.record
    assert one and two
    one.add_reply("next", Reply("one", True))
    two.add_reply("next", Reply("two", True))
    assert sessions.save(HOP, one, "", NOW, first.slot) is None
    lost = sessions.save(HOP, two, "", NOW, second.slot)
    assert lost and lost.record
    winner = lost.record
    assert winner.find_reply("next") == Reply("one", True)
    # Who lost goes on from what won.
    winner.add_reply("last", Reply("three", False))
    assert sessions.save(HOP, winner, "", NOW, lost.slot) is None


def test_save_extends_the_life_of_a_session(sessions: Sessions, runtime: Runtime) -> None:
    sessions.save(HOP, record_of(), "", NOW)
    (key,) = runtime.redis.keys("{b*}p*")
    runtime.redis.expire(key, 3)
    loaded = sessions.load(HOP, NOW)
    assert loaded.record
    sessions.save(HOP, loaded.record, "", NOW, loaded.slot)
    assert 180 < STORED_SECONDS - 5 < int(runtime.redis.ttl(key)) <= STORED_SECONDS


def test_save_writes_a_session_that_expired_meanwhile(sessions: Sessions, runtime: Runtime) -> None:
    sessions.save(HOP, record_of(), "", NOW)
    loaded = sessions.load(HOP, NOW)
    assert loaded.record
    runtime.redis.flushdb()
    assert sessions.save(HOP, loaded.record, "", NOW, loaded.slot) is None
    assert sessions.load(HOP, NOW).record


@pytest.mark.parametrize(
    "other",
    [
        Hop("africastalking", SESSION, Phone("+212600000002"), ""),
        Hop("africastalking", SESSION + "x", Phone(NUMBER), ""),
        Hop("generic", SESSION, Phone(NUMBER), ""),
        Hop("africastalking", SESSION + "\0" + NUMBER, Phone(""), ""),
    ],
)
def test_load_keeps_gateways_sessions_and_phones_apart(sessions: Sessions, other: Hop) -> None:
    sessions.save(HOP, record_of(), "", NOW)
    assert sessions.load(other, NOW).record is None


def test_dialogues_of_one_phone_at_once_keep_apart(sessions: Sessions, runtime: Runtime) -> None:
    """They may begin at the same moment; the newest alone is the one to be resumed."""
    hops = [Hop("generic", f"s{number}", Phone(NUMBER), "") for number in range(4)]
    looked = [sessions.load(hop, NOW) for hop in hops]
    for hop, seen in zip(hops, looked, strict=True):
        assert sessions.save(hop, record_of(hop.session_id), "", NOW, seen.slot) is None
    for hop in hops:
        loaded = sessions.load(hop, NOW)
        assert loaded.record and loaded.record.last_reply().text == hop.session_id
        assert sessions.save(hop, loaded.record, "", NOW, loaded.slot) is None
    again = sessions.load(Hop("generic", "s9", Phone(NUMBER), "", "m", True), NOW)
    assert again.record is None and again.broken_off
    assert again.broken_off.last_reply().text == "s3"
    (bucket,) = {name.partition(b"}")[0] for name in runtime.redis.scan_iter()}
    assert find_bucket(Phone(NUMBER)) == bucket + b"}"


def test_load_finds_a_session_under_any_chain(sessions: Sessions) -> None:
    sessions.save(HOP, record_of(), "", NOW)
    assert sessions.load(Hop("africastalking", SESSION, Phone(NUMBER), "1*2"), NOW).record


@pytest.mark.usefixtures("sample_people")
def test_stored_session_holds_no_number_session_or_name(phone: TestPhone, runtime: Runtime) -> None:
    phone.dial(NUMBER, "2*1")
    (key,) = runtime.redis.keys("{b*}p*")
    value = runtime.redis.get(key)
    assert isinstance(key, bytes) and isinstance(value, bytes)
    record = StoredSession.unpack(body_of(value), 1, 0)
    for told in (repr(key), repr(runtime.redis.keys()), repr(record)):
        for secret in (NUMBER[1:], "600000001", phone.session, "Fatima", "Zahraoui", "100001"):
            assert secret.lower() not in told.lower()


def test_load_and_save_raise_unavailable_without_redis() -> None:
    redis = Redis(port=1, socket_timeout=0.2, retry=Retry(NoBackoff(), 0))
    away = Sessions(make_calls(redis), KEYS)
    with pytest.raises(Unavailable, match="redis"):
        away.load(HOP, NOW)
    with pytest.raises(Unavailable, match="redis"):
        away.save(HOP, record_of(), "", NOW)


def test_load_and_save_survive_a_dropped_connection(sessions: Sessions, runtime: Runtime) -> None:
    """A restart of Redis, or of what stands between, drops all of them."""
    sessions.save(HOP, record_of(), "", NOW)
    for _ in range(3):
        number = str(runtime.redis.get_connection_kwargs()["db"])
        own = [one for one in runtime.redis.client_list() if one["db"] == number]
        for one in own:
            runtime.redis.client_kill_filter(_id=one["id"])
        loaded = sessions.load(HOP, NOW)
        assert loaded.record
        assert sessions.save(HOP, loaded.record, "", NOW, loaded.slot) is None


@pytest.mark.xdist_group("scripts of Redis")
def test_save_sends_a_script_that_redis_forgot(sessions: Sessions, runtime: Runtime) -> None:
    runtime.redis.script_flush()
    assert sessions.save(HOP, record_of(), "", NOW) is None
    assert sessions.load(HOP, NOW).record


def test_add_reply_keeps_the_last_replies_only() -> None:
    record = record_of("first")
    for number in range(10):
        record.add_reply(str(number), Reply("ع" * 80, True))
    assert record.find_reply("hop") is None
    assert record.find_reply("9") and record.find_reply("8")
    assert len(record.pack()) < 700


def memory_of_the_talk(runtime: Runtime) -> int:
    """Bytes of the talk; the hops to be counted pass on."""
    keys = list(runtime.redis.scan_iter("{b*}[pu]*"))
    assert len(keys) == 1
    return sum(int(runtime.redis.memory_usage(key) or 0) for key in keys)


FATIMA, HASSAN, AICHA = "+212600000001", "+212600000002", "+212600000005"


@pytest.mark.usefixtures("sample_people")
def test_stored_session_takes_700_bytes_at_most(phone: TestPhone, runtime: Runtime) -> None:
    """Budget P5, by Redis's own measure, on every hop of talks in French and in Arabic."""
    for number in (FATIMA, HASSAN, AICHA):
        for hops in ("10210", "22103", "30511", "2299x"):
            runtime.redis.flushdb()
            phone.dial(number)
            for typed in hops:
                phone.answer(typed)
                assert 0 < memory_of_the_talk(runtime) <= 700


def test_digest_holds_no_dash(sessions: Sessions) -> None:
    assert not any("-" in sessions.digest(f"AT-{number}", Slot(0)) for number in range(1000))
