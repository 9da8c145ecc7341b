"""what the database refuses of reversals, other amounts, breaks and postings"""

from alembic import op

revision = "0011"
down_revision = "0010"
branch_labels = None
depends_on = None

KEPT_FOR_EVER = ("reversal", "settlement_line", "till_close")

CODE_CHANGE = """
CREATE OR REPLACE FUNCTION check_code_change() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    -- From expired to paid only for cash of a moment at which the code was live.
    IF NOT (
            (OLD.state = 'issued' AND NEW.state IN ('paid', 'expired', 'cancelled'))
            OR (OLD.state = 'expired' AND NEW.state = 'paid' AND NEW.ended_at < OLD.expires_at)
            OR (OLD.state = 'paid' AND NEW.state = 'reversed'))
       OR (to_jsonb(NEW) - 'state' - 'ended_at') <> (to_jsonb(OLD) - 'state' - 'ended_at') THEN
        RAISE EXCEPTION 'a payment code does not go from % to %, nor change', OLD.state, NEW.state
            USING ERRCODE = 'integrity_constraint_violation';
    END IF;
    RETURN NEW;
END $$;
"""

DEPOSIT = """
CREATE OR REPLACE FUNCTION check_deposit() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
    checked text;
    wrong boolean;
BEGIN
    IF TG_TABLE_NAME = 'contribution_allocation' OR TG_TABLE_NAME = 'reversal' THEN
        SELECT code INTO checked FROM deposit
            WHERE receipt_number = coalesce(NEW.receipt_number, OLD.receipt_number);
    ELSE
        checked := NEW.code;
    END IF;
    -- One deposit for a code paid or reversed, none for any other; a reversal for a reversed one.
    SELECT (c.state IN ('paid', 'reversed')) <> (d.code IS NOT NULL)
        OR (c.state = 'reversed') <> (r.receipt_number IS NOT NULL)
        OR (d.code IS NOT NULL AND (
            d.artisan_id <> c.artisan_id
            OR d.received_at >= c.expires_at
            -- What is settled are months of this code as it had them, or none once reversed.
            OR EXISTS (
                (SELECT period, contribution_centimes, penalty_centimes, artisan_id
                    FROM contribution_allocation WHERE receipt_number = d.receipt_number
                 EXCEPT
                 SELECT period, contribution_centimes, penalty_centimes, c.artisan_id
                    FROM payment_code_line WHERE code = c.code AND c.state = 'paid'))
            -- What was received is what was settled, the fee, and what went to suspense.
            OR (c.state = 'paid' AND d.total_centimes - c.fee_centimes IS DISTINCT FROM (
                SELECT sum(contribution_centimes + penalty_centimes)
                    FROM contribution_allocation WHERE receipt_number = d.receipt_number)
                - (SELECT coalesce(sum(l.amount_centimes), 0) FROM ledger_line l
                    JOIN ledger_transaction t ON t.id = l.transaction_id
                    WHERE t.receipt_number = d.receipt_number AND t.event = 'deposit'
                      AND l.account = 'suspense'))
            OR d.total_centimes IS DISTINCT FROM (
                SELECT sum(l.amount_centimes) FROM ledger_line l
                    JOIN ledger_transaction t ON t.id = l.transaction_id
                    WHERE t.receipt_number = d.receipt_number AND t.event = 'deposit'
                      AND l.account = 'agent_network_receivable')
            -- A reversed deposit leaves nothing in the books.
            OR (c.state = 'reversed' AND EXISTS (
                SELECT 1 FROM ledger_line l JOIN ledger_transaction t ON t.id = l.transaction_id
                    WHERE t.receipt_number = d.receipt_number
                    GROUP BY l.account HAVING sum(l.amount_centimes) <> 0))))
        INTO wrong
        FROM payment_code c
        LEFT JOIN deposit d ON d.code = c.code
        LEFT JOIN reversal r ON r.receipt_number = d.receipt_number
        WHERE c.code = checked;
    IF wrong THEN
        RAISE EXCEPTION 'a paid code needs one deposit, settled and booked; a reversed one nothing'
            USING ERRCODE = 'check_violation';
    END IF;
    RETURN NULL;
END $$;
"""

OTHERS = """
-- A settled month only learns when CNSS was told and what it posted, or goes with its reversal.
CREATE FUNCTION check_settled_change() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF TG_OP = 'DELETE' THEN
        IF NOT EXISTS (SELECT 1 FROM reversal WHERE receipt_number = OLD.receipt_number) THEN
            RAISE EXCEPTION 'a settled month is given back by a reversal only'
                USING ERRCODE = 'integrity_constraint_violation';
        END IF;
        RETURN OLD;
    END IF;
    IF (to_jsonb(NEW) - 'sent_at' - 'posted_on') <> (to_jsonb(OLD) - 'sent_at' - 'posted_on')
       OR (OLD.posted_on IS NOT NULL AND NEW.posted_on IS DISTINCT FROM OLD.posted_on) THEN
        RAISE EXCEPTION 'a settled month does not change'
            USING ERRCODE = 'integrity_constraint_violation';
    END IF;
    RETURN NEW;
END $$;
CREATE TRIGGER contribution_allocation_change BEFORE UPDATE OR DELETE ON contribution_allocation
    FOR EACH ROW EXECUTE FUNCTION check_settled_change();
CREATE TRIGGER contribution_allocation_not_emptied BEFORE TRUNCATE ON contribution_allocation
    FOR EACH STATEMENT EXECUTE FUNCTION refuse_change();
CREATE CONSTRAINT TRIGGER contribution_allocation_of_deposit
    AFTER INSERT OR DELETE ON contribution_allocation
    DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION check_deposit();
CREATE CONSTRAINT TRIGGER reversal_whole AFTER INSERT ON reversal
    DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION check_deposit();

-- A break that has ended stays as it ended.
CREATE FUNCTION check_break_change() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF OLD.state IN ('resolved', 'closed') OR (NEW.kind, NEW.network, NEW.opened_at)
       IS DISTINCT FROM (OLD.kind, OLD.network, OLD.opened_at) THEN
        RAISE EXCEPTION 'a break that has ended does not change'
            USING ERRCODE = 'integrity_constraint_violation';
    END IF;
    RETURN NEW;
END $$;
CREATE TRIGGER reconciliation_break_change BEFORE UPDATE ON reconciliation_break
    FOR EACH ROW EXECUTE FUNCTION check_break_change();
CREATE TRIGGER reconciliation_break_kept BEFORE DELETE ON reconciliation_break
    FOR EACH ROW EXECUTE FUNCTION refuse_change();
"""

# As 0002 made them.
OLD_CODE_CHANGE = """
CREATE OR REPLACE FUNCTION check_code_change() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF OLD.state <> 'issued' OR NEW.state = 'issued'
       OR (to_jsonb(NEW) - 'state' - 'ended_at') <> (to_jsonb(OLD) - 'state' - 'ended_at') THEN
        RAISE EXCEPTION 'a payment code only goes from issued to paid, expired or cancelled'
            USING ERRCODE = 'integrity_constraint_violation';
    END IF;
    RETURN NEW;
END $$;
"""


def upgrade() -> None:
    for sql in (CODE_CHANGE, DEPOSIT, OTHERS):
        op.execute(sql)
    for table in KEPT_FOR_EVER:
        op.execute(
            f"CREATE TRIGGER {table}_kept BEFORE UPDATE OR DELETE ON {table} "
            "FOR EACH ROW EXECUTE FUNCTION refuse_change()"
        )
        op.execute(
            f"CREATE TRIGGER {table}_not_emptied BEFORE TRUNCATE ON {table} "
            "FOR EACH STATEMENT EXECUTE FUNCTION refuse_change()"
        )


def downgrade() -> None:
    """Refuses nothing less than before, but for the deposit's check, which 0002 made narrower."""
    for table in KEPT_FOR_EVER:
        op.execute(f"DROP TRIGGER {table}_kept ON {table}")
        op.execute(f"DROP TRIGGER {table}_not_emptied ON {table}")
    op.execute("DROP TRIGGER contribution_allocation_not_emptied ON contribution_allocation")
    op.execute("DROP TRIGGER contribution_allocation_of_deposit ON contribution_allocation")
    op.execute("DROP TRIGGER reversal_whole ON reversal")
    op.execute("DROP TRIGGER reconciliation_break_kept ON reconciliation_break")
    op.execute("DROP FUNCTION check_settled_change, check_break_change CASCADE")
    op.execute(OLD_CODE_CHANGE)
