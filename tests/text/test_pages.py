"""Pages: each fits, nothing is lost, nothing is said twice."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from app.text.encoding import Limits, fits
from app.text.pages import paginate

FRENCH = "aé 1€"
ARABIC = "ع ب1😀"
LINE = st.text(st.sampled_from(FRENCH), min_size=1, max_size=400) | st.text(
    st.sampled_from(ARABIC), min_size=1, max_size=200
)
# Lines as screens have them: no blanks at their ends, and not empty.
LINES = st.lists(LINE.map(str.strip).filter(bool), max_size=14)
unhurried = settings(deadline=None, max_examples=60)
LIMITS = st.sampled_from([Limits(160, 80), Limits(182, 80), Limits(60, 40)])


def footer(first: bool, more: bool) -> str:
    return " ".join(["0 Retour"] * (not first) + ["9 Suite"] * more)


def body(page: str, end: str) -> str:
    """The page without its footer, which must be there."""
    if not end:
        return page
    assert page == end or page.endswith("\n" + end), page
    return page.removesuffix(end).removesuffix("\n")


@unhurried
@given(LINES, LIMITS)
def test_paginate_fits_every_page_and_keeps_every_letter(lines: list[str], limits: Limits) -> None:
    pages = paginate(lines, footer, limits)
    assert all(fits(page, limits) for page in pages)
    bodies = [
        body(page, footer(place == 0, place < len(pages) - 1)) for place, page in enumerate(pages)
    ]
    # Cutting a long line may turn the blank it is cut at into a new line, and do nothing else.
    shown = "\n".join(bodies).split()
    assert "".join(shown) == "".join("\n".join(lines).split())


@unhurried
@given(LINES, LIMITS)
def test_paginate_never_cuts_a_line_that_fits(lines: list[str], limits: Limits) -> None:
    pages = paginate(lines, footer, limits)
    for line in lines:
        if fits(f"{line}\n0 Retour 9 Suite", limits):
            assert any(line in page.split("\n") for page in pages)


@unhurried
@given(LINES, st.integers(1, 5), LIMITS)
def test_paginate_keeps_choices_together_if_one_page_holds_them(
    lines: list[str], count: int, limits: Limits
) -> None:
    choices = [f"{digit} Oui" for digit in range(1, count + 1)]
    pages = paginate([*lines, *choices], footer, limits, together=count)
    assert all(fits(page, limits) for page in pages)
    assert sum("\n".join(choices) in page for page in pages) == 1


@unhurried
@given(st.text(st.sampled_from("abcde"), min_size=200, max_size=900))
def test_paginate_cuts_a_word_longer_than_a_page(word: str) -> None:
    pages = paginate([word], footer, Limits(160, 80))
    assert all(fits(page, Limits(160, 80)) for page in pages)
    assert "".join(page.split("\n")[0] for page in pages) == word


def test_paginate_cuts_a_long_line_between_words() -> None:
    first, second = paginate(["abcd " * 39 + "abcd"], footer, Limits(160, 80))
    assert first.split("\n")[0] == ("abcd " * 30).strip()
    assert second.split("\n")[0] == ("abcd " * 10).strip()


def test_paginate_returns_one_page_if_all_fits() -> None:
    assert paginate(["a" * 160], lambda _first, _more: "", Limits(160, 80)) == ["a" * 160]
    assert paginate(["a", "", "b"], footer, Limits(160, 80)) == ["a\nb"]
    assert paginate([], footer, Limits(160, 80)) == [""]


def test_paginate_refuses_a_footer_without_room_above_it() -> None:
    with pytest.raises(ValueError, match="no room"):
        paginate(["a" * 100], lambda _first, _more: "f" * 160, Limits(160, 80))
