"""what the database itself refuses: unbalanced books, changed history, a code paid wrongly"""

from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None

ACCOUNTS = {
    "agent_network_receivable": "Cash the agent network owes to CNSS",
    "contributions_payable": "Contributions to credit at CNSS",
    "penalties_payable": "Late penalties to credit at CNSS",
    "fees_payable": "Fees of the agent network",
}

KEPT_FOR_EVER = ("ledger_transaction", "ledger_line", "deposit", "payment_code_line", "audit_event")

GUARDS = """
CREATE FUNCTION refuse_change() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION '% rows are never changed or deleted', TG_TABLE_NAME
        USING ERRCODE = 'integrity_constraint_violation';
END $$;

-- A ledger transaction has two lines or more, and they sum to zero.
CREATE FUNCTION check_ledger_balance() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
    checked bigint;
    lines bigint;
    balance numeric;
BEGIN
    IF TG_TABLE_NAME = 'ledger_line' THEN
        checked := NEW.transaction_id;
    ELSE
        checked := NEW.id;
    END IF;
    SELECT count(*), coalesce(sum(amount_centimes), 0) INTO lines, balance
        FROM ledger_line WHERE transaction_id = checked;
    IF lines < 2 OR balance <> 0 THEN
        RAISE EXCEPTION 'ledger transaction % has % lines with balance %', checked, lines, balance
            USING ERRCODE = 'check_violation';
    END IF;
    RETURN NULL;
END $$;

-- What a code costs is what its lines say, over the periods it names.
CREATE FUNCTION check_code_lines() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
    wrong boolean;
BEGIN
    SELECT count(l.code) = 0
        OR sum(l.contribution_centimes) <> c.contribution_centimes
        OR sum(l.penalty_centimes) <> c.penalty_centimes
        OR min(l.period) <> c.first_period
        OR max(l.period) <> c.last_period
        INTO wrong
        FROM payment_code c LEFT JOIN payment_code_line l ON l.code = c.code
        WHERE c.code = NEW.code GROUP BY c.code;
    IF wrong THEN
        RAISE EXCEPTION 'the lines of a payment code do not make its amounts'
            USING ERRCODE = 'check_violation';
    END IF;
    RETURN NULL;
END $$;

-- A code leaves `issued` once, and nothing else about it ever changes.
CREATE FUNCTION check_code_change() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF OLD.state <> 'issued' OR NEW.state = 'issued'
       OR (to_jsonb(NEW) - 'state' - 'ended_at') <> (to_jsonb(OLD) - 'state' - 'ended_at') THEN
        RAISE EXCEPTION 'a payment code only goes from issued to paid, expired or cancelled'
            USING ERRCODE = 'integrity_constraint_violation';
    END IF;
    RETURN NEW;
END $$;

-- A paid code has its deposit, of its amount and artisan, fully settled and booked.
CREATE FUNCTION check_deposit() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
    checked text := NEW.code;
    wrong boolean;
BEGIN
    SELECT (c.state = 'paid') <> (d.code IS NOT NULL) OR (d.code IS NOT NULL AND (
            d.total_centimes <> c.total_centimes
            OR d.artisan_id <> c.artisan_id
            OR EXISTS (
                (SELECT period, contribution_centimes, penalty_centimes
                    FROM payment_code_line WHERE code = c.code
                 EXCEPT
                 SELECT period, contribution_centimes, penalty_centimes
                    FROM contribution_allocation
                    WHERE receipt_number = d.receipt_number AND artisan_id = d.artisan_id))
            OR d.total_centimes - c.fee_centimes IS DISTINCT FROM (
                SELECT sum(contribution_centimes + penalty_centimes)
                    FROM contribution_allocation WHERE receipt_number = d.receipt_number)
            OR d.total_centimes IS DISTINCT FROM (
                SELECT sum(l.amount_centimes) FROM ledger_line l
                    JOIN ledger_transaction t ON t.id = l.transaction_id
                    WHERE t.receipt_number = d.receipt_number AND t.event = 'deposit'
                      AND l.account = 'agent_network_receivable')))
        INTO wrong
        FROM payment_code c LEFT JOIN deposit d ON d.code = c.code WHERE c.code = checked;
    IF wrong THEN
        RAISE EXCEPTION 'a paid code needs one deposit of its amount, settled and booked'
            USING ERRCODE = 'check_violation';
    END IF;
    RETURN NULL;
END $$;

CREATE CONSTRAINT TRIGGER ledger_line_balance AFTER INSERT ON ledger_line
    DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION check_ledger_balance();
CREATE CONSTRAINT TRIGGER ledger_transaction_balance AFTER INSERT ON ledger_transaction
    DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION check_ledger_balance();
CREATE CONSTRAINT TRIGGER payment_code_lines AFTER INSERT ON payment_code
    DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION check_code_lines();
CREATE CONSTRAINT TRIGGER payment_code_line_sums AFTER INSERT ON payment_code_line
    DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION check_code_lines();
CREATE TRIGGER payment_code_change BEFORE UPDATE ON payment_code
    FOR EACH ROW EXECUTE FUNCTION check_code_change();
CREATE TRIGGER payment_code_kept BEFORE DELETE ON payment_code
    FOR EACH ROW EXECUTE FUNCTION refuse_change();
CREATE CONSTRAINT TRIGGER payment_code_paid AFTER UPDATE ON payment_code
    DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION check_deposit();
CREATE CONSTRAINT TRIGGER deposit_settled AFTER INSERT ON deposit
    DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION check_deposit();
"""


def upgrade() -> None:
    op.execute(GUARDS)
    for table in KEPT_FOR_EVER:
        op.execute(
            f"CREATE TRIGGER {table}_kept BEFORE UPDATE OR DELETE ON {table} "
            "FOR EACH ROW EXECUTE FUNCTION refuse_change()"
        )
        op.execute(
            f"CREATE TRIGGER {table}_not_emptied BEFORE TRUNCATE ON {table} "
            "FOR EACH STATEMENT EXECUTE FUNCTION refuse_change()"
        )
    for code, name in ACCOUNTS.items():
        op.execute(f"INSERT INTO ledger_account (code, name) VALUES ('{code}', '{name}')")  # noqa: S608


def downgrade() -> None:
    for table in KEPT_FOR_EVER:
        op.execute(f"DROP TRIGGER {table}_kept ON {table}")
        op.execute(f"DROP TRIGGER {table}_not_emptied ON {table}")
    op.execute(
        "DROP FUNCTION refuse_change, check_ledger_balance, check_code_lines, "
        "check_code_change, check_deposit CASCADE"
    )
    op.execute("DELETE FROM ledger_account")
