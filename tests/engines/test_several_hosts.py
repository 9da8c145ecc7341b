"""A hop keeps to its second whichever of the address's hosts is silent, waits or stands still."""

from __future__ import annotations

import signal
import socket
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from threading import Timer

import pytest
from sqlalchemy import text

from app.base.database import is_pooled, reading
from app.base.errors import Late
from app.runtime import Runtime
from tests.pg_servers import PgBouncer, PgServer

_A_HOP_SECONDS, _CONNECTING_SECONDS = 1.3, 2.5
pytestmark = pytest.mark.xdist_group("own PostgreSQL")


@contextmanager
def at_hosts(runtime: Runtime, app_url: str, first: int) -> Iterator[Runtime]:
    """A runtime whose address names another port of this machine before the server's own."""
    before, _, port_and_name = app_url.rpartition(":")
    url = f"{before}:{first},127.0.0.1:{port_and_name}?target_session_attrs=read-write"
    maalem = Runtime(runtime.settings.model_copy(update={"database_url": url}))
    try:
        yield maalem
    finally:
        maalem.database.dispose()


def look(maalem: Runtime) -> bool:
    """Reads something by the hop's deadline; returns True if a pooler was in between."""

    def read() -> bool:
        with reading(maalem.database) as connection:
            assert connection.execute(text("SELECT 1")).scalar() == 1
            return is_pooled(connection)

    return maalem.deadline.run(read)


def measure(work: Callable[[], object]) -> float:
    began = time.monotonic()
    work()
    return time.monotonic() - began


def test_a_hop_is_late_at_a_host_that_says_nothing_and_the_next_one_is_not(
    runtime: Runtime, primary: PgServer, app_url: str
) -> None:
    with socket.socket() as silent:
        silent.bind(("127.0.0.1", 0))
        silent.listen(50)
        with at_hosts(runtime, app_url, silent.getsockname()[1]) as maalem:

            def be_late() -> None:
                with pytest.raises(Late):
                    look(maalem)

            assert measure(be_late) < _A_HOP_SECONDS
            time.sleep(_CONNECTING_SECONDS)
            assert measure(lambda: look(maalem)) < 0.5, "it has connected meanwhile"
            maalem.database.dispose()
            assert measure(lambda: look(maalem)) < 0.5, "who answered last is asked first"
            primary.signal(signal.SIGSTOP)
            going_on = Timer(4, primary.signal, (signal.SIGCONT,))
            going_on.start()
            try:
                assert measure(be_late) < _A_HOP_SECONDS
            finally:
                going_on.cancel()
                primary.signal(signal.SIGCONT)


def test_a_hop_passes_by_a_pooler_that_waits_for_its_server(
    runtime: Runtime, app_url: str, pooler: PgBouncer
) -> None:
    with at_hosts(runtime, app_url, pooler.port) as maalem:
        assert look(maalem), "it goes by the pooler"
        maalem.database.dispose()
        pooler.run("PAUSE")
        assert measure(lambda: look(maalem)) < 1
        assert not look(maalem), "it goes to the server itself"
