"""The audit trail: each change with its actor, its subject and its moment. Rows never change."""

from __future__ import annotations

import json

from sqlalchemy import text

from app.base.operation import Operation

# One audit row as a part of a larger statement; `audit_values` gives its parameters.
AUDIT_FRAGMENT = """
    INSERT INTO audit_event (happened_at, actor, action, subject, details)
    VALUES (:audit_at, :audit_actor, :audit_action, :audit_subject, CAST(:audit_details AS jsonb))
"""
_INSERT = text(AUDIT_FRAGMENT)


def record_audit(operation: Operation, action: str, subject: str, **details: object) -> None:
    """Adds one row to the audit trail. `subject` is `artisan:ID` or `break:NUMBER`."""
    operation.connection.execute(_INSERT, audit_values(operation, action, subject, **details))


def audit_values(
    operation: Operation, action: str, subject: str, **details: object
) -> dict[str, object]:
    """Returns the parameters of `AUDIT_FRAGMENT` for one row."""
    return {
        "audit_at": operation.now,
        "audit_actor": operation.actor,
        "audit_action": action,
        "audit_subject": subject,
        "audit_details": json.dumps(details),
    }
