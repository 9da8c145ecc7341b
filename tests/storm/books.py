"""What must hold after the storm: of everything that was told, and of everything in the books."""

from __future__ import annotations

import json
import re
import urllib.request
from collections import Counter
from collections.abc import Iterator

import psycopg

from app.messaging.models import CAMPAIGN
from tests.storm.installation import Installation
from tests.storm.lines import Told

_Books = psycopg.Connection[tuple[object, ...]]
_RECEIPT = re.compile(r"[Rr]ecu ([0-9]{8,12})")
_WAITING = """
    SELECT (SELECT count(*) FROM message WHERE state IN ('queued', 'sending'))
        + (SELECT count(*) FROM campaign_recipient WHERE state = 'waiting')
"""
_TAKEN = """
    SELECT id, provider_reference, state, error FROM message
    WHERE state <> 'cancelled' AND NOT (%s AND state = 'unknown' AND priority = %s)
"""


def count_waiting(installation: Installation) -> int:
    """Returns how many messages are queued, on their way or still to be made."""
    return int(str(installation.databases.primary.run(_WAITING)[0][0]))


def find_faults(installation: Installation, told: Told) -> Iterator[str]:
    """Yields each thing that does not hold, in a sentence."""
    for answer in told.answers:
        if answer.cause in {"silence", "wrong"}:
            yield f"{answer.kind}: {answer.cause}, {answer.status} {answer.text[:200]!r}"
    verified = installation.run("ledger", "verify")
    if verified.returncode:
        yield f"the books: {verified.stdout}{verified.stderr}"
    with psycopg.connect(installation.databases.primary.url) as books:
        yield from check_payments(books, told)
        yield from check_messages(installation.sms_url, books, told, workers_die=True)


def check_payments(books: _Books, told: Told) -> Iterator[str]:
    """What was confirmed is in the books once, and nothing else; so are the codes."""
    rows = books.execute("SELECT network_reference, code, receipt_number FROM deposit").fetchall()
    booked = Counter((str(name), (str(code), str(receipt))) for name, code, receipt in rows)
    if Counter(told.payments.items()) != booked:
        lost, more = dict(told.payments), set(booked) - set(told.payments.items())
        yield f"confirmed and not booked {set(lost.items()) - set(booked)}, or the other way {more}"
    codes = {str(code) for (code,) in books.execute("SELECT code FROM payment_code")}
    if not told.codes <= codes:
        yield f"codes that were shown and are not there: {told.codes - codes}"


def check_messages(
    sms_url: str, books: _Books, told: Told, *, workers_die: bool = False
) -> Iterator[str]:
    """Each deposit's receipt went out, none else did, and nothing came twice uncounted.

    Whether a reminder left that its worker died with nobody knows, and it may not come twice: its
    row says so. An answer is sent again.
    """
    with urllib.request.urlopen(f"{sms_url}/control/messages?list=true", timeout=60) as answer:
        counts = json.load(answer)
    sent = {match[1] for each in counts["messages"] if (match := _RECEIPT.search(each["text"]))}
    booked = {receipt for _, receipt in told.payments.values()}
    if sent != booked:
        yield f"receipts without a deposit {sent - booked}, deposits without one {booked - sent}"
    again = books.execute("SELECT coalesce(sum(resent_unknown), 0) FROM message").fetchone()
    assert again
    if counts["duplicates"] > int(str(again[0])):
        yield f"{counts['duplicates']} messages came twice, {again[0]} may have"
    references = {each["reference"] for each in counts["messages"]}
    rows = books.execute(_TAKEN, [workers_die, CAMPAIGN]).fetchall()
    if lost := [row for row in rows if row[1] not in references]:
        yield f"messages that their provider does not know: {lost[:5]}"
    reached = {each["to"] for each in counts["messages"]}
    if silent := told.promised - reached:
        yield f"{len(silent)} phones wait for an SMS that was promised"
