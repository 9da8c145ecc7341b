"""Counts, for each screen, language and gateway, how callers arrived and went on.

Days that are over are summed once, because their hops are dropped; the rest is counted when asked.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta

from sqlalchemy import Connection, DateTime, bindparam, func, select, text

from app.base.operation import Operation

# A session ends then: a caller who has not answered will not (docs/rules.md, Networks).
SESSION = timedelta(seconds=180)
# Hops wait in Redis before they are stored, and a talk may end after midnight.
_LATE = timedelta(hours=2)
_LOCK = int.from_bytes(b"funnel", "big")


@dataclass(frozen=True, slots=True)
class FunnelLine:
    """The counts of a screen in a language through a gateway.

    `entered` counts arrivals. The others count what came next: an answer understood or not
    (`misunderstood`), a step back, a line lost or left (`dropped`), the end of the dialogue.
    `median_seconds` is how long the screen was looked at; None if no caller went on.
    """

    screen: str
    language: str
    gateway: str
    entered: int
    answered: int
    misunderstood: int
    went_back: int
    dropped: int
    ended: int
    median_seconds: float | None


def count_funnel(
    connection: Connection, first: date, now: datetime, resting: Collection[str]
) -> list[FunnelLine]:
    """Returns the counts from the day `first` (UTC) until now.

    Days that were summed are read from their sums, the others counted from their hops. A `resting`
    screen gives what the caller came for: leaving it is an end, not a drop.
    """
    last = connection.execute(_LAST_SUMMED, {"first": first}).scalar()
    begins = _begin_of(last + timedelta(days=1) if last else first)
    hops = _name_hops(begins, now + timedelta(days=1), now, resting)
    rows = connection.execute(_FUNNEL, hops | {"first": first})
    return [FunnelLine(**row) for row in rows.mappings()]


def sum_funnel_days(operation: Operation, since: datetime, resting: Collection[str]) -> int:
    """Sums the days since `since` that are over and have hops. Returns how many were summed.

    A day is summed two hours after its end, and a day later once more: hops that came late are in.
    One worker at a time does so.
    """
    now, summed = operation.now, 0
    lock = select(func.pg_try_advisory_xact_lock(_LOCK))
    if not operation.connection.execute(lock).scalar():
        return 0
    params = {"now": now, "since": since, "late": _LATE}
    for day in operation.connection.execute(_DAYS_DUE, params).scalars().all():
        ends = _begin_of(day + timedelta(days=1))
        hops = _name_hops(_begin_of(day), ends, now, resting)
        counted = operation.connection.execute(_SUM, hops | {"day": day, "now": now})
        summed += counted.rowcount > 0
    return summed


def _begin_of(day: date) -> datetime:
    return datetime.combine(day, time(), UTC)


def _name_hops(
    begins: datetime, ends: datetime, now: datetime, resting: Collection[str]
) -> dict[str, object]:
    """Returns the parameters of `_COUNTED`."""
    names: dict[str, object] = {"begins": begins, "ends": ends, "left": now - SESSION}
    return names | {"resting": list(resting)}


# Each hop with the hops before and after it in its dialogue; after `left` nobody goes on.
_COUNTED = """
    WITH each AS (
        SELECT hop.*,
            lag(screen) OVER talk AS before,
            lead(how) OVER talk AS next,
            extract(epoch FROM lead(at) OVER talk - at) AS looked
        FROM hop WHERE at >= CAST(:begins AS timestamptz) - INTERVAL '1 hour'
            AND at < CAST(:ends AS timestamptz) + INTERVAL '1 hour'
        WINDOW talk AS (PARTITION BY session ORDER BY revision, at)
    ), judged AS (
        SELECT *, more AND (next = 'dropped' OR next IS NULL AND at < :left) AS gone,
            screen = ANY(:resting) AS rests,
            CASE WHEN next <> 'dropped' THEN round(looked, CASE WHEN looked < 10 THEN 1 ELSE 0 END)
                END AS seconds
        FROM each WHERE how <> 'dropped' AND at >= :begins AND at < :ends
    ), looked AS (
        SELECT screen, language, gateway, jsonb_object_agg(seconds, looks) AS looks
        FROM (SELECT screen, language, gateway, seconds, count(*) AS looks FROM judged
            WHERE seconds IS NOT NULL GROUP BY 1, 2, 3, 4) each_second GROUP BY 1, 2, 3
    ), counted AS (
        SELECT screen, language, gateway,
            count(*) FILTER (WHERE before IS DISTINCT FROM screen) AS entered,
            count(*) FILTER (WHERE next = 'answered') AS answered,
            count(*) FILTER (WHERE next IN ('wrong', 'changed')) AS misunderstood,
            count(*) FILTER (WHERE next = 'back') AS went_back,
            count(*) FILTER (WHERE gone AND NOT rests) AS dropped,
            count(*) FILTER (WHERE gone AND rests OR NOT more) AS ended
        FROM judged GROUP BY 1, 2, 3
    ), of_hops AS (
        SELECT counted.*, coalesce(looks, '{}') AS looks
        FROM counted LEFT JOIN looked USING (screen, language, gateway)
    )
"""
_COUNTS = "entered, answered, misunderstood, went_back, dropped, ended"
_KEY = "screen, language, gateway"
# A day's sums stand as they are until they are counted again, all of them.
_SUM = text(f"""
    {_COUNTED} INSERT INTO funnel_day (day, {_KEY}, {_COUNTS}, looks, counted_at)
    SELECT :day, {_KEY}, {_COUNTS}, looks, :now FROM of_hops
    ON CONFLICT (day, {_KEY}) DO UPDATE SET ({_COUNTS}, looks, counted_at) =
        (SELECT {", ".join(f"excluded.{name}" for name in _COUNTS.split(", "))}, excluded.looks,
            excluded.counted_at)
""").bindparams(bindparam("now", type_=DateTime(True)))  # noqa: S608 - our own words alone
_FUNNEL = text(f"""
    {_COUNTED}, every AS (
        SELECT {_KEY}, {_COUNTS}, looks FROM of_hops
        UNION ALL
        SELECT {_KEY}, {_COUNTS}, looks FROM funnel_day
        WHERE day >= :first AND day < CAST(:begins AS timestamptz) AT TIME ZONE 'UTC'
    ), looks AS (
        SELECT {_KEY}, seconds::numeric AS seconds, sum(looked::bigint) AS looked
        FROM every, jsonb_each_text(looks) AS look (seconds, looked) GROUP BY 1, 2, 3, 4
    ), ranked AS (
        SELECT *, sum(looked) OVER (PARTITION BY {_KEY} ORDER BY seconds) AS upto,
            sum(looked) OVER (PARTITION BY {_KEY}) AS whole FROM looks
    ), median AS (
        SELECT {_KEY}, round(avg(seconds), 1)::float AS median_seconds FROM ranked
        WHERE 2 * upto >= whole AND 2 * (upto - looked) <= whole GROUP BY 1, 2, 3
    )
    SELECT {_KEY}, {", ".join(f"sum({name})::bigint AS {name}" for name in _COUNTS.split(", "))},
        median_seconds
    FROM every LEFT JOIN median USING ({_KEY}) GROUP BY {_KEY}, median_seconds
    ORDER BY entered DESC, {_KEY}
""")  # noqa: S608 - our own words alone
_LAST_SUMMED = text("SELECT max(day) FROM funnel_day WHERE day >= :first")
# A day without hops is never summed, and looked at in vain each time. The oldest hop comes from an
# index; one of a wrong clock makes no day.
_DAYS_DUE = text("""
    SELECT each.day FROM (SELECT generate_series(
            greatest((SELECT min(at) FROM hop), CAST(:since AS timestamptz)) AT TIME ZONE 'UTC',
            CAST(:now AS timestamptz) AT TIME ZONE 'UTC', '1 day')::date AS day) each
    CROSS JOIN LATERAL (SELECT
        (each.day + 1)::timestamp AT TIME ZONE 'UTC' + CAST(:late AS interval) AS first_time,
        (SELECT max(counted_at) FROM funnel_day WHERE day = each.day) AS counted_at) summed
    WHERE first_time <= CAST(:now AS timestamptz) AND (counted_at IS NULL
        OR counted_at < first_time + INTERVAL '1 day' AND first_time + INTERVAL '1 day' <= :now)
    ORDER BY each.day
""")
