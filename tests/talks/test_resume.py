"""The line breaks and the phone dials anew: on another gateway, after a code, too late."""

from __future__ import annotations

import pytest
from flask.testing import FlaskClient

from app.runtime import Runtime
from app.ussd.session import STORED_SECONDS
from tests.journeys.other_parties import OtherParties
from tests.phone import GenericPhone, TestPhone

FATIMA = "+212600000001"
OFFERED = "1 Continuer\n2 Aller au menu"
pytestmark = pytest.mark.usefixtures("sample_people")


def codes(runtime: Runtime) -> list[tuple[object, ...]]:
    return OtherParties(runtime).run("SELECT count(*) FROM payment_code")


@pytest.mark.parametrize("kinds", [(TestPhone, GenericPhone), (GenericPhone, TestPhone)])
def test_resume_on_another_gateway_shows_the_live_code_first(
    client: FlaskClient, runtime: Runtime, kinds: tuple[type[TestPhone], type[TestPhone]]
) -> None:
    before, after = (kind(client) for kind in kinds)
    shown = before.dial(FATIMA, "2*1")
    code = shown.split("\n")[0]
    offered = after.dial(FATIMA)
    assert offered.startswith(f"{code}\n") and offered.endswith(OFFERED)
    assert after.answer("1") == shown
    assert after.answer("00").startswith("1 Mon AMO")
    assert codes(runtime) == [(1,)]


def test_resume_may_start_again_and_the_code_is_there(phone: TestPhone, runtime: Runtime) -> None:
    code = phone.dial(FATIMA, "2*1").split("\n")[0]
    phone.dial(FATIMA)
    assert phone.answer("2").startswith("1 Mon AMO")
    phone.answer("2")
    assert phone.answer("1").split("\n")[0] == code
    assert codes(runtime) == [(1,)]


def test_dialogue_starts_anew_after_the_stored_time(phone: TestPhone, runtime: Runtime) -> None:
    """Redis forgets the talk itself; here its clock is turned on by hand."""
    phone.dial(FATIMA, "2")
    left = [int(runtime.redis.ttl(key)) for key in runtime.redis.keys("[up]*")]
    assert len(left) == 2 and all(
        STORED_SECONDS - 30 < seconds <= STORED_SECONDS for seconds in left
    )
    assert phone.dial(FATIMA).endswith(OFFERED)
    for key in runtime.redis.keys("[up]*"):
        runtime.redis.expire(key, 0)
    assert phone.dial(FATIMA).startswith("1 Mon AMO")


def test_dialogue_at_its_first_screen_is_not_resumed(phone: TestPhone) -> None:
    main = phone.dial(FATIMA)
    assert phone.dial(FATIMA) == main
