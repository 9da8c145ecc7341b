"""Rules that the paid months and the months sent to CNSS must keep; money_rules.py has the rest."""

from __future__ import annotations

from collections.abc import Mapping

CNSS_RULES: Mapping[str, str] = {
    "a month that was sent to CNSS is in one batch, unless it was refused": """
        SELECT receipt_number || ' ' || period FROM cnss_line WHERE status = 'paid'
        GROUP BY receipt_number, period
        HAVING count(*) FILTER (WHERE answer IS DISTINCT FROM 'refused') > 1""",
    "a month that was settled and sent is in a batch": """
        SELECT s.receipt_number || ' ' || s.period FROM contribution_allocation s
        WHERE s.sent_at IS NOT NULL AND NOT EXISTS (SELECT 1 FROM cnss_line l
            WHERE l.receipt_number = s.receipt_number AND l.period = s.period
              AND l.status = 'paid')""",
    "what is payable to CNSS is what was settled and is neither posted nor refused": """
        WITH owed AS (
            SELECT s.receipt_number, sum(s.contribution_centimes + s.penalty_centimes) AS centimes
            FROM contribution_allocation s
            WHERE s.posted_on IS NULL AND NOT EXISTS (SELECT 1 FROM cnss_line l
                WHERE l.receipt_number = s.receipt_number AND l.period = s.period
                  AND l.answer = 'refused' AND s.sent_at IS NOT NULL
                  AND l.attempt = (SELECT max(attempt) FROM cnss_line m
                    WHERE m.receipt_number = l.receipt_number AND m.period = l.period
                      AND m.status = 'paid'))
            GROUP BY 1
        ), booked AS (
            SELECT t.reference AS receipt_number, -sum(l.amount_centimes) AS centimes
            FROM ledger_line l JOIN ledger_transaction t ON t.id = l.transaction_id
            WHERE l.account IN ('contributions_payable', 'penalties_payable')
            GROUP BY 1
        )
        SELECT coalesce(o.receipt_number, b.receipt_number)
        FROM owed o FULL JOIN booked b ON b.receipt_number = o.receipt_number
        WHERE coalesce(o.centimes, 0) <> coalesce(b.centimes, 0)""",
    "a batch has the lines and the total its file says": """
        SELECT b.name FROM cnss_batch b LEFT JOIN cnss_line l ON l.batch_id = b.id
        GROUP BY b.id, b.name, b.lines, b.total_centimes
        HAVING count(l.line) <> b.lines OR b.total_centimes <> coalesce(sum(
            CASE l.status WHEN 'reversed' THEN -1 ELSE 1 END
            * (l.contribution_centimes + l.penalty_centimes)), 0)""",
}
