"""The users of development: one a role, named and with a password like the role."""

from __future__ import annotations

from collections.abc import Mapping

from app.office.rules import OfficeScope

# Who acts in development if --by is left out.
SAMPLE_USER = "office"
SAMPLE_USERS: Mapping[str, OfficeScope] = {
    "analyst": OfficeScope(),
    "chamber": OfficeScope(region="Fès-Meknès"),
    "wafacash": OfficeScope(network="wafacash"),
    "cnss": OfficeScope(),
    "helpdesk": OfficeScope(),
    "operator": OfficeScope(),
    "auditor": OfficeScope(),
    SAMPLE_USER: OfficeScope(),
}
