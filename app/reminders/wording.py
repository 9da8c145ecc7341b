"""Values of reminders: the amount, the day, what is at stake, where to pay, and the live code."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import replace
from datetime import date, datetime, timedelta
from typing import Any

from sqlalchemy import BigInteger, Connection, Row, any_, bindparam, select
from sqlalchemy.dialects.postgresql import ARRAY, distinct_on

from app.agents.models import agency
from app.agents.networks import shown_network
from app.agents.places import name_place
from app.agents.queries import find_first_agencies
from app.agents.towns import find_town_of_province
from app.base.clock import local_date, local_midnight
from app.base.months import Month
from app.base.operation import Operation
from app.contributions.errors import NotCollectedHere
from app.enrolment.models import artisan
from app.enrolment.queries import Artisan
from app.payments.codes import (
    CodeRequest,
    end_live_code,
    find_kept_code,
    issue_code,
    issue_codes,
)
from app.payments.errors import AnotherIsLive
from app.payments.models import deposit
from app.payments.queries import IssuedCode, PaymentAccount, get_account, get_accounts
from app.payments.receipt_recipients import (
    add_receipt_recipient,
    add_receipt_recipients,
    carry_over_recipients,
    has_other_recipients,
)
from app.payments.wording import shown_until
from app.services import Services
from app.text.words import Say

# A code in a reminder lives so long, or to the end of the month, when its amount changes.
_LEAST_LIFE = timedelta(hours=24)


def reminder_values(
    operation: Operation, services: Services, recipient: Row[Any]
) -> dict[str, object]:
    """Returns the values of the words `sms.reminder_<step>`, with a code that can be paid.

    Raises: NothingDue, NotCollectedHere.
    """
    connection, artisan_id = operation.connection, recipient.artisan_id
    code = _get_live_code(operation, services, recipient)
    rights_until = connection.execute(_RIGHTS, {"artisan": artisan_id}).scalar_one()
    (where,) = _find_places(connection, services, [recipient])
    return _write_values(code, recipient, rights_until, operation.now, where)


def reminder_values_of_many(
    operation: Operation, services: Services, recipients: Sequence[Row[Any]]
) -> dict[int, dict[str, object]]:
    """Returns what `reminder_values` does, by artisan, for many at once; all are locked before.

    Left out, and unchanged, is whoever needs a look of one's own: nothing is due, or a live code no
    longer pays exactly what is.
    """
    connection, now = operation.connection, operation.now
    accounts = get_accounts(connection, [one.artisan_id for one in recipients], now)
    codes = _get_live_codes(operation, services, recipients, accounts)
    told = [recipient for recipient in recipients if recipient.artisan_id in codes]
    for_artisan = replace(operation, actor="artisan")
    watching = [(codes[one.artisan_id].code, one.phone, one.language) for one in told]
    add_receipt_recipients(for_artisan, watching)
    values = {}
    for recipient, where in zip(told, _find_places(connection, services, told), strict=True):
        code, person = codes[recipient.artisan_id], accounts[recipient.artisan_id][0]
        values[person.id] = _write_values(code, recipient, person.rights_until, now, where)
    return values


def _get_live_codes(
    operation: Operation,
    services: Services,
    recipients: Sequence[Row[Any]],
    accounts: Mapping[int, tuple[Artisan, PaymentAccount]],
) -> dict[int, IssuedCode]:
    """Returns live codes that are of use, by artisan, new ones where there is none. See above."""
    for_artisan, now = replace(operation, actor="artisan"), operation.now
    kept, without, ending = {}, [], {}
    for recipient in recipients:
        person, account = accounts[recipient.artisan_id]
        if account.code is None or _ends_soon(account.code, now):
            without.append((person, account))
            if account.code:
                ending[person.id] = account.code.code, recipient.phone
            continue
        with suppress(NotCollectedHere):
            if code := find_kept_code(operation, services, person, account):
                kept[person.id] = code
    issued = issue_codes(for_artisan, services, without)
    shared = has_other_recipients(operation.connection, dict(ending.values()))
    for artisan_id, (ended, _) in ending.items():
        if ended in shared and artisan_id in issued:
            carry_over_recipients(for_artisan, ended, issued[artisan_id].code)
    return kept | issued


def _write_values(
    code: IssuedCode, recipient: Row[Any], rights_until: date | None, now: datetime, where: object
) -> dict[str, object]:
    return {
        "total": code.total,
        "deadline": recipient.deadline,
        "code": code.code,
        "until": shown_until(code.expires_at),
        "stake": Say("stake.keep" if _is_open(rights_until, now) else "stake.open"),
        "where": where,
    }


def _find_places(
    connection: Connection, services: Services, recipients: Sequence[Row[Any]]
) -> list[object]:
    """Returns where each is to pay, in order.

    That is the agency used last, or the first of the nearest town, or any of the networks.
    """
    params = {"artisans": [recipient.artisan_id for recipient in recipients]}
    used = {row.artisan_id: row for row in connection.execute(_LAST_USED, params)}
    towns = {
        province: town.code
        for province in {one.province for one in recipients if one.province}
        if (town := find_town_of_province(province))
    }
    nearest = find_first_agencies(connection, set(towns.values()))
    places: list[object] = []
    for recipient in recipients:
        found = used.get(recipient.artisan_id) or nearest.get(towns.get(recipient.province, ""))
        places.append(
            name_place(found.network_name, found.name, found.town_code)
            if found
            else services.words.shared["networks"](recipient.language)
        )
    return places


def notice_values(texts: Mapping[str, str], language: str) -> dict[str, object]:
    """Returns the values of the words `sms.notice`."""
    return {"announced": texts[language]}


def _is_open(rights_until: date | None, now: datetime) -> bool:
    return rights_until is not None and rights_until >= local_date(now)


def _get_live_code(operation: Operation, services: Services, recipient: Row[Any]) -> IssuedCode:
    """Returns the live code, or a new one if there is none or it ends too soon to be of use.

    No second message goes out for it; its receipt comes to the phone that is reminded.
    """
    connection, now, artisan_id = operation.connection, operation.now, recipient.artisan_id
    live = get_account(connection, artisan_id, now).code
    ending = live if live and _ends_soon(live, now) else None
    # The books name the artisan, for whom the code is made, as they do for one asked by phone.
    for_artisan = replace(operation, actor="artisan")
    if ending:
        end_live_code(for_artisan, artisan_id)
    try:
        request = CodeRequest(artisan_id, None, recipient.language)
        code = issue_code(for_artisan, services, request)
    except AnotherIsLive as refusal:
        code = refusal.live
    if ending:
        carry_over_recipients(for_artisan, ending.code, code.code)
    add_receipt_recipient(for_artisan, code.code, recipient.phone, recipient.language)
    return code


# Built once: building it takes longer than running it.
_RIGHTS = select(artisan.c.rights_until).where(
    artisan.c.id == bindparam("artisan", type_=BigInteger)
)


def _ends_soon(live: IssuedCode, now: datetime) -> bool:
    month_over = local_midnight((Month.of(local_date(now)) + 1).first_day)
    return live.expires_at < min(now + _LEAST_LIFE, month_over)


_LAST_USED = (
    select(
        deposit.c.artisan_id,
        agency.c.name,
        agency.c.town_code,
        shown_network(agency.c.network).label("network_name"),
    )
    .ext(distinct_on(deposit.c.artisan_id))
    .join(agency, deposit.c.agency_code == agency.c.code)
    .where(
        deposit.c.artisan_id == any_(bindparam("artisans", type_=ARRAY(BigInteger))),
        agency.c.active,
    )
    .order_by(deposit.c.artisan_id, deposit.c.received_at.desc())
)
