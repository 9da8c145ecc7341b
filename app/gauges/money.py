"""Does money come in, do the books balance, how old are breaks."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta

from app.audit.sealing import count_unsealed
from app.base.clock import local_date
from app.gauges.reading import Gauge, Reading, Row, Source
from app.ledger.break_queries import count_open_breaks
from app.mobile_money.allowance import list_bill_days
from app.payments.queries import count_live_codes
from app.payments.reversal_list import count_reversals_today
from app.payments.takings import count_codes_made, list_takings
from app.reconciliation.books_checks import CHECK_SORTING, list_books_checks

LATELY = timedelta(hours=1)


def _read_takings(source: Source) -> Iterator[Row]:
    for taken in list_takings(source.connection, source.now - LATELY):
        yield (taken.network, taken.channel), (taken.deposits, taken.total.centimes / 100)


def _read_codes(source: Source) -> Iterator[Row]:
    yield ("issued",), (count_live_codes(source.connection),)


def _read_made(source: Source) -> Iterator[Row]:
    yield (), (count_codes_made(source.connection, source.now - LATELY),)


def _read_reversals(source: Source) -> Iterator[Row]:
    for allowance, count in count_reversals_today(source.connection, source.now).items():
        yield (allowance,), (count,)


def _read_bills(source: Source) -> Iterator[Row]:
    for day in list_bill_days(source.connection, local_date(source.now)):
        yield (day.client_id,), (day.bills, day.bills_a_day, day.unknown)


def _read_books(source: Source) -> Iterator[Row]:
    for check in list_books_checks(source.connection, CHECK_SORTING.first(1)).rows:
        yield (), (check.checked_at.timestamp(), len(check.broken))


def _read_seals(source: Source) -> Iterator[Row]:
    waiting = count_unsealed(source.connection)
    age = (source.now - waiting.since).total_seconds() if waiting.since else 0
    yield (), (waiting.rows, max(age, 0))


def _read_breaks(source: Source) -> Iterator[Row]:
    for open_breaks in count_open_breaks(source.connection):
        age = (source.now - open_breaks.oldest).total_seconds()
        yield (open_breaks.network, open_breaks.kind), (open_breaks.count, max(age, 0))


TAKINGS = Reading(
    (
        Gauge("maalem_deposits_last_hour", "Deposits taken in the last hour"),
        Gauge("maalem_deposits_last_hour_dirhams", "Cash of the deposits of the last hour"),
    ),
    _read_takings,
    ("network", "channel"),
)
CODES = Reading(
    (Gauge("maalem_payment_codes", "Live payment codes"),),
    _read_codes,
    ("state",),
)
MADE = Reading(
    (Gauge("maalem_payment_codes_made_last_hour", "Payment codes made in the last hour"),),
    _read_made,
)
REVERSALS = Reading(
    (Gauge("maalem_reversals_today", "Deposits reversed today, by what allowed it"),),
    _read_reversals,
    ("allowance",),
)
BILLS = Reading(
    (
        Gauge(
            "maalem_api_bills_unpaid_today",
            "Bills of today that a client's look-ups made and that were not paid, as last counted",
        ),
        Gauge("maalem_api_bills_allowed_a_day", "Bills that a client may make so"),
        Gauge(
            "maalem_api_unknown_look_ups_today", "Look-ups of today of numbers that are nobody's"
        ),
    ),
    _read_bills,
    ("client",),
)
BOOKS = Reading(
    (
        Gauge("maalem_books_checked_timestamp_seconds", "When the books were last checked"),
        Gauge("maalem_books_rules_broken", "Rules of the books that did not hold then"),
    ),
    _read_books,
)
SEALS = Reading(
    (
        Gauge("maalem_audit_unsealed_rows", "Audit rows that wait for a seal"),
        Gauge("maalem_audit_unsealed_seconds", "How long the oldest of them has waited"),
    ),
    _read_seals,
)
BREAKS = Reading(
    (
        Gauge("maalem_breaks_open", "Breaks that nobody has ended"),
        Gauge("maalem_breaks_oldest_seconds", "How long ago the oldest of them was opened"),
    ),
    _read_breaks,
    ("network", "kind"),
)
