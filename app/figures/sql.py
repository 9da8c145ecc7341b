"""The statements that count a month: each row is one key of one cut, or the whole."""

from sqlalchemy import Text, column, text, values

from app.figures.measures import BREAK_AGES
from app.ledger.break_lists import AGE_CLASSES

# Region of a phone is not asked for: messages are counted by language.
NO_REGIONS = (
    values(column("phone", Text), column("region", Text), name="nowhere")
    .data([("", "")])
    .select()
    .subquery("nowhere")
)

_PERSON = """
    coalesce(nullif(a.region, ''), 'unknown') AS region,
    coalesce(nullif(a.trade, ''), 'unknown') AS trade,
    coalesce(a.category, 'unknown') AS category,
    coalesce(a.language, 'unknown') AS language
"""
_CUTS = "region, trade, category, language"
_SETS = "GROUPING SETS ((), (region), (trade), (category), (language))"

# The months in which people enrolled and in which their rights end; year 1 is never.
_CLASS = """
    date_trunc('month', a.enrolled_on)::date AS enrolled,
    coalesce(date_trunc('month', a.rights_until)::date, DATE '0001-01-01') AS until,
    coalesce(a.rights_until >= :on, false) AS lasts
"""
ENROLMENTS = text(f"""
    SELECT DISTINCT {_CLASS} FROM artisan a
    WHERE a.merged_into IS NULL AND a.enrolled_on <= :on
""")  # noqa: S608 - parts of our own
# A month is owed until it is allocated, whether CNSS has posted it or not.
REGISTER = text(f"""
    WITH class AS MATERIALIZED (
        SELECT * FROM jsonb_to_recordset(CAST(:classes AS jsonb)) AS given(
            enrolled date, until date, lasts boolean, rights text, owed_from date)
    ), people AS (
        SELECT a.id, {_PERSON}, a.enrolled_on IS NOT NULL AND a.enrolled_on <= :on AS is_enrolled,
            {_CLASS}
        FROM artisan a WHERE a.merged_into IS NULL
    ), judged AS (
        SELECT {_CUTS}, is_enrolled, class.rights, CASE WHEN is_enrolled THEN greatest(0,
            (extract(year FROM age(CAST(:current AS date), class.owed_from)) * 12
            + extract(month FROM age(CAST(:current AS date), class.owed_from)) + 1)
            - (SELECT count(*) FROM contribution_allocation paid
                WHERE paid.artisan_id = people.id
                    AND paid.period BETWEEN class.owed_from AND :current)) END AS owed
        FROM people LEFT JOIN class ON is_enrolled AND class.enrolled = people.enrolled
            AND class.until = people.until AND class.lasts = people.lasts
    )
    SELECT {_CUTS}, count(*) AS artisans,
        count(*) FILTER (WHERE is_enrolled) AS enrolled,
        count(*) FILTER (WHERE NOT is_enrolled) AS not_enrolled,
        count(*) FILTER (WHERE rights = 'open') AS rights_open,
        count(*) FILTER (WHERE rights = 'suspended') AS rights_suspended,
        count(*) FILTER (WHERE rights = 'closed') AS rights_closed,
        count(*) FILTER (WHERE rights = 'not_yet') AS rights_not_yet,
        count(*) FILTER (WHERE owed > 0) AS owing,
        count(*) FILTER (WHERE owed = 0) AS owing_nothing,
        count(*) FILTER (WHERE owed BETWEEN 1 AND 2) AS owing_1_to_2_months,
        count(*) FILTER (WHERE owed BETWEEN 3 AND 6) AS owing_3_to_6_months,
        count(*) FILTER (WHERE owed > 6) AS owing_over_6_months
    FROM judged GROUP BY {_SETS}
""")  # noqa: S608 - parts of our own

CODES = text(f"""
    WITH made AS (
        SELECT {_PERSON}, c.state, c.state = 'issued' AND c.expires_at <= :now AS is_over
        FROM payment_code c JOIN artisan a ON a.id = c.artisan_id
        WHERE c.issued_at >= :begin AND c.issued_at < :end
    )
    SELECT {_CUTS}, count(*) AS codes_made,
        count(*) FILTER (WHERE state = 'paid') AS codes_paid,
        count(*) FILTER (WHERE state = 'expired' OR is_over) AS codes_expired
    FROM made GROUP BY {_SETS}
""")  # noqa: S608 - parts of our own

# A deposit that was reversed is none. It is posted once CNSS posted all its months.
PAYMENTS = text(f"""
    WITH received AS (
        SELECT {_PERSON}, d.network, d.channel, d.artisan_id, d.total_centimes,
            (d.received_at AT TIME ZONE 'Africa/Casablanca')::date AS day,
            settled.is_posted, settled.posted_centimes
        FROM deposit d JOIN artisan a ON a.id = d.artisan_id
        LEFT JOIN LATERAL (
            SELECT bool_and(m.posted_on IS NOT NULL) AS is_posted,
                sum(m.contribution_centimes + m.penalty_centimes)
                    FILTER (WHERE m.posted_on IS NOT NULL) AS posted_centimes
            FROM contribution_allocation m WHERE m.receipt_number = d.receipt_number
        ) settled ON true
        WHERE d.received_at >= :begin AND d.received_at < :end
            AND NOT EXISTS (SELECT FROM reversal r WHERE r.receipt_number = d.receipt_number)
    )
    SELECT {_CUTS}, network, channel, day, count(*) AS paid,
        count(DISTINCT artisan_id) AS payers, sum(total_centimes) AS paid_dirhams,
        count(*) FILTER (WHERE is_posted) AS posted,
        count(DISTINCT artisan_id) FILTER (WHERE is_posted) AS posted_payers,
        sum(posted_centimes) FILTER (WHERE is_posted) AS posted_dirhams
    FROM received GROUP BY
        GROUPING SETS ((), (region), (trade), (category), (language), (network), (channel), (day))
""")  # noqa: S608 - parts of our own

# None ended before it was sent: months before need not be read.
_SENT = """
        SELECT id, language, provider, phone, state FROM message
        WHERE sent_at >= :begin AND sent_at < :end
        UNION ALL SELECT id, language, provider, phone, state FROM ended_message
        WHERE sent_at >= :begin AND sent_at < :end AND ended_at >= :begin
"""
REMINDERS = text(f"""
    WITH sent AS (
        SELECT {_PERSON} FROM ({_SENT}) m
        JOIN campaign_recipient r ON r.message_id = m.id
        JOIN campaign c ON c.id = r.campaign_id AND c.kind = 'reminder'
        JOIN artisan a ON a.id = r.artisan_id
        WHERE m.state IN ('sent', 'unknown', 'delivered', 'unreported')
    )
    SELECT {_CUTS}, count(*) AS reminders_sent FROM sent GROUP BY {_SETS}
""")  # noqa: S608 - parts of our own

_REQUEST = _PERSON.replace("a.language", "coalesce(a.language, r.language)")
REQUESTS = text(f"""
    WITH asked AS (
        SELECT {_REQUEST} FROM help_request r LEFT JOIN artisan a ON a.id = r.artisan_id
        WHERE r.asked_at >= :begin AND r.asked_at < :end
    )
    SELECT {_CUTS}, count(*) AS requests FROM asked GROUP BY {_SETS}
""")  # noqa: S608 - parts of our own
REQUESTS_WAITING = text(f"""
    WITH waiting AS (
        SELECT {_REQUEST}, extract(day FROM :now - r.asked_at) AS age
        FROM help_request r LEFT JOIN artisan a ON a.id = r.artisan_id
        WHERE r.state IN ('open', 'taken') AND r.asked_at < :end
    )
    SELECT {_CUTS}, count(*) AS requests_waiting,
        round(percentile_cont(0.5) WITHIN GROUP (ORDER BY age)) AS requests_waiting_days
    FROM waiting GROUP BY {_SETS}
""")  # noqa: S608 - parts of our own

MESSAGES = text(f"""
    SELECT language, coalesce(provider, 'unknown') AS provider, count(*) AS sms,
        count(*) FILTER (WHERE state = 'delivered') AS sms_delivered,
        count(DISTINCT phone) AS sms_phones
    FROM ({_SENT}) m WHERE state IN ('sent', 'unknown', 'delivered', 'failed', 'unreported')
    GROUP BY GROUPING SETS ((), (language), (coalesce(provider, 'unknown')))
""")  # noqa: S608 - parts of our own
MESSAGES_WAITING = text("""
    WITH waiting AS (
        SELECT coalesce(provider, 'unknown') AS provider FROM message
        WHERE state IN ('queued', 'sending')
    )
    SELECT provider, count(*) AS sms_waiting FROM waiting GROUP BY GROUPING SETS ((), (provider))
""")

# The classes of age are those of the breaks' own pages.
_AGES = " ".join(
    f"WHEN opened_at > CAST(:now AS timestamptz) - INTERVAL '{days} days' THEN '{name}'"
    for days, name in zip(AGE_CLASSES, BREAK_AGES[:-1], strict=True)
)
BREAKS = text(f"""
    WITH waiting AS (
        SELECT network, CASE {_AGES} ELSE '{BREAK_AGES[-1]}' END AS break_age
        FROM reconciliation_break
        WHERE state IN ('open', 'proposed') AND opened_at < :end
    )
    SELECT network, break_age, count(*) AS breaks_open FROM waiting
    GROUP BY GROUPING SETS ((), (network), (break_age))
""")  # noqa: S608 - parts of our own

# A talk belongs to the day and the language of its first hop.
TALKS = text("""
    WITH talk AS (
        SELECT session, min(at) AS began,
            (array_agg(language ORDER BY at, revision))[1] AS language,
            bool_or(screen = ANY(:seen)) AS saw_dues, bool_or(screen = ANY(:codes)) AS saw_code
        FROM hop WHERE at >= CAST(:begin AS timestamptz) - INTERVAL '1 hour'
            AND at < CAST(:end AS timestamptz) + INTERVAL '1 hour' AND how <> 'dropped'
        GROUP BY session
    )
    SELECT language, count(*) AS dialled, count(*) FILTER (WHERE saw_dues) AS saw_dues,
        count(*) FILTER (WHERE saw_code) AS saw_code
    FROM talk WHERE began >= :begin AND began < :end GROUP BY language
""")
TALKS_OF_MONTH = text("""
    SELECT language, sum(dialled) AS dialled, sum(saw_dues) AS saw_dues, sum(saw_code) AS saw_code
    FROM talk_day WHERE day BETWEEN :first_day AND :last_day
    GROUP BY GROUPING SETS ((), (language))
""")
