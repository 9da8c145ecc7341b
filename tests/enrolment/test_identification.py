"""Identification of a phone: three tries a day, and nothing is learnt by trying."""

from __future__ import annotations

import statistics
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import date, timedelta

import pytest
from sqlalchemy import Engine, event, func, select, text

from app.base.clock import local_midnight
from app.base.operation import operation
from app.base.phone import Phone
from app.enrolment.errors import IdentificationPaused, NotRecognised
from app.enrolment.models import artisan_phone
from app.enrolment.service import (
    TRIES_A_DAY,
    choose_language,
    identify_phone,
    take_identification_attempt,
)
from app.payments.phone_account import find_phone_account
from app.runtime import Runtime
from tests.conftest import TestClock
from tests.phone import TestPhone

UNKNOWN, OTHER = Phone("+212600000099"), Phone("+212600000098")
BRAHIM, BORN = "100004", date(1984, 1, 1)
pytestmark = pytest.mark.usefixtures("sample_people")


def attempt(runtime: Runtime, phone: Phone = UNKNOWN, key: str = "k") -> int:
    with operation(runtime.database, runtime.clock(), "artisan") as change:
        return take_identification_attempt(change, phone, key)


def identify(runtime: Runtime, number: str = BRAHIM, born: date = BORN) -> int:
    with operation(runtime.database, runtime.clock(), "artisan") as change:
        return identify_phone(change, UNKNOWN, number, born)


def owner_id(runtime: Runtime, phone: Phone) -> int | None:
    with runtime.database.connect() as connection:
        found = find_phone_account(connection, phone, runtime.clock()).artisan
    return found.id if found else None


def test_phone_has_three_tries_a_day_then_a_pause(runtime: Runtime) -> None:
    assert [attempt(runtime, key=str(n)) for n in range(TRIES_A_DAY)] == [2, 1, 0]
    for key in "xyz":
        with pytest.raises(IdentificationPaused):
            attempt(runtime, key=key)
    assert attempt(runtime, OTHER) == 2


def test_repeated_hop_takes_no_second_try(runtime: Runtime) -> None:
    assert [attempt(runtime, key="once") for _ in range(5)] == [2] * 5
    assert [attempt(runtime, key=key) for key in ("two", "two", "three", "three")] == [1, 1, 0, 0]
    with pytest.raises(IdentificationPaused):
        attempt(runtime, key="four")


def test_tries_are_new_at_midnight_in_morocco(runtime: Runtime) -> None:
    clock = runtime.clock
    assert isinstance(clock, TestClock)
    midnight = local_midnight(date(2026, 11, 24))
    clock.now = midnight - timedelta(seconds=1)
    for key in "abc":
        attempt(runtime, key=key)
    with pytest.raises(IdentificationPaused):
        attempt(runtime, key="d")
    clock.now = midnight
    assert attempt(runtime, key="d") == 2


def test_concurrent_tries_are_still_three(runtime: Runtime) -> None:
    def one(number: int) -> int | None:
        try:
            return attempt(runtime, key=f"key-{number}")
        except IdentificationPaused:
            return None

    with ThreadPoolExecutor(8) as many:
        left = list(many.map(one, range(16)))
    assert sorted(n for n in left if n is not None) == [0, 1, 2]


def test_identify_phone_refuses_a_wrong_number_or_birth_date(runtime: Runtime) -> None:
    for number, born in [
        (BRAHIM, date(1984, 1, 2)),
        ("100001", BORN),
        ("999999", BORN),
        ("10000", BORN),
        (BRAHIM + " ", BORN),
        ("", BORN),
    ]:
        with pytest.raises(NotRecognised):
            identify(runtime, number, born)
    assert owner_id(runtime, UNKNOWN) is None
    assert (
        identify(runtime) == owner_id(runtime, UNKNOWN) == owner_id(runtime, Phone("+212600000004"))
    )


def test_identify_phone_twice_stores_one_row(runtime: Runtime, engine: Engine) -> None:
    assert identify(runtime) == identify(runtime)
    with engine.connect() as connection:
        rows = connection.execute(select(func.count()).select_from(artisan_phone)).scalar_one()
    assert rows == 1


def test_artisan_identified_on_a_phone_precedes_the_register_s(runtime: Runtime) -> None:
    """A number that the register gives to one artisan may be in another's hand by now."""
    fatima = Phone("+212600000001")
    with operation(runtime.database, runtime.clock(), "artisan") as change:
        brahim = identify_phone(change, fatima, BRAHIM, BORN)
    assert owner_id(runtime, fatima) == brahim


def test_choose_language_replaces_the_language_before(runtime: Runtime) -> None:
    for language in ("ar", "fr", "ar"):
        with operation(runtime.database, runtime.clock(), "artisan") as change:
            choose_language(change, UNKNOWN, language)
            account = find_phone_account(change.connection, UNKNOWN, change.now)
            assert account.language == language


# A person who guesses sees the same answer, whatever the number.


def wrong_tries(phone: TestPhone, *answers: str) -> list[str]:
    """The last screen of each dialled chain."""
    return [phone.dial(UNKNOWN.e164, f"1*{answer}") for answer in answers]


def test_refusal_is_the_same_for_unknown_and_known_numbers(
    phone: TestPhone, runtime: Runtime
) -> None:
    exists = wrong_tries(phone, "100004*02011984", "100001*02011984", "100002*02011984")
    with runtime.owners_database.begin() as connection:
        connection.execute(text("TRUNCATE identification_attempt"))
    invented = wrong_tries(phone, "900004*02011984", "900001*02011984", "900002*02011984")
    assert exists == invented
    assert len(set(exists)) == 3


@pytest.fixture
def statements(runtime: Runtime) -> Iterator[list[str]]:
    said: list[str] = []

    def note(_connection: object, _cursor: object, statement: str, *_: object) -> None:
        said.append(statement)

    event.listen(runtime.database, "before_cursor_execute", note)
    yield said
    event.remove(runtime.database, "before_cursor_execute", note)


def test_statements_are_the_same_for_unknown_and_known_numbers(
    phone: TestPhone, statements: list[str]
) -> None:
    asked = []
    phone.dial(UNKNOWN.e164, "1")  # the language is chosen once, with its audit row
    for answer in ("100004*02011984", "900004*02011984"):
        statements.clear()
        wrong_tries(phone, answer)
        asked.append(list(statements))
    assert asked[0] == asked[1]


def test_duration_is_the_same_for_unknown_and_known_numbers(runtime: Runtime) -> None:
    """Medians of many, by turns; the factor is wide because machines are noisy."""
    times: dict[str, list[float]] = {BRAHIM: [], "900004": []}
    with operation(runtime.database, runtime.clock(), "artisan") as change:
        for turn in range(300):
            for number in times if turn % 2 else reversed(times):
                began = time.perf_counter()
                with pytest.raises(NotRecognised):
                    identify_phone(change, UNKNOWN, number, date(1984, 1, 2))
                times[number].append(time.perf_counter() - began)
    exists, invented = (statistics.median(spent) for spent in times.values())
    assert 0.7 < exists / invented < 1.4


@pytest.mark.parametrize(
    ("typed", "understood"),
    [
        ("01011984", True),
        ("01/01/1984", True),
        ("01-01-1984", True),
        ("01.01.1984", True),
        ("01 01 1984", True),
        ("٠١٠١١٩٨٤", True),
        ("1011984", False),
        ("010184", False),
        ("19840101", False),
        ("31041984", False),
        ("29021983", False),
        ("01011899", False),
        ("24112026", False),
        ("0101198x", False),
        ("8" * 5000, False),
        ("०१०११९८४", True),
    ],
)
def test_birth_date_is_read_in_every_usual_writing(
    phone: TestPhone, typed: str, understood: bool
) -> None:
    screen = phone.dial(UNKNOWN.e164, f"1*100004*{typed}")
    assert screen.startswith("1 Mon AMO" if understood else "Date non valable.")


@pytest.mark.parametrize(
    ("typed", "understood"),
    [
        ("100004", True),
        ("100 004", True),
        ("١٠٠٠٠٤", True),
        ("rna-12/b", True),
        ("", False),
        ("😀", False),
        ("1" * 33, False),
        ("1'--", False),
        ("عدد", False),
        ("ⅷ", False),
    ],
)
def test_register_number_is_read_in_every_usual_writing(
    phone: TestPhone, typed: str, understood: bool
) -> None:
    screen = phone.dial(UNKNOWN.e164, f"1*{typed}")
    assert screen.startswith("Date de naissance" if understood else "Numéro non valable.")
