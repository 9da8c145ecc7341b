"""A small menu with every kind of screen, for what the engine and the turns must do with any."""

from __future__ import annotations

import json
import time
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from redis import Redis

from app.base.deadline import Deadline
from app.base.errors import InvalidInput
from app.base.keys import Keys
from app.base.phone import Phone
from app.base.redis_calls import make_calls
from app.text.encoding import Limits
from app.text.words import Say, Words
from app.ussd.deferred import DeferredActions
from app.ussd.engine import MenuEngine
from app.ussd.live import LiveMenus, version_of
from app.ussd.menu import load_menu
from app.ussd.parts import Part, Parts
from app.ussd.position import Caller, Position
from app.ussd.session import Sessions
from app.ussd.turn import Turns
from app.ussd.versions import Versions
from app.ussd.vocabulary import Dialogue, NothingToShow, Row, Values, Vocabulary

LIMITS = Limits(60, 40)
NOW = datetime(2026, 11, 23, 10, 0, tzinfo=UTC)
MENU = """
start: begin
resume: offer
help: lost
lock: pin
screens:
  offer: {menu: {1: onward}}
  lost: {menu: {1: first}}
  pin: {secret: three, keep: pin, to: unlock}
  unlock: {do: unlock, outcomes: {right: onward, wrong: pin}}
  begin: {do: begin, outcomes: {known: main, unknown: first}}
  first: {input: three, keep: three, to: main, home: true}
  main: {menu: {1: long, 2: rows, 3: ask, 4: {to: fragile, when: rich}, 5: sure}, home: true}
  long: {show: none}
  rows: {list: numbers, keep: number, to: act, begins: true}
  ask: {secret: three, keep: three, to: told}
  told: {end: told}
  sure: {confirm: none, yes: act, no: deep}
  deep: {menu: {1: hidden, 2: {to: ask_tongue, when: rich}}}
  hidden: {input: three, keep: three, to: long, private: true}
  ask_tongue: {input: three, keep: tongue, to: tongue}
  tongue: {do: tongue, outcomes: {told: back}}
  act: {do: act, outcomes: {done: done, gone: fragile}}
  done: {show: number, clears_history: true}
  fragile: {show: fragile}
"""
WORDS = {
    "footer.back": "0 Back",
    "footer.home": "00 Home",
    "footer.more": "9 More",
    "wrong.choice": "Wrong!",
    "wrong.three": "Not three!",
    "changed": "Changed.",
    "yes": "Yes",
    "no": "No",
    "deferred": "Later, by SMS.",
    "offer": "Go on?",
    "offer.1": "on",
    "lost": "Lost?",
    "lost.1": "first",
    "pin": "PIN:",
    "hidden": "Hidden.",
    "deep.1": "hidden",
    "deep.2": "tongue",
    "ask_tongue": "Tongue:",
    "first": "Three digits, please:",
    "main.1": "long",
    "main.2": "rows",
    "main.3": "ask",
    "main.4": "rich",
    "main.5": "sure",
    "long": "\\n".join(f"word{n:02d} word{n + 1:02d}" for n in range(0, 20, 2)),
    "rows": "Numbers:",
    "rows.row": "{number} dirhams",
    "ask": "Three digits:",
    "told": "You said {three}.",
    "sure": "Sure?",
    "deep": "Deep.",
    "done": "Number {number}.",
    "fragile": "Still here.",
}


@dataclass
class ToyServices:
    """The services of the toy's actions, to be changed by a test."""

    known: bool = True
    rich: bool = False
    gone: bool = False
    locked: bool = False
    slow: float = 0
    numbers: int = 17
    acted: list[str] = field(default_factory=list)


class ToyFacts(Parts):
    """The facts of the toy."""

    rich = Part(bool, False)
    locked = Part(bool, False)


class ToyAnswers(Parts):
    """The answers that the toy's menu keeps."""

    three = Part(str, "-")
    number = Part(int, None)
    tongue = Part(str, "-")
    pin = Part(str, "-")


ToyDialogue = Dialogue[ToyServices, ToyFacts, ToyAnswers]
vocabulary: Vocabulary[ToyServices, ToyFacts, ToyAnswers] = Vocabulary(ToyFacts, ToyAnswers)


@vocabulary.action("begin", "known", "unknown")
def begin(dialogue: ToyDialogue) -> str:
    dialogue.facts.rich = dialogue.services.rich
    dialogue.facts.locked = dialogue.services.locked
    return "known" if dialogue.services.known else "unknown"


@vocabulary.action("unlock", "right", "wrong")
def unlock(dialogue: ToyDialogue) -> str:
    dialogue.facts.locked = dialogue.answers.pin != "123"
    return "wrong" if dialogue.facts.locked else "right"


@vocabulary.action("tongue", "told")
def tongue(dialogue: ToyDialogue) -> str:
    dialogue.services.acted.append(dialogue.action_key)
    return "told"


def act_by_sms(_dialogue: ToyDialogue, outcome: str) -> Say | None:
    return Say(f"sms.{outcome}")


@vocabulary.action("act", "done", "gone", by_sms=act_by_sms)
def act(dialogue: ToyDialogue) -> str:
    time.sleep(dialogue.services.slow)
    dialogue.services.acted.append(dialogue.action_key)
    return "gone" if dialogue.services.gone else "done"


@vocabulary.rows("numbers")
def numbers(dialogue: ToyDialogue) -> list[Row]:
    return [Row(n, {"number": n * 1000}) for n in range(1, dialogue.services.numbers + 1)]


@vocabulary.source("number")
def number(dialogue: ToyDialogue) -> Values:
    number = dialogue.answers.number
    return {"number": "-" if number is None else number}


@vocabulary.source("told")
def told(dialogue: ToyDialogue) -> Values:
    return {"three": dialogue.answers.three}


@vocabulary.source("fragile")
def fragile(dialogue: ToyDialogue) -> Values:
    if dialogue.services.gone:
        raise NothingToShow()
    return {}


@vocabulary.check("three")
def three(typed: str, _now: datetime) -> str:
    if len(typed) != 3 or not typed.isdecimal():
        raise InvalidInput(what="three", why="not three digits")
    return typed


@vocabulary.guard("locked")
def locked(dialogue: ToyDialogue) -> bool:
    return dialogue.facts.locked


@vocabulary.guard("rich")
def rich(dialogue: ToyDialogue) -> bool:
    return dialogue.facts.rich


def toy_engine(folder: Path, menu: str = MENU, deadline: float = 5) -> MenuEngine[ToyServices]:
    """The toy, its files in `folder`."""
    (folder / "toy.yaml").write_text(menu)
    po = folder / "locales" / "fr" / "LC_MESSAGES" / "menus.po"
    po.parent.mkdir(parents=True, exist_ok=True)
    head = 'msgid ""\nmsgstr "Content-Type: text/plain; charset=utf-8\\n"\n\n'
    po.write_text(head + "\n".join(f'msgid "{k}"\nmsgstr "{v}"\n' for k, v in WORDS.items()))
    return build(folder, deadline)


KEYS = Keys(b"secret")


def build(folder: Path, deadline: float = 5) -> MenuEngine[ToyServices]:
    """The engine of the files in `folder`."""
    words, waiting = Words.load(folder / "locales"), Deadline(deadline, threads=2)
    return MenuEngine(
        load_menu(folder / "toy.yaml"), words, vocabulary, waiting, version_of(folder)
    )


def toy_turns(
    folder: Path, redis: Redis, menu: str = MENU, deadline: float = 5
) -> Turns[ToyServices]:
    """Callbacks answered by the toy."""
    engine, calls = toy_engine(folder, menu, deadline), make_calls(redis)
    return Turns(
        Versions(redis, calls, KEYS, LiveMenus.in_folder(engine, folder), build),
        Sessions(calls, KEYS),
        DeferredActions(redis, KEYS),
    )


class Player:
    """One talk with an engine, no session between the hops."""

    def __init__(self, engine: MenuEngine[ToyServices], services: ToyServices) -> None:
        self.engine, self.services = engine, services
        self.position = Position("fr")
        self.caller = Caller("s1", Phone("+212600000001"), NOW, services, LIMITS)
        self.understood = True
        self.reply = engine.begin(self.position, self.caller)

    def stored_position(self) -> dict[str, Any]:
        """Where the talk stands, as the session would give it back."""
        kept: dict[str, Any] = json.loads(json.dumps(asdict(self.position)))
        return kept

    def type(self, *inputs: str) -> str:
        """The screen after the last of `inputs`."""
        for typed in inputs:
            self.caller.facts = None  # Each hop unpacks them anew.
            step = self.engine.step(typed, self.position, self.caller)
            self.reply, self.understood = step.reply, step.understood
        return self.reply.text
