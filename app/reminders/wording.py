"""What a reminder names: the amount, the day, what is at stake, where to pay, and the live code."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date, datetime, timedelta
from typing import Any

from sqlalchemy import BigInteger, Connection, Row, bindparam, select

from app.agents.models import agency
from app.agents.queries import list_agencies
from app.agents.rules import shown_name
from app.agents.towns import find_town_of_province
from app.base.clock import local_date, local_midnight
from app.base.months import Month
from app.base.operation import Operation
from app.enrolment.models import artisan
from app.payments.codes import CodeRequest, end_live_code, issue_code
from app.payments.errors import AnotherIsLive
from app.payments.models import deposit
from app.payments.queries import IssuedCode, get_account
from app.payments.receipt_recipients import add_receipt_recipient, carry_over_recipients
from app.payments.wording import shown_until
from app.reminders.context import ReminderContext
from app.services import Services
from app.text.encoding import GSM7, encoding_of
from app.text.words import Say

NETWORK = "Wafacash"
# A code that is told lives so long, or to the end of the month, when its amount changes.
_LIVES_YET = timedelta(hours=24)


def reminder_values(
    connection: Connection, means: ReminderContext, waiting: Row[Any], now: datetime
) -> dict[str, Any]:
    """What the words `sms.reminder_<step>` want. NothingDue, NotCollectedHere."""
    code = _live_code(connection, means, waiting, now)
    open_until, province = connection.execute(_OF_REGISTER, {"artisan": waiting.artisan_id}).one()
    return {
        "total": code.total,
        "deadline": waiting.deadline,
        "code": code.code,
        "until": shown_until(code.expires_at),
        "stake": Say("stake.keep" if _is_open(open_until, now) else "stake.open"),
        "where": place_to_pay(connection, waiting.artisan_id, province),
    }


def notice_values(texts: Mapping[str, str], language: str) -> dict[str, Any]:
    """What the words `sms.notice` want."""
    return {"announced": texts[language]}


def _is_open(rights_until: date | None, now: datetime) -> bool:
    return rights_until is not None and rights_until >= local_date(now)


def _live_code(
    connection: Connection, means: ReminderContext, waiting: Row[Any], now: datetime
) -> IssuedCode:
    """The code to tell: the live one, unless it ends too soon to be of use; else a new one.

    No second message goes out for it; its receipt comes to the phone that is reminded.
    """
    live = get_account(connection, waiting.artisan_id, now).code
    ending = live if live and _ends_soon(live, now) else None
    # The books name the artisan, for whom the code is made, as they do for one asked by phone.
    operation = Operation(connection, now, "artisan")
    if ending:
        end_live_code(operation, waiting.artisan_id)
    try:
        request = CodeRequest(waiting.artisan_id, None, waiting.language)
        services = Services(connection.engine, means.words, means.random, means.fee, b"")
        code = issue_code(operation, services, request)
    except AnotherIsLive as refusal:
        code = refusal.live
    if ending:
        carry_over_recipients(connection, ending.code, code.code)
    add_receipt_recipient(connection, code.code, waiting.phone, waiting.language)
    return code


# Built once: building it takes longer than running it.
_OF_REGISTER = select(artisan.c.rights_until, artisan.c.province).where(
    artisan.c.id == bindparam("artisan", type_=BigInteger)
)


def _ends_soon(live: IssuedCode, now: datetime) -> bool:
    month_over = local_midnight((Month.of(local_date(now)) + 1).first_day)
    return live.expires_at < min(now + _LIVES_YET, month_over)


def place_to_pay(connection: Connection, artisan_id: int, province: str | None) -> str:
    """The agency used last, or else the first of the nearest town; the network where none is known.

    One whose letters would make the message dearer is not named.
    """
    last = connection.execute(_LAST_USED, {"artisan": artisan_id}).scalar()
    name = last or _nearest(connection, province)
    return f"{NETWORK} {shown_name(name)}" if name and encoding_of(name) == GSM7 else NETWORK


_LAST_USED = (
    select(agency.c.name)
    .join(deposit, deposit.c.agency_code == agency.c.code)
    .where(deposit.c.artisan_id == bindparam("artisan", type_=BigInteger), agency.c.active)
    .order_by(deposit.c.received_at.desc())
    .limit(1)
)


def _nearest(connection: Connection, province: str | None) -> str | None:
    town = find_town_of_province(province) if province else None
    return next((one.name for one in list_agencies(connection, town.code)), None) if town else None
