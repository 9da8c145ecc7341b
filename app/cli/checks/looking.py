"""Looks at one part of an installation, for a limited time, and says what was found."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from queue import Empty, SimpleQueue
from threading import Thread

from app.runtime import Runtime

Check = Callable[[Runtime], str]
# More than the slowest honest answer: a provider may take SMS_TIMEOUT, 15 s at most, for a message.
SECONDS = 10.0


class WrongInProduction(Exception):
    """Something that development does without and production must have."""


@dataclass(frozen=True, slots=True)
class Finding:
    """The result of a check. A `note` is not wrong here, and would be in production."""

    name: str
    ok: bool
    says: str
    note: bool = False


def look(name: str, check: Check, maalem: Runtime, seconds: float = SECONDS) -> Finding:
    """Runs a check and returns its finding, after `seconds` at the latest."""
    found: SimpleQueue[Finding] = SimpleQueue()
    # A daemon: whoever does not answer must not hold the command's end up either.
    Thread(target=lambda: found.put(_run(name, check, maalem)), name=name, daemon=True).start()
    try:
        return found.get(timeout=seconds)
    except Empty:
        return Finding(name, False, f"no answer within {seconds:g} s")


def _run(name: str, check: Check, maalem: Runtime) -> Finding:
    try:
        return Finding(name, True, check(maalem))
    except WrongInProduction as lack:
        allowed = not maalem.settings.production
        return Finding(name, allowed, _first_line(lack), note=allowed)
    except (Exception, SystemExit) as error:  # every failure is a finding
        return Finding(name, False, _first_line(error))


def _first_line(error: BaseException) -> str:
    return str(error).strip().split("\n")[0] or type(error).__name__
