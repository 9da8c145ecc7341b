"""Who gave a password to one of two people is no second person: the database refuses it too."""

from alembic import op

revision = "0056_givers_of_approvers"
down_revision = "0055_told_in_gap"
branch_labels = None
depends_on = None

# Table: the moment of the row, and its people.
_APPROVED = {
    "audit_event": ("happened_at", "actor", "approved_by"),
    "ledger_transaction": ("occurred_at", "made_by", "approved_by"),
    "reconciliation_break": (*("ended_at", "proposed_by", "first_approved_by", "approved_by"),),
}
# The rules of app/office/two_people.py, by the names as the database compares them.
_FUNCTION = """
CREATE FUNCTION refuse_given_approver() RETURNS trigger LANGUAGE plpgsql
    SET search_path = {schema}, pg_temp AS $$
DECLARE
    written CONSTANT jsonb := to_jsonb(NEW);
    moment CONSTANT timestamptz := coalesce(CAST(written ->> TG_ARGV[0] AS timestamptz), now());
    people CONSTANT text[] := ARRAY(SELECT person_key(written ->> argument)
        FROM unnest(TG_ARGV[1:]) AS argument WHERE written ->> argument IS NOT NULL);
    found text;
BEGIN
    WITH given AS (
        SELECT person_key(name) AS key, person_key(given_by) AS giver, given_at, created_at
        FROM office_user
        WHERE person_key(name) = ANY(people) AND given_by <> 'office'
            AND given_at > moment - INTERVAL '14 days'
    )
    SELECT one.giver INTO found FROM given one
    WHERE one.giver = ANY(people) OR EXISTS (SELECT FROM given other
        WHERE other.key <> one.key AND other.giver = one.giver
            AND ((one.given_at > one.created_at AND other.given_at > other.created_at)
                OR EXISTS (SELECT FROM office_user operator
                    WHERE operator.role = 'operator' AND NOT operator.sample
                        AND person_key(operator.name) <> one.giver
                        AND operator.created_at
                            < greatest(one.given_at, other.given_at) - INTERVAL '14 days'
                        AND (operator.dismissed_at IS NULL OR operator.dismissed_at
                            > greatest(one.given_at, other.given_at) - INTERVAL '14 days'))))
    LIMIT 1;
    IF found IS NOT NULL THEN
        RAISE EXCEPTION '% gave a password to one of the people of this approval', found
            USING ERRCODE = 'check_violation', CONSTRAINT = TG_TABLE_NAME || '_given_approver';
    END IF;
    RETURN NEW;
END $$
"""


def upgrade() -> None:
    schema = op.get_bind().exec_driver_sql("SELECT quote_ident(current_schema())").scalar_one()
    op.execute(_FUNCTION.format(schema=schema))
    for table, (moment, *people) in _APPROVED.items():
        arguments = ", ".join(f"'{name}'" for name in (moment, *people))
        op.execute(f"""
            CREATE TRIGGER {table}_given_approver BEFORE INSERT OR UPDATE ON {table}
            FOR EACH ROW WHEN (NEW.approved_by IS NOT NULL)
            EXECUTE FUNCTION refuse_given_approver({arguments})
        """)


def downgrade() -> None:
    for table in _APPROVED:
        op.execute(f"DROP TRIGGER {table}_given_approver ON {table}")
    op.execute("DROP FUNCTION refuse_given_approver()")
