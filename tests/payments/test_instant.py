"""One code confirmed at one instant through page, phone and API, over several server processes."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from datetime import UTC, datetime
from pathlib import Path
from threading import Barrier
from uuid import uuid4

import pytest

from app.runtime import Runtime
from tests.conftest import free_port, load_sample_people
from tests.payments.conftest import Books, PaymentFixture
from tests.servers import await_ready, web
from tests.wire import NetworkLine, PhoneLine, TillLine, add_agent_phones, until_answered

SERVERS, OF_EACH, AGAIN = 3, 18, 3
HASSAN, AICHA, FATIMA, DRISS = (f"+21260000000{n}" for n in (2, 5, 1, 7))
AMOUNTS = {HASSAN: "663.9", AICHA: "1530.56", FATIMA: "163.52", DRISS: "163.52"}
Confirm = Callable[[], str]
pytestmark = pytest.mark.xdist_group("one instant")


@pytest.fixture(scope="module")
def servers(session_runtime: Runtime) -> Iterator[list[str]]:
    """Several web processes on one database, for all these tests, which share a process."""
    settings, ports = session_runtime.settings, [free_port() for _ in range(SERVERS)]
    urls = {"DATABASE_URL": settings.database_url, "REDIS_URL": settings.redis_url}
    servers = [web(port, urls) for port in ports]
    found = [f"http://127.0.0.1:{port}" for port in ports]
    try:
        for server in servers:
            server.start()
        for base in found:
            await_ready(base)
        yield found
    finally:
        for server in servers:
            server.end()


@pytest.fixture
def bases(servers: list[str], runtime: Runtime, tmp_path: Path) -> list[str]:
    """The web processes, with the sample people and a client of theirs that no limit stops."""
    load_sample_people(runtime, tmp_path)
    with runtime.database.begin() as connection:
        connection.exec_driver_sql("UPDATE api_client SET requests_a_minute = 1000000")
    return servers


@pytest.fixture
def now(runtime: Runtime) -> None:
    """Servers have the real clock."""
    runtime.clock.now = datetime.now(UTC)  # type: ignore[attr-defined]


def at_one_instant(many: list[Confirm]) -> list[str]:
    """Each connection is open; all wait for the last before they send."""
    ready = Barrier(len(many))

    def send(confirm: Confirm) -> str:
        ready.wait()
        return confirm()

    with ThreadPoolExecutor(len(many)) as threads:
        return list(threads.map(send, many))


class Callers:
    """Open connections, the same number to every server: pages, phones and networks' systems."""

    def __init__(self, bases: list[str], phones: Iterator[str], stack: ExitStack) -> None:
        self._phones = phones
        first = stack.enter_context(TillLine(bases[0]))
        first.enter()
        self._tills, self._lines, self._networks = [], [], []
        for number in range(OF_EACH):
            till = first.open_another()
            till.base = bases[number % len(bases)]
            self._tills.append(stack.enter_context(till))
            self._lines.append(stack.enter_context(PhoneLine(till.base)))
            self._networks.append(stack.enter_context(NetworkLine(till.base)))
        for line in (*self._tills, *self._lines, *self._networks):
            line.connect()

    def confirming(self, code: str, amount: str) -> list[Confirm]:
        """Each third of the networks' requests, and each third of the pages', is one repeated."""
        ids = [str(uuid4()) for _ in range(OF_EACH // 3)]
        many: list[Confirm] = []
        for number, (till, line, network) in enumerate(
            zip(self._tills, self._lines, self._networks, strict=True)
        ):
            same = ids[number % len(ids)]
            many.append(lambda till=till, key=same: until_answered(lambda: till.confirm(code, key)))
            many.append(lambda n=network, i=same: _by_api(n, code, amount, i))
            many.append(PhoneCall(line, self._phones, code).confirm)
        return many

    def asking(self, consumer: str, phone: str) -> list[Confirm]:
        """A code for one artisan, asked for by networks and by phone sessions."""
        many: list[Confirm] = []
        for line, network in zip(self._lines, self._networks, strict=True):
            for _ in range(2):
                many.append(lambda line=line: _by_dialling(line, phone))
            many.append(lambda network=network: _bill(network, consumer))
        return many


def _by_api(network: NetworkLine, code: str, amount: str, identity: str) -> str:
    answer = until_answered(lambda: network.pay(code, amount, identity))
    told = answer.json()
    return str(told.get("serviceProviderPaymentReference") or told["errorCode"])


class PhoneCall:
    """An agent on the phone: the code is looked at before, the PIN is sent at the instant."""

    def __init__(self, line: PhoneLine, phones: Iterator[str], code: str) -> None:
        self._line, self._phones, self._code = line, phones, code
        self._seen = self._look()

    def confirm(self) -> str:
        """One that is told to call again does so, as another agent: no talk is taken up."""
        return until_answered(self._confirm)

    def _look(self) -> str | None:
        self._phone, self._session = next(self._phones), uuid4().hex
        return self._line.look(self._phone, self._code, self._session)

    def _confirm(self) -> str | None:
        self._seen = self._seen or self._look()
        if ": argent recu?" not in (self._seen or ""):
            told, self._seen = self._seen, None
        else:
            told, self._seen = self._line.confirm(self._phone, self._code, self._session), None
        return told if told and (told.isdecimal() or "déjà " in told) else None


def _by_dialling(line: PhoneLine, phone: str) -> str:
    """Told that it takes too long, a person dials anew: the same hop repeats the same words."""
    return until_answered(lambda: line.ask_code(phone, uuid4().hex))


def _bill(network: NetworkLine, consumer: str) -> str:
    found = until_answered(lambda: network.bills(consumer)).json()
    return str(found[0]["billReference"])


def test_redeem_code_books_one_deposit_through_every_channel_at_one_instant(
    bases: list[str], now: None, payments: PaymentFixture, books: Books
) -> None:
    payments.runtime.clock.now = datetime.now(UTC)  # type: ignore[attr-defined]
    phones = iter(add_agent_phones(payments.runtime.database, 2000))
    with ExitStack() as stack:
        callers = Callers(bases, phones, stack)
        for phone in list(AMOUNTS)[:AGAIN]:
            code = payments.issue(phone)
            many = callers.confirming(code.code, str(code.total))
            assert len(many) >= 50
            answers = at_one_instant(many)
            receipt = str(
                payments.read_value(
                    "SELECT receipt_number FROM deposit WHERE code = :c", c=code.code
                )
            )
            told = {answer for answer in answers if answer.isdecimal()}
            assert told == {receipt}
            refused = [answer for answer in answers if not answer.isdecimal()]
            assert all(re.search("incorrectState|déjà pay|payé", one) for one in refused), refused
            books()
    assert payments.read_value("SELECT count(*) FROM deposit") == AGAIN


def test_issue_code_gives_one_live_code_through_every_channel_at_one_instant(
    bases: list[str], now: None, payments: PaymentFixture, books: Books
) -> None:
    payments.runtime.clock.now = datetime.now(UTC)  # type: ignore[attr-defined]
    with ExitStack() as stack:
        callers = Callers(bases, iter(()), stack)
        for consumer, phone in (("100000002", HASSAN), ("100000005", AICHA), ("100000001", FATIMA)):
            many = callers.asking(consumer, phone)
            assert len(many) >= 50
            told = set(at_one_instant(many))
            live = payments.read_value(
                "SELECT string_agg(code, ' ') FROM payment_code WHERE artisan_id = :a",
                a=payments.artisan_id(phone),
            )
            assert told == {live}
    books()
