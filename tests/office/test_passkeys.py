"""Passkeys as an attacker tries them: replayed, made elsewhere, copied, another's."""

from __future__ import annotations

import hashlib
import json
from base64 import urlsafe_b64encode
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from secrets import token_bytes

import cbor2
import pytest
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from pydantic import SecretStr

from app.base.errors import InvalidInput
from app.base.operation import Operation, operation
from app.office.errors import PasskeyRefused, TooManyPasskeys
from app.office.passkey_answers import (
    MOST,
    ask_new_passkey,
    ask_passkey,
    enrol_passkey,
    use_passkey,
)
from app.office.passkeys import Site, list_passkeys, remove_passkey
from app.office.sessions import (
    SessionTimes,
    begin_office_session,
    keep_challenge,
    take_challenge,
    use_office_session,
)
from app.runtime import Runtime
from tests.people_of_office import add_person

HERE = Site("https://maalem.example/maalem")
ELSEWHERE = Site("https://maalem.example.evil.example")
_FRESH, _HAS_KEY = 0x01 | 0x04, 0x40


def write(data: bytes) -> str:
    return urlsafe_b64encode(data).rstrip(b"=").decode()


@dataclass
class Device:
    """A device with one key, which signs for whatever site asks."""

    key: ec.EllipticCurvePrivateKey = field(
        default_factory=lambda: ec.generate_private_key(ec.SECP256R1())
    )
    id: bytes = field(default_factory=lambda: token_bytes(32))
    uses: int = 0

    def make(self, asked: str, site: Site = HERE) -> str:
        """Answers what `navigator.credentials.create` was asked."""
        numbers = self.key.public_key().public_numbers()
        x, y = (n.to_bytes(32, "big") for n in (numbers.x, numbers.y))
        key = cbor2.dumps({1: 2, 3: -7, -1: 1, -2: x, -3: y})
        kept = bytes(16) + len(self.id).to_bytes(2, "big") + self.id + key
        said = {"fmt": "none", "attStmt": {}, "authData": self._state(site, _HAS_KEY) + kept}
        client = self._client("webauthn.create", asked, site)
        return self._answer({"attestationObject": cbor2.dumps(said), "clientDataJSON": client})

    def sign(self, asked: str, site: Site = HERE) -> str:
        """Answers what `navigator.credentials.get` was asked."""
        self.uses += 1
        client, state = self._client("webauthn.get", asked, site), self._state(site)
        signed = self.key.sign(state + hashlib.sha256(client).digest(), ec.ECDSA(hashes.SHA256()))
        parts = {"clientDataJSON": client, "authenticatorData": state, "signature": signed}
        return self._answer(parts)

    def _client(self, kind: str, asked: str, site: Site) -> bytes:
        challenge = json.loads(asked)["challenge"]
        said = {"type": kind, "challenge": challenge, "origin": site.origin, "crossOrigin": False}
        return json.dumps(said).encode()

    def _state(self, site: Site, more: int = 0) -> bytes:
        host = hashlib.sha256(site.host.encode()).digest()
        return host + bytes([_FRESH | more]) + self.uses.to_bytes(4, "big")

    def _answer(self, parts: dict[str, bytes]) -> str:
        response = {name: write(part) for name, part in parts.items()}
        own = {"id": write(self.id), "rawId": write(self.id), "type": "public-key"}
        return json.dumps({**own, "response": response, "clientExtensionResults": {}})


@contextmanager
def change(runtime: Runtime) -> Iterator[Operation]:
    with operation(runtime.database, runtime.clock(), "amina") as opened:
        yield opened


@pytest.fixture
def device(runtime: Runtime) -> Device:
    """Amina's device, enrolled."""
    add_person(runtime, "amina", "helpdesk")
    device = Device()
    with change(runtime) as opened:
        challenge = token_bytes(32)
        asked = ask_new_passkey(opened.connection, HERE, "amina", challenge)
        assert "amina" not in json.loads(asked)["user"]["id"]
        enrol_passkey(opened, HERE, "amina", " My  laptop ", device.make(asked), challenge)
    return device


def test_a_passkey_signs_what_was_asked_here_and_now_alone(
    runtime: Runtime, device: Device
) -> None:
    stranger = Device()
    add_person(runtime, "driss", "helpdesk")
    with change(runtime) as opened:
        challenge, other = token_bytes(32), token_bytes(32)
        asked = ask_passkey(opened.connection, HERE, "amina", challenge)
        assert [one["id"] for one in json.loads(asked)["allowCredentials"]] == [write(device.id)]
        elsewhere = json.dumps({"challenge": write(other)})
        wrong = {
            "another question": device.sign(elsewhere),
            "another site": device.sign(asked, ELSEWHERE),
            "another device": stranger.sign(asked),
            "a forged name": stranger.sign(asked).replace(write(stranger.id), write(device.id)),
            "a new passkey's answer": device.make(asked),
            "nothing": "",
            "no object": "[]",
            "no JSON": "{",
            "no id": '{"rawId": 7}',
            "too long": device.sign(asked) + " " * 20_000,
        }
        for why, answer in wrong.items():
            assert not use_passkey(opened, HERE, "amina", answer, challenge), why
        right = device.sign(asked)
        assert not use_passkey(opened, HERE, "driss", right, challenge)
        assert use_passkey(opened, HERE, "amina", right, challenge)
        # The count of uses did not go up: an answer of before, or a copy of the key.
        assert not use_passkey(opened, HERE, "amina", right, challenge)
        device.uses -= 2
        assert not use_passkey(opened, HERE, "amina", device.sign(asked), challenge)


def test_what_a_session_asked_is_answered_once_and_in_that_session(
    runtime: Runtime, device: Device
) -> None:
    def begin() -> int:
        token: SecretStr = begin_office_session(opened, runtime.random, "amina")
        session = use_office_session(opened, token, SessionTimes())
        assert session is not None
        return session.id

    with change(runtime) as opened:
        mine, other = begin(), begin()
        assert take_challenge(opened, mine) is None
        first = keep_challenge(opened, runtime.random, mine)
        second = keep_challenge(opened, runtime.random, mine)
        assert first != second and len(second) == 32
        assert take_challenge(opened, other) is None
        assert take_challenge(opened, mine) == second
        assert take_challenge(opened, mine) is None


def test_passkeys_are_named_few_and_each_enrolled_once(runtime: Runtime, device: Device) -> None:
    add_person(runtime, "driss", "helpdesk")

    def enrol(name: str, label: str, new: Device, site: Site = HERE) -> None:
        challenge = token_bytes(32)
        with change(runtime) as opened:
            asked = ask_new_passkey(opened.connection, HERE, name, challenge)
            enrol_passkey(opened, HERE, name, label, new.make(asked, site), challenge)

    for name, label, new, site in (
        ("amina", "again", device, HERE),
        ("driss", "another's", device, HERE),
        ("driss", "elsewhere", Device(), ELSEWHERE),
        ("amina", "My laptop", Device(), HERE),
    ):
        with pytest.raises(PasskeyRefused):
            enrol(name, label, new, site)
    for label in ("", " ", "x" * 41, "a\x07b"):
        with pytest.raises(InvalidInput):
            enrol("amina", label, Device())
    for number in range(MOST - 1):
        enrol("amina", f"key {number}", Device())
    with pytest.raises(TooManyPasskeys):
        enrol("amina", "one more", Device())
    with change(runtime) as opened:
        kept = list_passkeys(opened.connection, "amina")
        assert kept[0].label == "My laptop" and len(kept) == MOST
        assert not remove_passkey(opened, "driss", kept[0].id)
        assert remove_passkey(opened, "amina", kept[0].id)
