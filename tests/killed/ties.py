"""Phones untied from the register's phone while parts are killed."""

from __future__ import annotations

from contextlib import suppress
from itertools import count
from random import Random
from threading import Lock
from uuid import UUID

from sqlalchemy import Connection, text
from sqlalchemy.exc import OperationalError

from tests.killed.installation import Installation
from tests.wire import PhoneLine, until_answered

_TIE = text(
    "INSERT INTO artisan_phone (phone, artisan_id, identified_at)"
    " SELECT :tied, id, now() FROM artisan WHERE phone = :own ON CONFLICT DO NOTHING"
)


class TieTraffic:
    """Artisans whose file another phone was tied to by papers, and who untie it."""

    def __init__(self, installation: Installation) -> None:
        self._installation, self._lock = installation, Lock()
        self._numbers = count(60_000_001)
        # The phones that were untied, each with the register's phone that did it.
        self.untied: dict[str, str] = {}

    def untie_once(self, own: str, random: Random) -> None:
        """Ties a phone by papers, and has it untied by the register's phone."""
        with self._lock:
            tied = f"+2127{next(self._numbers)}"
        assert until_answered(lambda: self._tie(own, tied))
        with PhoneLine(self._installation.base, 5) as line:

            def dial() -> str | None:
                session = str(UUID(int=random.getrandbits(128), version=4))
                return line.hop(own, session, "5*5*4*4*1*1")

            until_answered(dial, _is_over, pause=0.3)
        with self._lock:
            self.untied[tied] = own

    def _tie(self, own: str, tied: str) -> bool | None:
        """Ties the phone, as `identify` does; None while the database is away."""
        with suppress(OperationalError), self._installation.runtime.database.begin() as connection:
            connection.execute(_TIE, {"own": own, "tied": tied})
            return True
        return None


def _is_over(screen: str) -> bool:
    """True once the phone is untied; who dials again is told that no other is tied."""
    return ("enlev" in screen and "voit plus" in screen) or "Aucun autre" in screen


def check_ties(connection: Connection, untied: dict[str, str]) -> None:
    """Demands that no phone is tied any more, and that each end was kept and audited once."""
    still = connection.execute(
        text("SELECT phone FROM artisan_phone WHERE phone = ANY(:phones)"), {"phones": [*untied]}
    ).all()
    assert still == []
    ended = connection.execute(
        text(
            "SELECT t.phone AS tied, a.phone AS own FROM ended_tie t"
            " JOIN artisan a ON a.id = t.artisan_id WHERE t.why = 'untied'"
        )
    ).all()
    assert len(ended) == len(untied)
    assert {row.tied: row.own for row in ended} == untied
    audited = "SELECT count(*) FROM audit_event WHERE action = 'phone_untied'"
    assert connection.execute(text(audited)).scalar_one() == len(untied)
