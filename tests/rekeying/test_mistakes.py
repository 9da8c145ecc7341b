"""An operator's mistakes while SECRET_KEY is replaced: refused clearly, or mended by going on."""

from __future__ import annotations

import hmac
import json
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager
from secrets import token_hex
from uuid import uuid4

import pytest
from argon2 import PasswordHasher
from sqlalchemy import text

from app.base.keys import KeyUnknown, Purpose
from app.base.operation import Operation, operation
from app.checks.keys import check_keys
from app.checks.looking import WrongInProduction
from app.jobs.api import ApiWork
from app.rekeying.service import rotate_keys
from tests.conftest import NOW
from tests.mobile_money.conftest import BASE, HEADERS, payment
from tests.mobile_money.test_callbacks import CallbackReceiver, caller  # noqa: F401 - a fixture
from tests.phone import TestPhone
from tests.rekeying.conftest import AFTER, BEFORE, Installation, Server, start_server, stop_server
from tests.rekeying.test_rotation import (
    CLIENTS,
    FATIMA,
    HASSAN,
    KHADIJA,
    ask_code,
    held,
    rotate,
    rows,
    signing_key,
)
from tests.web.test_till import AgentTerminal

THIRD = token_hex(16)
DEMO = CLIENTS[0]


@pytest.fixture
def unnamed(installation: Installation) -> str:
    """The signing key of the demo client, which is of before the ids: no key is named."""
    rows(installation.old, "UPDATE api_client SET signing_key = NULL RETURNING 1")
    return signing_key(installation.old, DEMO)


@pytest.fixture
def start(installation: Installation) -> Iterator[Callable[..., Server]]:
    """Starts servers of a second rotation."""
    started = []

    def start_one(secret: str, *old: str) -> Server:
        started.append(start_server(installation.old.runtime, secret, old))
        return started[-1]

    yield start_one
    for server in started:
        stop_server(server)


class TestFirstRotationSkipped:
    @pytest.mark.parametrize(
        ("secret", "old"),
        [
            (BEFORE, [AFTER]),  # step 1 of the first
            (AFTER, [BEFORE]),  # step 2 of the first
            (AFTER, [THIRD, BEFORE]),  # step 1 of the next
            (AFTER, [BEFORE, THIRD]),  # the same, in another order
            (AFTER, [THIRD]),  # the same, and the first one was taken away
        ],
        ids=("first step 1", "first step 2", "next", "next, other order", "next, first is gone"),
    )
    def test_no_other_key_signs_and_nothing_is_named_by_guessing(
        self, unnamed: str, start: Callable[..., Server], secret: str, old: list[str]
    ) -> None:
        server = start(secret, *old)
        with pytest.raises(KeyUnknown):
            signing_key(server, DEMO)
        refused = server.run("keys", "rotate")
        assert refused.exit_code == 1
        assert "nothing was stored again: 1 signing_keys name no key" in refused.output
        assert all(name in refused.output for name in server.runtime.keys.ids)
        assert rows(server, "SELECT 1 FROM audit_event WHERE action = 'keys_rotated'") == []
        with pytest.raises(RuntimeError, match=r"signing_keys name no key|put it back"):
            check_keys(server.runtime)
        kept = server.run("clients", "rotate", DEMO, "--keep-old", "24")
        assert kept.exit_code == 1 and "flask keys rotate" in kept.output
        assert held(server, "signing_keys") == {"": 1}

    def test_the_operator_says_whose_they_are(
        self, installation: Installation, unnamed: str, start: Callable[..., Server]
    ) -> None:
        server = start(AFTER, THIRD, BEFORE)
        strange = server.run("keys", "rotate", "--unnamed", "0123abcd")
        assert strange.exit_code == 1 and "no secret of the id 0123abcd" in strange.output
        named = server.run("keys", "rotate", "--unnamed", installation.old.runtime.keys.ids[0])
        assert named.exit_code == 0, named.output
        assert signing_key(installation.alone, DEMO) == unnamed
        assert "today's" in check_keys(installation.alone.runtime)

    def test_a_callback_waits_rather_than_be_signed_with_another_key(
        self,
        installation: Installation,
        unnamed: str,
        caller: CallbackReceiver,  # noqa: F811 - the fixture
    ) -> None:
        address = f"{BASE}/bills/{ask_code(installation.old)}/payments"
        headers = HEADERS | {"X-CorrelationID": str(uuid4()), "X-Callback-URL": caller.address}
        installation.old.app.test_client().post(address, json=payment("163.52"), headers=headers)
        work = ApiWork(installation.new.runtime)
        work.do()
        work.do()
        work.stop()
        assert caller.got == []
        waits = "SELECT callback_attempts, callback_due_at IS NOT NULL FROM api_request"
        assert rows(installation.new, waits) == [(1, True)]

    def test_an_old_key_left_out_is_asked_for_before_anything_gets_its_name(
        self, installation: Installation, unnamed: str
    ) -> None:
        """Only one secret is known, and it is not the one that made them."""
        refused = installation.alone.run("keys", "rotate")
        assert refused.exit_code == 1
        assert f"{installation.old.runtime.keys.ids[0]}, which is not known" in refused.output
        assert held(installation.old, "signing_keys") == {"": 1}

    def test_doctor_of_a_production_says_it_while_one_key_is_known(
        self, installation: Installation, unnamed: str
    ) -> None:
        with pytest.raises(WrongInProduction, match="1 signing_keys name no key: flask keys rot"):
            check_keys(installation.old.runtime)
        rotate(installation.old)
        assert "today's" in check_keys(installation.old.runtime)

    def test_pins_of_before_the_ids_get_the_name_that_is_given(
        self, installation: Installation
    ) -> None:
        phone = TestPhone(installation.old.app.test_client())
        phone.dial(KHADIJA, "5*5*3*1*1357*1357*00")
        old = installation.old.runtime.keys
        pepper = old.today(Purpose.ARTISAN_PIN).value
        plain = PasswordHasher(2, 19 * 1024, 1).hash(hmac.digest(pepper, b"1357", "sha256"))
        rows(installation.old, "UPDATE artisan_pin SET pin_hash = :h RETURNING 1", h=plain)
        rotated = installation.new.run("keys", "rotate", "--unnamed", old.ids[0])
        assert rotated.exit_code == 0, rotated.output
        phone = TestPhone(installation.alone.app.test_client())
        assert "Droits ouverts" in phone.dial(KHADIJA, "1*1357")


class TestSecretsExchanged:
    def test_an_old_key_left_out_is_told_and_what_it_holds_stays(
        self, installation: Installation
    ) -> None:
        before = held(installation.old, "agent_pins")
        told = installation.alone.run("keys", "rotate")
        assert told.exit_code == 1 and "put it back into SECRET_KEY_OLD" in told.output
        assert held(installation.old, "agent_pins") == before
        rotate(installation.new)
        assert set(held(installation.new, "agent_pins")) == {AFTER_ID(installation)}

    def test_rotate_at_step_1_says_that_it_was_too_early(self, installation: Installation) -> None:
        told = installation.prepared.run("keys", "rotate")
        assert told.exit_code == 0 and "exchange the two" in told.output
        told = installation.new.run("keys", "rotate")
        assert told.exit_code == 0 and "exchange the two" not in told.output

    def test_the_two_exchanged_and_back_lose_nothing(self, installation: Installation) -> None:
        key = signing_key(installation.old, DEMO)
        for server in (installation.new, installation.prepared, installation.new):
            rotate(server)
            told = json.loads(server.run("keys", "status", "--json").output)
            assert told["may_be_removed"] == [server.runtime.keys.ids[1]]
        assert signing_key(installation.alone, DEMO) == key

    def test_no_key_of_two_older_ones_may_go_while_a_till_may_hold_it(
        self, installation: Installation, start: Callable[..., Server]
    ) -> None:
        """A cookie is with its browser, whichever of the older keys signed it."""
        till = AgentTerminal(installation.old.app.test_client())
        till.get("/agent?language=fr")
        till.enter()
        ids = [server.runtime.keys.ids[0] for server in (installation.old, installation.alone)]
        for old in ([AFTER, BEFORE], [BEFORE, AFTER]):
            server = start(THIRD, *old)
            assert held(server, "till_sessions") == dict.fromkeys(ids, 1)
            told = json.loads(server.run("keys", "status", "--json").output)
            assert told["may_be_removed"] == []
        assert held(installation.new, "till_sessions") == {ids[0]: 1}

    def test_a_rotation_to_another_key_says_nothing_of_todays_sessions(
        self, installation: Installation
    ) -> None:
        """Rotated to the old key once, and to the new one; then the two are exchanged."""
        rotate(installation.old)
        rotate(installation.new)
        till = AgentTerminal(installation.new.app.test_client())
        till.get("/agent?language=fr")
        till.enter()
        assert held(installation.prepared, "till_sessions") == {AFTER_ID(installation): 1}


def AFTER_ID(installation: Installation) -> str:  # noqa: N802 - as the constant it stands for
    return installation.alone.runtime.keys.ids[0]


class TestRotateItself:
    def test_signing_keys_are_first_and_imports_are_read_once(
        self, installation: Installation, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """Each batch goes on behind the one before, also over what cannot be stored again."""
        monkeypatch.setattr("app.rekeying.service.AT_ONCE", 2)
        add_earlier_cins(installation, 7)
        maalem, told = installation.new.runtime, list[tuple[str, int]]()
        rotate_keys(
            lambda: operation(maalem.database, NOW, "office"),
            maalem.keys,
            lambda kind, stored: told.append((kind, stored)),
        )
        assert told[0] == ("signing_keys", 1)
        assert [many for kind, many in told if kind == "cins_before_imports"] == [2, 2, 2, 1]
        assert set(held(installation.new, "cins_before_imports")) == {AFTER_ID(installation)}

    def test_two_at_once_and_one_the_other_way_end_and_lose_nothing(
        self, installation: Installation
    ) -> None:
        add_earlier_cins(installation, 40)
        key = signing_key(installation.old, DEMO)
        with ThreadPoolExecutor(3) as threads:
            both = [installation.new, installation.new, installation.prepared]
            assert len(list(threads.map(store_again, both))) == 3
        rotate(installation.new)
        for kind in ("agent_pins", "cins", "cins_before_imports", "signing_keys"):
            assert set(held(installation.new, kind)) == {AFTER_ID(installation)}, kind
        assert signing_key(installation.alone, DEMO) == key

    def test_talks_and_confirmations_go_on_meanwhile(self, installation: Installation) -> None:
        TestPhone(installation.old.app.test_client()).dial(KHADIJA, "5*5*3*1*1357*1357*00")
        for who in (FATIMA, HASSAN):
            TestPhone(installation.old.app.test_client()).dial(who, "2*1")
        codes = rows(installation.old, "SELECT code, total_centimes FROM payment_code")
        both = (installation.prepared, installation.new)

        def talk() -> list[str]:
            phones = [TestPhone(server.app.test_client()) for server in both * 2]
            return [phone.dial(KHADIJA, "1*1357") for phone in phones]

        def confirm(number: int) -> int:
            (code, centimes), headers = codes[number % 2], {"X-CorrelationID": str(uuid4())}
            body = payment(f"{int(str(centimes)) / 100:.2f}")
            client = both[number // 2 % 2].app.test_client()
            address = f"{BASE}/bills/{code}/payments"
            return client.post(address, json=body, headers=HEADERS | headers).status_code

        with ThreadPoolExecutor(4) as threads:
            rotations = [threads.submit(store_again, both[1]) for _ in range(3)]
            talks = threads.submit(talk)
            paid = [threads.submit(confirm, number) for number in range(4)]
        assert all(each.result() for each in rotations)
        assert [s for s in talks.result() if "Droits ouverts" not in s] == []
        # Each code is paid once, and told to be so the second time.
        assert sorted(each.result() for each in paid) == [201, 201, 400, 400]
        assert rows(installation.new, "SELECT count(*) FROM deposit") == [(2,)]
        assert rows(installation.new, "SELECT * FROM pin_attempt") == []
        phone = TestPhone(installation.new.app.test_client())
        assert "Droits ouverts" in phone.dial(KHADIJA, "1*1357")


def store_again(server: Server) -> Mapping[str, int]:
    """As `flask keys rotate`, in a thread."""
    maalem = server.runtime

    def begin() -> AbstractContextManager[Operation]:
        return operation(maalem.database, NOW, "office")

    return rotate_keys(begin, maalem.keys, lambda _kind, _stored: None)


def add_earlier_cins(installation: Installation, many: int) -> None:
    """What undoing imports would bring back: digests under the old key."""
    maalem = installation.old.runtime
    key = maalem.keys.today(Purpose.CIN)
    digests = [(key.mark + key.encrypt(bytes([n]) * 32)).hex() for n in range(many)]
    with maalem.owners_database.begin() as connection:
        connection.execute(text("SET LOCAL session_replication_role = replica"))
        connection.execute(
            text(
                "INSERT INTO registry_import_update SELECT n % 3 + 1, n,"
                " jsonb_build_object('cin_digest', '\\x' || cin)"
                " FROM unnest(CAST(:cins AS text[])) WITH ORDINALITY AS given(cin, n)"
            ),
            {"cins": digests},
        )
