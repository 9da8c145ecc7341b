"""One's own account at the office: password, second factors, recovery codes and sessions."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from flask import Response, redirect, request, url_for
from markupsafe import Markup
from pydantic import SecretStr
from werkzeug.exceptions import NotFound
from werkzeug.wrappers import Response as AnyResponse

from app.base.errors import InvalidInput, MaalemError
from app.base.operation import Operation, operation
from app.office.authenticators import begin_authenticator, enrol_authenticator, write_address
from app.office.errors import SignInPaused, SignInRefused
from app.office.factors import list_factors, remove_factor
from app.office.recovery_codes import draw_recovery_codes
from app.office.rights import Right
from app.office.service import change_password
from app.office.sessions import (
    OfficeSession,
    Stage,
    begin_office_session,
    end_own_session,
    hold_office_session,
    keep_challenge,
    list_office_sessions,
    prove_factor,
    take_challenge,
)
from app.office.sign_in import check_secret, clear_wrong_secrets
from app.runtime import runtime
from app.web.office.desk import act, here
from app.web.office.frame import may, office_page, pages, session_times, while_at
from app.web.office.site import find_site
from app.web.office.tokens import drop_token, keep_token
from app.web.refusals import Refusal


@pages.get("/account")
@may(Right.OPEN_OFFICE)
@while_at(Stage.ENROLMENT)
def own_account() -> Response:
    return _account_page()


@pages.get("/account/password")
@may(Right.OPEN_OFFICE)
@while_at(Stage.PASSWORD)
def own_password() -> Response:
    return office_page("own_password.html")


@pages.post("/account/password")
@may(Right.OPEN_OFFICE)
@while_at(Stage.PASSWORD)
def choose_password() -> AnyResponse:
    """Replaces one's own password, and goes on in a new session: all others are over."""
    opened, maalem, fields = here(), runtime(), request.form
    if fields.get("new", "") != fields.get("again", ""):
        return office_page("own_password.html", 400, refusal=Refusal("passwords_differ"))

    def change(changing: Operation) -> SecretStr:
        old, new = SecretStr(fields.get("old", "")), SecretStr(fields.get("new", ""))
        change_password(changing, opened.name, old, new)
        return begin_office_session(changing, maalem.random, opened.name, opened.proof)

    token = _keep_count(change)
    if isinstance(token, InvalidInput):
        return office_page("own_password.html", 400, refusal=Refusal("password_weak"))
    if isinstance(token, MaalemError):
        refusal = _name_wrong_password(token)
        return office_page("own_password.html", refusal.status, refusal=refusal)
    answer = redirect(url_for("office.first_page"), 303)
    keep_token(answer, token.get_secret_value())
    return answer


@pages.get("/account/authenticator")
@may(Right.OPEN_OFFICE)
@while_at(Stage.ENROLMENT)
def authenticator() -> AnyResponse:
    """Shows the square that an authenticator app reads."""
    return _authenticator_page()


@pages.post("/account/authenticator")
@may(Right.OPEN_OFFICE)
@while_at(Stage.ENROLMENT)
def add_authenticator() -> AnyResponse:
    opened, maalem = here(), runtime()
    with act() as change:
        enrolled = enrol_authenticator(
            change, maalem.keys, opened.name, request.form.get("otp", "")
        )
        if enrolled:
            return _go_on_with_codes(change, opened, "authenticator")
    return _authenticator_page(Refusal("factor_refused"))


@pages.post("/account/passkey/new")
@may(Right.OPEN_OFFICE)
@while_at(Stage.ENROLMENT)
def ask_for_new_passkey() -> Response:
    """Gives the page's script what a browser is to make a passkey with."""
    from app.office.passkey_answers import ask_new_passkey

    opened, maalem = here(), runtime()
    with act() as change:
        challenge = keep_challenge(change, maalem.random, opened.id)
        asked = ask_new_passkey(change.connection, find_site(), opened.name, challenge)
    return Response(asked, mimetype="application/json")


@pages.post("/account/passkey")
@may(Right.OPEN_OFFICE)
@while_at(Stage.ENROLMENT)
def add_passkey() -> AnyResponse:
    from app.office.passkey_answers import enrol_passkey

    opened, label = here(), request.form.get("label", "")
    refused: MaalemError
    with act() as change:
        challenge = take_challenge(change, opened.id) or b""
        try:
            signed = request.form.get("passkey", "")
            enrol_passkey(change, find_site(), opened.name, label, signed, challenge)
            return _go_on_with_codes(change, opened, "passkey")
        except InvalidInput:
            return _account_page(Refusal("label_wrong"))
        except MaalemError as error:
            refused = error
    return _account_page(Refusal.of(refused))


@pages.post("/account/recovery-codes")
@may(Right.OPEN_OFFICE)
def renew_recovery_codes() -> AnyResponse:
    """Draws new recovery codes, after the password."""

    def draw(change: Operation) -> Response:
        codes = draw_recovery_codes(change, runtime().random, here().name)
        return office_page("recovery_codes.html", codes=codes)

    return _after_password(draw)


@pages.post("/account/factors/remove")
@may(Right.OPEN_OFFICE)
def remove_own_factor() -> AnyResponse:
    """Removes the app or a passkey, after the password; every session ends."""
    which = request.form.get("factor", "")

    def remove(change: Operation) -> AnyResponse:
        passkey = int(which) if which.isascii() and which.isdigit() and len(which) < 19 else None
        if (passkey is None and which != "authenticator") or not remove_factor(
            change, here().name, passkey
        ):
            raise NotFound
        answer = redirect(url_for("office.entrance"), 303)
        drop_token(answer)
        return answer

    return _after_password(remove)


@pages.post("/account/sessions/<int:number>/end")
@may(Right.OPEN_OFFICE)
def end_session(number: int) -> AnyResponse:
    opened = here()
    with act() as change:
        if number.bit_length() > 63 or not end_own_session(change, opened.name, number):
            raise NotFound
    return redirect(url_for("office.own_account"), 303)


def _account_page(refusal: Refusal | None = None) -> Response:
    opened, maalem = here(), runtime()
    with operation(maalem.office_database, maalem.clock(), opened.name) as reading:
        factors = list_factors(reading.connection, opened.name)
        sessions = list_office_sessions(
            reading.connection, opened.name, reading.now, session_times()
        )
    status = refusal.status if refusal else 200
    return office_page(
        "account.html",
        status,
        refusal=refusal,
        factors=factors,
        open_sessions=sessions,
        must_enrol=opened.stage is Stage.ENROLMENT,
    )


def _authenticator_page(refusal: Refusal | None = None) -> Response:
    import segno  # it draws for this page alone

    opened = here()
    with act() as change:
        secret = begin_authenticator(change, runtime().keys, opened.name)
    drawn = segno.make(write_address(secret, opened.name), error="m", micro=False)
    square = drawn.svg_inline(scale=5, border=4, omitsize=True, svgclass="square", lineclass=None)
    return office_page(
        "authenticator.html",
        refusal.status if refusal else 200,
        refusal=refusal,
        square=Markup(square),  # noqa: S704 - drawn here, of modules alone
        secret=secret,
    )


def _go_on_with_codes(change: Operation, opened: OfficeSession, factor: str) -> Response:
    """Goes on in a session that has proven the new factor; shows recovery codes, if there are none.

    They are drawn with the first factor, and shown this once.
    """
    maalem = runtime()
    token = prove_factor(change, maalem.random, opened.id, factor)
    if list_factors(change.connection, opened.name).recovery_codes:
        answer: Any = redirect(url_for("office.own_account"), 303)
    else:
        codes = draw_recovery_codes(change, maalem.random, opened.name)
        answer = office_page("recovery_codes.html", codes=codes)
    keep_token(answer, token.get_secret_value())
    return answer  # type: ignore[no-any-return]


def _after_password(act_on: Callable[[Operation], AnyResponse]) -> AnyResponse:
    """Does what needs the password again; a wrong one is counted and nothing is done."""
    opened = here()

    def change(changing: Operation) -> AnyResponse:
        secret = SecretStr(request.form.get("password", ""))
        check_secret(changing, opened.name, secret)
        hold_office_session(changing.connection, opened.id)
        clear_wrong_secrets(changing, opened.name)
        return act_on(changing)

    answer = _keep_count(change)
    return (
        _account_page(_name_wrong_password(answer)) if isinstance(answer, MaalemError) else answer
    )


def _keep_count(change: Callable[[Operation], Any]) -> Any:
    """Returns what comes of a change, or its refusal; what was counted against a wrong one stays.

    The change locks the user before the session, as a dismissal does.
    """
    opened, maalem = here(), runtime()
    now, name, seat = maalem.clock(), opened.name, opened.seat
    with operation(maalem.office_database, now, name, seat) as changing:
        try:
            return change(changing)
        except (SignInRefused, SignInPaused, InvalidInput) as refused:
            return refused


def _name_wrong_password(refused: MaalemError) -> Refusal:
    wrong = isinstance(refused, SignInRefused)
    return Refusal("password_wrong") if wrong else Refusal.of(refused)
