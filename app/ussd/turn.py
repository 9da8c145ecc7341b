"""Answers a callback: find the dialogue, repeat a known reply, walk what is new, save, answer."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import dataclass, field, replace
from functools import partial
from typing import Generic, NamedTuple

from app.base.hop import Hop, Reply
from app.base.json_text import make_writer
from app.ussd.deferred import DeferredActions
from app.ussd.engine import MenuEngine
from app.ussd.position import Caller, Position
from app.ussd.session import (
    LAST_ALONE,
    DialogueOutdated,
    LoadedSession,
    Sessions,
    Slot,
    StoredSession,
)
from app.ussd.versions import Versions
from app.ussd.vocabulary import Services

# A dialled chain with more inputs than this is not a person's.
_MOST_INPUTS = 40
_write_json = make_writer(",", ":")


class TurnResult(NamedTuple):
    """The reply to a hop, the screen it shows, its language, and its outcome for the metrics.

    `talk` stands for the dialogue in logs: the name that `flask talks` lists. `outcome` is
    `continued`, `ended`, `not_understood`, `deferred`, `repeated`, `stale` or `raced`.
    """

    reply: Reply
    screen: str
    outcome: str
    language: str
    talk: str


@dataclass(slots=True)
class _Walk:
    """The reply that a hop's inputs have led to so far.

    `kind` is that of the last input, or how the dialogue began; `beginning` is how it began, on its
    first hop. `recorded` are the inputs as they may be stored.
    """

    reply: Reply
    kind: str
    beginning: str = ""
    recorded: list[str] = field(default_factory=list)

    @property
    def outcome(self) -> str:
        if self.kind in {"wrong", "changed"}:
            return "not_understood"
        return "continued" if self.reply.more else "ended"


class Turns(Generic[Services]):
    """Answers callbacks with the menu each dialogue began with, and the sessions in Redis."""

    def __init__(
        self, versions: Versions[Services], sessions: Sessions, late_actions: DeferredActions
    ) -> None:
        self.versions, self._late_actions = versions, late_actions
        self.sessions = sessions

    def answer(self, hop: Hop, caller: Caller[Services], language: str) -> TurnResult:
        """Returns the screen for this hop, the same one on a retry.

        Takes one Redis round trip if this process answered the hop before and no action may change
        anything, otherwise two. `language` is for a caller not yet known.

        Raises: Unavailable, Late.
        """
        self.versions.publish(caller.now)
        if recalled := self.sessions.recall(hop, caller.now):
            with suppress(DialogueOutdated):
                confirm = partial(self.sessions.confirm, recalled.slot)
                return self._answer(hop, replace(caller, confirm=confirm), language, recalled)
        return self._answer(hop, caller, language, self.sessions.load(hop, caller.now))

    def _answer(
        self, hop: Hop, caller: Caller[Services], language: str, loaded: LoadedSession
    ) -> TurnResult:
        """Raises: DialogueOutdated, for a recalled dialogue; Unavailable, Late."""
        chain = hop.inputs
        record, slot = loaded.record, loaded.slot
        hop_key = self.sessions.digest(hop.message or chain, slot)
        talk = self.sessions.digest_talk(hop, slot)
        if record and (reply := record.find_reply(hop_key)):
            return _result(record, reply, "repeated", talk)
        engine = self._find_engine(record) if record and not hop.starts else None
        if record is None or engine is None:
            revision = record.revision if record else 0
            caller.ahead, caller.lately = bool(chain), loaded.broken_off is not None
            engine, record, walk = self._begin(loaded.broken_off, caller, language)
            record.revision = revision
            inputs = chain.split("*") if chain and not engine.stops_chain(record.position) else []
        else:
            new = [chain] if hop.message else self._find_new_inputs(record, slot, chain)
            if new is None or record.over:
                return _result(record, record.last_reply(), "stale", talk)
            inputs, walk = new, _Walk(record.last_reply(), "answered")
        self._walk_inputs(engine, record, inputs, walk, caller)
        walked = LAST_ALONE if record.walked == LAST_ALONE else len(chain)
        record.walked, record.walked_digest = walked, hop_key
        record.over = not walk.reply.more
        record.add_reply(hop_key, walk.reply)
        entry = self._log_entry(hop, talk, record, slot, walk, caller)
        deferred = self._late_actions.sign(caller.deferred) if caller.deferred else None
        lost = self.sessions.save(hop, record, entry, caller.now, slot, deferred)
        if lost and slot.recalled:
            raise DialogueOutdated
        if lost and (winner := lost.record):
            # Another worker answered this hop, or a later one, first: its answer stands.
            hop_key = self.sessions.digest(hop.message or chain, lost.slot)
            reply = winner.find_reply(hop_key) or winner.last_reply()
            return _result(winner, reply, "raced", talk)
        return _result(record, walk.reply, "deferred" if caller.deferred else walk.outcome, talk)

    def log_end(self, hop: Hop, status: str, caller: Caller[Services]) -> None:
        """Logs a session that the gateway ended before the dialogue did.

        The dialogue may still be resumed: a broken line is no decision of the caller.
        """
        loaded = self.sessions.load(hop, caller.now)
        record = loaded.record
        if record and not record.over and status != "success":
            walk = _Walk(Reply("", False), "dropped")
            talk = self.sessions.digest_talk(hop, loaded.slot)
            entry = self._log_entry(hop, talk, record, loaded.slot, walk, caller)
            self.sessions.log(hop, entry)

    def _find_engine(self, record: StoredSession) -> MenuEngine[Services] | None:
        """Returns the engine of the dialogue's menu; None if it cannot go on there."""
        engine = self.versions.find(record.menu)
        return engine if engine and (record.over or engine.can_go_on(record.position)) else None

    def _begin(
        self, broken_off: StoredSession | None, caller: Caller[Services], language: str
    ) -> tuple[MenuEngine[Services], StoredSession, _Walk]:
        """Begins a dialogue, or resumes the phone's unfinished one on the menu it began with."""
        engine = self.versions.find(broken_off.menu) if broken_off else None
        if broken_off and engine and not broken_off.over and engine.can_resume(broken_off.position):
            record = StoredSession(broken_off.position, engine.version)
            reply = engine.resume(record.position, caller)
            return engine, record, _Walk(reply, "resumed", "resumed")
        engine = self.versions.current
        record = StoredSession(Position(language), engine.version)
        reply = engine.begin(record.position, caller)
        return engine, record, _Walk(reply, "dialled", "dialled")

    def _walk_inputs(
        self,
        engine: MenuEngine[Services],
        record: StoredSession,
        inputs: list[str],
        walk: _Walk,
        caller: Caller[Services],
    ) -> None:
        """Feeds the inputs in order; the first that is not understood ends the walk.

        So does a screen that has to be read: what was dialled ahead was not for it.
        """
        for typed in inputs[:_MOST_INPUTS]:
            if not walk.reply.more:
                break
            step = engine.step(typed, record.position, caller)
            walk.reply, walk.kind = step.reply, step.kind
            walk.recorded.append(step.recorded)
            if not step.understood or engine.stops_chain(record.position):
                break

    def _find_new_inputs(self, record: StoredSession, slot: Slot, chain: str) -> list[str] | None:
        """Returns the inputs that the chain adds; None for the chain of an older hop.

        Of a chain that does not continue the one before only the last input can be new. One input
        that does not is no chain: some players and gateways send each alone.
        """
        walked = record.walked
        if len(chain) < walked or (not chain and walked == LAST_ALONE):
            return None
        rest = chain[walked:]
        continues = self.sessions.digest(chain[:walked], slot) == record.walked_digest
        if walked == LAST_ALONE or not continues or (walked and rest and rest[0] != "*"):
            before, _, last = chain.rpartition("*")
            record.walked = walked if before else LAST_ALONE
            return [last]
        if walked and not rest:
            return None
        return (rest[1:] if walked else rest).split("*")

    def _log_entry(
        self,
        hop: Hop,
        talk: str,
        record: StoredSession,
        slot: Slot,
        walk: _Walk,
        caller: Caller[Services],
    ) -> str:
        """Returns the hop as observe.hops reads it: no number, nothing secret."""
        position = record.position
        return _write_json(
            [
                talk,
                record.revision,
                round(caller.now.timestamp() * 1000),
                hop.gateway,
                position.language,
                walk.beginning or walk.kind,
                "*".join(walk.recorded),
                position.path[-1] if position.path else "",
                int(walk.reply.more),
                self.sessions.digest_caller(hop.phone, caller.now.date(), slot),
            ]
        )


def _result(record: StoredSession, reply: Reply, outcome: str, talk: str) -> TurnResult:
    position = record.position
    screen = position.path[-1] if position.path else ""
    return TurnResult(reply, screen, outcome, position.language, talk)
