"""Gathers, after a restore, payments that went on and that the restored books do not have.

They come back in the networks' files (judgement gives their breaks a kind of their own), in the
callers' retries, and in what the SMS providers know that people were told.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime, timedelta

from sqlalchemy import Connection, select, text

from app.agents.networks import DEFAULT_NETWORK, list_networks
from app.audit.service import record_audit
from app.base.clock import local_date
from app.base.errors import InvalidInput
from app.base.money import Money
from app.base.operation import Operation
from app.enrolment.numbers import find_numbered_artisan
from app.ledger.gaps import BooksGap, list_gaps
from app.ledger.models import reconciliation_break
from app.payments.lost_codes import LostCash, write_lost_code
from app.reconciliation.errors import NoLostPayment
from app.reconciliation.payment_breaks import Cause, judge_codes
from app.reconciliation.service import lock_network, read_settled_days
from app.reconciliation.told_messages import (
    ProviderLogs,
    close_found,
    find_told_artisan,
    open_told,
)
from app.services import Services

_WAITING = reconciliation_break.c.state.in_(("open", "proposed"))


@dataclass(frozen=True, slots=True)
class LostPayments:
    """The payments that a restore lost, as far as they are known.

    `breaks` counts waiting breaks by kind; `unread` are providers whose log could not be read, and
    why; `awaited` are the days whose files are still to come.
    """

    gaps: list[BooksGap]
    breaks: Mapping[str, int]
    unread: Mapping[str, str]
    awaited: Mapping[str, list[date]]


def gather_lost_payments(operation: Operation, logs: ProviderLogs) -> LostPayments:
    """Judges again what the networks told of the gaps, and counts what is known by now.

    What people were told in the gaps, and the books lack, is a break of its own.
    """
    connection, gaps = operation.connection, list_gaps(operation.connection)
    networks = [network.code for network in list_networks(connection)]
    for network in networks if gaps else ():
        lock_network(connection, network)
        codes = connection.execute(_CODES, {"network": network}).scalars().all()
        days = read_settled_days(connection, network)
        judge_codes(operation, Cause(network, 0, restored=True), codes, days.__contains__)
        told = 0
        if network == DEFAULT_NETWORK:
            told = open_told(operation, logs)
            close_found(operation)
        counts = {"codes": len(codes), "told": told}
        record_audit(operation, "lost_payments_gathered", f"network:{network}", **counts)
    return LostPayments(
        gaps=gaps,
        breaks={row.kind: row.breaks for row in connection.execute(_BREAKS)},
        unread=logs.unread,
        awaited={network: _list_awaited(connection, network, gaps) for network in networks},
    )


def write_code_of_break(
    operation: Operation, services: Services, number: int, rna_number: str | None
) -> None:
    """Writes the lost code of a break for the artisan whose it was, so that it can be confirmed.

    Without a number it is the artisan to whom a provider's log says that the code was told.

    Raises: NoLostPayment, AmountFitsNoMonths, CodeKnown; InvalidInput for an unknown number.
    """
    columns = reconciliation_break.c
    row = operation.connection.execute(
        select(columns.code, columns.their_centimes, columns.details)
        .where(columns.id == number, columns.kind == "lost_in_restore", _WAITING)
        .with_for_update()
    ).one_or_none()
    if row is None:
        raise NoLostPayment(id=number)
    artisan_id = _find_payer(operation.connection, row.code, rna_number)
    paid_at = datetime.fromisoformat(row.details["paid_at"])
    cash = LostCash(row.code, Money(row.their_centimes), paid_at)
    write_lost_code(operation, cash, artisan_id, services.fee)


def _find_payer(connection: Connection, code: str, rna_number: str | None) -> int:
    """Returns the artisan whose a lost code was. Raises: InvalidInput."""
    if rna_number is None:
        artisan_id = find_told_artisan(connection, code)
        why = "no message says to whom this code was told"
    else:
        artisan_id = find_numbered_artisan(connection, rna_number)
        why = "nobody on the register has this number"
    if artisan_id is None:
        raise InvalidInput(what="rna", why=why)
    return artisan_id


def _list_awaited(connection: Connection, network: str, gaps: list[BooksGap]) -> list[date]:
    """Returns the days of the gaps that no file of the network settles yet."""
    settled = read_settled_days(connection, network)
    days: set[date] = set()
    for gap in gaps:
        first, last = local_date(gap.begins_at), local_date(gap.ends_at)
        days |= {first + timedelta(days=n) for n in range((last - first).days + 1)}
    return sorted(days - set(settled))


_CODES = text("""
    SELECT DISTINCT p.code FROM network_payment p
    JOIN books_gap g ON p.paid_at >= g.begins_at AND p.paid_at < g.ends_at
    WHERE p.network = :network
""")
_BREAKS = text("""
    SELECT kind, count(*) AS breaks FROM reconciliation_break
    WHERE kind IN ('lost_in_restore', 'retried_after_restore', 'told_in_gap')
        AND state IN ('open', 'proposed')
    GROUP BY kind ORDER BY kind
""")
