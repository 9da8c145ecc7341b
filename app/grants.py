"""What the app's database role may do with each table, and the roles that migrations make.

The role that migrates owns every table. The app's role reads and adds; it changes and deletes only
what its decision says, and chooses no number of a row. A new table needs a decision here.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from sqlalchemy import Connection, Table, text

from app.base.database import metadata

_ALL = ("*",)


@dataclass(frozen=True, slots=True)
class Decision:
    """The rights of the app's role on a table, beside reading it.

    `changed` names the columns that it may change; `*` is all of them.
    """

    added: bool = True
    changed: tuple[str, ...] = ()
    deleted: bool = False


def _allow_changes(columns: str, *, deleted: bool = False) -> Decision:
    return Decision(changed=tuple(columns.split()), deleted=deleted)


_READ = Decision(added=False)
_KEPT = Decision()
_CHANGED = Decision(changed=_ALL)
_FORGOTTEN = Decision(deleted=True)
_FREE = Decision(changed=_ALL, deleted=True)

DECISIONS: dict[str, Decision] = {
    # Made by migrations alone.
    "alembic_version": _READ,
    "ledger_account": _READ,
    # Money, and who did what.
    "audit_event": _KEPT,
    "audit_seal": _KEPT,
    "cnss_answer": _KEPT,
    "cnss_batch": _allow_changes("name lines total_centimes content"),
    "cnss_line": _allow_changes("answer answered_on reason"),
    "consent": _KEPT,
    # A reversal alone gives a month back; a trigger says so.
    "contribution_allocation": _allow_changes("sent_at posted_on", deleted=True),
    # Changed by a deposit's and a reversal's trigger alone.
    "day_total": _READ,
    "deposit": _KEPT,
    "desk_act": _allow_changes("proposed_by proposed_at approved_by done_at"),
    "idempotency_key": _KEPT,
    "ledger_line": _KEPT,
    "ledger_transaction": _KEPT,
    "network_payment": _allow_changes(
        "code amount_centimes paid_at agent_number terminal status first_file_id first_line"
        " file_id line break_id"
    ),
    "member_call": _FORGOTTEN,
    "person_note": _FORGOTTEN,
    "presence": _allow_changes("tries_left began_at ends_at", deleted=True),
    "office_seat": _allow_changes("signed_in_at factor_at wrong_secrets pauses paused_until"),
    "payment_code": _allow_changes("state ended_at"),
    "payment_code_line": _KEPT,
    "reconciliation_break": _allow_changes(
        "state our_centimes their_centimes file_id line details owner method reason proposed_by"
        " proposed_at approvers_needed first_approved_by first_approved_at approved_by ended_at"
        " transaction_id audit_event_id"
    ),
    "uploaded_file": _allow_changes("state report ended_at content"),
    "reversal": _KEPT,
    "reversal_code": _allow_changes(
        "code_digest asked_by sent_at expires_at tries_left times_sent used_at"
    ),
    "settlement_file": _allow_changes(
        "first_day day lines report withdrawal_asked_by withdrawal_reason withdrawal_asked_at"
        " approvers_needed first_approved_by first_approved_at withdrawn_by withdrawn_at"
    ),
    "settlement_line": _KEPT,
    "till_close": _KEPT,
    "till_hand_over": _KEPT,
    # Figures as the books have them are made anew; what was published of them stays.
    "figure": _FREE,
    "figure_month": _CHANGED,
    "picture": _FREE,
    "published_figure": _KEPT,
    "published_month": _KEPT,
    "report_request": _allow_changes("state content made_at", deleted=True),
    "talk_day": _CHANGED,
    # Requests and messages: what was asked and told stays, how it went on changes.
    "api_bill": _allow_changes("was_paid"),
    "api_bill_day": _allow_changes("unpaid_bills unknown_look_ups half_used_at"),
    "api_request": _allow_changes(
        "state status answer reference completed_at callback_due_at callback_attempts"
    ),
    "campaign": _allow_changes("state budget spent approved_by due_at"),
    "campaign_recipient": _CHANGED,
    "claim": _FREE,
    "delivery_report": _allow_changes(
        "message_id outcome phone reason stopped times", deleted=True
    ),
    # Filled by move_ended_messages; who is forgotten is taken from them.
    "ended_event": _FORGOTTEN,
    "ended_message": _allow_changes("event_key phone"),
    "help_request": _allow_changes(
        "state changed_at phone artisan_id owner desk called_at outcome"
    ),
    "inbound_message": _allow_changes("answered from_stranger", deleted=True),
    "message": _CHANGED,
    "receipt_recipient": _allow_changes("language added_at"),
    "spending_day": _CHANGED,
    "outage": _allow_changes("ended_at"),
    # People, agents and the office, as they are by now; the audit has their changes.
    "agency": _CHANGED,
    "agent": _CHANGED,
    "agent_network": _CHANGED,
    "api_client": _CHANGED,
    "artisan": _FREE,
    "ended_tie": _FORGOTTEN,
    "enrolment_file": _FREE,
    "family_cover": _FREE,
    "office_authenticator": _FREE,
    "office_identity": _FREE,
    "office_passkey": _allow_changes("sign_count used_at", deleted=True),
    "office_recovery_code": _allow_changes("used_at", deleted=True),
    "office_unknown_name": _FREE,
    "backup_rehearsal": _KEPT,
    "books_gap": _KEPT,
    "books_check": _CHANGED,
    "menu_publication": _KEPT,
    "menu_version": _allow_changes("state check_began_at checked_at faults"),
    "notice_proposal": _CHANGED,
    "office_user": _CHANGED,
    "town": _CHANGED,
    "registry_import": _allow_changes(
        "created_ids left_as undone_at undone_by forgotten_at", deleted=True
    ),
    "registry_import_day": _FORGOTTEN,
    "registry_import_update": _allow_changes("earlier", deleted=True),
    # What is forgotten by age or by its owner's wish.
    "agent_lock": _FREE,
    "agent_session": _FREE,
    "artisan_phone": _FREE,
    "artisan_pin": _FREE,
    "funnel_day": _CHANGED,
    # Its days are dropped by forget_hop_days.
    "hop": _KEPT,
    "identification_attempt": _FREE,
    "notice": _FREE,
    "notice_text": _FREE,
    "number_attempt": _FREE,
    "payer_look_up": _FORGOTTEN,
    "office_form": _FORGOTTEN,
    "office_session": _FREE,
    "phone_preference": _FREE,
    "phone_profile": _FREE,
    "pin_attempt": _FREE,
    "pin_reset": _FREE,
    "provider_health": _CHANGED,
    "provider_opt_out": _FREE,
    "tie_code": _FREE,
}

# What the app's role uses beside tables; anything else there is it may neither use nor call.
SEQUENCES = {"receipt_serial": "USAGE"}
FUNCTIONS = (
    "account_version(bigint)",
    "forget_hop_days(timestamp with time zone)",
    "issue_payment_code(bigint, bigint, text, text, text, bigint, timestamp with time zone,"
    " timestamp with time zone, date[], bigint[], bigint[], text, text, text, text, smallint,"
    " smallint)",
    "issue_payment_codes(bigint[], bigint[], text[], text[], timestamp with time zone[], integer[],"
    " integer[], date[], bigint[], bigint[], bigint, timestamp with time zone, text)",
    "move_ended_messages(timestamp with time zone, integer)",
    "person_key(text)",
    "prepare_audit_months(date)",
    "prepare_hop_days(date)",
    "renew_statistics(text)",
)
# An import compares a file with the register in tables of its own.
DATABASE = "TEMPORARY"

# What opens something, or is a person's own words: the office's role does not read it.
SECRETS: dict[str, tuple[str, ...]] = {
    "agent": ("pin_hash",),
    "agent_session": ("token_digest",),
    "api_client": ("key_digest", "old_key_digest", "signing_key", "old_signing_key"),
    "artisan": ("cin_digest",),
    "artisan_pin": ("pin_hash",),
    "hop": ("caller", "inputs"),
    "message": ("body",),
    "office_session": ("token_digest", "challenge"),
    "office_authenticator": ("secret",),
    "office_recovery_code": ("code_digest",),
    # What was typed as a name: it may be a password.
    "office_unknown_name": ("name_digest",),
    "office_user": ("password_hash",),
    "pin_reset": ("code_digest",),
    "presence": ("code_digest",),
    "registry_import_update": ("earlier",),
    # What was asked for is read through its room alone.
    "report_request": ("content",),
    "reversal_code": ("code_digest",),
    "tie_code": ("code_digest",),
    "uploaded_file": ("content",),
}


def list_changed(table: str) -> tuple[str, ...]:
    """Returns the columns of a table that the app's role may change."""
    changed = DECISIONS[table].changed
    return tuple(metadata.tables[table].c.keys()) if changed == _ALL else changed


def list_rights() -> Iterator[tuple[str, str, str]]:
    """Yields privilege, kind and name of everything that the app's role may do: all, and no more.

    A column's name is `table.column`. What is granted and what `flask doctor` compares are this.
    """
    yield "SELECT", "column", "alembic_version.version_num"
    for table in metadata.tables.values():
        decision = DECISIONS[table.name]
        columns = {column.name for column in table.columns}
        chosen = {column.name for column in table.columns if not column.identity}
        changed = set(list_changed(table.name))
        added = chosen if decision.added else set()
        for privilege, names in (("SELECT", columns), ("INSERT", added), ("UPDATE", changed)):
            for name in names:
                yield privilege, "column", f"{table.name}.{name}"
        if decision.deleted:
            yield "DELETE", "table", table.name
    yield from ((privilege, "sequence", name) for name, privilege in SEQUENCES.items())
    yield from (("EXECUTE", "function", name) for name in FUNCTIONS)
    yield DATABASE, "database", ""


@dataclass(frozen=True, slots=True)
class GroupRoles:
    """The roles that cannot sign in, named after the database; logins are put into them."""

    app: str
    # Machines of an auditor: reads what is no secret.
    office: str
    # The office's pages: stands behind the wall (app/wall.py).
    desk: str

    def list_all(self) -> list[str]:
        return [self.app, self.office, self.desk]


def name_group_roles(connection: Connection) -> GroupRoles:
    database = connection.execute(text("SELECT current_database()")).scalar_one()
    return GroupRoles(f"{database}_app", f"{database}_office", f"{database}_desk")


def give_grants(connection: Connection) -> str:
    """Makes the group roles and gives them their grants, whatever they had before.

    Returns a sentence for the operator, who may have to make the roles.
    """
    roles = name_group_roles(connection)
    if not connection.execute(_OWNS_TABLES).scalar():
        return "grants: unchanged, the tables are another role's"
    if missing := _make_roles(connection, roles):
        made = "; ".join(f'CREATE ROLE "{name}" NOLOGIN' for name in missing)
        return f"grants: not given, this role may make no roles: have {made}; then once more"
    for statement in _list_statements(connection, roles):
        connection.execute(text(statement))
    return f"grants: given to {', '.join(roles.list_all())}"


_OWNS_TABLES = text("""
    SELECT pg_has_role(relowner, 'USAGE') FROM pg_class WHERE oid = to_regclass('alembic_version')
""")
_KNOWN_ROLES = text("SELECT rolname FROM pg_roles WHERE rolname = ANY(:names)")
_MAY_MAKE_ROLES = text(
    "SELECT rolsuper OR rolcreaterole FROM pg_roles WHERE rolname = current_user"
)
_OWNS_SCHEMA = text("""
    SELECT pg_has_role(nspowner, 'USAGE') FROM pg_namespace WHERE nspname = current_schema()
""")
_OWNS_DATABASE = text("""
    SELECT pg_has_role(datdba, 'USAGE') FROM pg_database WHERE datname = current_database()
""")
_OWN_SEQUENCES = text("""
    SELECT oid::regclass::text FROM pg_class
    WHERE relkind = 'S' AND relnamespace = current_schema()::regnamespace
        AND pg_has_role(relowner, 'USAGE')
""")
# A trigger's function runs by its trigger alone; an extension's are its own.
_OWN_FUNCTIONS = text("""
    SELECT oid::regprocedure::text FROM pg_proc p
    WHERE pronamespace = current_schema()::regnamespace AND pg_has_role(proowner, 'USAGE')
        AND prokind = 'f' AND prorettype NOT IN ('trigger'::regtype, 'event_trigger'::regtype)
        AND NOT EXISTS (SELECT FROM pg_depend d WHERE d.objid = p.oid AND d.deptype = 'e')
""")


def _make_roles(connection: Connection, roles: GroupRoles) -> list[str]:
    """Makes the roles that are not there. Returns those that this role may not make."""
    wanted = roles.list_all()
    known = connection.execute(_KNOWN_ROLES, {"names": wanted}).scalars().all()
    missing = [name for name in wanted if name not in known]
    if missing and not connection.execute(_MAY_MAKE_ROLES).scalar():
        return missing
    for name in missing:
        connection.execute(text(f"CREATE ROLE {quote(name)} NOLOGIN"))
    return []


def _list_statements(connection: Connection, roles: GroupRoles) -> Iterator[str]:
    app, office = quote(roles.app), quote(roles.office)
    schema = quote(connection.execute(text("SELECT current_schema()")).scalar_one())
    if connection.execute(_OWNS_SCHEMA).scalar():
        # Older servers let everybody make tables in it.
        yield f"REVOKE CREATE ON SCHEMA {schema} FROM PUBLIC, {app}, {office}, {quote(roles.desk)}"
        yield f"GRANT USAGE ON SCHEMA {schema} TO {app}, {office}, {quote(roles.desk)}"
    yield f"REVOKE ALL ON alembic_version FROM PUBLIC, {app}, {office}"
    yield f"GRANT SELECT ON alembic_version TO {app}, {office}"
    if connection.execute(_OWNS_DATABASE).scalar():
        database = quote(connection.execute(text("SELECT current_database()")).scalar_one())
        yield f"GRANT {DATABASE} ON DATABASE {database} TO {app}"
    for kind, own in (("SEQUENCE", _OWN_SEQUENCES), ("FUNCTION", _OWN_FUNCTIONS)):
        for name in connection.execute(own).scalars():
            yield f"REVOKE ALL ON {kind} {name} FROM PUBLIC, {app}, {office}"
    for name, privilege in SEQUENCES.items():
        yield f"GRANT {privilege} ON SEQUENCE {name} TO {app}"
    for name in FUNCTIONS:
        yield f"GRANT EXECUTE ON FUNCTION {name} TO {app}"
    yield f"GRANT EXECUTE ON FUNCTION person_key(text) TO {office}"
    for table in metadata.tables.values():
        yield f"REVOKE ALL ON {table.name} FROM PUBLIC, {app}, {office}"
        yield f"GRANT {_describe_grant(table)} ON {table.name} TO {app}"
        yield f"GRANT SELECT ({list_shown(table)}) ON {table.name} TO {office}"


def _describe_grant(table: Table) -> str:
    """Returns the privileges of the app's role. Raises: KeyError for a table without a decision."""
    decision = DECISIONS[table.name]
    grant = ["SELECT"]
    if decision.added:
        chosen = (column.name for column in table.columns if not column.identity)
        grant.append(f"INSERT ({', '.join(map(quote, chosen))})")
    if changed := list_changed(table.name):
        grant.append(f"UPDATE ({', '.join(map(quote, changed))})")
    if decision.deleted:
        grant.append("DELETE")
    return ", ".join(grant)


def list_shown(table: Table) -> str:
    """Returns the columns that are no secret, as a grant names them."""
    hidden = SECRETS.get(table.name, ())
    return ", ".join(quote(column.name) for column in table.columns if column.name not in hidden)


def quote(name: str) -> str:
    """Returns a name as SQL reads it, whatever is in it."""
    return '"' + name.replace('"', '""') + '"'
