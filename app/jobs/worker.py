"""The worker: claims messages and sends them, side by side, until told to stop."""

from __future__ import annotations

import os
import signal
import socket
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from datetime import timedelta
from threading import Event
from types import FrameType

import structlog

from app.base.database import transaction
from app.base.errors import Unavailable
from app.jobs.api import ApiWork
from app.jobs.late import answer_late_actions
from app.messaging.sending import Claimed, claim_messages, send_claimed
from app.observe.hops import FORGOTTEN_AT_ONCE, forget_hops, store_hops
from app.payments.service import expire_codes
from app.runtime import Runtime

# So many messages on their way at once; each waits for the provider, not for the database.
_AT_ONCE = 16
_IDLE_SECONDS = 0.5
_AWAY_SECONDS = 2.0
_EXPIRE_EVERY_SECONDS = 60
_FORGET_EVERY_SECONDS = 3600
_log = structlog.get_logger("worker")


class Worker:
    """One process's loop; several may run beside each other."""

    def __init__(self, runtime: Runtime, *, at_once: int = _AT_ONCE) -> None:
        self._runtime = runtime
        self._at_once = at_once
        self._api = ApiWork(runtime)
        self.stopping = Event()
        self._expired_at = self._forgot_at = 0.0
        self._name = f"{socket.gethostname()}-{os.getpid()}"

    def run(self) -> None:
        """Until `stopping` is set: then what is on its way is finished, and nothing new claimed."""
        with ThreadPoolExecutor(self._at_once) as senders:
            while not self.stopping.is_set():
                try:
                    self._expire()
                    self._keep_hops()
                    answered = answer_late_actions(self._runtime, self._name) + self._api.do()
                    sent = self.send_waiting(senders) + answered
                except Unavailable as error:
                    _log.error("away", what=error.params.get("what"))
                    self.stopping.wait(_AWAY_SECONDS)
                    continue
                if not sent:
                    self.stopping.wait(_IDLE_SECONDS)
        self._api.stop()

    def send_waiting(self, senders: ThreadPoolExecutor) -> int:
        """Claims as many messages as can go at once, sends them; gives how many."""
        with transaction(self._runtime.database) as connection:
            claimed = claim_messages(connection, self._runtime.clock(), self._at_once)
        sending = [senders.submit(self._send, message) for message in claimed]
        for done in sending:
            self._told(done)
        return len(claimed)

    def _send(self, claimed: Claimed) -> str:
        runtime = self._runtime
        return send_claimed(runtime.database, runtime.sms_provider, claimed, runtime.clock)

    def _told(self, done: Future[str]) -> None:
        """A message that could not be recorded stays leased; its lease brings it back."""
        try:
            state = done.result()
        except Unavailable as error:
            _log.error("away", what=error.params.get("what"))
        except Exception:
            _log.exception("sending_failed")
        else:
            _log.debug("message", state=state)

    def _expire(self) -> None:
        now = self._runtime.clock()
        if now.timestamp() - self._expired_at < _EXPIRE_EVERY_SECONDS:
            return
        with transaction(self._runtime.database) as connection:
            expired = expire_codes(connection, now)
        self._expired_at = now.timestamp()
        if expired:
            _log.info("codes_expired", count=expired)

    def _keep_hops(self) -> None:
        """Stores what talks left; once a while forgets what is older than it may be kept."""
        maalem, now = self._runtime, self._runtime.clock()
        store_hops(maalem.database, maalem.redis)
        if now.timestamp() - self._forgot_at < _FORGET_EVERY_SECONDS:
            return
        oldest = now - timedelta(days=maalem.settings.keep_talks_days)
        with transaction(maalem.database) as connection:
            forgotten = forget_hops(connection, oldest)
        # As many as may be forgotten at once: there are more.
        self._forgot_at = 0.0 if forgotten >= FORGOTTEN_AT_ONCE else now.timestamp()


@contextmanager
def stopping_on_signals(worker: Worker) -> Iterator[None]:
    """SIGTERM and Ctrl-C ask the worker to finish and stop."""

    def stop(_signal: int, _frame: FrameType | None) -> None:
        worker.stopping.set()

    before = {number: signal.signal(number, stop) for number in (signal.SIGTERM, signal.SIGINT)}
    try:
        yield
    finally:
        for number, action in before.items():
            signal.signal(number, action)
