"""Cuts a screen's lines into pages that fit, each with its footer."""

from collections.abc import Callable, Sequence

from app.text.encoding import Limits, fits

Footer = Callable[[bool, bool], str]


def paginate(
    lines: Sequence[str], footer: Footer, limits: Limits, together: int = 0, after: int = 0
) -> list[str]:
    """Returns the pages of `lines`, in order; `footer(first, more)` ends a page.

    Lines stay whole where they fit; a line longer than a page is cut between words. The `together`
    lines before the last `after` stay on one page unless one page cannot hold them.

    Raises: ValueError if a footer alone leaves no room.
    """
    waiting = [line for line in lines if line]
    pages: list[str] = []
    while True:
        whole = _join(waiting, footer(not pages, False))
        if fits(whole, limits):
            return [*pages, whole]
        end = footer(not pages, True)
        count = 0
        while count < len(waiting) - 1 and fits(_join(waiting[: count + 1], end), limits):
            count += 1
        if not count:
            head, rest = _cut_line(waiting[0], end, limits)
            waiting = [head, *([rest] if rest else []), *waiting[1:]]
            count = 1
        elif 0 < (block := len(waiting) - after - together) < count < block + together:
            count = block
        pages.append(_join(waiting[:count], end))
        waiting = waiting[count:]


def begins_with_digit(line: str) -> bool:
    """True if the first letter that is seen is a digit, of any script: it reads as a key."""
    return next((c for c in line if c.isprintable() and c != " "), "").isnumeric()


def _join(lines: Sequence[str], end: str) -> str:
    return "\n".join([*lines, end] if end else lines)


def _cut_line(line: str, end: str, limits: Limits) -> tuple[str, str]:
    """Returns the longest beginning of `line` that fits above `end`, and the rest.

    The cut is at a space if there is one, and before a digit only where no other space is: a digit
    that begins a line reads as a key.
    """
    length = min(len(line), max(limits.septets, limits.ucs2))
    while length and not fits(_join([line[:length]], end), limits):
        length -= 1
    if not length:
        raise ValueError("the footer leaves no room on the screen")
    spaces = [place for place in range(1, length + 1) if line[place : place + 1] == " "]
    if length < len(line) and spaces:
        before_words = [place for place in spaces if not begins_with_digit(line[place:])]
        length = (before_words or spaces)[-1]
    return line[:length].rstrip(), line[length:].lstrip()
