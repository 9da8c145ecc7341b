"""Signs in at the office, by password and second factor, and out."""

from __future__ import annotations

from functools import partial

import structlog
from flask import Response, g, redirect, request, url_for
from limits import RateLimitItemPerMinute
from pydantic import SecretStr
from werkzeug.wrappers import Response as AnyResponse

from app.base.errors import MaalemError
from app.base.operation import Operation, operation
from app.office.errors import OfficeSessionOver, SignInPaused, SignInRefused
from app.office.factors import list_factors, use_typed_code
from app.office.samples import SAMPLE_USERS
from app.office.service import add_sample_user
from app.office.sessions import (
    OfficeSession,
    SessionProof,
    begin_office_session,
    end_office_session,
    keep_challenge,
    prove_factor,
    take_challenge,
)
from app.office.sign_in import check_factor, check_secret, clear_wrong_secrets, take_seat
from app.runtime import runtime
from app.web.access import Audience, open_to
from app.web.office.frame import factor_page, find_database, pages, sign_in_page
from app.web.office.site import find_site
from app.web.office.tokens import (
    drop_token,
    keep_browser,
    keep_token,
    name_seat,
    read_browser,
    read_token,
)
from app.web.proxies import name_caller
from app.web.rate_limits import take_try
from app.web.refusals import Refusal

_PER_ADDRESS = RateLimitItemPerMinute(30)
_REFUSALS = (SignInRefused, SignInPaused, OfficeSessionOver)
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
    """Takes name and password, with the code or followed by it; or a passkey's answer."""
    if not take_try((_PER_ADDRESS, "office_address", name_caller(request.remote_addr or ""))):
        return sign_in_page(Refusal("too_many_tries"))
    if g.half_open and not request.form.get("password"):
        return _answer_factor(g.half_open)
    browser = read_browser()
    outcome = _check_password(name_seat(browser))
    _log.info("office_sign_in", request_id=g.request_id, outcome=getattr(outcome, "code", "in"))
    if isinstance(outcome, MaalemError):
        return sign_in_page(Refusal.of(outcome))
    token, awaited_of = outcome
    # Whose session it was in this browser is not who is asked for a code.
    g.office = None
    inside = url_for("office.first_page")
    answer: AnyResponse = factor_page(awaited_of) if awaited_of else redirect(inside, 303)
    keep_browser(answer, browser)
    keep_token(answer, token.get_secret_value())
    return answer


@pages.post("/sign-in/passkey")
@open_to(Audience.EVERYONE)
def ask_for_passkey() -> AnyResponse:
    """Gives the script of a half-open session what a passkey is to sign."""
    opened: OfficeSession | None = g.half_open
    if opened is None:
        return sign_in_page(Refusal("office_session_over"))
    from app.office.passkey_answers import ask_passkey

    maalem = runtime()
    with operation(find_database(), maalem.clock(), opened.name, opened.seat) as change:
        challenge = keep_challenge(change, maalem.random, opened.id)
        asked = ask_passkey(change.connection, find_site(), opened.name, challenge)
    return Response(asked, mimetype="application/json")


@pages.post("/sign-out")
@open_to(Audience.EVERYONE)
def leave() -> AnyResponse | Response:
    maalem, opened = runtime(), g.office or g.half_open
    if opened:
        with operation(maalem.office_database, maalem.clock(), opened.name) as change:
            end_office_session(change, SecretStr(read_token()))
    answer = redirect(url_for("office.entrance"), 303)
    drop_token(answer)
    return answer


def _check_password(seat: str) -> tuple[SecretStr, str] | MaalemError:
    """Returns a new session's token and whose second factor is awaited, or the refusal.

    What was counted against a refusal is kept.
    """
    maalem = runtime()
    typed, secret = request.form.get("name", ""), SecretStr(request.form.get("password", ""))
    code = request.form.get("otp", "")
    with operation(find_database(), maalem.clock(), "office", seat) as change:
        if typed in SAMPLE_USERS and not maalem.settings.production:
            add_sample_user(change, typed)
        try:
            row = check_secret(change, typed, secret)
            if row.sample and maalem.settings.production:
                return SignInRefused(by=typed)
            enrolled = list_factors(change.connection, row.name).any
            factor = None
            if enrolled and code:
                prove = partial(use_typed_code, change, maalem.keys, row.name, code)
                factor = check_factor(change, row.name, prove)
        except _REFUSALS as refused:
            return refused
        if not enrolled:
            clear_wrong_secrets(change, row.name)
        token = begin_session(change, row.name, SessionProof(seat, factor))
        return token, row.name if enrolled and not factor else ""


def begin_session(change: Operation, name: str, proof: SessionProof) -> SecretStr:
    """Begins a session in place of the one that this browser had, and returns its token."""
    # No copy of the one before may live on.
    if left := read_token():
        end_office_session(change, SecretStr(left))
    # Known is a browser only once everything was proven in it.
    if proof.factor or not list_factors(change.connection, name).any:
        take_seat(change, name)
    return begin_office_session(change, runtime().random, name, proof)


def _answer_factor(opened: OfficeSession) -> AnyResponse:
    """Opens a half-open session whole, if the second factor is right."""
    outcome = _prove(opened)
    _log.info("office_factor", request_id=g.request_id, outcome=getattr(outcome, "code", "in"))
    if isinstance(outcome, SignInRefused):
        return sign_in_page(Refusal("factor_refused"))
    if isinstance(outcome, MaalemError):
        return sign_in_page(Refusal.of(outcome))
    answer = redirect(url_for("office.first_page"), 303)
    keep_token(answer, outcome.get_secret_value())
    return answer


def _prove(opened: OfficeSession) -> SecretStr | MaalemError:
    maalem, name = runtime(), opened.name
    code, signed = request.form.get("otp", ""), request.form.get("passkey", "")
    with operation(find_database(), maalem.clock(), name, opened.seat) as change:

        def prove() -> str | None:
            if not signed:
                return use_typed_code(change, maalem.keys, name, code)
            from app.office.passkey_answers import use_passkey

            challenge = take_challenge(change, opened.id)
            if challenge and use_passkey(change, find_site(), name, signed, challenge):
                return "passkey"
            return None

        try:
            factor = check_factor(change, name, prove)
            take_seat(change, name)
            return prove_factor(change, maalem.random, opened.id, factor)
        except _REFUSALS as refused:
            return refused
