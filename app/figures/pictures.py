"""The pictures of published figures: what is drawn of which figures, as data. Pure.

A picture is a title, a form and rows; its table says the same for who does not see it.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass
from hashlib import sha256

from app.base.months import Month
from app.figures.errors import PictureOutdated
from app.figures.key_names import name_key
from app.figures.measures import ALL, BREAK_AGE, BREAK_AGES, DAY, PROVIDER, STEPS
from app.figures.queries import PublishedFigure
from app.figures.rules import Value
from app.text.languages import LANGUAGES
from app.text.regions import find_region
from app.text.words import Words

# Another drawing of the same figures is another picture.
_VERSION = "1"


@dataclass(frozen=True, slots=True)
class PictureRow:
    """A value of a picture: where it stands, of which series; `low` and `high` bound an effect."""

    place: str
    value: Value
    series: str = ""
    low: Value = None
    high: Value = None
    column: int = 0
    row: int = 0


@dataclass(frozen=True, slots=True)
class Picture:
    """Figures to be drawn as bars, tiles or intervals; `measure` is the title of the values."""

    name: str
    form: str
    title: str
    measure: str
    direction: str
    rows: Sequence[PictureRow]

    @property
    def specification(self) -> str:
        return json.dumps([_VERSION, asdict(self)], ensure_ascii=False, sort_keys=True)

    @property
    def digest(self) -> str:
        """The name of the picture by all that it shows."""
        return sha256(self.specification.encode()).hexdigest()

    @property
    def shows_anything(self) -> bool:
        return any(row.value is not None for row in self.rows)


@dataclass(frozen=True, slots=True)
class PictureWords:
    """The words of a language for pictures, as plain text."""

    words: Words
    language: str

    def say(self, key: str, **values: object) -> str:
        return self.words.say(self.language, key, values)

    def name_measure(self, measure: str) -> str:
        return self.say(f"office.figures.measure.{measure}")

    def name_key(self, cut: str, key: str) -> str:
        return name_key(cut, key, self.say, self.language)


def read_specification(text: str) -> Picture:
    """Returns the picture that a specification tells of.

    Raises: PictureOutdated for one that another version of the program wrote.
    """
    version, given = json.loads(text)
    if version != _VERSION:
        raise PictureOutdated(version)
    rows = [PictureRow(**row) for row in given.pop("rows")]
    return Picture(**given, rows=rows)


def make_pictures(
    figures: Iterable[PublishedFigure], month: Month, words: PictureWords
) -> list[Picture]:
    """Returns the pictures of a month, for who sees all of its figures."""
    values = {(f.cut, f.key, f.measure): f.value for f in figures if f.month == month}
    if not values:
        return []
    days = sorted(key for cut, key, measure in values if (cut, measure) == (DAY, "paid"))
    regions = sorted(k for cut, k, m in values if (cut, m) == ("region", "rights_open_share"))
    providers = sorted(key for cut, key, m in values if (cut, m) == (PROVIDER, "sms"))
    languages = [code for code in LANGUAGES if ("language", code, "dialled") in values]

    def draw(name: str, form: str, measure: str, rows: Sequence[PictureRow]) -> Picture:
        subject = words.say(f"office.figures.picture.{name}")
        title = words.say("office.figures.of_month", subject=subject, month=month)
        direction = LANGUAGES[words.language].direction
        return Picture(name, form, title, measure, direction, rows)

    def list_rows(cut: str, keys: Iterable[str], *measures: str) -> list[PictureRow]:
        return [
            PictureRow(
                _shorten(cut, key, words.name_key(cut, key)),
                values.get((cut, key, measure)),
                words.name_measure(measure) if len(measures) > 1 else "",
            )
            for key in keys
            for measure in measures
        ]

    codes = ("codes_made", "codes_paid", "codes_expired")
    return [
        draw("payments", "bars", words.name_measure("paid"), list_rows(DAY, days, "paid")),
        draw(
            "dirhams",
            "bars",
            words.name_measure("paid_dirhams"),
            list_rows(DAY, days, "paid_dirhams"),
        ),
        draw(
            "funnel",
            "bars",
            words.name_measure("dialled"),
            list_rows("language", languages, "dialled", "saw_dues", "saw_code"),
        ),
        draw(
            "codes",
            "bars",
            words.name_measure("codes_made"),
            [
                PictureRow(words.name_measure(measure), values.get((ALL, ALL, measure)))
                for measure in codes
            ],
        ),
        draw(
            "regions",
            "tiles",
            words.name_measure("rights_open_share"),
            _list_tiles(regions, values, words),
        ),
        draw(
            "breaks",
            "bars",
            words.name_measure("breaks_open"),
            list_rows(BREAK_AGE, BREAK_AGES, "breaks_open"),
        ),
        draw(
            "delivery",
            "bars",
            words.name_measure("sms"),
            list_rows(PROVIDER, providers, "sms", "sms_delivered", "sms_waiting"),
        ),
        draw(
            "effect",
            "intervals",
            words.say("office.figures.picture.effect"),
            _list_effects(values, words),
        ),
    ]


def make_own_pictures(
    figures: Iterable[PublishedFigure], key: str, words: PictureWords
) -> list[Picture]:
    """Returns the pictures of one key over the published months, for who sees it alone."""
    values = {(f.month, f.measure): f.value for f in figures}
    months = sorted({month for month, _ in values})
    direction = LANGUAGES[words.language].direction
    return [
        Picture(
            f"own_{measure}",
            "bars",
            f"{words.name_measure(measure)}: {key}",
            words.name_measure(measure),
            direction,
            [
                PictureRow(f"{month.month:02d}/{month.year}", values.get((month, measure)))
                for month in months
            ],
        )
        for measure in ("rights_open", "paid", "paid_dirhams", "breaks_open")
        if any(told == measure for _, told in values)
    ]


def _shorten(cut: str, key: str, name: str) -> str:
    """Returns a day's number in the month; any other name as it is."""
    return key[-2:] if cut == DAY else name


def _list_tiles(
    keys: Iterable[str], values: dict[tuple[str, str, str], Value], words: PictureWords
) -> list[PictureRow]:
    """Returns the regions on the grid; what is no region of the twelve has no place on it."""
    return [
        PictureRow(
            words.name_key("region", key),
            values[("region", key, "rights_open_share")],
            column=region.column,
            row=region.row,
        )
        for key in keys
        if (region := find_region(key))
    ]


def _list_effects(
    values: dict[tuple[str, str, str], Value], words: PictureWords
) -> list[PictureRow]:
    return [
        PictureRow(
            words.name_measure(f"effect_{step}_share"),
            values.get((ALL, ALL, f"effect_{step}_share")),
            low=values.get((ALL, ALL, f"effect_{step}_low_share")),
            high=values.get((ALL, ALL, f"effect_{step}_high_share")),
        )
        for step in STEPS
    ]
