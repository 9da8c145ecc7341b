"""Every story: as it is written, with the session dropped after each hop, and in other languages.

The phone sends each hop twice and measures each screen (tests/phone.py).
"""

from __future__ import annotations

import pytest
from flask.testing import FlaskClient

from app.runtime import Runtime
from app.text.languages import LANGUAGES
from tests.phone import GenericPhone, TestPhone
from tests.talks.player import Player, Story, stories

STORIES = stories()
GATEWAYS = (TestPhone, GenericPhone)
pytestmark = pytest.mark.usefixtures("sample_people")


@pytest.fixture(params=GATEWAYS, ids=["africastalking", "generic"])
def any_phone(request: pytest.FixtureRequest, client: FlaskClient) -> TestPhone:
    """A phone behind each gateway there is."""
    phone: TestPhone = request.param(client)
    return phone


@pytest.mark.parametrize("story", STORIES, ids=str)
def test_story_plays_as_written(story: Story, any_phone: TestPhone, runtime: Runtime) -> None:
    Player(runtime, any_phone, story).play()


@pytest.mark.parametrize("story", STORIES, ids=str)
def test_story_plays_when_dialled_again_after_each_hop(
    story: Story, phone: TestPhone, runtime: Runtime
) -> None:
    """Redialling the chain so far shows the same screen, and does nothing again."""
    Player(runtime, phone, story, dropped=True).play()


@pytest.mark.parametrize("story", STORIES, ids=str)
def test_story_plays_with_the_line_broken_after_each_hop(
    story: Story, any_phone: TestPhone, runtime: Runtime
) -> None:
    """Who dials the code anew goes on where they were, and the story ends as it should."""
    Player(runtime, any_phone, story, resumed=True).play()


# Each story in each language, through the gateways in turn: every pair of two of these is met.
IN_LANGUAGES = [
    pytest.param(story, language, GATEWAYS[(place + number) % 2], id=f"{story}-{language}")
    for place, story in enumerate(s for s in STORIES if not s.one_language)
    for number, language in enumerate(LANGUAGES)
]


@pytest.mark.parametrize(("story", "language", "kind"), IN_LANGUAGES)
def test_story_plays_in_every_language(
    story: Story, language: str, kind: type[TestPhone], client: FlaskClient, runtime: Runtime
) -> None:
    """Every screen of the story fits there too, and the talk goes the same way."""
    player = Player(runtime, kind(client), story, checks_words=False, resumed=True)
    player.choose_language(language)
    player.play()


def test_stories_cover_every_kind_of_person() -> None:
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
