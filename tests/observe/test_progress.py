"""How far long work is, for who waits: told by a worker, read by a page."""

from __future__ import annotations

from redis import Redis

from app.observe.progress import ProgressTeller, WorkProgress, find_progress, tell_each
from app.runtime import Runtime


def test_a_work_tells_how_far_it_is_and_never_more_than_all(runtime: Runtime) -> None:
    tell = ProgressTeller(runtime.redis).begin("file:1", 3)
    assert find_progress(runtime.redis, "file:1") is None
    assert list(tell_each("abc", tell)) == ["a", "b", "c"]
    assert find_progress(runtime.redis, "file:1") == WorkProgress(3, 3)
    tell(9)
    assert find_progress(runtime.redis, "file:1") == WorkProgress(3, 3)
    for strange in (b"<b>/3", b"3", b"9" * 5000 + b"/1"):
        runtime.redis.set("progress:file:1", strange)
        assert find_progress(runtime.redis, "file:1") is None


def test_work_goes_on_while_redis_is_away() -> None:
    away = Redis(port=1)
    ProgressTeller(away).begin("file:1", 1)(1)
    assert find_progress(away, "file:1") is None
