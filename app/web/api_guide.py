"""The guide of the payments API (docs/api.md) and its examples, as parts of a page."""

from __future__ import annotations

import re
from functools import cache
from typing import TYPE_CHECKING

from markupsafe import Markup

from app.settings import ROOT

if TYPE_CHECKING:
    from markdown_it.token import Token

EXAMPLES = ROOT / "examples"
_GUIDE = ROOT / "docs/api.md"


@cache
def read_guide() -> tuple[Markup, tuple[tuple[str, str], ...]]:
    """Returns the guide as HTML without its title, and its headings with their names in links."""
    # Sixty modules for this page alone: they are read when somebody asks for it.
    from markdown_it import MarkdownIt

    reader = MarkdownIt("commonmark", {"html": False}).enable("table")
    tokens = reader.parse(_GUIDE.read_text("utf-8"))
    after_title = next(place for place, each in enumerate(tokens) if each.type == "heading_close")
    tokens = tokens[after_title + 1 :]
    headings = []
    for place, token in enumerate(tokens):
        if token.type == "heading_open":
            text = tokens[place + 1].content
            name = re.sub(r"\W+", "-", text.lower()).strip("-")
            token.attrSet("id", name)
            headings.append((name, text))
        elif token.type == "inline":
            _turn_links(token)
        elif token.type == "table_open" or token.type == "fence":
            token.attrSet("tabindex", "0")
    page = reader.renderer.render(tokens, reader.options, {})
    return Markup(page), tuple(headings)  # noqa: S704 - our own document; HTML in it is escaped


def list_examples() -> list[str]:
    """Returns the names of the examples' files."""
    return sorted(path.name for path in EXAMPLES.iterdir() if path.suffix in {".py", ".js", ".php"})


def _turn_links(token: Token) -> None:
    """Turns links of the repository to where the service has the same files."""
    for child in token.children or ():
        if child.type == "link_open" and str(child.attrs.get("href", "")).startswith("../examples"):
            child.attrs["href"] = f"/docs/{str(child.attrs['href']).removeprefix('../')}"
