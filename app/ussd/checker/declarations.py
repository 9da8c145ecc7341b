"""The declarations a menu's words are held to, handed over by the runtime."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

import yaml

from app.ussd.checker.samples import Samples
from app.ussd.menu import BrokenMenu


class DeclaredMessage(Protocol):
    """A kind of message: the key of its words, the names of its values, its most segments.

    `most_segments` counts SMS segments by encoding.
    """

    @property
    def key(self) -> str: ...
    @property
    def values(self) -> Collection[str]: ...
    @property
    def most_segments(self) -> Mapping[str, int]: ...


@dataclass(frozen=True, slots=True)
class Declarations:
    """All that is declared outside the menu and its words.

    `messages` are the kinds of message by the key of their words. `pages` are the keys of the
    sentences that web pages say. `languages` are those a person may choose.
    """

    samples: Samples
    messages: Mapping[str, DeclaredMessage]
    pages: Collection[str]
    languages: Collection[str]


def load_page_keys(path: Path) -> frozenset[str]:
    """Reads the keys of the sentences that pages say.

    Raises: BrokenMenu if the file is not a list of keys.
    """
    keys = yaml.load(path.read_text("utf-8"), yaml.CSafeLoader)
    if not isinstance(keys, list) or not all(isinstance(key, str) for key in keys):
        raise BrokenMenu(screen=path.name, why="is not a list of keys")
    return frozenset(keys)
