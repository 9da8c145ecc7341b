"""nothing is booked for a deposit that was undone"""

from alembic import op

revision = "0016"
down_revision = "0015"
branch_labels = None
depends_on = None

# A deposit and its reversal are asked by check_deposit: a till waits for no second question.
UNDONE = """
CREATE FUNCTION check_undone() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF EXISTS (SELECT 1 FROM reversal WHERE receipt_number = NEW.receipt_number) AND EXISTS (
        SELECT 1 FROM ledger_line l JOIN ledger_transaction t ON t.id = l.transaction_id
            WHERE t.receipt_number = NEW.receipt_number
            GROUP BY l.account HAVING sum(l.amount_centimes) <> 0) THEN
        RAISE EXCEPTION 'a reversed deposit leaves nothing in any account'
            USING ERRCODE = 'check_violation';
    END IF;
    RETURN NULL;
END $$;
CREATE CONSTRAINT TRIGGER ledger_transaction_undone AFTER INSERT ON ledger_transaction
    DEFERRABLE INITIALLY DEFERRED FOR EACH ROW
    WHEN (NEW.receipt_number IS NOT NULL AND NEW.event NOT IN ('deposit', 'reversal'))
    EXECUTE FUNCTION check_undone();
"""


def upgrade() -> None:
    op.execute(UNDONE)


def downgrade() -> None:
    op.execute("DROP TRIGGER ledger_transaction_undone ON ledger_transaction")
    op.execute("DROP FUNCTION check_undone()")
