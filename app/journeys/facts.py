"""What is read of a caller: once when dialling, again when it is no longer fresh."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any

from sqlalchemy import Connection

from app.base.clock import local_date
from app.base.database import reading
from app.base.money import Money
from app.base.months import Month, Period
from app.contributions.rights import RightsState, expected_state
from app.contributions.rules import Quote, due_on, is_collected_here
from app.enrolment.queries import Artisan, Member, get_artisan
from app.enrolment.rules import masked_name, plain_name
from app.journeys.context import Dialogue, Facts
from app.payments.dues import (
    first_owed_month,
    next_unpaid_month,
    quote_dues,
    quote_payable,
    unpaid_months,
)
from app.payments.phone_account import PinStatus, get_locks
from app.payments.queries import Deposit, IssuedCode, PaymentAccount, get_account

# What is read stays good for this long, unless a code is live.
FRESH_SECONDS = 5
# What stays when another person is chosen: the agent, the household.
_OF_THE_PHONE = ("g", "h")
_INTERRUPTED = {RightsState.SUSPENDED, RightsState.CLOSED}


@dataclass(frozen=True, slots=True)
class Person:
    """An artisan and their account as last read, on the local day `today`."""

    artisan: Artisan
    account: PaymentAccount
    today: date

    @property
    def enrolled(self) -> Month | None:
        return Month.of(self.artisan.enrolled_on) if self.artisan.enrolled_on else None

    @property
    def pays_here(self) -> bool:
        return is_collected_here(self.artisan.category)

    def unpaid(self) -> tuple[Month, ...]:
        """The months owed today, oldest first."""
        return unpaid_months(self.artisan, self.account.settled, self.today)

    def dues(self, months: int | None = None) -> Quote:
        """What the `months` oldest months owed cost today; None for all."""
        return quote_dues(self.artisan, self.account, self.today, months)

    def payable(self) -> Quote:
        """What may be paid today: all that is owed, then the months ahead, oldest first."""
        return quote_payable(self.artisan, self.account, self.today)

    def next_due(self) -> date | None:
        """When the first month after this one that is not paid yet is due."""
        month = next_unpaid_month(self.artisan, self.account.settled, self.today)
        return due_on(month) if month else None

    def upcoming_due(self) -> date:
        """The next day by which something is to be paid, of who owes something."""
        days = [due_on(month) for month in self.unpaid()]
        return min((day for day in days if day >= self.today), default=self.next_due() or days[-1])

    def unposted(self) -> list[Deposit]:
        """What agents received and CNSS has not credited yet, newest first."""
        return [deposit for deposit in self.account.deposits if deposit.posted_on is None]

    def paid_up_on(self) -> date | None:
        """Since which day all that was due is paid, by deposits; None where it is not.

        One or two months that became late since do not undo it (domain.md section 2, Rights).
        """
        if expected_state(self.enrolled, self.unpaid(), True, self.today) in _INTERRUPTED:
            return None
        since, settled = None, self.account.settled
        for deposit in self.account.deposits:
            received_on = local_date(deposit.received_at)
            if unpaid_months(self.artisan, settled, received_on):
                break
            since = received_on
            settled -= set(deposit.period)
        return since


def keep_facts(dialogue: Dialogue, artisan: Artisan, account: PaymentAccount) -> None:
    """Stores what was read in the session: JSON, small, no name and no number."""
    dialogue.facts = Facts(
        {key: dialogue.facts[key] for key in _OF_THE_PHONE if key in dialogue.facts}
    )
    dialogue.facts["a"] = [
        artisan.id,
        artisan.category,
        str(artisan.coefficient) if artisan.coefficient is not None else None,
        *(day.isoformat() if day else None for day in _days(artisan)),
    ]
    _keep_account(dialogue, artisan, account)


def _keep_account(dialogue: Dialogue, artisan: Artisan, account: PaymentAccount) -> None:
    first = first_owed_month(artisan)
    dialogue.facts |= {
        "at": int(dialogue.now.timestamp()),
        "c": _packed_code(account.code),
        "s": [str(month) for month in sorted(account.settled) if first and month >= first],
        "d": [_packed_deposit(deposit) for deposit in account.deposits],
        "p": [
            [str(month), day.isoformat()]
            for month, day in account.paid_late
            # Only penalties of years that a month still owed can accrue in share its cap.
            if first and day.year >= first.year
        ],
    }


def keep_locks(dialogue: Dialogue, locks: PinStatus) -> None:
    """Whether the PIN is asked before anything private, until it was typed in this session."""
    dialogue.facts |= {"k": int(locks.has_pin), "r": int(locks.has_reset), "o": 0}


def read_locks_again(connection: Connection, dialogue: Dialogue) -> None:
    """One statement; that the PIN was typed in this session stays."""
    opened = dialogue.facts.get("o", 0)
    keep_locks(dialogue, get_locks(connection, dialogue.facts["a"][0], dialogue.now))
    dialogue.facts["o"] = opened


def keep_household(dialogue: Dialogue, members: Iterable[Member]) -> None:
    """Who may be chosen on this phone: our own ids, and names as much as an agent would see."""
    dialogue.facts["h"] = [
        [
            member.id,
            masked_name(plain_name(member.full_name)),
            masked_name(member.full_name_ar or member.full_name),
            int(member.added),
        ]
        for member in members
    ]


def keep_code(dialogue: Dialogue, code: IssuedCode) -> None:
    """Stores the code just made; all else stays as it was read."""
    dialogue.facts["c"] = _packed_code(code)


def person(dialogue: Dialogue) -> Person:
    """The caller, from the session; no SQL. A code whose time is over, or whose
    months CNSS no longer waits for, is none.
    """
    artisan, code = _artisan(dialogue), _unpacked_code(dialogue.facts["c"])
    first = first_owed_month(artisan) if is_collected_here(artisan.category) else None
    live = code and code.expires_at > dialogue.now and first and code.period.first >= first
    return Person(
        artisan,
        PaymentAccount(
            code if live else None,
            frozenset(Month.parse(month) for month in dialogue.facts["s"]),
            tuple(_unpacked_deposit(row) for row in dialogue.facts["d"]),
            tuple(
                (Month.parse(month), date.fromisoformat(day)) for month, day in dialogue.facts["p"]
            ),
        ),
        local_date(dialogue.now),
    )


def _artisan(dialogue: Dialogue) -> Artisan:
    number, category, coefficient, *days = dialogue.facts["a"]
    enrolled, until, as_of = (date.fromisoformat(day) if day else None for day in days)
    assert as_of
    factor = Decimal(coefficient) if coefficient else None
    return Artisan(number, "", dialogue.language, category, factor, enrolled, until, as_of)


def fresh_person(dialogue: Dialogue) -> Person:
    """The caller, the account read again unless that was done a moment ago.

    While a code is live cash may come at any moment, and shows at once.
    """
    if dialogue.facts["c"] or dialogue.now.timestamp() - dialogue.facts["at"] >= FRESH_SECONDS:
        read_account_again(dialogue)
    return person(dialogue)


def read_account_again(dialogue: Dialogue) -> None:
    """One statement: the register's part does not change during a talk."""
    artisan = _artisan(dialogue)
    with reading(dialogue.services.database) as connection:
        _keep_account(dialogue, artisan, get_account(connection, artisan.id, dialogue.now))


def read_facts(connection: Connection, dialogue: Dialogue, artisan_id: int) -> None:
    """Reads the caller's facts into the session, in three statements."""
    artisan = get_artisan(connection, artisan_id)
    keep_facts(dialogue, artisan, get_account(connection, artisan_id, dialogue.now))
    keep_locks(dialogue, get_locks(connection, artisan_id, dialogue.now))


def _days(artisan: Artisan) -> tuple[date | None, ...]:
    return artisan.enrolled_on, artisan.rights_until, artisan.rights_as_of


def _packed_code(code: IssuedCode | None) -> list[Any] | None:
    if code is None:
        return None
    months = str(code.period.first), str(code.period.last)
    return [code.code, code.total.centimes, *months, int(code.expires_at.timestamp())]


def _unpacked_code(row: list[Any] | None) -> IssuedCode | None:
    if row is None:
        return None
    code, total, first, last, expires = row
    period = Period(Month.parse(first), Month.parse(last))
    return IssuedCode(code, Money(total), period, datetime.fromtimestamp(expires, UTC))


def _packed_deposit(deposit: Deposit) -> list[Any]:
    return [
        deposit.receipt,
        deposit.total.centimes,
        str(deposit.period.first),
        str(deposit.period.last),
        int(deposit.received_at.timestamp()),
        deposit.agency,
        deposit.posted_on.isoformat() if deposit.posted_on else None,
    ]


def _unpacked_deposit(row: list[Any]) -> Deposit:
    receipt, total, first, last, received, agency, posted = row
    return Deposit(
        receipt,
        Money(total),
        Period(Month.parse(first), Month.parse(last)),
        datetime.fromtimestamp(received, UTC),
        agency,
        date.fromisoformat(posted) if posted else None,
    )
