"""Signs in at the office, and out."""

from __future__ import annotations

import structlog
from flask import Response, g, redirect, request, url_for
from limits import RateLimitItemPerMinute
from pydantic import SecretStr
from werkzeug.wrappers import Response as AnyResponse

from app.base.errors import MaalemError
from app.base.operation import operation
from app.office.errors import PasswordToChange, SignInPaused, SignInRefused
from app.office.samples import SAMPLE_USERS
from app.office.service import add_sample_user, sign_in_office_user
from app.office.sessions import begin_office_session, end_office_session
from app.runtime import runtime
from app.web.access import Audience, open_to
from app.web.office.frame import pages, sign_in_page
from app.web.office.tokens import drop_token, keep_token, read_token
from app.web.proxies import name_caller
from app.web.rate_limits import take_try
from app.web.refusals import Refusal

_PER_ADDRESS = RateLimitItemPerMinute(30)
_log = structlog.get_logger("office")


@pages.get("/sign-in")
@open_to(Audience.EVERYONE)
def entrance() -> AnyResponse:
    if g.office:
        return redirect(url_for("office.first_page"), 303)
    return sign_in_page()


@pages.post("/sign-in")
@open_to(Audience.EVERYONE)
def enter() -> AnyResponse:
    typed, secret = request.form.get("name", ""), SecretStr(request.form.get("password", ""))
    if not take_try((_PER_ADDRESS, "office_address", name_caller(request.remote_addr or ""))):
        return sign_in_page(Refusal("too_many_tries"))
    outcome = _sign_in(typed, secret)
    _log.info("office_sign_in", request_id=g.request_id, outcome=getattr(outcome, "code", "in"))
    if isinstance(outcome, MaalemError):
        return sign_in_page(Refusal.of(outcome))
    answer = redirect(url_for("office.first_page"), 303)
    keep_token(answer, outcome.get_secret_value())
    return answer


@pages.post("/sign-out")
@open_to(Audience.EVERYONE)
def leave() -> AnyResponse | Response:
    maalem = runtime()
    if g.office:
        with operation(maalem.office_database, maalem.clock(), g.office.name) as change:
            end_office_session(change, SecretStr(read_token()))
    answer = redirect(url_for("office.entrance"), 303)
    drop_token(answer)
    return answer


def _sign_in(typed: str, secret: SecretStr) -> SecretStr | MaalemError:
    """Returns a new session's token, or the refusal; what was counted against it is kept."""
    maalem = runtime()
    production = maalem.settings.production
    with operation(maalem.database, maalem.clock(), "office") as change:
        if typed in SAMPLE_USERS and not production:
            add_sample_user(change, typed)
        try:
            user = sign_in_office_user(change, typed, secret)
        except (SignInRefused, SignInPaused, PasswordToChange) as refused:
            return refused
        if user.sample and production:
            return SignInRefused(by=typed)
        return begin_office_session(change, maalem.random, user.name)
