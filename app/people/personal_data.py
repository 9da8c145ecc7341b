"""A person's rights by law 09-08: all that is kept of them as data, and to be forgotten.

The law keeps payments for ten years, and the trail of who did what: codes, deposits, months,
receipts and audit rows stay, under the RNA number alone. Everything else goes.
"""

from __future__ import annotations

import json
from collections.abc import Mapping

from sqlalchemy import Connection, delete, select, text

from app.assistance.service import forget_requests
from app.audit.service import record_audit
from app.base.operation import Operation
from app.claims.service import forget_claims
from app.enrolment.forgetting import forget_entry, list_sole_phones
from app.enrolment.models import artisan
from app.messaging.forgetting import forget_phones
from app.payments.codes import cancel_code
from app.people.errors import NotForgettable, PersonUnknown
from app.people.looks import record_look
from app.people.models import member_call, person_note, presence
from app.reminders.service import forget_recipient

_OF_PERSON = "artisan_id = :person"
_OF_CODES = "code IN (SELECT code FROM payment_code WHERE artisan_id = :person)"
_OF_RECEIPTS = "receipt_number IN (SELECT receipt_number FROM deposit WHERE artisan_id = :person)"
_OF_PHONES = "phone = ANY(:phones)"
# What is exported, and the rows of each table that are the person's.
EXPORTED: Mapping[str, str] = {
    "artisan": "id = :person OR merged_into = :person",
    **dict.fromkeys(
        (
            *("artisan_phone", "ended_tie", "artisan_pin", "pin_attempt", "pin_reset", "tie_code"),
            *("family_cover", "enrolment_file", "registry_import_update", "payment_code"),
            *("deposit", "contribution_allocation", "payer_look_up", "claim"),
            *("campaign_recipient", "desk_act", "person_note", "presence", "member_call"),
        ),
        _OF_PERSON,
    ),
    "help_request": "artisan_id = :person OR artisan_id IS NULL AND phone = ANY(:phones)",
    **dict.fromkeys(("payment_code_line", "receipt_recipient"), _OF_CODES),
    **dict.fromkeys(("reversal", "cnss_line"), _OF_RECEIPTS),
    **dict.fromkeys(
        (
            *("message", "ended_message", "inbound_message", "consent", "phone_preference"),
            *("provider_opt_out", "phone_profile", "identification_attempt", "delivery_report"),
        ),
        _OF_PHONES,
    ),
    "audit_event": "subject = 'artisan:' || CAST(:person AS text)",
}
# Opens something, or is ours alone: no part of an answer.
_HIDDEN = ("pin_hash", "code_digest", "cin_digest", "asked_by", "tried_by", "taken_by")


def export_person(
    operation: Operation, artisan_id: int, reason: str, role: str = ""
) -> dict[str, list[object]]:
    """Returns every row that is kept of a person, by table, and notes that it was given out.

    It is a look at all of it, for a reason of `looks.REASONS`, and the person can read that. Phones
    that lead to somebody else too are left out with what was sent to them.

    Raises: PersonUnknown.
    """
    connection = operation.connection
    _check_known(connection, artisan_id)
    params = {"person": artisan_id, "phones": list_sole_phones(connection, artisan_id)}
    told = {}
    for table, rows in EXPORTED.items():
        found = connection.execute(text(_ROWS.format(table=table, rows=rows)), params | _HIDE)
        told[table] = [json.loads(row) for row in found.scalars()]
    counts = {table: len(rows) for table, rows in told.items() if rows}
    record_look(operation, artisan_id, reason, ("export",), role)
    record_audit(operation, "person_exported", f"artisan:{artisan_id}", rows=counts)
    return told


def check_forgettable(connection: Connection, artisan_id: int) -> None:
    """Raises: NotForgettable while money or a request of the person is under way."""
    params = {"person": artisan_id, "phones": list_sole_phones(connection, artisan_id)}
    for why, rows in _UNDER_WAY.items():
        if connection.execute(text(f"SELECT EXISTS ({rows})"), params).scalar():
            raise NotForgettable(why=why)


def forget_person(operation: Operation, artisan_id: int) -> None:
    """Forgets all that the law does not keep. Raises: NotForgettable."""
    connection = operation.connection
    check_forgettable(connection, artisan_id)
    cancel_code(operation, artisan_id)
    phones = list_sole_phones(connection, artisan_id)
    forget_phones(operation, phones)
    forget_claims(operation, artisan_id)
    forget_requests(operation, artisan_id, phones)
    forget_recipient(operation, artisan_id)
    forget_entry(operation, artisan_id, phones)
    # The database lets notes go once their person is forgotten.
    connection.execute(delete(person_note).where(person_note.c.artisan_id == artisan_id))
    connection.execute(delete(presence).where(presence.c.artisan_id == artisan_id))
    connection.execute(delete(member_call).where(member_call.c.artisan_id == artisan_id))


def _check_known(connection: Connection, artisan_id: int) -> None:
    known = select(artisan.c.id).where(artisan.c.id == artisan_id)
    if connection.execute(known).scalar() is None:
        raise PersonUnknown(id=artisan_id)


# Filled with words of EXPORTED alone.
_ROWS = "SELECT CAST(to_jsonb(t) - CAST(:hidden AS text[]) AS text) FROM {table} t WHERE {rows}"
_HIDE = {"hidden": list(_HIDDEN)}
_UNDER_WAY: Mapping[str, str] = {
    "the person was forgotten before": """
        SELECT FROM artisan WHERE id = :person AND forgotten_at IS NOT NULL""",
    "the entry was merged into another, or another into it": """
        SELECT FROM artisan WHERE merged_into = :person OR id = :person AND merged_into > 0""",
    "CNSS has not posted every payment yet": """
        SELECT FROM contribution_allocation WHERE artisan_id = :person AND posted_on IS NULL""",
    "a break about a payment waits for two people": """
        SELECT FROM reconciliation_break b JOIN payment_code c ON c.code = b.code
        WHERE c.artisan_id = :person AND b.state IN ('open', 'proposed')""",
    "a request for help is open": """
        SELECT FROM help_request WHERE state IN ('open', 'taken')
            AND (artisan_id = :person OR artisan_id IS NULL AND phone = ANY(:phones))""",
    "a reimbursement is on its way": """
        SELECT FROM claim WHERE artisan_id = :person AND state NOT IN ('paid', 'refused')""",
}
