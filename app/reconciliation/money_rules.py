"""Rules that the books must keep, checked without any trigger.

Each rule is a query for the rows that break it; its one column names the row.
"""

from __future__ import annotations

from collections.abc import Mapping

from sqlalchemy import Connection, text

_MOST_NAMED = 20

RULES: Mapping[str, str] = {
    "every transaction has two lines or more and sums to zero": """
        SELECT t.id FROM ledger_transaction t LEFT JOIN ledger_line l ON l.transaction_id = t.id
        GROUP BY t.id HAVING count(l.account) < 2 OR sum(l.amount_centimes) <> 0""",
    "a paid code has one deposit that stands, a reversed one none, any other no deposit": """
        SELECT c.code FROM payment_code c
        LEFT JOIN deposit d ON d.code = c.code
        LEFT JOIN reversal r ON r.receipt_number = d.receipt_number
        GROUP BY c.code, c.state
        HAVING count(d.code) <> (c.state IN ('paid', 'reversed'))::int
            OR count(r.receipt_number) <> (c.state = 'reversed')::int""",
    "a deposit that stands is what was settled, its fee, and what went to suspense": """
        SELECT d.receipt_number FROM deposit d JOIN payment_code c ON c.code = d.code
        WHERE c.state <> 'reversed' AND d.total_centimes <> c.fee_centimes
            + coalesce((SELECT sum(contribution_centimes + penalty_centimes)
                FROM contribution_allocation s WHERE s.receipt_number = d.receipt_number), 0)
            - coalesce((SELECT sum(l.amount_centimes) FROM ledger_line l
                JOIN ledger_transaction t ON t.id = l.transaction_id
                WHERE t.reference = d.receipt_number AND t.event = 'deposit'
                  AND l.account = 'suspense'), 0)""",
    "a deposit is booked once, with what was received": """
        SELECT d.receipt_number FROM deposit d
        LEFT JOIN ledger_transaction t
            ON t.reference = d.receipt_number AND t.event = 'deposit'
        LEFT JOIN ledger_line l
            ON l.transaction_id = t.id AND l.account = 'agent_network_receivable'
        GROUP BY d.receipt_number, d.total_centimes
        HAVING count(DISTINCT t.id) <> 1 OR sum(l.amount_centimes) <> d.total_centimes""",
    "a reversed deposit settles nothing and leaves nothing in any account": """
        SELECT r.receipt_number FROM reversal r
        WHERE EXISTS (SELECT 1 FROM contribution_allocation s
                WHERE s.receipt_number = r.receipt_number)
            OR r.receipt_number IN (SELECT t.reference FROM reversal u
                JOIN ledger_transaction t ON t.reference = u.receipt_number
                JOIN ledger_line l ON l.transaction_id = t.id
                GROUP BY t.reference, l.account HAVING sum(l.amount_centimes) <> 0)""",
    "a reversal has what allowed it, with the names that the books have": """
        SELECT r.receipt_number FROM reversal r
        WHERE CASE r.allowance
            WHEN 'second_agent' THEN (SELECT count(*) FROM agent
                WHERE 'agent:' || number IN (r.made_by, r.approved_by)) <> 2
            WHEN 'artisan_code' THEN NOT EXISTS (SELECT 1 FROM reversal_code c
                WHERE c.receipt_number = r.receipt_number AND c.used_at = r.reversed_at)
            WHEN 'breaks' THEN NOT EXISTS (SELECT 1 FROM reconciliation_break b
                WHERE b.receipt_number = r.receipt_number AND b.method = 'reverse'
                  AND (b.proposed_by, b.approved_by) = (r.made_by, r.approved_by))
            ELSE false END
        OR NOT EXISTS (SELECT 1 FROM ledger_transaction t
            WHERE t.event = 'reversal' AND t.reference = r.receipt_number
              AND t.made_by = r.made_by AND t.approved_by IS NOT DISTINCT FROM r.approved_by)""",
    "no contribution is settled twice": """
        SELECT artisan_id || ' ' || period FROM contribution_allocation
        GROUP BY artisan_id, period HAVING count(*) > 1""",
    "a settled month is one of its deposit's code, as the code had it": """
        SELECT s.receipt_number || ' ' || s.period FROM contribution_allocation s
        JOIN deposit d ON d.receipt_number = s.receipt_number
        LEFT JOIN payment_code_line l ON l.code = d.code AND l.period = s.period
        WHERE l.code IS NULL OR d.artisan_id <> s.artisan_id
            OR (l.contribution_centimes, l.penalty_centimes)
                <> (s.contribution_centimes, s.penalty_centimes)""",
    "every amount is positive": """
        SELECT code FROM payment_code
            WHERE contribution_centimes <= 0 OR penalty_centimes < 0 OR fee_centimes < 0
        UNION ALL SELECT receipt_number FROM deposit WHERE total_centimes <= 0
        UNION ALL SELECT receipt_number FROM contribution_allocation
            WHERE contribution_centimes <= 0 OR penalty_centimes < 0""",
    "a code costs what its lines say": """
        SELECT c.code FROM payment_code c LEFT JOIN payment_code_line l ON l.code = c.code
        GROUP BY c.code HAVING count(l.code) = 0
            OR sum(l.contribution_centimes) <> c.contribution_centimes
            OR sum(l.penalty_centimes) <> c.penalty_centimes
            OR c.total_centimes <> c.contribution_centimes + c.penalty_centimes + c.fee_centimes""",
    "an artisan has one live code": """
        SELECT artisan_id::text FROM payment_code WHERE state = 'issued'
        GROUP BY artisan_id HAVING count(*) > 1""",
    "a deposit has the answer its request will get again": """
        SELECT d.receipt_number FROM deposit d WHERE NOT EXISTS
            (SELECT 1 FROM idempotency_key a WHERE a.receipt_number = d.receipt_number)""",
    "the totals of a day are the sums of its deposits that stand": """
        WITH counted AS (
            SELECT kind, key, day, sum(total_centimes) AS centimes FROM day_total GROUP BY 1, 2, 3
        ), summed AS (
            SELECT owner.kind, owner.key, d.received_on AS day, sum(d.total_centimes) AS centimes
            FROM deposit d LEFT JOIN reversal r ON r.receipt_number = d.receipt_number
            CROSS JOIN LATERAL (VALUES ('agent', d.agent_id::text), ('agency', d.agency_code),
                ('client', d.client_id)) AS owner (kind, key)
            WHERE d.received_on IS NOT NULL AND r.receipt_number IS NULL
                AND owner.key IS NOT NULL
            GROUP BY 1, 2, 3
        )
        SELECT kind || ' ' || key || ' ' || day FROM counted FULL JOIN summed USING (kind, key, day)
        WHERE coalesce(counted.centimes, 0) <> coalesce(summed.centimes, 0)""",
    "what a deposit left in suspense is a break for somebody to look at": """
        SELECT t.reference FROM ledger_transaction t
        JOIN ledger_line l ON l.transaction_id = t.id
        WHERE t.event = 'deposit' AND l.account = 'suspense' AND NOT EXISTS
            (SELECT 1 FROM reconciliation_break b WHERE b.receipt_number = t.reference
                AND b.kind = 'other_amount_sent')""",
    "a break that is resolved was booked with two names": """
        SELECT b.id::text FROM reconciliation_break b
        LEFT JOIN ledger_transaction t ON t.id = b.transaction_id
        LEFT JOIN audit_event e ON e.id = b.audit_event_id
        WHERE b.state = 'resolved' AND (num_nonnulls(t.id, e.id) <> 1
            OR coalesce(t.approved_by, e.approved_by) IS DISTINCT FROM b.approved_by
            OR b.approved_by = b.proposed_by)""",
    "no resolution charges a network for cash that nobody disputes": """
        WITH charge AS (
            SELECT b.id, b.network, b.reference, b.code, b.details, t.reference AS receipt,
                b.kind, sum(l.amount_centimes) AS centimes
            FROM reconciliation_break b
            JOIN ledger_transaction t ON t.id = b.transaction_id AND t.event = 'resolution'
            JOIN ledger_line l ON l.transaction_id = t.id
                AND l.account = 'agent_network_receivable'
            GROUP BY b.id, t.reference
        ), waiting AS (
            SELECT * FROM reconciliation_break WHERE state IN ('open', 'proposed')
        )
        SELECT max(c.id)::text FROM charge c
        LEFT JOIN network_payment p ON p.network = c.network AND p.reference = c.reference
        WHERE c.receipt IS NULL AND c.reference IS NOT NULL AND NOT EXISTS (SELECT 1 FROM waiting w
            WHERE w.network = c.network AND w.reference = c.reference)
        GROUP BY c.network, c.reference
        HAVING sum(c.centimes) > coalesce(
            max(p.amount_centimes) FILTER (WHERE p.status = 'paid'), 0)
        UNION ALL
        SELECT max(c.id)::text FROM charge c
        LEFT JOIN reversal r ON r.receipt_number = c.receipt
        JOIN deposit d ON d.receipt_number = c.receipt
        WHERE r.receipt_number IS NULL AND NOT EXISTS (SELECT 1 FROM waiting w
            WHERE w.network = c.network AND w.code = d.code)
        GROUP BY c.network, d.receipt_number
        HAVING sum(c.centimes) > 0 AND d.total_centimes + sum(c.centimes) > coalesce((
            SELECT max(p.amount_centimes) FROM network_payment p
            WHERE p.network = d.network AND p.code = d.code AND p.status = 'paid'), 0)
        UNION ALL
        SELECT c.id::text FROM charge c
        WHERE c.receipt IS NULL AND c.reference IS NULL AND c.kind <> 'not_owed'
            AND NOT EXISTS (SELECT 1 FROM waiting w WHERE w.details ->> 'of_break' = c.id::text)
            AND c.centimes + coalesce((SELECT sum(o.centimes) FROM charge o
                WHERE o.details ->> 'of_break' = c.id::text), 0) > 0""",
}


def find_broken_rules(connection: Connection, rules: Mapping[str, str]) -> dict[str, list[str]]:
    """Returns the rules that do not hold, each with the first rows that break it."""
    broken = {}
    for rule, sql in rules.items():
        if rows := connection.execute(text(f"{sql} LIMIT {_MOST_NAMED}")).scalars().all():
            broken[rule] = [str(row) for row in rows]
    return broken
