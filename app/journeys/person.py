"""The person a dialogue is about: read once when dialling, again when no longer fresh."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import date, datetime

from app.base.clock import local_date
from app.base.driver import AnyConnection, by_driver
from app.base.months import Month
from app.enrolment.queries import Artisan, Member
from app.enrolment.rules import masked_name, plain_name
from app.enrolment.ties import find_way, is_proven
from app.journeys.context import Dialogue
from app.journeys.facts import Facts, HouseholdMember, LatePayment, RegisteredArtisan
from app.journeys.standing import Standing, find_standing
from app.payments.dues import first_owed_month
from app.payments.phone_account import (
    PinStatus,
    TiedAccount,
    get_pin_status,
    get_tied_account,
    hide_what_others_asked,
)
from app.payments.queries import IssuedCode, PaymentAccount
from app.text.languages import LANGUAGES
from app.ussd.vocabulary import NothingToShow

# What is read stays fresh this long, unless a code is live.
FRESH_SECONDS = 5


def get_standing(dialogue: Dialogue) -> Standing:
    """Returns what follows from the session's register part and months paid, without SQL.

    Amounts are those of the day on which the account was read: what one screen shows, the next one
    charges.

    Raises: NothingToShow if the dialogue is about nobody.
    """
    return dialogue.facts.derive(_find_standing, dialogue.now)


def _find_standing(facts: Facts, now: datetime) -> Standing:
    artisan = _get_registered(facts)
    return find_standing(
        artisan.category,
        artisan.coefficient,
        artisan.enrolled_on,
        artisan.rights_until,
        artisan.rights_as_of,
        facts.settled,
        _list_paid_late(facts),
        local_date(facts.read_at or now),
    )


def _list_paid_late(facts: Facts) -> tuple[tuple[Month, date], ...]:
    return tuple((payment.month, payment.paid_on) for payment in facts.paid_late)


def make_account(dialogue: Dialogue) -> tuple[Artisan, PaymentAccount]:
    """Returns the artisan and the account as the session holds them.

    Raises: NothingToShow if the dialogue is about nobody.
    """
    facts = dialogue.facts
    account = PaymentAccount(
        get_live_code(dialogue),
        facts.settled,
        facts.deposits,
        _list_paid_late(facts),
        facts.version,
    )
    return _make_artisan(facts), account


def get_live_code(dialogue: Dialogue) -> IssuedCode | None:
    """Returns the person's live code, without SQL.

    A code that has expired, or for months that CNSS no longer waits for, is left out.
    """
    code = dialogue.facts.code
    if code is None or code.expires_at <= dialogue.now:
        return None
    first = get_standing(dialogue).first_payable
    return code if first and code.period.first >= first else None


def reload_stale_person(dialogue: Dialogue) -> None:
    """Asks again what changed of the person, unless that was done a moment ago.

    While a code is live cash may come at any moment, and has to show at once.

    Raises: NothingToShow, Unavailable.
    """
    read_at = dialogue.facts.read_at
    stale = (
        read_at is None
        or dialogue.now.timestamp() - read_at.timestamp() >= FRESH_SECONDS
        # Amounts and months change at midnight.
        or local_date(dialogue.now) != local_date(read_at)
    )
    if stale or dialogue.facts.code:
        reload_person(dialogue)


def read_person(connection: AnyConnection, dialogue: Dialogue, artisan_id: int) -> None:
    """Reads a person into the session, in two statements, or three if the phone is not proven.

    Raises: NothingToShow if the phone is not tied to the person.
    """
    tied = get_tied_account(connection, dialogue.phone, artisan_id, dialogue.now)
    assert tied
    way, account = _open_account(connection, dialogue, tied)
    store_person(dialogue, tied.artisan, account, way)
    store_pin_status(dialogue, get_pin_status(connection, dialogue.phone, artisan_id, dialogue.now))


def reload_person(dialogue: Dialogue) -> None:
    """Reads the register's part, the account and the tie again if one of them has changed.

    It is one statement, or two if the phone is not proven.
    Raises: NothingToShow if the phone is not tied to the person any more.
    """
    facts, now = dialogue.facts, dialogue.now
    known = facts.way, facts.version
    with by_driver(dialogue.services.database) as connection:
        tied = get_tied_account(connection, dialogue.phone, facts.artisan_id, now, known)
        if tied is None:
            # Amounts are those of the day on which they are read.
            facts.read_at = now
            return
        facts.way, account = _open_account(connection, dialogue, tied)
    _store_artisan(dialogue, tied.artisan)
    _store_account(dialogue, tied.artisan, account)


def require_proof(connection: AnyConnection, dialogue: Dialogue) -> None:
    """Checks in the database that this phone opens what is the person's own.

    A phone may have been untied, or its number handed over, since the session began.
    Raises: NothingToShow.
    """
    if not is_proven(find_way(connection, dialogue.phone, dialogue.facts.artisan_id)):
        raise NothingToShow()


def require_tie(connection: AnyConnection, dialogue: Dialogue) -> None:
    """Checks in the database that this phone is the person's still. Raises: NothingToShow."""
    if find_way(connection, dialogue.phone, dialogue.facts.artisan_id) is None:
        raise NothingToShow()


def is_unproven(dialogue: Dialogue) -> bool:
    """True if this phone opens only what paying needs."""
    return not is_proven(dialogue.facts.way or None)


def _open_account(
    connection: AnyConnection, dialogue: Dialogue, tied: TiedAccount
) -> tuple[str, PaymentAccount]:
    """Returns the phone's tie, and of the account what the tie opens. Raises: NothingToShow."""
    if tied.way is None:
        raise NothingToShow()
    if is_proven(tied.way):
        return tied.way, tied.account
    artisan_id = tied.artisan.id
    shown = hide_what_others_asked(connection, dialogue.phone, artisan_id, tied.account)
    return tied.way, shown


def reload_pin_status(connection: AnyConnection, dialogue: Dialogue) -> None:
    """Reads the PIN's status again, in one statement; a PIN typed in this session stays typed."""
    typed, artisan_id = dialogue.facts.pin_typed, dialogue.facts.artisan_id
    store_pin_status(dialogue, get_pin_status(connection, dialogue.phone, artisan_id, dialogue.now))
    dialogue.facts.pin_typed = typed


def store_person(dialogue: Dialogue, artisan: Artisan, account: PaymentAccount, way: str) -> None:
    """Stores a person in the session, without name and number, and how the phone is tied.

    Facts of another person are dropped; those of the phone stay.
    """
    kind = type(dialogue.facts)
    dialogue.facts = dialogue.facts.copy_of(kind.agent_id, kind.household, kind.dialled_lately)
    dialogue.facts.way = way
    _store_artisan(dialogue, artisan)
    _store_account(dialogue, artisan, account)


def store_code(dialogue: Dialogue, code: IssuedCode) -> None:
    """Stores a code just made; all else stays as it was read."""
    dialogue.facts.code = code


def store_pin_status(dialogue: Dialogue, status: PinStatus) -> None:
    """Stores that a PIN is set: it is asked before anything private until it was typed."""
    dialogue.facts.has_pin = status.has_pin
    dialogue.facts.has_reset_code = status.has_reset
    dialogue.facts.pin_typed = False


def store_household(dialogue: Dialogue, members: Iterable[Member]) -> None:
    """Stores the people who may be chosen on this phone, with names masked as for an agent."""
    dialogue.facts.household = tuple(
        HouseholdMember(
            member.id,
            masked_name(plain_name(member.full_name)),
            masked_name(member.full_name_ar or member.full_name),
            member.added,
            member.proven,
        )
        for member in members
    )


def _store_artisan(dialogue: Dialogue, artisan: Artisan) -> None:
    dialogue.facts.artisan = RegisteredArtisan(
        artisan.id,
        artisan.category,
        artisan.coefficient,
        artisan.enrolled_on,
        artisan.rights_until,
        artisan.rights_as_of,
    )


def _store_account(dialogue: Dialogue, artisan: Artisan, account: PaymentAccount) -> None:
    """Stores the account, without the months that no month still owed depends on."""
    facts, first = dialogue.facts, first_owed_month(artisan)
    facts.read_at = dialogue.now
    facts.version = account.version
    facts.code = account.code
    facts.settled = frozenset(month for month in account.settled if first and month >= first)
    facts.deposits = account.deposits
    facts.paid_late = tuple(
        LatePayment(month, day)
        for month, day in account.paid_late
        # Only penalties of years that a month still owed can accrue in share its cap.
        if first and day.year >= first.year
    )


def _get_registered(facts: Facts) -> RegisteredArtisan:
    if (artisan := facts.artisan) is None:
        raise NothingToShow()
    return artisan


def _make_artisan(facts: Facts) -> Artisan:
    artisan = _get_registered(facts)
    return Artisan(
        id=artisan.id,
        full_name="",
        language="",
        category=artisan.category,
        coefficient=artisan.coefficient,
        enrolled_on=artisan.enrolled_on,
        rights_until=artisan.rights_until,
        rights_as_of=artisan.rights_as_of,
    )


def name_member(dialogue: Dialogue, member: HouseholdMember) -> str:
    """Returns the masked name in the dialogue's script."""
    in_arabic = LANGUAGES[dialogue.language].script == "arabic"
    return member.name_ar if in_arabic else member.name
