"""Pieces of SQL that several statements share: where a person is reached, and why not to."""

# Of artisan `a`: the phone, its language and its wish. A register without a phone leaves the one
# that was proven last; else, of those tied by papers, the one whose code was paid last, else the
# first: whoever knows the papers draws no reminder away from it. A language chosen on the phone
# comes before the register's.
REACHED = """
    CROSS JOIN LATERAL (SELECT coalesce(a.phone, (
        SELECT known.phone FROM artisan_phone known WHERE known.artisan_id = a.id
        ORDER BY known.way = 'papers', known.proven_at DESC, (
            SELECT max(paid.received_at) FROM deposit paid JOIN payment_code asked USING (code)
            WHERE asked.artisan_id = a.id AND asked.phone = known.phone
        ) DESC NULLS LAST, known.identified_at LIMIT 1)) AS phone) reached
    LEFT JOIN phone_profile chosen ON chosen.phone = reached.phone
    LEFT JOIN phone_preference wish ON wish.phone = reached.phone
"""
LANGUAGE = "coalesce(chosen.language, a.language) AS language"
WANTS_IT = "reached.phone IS NOT NULL AND wish.reminders IS NOT FALSE"

# Why artisan `a`, whose phone has the preference `wish`, need not hear of campaign `c`; else NULL.
WHY_NOT = """
    CASE WHEN c.state = 'cancelled' OR c.kind = 'notice' AND NOT EXISTS (
            SELECT FROM notice WHERE notice.name = c.notice) THEN 'campaign_cancelled'
        WHEN wish.reminders IS FALSE THEN 'stopped'
        WHEN a.rights_until >= c.covered_from OR EXISTS (SELECT FROM contribution_allocation paid
            WHERE paid.artisan_id = a.id AND paid.period = c.pays) THEN 'paid' END
"""
