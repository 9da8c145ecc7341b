"""Looks at one part of an installation, for a limited time, and says what was found."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from functools import partial
from queue import Empty, SimpleQueue
from threading import Thread

from app.base.errors import MaalemError
from app.runtime import Runtime

Check = Callable[[Runtime], str]
# More than the slowest honest answer: a provider may take SMS_TIMEOUT, 15 s at most.
SECONDS = 20.0


class WrongInProduction(Exception):
    """Something that development does without and production must have."""


@dataclass(frozen=True, slots=True)
class Finding:
    """The result of a check. A `note` is not wrong here, and would be in production."""

    name: str
    ok: bool
    says: str
    note: bool = False


def look(
    checks: Mapping[str, Check],
    maalem: Runtime,
    seconds: float = SECONDS,
    describe: Callable[[MaalemError], str] = str,
) -> Iterator[Finding]:
    """Runs all checks side by side; yields their findings in order, within `seconds` in all.

    `describe` writes a refusal for whoever reads the findings.
    """
    until = time.monotonic() + seconds
    started = {name: _start(name, check, maalem, describe) for name, check in checks.items()}
    for name, found in started.items():
        try:
            yield found.get(timeout=max(0.001, until - time.monotonic()))
        except Empty:
            yield Finding(name, False, f"no answer within {seconds:g} s")


def _start(
    name: str, check: Check, maalem: Runtime, describe: Callable[[MaalemError], str]
) -> SimpleQueue[Finding]:
    found: SimpleQueue[Finding] = SimpleQueue()
    # A daemon: whoever does not answer must not hold the command's end up either.
    run = partial(_run, name, check, maalem, describe)
    Thread(target=lambda: found.put(run()), name=name, daemon=True).start()
    return found


def _run(
    name: str, check: Check, maalem: Runtime, describe: Callable[[MaalemError], str]
) -> Finding:
    try:
        return Finding(name, True, check(maalem))
    except WrongInProduction as lack:
        allowed = not maalem.settings.production
        return Finding(name, allowed, _first_line(lack, describe), note=allowed)
    except (Exception, SystemExit) as error:  # every failure is a finding
        return Finding(name, False, _first_line(error, describe))


def _first_line(error: BaseException, describe: Callable[[MaalemError], str]) -> str:
    if isinstance(error, MaalemError):
        return describe(error)
    return str(error).strip().split("\n")[0] or type(error).__name__
