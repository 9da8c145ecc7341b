"""An attempt to sign in by a provider of identities: what the browser keeps until it comes back."""

from __future__ import annotations

import hmac
import json
from dataclasses import asdict, dataclass
from random import Random

# An attempt to sign in is over after so long.
ATTEMPT_SECONDS = 600
_BITS = 256


@dataclass(frozen=True, slots=True)
class ProviderAttempt:
    """An attempt of one browser to sign in; its cookie keeps it sealed."""

    state: str
    nonce: str
    verifier: str
    until: int

    @classmethod
    def draw(cls, random: Random, now: int) -> ProviderAttempt:
        state, nonce, verifier = (f"{random.getrandbits(_BITS):064x}" for _ in range(3))
        return cls(state, nonce, verifier, now + ATTEMPT_SECONDS)

    @classmethod
    def read(cls, text: str) -> ProviderAttempt:
        return cls(**json.loads(text))

    def write(self) -> str:
        return json.dumps(asdict(self))

    def is_answered_by(self, state: str, now: int) -> bool:
        """True if an answer carries this attempt's state, in time."""
        return hmac.compare_digest(self.state.encode(), state.encode()) and now <= self.until
