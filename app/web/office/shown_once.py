"""The page that shows a secret once: in the answer to the form that drew it, and nowhere else.

The form sent again, as by a reload, does nothing and shows nothing (app/office/forms.py).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime

from flask import Response, url_for
from pydantic import SecretStr

from app.web.office.frame import office_page


def show_once(
    title: str,
    of: str,
    secrets: Sequence[tuple[str, SecretStr]],
    until: datetime | None,
    back: tuple[str, Mapping[str, str]],
) -> Response:
    """Shows each secret under its words, whose it is, and until when it is good."""
    shown = [(words, secret.get_secret_value()) for words, secret in secrets]
    endpoint, values = back
    answer = office_page(
        "shown_once.html",
        title=title,
        of=of,
        secrets=shown,
        until=until,
        back=url_for(f"office.{endpoint}", **values),  # type: ignore[arg-type]
    )
    answer.headers["Cache-Control"] = "no-store"
    return answer
