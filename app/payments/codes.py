"""Issues payment codes, cancels and expires them. Cash for them arrives in `deposits`.

Every function works in its caller's transaction and commits nothing itself.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date, datetime, timedelta

from sqlalchemy import Connection, DateTime, bindparam, text, update

from app.audit.service import record_audit
from app.base.clock import local_date, local_midnight
from app.base.driver import AnyConnection, DriverConnection, Prepared
from app.base.money import Money
from app.base.months import Month, Period
from app.base.operation import Operation
from app.base.phone import Phone
from app.base.rows import write_array
from app.contributions.errors import NotCollectedHere
from app.contributions.rules import (
    ContributionLine,
    Quote,
    code_validity_days,
    coefficient_of,
    last_unchanged_day,
)
from app.enrolment.queries import Artisan, lock_artisan
from app.messaging.service import (
    OutboundMessage,
    WrittenMessage,
    queue_message,
    write_message,
)
from app.payments.dues import quote_dues, quote_payable, quote_until
from app.payments.errors import AnotherIsLive, NothingDue, TermsChanged
from app.payments.models import payment_code
from app.payments.queries import IssuedCode, PaymentAccount, Terms, get_account
from app.payments.receipts import phones_with_code
from app.payments.rules import draw_code
from app.payments.wording import period_words, shown_until
from app.services import Services


@dataclass(frozen=True, slots=True)
class CodeRequest:
    """A request for a code that pays all months up to `through` (None: all that is owed).

    `phone` asked for the code and gets it by SMS in `language`; it is None if no phone asked: then
    nobody is told of the code. `replacing` is the live code that the requester has seen and wants
    replaced. `agreed` are the terms that the requester has seen; None if nothing was shown before.
    """

    artisan_id: int
    phone: Phone | None
    language: str
    through: Month | None = None
    replacing: str | None = None
    agreed: Terms | None = None


@dataclass(frozen=True, slots=True)
class _Dues:
    """An artisan, the account, and the part of `payable` that a code is to pay.

    `payable` is all that is owed; months ahead too, if the request or a live code may be for them.
    """

    artisan: Artisan
    account: PaymentAccount
    payable: Quote
    chosen: Quote


def issue_code(operation: Operation, services: Services, request: CodeRequest) -> IssuedCode:
    """Issues a code for the months of the request, and queues it by SMS to the phone, if any.

    A live code for the same months is returned again. A live code for other months refuses the
    request, unless it is `replacing`, or its amount is no longer what is due: then it is cancelled
    first. Requests for one artisan wait for each other, and the database allows one live code.
    A code never has other terms than those agreed: what changed meanwhile refuses the request.
    After an error the caller must roll back.

    Raises: NothingDue, NotCollectedHere, AnotherIsLive, TermsChanged.
    """
    artisan = lock_artisan(operation.connection, request.artisan_id)
    code = None
    # Under the lock the account can change in one way alone: its live code is redeemed.
    while code is None:
        account = get_account(operation.connection, artisan.id, operation.now)
        dues = _quote_dues(artisan, account, operation.now, services, request)
        live = account.code
        if live and _pays_exactly(live, quote_until(dues.payable, live.period.last), services.fee):
            if live.period == dues.chosen.period:
                return live
            if live.code != request.replacing:
                raise AnotherIsLive(live)
        code = _issue(operation.connection, operation.now, operation.actor, services, dues, request)
    if live:
        queue_cancellation(operation, services, live.code, request.phone)
    return code


def issue_code_as_shown(
    connection: DriverConnection,
    now: datetime,
    services: Services,
    request: CodeRequest,
    shown: tuple[Artisan, PaymentAccount],
) -> IssuedCode | None:
    """Issues a code by one statement, if the account is as it was shown.

    A live code that was shown, for the same months, is returned again if the phone had it by SMS.
    Returns None if anything changed since, and has changed nothing: `issue_code` then says what.
    `shown` are the artisan and the account of the last screen; the artisan acts.
    """
    artisan, account = shown
    try:
        dues = _quote_dues(artisan, account, now, services, request)
    except (NothingDue, NotCollectedHere, TermsChanged):
        return None
    if (live := account.code) is None:
        return _issue(connection, now, "artisan", services, dues, request)
    if live.period != dues.chosen.period or not _pays_exactly(live, dues.chosen, services.fee):
        return None
    asked = {"artisan": artisan.id, "version": account.version, "code": live.code}
    assert request.phone
    return live if _KEPT.fetch_value(connection, **asked, phone=request.phone.e164) else None


def issue_codes(
    operation: Operation, services: Services, accounts: Iterable[tuple[Artisan, PaymentAccount]]
) -> dict[int, IssuedCode]:
    """Issues a code for all that each artisan owes, in one statement; a live one is ended.

    Returns the codes by artisan. Left out, and unchanged, is whoever owes nothing here, or whose
    account is no longer as given: `issue_code` then says what. No phone is told.
    """
    bills = _Bills(operation.now, services)
    waiting = {
        artisan.id: (account, bill)
        for artisan, account in accounts
        if (bill := bills.find(artisan, account)) is not None
    }
    issued = {}
    while waiting:
        series = services.code_series.number
        codes = {artisan_id: draw_code(services.random, series) for artisan_id in waiting}
        values = {
            "artisans": write_array(waiting),
            "versions": write_array(account.version for account, _ in waiting.values()),
            "ended": write_array(
                account.code and account.code.code for account, _ in waiting.values()
            ),
            "codes": write_array(codes.values()),
            "expires": write_array(bill.expires_at for _, bill in waiting.values()),
            "first_places": write_array(bill.first_place for _, bill in waiting.values()),
            "last_places": write_array(bill.last_place for _, bill in waiting.values()),
            "periods": write_array(line.month.first_day for line in bills.lines),
            "contributions": write_array(line.amount.centimes for line in bills.lines),
            "penalties": write_array(line.penalty.centimes for line in bills.lines),
            "fee": services.fee.centimes,
            "now": operation.now,
            "actor": operation.actor,
        }
        outcomes = {row.artisan: row.outcome for row in operation.connection.execute(_SET, values)}
        for artisan_id, (_, bill) in waiting.items():
            if outcomes[artisan_id] == "issued":
                issued[artisan_id] = bill.make_code(codes[artisan_id])
        # Others were drawn for them; that a third is drawn before as well hardly ever happens.
        for other in {each for each in outcomes.values() if each.startswith("series ")}:
            _learn_series(services, other)
        again = {one for one, outcome in outcomes.items() if outcome not in ("issued", "changed")}
        waiting = {one: waiting[one] for one in waiting if one in again}
    return issued


@dataclass(frozen=True, slots=True)
class _Bill:
    """A code without its number; its months stand from one place to another, counted from 1."""

    total: Money
    period: Period
    expires_at: datetime
    first_place: int
    last_place: int

    def make_code(self, code: str) -> IssuedCode:
        return IssuedCode(code, self.total, self.period, self.expires_at)


class _Bills:
    """The bills of a set of artisans, each computed once: most owe what others owe."""

    def __init__(self, now: datetime, services: Services) -> None:
        self._now, self._services = now, services
        self._found: dict[tuple[object, ...], _Bill | None] = {}
        self.lines: list[ContributionLine] = []

    def find(self, artisan: Artisan, account: PaymentAccount) -> _Bill | None:
        """Returns the bill for all that is owed; None if nothing is owed here."""
        same = (
            artisan.category,
            artisan.coefficient,
            artisan.enrolled_on,
            artisan.rights_until,
            account.settled,
            account.paid_late,
        )
        if same not in self._found:
            self._found[same] = self._make(artisan, account)
        return self._found[same]

    def _make(self, artisan: Artisan, account: PaymentAccount) -> _Bill | None:
        request = CodeRequest(artisan.id, None, artisan.language)
        try:
            dues = _quote_dues(artisan, account, self._now, self._services, request)
        except (NothingDue, NotCollectedHere):
            return None
        due, first = dues.chosen, len(self.lines) + 1
        self.lines += due.lines
        total, expires_at = due.total + self._services.fee, _compute_expiry(dues, self._now)
        return _Bill(total, due.period, expires_at, first, len(self.lines))


def find_kept_code(
    operation: Operation, services: Services, artisan: Artisan, account: PaymentAccount
) -> IssuedCode | None:
    """Returns the artisan's live code if it still pays exactly what is due for its months.

    `issue_code` never ends such a code unless it is asked to.
    """
    live = account.code
    if live is None:
        return None
    payable = quote_payable(artisan, account, local_date(operation.now))
    due = quote_until(payable, live.period.last)
    return live if _pays_exactly(live, due, services.fee) else None


def find_terms(artisan: Artisan, account: PaymentAccount, on: date, fee: Money) -> Terms | None:
    """Returns the terms of the live code, or of a new one for all that is owed. Pure.

    A live code that no longer pays exactly what is due would be replaced. Returns None if nothing
    is owed.

    Raises: NotCollectedHere.
    """
    payable, live = quote_payable(artisan, account, on), account.code
    if live and _pays_exactly(live, quote_until(payable, live.period.last), fee):
        return live.terms
    return terms_of(quote_until(payable, Month.of(on)), fee)


def terms_of(due: Quote, fee: Money) -> Terms | None:
    """Returns the terms of a code for what is due; None if nothing is. Pure."""
    return Terms(due.total + fee, due.period) if due.lines else None


def queue_code_message(
    operation: Operation, services: Services, code: IssuedCode, phone: Phone, language: str
) -> None:
    """Queues the SMS with a live code to a phone; the same code goes to a phone once."""
    queue_message(operation, services, _make_code_message(code, phone, language))


def _make_code_message(code: IssuedCode, phone: Phone, language: str) -> OutboundMessage:
    values = {
        "code": code.code,
        "total": code.total,
        "period": period_words(code.period),
        "until": shown_until(code.expires_at),
    }
    return OutboundMessage("code", f"{code.code}:{phone.e164}", phone, language, values)


def cancel_code(operation: Operation, artisan_id: int) -> bool:
    """Cancels the artisan's live code. Returns False if there was none."""
    lock_artisan(operation.connection, artisan_id)
    return end_live_code(operation, artisan_id) == "cancelled"


def queue_cancellation(
    operation: Operation, services: Services, code: str, except_phone: Phone | None = None
) -> None:
    """Queues an SMS to each phone that holds the cancelled code, so that nobody takes it to a till.

    The register's phone is told of no code that it never heard of. `except_phone` gets none either:
    the SMS with its new code follows at once.
    """
    for phone, language in phones_with_code(operation.connection, code).items():
        if phone == except_phone:
            continue
        message = OutboundMessage(
            "code_cancelled", f"{code}:{phone.e164}", phone, language, {"code": code}
        )
        queue_message(operation, services, message)


def end_live_code(operation: Operation, artisan_id: int) -> str | None:
    """Ends the artisan's live code. Returns its new state, `cancelled` or `expired`.

    Returns None if the UPDATE found no live code, whatever was read earlier.
    """
    params = {"artisan": artisan_id, "now": operation.now}
    ended = operation.connection.execute(_END_LIVE, params).one_or_none()
    if ended is None:
        return None
    if ended.state == "cancelled":
        record_audit(operation, "code_cancelled", f"artisan:{artisan_id}", code=ended.code)
    return str(ended.state)


def expire_codes(connection: Connection, now: datetime) -> int:
    """Marks the codes past `expires_at` as expired. Returns their number.

    Such a code is not payable before it is marked either.
    """
    return connection.execute(
        update(payment_code)
        .where(payment_code.c.state == "issued", payment_code.c.expires_at <= now)
        .values(state="expired", ended_at=payment_code.c.expires_at)
    ).rowcount


def _quote_dues(
    artisan: Artisan,
    account: PaymentAccount,
    now: datetime,
    services: Services,
    request: CodeRequest,
) -> _Dues:
    """Quotes the oldest months of a request. Pure.

    Raises: NothingDue, NotCollectedHere, TermsChanged.
    """
    today = local_date(now)
    ahead = request.through or account.code
    payable = (quote_payable if ahead else quote_dues)(artisan, account, today)
    chosen = quote_until(payable, request.through or Month.of(today)) if ahead else payable
    if not chosen.lines:
        raise NothingDue()
    if request.agreed not in {None, terms_of(chosen, services.fee)}:
        raise TermsChanged()
    return _Dues(artisan, account, payable, chosen)


def _pays_exactly(code: IssuedCode, due: Quote, fee: Money) -> bool:
    """True if the code still pays exactly what is due."""
    return bool(due.lines) and code.period.first == due.months[0] and code.total == due.total + fee


def _issue(
    connection: AnyConnection,
    now: datetime,
    actor: str,
    services: Services,
    dues: _Dues,
    request: CodeRequest,
) -> IssuedCode | None:
    """Ends the live code, and writes the new one, its months, message and audit row.

    A code that was ever issued before is not issued again: another is drawn. Returns None, and has
    changed nothing, if the account is not of the version that was read.
    """
    due, account = dues.chosen, dues.account
    values = {
        "artisan": dues.artisan.id,
        "version": account.version,
        "ended": account.code.code if account.code else None,
        "phone": request.phone.e164 if request.phone else None,
        "fee": services.fee.centimes,
        "now": now,
        "expires_at": (expires_at := _compute_expiry(dues, now)),
        "periods": write_array(line.month.first_day for line in due.lines),
        "contributions": write_array(line.amount.centimes for line in due.lines),
        "penalties": write_array(line.penalty.centimes for line in due.lines),
        "actor": actor,
    }
    while True:
        code = IssuedCode(
            draw_code(services.random, services.code_series.number),
            due.total + services.fee,
            due.period,
            expires_at,
        )
        told = _write_code_message(services, code, request)
        match _ISSUE.fetch_value(connection, **values, code=code.code, **told):
            case "issued":
                return code
            case "changed":
                return None
            case "drawn_before":
                continue
            case other:
                _learn_series(services, other)


def _learn_series(services: Services, outcome: str) -> None:
    """Takes what the database said, that codes are of another series since a restore."""
    services.code_series.number = int(outcome.removeprefix("series "))


def _write_code_message(
    services: Services, code: IssuedCode, request: CodeRequest
) -> dict[str, object]:
    if request.phone is None:
        return dict.fromkeys(WrittenMessage.__slots__)
    message = _make_code_message(code, request.phone, request.language)
    written = write_message(services, message)
    return {name: getattr(written, name) for name in WrittenMessage.__slots__}


def _compute_expiry(dues: _Dues, now: datetime) -> datetime:
    """Returns when a new code expires: some days from now, before its amount would change."""
    artisan, today = dues.artisan, local_date(now)
    days = code_validity_days(Month.of(today))
    coefficient = coefficient_of(artisan.category, artisan.coefficient)
    last_day = last_unchanged_day(
        coefficient, dues.chosen.months, today, days, earlier=dues.account.paid_late
    )
    return min(now + timedelta(days=days), local_midnight(last_day + timedelta(days=1)))


# Built once: building them takes longer than running them.
_END_LIVE = text("""
    UPDATE payment_code SET
        state = CASE WHEN expires_at <= :now THEN 'expired' ELSE 'cancelled' END,
        ended_at = least(expires_at, :now)
    WHERE artisan_id = :artisan AND state = 'issued' RETURNING code, state
""").bindparams(bindparam("now", type_=DateTime(True)))
_ISSUE = Prepared(
    text("""
        SELECT issue_payment_code(CAST(:artisan AS bigint), CAST(:version AS bigint), :ended, :code,
            :phone, CAST(:fee AS bigint), :now, :expires_at, CAST(:periods AS date[]),
            CAST(:contributions AS bigint[]), CAST(:penalties AS bigint[]), :actor, :language,
            :body, :encoding, CAST(:units AS smallint), CAST(:segments AS smallint))
    """).bindparams(
        bindparam("now", type_=DateTime(True)), bindparam("expires_at", type_=DateTime(True))
    )
)
# Whoever asked for a code was sent it.
_KEPT = Prepared(
    text("""
        SELECT account_version(CAST(:artisan AS bigint)) = CAST(:version AS bigint)
            AND EXISTS (SELECT FROM payment_code WHERE code = :code AND phone = :phone) AS kept
    """)
)
_SET = text("""
    SELECT for_artisan AS artisan, outcome FROM issue_payment_codes(CAST(:artisans AS bigint[]),
        CAST(:versions AS bigint[]), CAST(:ended AS text[]), CAST(:codes AS text[]),
        CAST(:expires AS timestamptz[]), CAST(:first_places AS integer[]),
        CAST(:last_places AS integer[]), CAST(:periods AS date[]),
        CAST(:contributions AS bigint[]), CAST(:penalties AS bigint[]), CAST(:fee AS bigint),
        :now, :actor)
""").bindparams(bindparam("now", type_=DateTime(True)))
