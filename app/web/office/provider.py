"""Signs in by another organisation's account, where the settings name its provider."""

from __future__ import annotations

from binascii import Error as BadText
from typing import TYPE_CHECKING

import structlog
from flask import g, redirect, request, url_for
from limits import RateLimitItemPerMinute
from pydantic import SecretStr
from werkzeug.exceptions import NotFound
from werkzeug.wrappers import Response as AnyResponse

from app.base.errors import MaalemError
from app.base.keys import KeyUnknown, Purpose
from app.base.operation import operation
from app.office.attempts import ATTEMPT_SECONDS, ProviderAttempt
from app.office.errors import IdentityUnknown, ProviderAway, ProviderRefused
from app.office.identities import find_user_of_identity
from app.office.sessions import SessionProof
from app.runtime import runtime
from app.web.access import Audience, open_to
from app.web.cookies import drop_cookie, keep_cookie, read_cookie
from app.web.office.frame import pages, sign_in_page
from app.web.office.sign_in import begin_session
from app.web.office.site import find_site
from app.web.office.tokens import keep_browser, keep_token, name_seat, read_browser
from app.web.proxies import name_caller
from app.web.rate_limits import take_try
from app.web.refusals import Refusal

if TYPE_CHECKING:
    from app.office.provider import IdentityProvider, ProvenIdentity

_COOKIE = "office_provider"
_PER_ADDRESS = RateLimitItemPerMinute(30)
_LONGEST_CODE = 2048
_log = structlog.get_logger("office")


@pages.get("/sign-in/provider")
@open_to(Audience.EVERYONE)
def ask_provider() -> AnyResponse:
    """Sends the browser to the provider. A link, because a form may lead to no other site."""
    maalem, provider = runtime(), _get_provider()
    if not take_try((_PER_ADDRESS, "office_provider", name_caller(request.remote_addr or ""))):
        return sign_in_page(Refusal("too_many_tries"))
    attempt = ProviderAttempt.draw(maalem.random, int(maalem.clock().timestamp()))
    try:
        answer = redirect(provider.write_request(attempt, _name_way_back()), 303)
    except ProviderAway as away:
        return sign_in_page(Refusal.of(away))
    sealed = maalem.keys.seal(Purpose.PROVIDER_ATTEMPT, attempt.write())
    keep_cookie(answer, _COOKIE, sealed, ATTEMPT_SECONDS)
    return answer


@pages.get("/sign-in/provider/back")
@open_to(Audience.EVERYONE)
def come_back() -> AnyResponse:
    """Takes the browser back from the provider: signed in, or refused with a reason."""
    browser = read_browser()
    outcome = _sign_in(name_seat(browser))
    _log.info("office_provider", request_id=g.request_id, outcome=getattr(outcome, "code", "in"))
    if isinstance(outcome, MaalemError):
        answer: AnyResponse = sign_in_page(Refusal.of(outcome))
    else:
        answer = redirect(url_for("office.first_page"), 303)
        keep_browser(answer, browser)
        keep_token(answer, outcome.get_secret_value())
    drop_cookie(answer, _COOKIE)
    return answer


def _sign_in(seat: str) -> SecretStr | MaalemError:
    """Returns a new session's token, or the refusal.

    Without a second factor proven there, our own follows in the session, as after a password.
    """
    maalem = runtime()
    try:
        proven = _read_identity(_get_provider())
        with operation(maalem.office_database, maalem.clock(), "office", seat) as change:
            issuer = maalem.settings.oidc_issuer
            name = find_user_of_identity(change.connection, issuer, proven.subject)
            factor = "provider" if proven.second_factor else None
            return begin_session(change, name, SessionProof(seat, factor, by_provider=True))
    except (ProviderAway, ProviderRefused, IdentityUnknown) as refused:
        return refused


def _read_identity(provider: IdentityProvider) -> ProvenIdentity:
    """Returns who the provider says came back. Raises: ProviderAway, ProviderRefused."""
    attempt, given = _read_attempt(), request.args
    now = int(runtime().clock().timestamp())
    if attempt is None or not attempt.is_answered_by(given.get("state", ""), now):
        raise ProviderRefused()
    # RFC 9207: the answer of another provider is none to this attempt.
    if given.get("iss", provider.issuer) != provider.issuer:
        raise ProviderRefused()
    code = given.get("code", "")
    if not 0 < len(code) <= _LONGEST_CODE:
        raise ProviderRefused()
    return provider.read_identity(attempt, _name_way_back(), code)


def _read_attempt() -> ProviderAttempt | None:
    try:
        sealed = read_cookie(request, _COOKIE)
        return ProviderAttempt.read(runtime().keys.open(Purpose.PROVIDER_ATTEMPT, sealed))
    except (KeyUnknown, ValueError, TypeError, BadText):
        return None


def _get_provider() -> IdentityProvider:
    """Returns the provider. Raises: NotFound if the settings name none."""
    provider = runtime().identity_provider
    if provider is None:
        raise NotFound
    return provider


def _name_way_back() -> str:
    return f"{find_site().address.rstrip('/')}{url_for('office.come_back')}"
