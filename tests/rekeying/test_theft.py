"""The theft of tables played through: with all their rows and without a key, nothing is found."""

from __future__ import annotations

import hmac
import re
from base64 import b64encode
from collections.abc import Iterator
from hashlib import sha256

import pytest
from pydantic import SecretStr
from sqlalchemy import select, text

from app.agents.pins import is_agents_pin
from app.base.errors import PinKeyUnknown
from app.base.keys import Keys, KeyUnknown, Purpose
from app.base.operation import operation
from app.base.phone import Phone
from app.base.sealed_pins import is_pin
from app.base.slow_hash import is_hash_of
from app.enrolment.pins import is_pin_of
from app.enrolment.rules import cin_digest
from app.enrolment.tie_codes import TieRequest, start_tie_code
from app.enrolment.ties import tie_phone
from app.migrating import load_models
from app.observe.hops import store_hops
from app.payments.reversal_codes import draw_reversal_code
from app.runtime import Runtime
from tests.conftest import NOW, PIN
from tests.journeys.other_parties import OtherParties
from tests.phone import TestPhone
from tests.rekeying.conftest import Server
from tests.rekeying.test_rotation import STRANGER, cookie_of, pay_code
from tests.web.test_till import AgentTerminal

KHADIJA, ARTISANS = "+212600000003", "1357"
THIEFS = Keys(b"the thief has another secret")
SEALED = {Purpose.ARTISAN_PIN: "artisan_pin", Purpose.AGENT_PIN: "agent"}
pytestmark = pytest.mark.usefixtures("sample_people")


@pytest.fixture
def stolen(phone: TestPhone, runtime: Runtime) -> dict[Purpose, str]:
    """The stored PINs of an artisan and an agent, as they stand in a stolen table."""
    phone.dial(KHADIJA, f"5*5*3*1*{ARTISANS}*{ARTISANS}*00")
    others = OtherParties(runtime)
    return {
        purpose: str(others.run(f"SELECT pin_hash FROM {table}")[0][0])
        for purpose, table in SEALED.items()
    }


def test_the_key_opens_what_was_stolen(stolen: dict[Purpose, str], runtime: Runtime) -> None:
    """So that the tests below can fail."""
    services = runtime.services
    assert is_pin_of(stolen[Purpose.ARTISAN_PIN], SecretStr(ARTISANS), runtime.keys)
    assert not is_pin_of(stolen[Purpose.ARTISAN_PIN], SecretStr("1358"), runtime.keys)
    assert is_agents_pin(stolen[Purpose.AGENT_PIN], PIN, services)
    assert not is_agents_pin(stolen[Purpose.AGENT_PIN], SecretStr("975310"), services)


@pytest.mark.parametrize("purpose", SEALED)
def test_a_stolen_pin_holds_nothing_to_compare_guesses_with(
    stolen: dict[Purpose, str], purpose: Purpose
) -> None:
    """No hash that digits could be tried against: it is encrypted whole, its salt too."""
    row, pin = stolen[purpose], ARTISANS if purpose is Purpose.ARTISAN_PIN else PIN
    right = pin if isinstance(pin, str) else pin.get_secret_value()
    assert re.fullmatch(r"[0-9a-f]{8}:[\w=-]+", row), row
    for hashed in (row, row[8:], row.partition(":")[2]):
        assert not is_hash_of(hashed, right)
    with pytest.raises(PinKeyUnknown):
        is_pin(row, SecretStr(right), THIEFS, purpose)
    renamed = THIEFS.ids[0] + row[8:]
    assert not is_pin(renamed, SecretStr(right), THIEFS, purpose)


@pytest.mark.parametrize("purpose", SEALED)
def test_the_key_of_one_purpose_opens_nothing_of_another(
    stolen: dict[Purpose, str], purpose: Purpose, runtime: Runtime
) -> None:
    for other in Purpose:
        if other is purpose:
            assert runtime.keys.open(other, stolen[purpose]).startswith("$argon2id$")
            continue
        with pytest.raises(ValueError, match="not encrypted"):
            runtime.keys.open(other, stolen[purpose])
    every = [key.value for other in Purpose for key in runtime.keys.all(other)]
    assert len(set(every)) == len(every)


def test_a_stolen_register_tells_no_cin(runtime: Runtime) -> None:
    others = OtherParties(runtime)
    ((stored,),) = others.run("SELECT cin_digest FROM artisan WHERE rna_number = '100003'")
    right = "ZZ100003"
    assert stored == cin_digest(right, runtime.keys) != cin_digest("ZZ100004", runtime.keys)
    assert stored not in set(guesses_of(right.encode()))
    with pytest.raises(KeyUnknown):
        THIEFS.find(Purpose.CIN, bytes(stored)[:4].hex())  # type: ignore[call-overload]


def guesses_of(right: bytes) -> Iterator[bytes]:
    """What a thief can make of the right value without a key, in the forms that are stored."""
    yield right
    yield sha256(right).digest()
    for purpose in Purpose:
        for known in (b"", purpose.encode(), THIEFS.today(purpose).value):
            yield hmac.digest(known, right, "sha256")
        yield THIEFS.today(purpose).mark + THIEFS.today(purpose).encrypt(sha256(right).digest())
        yield from THIEFS.digests(purpose, right.decode())


def test_a_stolen_one_time_code_cannot_be_tried(phone: TestPhone, runtime: Runtime) -> None:
    phone.dial(KHADIJA, f"5*5*3*1*{ARTISANS}*{ARTISANS}*00")
    phone.dial(KHADIJA, "1*9999*2*100003*01011983")
    others = OtherParties(runtime)
    ((body,),) = others.run("SELECT body FROM message WHERE kind = 'pin_reset'")
    ((stored, person),) = others.run("SELECT code_digest, artisan_id FROM pin_reset")
    code = re.search(r"\d{6}", str(body))
    assert code
    typed = f"{person}:{code[0]}"
    assert stored in runtime.keys.digests(Purpose.PIN_RESET, typed)
    assert stored not in runtime.keys.digests(Purpose.TIE_CODE, typed)
    assert stored not in set(guesses_of(typed.encode()))


def test_no_table_holds_a_secret_or_a_key(stolen: dict[Purpose, str], runtime: Runtime) -> None:
    secret = runtime.settings.secret_key.get_secret_value()
    keys = [key.text for purpose in Purpose for key in runtime.keys.all(purpose)]
    with runtime.owners_database.connect() as connection:
        tables = connection.execute(
            text("SELECT quote_ident(tablename) FROM pg_tables WHERE schemaname = 'public'")
        ).scalars()
        held = " ".join(
            str(connection.execute(text(f"SELECT string_agg(t::text, '') FROM {table} t")).scalar())
            for table in tables
        )
    assert stolen[Purpose.AGENT_PIN] in held
    assert [each for each in (secret, *keys) if each in held] == []


def test_no_column_of_any_table_holds_a_secret_in_clear(runtime: Runtime, phone: TestPhone) -> None:
    """After talks, a till's day and an office's; a text still to be sent has its code alone."""
    server, services = Server(runtime), runtime.services
    phone.dial(KHADIJA, "5*5*3*1*8642*8642*00")
    phone.dial(KHADIJA, "1*9753*2*100003*01011983")
    till = AgentTerminal(server.app.test_client())
    till.get("/agent?language=fr")
    assert till.enter().status_code == 200
    with operation(runtime.database, NOW, "agent:1001") as change:
        person = change.connection.execute(text("SELECT min(id) FROM artisan")).scalar_one()
        tie_phone(change, Phone(STRANGER), person)
        tie = start_tie_code(change, services, TieRequest(Phone(STRANGER), person, "hop"))
    receipt = pay_code(server)
    with operation(runtime.database, NOW, "agent:1001") as change:
        reversal = draw_reversal_code(change, services, receipt)
    client = server.run("clients", "create", "net-two").output
    seat = server.run("office", "add", "sana", "--role", "operator").output
    store_hops(runtime.database, runtime.redis)
    body = OtherParties(runtime).run("SELECT body FROM message WHERE kind = 'pin_reset'")[0][0]
    sent = re.search(r"\b\d{6}\b", str(body))
    assert tie and sent
    secrets = {
        "PIN": "8642",
        "wrong PIN": "9753",
        "agent's PIN": PIN.get_secret_value(),
        "CIN": "ZZ100003",
        "session": read_session_token(server, till),
        "API key": read_after("X-API-Key: ", client),
        "signing key": read_after("signed with: ", client),
        "password": read_after("one-time password ", seat).rstrip(","),
        "PIN code": sent[0],
        "tie code": tie.code,
        "reversal code": str(reversal.typed),
        "SECRET_KEY": runtime.settings.secret_key.get_secret_value(),
    }
    held = list(read_columns(runtime))
    assert len({place for place, _ in held}) > 200
    assert "artisan.full_name" in find_places("Khadija El Fassi", held), "so that it can fail"
    found = {name: find_places(secret, held) for name, secret in secrets.items()}
    assert found.pop("PIN code") == {"message.body"}
    assert {name: places for name, places in found.items() if places} == {}


def read_columns(runtime: Runtime) -> Iterator[tuple[str, str]]:
    """Every value of every table with its place; bytes as text too, as a thief tries them."""
    with runtime.owners_database.connect() as connection:
        for table in load_models().tables.values():
            for row in connection.execute(select(table)).mappings():
                for name, value in row.items():
                    if isinstance(value, bytes):
                        yield f"{table.name}.{name}", f"{value.hex()} {value.decode('latin-1')}"
                    elif value is not None:
                        yield f"{table.name}.{name}", str(value)


def find_places(secret: str, held: list[tuple[str, str]]) -> set[str]:
    forms = (secret, secret.encode().hex(), b64encode(secret.encode()).decode().rstrip("="))
    any_form = "|".join(map(re.escape, forms))
    alone = re.compile(f"(?<![0-9A-Za-z])({any_form})(?![0-9A-Za-z])")
    return {place for place, value in held if alone.search(value)}


def read_session_token(server: Server, till: AgentTerminal) -> str:
    """The random part of a till's cookie."""
    serializer = server.app.session_interface.get_signing_serializer(server.app)  # type: ignore[attr-defined]
    opened = serializer.loads(cookie_of(till, "session"))
    (token,) = [value for value in opened.values() if re.fullmatch("[0-9a-f]{64}", str(value))]
    return str(token)


def read_after(mark: str, told: str) -> str:
    """The word behind a mark in what a command said."""
    assert mark in told, told
    return told.partition(mark)[2].split()[0]
