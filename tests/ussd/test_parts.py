"""Typed parts of a dialogue: packed as small JSON, read back as what was set."""

from __future__ import annotations

import json
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime
from decimal import Decimal

import pytest

from app.base.money import Money
from app.base.months import Month, Period
from app.ussd.parts import Codec, Part, Parts, codec_of


@dataclass(frozen=True, slots=True)
class Stamp:
    """A record with every type that has a codec."""

    number: int
    name: str
    paid: bool
    amount: Money
    factor: Decimal | None
    day: date | None
    at: datetime
    period: Period
    months: frozenset[Month]


@dataclass(frozen=True, slots=True)
class Pair:
    """A record within a record."""

    left: Stamp
    right: Stamp | None


STAMP = Stamp(
    number=7,
    name="عبد",
    paid=True,
    amount=Money(16352),
    factor=Decimal("0.75"),
    day=date(2026, 11, 23),
    at=datetime(2026, 11, 23, 10, 0, tzinfo=UTC),
    period=Period(Month(2026, 8), Month(2026, 11)),
    months=frozenset({Month(2026, 11), Month(2026, 8)}),
)


class Drawer(Parts):
    """Parts of every shape."""

    number = Part(int, None, key="n")
    open = Part(bool, False)
    stamps = Part(tuple[Stamp, ...], ())
    pair = Part(Pair, None)
    shout = Part(str, "", codec=Codec(str.lower, str.upper))


def stored(drawer: Drawer) -> Drawer:
    """The drawer as the next hop reads it."""
    return Drawer(json.loads(json.dumps(drawer.packed)))


def test_part_reads_back_what_was_set() -> None:
    drawer = Drawer()
    drawer.number, drawer.open, drawer.stamps = 3, True, (STAMP, STAMP)
    drawer.pair = Pair(STAMP, None)
    again = stored(drawer)
    assert (again.number, again.open, again.stamps) == (3, True, (STAMP, STAMP))
    assert again.pair == Pair(STAMP, None)


def test_part_not_set_reads_as_absent() -> None:
    drawer = Drawer()
    assert (drawer.number, drawer.open, drawer.stamps) == (None, False, ())


def test_part_set_to_absent_is_removed() -> None:
    drawer = Drawer()
    drawer.number, drawer.open = 3, True
    drawer.number, drawer.open = None, False
    assert drawer.packed == {}


def test_part_is_packed_under_its_key_without_field_names() -> None:
    drawer = Drawer()
    drawer.number = 3
    drawer.stamps = (STAMP,)
    assert drawer.packed == {
        "n": 3,
        "stamps": [
            [
                7,
                "عبد",
                1,
                16352,
                "0.75",
                "2026-11-23",
                1795428000,
                ["2026-08", "2026-11"],
                ["2026-08", "2026-11"],
            ]
        ],
    }


def test_part_with_a_codec_of_its_own_uses_it() -> None:
    drawer = Drawer()
    drawer.shout = "Ah"
    assert (drawer.packed, drawer.shout) == ({"shout": "ah"}, "AH")


def test_part_is_unpacked_once_until_it_is_set() -> None:
    drawer = Drawer()
    drawer.pair = Pair(STAMP, None)
    first = drawer.pair
    assert drawer.pair is first
    drawer.number = 3
    assert drawer.pair is first
    drawer.pair = Pair(STAMP, STAMP)
    assert drawer.pair == Pair(STAMP, STAMP)
    drawer.pair = None
    assert drawer.pair is None


def test_part_that_is_packed_shorter_reads_as_it_is_stored() -> None:
    drawer = Drawer()
    drawer.pair = Pair(replace(STAMP, at=datetime(2026, 11, 23, 10, 0, 0, 5, UTC)), None)
    assert drawer.pair == Pair(STAMP, None)


def test_what_is_derived_is_made_again_once_a_part_was_set() -> None:
    drawer, made = Drawer(), []

    def double(parts: Drawer, times: int) -> int:
        made.append(times)
        return (parts.number or 0) * times

    drawer.number = 3
    assert [drawer.derive(double, 2), drawer.derive(double, 2), drawer.derive(double, 5)] == [
        6,
        6,
        15,
    ]
    assert made == [2, 5]
    drawer.number = 4
    assert drawer.derive(double, 2) == 8


def test_record_with_another_number_of_fields_is_refused() -> None:
    with pytest.raises(ValueError, match="2 values are no Stamp"):
        assert Drawer({"stamps": [[7, "a"]]}).stamps


def test_copy_of_holds_only_the_named_parts() -> None:
    drawer = Drawer()
    drawer.number, drawer.open = 3, True
    copy = drawer.copy_of(Drawer.number, Drawer.pair)
    assert (copy.packed, drawer.open) == ({"n": 3}, True)


def test_parts_refuse_two_parts_under_one_key() -> None:
    with pytest.raises((ValueError, RuntimeError)):

        class Twice(Parts):
            one = Part(int, None, key="n")
            two = Part(int, None, key="n")


def test_codec_of_refuses_a_type_without_codec() -> None:
    with pytest.raises(TypeError, match="has no codec"):
        codec_of(complex)
