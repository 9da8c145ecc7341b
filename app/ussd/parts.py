"""Typed values with named parts, kept in a session as small JSON and unpacked part by part.

    class Facts(Parts):
        agent_id = Part(int, None, key="g")
        claims = Part(tuple[ClaimFacts, ...], ())

Each type is packed and unpacked in one place, its codec: a dataclass as the list of its fields in
their order, so that nothing else reads a stored value by position.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, fields, is_dataclass
from datetime import UTC, date, datetime
from decimal import Decimal
from types import NoneType, UnionType
from typing import Any, ClassVar, Generic, Self, TypeVar, Union, get_args, get_origin, overload
from typing import get_type_hints as hints_of

from app.base.money import Money
from app.base.months import Month, Period

Value = TypeVar("Value")
Absent = TypeVar("Absent")
Derived = TypeVar("Derived")


@dataclass(frozen=True, slots=True)
class Codec(Generic[Value]):
    """The functions that write a type as JSON and read it back."""

    pack: Callable[[Value], object]
    unpack: Callable[[Any], Value]


class Part(Generic[Value, Absent]):
    """A named part of a `Parts`. Reading it unpacks it, setting it packs it.

    `kind` is the part's type; its values are not changed in place, for only setting stores them.
    `absent` is read where the part is not set, and setting it removes the part. `key` is the name
    it is stored under, by default the attribute's.
    """

    def __init__(
        self, kind: type[Value], absent: Absent, key: str = "", codec: Codec[Value] | None = None
    ) -> None:
        self.key = key
        self._absent = absent
        self._codec: Codec[Value] = codec or codec_of(kind)

    def __set_name__(self, owner: type[Parts], name: str) -> None:
        self.key = self.key or name
        if self.key in owner.keys:
            raise ValueError(f"{self.key} is a key of two parts")
        owner.keys = owner.keys | {self.key}

    @overload
    def __get__(self, parts: None, owner: type[Parts]) -> Self: ...
    @overload
    def __get__(self, parts: Parts, owner: type[Parts]) -> Value | Absent: ...
    def __get__(self, parts: Parts | None, owner: type[Parts]) -> Self | Value | Absent:
        if parts is None:
            return self
        key, read = self.key, parts._read
        if key in read:
            return read[key]  # type: ignore[no-any-return]
        packed = parts.packed.get(key)
        value = read[key] = self._absent if packed is None else self._codec.unpack(packed)
        return value

    def __set__(self, parts: Parts, value: Value | Absent) -> None:
        parts._read.pop(self.key, None)
        parts._derived.clear()
        if value == self._absent:
            parts.packed.pop(self.key, None)
        else:
            parts.packed[self.key] = self._codec.pack(value)  # type: ignore[arg-type]


class Parts:
    """Named parts over the JSON object they are stored as. Making one unpacks nothing.

    Each part is unpacked when it is first read, and again when it was set since.
    """

    __slots__ = ("_derived", "_read", "packed")
    # The keys of all parts.
    keys: ClassVar[frozenset[str]] = frozenset()

    def __init__(self, packed: dict[str, object] | None = None) -> None:
        self.packed: dict[str, object] = {} if packed is None else packed
        self._read: dict[str, Any] = {}
        self._derived: dict[tuple[object, ...], Any] = {}

    def derive(self, make: Callable[..., Derived], *given: object) -> Derived:
        """Returns `make(self, *given)`, made once until a part is set."""
        key = make, *given
        if key not in self._derived:
            self._derived[key] = make(self, *given)
        return self._derived[key]  # type: ignore[no-any-return]

    def copy_of(self, *parts: Part[Any, Any]) -> Self:
        """Returns new parts that hold only `parts` of these."""
        kept = [part.key for part in parts if part.key in self.packed]
        return type(self)({key: self.packed[key] for key in kept})


def codec_of(kind: object) -> Codec[Any]:
    """Returns the codec of a type.

    A datetime is kept to the second, in UTC; money in centimes of the dirham.

    Raises: TypeError for a type without one.
    """
    if codec := _CODECS.get(kind):
        return codec
    origin, arguments = get_origin(kind), get_args(kind)
    if origin is tuple and arguments[1:] == (...,):
        return _sequence(tuple, codec_of(arguments[0]))
    if origin is frozenset:
        return _sequence(frozenset, codec_of(arguments[0]))
    if is_dataclass(kind) and isinstance(kind, type):
        return _record(kind)
    raise TypeError(f"{kind} has no codec")


def _keep(value: object) -> object:
    return value


def _sequence(kind: Callable[[list[Any]], Any], codec: Codec[Any]) -> Codec[Any]:
    """A set is written in order, so that the same set is always the same text."""
    pack, unpack, ordered = codec.pack, codec.unpack, sorted if kind is frozenset else list
    return Codec(
        lambda values: [pack(value) for value in ordered(values)],
        lambda packed: kind([unpack(item) for item in packed]),
    )


def _record(kind: type[Any]) -> Codec[Any]:
    """Packs a dataclass as the list of its fields. None stays None in every field.

    A hop unpacks several records, so only the fields whose JSON is another value are converted.
    """
    hints = hints_of(kind)
    codecs = [codec_of(_without_none(hints[field.name])) for field in fields(kind)]
    packers = [(i, codec.pack) for i, codec in enumerate(codecs) if codec.pack is not _keep]
    unpackers = [(i, codec.unpack) for i, codec in enumerate(codecs) if codec.unpack is not _keep]
    names, length = [field.name for field in fields(kind)], len(codecs)

    def pack(record: object) -> list[Any]:
        values = [getattr(record, name) for name in names]
        for index, pack_field in packers:
            if values[index] is not None:
                values[index] = pack_field(values[index])
        return values

    def unpack(packed: list[Any]) -> object:
        if len(packed) != length:
            raise ValueError(f"{len(packed)} values are no {kind.__name__}")
        values = packed.copy()
        for index, unpack_field in unpackers:
            if values[index] is not None:
                values[index] = unpack_field(values[index])
        return kind(*values)

    return Codec(pack, unpack)


def _without_none(kind: object) -> object:
    """Returns `X` for `X | None`."""
    kinds = [argument for argument in get_args(kind) if argument is not NoneType]
    return kinds[0] if get_origin(kind) in {Union, UnionType} and len(kinds) == 1 else kind


def _read_moment(seconds: int) -> datetime:
    return datetime.fromtimestamp(seconds, UTC)


_CODECS: dict[object, Codec[Any]] = {
    str: Codec(_keep, _keep),
    int: Codec(_keep, _keep),
    bool: Codec(int, bool),
    date: Codec(date.isoformat, date.fromisoformat),
    datetime: Codec(lambda moment: int(moment.timestamp()), _read_moment),
    Decimal: Codec(str, Decimal),
    Money: Codec(lambda money: money.centimes, Money),
    Month: Codec(str, Month.parse),
    Period: Codec(
        lambda period: [str(period.first), str(period.last)],
        lambda months: Period(*map(Month.parse, months)),
    ),
}
