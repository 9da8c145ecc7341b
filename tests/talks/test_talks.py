"""Every story: as it is written, with the session dropped after each hop, and in other languages.

The phone sends each hop twice and measures each screen (tests/phone.py).
"""

from __future__ import annotations

import pytest

from app.runtime import Runtime
from tests.phone import TestPhone
from tests.talks.player import Player, Story, stories

STORIES = stories()
pytestmark = pytest.mark.usefixtures("sample_people")


@pytest.mark.parametrize("story", STORIES, ids=str)
def test_as_written(story: Story, phone: TestPhone, runtime: Runtime) -> None:
    Player(runtime, phone, story).play()


@pytest.mark.parametrize("story", STORIES, ids=str)
def test_with_the_session_dropped_after_each_hop(
    story: Story, phone: TestPhone, runtime: Runtime
) -> None:
    """Redialling the chain so far shows the same screen, and does nothing again."""
    Player(runtime, phone, story, dropped=True).play()


@pytest.mark.parametrize("story", [s for s in STORIES if not s.one_language], ids=str)
def test_in_every_other_language(story: Story, phone: TestPhone, runtime: Runtime) -> None:
    """Every screen of the story fits there too, and the talk goes the same way."""
    (other,) = set(runtime.words.languages) - {story.language}
    player = Player(runtime, phone, story, checks_words=False)
    player.speak(other)
    player.play()


def test_there_are_stories_of_every_kind_of_person() -> None:
    assert {story.file for story in STORIES} >= {
        "fatima",
        "hassan",
        "khadija",
        "brahim",
        "aicha",
        "said",
        "unknown",
        "language",
    }
