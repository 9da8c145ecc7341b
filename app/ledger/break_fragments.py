"""Parts of SQL by which another room's statement opens or closes many breaks at once.

A statement joins them with its own SELECT or FROM; nothing else writes breaks outside this room.
"""

# Followed by a SELECT of these columns.
OPEN_BREAKS = """
    INSERT INTO reconciliation_break
        (kind, network, receipt_number, code, our_centimes, their_centimes, file_id, line, details,
        opened_at)
"""
# Followed by FROM and WHERE; `b` is the break, `:now` the moment, `:details` what is added to it.
CLOSE_BREAKS = """
    UPDATE reconciliation_break b
    SET state = 'closed', ended_at = :now, details = b.details || CAST(:details AS jsonb)
"""
