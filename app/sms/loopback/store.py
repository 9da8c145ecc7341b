"""Messages that the loopback providers accepted, by reference and by number."""

from collections import Counter
from dataclasses import dataclass, field
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
    callback: str = ""
    status: str = "queued"
    at: datetime = field(default_factory=lambda: datetime.now(UTC))
    error: int | None = None


class MessageStore:
    """Keeps every message, so that a soak test can count those that came twice or never."""

    def __init__(self, seed: int) -> None:
        self._random = Random(seed)  # noqa: S311 - ids only have to differ
        self.messages: list[AcceptedMessage] = []
        self.by_number: dict[str, list[AcceptedMessage]] = {}
        self.copies: Counter[tuple[str, str]] = Counter()

    def new_reference(self, prefix: str) -> str:
        """Draws a reference that no other message has."""
        return f"{prefix}{self._random.getrandbits(128):032x}"

    def add(self, message: AcceptedMessage) -> AcceptedMessage:
        """Keeps a message, and returns it."""
        self.messages.append(message)
        self.by_number.setdefault(message.to, []).append(message)
        self.copies[message.to, message.text] += 1
        return message

    def forget(self) -> None:
        self.messages.clear()
        self.by_number.clear()
        self.copies.clear()

    def counts(self) -> dict[str, Any]:
        """Returns counts; `duplicates` are messages with the number and text of an earlier one."""
        return {
            "taken": dict(Counter(message.provider for message in self.messages)),
            "distinct": len(self.copies),
            "duplicates": len(self.messages) - len(self.copies),
        }

    def list_messages(self) -> list[dict[str, Any]]:
        """Returns every message, and how often its text came to its number."""
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
