"""The wall: which rows the office's pages see, by the role, region and network of who is signed in.

The database holds it by itself (row-level security of a role of its own), whatever the pages check.
A transaction stands behind the wall from its first statement. A row that somebody acts on is locked
behind it, then the act runs in the app's role. A table without a rule is no reading of a page.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from functools import partial
from typing import Any

from psycopg.errors import InsufficientPrivilege
from sqlalchemy import Column, ColumnElement, Connection, Engine, Select, Table, select, text, true
from sqlalchemy.exc import ProgrammingError

from app.base.clock import utc_now
from app.base.database import change_tables, metadata
from app.grants import GroupRoles, list_changed, list_shown, name_group_roles, quote

_APART_FROM = 160000
_ROLE = "current_setting('maalem.role', true)"
_OWN = {scope: f"current_setting('maalem.{scope}', true)" for scope in ("region", "network")}
_DESK = "current_setting('maalem.desk', true)"
_NAME = "current_setting('maalem.name', true)"
_MOMENT = "nullif(current_setting('maalem.moment', true), '')::timestamptz"


@dataclass(frozen=True, slots=True)
class WallRule:
    """The rows of a table that are seen and acted on, and who adds to them, as SQL; else nobody.

    `:network` and `:kind` in `adds` are of the row that is added.
    """

    sees: str
    acts: str | None = None
    adds: str | None = None


def _roles(*names: str) -> str:
    """Allows these roles, and development's own user."""
    listed = ", ".join(f"'{name}'" for name in (*names, "office"))
    return f"{_ROLE} IN ({listed})"


def _own(role: str, scope: str, column: str | None = None) -> str:
    return f"({_ROLE} = '{role}' AND {column or scope} = {_OWN[scope]})"


def _show_with(table: str, column: str, own: str = "id") -> str:
    """Shows the rows whose `column` names a row of another table that is itself seen."""
    return f"EXISTS (SELECT FROM {table} seen WHERE seen.{own} = {column})"


_READER = _roles("auditor")
# The desk of the bank, of Dar Al Moukawil or of the exporters sees requests and no file.
_HELP = f"({_ROLE} = 'office' OR ({_ROLE} = 'helpdesk' AND coalesce({_DESK}, '') = ''))"
_PERSONS = f"{_READER} OR {_HELP} OR {_own('chamber', 'region')}"
_PERSON_ACTS = f"{_HELP} OR {_own('chamber', 'region')}"
_KNOWN = _show_with("artisan", "artisan_id")
# A chamber opens the file of who stands at its counter.
_AT_COUNTER = (
    "EXISTS (SELECT FROM presence here WHERE here.artisan_id = {table}.artisan_id"
    f" AND here.began_at IS NOT NULL AND here.ends_at > {_MOMENT})"
)
_OF_PHONE = (
    "EXISTS (SELECT FROM artisan seen WHERE seen.phone = {table}.phone)"
    " OR EXISTS (SELECT FROM artisan_phone tied WHERE tied.phone = {table}.phone)"
)
_NETWORKS = f"{_roles('auditor', 'operator')} OR {_own('wafacash', 'network')}"
_NETWORK_ACTS = f"{_roles()} OR {_own('wafacash', 'network')}"
_ADDS_TO_NETWORK = f"({_roles()} OR {_own('wafacash', 'network', ':network')})"
_MONEY_OF_NETWORK = f"{_READER} OR {_own('wafacash', 'network')}"
_OF_AGENCY = _show_with("agency", "agency_code", "code")
_SERVICE = _roles("operator", "auditor")
_AT_CNSS = _roles("cnss", "auditor")
_SEES_FIGURES = _roles("analyst", "chamber", "wafacash", "cnss", "operator", "auditor")
# Kinds of help that are CNSS's own. A desk of the bank, Dar Al Moukawil or the exporters is named
# as its kind is.
_CNSS_KINDS = "coalesce(desk, kind) IN ('enrolment', 'claims')"
# What CNSS refused is between CNSS and us; all else is between a network and us.
_OWN_BREAKS = (
    f"({_own('wafacash', 'network')} AND kind <> 'posting_refused')"
    f" OR ({_ROLE} = 'cnss' AND kind = 'posting_refused')"
)
_REQUESTS = (
    f"{_READER} OR ({_ROLE} = 'cnss' AND {_CNSS_KINDS})"
    f" OR ({_ROLE} = 'helpdesk' AND coalesce({_DESK}, '') IN ('', coalesce(desk, kind)))"
    f" OR ({_ROLE} = 'chamber' AND {_KNOWN})"
)


def _of_person(table: str) -> str:
    """Shows what is of a person who is seen; to a chamber, while that person is present."""
    present = _AT_COUNTER.format(table=table)
    return f"({_KNOWN} AND ({_ROLE} <> 'chamber' OR {present}))"


def _of_phone(table: str) -> str:
    return f"({_OF_PHONE.format(table=table)})"


# What needs no other table stands first: it is asked first, and the rest only where it fails.
RULES: dict[str, WallRule] = {
    # People, and what is theirs.
    "artisan": WallRule(_PERSONS, _PERSON_ACTS),
    "artisan_phone": WallRule(_KNOWN),
    "ended_tie": WallRule(_of_person("ended_tie")),
    "family_cover": WallRule(_of_person("family_cover")),
    "enrolment_file": WallRule(f"{_roles('cnss')} OR {_of_person('enrolment_file')}"),
    "claim": WallRule(f"{_roles('cnss')} OR {_of_person('claim')}", adds=_roles("cnss")),
    "payment_code": WallRule(_of_person("payment_code")),
    "payment_code_line": WallRule(_show_with("payment_code", "payment_code_line.code", "code")),
    "receipt_recipient": WallRule(_show_with("payment_code", "receipt_recipient.code", "code")),
    "deposit": WallRule(f"{_MONEY_OF_NETWORK} OR {_of_person('deposit')}"),
    "contribution_allocation": WallRule(_KNOWN),
    "reversal": WallRule(_show_with("deposit", "reversal.receipt_number", "receipt_number")),
    "phone_preference": WallRule(_of_phone("phone_preference")),
    "phone_profile": WallRule(_of_phone("phone_profile")),
    "consent": WallRule(_of_phone("consent")),
    "hop": WallRule(f"{_READER} OR {_HELP}"),
    "message": WallRule(
        f"{_SERVICE} OR ({_ROLE} IN ('helpdesk', 'chamber') AND {_of_phone('message')})"
    ),
    "ended_message": WallRule(
        f"{_SERVICE} OR ({_ROLE} IN ('helpdesk', 'chamber') AND {_of_phone('ended_message')})"
    ),
    "desk_act": WallRule(f"({_READER} OR {_HELP}) AND {_KNOWN}", f"{_HELP}"),
    "person_note": WallRule(f"({_READER} OR {_HELP}) AND {_KNOWN}"),
    "presence": WallRule(
        f"{_READER} OR officer = {_NAME}",
        f"officer = {_NAME} AND ends_at > {_MOMENT}",
        _roles("chamber"),
    ),
    "member_call": WallRule(_KNOWN),
    # Networks.
    "agent_network": WallRule(
        f"{_roles('auditor', 'operator', 'analyst')} OR {_own('wafacash', 'network', 'code')}",
        f"{_roles()} OR {_own('wafacash', 'network', 'code')}",
        _roles("operator"),
    ),
    "agency": WallRule(_NETWORKS, _NETWORK_ACTS, _ADDS_TO_NETWORK),
    "town": WallRule("true"),
    "agent": WallRule(
        _OF_AGENCY,
        f"{_roles('wafacash')} AND {_OF_AGENCY}",
    ),
    "agent_lock": WallRule(_show_with("agent", "agent_lock.number", "number")),
    "agent_session": WallRule(_show_with("agent", "agent_id")),
    "till_close": WallRule(_show_with("agent", "agent_id")),
    "till_hand_over": WallRule(_OF_AGENCY),
    "api_client": WallRule(_NETWORKS, _NETWORK_ACTS, _ADDS_TO_NETWORK),
    "reconciliation_break": WallRule(
        f"{_READER} OR {_OWN_BREAKS}", f"{_roles()} OR {_OWN_BREAKS}", _roles("wafacash")
    ),
    "uploaded_file": WallRule(
        f"{_MONEY_OF_NETWORK} OR ({_ROLE} = 'cnss' AND kind = 'cnss_answer')",
        adds=f"CASE :kind WHEN 'settlement' THEN {_ADDS_TO_NETWORK}"
        f" WHEN 'cnss_answer' THEN {_roles('cnss')} END",
    ),
    "settlement_file": WallRule(_MONEY_OF_NETWORK, _NETWORK_ACTS),
    # settlement_line has no rule: COPY, by which a file comes in, asks for a table without.
    "network_payment": WallRule(_MONEY_OF_NETWORK),
    # CNSS.
    "cnss_batch": WallRule(_AT_CNSS, _roles("cnss"), _roles("cnss")),
    "cnss_line": WallRule(
        f"{_AT_CNSS} OR ({_ROLE} IN ('helpdesk', 'chamber') AND"
        f" {_show_with('deposit', 'cnss_line.receipt_number', 'receipt_number')})",
        _roles("cnss"),
    ),
    "cnss_answer": WallRule(_AT_CNSS),
    "help_request": WallRule(_REQUESTS, f"({_REQUESTS}) AND {_ROLE} <> 'auditor'"),
    # What was published; a list is its asker's alone.
    "published_month": WallRule("true", adds=_roles("operator")),
    "figure_month": WallRule(_roles("operator")),
    "published_figure": WallRule(
        f"{_roles('analyst', 'cnss', 'operator', 'auditor')}"
        f" OR (cut = 'region' AND {_own('chamber', 'region', 'key')})"
        f" OR (cut = 'network' AND {_own('wafacash', 'network', 'key')})"
    ),
    "report_request": WallRule(
        f"asked_by = {_NAME}",
        adds=f"CASE :kind WHEN 'audit' THEN {_READER} WHEN 'figures' THEN {_SEES_FIGURES} END",
    ),
    # The service itself.
    "campaign": WallRule(_SERVICE, _roles("operator"), _roles("operator")),
    "campaign_recipient": WallRule(_SERVICE),
    "menu_publication": WallRule(_SERVICE, adds=_roles("operator")),
    "menu_version": WallRule(_SERVICE, _roles("operator"), _roles("operator")),
    "notice": WallRule(_SERVICE, _roles("operator")),
    "notice_proposal": WallRule(_SERVICE, _roles("operator"), _roles("operator")),
    "notice_text": WallRule(_SERVICE),
    "provider_health": WallRule(_SERVICE),
    "spending_day": WallRule(_SERVICE),
    "delivery_report": WallRule(_SERVICE),
    "registry_import": WallRule(_SERVICE),
    "office_user": WallRule(
        f"{_SERVICE} OR name = {_NAME}", _roles("operator"), _roles("operator")
    ),
    # Books and audit.
    "audit_event": WallRule(
        f"{_READER} OR ({_roles('helpdesk', 'chamber')} AND EXISTS (SELECT FROM artisan seen"
        " WHERE seen.id = CASE WHEN subject ~ '^artisan:[0-9]{1,18}$'"
        " THEN substr(subject, 9)::bigint END))"
    ),
    "audit_seal": WallRule(_READER),
    "books_check": WallRule(_roles("auditor", "operator")),
    "ledger_account": WallRule(_READER),
    "ledger_transaction": WallRule(_READER),
    "ledger_line": WallRule(_READER),
}


@dataclass(frozen=True, slots=True)
class Sight:
    """Name, role and scope of a person before the wall."""

    name: str
    role: str
    region: str | None = None
    network: str | None = None
    desk: str | None = None
    # An hour of its own, as a test has one; now, unless given.
    moment: datetime | None = None


_STAND = text("""
    SELECT set_config('maalem.name', :name, true), set_config('maalem.role', :role, true),
        set_config('maalem.region', :region, true), set_config('maalem.network', :network, true),
        set_config('maalem.desk', :desk, true), set_config('maalem.moment', :moment, true),
        set_config('role', current_database() || '_desk', true)
""")
_STEP_OUT = text("SELECT set_config('role', 'none', true)")


def stand_behind(connection: Connection, sight: Sight) -> None:
    """Shows the connection this person's rows alone, until the transaction ends."""
    values = {
        "name": sight.name,
        "role": sight.role,
        "region": sight.region or "",
        "network": sight.network or "",
        "desk": sight.desk or "",
        "moment": (sight.moment or utc_now()).isoformat(),
    }
    connection.execute(_STAND, values)


def step_out(connection: Connection) -> None:
    """Goes on in the app's role, for an act on what was locked behind the wall."""
    connection.execute(_STEP_OUT)


def hold(
    connection: Connection,
    table: Table,
    key: Any,
    column: Column[Any] | None = None,
    own_rows: ColumnElement[bool] | None = None,
) -> bool:
    """Locks a row to act on it; False if it is not there for this person, or not to be acted on.

    `own_rows` is what the application selects besides.
    """
    # As strong as the act itself: two who act on a row at once wait, and neither for the other.
    row = _select_row(table, key, column, own_rows).with_for_update(key_share=True)
    return connection.execute(row).first() is not None


def sees(
    connection: Connection,
    table: Table,
    key: Any,
    column: Column[Any] | None = None,
    own_rows: ColumnElement[bool] | None = None,
) -> bool:
    """True if a row is there for this person to be looked at; asked for as by `hold`."""
    return connection.execute(_select_row(table, key, column, own_rows)).first() is not None


def _select_row(
    table: Table, key: Any, column: Column[Any] | None, own_rows: ColumnElement[bool] | None
) -> Select[Any]:
    own = next(iter(table.primary_key.columns)) if column is None else column
    return select(own).where(own == key, true() if own_rows is None else own_rows)


def may_add(
    connection: Connection, table: Table, network: str | None = None, kind: str | None = None
) -> bool:
    """True if this person, behind the wall, may add a row of this network or kind to a table."""
    if (rule := RULES[table.name].adds) is None:
        return False
    asked, given = text(f"SELECT {rule}"), {"network": network, "kind": kind}
    row = {name: value for name, value in given.items() if f":{name}" in rule}
    return bool(connection.execute(asked, row).scalar())


def build_wall(engine: Engine) -> str:
    """Builds the wall anew, whatever it was before, by the role that owns the tables.

    Each table in a transaction of its own, so that people who call wait for none of them. Returns a
    sentence for the operator, who may have to let the app's role stand behind it.
    """
    with engine.begin() as connection:
        roles = name_group_roles(connection)
        # It reads by the rights of who calls it: behind the wall, what is seen there.
        reads = f"GRANT EXECUTE ON FUNCTION account_version(bigint) TO {quote(roles.desk)}"
        connection.execute(text(reads))
    for table in metadata.tables.values():
        change_tables(engine, partial(_wall_off, table, roles))
    with engine.begin() as connection:
        return _stand_app_behind(connection, roles)


def _wall_off(table: Table, roles: GroupRoles, connection: Connection) -> None:
    for statement in _list_statements(table, roles):
        connection.execute(text(statement))


def _stand_app_behind(connection: Connection, roles: GroupRoles) -> str:
    member = text("SELECT pg_has_role(:app, :desk, 'MEMBER')")
    if connection.execute(member, {"app": roles.app, "desk": roles.desk}).scalar():
        return f"wall: {roles.app} stands behind it as {roles.desk}"
    # Where the server can, the app has nothing by the desk until it stands behind the wall.
    version = int(connection.execute(text("SHOW server_version_num")).scalar_one())
    apart = " WITH INHERIT FALSE" if version >= _APART_FROM else ""
    join = f"GRANT {quote(roles.desk)} TO {quote(roles.app)}{apart}"
    try:
        with connection.begin_nested():
            connection.execute(text(join))
    except ProgrammingError as error:
        if not isinstance(error.orig, InsufficientPrivilege):
            raise
        return f"wall: the office's pages stay shut, this role may not say: {join}"
    return f"wall: {roles.app} stands behind it as {roles.desk}"


def _list_statements(table: Table, roles: GroupRoles) -> Iterator[str]:
    app, office, desk = map(quote, (roles.app, roles.office, roles.desk))
    name = table.name
    yield f"REVOKE ALL ON {name} FROM {desk}"
    for policy in ("wall_none", "wall_sees", "wall_acts"):
        yield f"DROP POLICY IF EXISTS {policy} ON {name}"
    if (rule := RULES.get(name)) is None:
        yield f"ALTER TABLE {name} DISABLE ROW LEVEL SECURITY"
        return
    yield f"ALTER TABLE {name} ENABLE ROW LEVEL SECURITY"
    yield f"GRANT SELECT ({list_shown(table)}) ON {name} TO {desk}"
    yield f"CREATE POLICY wall_none ON {name} TO {app}, {office} USING (true) WITH CHECK (true)"
    yield f"CREATE POLICY wall_sees ON {name} FOR SELECT TO {desk} USING ({rule.sees})"
    if rule.acts:
        # Locking asks for the right to change; the check lets nothing be changed.
        yield f"GRANT UPDATE ({quote(_lockable(table))}) ON {name} TO {desk}"
        yield (
            f"CREATE POLICY wall_acts ON {name} FOR UPDATE TO {desk}"
            f" USING ({rule.acts}) WITH CHECK (false)"
        )


def _lockable(table: Table) -> str:
    """Returns a column that the app's role may change as well."""
    return list_changed(table.name)[0]
