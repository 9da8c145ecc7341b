"""Counts, for each screen, language and gateway, how callers arrived and went on."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import Connection, text

from app.base.rows import read_row

# A session ends then: a caller who has not answered will not (docs/rules.md, Networks).
SESSION = timedelta(seconds=180)


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


@dataclass(frozen=True, slots=True)
class Journey:
    """The talks that came so far: each counts at every step that it reached or went beyond."""

    dialled: int
    saw_dues: int
    saw_code: int


def count_journey(
    connection: Connection, since: datetime, dues: Collection[str], codes: Collection[str]
) -> Journey:
    """Counts the talks since `since`; `dues` and `codes` are screens that show these."""
    values = {"since": since, "codes": list(codes), "seen": [*dues, *codes]}
    return read_row(Journey, connection.execute(_JOURNEY, values).one())


def count_funnel(
    connection: Connection, since: datetime, now: datetime, resting: Collection[str]
) -> list[FunnelLine]:
    """Counts the hops since `since`.

    A `resting` screen gives what the caller came for: leaving it is an end, not a drop.
    """
    values = {"since": since, "left": now - SESSION, "resting": list(resting)}
    return [FunnelLine(**row) for row in connection.execute(_FUNNEL, values).mappings()]


# A code dialled straight to (`*384*2*1#`) has seen its dues.
_JOURNEY = text("""
    SELECT count(DISTINCT session) AS dialled,
        count(DISTINCT session) FILTER (WHERE screen = ANY(:seen)) AS saw_dues,
        count(DISTINCT session) FILTER (WHERE screen = ANY(:codes)) AS saw_code
    FROM hop WHERE at >= :since AND how <> 'dropped'
""")

# Each hop with the hops before and after it in its dialogue; after `left` nobody goes on.
_FUNNEL = text("""
    WITH each AS (
        SELECT hop.*,
            lag(screen) OVER talk AS before,
            lead(how) OVER talk AS next,
            extract(epoch FROM lead(at) OVER talk - at) AS looked
        FROM hop WHERE at >= :since
        WINDOW talk AS (PARTITION BY session ORDER BY revision, at)
    ), judged AS (
        SELECT *, more AND (next = 'dropped' OR next IS NULL AND at < :left) AS gone,
            screen = ANY(:resting) AS rests
        FROM each WHERE how <> 'dropped'
    )
    SELECT screen, language, gateway,
        count(*) FILTER (WHERE before IS DISTINCT FROM screen) AS entered,
        count(*) FILTER (WHERE next = 'answered') AS answered,
        count(*) FILTER (WHERE next IN ('wrong', 'changed')) AS misunderstood,
        count(*) FILTER (WHERE next = 'back') AS went_back,
        count(*) FILTER (WHERE gone AND NOT rests) AS dropped,
        count(*) FILTER (WHERE gone AND rests OR NOT more) AS ended,
        round((percentile_cont(0.5) WITHIN GROUP (ORDER BY looked)
            FILTER (WHERE next <> 'dropped'))::numeric, 1)::float AS median_seconds
    FROM judged GROUP BY screen, language, gateway
    ORDER BY entered DESC, screen, language, gateway
""")
