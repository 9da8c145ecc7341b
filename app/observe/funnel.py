"""How people get on: for each screen, language and gateway, who came and what became of them."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import Connection, text

# Who has not answered by then will not (domain.md section 4).
SESSION = timedelta(seconds=180)


@dataclass(frozen=True, slots=True)
class FunnelLine:
    """One screen in one language through one gateway.

    `entered` counts arrivals; of what came next: an answer that was understood, one that was not
    (`misunderstood`), a step back, the line lost or left (`dropped`), or the end of the talk.
    `median_seconds` is how long it was looked at; None where nobody went on.
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
    connection: Connection, since: datetime, now: datetime, resting: Collection[str]
) -> list[FunnelLine]:
    """Of the hops since then. On a `resting` screen one has what one came for: leaving it is an
    end, not a drop.
    """
    values = {"since": since, "left": now - SESSION, "resting": list(resting)}
    return [FunnelLine(**row) for row in connection.execute(_FUNNEL, values).mappings()]


# Each hop beside the one before and the one after it in its talk; `left` is who does not go on.
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
