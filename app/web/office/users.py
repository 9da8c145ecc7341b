"""People of the office: who works here, what each may do; added, dismissed, reset."""

from __future__ import annotations

from typing import Any

from flask import Response
from pydantic import SecretStr
from werkzeug.exceptions import NotFound
from werkzeug.wrappers import Response as AnyResponse

from app.agents.models import agent_network
from app.agents.networks import list_networks
from app.base.errors import InvalidInput
from app.office.errors import NotOneself
from app.office.factors import remove_all_factors
from app.office.identities import tie_identity, untie_identity
from app.office.models import ROLES, office_user
from app.office.queries import USER_SORTING, find_office_user, list_office_user_page
from app.office.rights import RIGHTS, Right
from app.office.rules import OfficeScope, draw_password, name_key
from app.office.service import (
    ONE_TIME_FOR,
    NewOfficeUser,
    add_office_user,
    change_office_user,
    dismiss_office_user,
    reset_office_user,
)
from app.runtime import runtime
from app.text.regions import find_region, regions
from app.web.office.desk import act_on, add_to, here, look, own
from app.web.office.fields import done, read_choice, read_needed, read_text
from app.web.office.frame import may, office_page, pages
from app.web.office.shown_once import show_once
from app.web.office.tables import show_table

DESKS = ("bank", "dar", "export")
_USER = "/users/<name>"


@pages.get("/users")
@may(Right.SEE_USERS)
def users() -> Response:
    with look() as connection:
        rows = show_table(USER_SORTING, lambda asked: list_office_user_page(connection, asked))
    return office_page("users.html", users=rows, **_choices())


@pages.post("/users")
@may(Right.RUN_USERS)
def add_user() -> Response:
    """Adds a user, and shows the one-time password once."""
    password = SecretStr(draw_password(runtime().random))
    role = read_choice("role", ROLES[:-1])
    new = NewOfficeUser(read_needed("name", 60), role, _read_scope(role), password)
    with add_to(office_user) as change:
        kept = add_office_user(change, new)
    return _show_password(kept, password)


@pages.get(_USER)
@may(Right.SEE_USERS)
def user_page(name: str) -> Response:
    with look() as connection:
        found = find_office_user(connection, name)
    if found is None:
        raise NotFound
    rights = sorted(RIGHTS[found.role])
    acts = found.dismissed_at is None and name_key(name) != name_key(here().name)
    provider = bool(runtime().settings.oidc_issuer)
    return office_page(
        "user.html", one=found, rights=rights, acts=acts, provider=provider, **_choices()
    )


@pages.post(f"{_USER}/dismiss")
@may(Right.RUN_USERS)
def dismiss_user(name: str) -> AnyResponse:
    _refuse_oneself(name)
    with act_on(office_user, name) as change:
        dismiss_office_user(change, name)
    return done("user_page", "user_dismissed", name=name)


@pages.post(f"{_USER}/reset")
@may(Right.RUN_USERS)
def reset_user(name: str) -> Response:
    """Gives a user a new one-time password, shown once."""
    _refuse_oneself(name)
    password = SecretStr(draw_password(runtime().random))
    with act_on(office_user, name) as change:
        kept = reset_office_user(change, name, password)
    return _show_password(kept, password)


@pages.post(f"{_USER}/factors")
@may(Right.RUN_USERS)
def remove_factors_here(name: str) -> AnyResponse:
    """Removes the second factors of a user who lost them, and enrols others at the next sign-in."""
    _refuse_oneself(name)
    with act_on(office_user, name) as change:
        remove_all_factors(change, name)
    return done("user_page", "factors_removed", name=name)


@pages.post(f"{_USER}/identity")
@may(Right.RUN_USERS)
def change_identity(name: str) -> AnyResponse:
    """Ties a user to a subject of the provider of identities; left empty, to none."""
    _refuse_oneself(name)
    issuer, subject = runtime().settings.oidc_issuer, read_text("subject", 255)
    if not issuer:
        raise NotFound
    with act_on(office_user, name) as change:
        if subject:
            tie_identity(change, name, issuer, subject)
        else:
            untie_identity(change, name)
    return done("user_page", "identity_changed", name=name)


@pages.post(f"{_USER}/role")
@may(Right.RUN_USERS)
def change_user(name: str) -> AnyResponse:
    _refuse_oneself(name)
    role = read_choice("role", ROLES[:-1])
    scope = _read_scope(role)
    with act_on(office_user, name) as change:
        change_office_user(change, name, role, scope)
    return done("user_page", "user_changed", name=name)


def _refuse_oneself(name: str) -> None:
    """Raises: NotOneself; nobody changes what they themselves may do."""
    if name_key(name) == name_key(here().name):
        raise NotOneself()


def _read_scope(role: str) -> OfficeScope:
    """Returns the part that the role sees; fields of other roles count for nothing."""
    region, network, desk = (read_text(part, 60) for part in ("region", "network", "desk"))
    if role == "chamber":
        found = find_region(region)
        if found is None:
            raise InvalidInput(what="region", why="not_a_choice")
        return OfficeScope(region=found.latin)
    if role == "wafacash":
        if network not in _choices()["network_codes"]:
            raise InvalidInput(what="network", why="not_a_choice")
        return OfficeScope(network=network)
    if role == "helpdesk" and desk:
        if desk not in DESKS:
            raise InvalidInput(what="desk", why="not_a_choice")
        return OfficeScope(desk=desk)
    return OfficeScope()


def _choices() -> dict[str, Any]:
    """Returns the regions and networks that a user may be of."""
    with look() as connection:
        return {
            "regions": [one.latin for one in regions().values()],
            "network_codes": [one.code for one in list_networks(connection, own(agent_network))],
            "desks": list(DESKS),
            "roles": list(ROLES[:-1]),
        }


def _show_password(name: str, password: SecretStr) -> Response:
    until = runtime().clock() + ONE_TIME_FOR
    secrets = [("office.users.one_time", password)]
    return show_once(
        "office.users.password_of", name, secrets, until, ("user_page", {"name": name})
    )
