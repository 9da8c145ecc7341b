"""SECRET_KEY is replaced in the midst of everything: nothing is lost, nothing turns wrong."""

from __future__ import annotations

import hmac
import json
import re
from datetime import timedelta
from pathlib import Path
from uuid import uuid4

import pytest
from argon2 import PasswordHasher
from flask import Flask
from flask.sessions import SecureCookieSessionInterface
from pydantic import SecretStr
from pyotp import TOTP
from sqlalchemy import text

from app.agents.clients import NewClient, NewKeys, add_client, draw_key, find_client, rotate_key
from app.agents.signing_keys import callback_key, draw_signing_key, name_signing_key
from app.base.keys import Keys, Purpose
from app.base.operation import operation
from app.base.phone import Phone
from app.checks.keys import check_keys
from app.enrolment.registry import import_registry
from app.enrolment.registry_undo import undo_import
from app.enrolment.tie_codes import TieRequest, accept_tie_code, start_tie_code
from app.enrolment.ties import tie_phone
from app.jobs.api import ApiWork
from app.jobs.deferred_actions import answer_deferred_actions
from app.mobile_money.callbacks import signature
from app.office.authenticators import (
    begin_authenticator,
    enrol_authenticator,
    use_authenticator_code,
)
from app.office.service import add_sample_user
from app.payments.reversal_codes import draw_reversal_code, try_reversal_code, use_reversal_code
from app.people.presences import accept_code, ask_for_code
from app.rekeying import columns
from app.rekeying.holdings import list_holdings
from app.rekeying.service import find_removable, rotate_keys
from tests.conftest import AGENT, NOW, PIN
from tests.enrolment.registry_lines import TODAY, numbered, rejections, write
from tests.jobs.test_deferred_actions import defer_action
from tests.journeys.other_parties import OtherParties
from tests.mobile_money.conftest import BASE, HEADERS, payment
from tests.mobile_money.test_callbacks import CallbackReceiver, caller  # noqa: F401 - a fixture
from tests.phone import GenericPhone, TestPhone
from tests.rekeying.conftest import Installation, Server
from tests.waiting import add_action, count_waiting_actions
from tests.web.test_till import AgentTerminal, field

FATIMA, HASSAN, KHADIJA, TLAYTMAS = (f"+2126000000{n:02d}" for n in (1, 2, 3, 8))


def move(phone: TestPhone, server: Server) -> None:
    """The next hop reaches another server."""
    phone._client = server.app.test_client()


def rows(server: Server, statement: str, **params: object) -> list[tuple[object, ...]]:
    return OtherParties(server.runtime).run(statement, **params)


def held(server: Server, kind: str) -> dict[str, int]:
    """The counts of a kind that are not zero, by the id of the key."""
    maalem = server.runtime
    every = list_holdings(maalem.database, maalem.redis, maalem.keys, maalem.clock())
    (found,) = [dict(each.counts) for each in every if each.kind == kind]
    return {name: count for name, count in found.items() if count}


def rotate(server: Server) -> None:
    result = server.run("keys", "rotate")
    assert result.exit_code == 0, result.output


@pytest.fixture
def khadija(installation: Installation) -> TestPhone:
    """She set a PIN before the rotation, and is on the first screen."""
    phone = TestPhone(installation.old.app.test_client())
    phone.dial(KHADIJA, "5*5*3*1*1357*1357*00")
    return phone


class TestTalks:
    def test_a_talk_goes_on_after_a_restart(self, installation: Installation) -> None:
        phone = TestPhone(installation.old.app.test_client())
        first = phone.dial(HASSAN)
        move(phone, installation.new)
        assert phone.post().partition(" ")[2] == first, "a retried hop has the same answer"
        shown = phone.answer("2")
        assert phone.answer("0") == first and phone.answer("2") == shown
        assert re.search(r"Code \d{4} \d{4} \d{4}", phone.answer("1"))
        assert rows(installation.new, "SELECT count(*) FROM payment_code") == [(1,)]

    @pytest.mark.parametrize("kind", [TestPhone, GenericPhone])
    def test_two_servers_take_turns_in_a_talk_while_a_key_is_replaced(
        self, installation: Installation, kind: type[TestPhone]
    ) -> None:
        steps = [installation.prepared, installation.new]
        for first in (0, 1):
            phone = kind(steps[first].app.test_client())
            home = phone.dial(HASSAN)
            for number, typed in enumerate(("1", "0", "3", "0", "5", "0")):
                move(phone, steps[(first + number + 1) % 2])
                screen = phone.answer(typed)
                assert (screen == home) is (typed == "0")

    def test_a_hop_that_reaches_two_servers_at_once_has_one_answer(
        self, installation: Installation
    ) -> None:
        """Both begin the dialogue; the second finds that the first was faster."""
        phone = TestPhone(installation.prepared.app.test_client())
        phone.dial(HASSAN, "2*1")
        before = phone.screen
        move(phone, installation.new)
        assert phone.post().endswith(before)
        assert rows(installation.new, "SELECT count(*) FROM payment_code") == [(1,)]
        names = list(installation.new.runtime.redis.scan_iter("{b*}[up]*"))
        assert len(names) == 1

    def test_a_talk_that_broke_off_is_resumed_after_a_restart(
        self, installation: Installation
    ) -> None:
        phone = TestPhone(installation.old.app.test_client())
        phone.dial(HASSAN, "2*2")
        months = phone.screen
        move(phone, installation.new)
        assert phone.dial(HASSAN) != months
        assert phone.answer("1") == months

    def test_a_tied_phone_that_was_listed_before_is_untied_after(
        self, installation: Installation
    ) -> None:
        statement = "INSERT INTO artisan_phone VALUES ('+212600000077', :id, now(), 'desk', now())"
        ((hassan,),) = rows(installation.old, "SELECT id FROM artisan WHERE phone = :p", p=HASSAN)
        rows(installation.old, statement + " RETURNING phone", id=hassan)
        phone = TestPhone(installation.old.app.test_client())
        phone.dial(HASSAN, "5*5*4*4*1")
        assert "0077" in phone.screen.replace(" ", "") or phone.more
        move(phone, installation.new)
        phone.answer("1")
        assert rows(installation.new, "SELECT * FROM artisan_phone WHERE way = 'desk'") == []

    def test_a_late_action_that_was_promised_before_is_done_after(
        self, installation: Installation
    ) -> None:
        old, new = installation.old.runtime, installation.new.runtime
        for wanted, server in ((1, new), (0, installation.alone.runtime)):
            rows(installation.old, "DELETE FROM message RETURNING id")
            deferred = defer_action(old, "look_at_dues", FATIMA, {})
            add_action(old, old.deferred_actions.sign(deferred))
            assert answer_deferred_actions(server, "one") == wanted
            assert count_waiting_actions(old) == 0


class TestTill:
    def test_a_session_stays_and_is_signed_anew_with_the_next_answer(
        self, installation: Installation
    ) -> None:
        till = AgentTerminal(installation.old.app.test_client())
        till.get("/agent?language=fr")
        assert till.enter().status_code == 200 and field(till.page, "csrf_token")
        ids = installation.old.runtime.keys.ids[0], installation.alone.runtime.keys.ids[0]
        cookies = [cookie_of(till, name)[:9] for name in ("session", "maalem_device")]
        assert cookies == [f"{ids[0]}:"] * 2
        form = till.page
        move_till(till, installation.new)
        till.page = form
        assert till.look("123412341234").status_code in {400, 404}, "the form of before is good"
        assert held(installation.new, "till_sessions") != {}
        till.get()
        for name in ("session", "maalem_device"):
            assert cookie_of(till, name).startswith(f"{ids[1]}:"), name
        move_till(till, installation.alone)
        assert 'name="code"' in till.get().get_data(as_text=True)

    def test_two_servers_take_turns_with_a_till(self, installation: Installation) -> None:
        till = AgentTerminal(installation.prepared.app.test_client())
        till.get("/agent?language=fr")
        assert till.enter().status_code == 200
        for server in (installation.new, installation.prepared, installation.new):
            move_till(till, server)
            assert till.look("123412341234").status_code in {400, 404}

    def test_a_cookie_of_before_the_ids_is_good(self, installation: Installation) -> None:
        """As Flask itself signed it, with SECRET_KEY."""
        till = AgentTerminal(installation.old.app.test_client())
        till.get("/agent?language=fr")
        till.enter()
        app = installation.old.app
        opened = app.session_interface.get_signing_serializer(app).loads(cookie_of(till, "session"))
        plain = Flask("before")
        plain.secret_key = installation.old.runtime.settings.secret_key.get_secret_value()
        signer = SecureCookieSessionInterface().get_signing_serializer(plain)
        assert signer
        move_till(till, installation.new)
        till.client.set_cookie("session", signer.dumps(opened), path="/")
        assert 'name="code"' in till.get().get_data(as_text=True)

    def test_an_agents_pin_is_right_after_and_moves_at_its_next_entry(
        self, installation: Installation
    ) -> None:
        old, new = (s.runtime.keys.ids[0] for s in (installation.old, installation.new))
        assert held(installation.new, "agent_pins") == {old: 1}
        till = AgentTerminal(installation.new.app.test_client())
        till.get("/agent?language=fr")
        assert till.enter(AGENT, PIN.get_secret_value()).status_code == 200
        assert held(installation.new, "agent_pins") == {new: 1}
        assert rows(installation.new, "SELECT * FROM agent_lock") == []

    def test_a_pin_whose_key_is_gone_is_no_wrong_one(self, installation: Installation) -> None:
        till = AgentTerminal(installation.alone.app.test_client())
        till.get("/agent?language=fr")
        for _ in range(7):
            assert till.enter(AGENT, PIN.get_secret_value()).status_code == 403
        assert "plus lisible" in till.page
        assert rows(installation.new, "SELECT * FROM agent_lock") == []


def cookie_of(till: AgentTerminal, name: str) -> str:
    cookie = till.client.get_cookie(name)
    assert cookie
    return str(cookie.value)


def move_till(till: AgentTerminal, server: Server) -> None:
    """The same browser reaches another server."""
    client = server.app.test_client()
    for name in ("session", "maalem_device", "language"):
        if cookie := till.client.get_cookie(name):
            client.set_cookie(name, cookie.value, path="/")
    till.client = client


class TestArtisans:
    def test_a_pin_is_right_after_and_moves_at_its_next_entry(
        self, khadija: TestPhone, installation: Installation
    ) -> None:
        new = installation.new.runtime.keys.ids[0]
        move(khadija, installation.new)
        assert "Droits ouverts" in khadija.dial(KHADIJA, "1*1357")
        assert held(installation.new, "artisan_pins") == {new: 1}
        assert rows(installation.new, "SELECT * FROM pin_attempt") == []
        move(khadija, installation.alone)
        assert "Droits ouverts" in khadija.dial(KHADIJA, "1*1357")

    def test_a_pin_is_right_at_two_servers_that_take_turns(
        self, khadija: TestPhone, installation: Installation
    ) -> None:
        for server in (installation.new, installation.prepared, installation.new):
            move(khadija, server)
            assert "Droits ouverts" in khadija.dial(KHADIJA, "1*1357")
            assert "PIN faux" in khadija.dial(KHADIJA, "1*9998")

    def test_a_pin_chosen_across_the_restart_is_set(self, installation: Installation) -> None:
        phone = TestPhone(installation.old.app.test_client())
        phone.dial(FATIMA, "5*5*3*1*1357")
        move(phone, installation.new)
        assert "PIN enregistré" in phone.answer("1357")
        assert "Droits ouverts" in phone.dial(FATIMA, "1*1357")

    def test_a_code_sent_before_opens_a_new_pin_after(
        self, khadija: TestPhone, installation: Installation
    ) -> None:
        khadija.dial(KHADIJA, "1*9999*2*100003*01011983")
        ((body,),) = rows(installation.old, "SELECT body FROM message WHERE kind = 'pin_reset'")
        code = re.search(r"\d{6}", str(body))
        assert code
        move(khadija, installation.new)
        assert khadija.answer(code[0]).startswith("Nouveau PIN")

    def test_a_pin_whose_key_is_gone_is_no_wrong_one_and_leads_to_another(
        self, khadija: TestPhone, installation: Installation
    ) -> None:
        move(khadija, installation.alone)
        for _ in range(4):
            assert "plus lisible" in khadija.dial(KHADIJA, "1*1357")
        assert rows(installation.alone, "SELECT * FROM pin_attempt") == []
        assert "Votre numéro RNA" in khadija.answer("1")

    def test_a_pin_of_before_the_ids_is_right_and_is_sealed(
        self, khadija: TestPhone, installation: Installation
    ) -> None:
        pepper = installation.old.runtime.keys.today(Purpose.ARTISAN_PIN).value
        plain = PasswordHasher(2, 19 * 1024, 1).hash(hmac.digest(pepper, b"1357", "sha256"))
        rows(installation.old, "UPDATE artisan_pin SET pin_hash = :h RETURNING 1", h=plain)
        assert held(installation.old, "artisan_pins") == {"": 1}
        assert "Droits ouverts" in khadija.dial(KHADIJA, "1*1357")
        rotate(installation.old)
        rotate(installation.new)
        move(khadija, installation.alone)
        assert "Droits ouverts" in khadija.dial(KHADIJA, "1*1357")


class TestNetworks:
    def test_a_confirmation_of_before_is_answered_alike_and_paid_once(
        self, installation: Installation
    ) -> None:
        phone = TestPhone(installation.old.app.test_client())
        shown = re.search(r"Code (\d{4}) (\d{4}) (\d{4})", phone.dial(FATIMA, "2*1"))
        assert shown
        address = f"{BASE}/bills/{''.join(shown.groups())}/payments"
        headers = HEADERS | {"X-CorrelationID": str(uuid4())}
        answers = [
            server.app.test_client().post(address, json=payment("163.52"), headers=headers)
            for server in (installation.old, installation.new, installation.alone)
        ]
        assert [answer.status_code for answer in answers] == [201] * 3
        assert len({answer.get_data() for answer in answers}) == 1
        assert rows(installation.new, "SELECT count(*) FROM deposit") == [(1,)]

    def test_callbacks_are_signed_with_the_same_key_after(self, installation: Installation) -> None:
        old, new = installation.old.runtime, installation.new.runtime
        key = draw_signing_key(old.random, old.keys)
        client = NewClient("net-two", "wafacash", draw_key(old.random), signing_key=key)
        with operation(old.database, NOW, "operator") as change:
            add_client(change, client)
        signing = {name: signing_key(installation.old, name) for name in CLIENTS}
        assert held(installation.new, "signing_keys") == {old.keys.ids[0]: 2}
        assert {name: signing_key(installation.new, name) for name in CLIENTS} == signing
        rotate(installation.new)
        assert held(installation.new, "signing_keys") == {new.keys.ids[0]: 2}
        assert {name: signing_key(installation.alone, name) for name in CLIENTS} == signing

    def test_authenticator_apps_give_good_codes_after(self, installation: Installation) -> None:
        old, new = installation.old.runtime, installation.new.runtime
        with operation(old.database, NOW, "helpdesk") as change:
            add_sample_user(change, "helpdesk")
            secret = begin_authenticator(change, old.keys, "helpdesk")
            code = TOTP(secret).at(int(NOW.timestamp()) - 30)
            assert enrol_authenticator(change, old.keys, "helpdesk", code)
        assert held(installation.new, "authenticators") == {old.keys.ids[0]: 1}
        rotate(installation.new)
        assert held(installation.new, "authenticators") == {new.keys.ids[0]: 1}
        with operation(new.database, NOW, "helpdesk") as change:
            code, alone = TOTP(secret).at(int(NOW.timestamp())), installation.alone.runtime
            assert use_authenticator_code(change, alone.keys, "helpdesk", code)

    @pytest.mark.parametrize(
        ("drew", "reads"), [("old", "new"), ("prepared", "new"), ("new", "prepared")]
    )
    def test_codes_sent_before_prove_a_phone_and_allow_a_reversal_after(
        self, installation: Installation, drew: str, reads: str
    ) -> None:
        drawing, reading = getattr(installation, drew), getattr(installation, reads)
        receipt = pay_code(drawing)
        services, other = drawing.runtime.services, reading.runtime.services
        with operation(drawing.runtime.database, NOW, "agent:1001") as change:
            reversal = draw_reversal_code(change, services, receipt)
            statement = "SELECT artisan_id FROM deposit WHERE receipt_number = :r"
            person = change.connection.execute(text(statement), {"r": receipt}).scalar_one()
            tie_phone(change, Phone(STRANGER), person)
            request = TieRequest(Phone(STRANGER), person, "hop")
            tie = start_tie_code(change, services, request)
        assert reversal.typed and tie
        with operation(reading.runtime.database, NOW, "agent:1001") as change:
            try_reversal_code(change, other, receipt, SecretStr(reversal.typed))
            use_reversal_code(change, other, receipt, SecretStr(reversal.typed))
            accept_tie_code(change, other, request, SecretStr(tie.code))

    def test_a_code_for_a_counter_holds_its_key_and_opens_after(
        self, installation: Installation
    ) -> None:
        old, new = installation.old.runtime, installation.new.runtime
        with operation(old.database, NOW, "chamber") as change:
            add_sample_user(change, "chamber")
            fatima = "SELECT id FROM artisan WHERE phone = :p"
            person = change.connection.execute(text(fatima), {"p": FATIMA}).scalar_one()
            number = ask_for_code(change, old.services, person)
            sent = "SELECT body FROM message WHERE kind = 'presence_code'"
            code = re.search(r"\d{6}", change.connection.execute(text(sent)).scalar_one())
        assert code and held(installation.new, "presence_codes") == {old.keys.ids[0]: 1}
        with operation(new.database, NOW, "chamber") as change:
            assert accept_code(change, new.services, number, SecretStr(code[0])) == person
        assert held(installation.new, "presence_codes") == {}

    def test_callbacks_name_the_key_that_signed_them(
        self,
        installation: Installation,
        caller: CallbackReceiver,  # noqa: F811 - the fixture
    ) -> None:
        for server in (installation.old, installation.new):
            address = f"{BASE}/bills/{ask_code(server)}/payments"
            headers = HEADERS | {"X-CorrelationID": str(uuid4()), "X-Callback-URL": caller.address}
            server.app.test_client().post(address, json=payment("163.52"), headers=headers)
            work = ApiWork(server.runtime)
            work.do()
            work.do()
            work.stop()
        (_, first, body), *_ = caller.got
        key = SecretStr(signing_key(installation.old, CLIENTS[0]))
        assert {told["X-Key-Id"] for _, told, _ in caller.got} == {name_signing_key(key)}
        right = signature(key, first["X-Date"], first["X-CorrelationID"], body)
        assert first["X-Signature"] == right

    def test_the_key_of_before_signs_while_the_clients_old_key_works(
        self, installation: Installation
    ) -> None:
        maalem = installation.old.runtime
        before = signing_key(installation.old, CLIENTS[0])
        new = NewKeys(draw_key(maalem.random), draw_signing_key(maalem.random, maalem.keys))
        with operation(maalem.database, NOW, "operator") as change:
            assert rotate_key(change, CLIENTS[0], new, timedelta(hours=24), maalem.keys)
            client = find_client(change.connection, CLIENTS[0])
        assert client
        told = [
            callback_key(maalem.keys, client, NOW + timedelta(hours=hours)).get_secret_value()
            for hours in (0, 23, 24)
        ]
        assert told[0] == told[1] == before != told[2]
        shown = callback_key(maalem.keys, client)
        assert shown.get_secret_value() == told[2] and len(name_signing_key(shown)) == 8


CLIENTS = ("demo-wafacash", "net-two")
STRANGER = "+212600000077"


def ask_code(server: Server) -> str:
    """A code of somebody who owes; each server's is another person's."""
    who = FATIMA if rows(server, "SELECT 1 FROM payment_code") == [] else TLAYTMAS
    shown = re.search(
        r"(\d{4}) (\d{4}) (\d{4})", TestPhone(server.app.test_client()).dial(who, "2*1")
    )
    assert shown
    return "".join(shown.groups())


def pay_code(server: Server) -> str:
    """The receipt of a deposit."""
    headers = HEADERS | {"X-CorrelationID": str(uuid4())}
    address = f"{BASE}/bills/{ask_code(server)}/payments"
    server.app.test_client().post(address, json=payment("163.52"), headers=headers)
    ((receipt,),) = rows(server, "SELECT receipt_number FROM deposit")
    return str(receipt)


def signing_key(server: Server, name: str) -> str:
    maalem = server.runtime
    with maalem.database.connect() as connection:
        client = find_client(connection, name)
    assert client
    return callback_key(maalem.keys, client, NOW).get_secret_value()


class TestRegister:
    def load(self, server: Server, path: Path, *lines: str) -> tuple[int, ...]:
        maalem = server.runtime
        report = import_registry(maalem.database, write(path, lines), keys=maalem.keys, today=TODAY)
        return report.created, report.updated, report.unchanged, report.rejected

    def test_an_import_finds_cins_under_an_older_key_and_moves_them(
        self, installation: Installation, tmp_path: Path
    ) -> None:
        file, old, new = tmp_path / "r.csv", installation.old, installation.new
        people = [numbered(n) for n in (501, 502, 503)]
        sample = held(old, "cins")[old.runtime.keys.ids[0]]
        assert self.load(old, file, *people) == (3, 0, 0, 0)
        assert self.load(new, file, *people[:2]) == (0, 0, 2, 0)
        ids = old.runtime.keys.ids[0], new.runtime.keys.ids[0]
        assert held(new, "cins") == {ids[0]: sample + 1, ids[1]: 2}
        taken = numbered(509, cin="C000503")
        assert self.load(new, file, taken) == (0, 0, 0, 1)
        assert rejections(file) == [(2, "cin: belongs to another artisan")]
        assert self.load(installation.prepared, file, *people) == (0, 0, 3, 0)

    def test_rotate_moves_all_cins_without_the_register(
        self, installation: Installation, tmp_path: Path
    ) -> None:
        file, old, new = tmp_path / "r.csv", installation.old, installation.new
        self.load(old, file, numbered(501), numbered(502))
        self.load(old, file, numbered(501, trade="Bois"))
        rotate(new)
        assert (
            set(held(new, "cins"))
            == set(held(new, "cins_before_imports"))
            == {new.runtime.keys.ids[0]}
        )
        assert self.load(installation.alone, file, numbered(502)) == (0, 0, 1, 0)
        taken = numbered(509, cin="C000502")
        assert self.load(installation.alone, file, taken) == (0, 0, 0, 1)
        ((last,),) = rows(new, "SELECT max(id) FROM registry_import")
        with operation(new.runtime.database, NOW, "operator") as change:
            assert undo_import(change, int(str(last))).restored == 1
        assert set(held(new, "cins")) == {new.runtime.keys.ids[0]}

    def test_cins_of_before_the_ids_are_found(
        self, installation: Installation, tmp_path: Path
    ) -> None:
        file, old, new = tmp_path / "r.csv", installation.old, installation.new
        self.load(old, file, numbered(501))
        before = hmac.digest(old.runtime.keys.today(Purpose.CIN).value, b"C000501", "sha256")
        statement = "UPDATE artisan SET cin_digest = :d WHERE rna_number = '8501' RETURNING 1"
        rows(old, statement, d=before)
        assert self.load(new, file, numbered(509, cin="C000501")) == (0, 0, 0, 1)
        assert self.load(new, file, numbered(501)) == (0, 0, 1, 0)


class TestCommands:
    def test_status_says_what_an_old_key_holds_and_when_it_may_go(
        self, khadija: TestPhone, installation: Installation
    ) -> None:
        old, new = (s.runtime.keys.ids[0] for s in (installation.old, installation.new))
        told = json.loads(installation.new.run("keys", "status", "--json").output)
        assert (told["today"], told["old"], told["may_be_removed"]) == (new, [old], [])
        of_old = {line["kind"]: line["count"] for line in told["held"] if line["key"] == old}
        assert of_old["artisan_pins"] == of_old["agent_pins"] == of_old["talks"] == 1
        assert "still needed" in installation.new.run("keys", "status").output
        rotate(installation.new)
        assert held(installation.new, "talks") == {old: 1}
        installation.new.runtime.redis.flushdb()
        told = json.loads(installation.new.run("keys", "status", "--json").output)
        assert told["may_be_removed"] == [old]
        assert "may be taken out" in installation.new.run("keys", "status").output

    def test_rotate_leaves_who_did_it_and_does_nothing_the_second_time(
        self, khadija: TestPhone, installation: Installation
    ) -> None:
        rotate(installation.new)
        again = installation.new.run("keys", "rotate")
        assert "0 artisan_pins, 0 agent_pins, 0 cins" in again.output
        acts = rows(
            installation.new,
            "SELECT actor, action, details->>'artisan_pins' FROM audit_event"
            " WHERE subject LIKE 'key:%' ORDER BY id",
        )
        assert acts[:2] == [("office", "keys_rotated", None), ("office", "keys_stored_again", "1")]

    def test_rotate_goes_on_where_it_was_ended(
        self, khadija: TestPhone, installation: Installation, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        maalem = installation.new.runtime
        monkeypatch.setattr("app.rekeying.service.AT_ONCE", 2)
        assert columns.AT_ONCE > 2

        def end(kind: str, _stored: int) -> None:
            if kind == "cins":
                raise KeyboardInterrupt

        def begin() -> object:
            return operation(maalem.database, NOW, "office")

        with pytest.raises(KeyboardInterrupt):
            rotate_keys(begin, maalem.keys, end)  # type: ignore[arg-type]
        assert len(held(installation.new, "cins")) == 2
        rotate(installation.new)
        assert isinstance(maalem.keys, Keys) and len(held(installation.new, "cins")) == 1

    def test_doctor_names_what_is_lost_with_a_key(
        self, khadija: TestPhone, installation: Installation
    ) -> None:
        assert "is still needed" in check_keys(installation.new.runtime)
        with pytest.raises(RuntimeError, match=r"1 artisan_pins under .*put it back"):
            check_keys(installation.alone.runtime)
        rotate(installation.new)
        assert installation.alone.runtime.keys.ids[0] in check_keys(installation.alone.runtime)

    def test_no_key_may_go_while_something_names_none(
        self, khadija: TestPhone, installation: Installation
    ) -> None:
        rotate(installation.new)
        maalem = installation.new.runtime
        maalem.redis.flushdb()
        with maalem.database.begin() as connection:
            connection.execute(text("UPDATE artisan_pin SET pin_hash = '$argon2id$v=19$m=8'"))
        every = list_holdings(maalem.database, maalem.redis, maalem.keys, maalem.clock())
        assert find_removable(every, maalem.keys) == []
