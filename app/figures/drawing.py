"""Draws pictures as SVG, in a process of its own: what draws is large and slow to start.

`python -m app.figures.drawing` says that it is ready, then reads a specification a line and writes
a drawing a line, as JSON.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any, Literal

from app.figures.pictures import Picture, PictureRow, read_specification

# A machine may have much else to do, and this comes last.
_SECONDS = 300
_READY = "ready"
_LETTERS = "system-ui, Segoe UI, Noto Sans, Noto Sans Arabic, Noto Sans Tifinagh, sans-serif"
_GREEN, _DEEP, _INK, _LINE = "#0a5c48", "#06392d", "#16211d", "#d9d2c2"
_SERIES = ["#06392d", "#2f8f76", "#c9942e", "#a3331c"]
# Isolates that keep a right-to-left text in its order, whatever its numbers and signs.
_RIGHT_TO_LEFT, _END = "\u2067", "\u2069"
_WIDTH, _HEIGHT, _TILE = 460, 240, 74
# So many places, or so short ones, stand beside each other without being turned.
_PLACES_BESIDE, _SHORT_PLACE = 4, 5
_THOUSANDS = "replace(format(datum.value, ',.0f'), regexp(',', 'g'), ' ')"


class DrawingFailed(Exception):
    """The process that draws did not begin."""


@dataclass(frozen=True, slots=True)
class Drawing:
    """A picture as SVG; or None, and why it failed."""

    svg: str | None
    why: str = ""


def draw_pictures(specifications: Sequence[str]) -> list[Drawing]:
    """Returns the drawings of specifications, in their order.

    If one of them ends the process it has failed, and those behind it are left out.
    Raises: DrawingFailed.
    """
    asked = "".join(f"{json.dumps(one)}\n" for one in specifications)
    command = [sys.executable, "-m", "app.figures.drawing"]
    try:
        done = subprocess.run(
            command, input=asked, capture_output=True, text=True, timeout=_SECONDS, check=False
        )
        written, end = done.stdout, f"the process ended with {done.returncode}"
    except subprocess.TimeoutExpired as error:
        # Its output is bytes, whatever was asked for.
        written, end = bytes(error.stdout or b"").decode(), f"not done in {_SECONDS} s"
    except OSError as error:
        raise DrawingFailed(type(error).__name__) from error
    ready, *lines = written.split("\n")
    if ready != _READY:
        raise DrawingFailed(end)
    # What follows the last newline is no whole drawing.
    drawings = [Drawing(**json.loads(line)) for line in lines[:-1]]
    if len(drawings) < len(specifications):
        drawings.append(Drawing(None, end))
    return drawings


def draw(picture: Picture) -> str:
    """Returns the picture as SVG."""
    import vl_convert

    forms = {"bars": _draw_bars, "tiles": _draw_tiles, "intervals": _draw_intervals}
    chart = forms[picture.form](picture).properties(
        title=_write(picture.title, picture), background="white"
    )
    chart = chart.configure(font=_LETTERS).configure_view(stroke=None)
    chart = chart.configure_title(anchor=_start(picture), color=_INK, fontSize=15, offset=12)
    chart = chart.configure_axis(
        labelColor=_INK, titleColor=_INK, gridColor=_LINE, labelFontSize=12, titleFontSize=12
    ).configure_legend(labelFontSize=12, labelLimit=260, orient="bottom", columns=1)
    return str(vl_convert.vegalite_to_svg(chart.to_dict()))


def _draw_bars(picture: Picture) -> Any:
    import altair

    backwards = _is_backwards(picture)
    parts = list(dict.fromkeys(row.series for row in picture.rows))
    places = list(dict.fromkeys(_write(row.place, picture) for row in picture.rows))
    is_crowded = len(places) > _PLACES_BESIDE and max(map(len, places)) > _SHORT_PLACE
    chart = (
        altair.Chart(_give(picture), width=_WIDTH, height=_HEIGHT)
        .mark_bar(color=_GREEN)
        .encode(
            x=altair.X(
                "place:N",
                sort=None,
                title=None,
                scale=altair.Scale(domain=places, reverse=backwards),
                axis=altair.Axis(labelAngle=-30 if is_crowded else 0, labelLimit=200),
            ),
            y=altair.Y(
                "value:Q",
                title=_write(picture.measure, picture) if len(parts) == 1 else None,
                axis=altair.Axis(orient=_side(picture), labelExpr=_THOUSANDS, tickCount=6),
            ),
        )
    )
    if len(parts) == 1:
        return chart
    written = [_write(part, picture) for part in parts]
    return chart.encode(
        xOffset=altair.XOffset("series:N", sort=written, scale=altair.Scale(reverse=backwards)),
        color=altair.Color(
            "series:N",
            sort=written,
            title=None,
            scale=altair.Scale(domain=written, range=_SERIES[: len(written)]),
        ),
    )


def _draw_tiles(picture: Picture) -> Any:
    """Draws regions as tiles by their place in the country, which no direction of reading turns."""
    import altair

    base = altair.Chart(_give(picture)).encode(
        x=altair.X("column:O", axis=None), y=altair.Y("row:O", axis=None)
    )
    shade = altair.Color(
        "value:Q", scale=altair.Scale(range=["#dcebe5", _DEEP], domain=[0, 1]), legend=None
    )
    squares = base.mark_rect(invalid=None, stroke="white", strokeWidth=3, cornerRadius=6).encode(
        color=altair.condition("datum.value === null", altair.value("#eee7d8"), shade)
    )
    ink = altair.condition("datum.value > 0.5", altair.value("white"), altair.value(_INK))
    names = base.mark_text(fontSize=11, dy=-18, limit=_TILE * 1.55, lineBreak="\n").encode(
        text="place:N", color=ink
    )
    numbers = base.mark_text(fontSize=15, fontWeight="bold", dy=16).encode(
        text="written:N", color=ink
    )
    width = max((row.column for row in picture.rows), default=1)
    height = max((row.row for row in picture.rows), default=1)
    return altair.layer(squares, names, numbers).properties(
        width=width * _TILE * 1.6, height=height * _TILE * 0.85
    )


def _draw_intervals(picture: Picture) -> Any:
    import altair

    backwards = _is_backwards(picture)
    base = altair.Chart(_give(picture), width=_WIDTH, height=150).encode(
        y=altair.Y(
            "place:N",
            sort=None,
            title=None,
            axis=altair.Axis(orient=_side(picture), labelLimit=220),
        )
    )
    scale = altair.Scale(reverse=backwards)
    axis = altair.Axis(format="+.0%")
    lines = base.mark_rule(strokeWidth=3, color=_GREEN).encode(
        x=altair.X("low:Q", scale=scale, axis=axis, title=None), x2="high:Q"
    )
    points = base.mark_point(filled=True, size=120, color=_DEEP).encode(x="value:Q")
    zero = altair.Chart(altair.InlineData([{"at": 0}])).mark_rule(color=_INK, strokeDash=[4, 4])
    return altair.layer(zero.encode(x="at:Q"), lines, points)


def _give(picture: Picture) -> Any:
    import altair

    return altair.InlineData([_describe(row, picture) for row in picture.rows])


def _describe(row: PictureRow, picture: Picture) -> dict[str, Any]:
    place = _break_name(row.place) if picture.form == "tiles" else row.place
    return {
        "place": "\n".join(_write(line, picture) for line in place.split("\n")),
        "series": _write(row.series, picture),
        "value": row.value,
        "low": row.low,
        "high": row.high,
        "column": row.column,
        "row": row.row,
        "written": "" if row.value is None else f"{row.value * 100:.0f} %",
    }


def _break_name(name: str) -> str:
    """Breaks a region's long name in two lines, at a hyphen or blank near its middle."""
    places = [i for i, letter in enumerate(name) if letter in " -"]
    if len(name) < 12 or not places:
        return name
    middle = min(places, key=lambda i: abs(i - len(name) / 2))
    return f"{name[: middle + (name[middle] == '-')]}\n{name[middle + 1 :]}"


def _write(text: str, picture: Picture) -> str:
    backwards = _is_backwards(picture) and text
    return f"{_RIGHT_TO_LEFT}{text}{_END}" if backwards else text


def _is_backwards(picture: Picture) -> bool:
    return picture.direction == "rtl"


def _side(picture: Picture) -> Literal["left", "right"]:
    return "right" if _is_backwards(picture) else "left"


def _start(picture: Picture) -> str:
    return "end" if _is_backwards(picture) else "start"


def _try_to_draw(specification: str) -> Drawing:
    try:
        return Drawing(draw(read_specification(specification)))
    except Exception as error:
        return Drawing(None, f"{type(error).__name__}: {error}")


def main() -> None:
    import altair  # noqa: F401 - it is ready once it has what draws
    import vl_convert  # noqa: F401

    # Whatever else this machine does comes first.
    os.nice(5)
    _tell(_READY)
    for line in sys.stdin:
        _tell(json.dumps(asdict(_try_to_draw(json.loads(line)))))


def _tell(line: str) -> None:
    sys.stdout.write(f"{line}\n")
    sys.stdout.flush()


if __name__ == "__main__":
    main()
