"""The theft of tables played through: with all their rows and without a key, nothing is found."""

from __future__ import annotations

import hmac
import re
from collections.abc import Iterator
from hashlib import sha256

import pytest
from pydantic import SecretStr
from sqlalchemy import text

from app.agents.pins import is_agents_pin
from app.base.errors import PinKeyUnknown
from app.base.keys import Keys, KeyUnknown, Purpose
from app.base.sealed_pins import is_pin
from app.base.slow_hash import is_hash_of
from app.enrolment.pins import is_pin_of
from app.enrolment.rules import cin_digest
from app.runtime import Runtime
from tests.conftest import PIN
from tests.journeys.other_parties import OtherParties
from tests.phone import TestPhone

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
    with runtime.database.connect() as connection:
        tables = connection.execute(
            text("SELECT quote_ident(tablename) FROM pg_tables WHERE schemaname = 'public'")
        ).scalars()
        held = " ".join(
            str(connection.execute(text(f"SELECT string_agg(t::text, '') FROM {table} t")).scalar())
            for table in tables
        )
    assert stolen[Purpose.AGENT_PIN] in held
    assert [each for each in (secret, *keys) if each in held] == []
