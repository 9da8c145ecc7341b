"""Parts of SQL with which another package's statement opens many breaks at once.

The statement adds its own SELECT. Outside this package nothing else writes breaks.
"""

# Followed by a SELECT of these columns.
OPEN_BREAKS = """
    INSERT INTO reconciliation_break
        (kind, network, receipt_number, code, our_centimes, their_centimes, file_id, line, details,
        opened_at)
"""
