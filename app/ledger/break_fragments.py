"""Parts of SQL with which another package's statement opens or closes many breaks at once.

The statement adds its own SELECT or FROM. Outside this package nothing else writes breaks.
"""

# Followed by a SELECT of these columns.
OPEN_BREAKS = """
    INSERT INTO reconciliation_break
        (kind, network, receipt_number, code, our_centimes, their_centimes, file_id, line, details,
        opened_at)
"""
# Followed by FROM and WHERE; `b` is the break, `:now` the moment, `:details` the JSON to add.
CLOSE_BREAKS = """
    UPDATE reconciliation_break b
    SET state = 'closed', ended_at = :now, details = b.details || CAST(:details AS jsonb)
"""
