"""What an artisan has to pay and may expect, computed once for all who stand alike."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from functools import cached_property, lru_cache

from app.base.clock import local_date
from app.base.months import Month
from app.contributions.rights import RightsState, expected_state, open_after_paying_all
from app.contributions.rules import Quote, due_on, is_collected_here
from app.enrolment.queries import Artisan
from app.payments.dues import (
    first_owed_month,
    next_unpaid_month,
    quote_dues,
    quote_payable,
    unpaid_months,
)
from app.payments.queries import Deposit, PaymentAccount

_INTERRUPTED = {RightsState.SUSPENDED, RightsState.CLOSED}


@dataclass(frozen=True)
class Standing:
    """The register's part of an artisan and the months paid, on the local day `today`.

    It is nobody's: it holds no id, no code and no deposit. What follows is computed once, when it
    is first asked for.
    """

    category: str
    coefficient: Decimal | None
    enrolled_on: date | None
    rights_until: date | None
    rights_as_of: date
    settled: frozenset[Month]
    paid_late: tuple[tuple[Month, date], ...]
    today: date

    @cached_property
    def artisan(self) -> Artisan:
        """An artisan without id and name who stands so."""
        return Artisan(
            id=0,
            full_name="",
            language="",
            category=self.category,
            coefficient=self.coefficient,
            enrolled_on=self.enrolled_on,
            rights_until=self.rights_until,
            rights_as_of=self.rights_as_of,
        )

    @cached_property
    def account(self) -> PaymentAccount:
        """The account of an artisan who stands so, without code and deposits."""
        return PaymentAccount(None, self.settled, (), self.paid_late)

    @cached_property
    def enrolled(self) -> Month | None:
        return Month.of(self.enrolled_on) if self.enrolled_on else None

    @cached_property
    def pays_here(self) -> bool:
        return is_collected_here(self.category)

    @cached_property
    def first_payable(self) -> Month | None:
        """The first month that a code may still pay; None where no code is made."""
        return first_owed_month(self.artisan) if self.pays_here else None

    @cached_property
    def unpaid(self) -> tuple[Month, ...]:
        """The months owed today, oldest first."""
        return unpaid_months(self.artisan, self.settled, self.today)

    @cached_property
    def dues(self) -> Quote:
        """All that is owed, at today's price."""
        return quote_dues(self.artisan, self.account, self.today)

    @cached_property
    def overdue(self) -> int:
        """The number of months owed whose due date is over."""
        return sum(line.due_on < self.today for line in self.dues.lines)

    @cached_property
    def payable(self) -> Quote:
        """All that may be paid today: the months owed, then months ahead, oldest first."""
        return quote_payable(self.artisan, self.account, self.today)

    @cached_property
    def next_due(self) -> date | None:
        """The due date of the first month after this one that is not paid yet."""
        month = next_unpaid_month(self.artisan, self.settled, self.today)
        return due_on(month) if month else None

    @cached_property
    def upcoming_due(self) -> date:
        """The next day by which a person who owes something has to pay."""
        days = [line.due_on for line in self.dues.lines]
        return min((day for day in days if day >= self.today), default=self.next_due or days[-1])

    @cached_property
    def is_closed(self) -> bool:
        """True if the months that CNSS's last word leaves unpaid close the rights."""
        unpaid = unpaid_months(self.artisan, frozenset(), self.today)
        state = expected_state(self.enrolled, unpaid, True, self.today)
        return state is RightsState.CLOSED

    @cached_property
    def is_interrupted(self) -> bool:
        """True if the months owed today suspend or close the rights."""
        return expected_state(self.enrolled, self.unpaid, True, self.today) in _INTERRUPTED

    @cached_property
    def opening(self) -> date | None:
        """The day rights open if all is paid today, as `find_opening` says."""
        return self.find_opening(self.today)

    def find_opening(self, paid_on: date) -> date | None:
        """Returns the day rights open if all is paid on `paid_on`; None if CNSS says they are open.

        CNSS counts the months its last word leaves unpaid, whatever agents received since: paying
        some of them does not shorten the wait.
        """
        until = self.rights_until
        if until and until >= self.today:
            return None
        uncredited = unpaid_months(self.artisan, frozenset(), paid_on)
        if not uncredited:
            return None
        return open_after_paying_all(self.enrolled, uncredited, until is not None, paid_on)

    def paid_up_on(self, deposits: Iterable[Deposit]) -> date | None:
        """Returns the day since which all that was due is paid, by deposits; None if it is not.

        One or two months that became overdue since do not undo it (docs/rules.md, Rights).
        """
        if self.is_interrupted:
            return None
        since, settled = None, self.settled
        for deposit in deposits:
            received_on = local_date(deposit.received_at)
            if unpaid_months(self.artisan, settled, received_on):
                break
            since = received_on
            settled -= set(deposit.period)
        return since


# Cached, because a register of 360,000 has about a thousand of them on a day.
find_standing = lru_cache(maxsize=1024)(Standing)
