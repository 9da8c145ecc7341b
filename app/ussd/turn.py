"""One callback: load the talk, answer a repeated hop as before, walk what is new, save, answer."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from typing import Generic

from app.base.hop import Hop, Reply
from app.ussd.engine import Engine
from app.ussd.position import Caller, Position
from app.ussd.session import Sessions, StoredSession
from app.ussd.versions import Versions
from app.ussd.vocabulary import Services

# A dialled string longer than this many answers is no person's.
_MOST_INPUTS = 40
# How the gateway says that a session ended.
ENDINGS = frozenset({"success", "incomplete", "failed"})


@dataclass(frozen=True, slots=True)
class TurnResult:
    """The answer to a hop, the screen it shows, and what kind of hop it was (for the metrics)."""

    reply: Reply
    screen: str
    outcome: str
    language: str


@dataclass(slots=True)
class _Walk:
    """How far a hop came: what the phone shows now, how it was reached, and what may be noted of
    the inputs.
    """

    reply: Reply
    how: str
    # How the talk began, on its first hop.
    began: str = ""
    noted: list[str] = field(default_factory=list)

    @property
    def outcome(self) -> str:
        if self.how in {"wrong", "changed"}:
            return "not_understood"
        return "continued" if self.reply.more else "ended"


class Turns(Generic[Services]):
    """Answers callbacks with the menu each talk began with, and the sessions in Redis."""

    def __init__(self, versions: Versions[Services], sessions: Sessions) -> None:
        self._versions = versions
        self.sessions = sessions

    def answer(self, hop: Hop, caller: Caller[Services], language: str) -> TurnResult:
        """The screen for this hop. Two Redis round trips; nothing is done twice on a retry."""
        self._versions.publish(caller.now)
        chain = hop.inputs
        hop_key = self.sessions.digest(hop.message or chain)
        record, broken_off = self.sessions.load(hop)
        if record and (reply := record.answer(hop_key)):
            return _told(record, reply, "repeated")
        engine = self._versions.find(record.menu) if record and not hop.starts else None
        if record is None or engine is None:
            revision = record.revision if record else 0
            caller.ahead = bool(chain)
            engine, record, walk = self._begun(broken_off, caller, language)
            record.revision, inputs = revision, chain.split("*") if chain else []
        else:
            new = [chain] if hop.message else self._new_inputs(record, chain)
            if new is None or record.over:
                return _told(record, _last(record), "stale")
            inputs, walk = new, _Walk(_last(record), "answered")
        self._go(engine, record, inputs, walk, caller)
        record.seen, record.seen_digest = len(chain), hop_key
        record.over = not walk.reply.more
        record.remember(hop_key, walk.reply)
        noted = self._noted(hop, record, walk, caller)
        if (winner := self.sessions.save(hop, record, noted, caller.late)) is not None:
            # Another worker answered this hop, or a later one, first: its answer stands.
            return _told(winner, winner.answer(hop_key) or _last(winner), "raced")
        return _told(record, walk.reply, "late" if caller.late else walk.outcome)

    def ended(self, hop: Hop, status: str, caller: Caller[Services]) -> None:
        """Notes the gateway's word that the session is over; a talk that ended itself needs none.

        It may still be taken up: that the line broke is no decision of the caller.
        """
        record = self.sessions.load(hop).record
        if record and not record.over and status != "success":
            walk = _Walk(Reply("", False), "dropped")
            self.sessions.note(self._noted(hop, record, walk, caller))

    def _begun(
        self, broken_off: StoredSession | None, caller: Caller[Services], language: str
    ) -> tuple[Engine[Services], StoredSession, _Walk]:
        """A new talk, or the one this phone left unfinished, on the menu it began with."""
        engine = self._versions.find(broken_off.menu) if broken_off else None
        if broken_off and engine and not broken_off.over and engine.can_resume(broken_off.place):
            record = StoredSession(broken_off.place, engine.version)
            return engine, record, _Walk(engine.resume(record.place, caller), "resumed", "resumed")
        engine = self._versions.current
        record = StoredSession(Position(language), engine.version)
        return engine, record, _Walk(engine.begin(record.place, caller), "dialled", "dialled")

    def _go(
        self,
        engine: Engine[Services],
        record: StoredSession,
        inputs: list[str],
        walk: _Walk,
        caller: Caller[Services],
    ) -> None:
        """Feeds the inputs in order; the first that is not understood ends the walk."""
        for typed in inputs[:_MOST_INPUTS]:
            if not walk.reply.more:
                break
            step = engine.step(typed, record.place, caller)
            walk.reply, walk.how = step.reply, step.how
            walk.noted.append(step.noted)
            if not step.understood:
                break

    def _new_inputs(self, record: StoredSession, chain: str) -> list[str] | None:
        """What the chain adds to what was walked; None when it adds nothing (an old hop again)."""
        if len(chain) < record.seen or (len(chain) == record.seen and record.seen):
            return None
        rest = chain[record.seen :]
        continues = self.sessions.digest(chain[: record.seen]) == record.seen_digest
        if not continues or (record.seen and not rest.startswith("*")):
            # Not a continuation: the last answer is the only one that can be new.
            return [chain.rpartition("*")[2]]
        return (rest[1:] if record.seen else rest).split("*")

    def _noted(self, hop: Hop, record: StoredSession, walk: _Walk, caller: Caller[Services]) -> str:
        """What is kept of a hop, without number or secret: observe.hops reads it."""
        place = record.place
        return json.dumps(
            [
                self.sessions.digest(f"{hop.gateway}\0{hop.session_id}"),
                record.revision,
                round(caller.now.timestamp() * 1000),
                hop.gateway,
                place.language,
                walk.began or walk.how,
                "*".join(walk.noted),
                place.path[-1] if place.path else "",
                int(walk.reply.more),
            ],
            ensure_ascii=False,
            separators=(",", ":"),
        )


def _told(record: StoredSession, reply: Reply, outcome: str) -> TurnResult:
    screen = record.place.path[-1] if record.place.path else ""
    return TurnResult(reply, screen, outcome, record.place.language)


def _last(record: StoredSession) -> Reply:
    _, text, more = record.replies[-1]
    return Reply(text, bool(more))
