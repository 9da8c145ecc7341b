"""What stands around the settings: files and switches that would change them unseen."""

from __future__ import annotations

import os
from collections.abc import Collection, Mapping

from dotenv import dotenv_values, find_dotenv

_SKIP = "FLASK_SKIP_DOTENV"


def find_unread_file(names: Collection[str]) -> str | None:
    """Returns what is wrong with a `.env` that sets one of `names`, in words; None if all is well.

    Commands would read it and the web server would not, so the two would be two installations.
    """
    for kind in (".flaskenv", ".env"):
        # As `flask` looks for it: in the working directory and in all above.
        path = find_dotenv(kind, usecwd=True)
        values = dotenv_values(path, encoding="utf-8") if path else {}
        if _is_skipped(values):
            continue
        known = [name for name in values if name.upper() in names or name.startswith("FLASK_")]
        if known:
            return (
                f"{path} sets {', '.join(sorted(known))}: commands would read it and the web server"
                f" would not; put settings into the environment, or set {_SKIP}=1"
            )
    return None


def _is_skipped(values: Mapping[str, str | None]) -> bool:
    """True if the environment, and not the file itself, says that no such file is read."""
    return _SKIP not in values and is_switched_on(os.environ.get(_SKIP, ""))


def is_switched_on(value: str) -> bool:
    """True for a value that Flask takes for yes: any but none, 0, false and no."""
    return value.lower() not in {"", "0", "false", "no"}
