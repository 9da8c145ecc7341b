"""The till's page on which an agent chooses a PIN: after a one-time PIN, or whenever wanted."""

import structlog
from flask import Response, g, redirect, request, url_for
from werkzeug.wrappers import Response as AnyResponse

from app.web.access import Audience, open_to
from app.web.refusals import Refusal
from app.web.till.pages import agent_here, pages, till_page
from app.web.till.sign_in import check_typed_pin, choose_new_pin, plain_digits

_log = structlog.get_logger("till")
_LONGEST_PIN = 64  # a longer one than the rules take is refused, not cut


@pages.get("/pin")
@open_to(Audience.AGENT)
def pin() -> Response:
    """Shows the fields of a new PIN; the PIN of before too, unless it is a one-time PIN."""
    return _show()


@pages.post("/pin")
@open_to(Audience.AGENT)
def choose_pin() -> AnyResponse:
    """Sets the new PIN. Every other session of the agent ends with the PIN of before."""
    refusal = None
    if not g.opened.must_choose:
        refusal = check_typed_pin(request.form.get("pin", ""))
    if refusal is None:
        typed, again = (
            plain_digits(request.form.get(name, ""), _LONGEST_PIN)
            for name in ("new_pin", "new_pin_again")
        )
        refusal = choose_new_pin(typed, again)
    outcome = refusal.code if refusal else "chosen"
    _log.info("pin", request_id=g.request_id, agent=agent_here().number, outcome=outcome)
    if refusal:
        return _show(refusal)
    return redirect(url_for("till.desk"), 303)


def _show(refusal: Refusal | None = None) -> Response:
    return till_page("till/pin.html", refusal.status if refusal else 200, refusal=refusal)
