"""Draws a menu as a Mermaid flowchart, straight from the checked screens."""

from app.ussd.menu import Menu, Screen

_SHAPES = {"do": ("[[", "]]"), "end": ("((", "))"), "input": ("[/", "/]"), "secret": ("[/", "/]")}


def draw_mermaid(menu: Menu) -> str:
    """Returns the chart: actions in double boxes, inputs in slanted ones, choices on the arrows."""
    lines = ["flowchart LR"]
    for screen in menu.screens.values():
        left, right = _SHAPES.get(screen.kind, ("[", "]"))
        lines.append(f"  {screen.name}{left}{screen.name}{right}")
        lines += [f"  {screen.name} -->|{word}| {target}" for word, target in _arrows_from(screen)]
    return "\n".join(lines)


def _arrows_from(screen: Screen) -> list[tuple[str, str]]:
    arrows = [(choice.digit, choice.target) for choice in screen.choices]
    arrows += list((screen.outcomes or {}).items())
    if screen.target:
        arrows.append((screen.keep, screen.target))
    return arrows
