-- Guards of the ledger that read other rooms: the ledger knows neither receipts nor networks.

-- A reference is a deposit's receipt, and the metadata name a network that exists.
CREATE FUNCTION check_ledger_reference() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF NEW.reference IS NOT NULL AND NOT EXISTS (
        SELECT 1 FROM deposit WHERE receipt_number = NEW.reference) THEN
        RAISE EXCEPTION 'a ledger transaction refers to a deposit that is none'
            USING ERRCODE = 'foreign_key_violation';
    END IF;
    IF NOT EXISTS (SELECT 1 FROM agent_network WHERE code = NEW.metadata ->> 'network') THEN
        RAISE EXCEPTION 'a ledger transaction names no agent network'
            USING ERRCODE = 'foreign_key_violation';
    END IF;
    RETURN NULL;
END $$;

CREATE TRIGGER ledger_transaction_reference AFTER INSERT ON ledger_transaction
    FOR EACH ROW EXECUTE FUNCTION check_ledger_reference();

-- A network keeps its code once something of it is booked.
CREATE FUNCTION check_network_booked() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF EXISTS (SELECT 1 FROM ledger_transaction WHERE metadata ->> 'network' = OLD.code) THEN
        RAISE EXCEPTION 'the ledger has transactions of the agent network'
            USING ERRCODE = 'foreign_key_violation';
    END IF;
    RETURN OLD;
END $$;

CREATE CONSTRAINT TRIGGER agent_network_booked AFTER DELETE OR UPDATE OF code ON agent_network
    NOT DEFERRABLE FOR EACH ROW EXECUTE FUNCTION check_network_booked();

-- Nothing is booked for a reversed deposit. A deposit and its reversal are checked by
-- check_deposit: a till waits for no second check.
CREATE FUNCTION check_reversed_deposit() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF EXISTS (SELECT 1 FROM reversal WHERE receipt_number = NEW.reference) AND EXISTS (
        SELECT 1 FROM ledger_line l JOIN ledger_transaction t ON t.id = l.transaction_id
            WHERE t.reference = NEW.reference
            GROUP BY l.account HAVING sum(l.amount_centimes) <> 0) THEN
        RAISE EXCEPTION 'a reversed deposit leaves nothing in any account'
            USING ERRCODE = 'check_violation';
    END IF;
    RETURN NULL;
END $$;

CREATE CONSTRAINT TRIGGER ledger_transaction_reversed AFTER INSERT ON ledger_transaction
    DEFERRABLE INITIALLY DEFERRED FOR EACH ROW
    WHEN (NEW.reference IS NOT NULL AND NEW.event NOT IN ('deposit', 'reversal'))
    EXECUTE FUNCTION check_reversed_deposit();
