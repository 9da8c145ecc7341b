"""Writes the audit trail: each action with its actor, subject and moment. Rows never change."""

from __future__ import annotations

import json
from collections.abc import Mapping

from sqlalchemy import text

from app.base.operation import Operation
from app.base.phone import Phone

# Inserts one audit row as a part of a larger statement; `audit_values` has its parameters.
AUDIT_FRAGMENT = """
    INSERT INTO audit_event (happened_at, actor, action, subject, approved_by, details)
    VALUES (:audit_at, :audit_actor, :audit_action, :audit_subject, :audit_approved_by,
        CAST(:audit_details AS jsonb))
"""
_INSERT = text(f"{AUDIT_FRAGMENT} RETURNING id")


def record_audit(operation: Operation, action: str, subject: str, **details: object) -> int:
    """Adds one actor's action to the audit trail. Returns the row's number.

    `subject` names one thing: `artisan:ID`, `phone:ENDS` (by `name_phone`), `agent:NUMBER`,
    `agency:CODE`, `client:ID`, `network:CODE`, `office:NAME`, `break:NUMBER`, `deposit:RECEIPT`,
    `file:NAME`, `campaign:NAME`, `notice:NAME`, `menus:VERSION`, `request:REFERENCE`, `key:ID`,
    `month:YYYY-MM`, `list:NUMBER`, `register`, `books`.
    """
    values = audit_values(operation, action, subject, details)
    return int(operation.connection.execute(_INSERT, values).scalar_one())


def record_decision(
    operation: Operation, action: str, subject: str, approved_by: str, **details: object
) -> int:
    """Adds an action of two people to the audit trail. Returns the row's number.

    `operation.actor` is the first person, `approved_by` the second.
    """
    values = audit_values(operation, action, subject, details)
    params = values | {"audit_approved_by": approved_by}
    return int(operation.connection.execute(_INSERT, params).scalar_one())


def audit_values(
    operation: Operation, action: str, subject: str, details: Mapping[str, object]
) -> dict[str, object]:
    """Returns the parameters of `AUDIT_FRAGMENT` for the action of one person."""
    return {
        "audit_at": operation.now,
        "audit_actor": operation.actor,
        "audit_action": action,
        "audit_subject": subject,
        "audit_approved_by": None,
        "audit_details": json.dumps(details),
    }


def name_phone(phone: Phone) -> str:
    """Returns the subject of an act on a phone, with the ends of its number alone."""
    return f"phone:{phone.masked}"
