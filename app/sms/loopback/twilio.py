"""Twilio's API on the loopback: its requests, answers, lists and reports."""

import base64
import re
from collections.abc import Mapping
from datetime import UTC, datetime
from email.utils import format_datetime
from urllib.parse import urlencode

from aiohttp import web

from app.sms.loopback.faults import ANYBODY
from app.sms.loopback.store import AcceptedMessage, MessageStore

NAME = "twilio"
ACCEPTED_STATUS = 201
THROTTLED = "code:20429"
FAULTS = (
    *ANYBODY,
    *(f"code:{code}" for code in (20003, 20429, 14107, 21211, 21408, 21606, 21610, 21614)),
    *(f"failed:{code}" for code in (30001, 30002, 30007, 63038)),
)
ON_THE_WAY: tuple[str, ...] = ("sent",)
DELIVERED, FAILED = "delivered", "undelivered"
_NUMBER = re.compile(r"\+\d{8,15}", re.ASCII)
_LONGEST = 1600
# The HTTP status a code comes with; the others come with 400.
_STATUS = {20003: 401, 20005: 401, 20403: 403, 20404: 404, 20429: 429, 14107: 429}
_STATUS |= {21408: 403, 20500: 500, 20503: 503}


def refuse(request: web.Request, form: Mapping[str, str], key: str) -> web.Response | None:
    """Returns Twilio's refusal of a wrong request; None for a request to accept."""
    if not is_signed_in(request, key):
        return fault("code:20003", form)
    wrong = (
        ("21604", not form.get("To")),
        ("21603", not form.get("From")),
        ("21211", not _NUMBER.fullmatch(form.get("To", ""))),
        ("21602", not form.get("Body")),
        ("21617", len(form.get("Body", "")) > _LONGEST),
    )
    code = next((code for code, is_wrong in wrong if is_wrong), None)
    return fault(f"code:{code}", form) if code else None


def is_signed_in(request: web.Request, key: str) -> bool:
    """True if Basic authentication names the account of the address."""
    credentials = request.headers.get("Authorization", "").removeprefix("Basic ")
    try:
        account, _, token = base64.b64decode(credentials, validate=True).decode().partition(":")
    except ValueError:
        return False
    return account == request.match_info["account"] and bool(token) and key in {"", token}


def describe_account(sid: str, status: str) -> dict[str, object]:
    return {"sid": sid, "friendly_name": "Maalem", "status": status, "type": "Full"}


def describe_balance(sid: str, balance: str) -> dict[str, object]:
    return {"account_sid": sid, "balance": balance, "currency": "USD"}


def accept(form: Mapping[str, str], store: MessageStore) -> AcceptedMessage:
    """Stores the message of a request as accepted."""
    callback = form.get("StatusCallback", "")
    reference = store.new_reference("SM")
    message = AcceptedMessage(NAME, reference, form["To"], form["Body"], form["From"], callback)
    return store.add(message)


def describe(message: AcceptedMessage) -> dict[str, object]:
    """Returns the body that describes a message; a queued message has no date of sending."""
    created = format_datetime(message.at)
    return {
        "sid": message.reference,
        "account_sid": "AC" + "0" * 32,
        "api_version": "2010-04-01",
        "body": message.text,
        "date_created": created,
        "date_sent": None if message.status in {"queued", "failed"} else created,
        "date_updated": created,
        "direction": "outbound-api",
        "error_code": message.error,
        "error_message": None,
        "from": message.sender,
        "messaging_service_sid": None,
        "num_media": "0",
        "num_segments": "1",
        "price": None,
        "price_unit": "USD",
        "status": message.status,
        "subresource_uris": {},
        "to": message.to,
        "uri": f"/2010-04-01/Accounts/AC/Messages/{message.reference}.json",
    }


def fault(kind: str, form: Mapping[str, str]) -> web.Response:
    """Returns the response of a fault, such as `http:503` or `code:21610`."""
    what, _, value = kind.partition(":")
    number = int(value)
    status = number if what == "http" else _STATUS.get(number, 400)
    headers = {"Retry-After": "1"} if status in {429, 503} else {}
    if what == "http":
        return web.Response(status=status, text="No.", headers=headers)
    more = f"https://www.twilio.com/docs/errors/{value}"
    # Twilio too repeats the number in its message.
    message = f"'{form.get('To', '')}' is refused"
    body = {"code": number, "message": message, "more_info": more, "status": status}
    return web.json_response(body, status=status, headers=headers)


def list_messages(address: str, query: Mapping[str, str], store: MessageStore) -> dict[str, object]:
    """Lists messages by page, the newest first. A search by date leaves out those queued."""
    to = query.get("To")
    messages = list(reversed(store.messages if to is None else store.by_number.get(to, [])))
    if sender := query.get("From"):
        messages = [m for m in messages if m.sender == sender]
    if since := query.get("DateSent>"):
        messages = [m for m in messages if m.status != "queued" and m.at >= _read_moment(since)]
    if until := query.get("DateSent<"):
        messages = [m for m in messages if m.at <= _read_moment(until)]
    size, page = int(query.get("PageSize", "50")), int(query.get("Page", "0"))
    asked = {name: value for name, value in query.items() if name != "Page"}
    more = len(messages) > (page + 1) * size
    return {
        "messages": [describe(message) for message in messages[page * size : (page + 1) * size]],
        "page": page,
        "page_size": size,
        "next_page_uri": f"{address}?{urlencode(asked | {'Page': page + 1})}" if more else None,
        "uri": address,
    }


def _read_moment(written: str) -> datetime:
    """Reads a day, or a moment, of UTC."""
    moment = datetime.fromisoformat(written)
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)


def report(message: AcceptedMessage, word: str) -> dict[str, str]:
    form = {
        "MessageSid": message.reference,
        "SmsSid": message.reference,
        "MessageStatus": word,
        "SmsStatus": word,
        "AccountSid": "AC" + "0" * 32,
        "From": message.sender,
        "To": message.to,
        "ApiVersion": "2010-04-01",
    }
    return form | ({"ErrorCode": "30003"} if word == FAILED else {})


def inbound(reference: str, sender: str, text: str) -> dict[str, str]:
    form = {"MessageSid": reference, "SmsSid": reference, "From": sender, "Body": text}
    form |= {"To": "+15005550006", "AccountSid": "AC" + "0" * 32, "NumMedia": "0"}
    word = {"STOP": "STOP", "UNSUBSCRIBE": "STOP", "START": "START", "HELP": "HELP"}
    kind = word.get(text.strip().upper())
    return form | ({"OptOutType": kind} if kind else {})
