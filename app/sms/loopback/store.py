"""Messages that the loopback providers accepted, by reference and by number."""

from collections import Counter
from dataclasses import dataclass
from datetime import UTC, datetime
from random import Random
from typing import Any


@dataclass(slots=True)
class AcceptedMessage:
    """A message that a provider accepted; `callback` is its address for reports."""

    provider: str
    reference: str
    to: str
    text: str
    sender: str
    at: datetime
    status: str
    callback: str = ""
    error: int | None = None


class MessageStore:
    """Keeps every message: a soak counts in it those that came twice and those that never came."""

    def __init__(self, seed: int) -> None:
        self._random = Random(seed)  # noqa: S311 - ids need only differ
        self.messages: list[AcceptedMessage] = []
        self.by_number: dict[str, list[AcceptedMessage]] = {}
        self.copies: Counter[tuple[str, str]] = Counter()

    def take(
        self, provider: str, prefix: str, to: str, text: str, sender: str, callback: str = ""
    ) -> AcceptedMessage:
        reference = f"{prefix}{self._random.getrandbits(128):032x}"
        taken = AcceptedMessage(
            provider, reference, to, text, sender, datetime.now(UTC), "queued", callback
        )
        self.messages.append(taken)
        self.by_number.setdefault(to, []).append(taken)
        self.copies[to, text] += 1
        return taken

    def forget(self) -> None:
        self.messages.clear()
        self.by_number.clear()
        self.copies.clear()

    def counts(self) -> dict[str, Any]:
        """Returns counts; `duplicates` are messages that came again: same number, same text."""
        return {
            "taken": dict(Counter(message.provider for message in self.messages)),
            "distinct": len(self.copies),
            "duplicates": len(self.messages) - len(self.copies),
        }

    def listed(self) -> list[dict[str, Any]]:
        return [
            {
                "provider": message.provider,
                "reference": message.reference,
                "to": message.to,
                "text": message.text,
                "at": message.at.isoformat(),
                "callback": message.callback,
                "copies": self.copies[message.to, message.text],
            }
            for message in self.messages
        ]
