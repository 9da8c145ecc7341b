"""One callback: load the talk, answer a repeated hop as before, walk what is new, save, answer."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Generic

from app.base.hop import Hop, Reply
from app.ussd.engine import Caller, Engine, Place
from app.ussd.session import Record, Sessions, short_digest
from app.ussd.vocabulary import Desk

# A dialled string longer than this many answers is no person's.
_MOST_INPUTS = 40


@dataclass(frozen=True, slots=True)
class Turned:
    """The answer to a hop, the screen it shows, and what kind of hop it was (for the metrics)."""

    reply: Reply
    screen: str
    outcome: str
    language: str


class Turns(Generic[Desk]):
    """Answers callbacks with one engine and the sessions in Redis."""

    def __init__(self, engine: Engine[Desk], sessions: Sessions) -> None:
        self._engine = engine
        self.sessions = sessions

    def answer(self, hop: Hop, caller: Caller[Desk], language: str) -> Turned:
        """The screen for this hop. Two Redis round trips; nothing is done twice on a retry."""
        chain = hop.chain.removeprefix("*")
        hop_key = short_digest(chain)
        record = self.sessions.load(hop)
        if record and (reply := record.answer(hop_key)):
            return self._told(record, reply, "repeated")
        if record is None or self._menu_changed(record):
            revision = record.revision if record else 0
            record = Record(Place(language), self._engine.menu.digest, revision=revision)
            inputs = chain.split("*") if chain else []
            reply = self._engine.begin(record.place, caller)
        else:
            new = _new_inputs(record, chain)
            if new is None or record.over:
                return self._told(record, _last(record), "stale")
            inputs, reply = new, _last(record)
        reply, outcome = self._walk(record, inputs, reply, caller)
        record.seen, record.seen_digest, record.over = len(chain), hop_key, not reply.more
        record.remember(hop_key, reply)
        if (winner := self.sessions.save(hop, record)) is not None:
            # Another worker answered this hop, or a later one, first: its answer stands.
            return self._told(winner, winner.answer(hop_key) or _last(winner), "raced")
        return self._told(record, reply, outcome)

    def _walk(
        self, record: Record, inputs: list[str], reply: Reply, caller: Caller[Desk]
    ) -> tuple[Reply, str]:
        """Feeds the inputs in order; the first that is not understood ends the walk."""
        for typed in inputs[:_MOST_INPUTS]:
            if not reply.more:
                break
            reply, understood = self._engine.step(typed, record.place, caller)
            if not understood:
                return reply, "not_understood"
        return reply, "continued" if reply.more else "ended"

    def _menu_changed(self, record: Record) -> bool:
        return record.menu != self._engine.menu.digest

    def _told(self, record: Record, reply: Reply, outcome: str) -> Turned:
        return Turned(reply, record.place.path[-1], outcome, record.place.language)


def _new_inputs(record: Record, chain: str) -> list[str] | None:
    """What the chain adds to what was walked; None when it adds nothing (an old hop again)."""
    if len(chain) < record.seen or (len(chain) == record.seen and record.seen):
        return None
    rest = chain[record.seen :]
    continues = short_digest(chain[: record.seen]) == record.seen_digest
    if not continues or (record.seen and not rest.startswith("*")):
        # Not a continuation: the last answer is the only one that can be new.
        return [chain.rpartition("*")[2]]
    return (rest[1:] if record.seen else rest).split("*")


def _last(record: Record) -> Reply:
    _, text, more = record.replies[-1]
    return Reply(text, bool(more))
