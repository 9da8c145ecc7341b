"""The named parts of a dialogue's state: facts read of a caller, and answers the caller gave.

Both are kept in the session between hops, so each part is small, and none holds a full name or an
identity number. How a part is packed is decided in app/ussd/parts.py.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal

from app.assistance.queries import HelpRequest
from app.base.money import Money
from app.base.months import Month, Period
from app.claims.queries import Claim
from app.enrolment.birth_dates import BirthDate, pack_birth_date, unpack_birth_date
from app.enrolment.cover import EnrolmentFile, Family
from app.notices.queries import ShownNotice
from app.payments.agent_day import DayDeposit
from app.payments.phone_account import LostReceipt
from app.payments.queries import Deposit, IssuedCode, Terms
from app.ussd.parts import Codec, Part, Parts
from app.ussd.vocabulary import NothingToShow


@dataclass(frozen=True, slots=True)
class RegisteredArtisan:
    """The register's part of a person, without name and number."""

    id: int
    category: str
    coefficient: Decimal | None
    enrolled_on: date | None
    rights_until: date | None
    rights_as_of: date


@dataclass(frozen=True, slots=True)
class LatePayment:
    """A month that was paid with a penalty, and the day it was paid: it used up the year's cap."""

    month: Month
    paid_on: date


@dataclass(frozen=True, slots=True)
class HouseholdMember:
    """A person who may be chosen on this phone: our own id, and masked names as an agent sees."""

    id: int
    name: str
    name_ar: str
    added: bool
    proven: bool


@dataclass(frozen=True, slots=True)
class TiedPhone:
    """Another phone of the person's: the digest that names it, its last digits, way and day."""

    digest: str
    ends: str
    way: str
    since: date


@dataclass(frozen=True, slots=True)
class OtherPerson:
    """The person somebody wants to pay for: masked name, and the code's amount and months."""

    artisan_id: int
    name: str
    total: Money
    period: Period

    @property
    def terms(self) -> Terms:
        return Terms(self.total, self.period)


@dataclass(frozen=True, slots=True)
class ShownRecord:
    """The screen of the caller's own entry in the register."""

    rna_number: str
    category: str
    trade: str
    province: str


@dataclass(frozen=True, slots=True)
class SeenLook:
    """A look at the caller's record: the day, who looked by their work, and why."""

    id: int
    seen_on: date
    role: str
    reason: str


@dataclass(frozen=True, slots=True)
class ListedAgency:
    """An agency as a line of a list; `weekdays` is empty where the hours are unknown."""

    code: str
    name: str
    weekdays: str


@dataclass(frozen=True, slots=True)
class ShownAgency:
    """An agency as a screen of its own; hours are empty where unknown, or closed on Saturday."""

    name: str
    address: str
    weekdays: str
    saturday: str


@dataclass(frozen=True, slots=True)
class CodeToCollect:
    """A payment code on an agent's phone before the cash is confirmed; the name is masked."""

    code: str
    total: Money
    name: str
    period: Period


@dataclass(frozen=True, slots=True)
class AgentReceipt:
    """The receipt an agent's phone shows after a deposit; the name is masked.

    `told` is true once it was shown in an earlier session: it is then no news of a payment.
    """

    receipt: str
    total: Money
    booked_at: datetime
    told: bool = False
    name: str = ""


@dataclass(frozen=True, slots=True)
class SentenceValue:
    """A value of a sentence kept until its screen: one of money, moment and text."""

    name: str
    money: Money | None = None
    moment: datetime | None = None
    text: str | None = None

    @property
    def value(self) -> Money | datetime | str | None:
        if self.money is not None:
            return self.money
        return self.text if self.moment is None else self.moment


@dataclass(frozen=True, slots=True)
class CodeRefusal:
    """The sentence that says why a code was refused to an agent."""

    sentence: str
    values: tuple[SentenceValue, ...]


@dataclass(frozen=True, slots=True)
class AgentDayFacts:
    """An agent's day: the sum and count of deposits, the newest ones, and limits (None: none)."""

    total: Money
    deposits: int
    newest: tuple[DayDeposit, ...]
    code_limit: Money | None
    day_limit: Money | None
    rest: Money | None


@dataclass(frozen=True, slots=True)
class ReversalBegun:
    """A reversal for which the agent's PIN was typed, and that waits for somebody who agrees."""

    receipt: str
    has_phone: bool
    pin_typed_at: datetime


@dataclass(frozen=True, slots=True)
class ClosedDay:
    """The sum an agent closed the day with."""

    total: Money
    closed_at: datetime


class Facts(Parts):
    """Facts read of the caller, once when dialling and again when they are no longer fresh."""

    # The phone's: they stay when another person is chosen.
    agent_id = Part(int, None, key="g")
    household = Part(tuple[HouseholdMember, ...], (), key="h")
    # The phone dialled before, a few minutes ago: a live code is shown first.
    dialled_lately = Part(bool, False, key="dl")
    # The person's. `way` is how this phone is tied to the person (app/enrolment/ties.py).
    way = Part(str, "", key="w")
    artisan = Part(RegisteredArtisan, None, key="a")
    # The masked name that receipts show: read when one is looked at, not for every caller.
    name = Part(str, "", key="l")
    read_at = Part(datetime, None, key="at")
    # The version of the account that was read.
    version = Part(int, 0, key="v")
    code = Part(IssuedCode, None, key="c")
    settled = Part(frozenset[Month], frozenset[Month](), key="s")
    deposits = Part(tuple[Deposit, ...], (), key="d")
    paid_late = Part(tuple[LatePayment, ...], (), key="p")
    # The PIN: one is set, a one-time code may replace it, it was typed in this session.
    has_pin = Part(bool, False, key="k")
    has_reset_code = Part(bool, False, key="r")
    pin_typed = Part(bool, False, key="o")
    pin_paused_until = Part(datetime, None)
    # The digest of a new PIN that waits to be typed again.
    new_pin = Part(str, None, key="n")
    # Single screens'.
    may_end_code = Part(bool, False, key="ce")
    lost_receipt = Part(LostReceipt, None, key="u")
    enrolment_file = Part(EnrolmentFile, None, key="f")
    family = Part(Family, None, key="y")
    other_person = Part(OtherPerson, None, key="x")
    code_for_another = Part(IssuedCode, None, key="xc")
    claims = Part(tuple[Claim, ...], ())
    record = Part(ShownRecord, None)
    looks = Part(tuple[SeenLook, ...], ())
    tied_phones = Part(tuple[TiedPhone, ...], ())
    requests = Part(tuple[HelpRequest, ...], ())
    centre = Part(str, None)
    notices = Part(tuple[ShownNotice, ...], ())
    home_town = Part(str, None)
    regions = Part(tuple[str, ...], ())
    towns = Part(tuple[str, ...], ())
    agencies = Part(tuple[ListedAgency, ...], ())
    agency = Part(ShownAgency, None)
    # An agent's.
    code_to_collect = Part(CodeToCollect, None, key="tc")
    code_refusal = Part(CodeRefusal, None, key="tx")
    agent_receipt = Part(AgentReceipt, None, key="tr")
    # The last digits of the phone that asked for the code, if it is not proven.
    asker_ends = Part(str, "", key="te")
    # The generation that was read when dialling; the PIN of before was typed; a new one, once.
    agent_generation = Part(int, None, key="tg")
    agent_pin_seen = Part(bool, False, key="ts")
    new_agent_pin = Part(str, None, key="tn")
    agent_locked_until = Part(datetime, None, key="tu")
    agent_day = Part(AgentDayFacts, None, key="td")
    closed_day = Part(ClosedDay, None, key="tz")
    reversal = Part(ReversalBegun, None, key="tv")

    @property
    def artisan_id(self) -> int:
        """Our own id of the person whom all entries are about.

        Raises: NothingToShow.
        """
        if (artisan := self.artisan) is None:
            raise NothingToShow()
        return artisan.id


class Answers(Parts):
    """Answers that the caller chose or typed: the parts that `keep` names in the menu files.

    A secret is here during its own hop only.
    """

    language = Part(str, None)
    person = Part(int, None)
    rna_number = Part(str, None)
    birth_date = Part(date, None, codec=Codec(pack_birth_date, unpack_birth_date))
    tries_left = Part(int, 0)
    months = Part(Month, None)
    other_rna = Part(str, None)
    receipt = Part(str, None)
    claim = Part(str, None)
    topic = Part(str, None)
    request = Part(str, None)
    notice = Part(int, None)
    look = Part(int, None)
    region = Part(str, None)
    letters = Part(str, None)
    town = Part(str, None)
    agency = Part(str, None)
    pin = Part(str, None)
    reset_code = Part(str, None)
    tie_code = Part(str, None)
    tied_phone = Part(str, None)
    till_code = Part(str, None)
    till_pin = Part(str, None)
    till_deposit = Part(str, None)
    reversal_reason = Part(str, None)
    second_agent = Part(str, None)
    second_pin = Part(str, None)
    reversal_code = Part(str, None)

    @property
    def identity(self) -> tuple[str, BirthDate]:
        """The RNA number and the birth date that were typed to identify a person.

        Raises: NothingToShow.
        """
        if (number := self.rna_number) is None or (birth_date := self.birth_date) is None:
            raise NothingToShow()
        return number, birth_date
