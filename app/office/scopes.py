"""Which rows lie in a person's scope, as the application asks for them; the wall holds it again.

Every list has them as a filter, and whoever looks at one row or acts on it asks for them.
"""

from __future__ import annotations

from collections.abc import Mapping

from sqlalchemy import ColumnElement, Table, false, func, select, true

from app.office.rules import OfficeScope

# Where a row's region and its network stand: a column, or a column of the row which one names.
_REGIONS = {
    "artisan": "region",
    "deposit": "artisan_id.region",
    "help_request": "artisan_id.region",
    "presence": "artisan_id.region",
}
_NETWORKS = {
    "agency": "network",
    "agent": "agency_code.network",
    "agent_network": "code",
    "api_client": "network",
    "deposit": "network",
    "reconciliation_break": "network",
    "settlement_file": "network",
    "uploaded_file": "network",
}
# Requests that CNSS answers itself.
_CNSS_DESKS = ("enrolment", "claims")


def own_rows(role: str, scope: OfficeScope, table: Table) -> ColumnElement[bool]:
    """Selects the rows of a table in this scope: all for a role that has none."""
    if role == "chamber":
        return _stands_in(table, _REGIONS, scope.region)
    if role == "wafacash":
        return _stands_in(table, _NETWORKS, scope.network)
    if role == "helpdesk" and scope.desk:
        return _is_at_desk(table, (scope.desk,))
    if role == "cnss" and table.name == "help_request":
        return _is_at_desk(table, _CNSS_DESKS)
    return true()


def _stands_in(table: Table, places: Mapping[str, str], own: str | None) -> ColumnElement[bool]:
    place = places.get(table.name)
    if place is None or own is None:
        return false()
    name, _, beyond = place.partition(".")
    if not beyond:
        return table.c[name] == own
    (key,) = table.c[name].foreign_keys
    named = key.column.table
    return table.c[name].in_(select(key.column).where(named.c[beyond] == own))


def _is_at_desk(table: Table, desks: tuple[str, ...]) -> ColumnElement[bool]:
    """Selects the requests of some desks; the desk of a bank or of exporters sees nothing else."""
    if table.name != "help_request":
        return false()
    return func.coalesce(table.c.desk, table.c.kind).in_(desks)
