"""Finds what people were told in a gap of the books: in providers' logs, else in their reports.

A log has the text, which names the receipt or the code, and the amount. A report has the phone.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import BigInteger, Connection, DateTime, bindparam, text

from app.agents.networks import DEFAULT_NETWORK
from app.base.money import Money
from app.base.operation import Operation
from app.base.phone import Phone
from app.enrolment.queries import find_household
from app.ledger.break_changes import close_breaks, open_breaks
from app.ledger.breaks import NewBreak
from app.ledger.gaps import BooksGap
from app.messaging.kinds import KINDS, MessageKind
from app.messaging.outbox import LEASE
from app.payments.errors import CodeMistyped
from app.payments.rules import read_code
from app.sms.provider import DeliveryUnknown, LoggedSms, Provider, SendRefused
from app.text.words import Words

KIND = "told_in_gap"
# A code that was told is good for a week at most.
_CODE_LIVES = timedelta(days=8)
_AMOUNT = re.compile(r"(\d+)[.,](\d{2})(?!\d)", re.ASCII)
# A message is about what its words name; that of a reversal is about the reversal.
_REVERSALS = {"reversal", "deposit_reversed"}


@dataclass(frozen=True, slots=True)
class ToldMessage:
    """A message that somebody got. `about` is `receipt`, `reversal`, `code`, or `message`.

    `number` is the receipt's or the code's; of a `message`, whose words nobody knows, it is the
    provider's name and reference. `provider` and `reference` name the message there.
    """

    about: str
    number: str
    provider: str
    reference: str
    phone: Phone | None
    at: datetime
    amount: Money | None = None


@dataclass(frozen=True, slots=True)
class ProviderLogs:
    """The messages that the providers' logs have of the gaps.

    `read` are the providers that were asked; `unread` are those that did not say, and why.
    """

    messages: Sequence[ToldMessage]
    read: frozenset[str]
    unread: Mapping[str, str]


def read_logs(
    providers: Mapping[str, Provider], words: Words, gaps: Sequence[BooksGap]
) -> ProviderLogs:
    """Asks each provider that has a log for the messages of the gaps; no transaction is open."""
    messages: list[ToldMessage] = []
    read: set[str] = set()
    unread: dict[str, str] = {}
    for name, provider in providers.items():
        try:
            spans = ((gap.begins_at, gap.ends_at) for gap in gaps)
            logged = [sms for span in spans for sms in provider.list_sent(*span)]
        except LookupError:
            continue
        except (SendRefused, DeliveryUnknown) as refused:
            unread[name] = refused.reason
            continue
        read.add(name)
        messages += filter(None, (read_told(words, name, sms) for sms in logged))
    return ProviderLogs(messages, frozenset(read), unread)


def read_told(words: Words, provider: str, sms: LoggedSms) -> ToldMessage | None:
    """Reads a message by the words that are live; None if they are words that name no money."""
    where = (provider, sms.reference, sms.to, sms.at)
    for kind in _ABOUT_MONEY:
        for values in _read_values(words, kind, sms.text):
            amount = _read_amount(values.get("total", ""))
            receipt = values.get("receipt", "")
            if re.fullmatch(r"\d{4,}", receipt, re.ASCII):
                about = "reversal" if kind.name in _REVERSALS else "receipt"
                return ToldMessage(about, receipt, *where, amount)
            if code := _find_code(values.get("code", "")):
                return ToldMessage("code", code, *where, amount)
    if any(True for kind in KINDS.values() for _ in _read_values(words, kind, sms.text)):
        return None
    return ToldMessage("message", f"{provider} {sms.reference}", *where)


def open_told(operation: Operation, logs: ProviderLogs) -> int:
    """Opens a break for all that was told in the gaps, is not in the books, and has no break yet.

    No message says which network took the cash: the breaks are those of the first network, whose
    lock the caller holds. Returns how many were opened.
    """
    told = [*logs.messages, *_read_reports(operation, logs.read | logs.unread.keys())]
    known = _find_known(operation.connection, told)
    new: dict[tuple[str, str], ToldMessage] = {}
    for one in told:
        if (one.about, one.number) not in known:
            new.setdefault((one.about, one.number), one)
    open_breaks(operation, [_make_break(operation.connection, one) for one in new.values()])
    return len(new)


def close_found(operation: Operation) -> None:
    """Closes the breaks of what the books have by now, and of codes that nobody can pay now."""
    params = {"dead": operation.now - _CODE_LIVES}
    closed: dict[int, dict[str, object]] = {
        row.id: {"found": row.found} for row in operation.connection.execute(_FOUND, params)
    }
    deposits = list(operation.connection.execute(_LATE_DEPOSITS))
    for row in operation.connection.execute(_OF_ARTISANS):
        same = (
            deposit
            for deposit in deposits
            if deposit.artisan_id == row.artisan
            and row.their_centimes in (None, deposit.total_centimes)
        )
        if deposit := next(same, None):
            closed[row.id] = {"found": f"receipt {deposit.receipt_number}"}
            # Two receipts of one amount are two payments; what a report told may be anything.
            if row.about == "receipt":
                deposits.remove(deposit)
    close_breaks(operation, closed)


def find_told_artisan(connection: Connection, code: str) -> int | None:
    """Returns the artisan to whom a lost code was told, if a message says so."""
    found: int | None = connection.execute(_TOLD_ARTISAN, {"code": code}).scalar()
    return found


def _read_values(words: Words, kind: MessageKind, said: str) -> Iterable[dict[str, str]]:
    for language in words.languages:
        if words.has(language, kind.key) and (values := words.read_back(language, kind.key, said)):
            yield values


def _read_amount(written: str) -> Money | None:
    match = _AMOUNT.search(written)
    return Money(int(match[1] + match[2])) if match else None


def _find_code(written: str) -> str | None:
    try:
        return read_code(written)
    except CodeMistyped:
        return None


def _read_reports(operation: Operation, read: frozenset[str]) -> list[ToldMessage]:
    """Returns the messages of the gaps that were only reported, by providers without a log."""
    params = {"read": list(read), "until": operation.now - LEASE}
    return [
        ToldMessage(
            "message",
            f"{row.provider} {row.provider_reference}",
            row.provider,
            row.provider_reference,
            Phone(row.phone) if row.phone else None,
            row.at,
        )
        for row in operation.connection.execute(_REPORTS, params)
    ]


def _find_known(connection: Connection, told: Sequence[ToldMessage]) -> set[tuple[str, str]]:
    """Returns what the books have, or a break is about, by what it is about and its number."""
    numbers = {
        f"{about}s": [one.number for one in told if one.about == about]
        for about in ("receipt", "reversal", "code")
    }
    return {(row.about, row.number) for row in connection.execute(_KNOWN, numbers)}


def _make_break(connection: Connection, told: ToldMessage) -> NewBreak:
    details: dict[str, object] = {
        "about": told.about,
        "message": f"{told.provider} {told.reference}",
        "told_at": told.at.isoformat(),
    }
    if told.about in ("receipt", "reversal"):
        details["receipt"] = told.number
    if told.phone is not None:
        details["phone"] = told.phone.masked
        household = find_household(connection, told.phone)
        if len(household) == 1:
            details["artisan"] = household[0].id
    code = told.number if told.about == "code" else None
    return NewBreak(KIND, DEFAULT_NETWORK, code=code, theirs=told.amount, details=details)


_ABOUT_MONEY = [
    kind
    for kind in KINDS.values()
    if {"receipt", "total"} <= kind.values or {"code", "total"} <= kind.values
]
_KNOWN = text("""
    SELECT 'receipt' AS about, receipt_number AS number FROM deposit
    WHERE receipt_number = ANY(CAST(:receipts AS text[]))
    UNION ALL SELECT 'reversal', receipt_number FROM reversal
    WHERE receipt_number = ANY(CAST(:reversals AS text[]))
    UNION ALL SELECT 'code', code FROM payment_code WHERE code = ANY(CAST(:codes AS text[]))
    UNION ALL SELECT details ->> 'about',
        coalesce(code, details ->> 'receipt', details ->> 'message')
    FROM reconciliation_break WHERE kind = 'told_in_gap'
""")
# Wherever a message stands: under way, or with the month of its end.
_SENT = " UNION ALL ".join(
    f"SELECT id, provider, provider_reference, phone, sent_at FROM {table}"  # noqa: S608
    for table in ("message", "ended_message")
)
# Reports of messages that nobody here wrote. Young ones may have crossed with the answer that they
# are about; where that answer never came, the phone has a message without a reference.
_REPORTS = text(f"""
    SELECT r.provider, r.provider_reference, max(r.phone) AS phone, min(r.received_at) AS at
    FROM delivery_report r
    WHERE r.received_at < :until AND r.provider <> ALL(CAST(:read AS text[]))
        AND EXISTS (SELECT FROM books_gap g WHERE r.received_at >= g.begins_at
            AND r.received_at < g.ends_at + INTERVAL '3 days')
        AND NOT EXISTS (SELECT FROM ({_SENT}) m WHERE m.provider = r.provider
            AND m.provider_reference = r.provider_reference)
        AND NOT EXISTS (SELECT FROM ({_SENT}) m WHERE m.id = r.message_id)
        AND NOT EXISTS (SELECT FROM ({_SENT}) m WHERE m.phone = r.phone
            AND m.sent_at IS NOT NULL AND m.provider_reference IS NULL)
    GROUP BY r.provider, r.provider_reference ORDER BY at
""").bindparams(bindparam("until", type_=DateTime(True)))  # noqa: S608 - our own words alone
_WAITS = "kind = 'told_in_gap' AND state IN ('open', 'proposed')"
_FOUND = text(f"""
    SELECT id, CASE WHEN code IS NULL THEN 'reversed' WHEN EXISTS (SELECT FROM payment_code c
            WHERE c.code = b.code) THEN 'code written' WHEN EXISTS (SELECT FROM network_payment p
            WHERE p.code = b.code) THEN 'told by file' ELSE 'expired' END AS found
    FROM reconciliation_break b
    WHERE {_WAITS} AND (details ->> 'about' = 'code' AND (
            EXISTS (SELECT FROM payment_code c WHERE c.code = b.code)
            OR EXISTS (SELECT FROM network_payment p WHERE p.code = b.code)
            OR CAST(details ->> 'told_at' AS timestamptz) < :dead)
        OR details ->> 'about' = 'reversal' AND EXISTS (SELECT FROM reversal v
            WHERE v.receipt_number = b.details ->> 'receipt'))
    ORDER BY id FOR UPDATE
""").bindparams(bindparam("dead", type_=DateTime(True)))  # noqa: S608 - our own words alone
_OF_ARTISANS = text(f"""
    SELECT id, their_centimes, details ->> 'about' AS about,
        CAST(details ->> 'artisan' AS bigint) AS artisan
    FROM reconciliation_break
    WHERE {_WAITS} AND details ->> 'about' IN ('receipt', 'message') AND details ? 'artisan'
    ORDER BY details ->> 'about' DESC, id FOR UPDATE
""").columns(their_centimes=BigInteger)  # noqa: S608 - our own words alone
# What the networks' files or, later than the files say, their retries brought back, and no break
# was closed for.
_LATE_DEPOSITS = text("""
    SELECT d.receipt_number, d.artisan_id, d.total_centimes FROM (
        SELECT code FROM deposit
        JOIN books_gap ON received_at >= begins_at AND received_at < ends_at WHERE channel = 'file'
        UNION SELECT p.code FROM books_gap g
        JOIN network_payment p ON p.paid_at >= g.begins_at AND p.paid_at < g.ends_at
        JOIN deposit r ON r.code = p.code AND r.received_at >= g.ends_at
    ) AS late JOIN deposit d USING (code)
    WHERE NOT EXISTS (SELECT FROM reconciliation_break b
        WHERE b.kind = 'told_in_gap' AND b.details ->> 'about' = 'receipt'
            AND b.details ->> 'found' = 'receipt ' || d.receipt_number)
    ORDER BY d.receipt_number
""")
_TOLD_ARTISAN = text("""
    SELECT CAST(details ->> 'artisan' AS bigint) FROM reconciliation_break
    WHERE kind = 'told_in_gap' AND code = :code AND details ? 'artisan' ORDER BY id LIMIT 1
""")
