"""Rates files that are not in force, to see the effect of another rule."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import yaml

from app.contributions import rates

SHIPPED = Path(rates.__file__).with_name("rates.yaml")


def read_shipped_rates() -> Any:
    """The shipped rates file as plain lists, dicts and text, free to be changed."""
    return yaml.load(SHIPPED.read_text(encoding="utf-8"), yaml.BaseLoader)


def write(folder: Path, change: Callable[[Any], object]) -> Path:
    """A rates file in `folder` like the shipped one but for `change`."""
    content = read_shipped_rates()
    change(content)
    path = folder / "rates.yaml"
    path.write_text(yaml.safe_dump(content), encoding="utf-8")
    return path


def rates_with(folder: Path, **rules: object) -> rates.Rates:
    """The shipped rates, but each rule named has always had the value given."""

    def change(content: Any) -> None:
        for name, value in rules.items():
            assert name in content
            content[name] = [{"from": "start", "value": value, "sure": "ASM", "source": "a test"}]

    return rates.load(write(folder, change))
