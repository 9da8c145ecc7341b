"""The definition's JSON: amounts and dates as it writes them, bodies read, objects made. Pure."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

from app.base.clock import local, local_date
from app.base.money import Money
from app.enrolment.rules import masked_name
from app.mobile_money.errors import Refused

# `163.50` is not by the definition's pattern, but is what a till would write: it is read too.
_AMOUNT = re.compile(r"(0|[1-9][0-9]{0,11})(\.[0-9]{1,4})?", re.ASCII)
_WITH_TIME = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}", re.ASCII)
_TEXT_FIELDS = (
    "serviceProviderPaymentReference",
    "requestingOrganisationTransactionReference",
    "customerReference",
    "requestingOrganisation",
)
_KEPT = (*_TEXT_FIELDS[1:], "requestDate", "paymentType", "metadata")
_LONGEST, _MOST = 256, 20


@dataclass(frozen=True, slots=True)
class Payment:
    """A payment's body, read: what was sent, and who took it where."""

    amount: Money
    agent_number: str | None
    terminal: str | None
    reference: str | None
    kept: Mapping[str, Any]


def refuse(name: str, why: str, error: str = "formatError") -> Refused:
    """A validation error that names the field."""
    return Refused("validation", error, f"{name}: {why}", field=name)


def write_amount(amount: Money) -> str:
    """`163.52`, `163.5`, `163`: the definition allows no trailing zeros."""
    text = str(amount)
    return text.rstrip("0").rstrip(".") if "." in text else text


def write_moment(moment: datetime) -> str:
    """A date-time in Morocco, with its offset."""
    return local(moment).isoformat(timespec="milliseconds")


def read_amount(body: Mapping[str, Any], name: str) -> Money:
    """Positive dirhams in at most two decimals. Refused names the field."""
    given = body.get(name)
    if not isinstance(given, str) or not _AMOUNT.fullmatch(given):
        raise refuse(name, "not an amount")
    whole, _, decimals = given.partition(".")
    if len(decimals.rstrip("0")) > 2:
        raise refuse(name, "more than two decimals")
    amount = Money(int(whole) * 100 + int((decimals + "00")[:2]))
    if not amount:
        raise refuse(name, "not more than zero", "negativeValue")
    return amount


def read_uuid(name: str, given: str) -> str:
    """A UUID in its usual writing."""
    try:
        found = str(UUID(given))
    except ValueError:
        found = ""
    if found != given.lower():
        raise refuse(name, "not a UUID")
    return found


def read_moment(name: str, given: str) -> datetime:
    """A date-time with an offset, or in UTC without one."""
    if not _WITH_TIME.match(given.strip()):
        raise refuse(name, "not a date and time")
    try:
        # A query's + comes as a space.
        moment = datetime.fromisoformat(given.strip().replace(" ", "+"))
    except ValueError:
        raise refuse(name, "not a date and time") from None
    moment = moment if moment.tzinfo else moment.replace(tzinfo=UTC)
    # So near the ends of the calendar, another clock's time is no date any more.
    if not 1970 <= moment.year <= 9000:
        raise refuse(name, "not a date and time")
    return moment


def read_payment(body: Any) -> Payment:
    """The body of a payment. Refused names the first field that is wrong."""
    given = _object(body)
    for name in ("currency", "amountPaid"):
        if name not in given:
            raise refuse(name, "missing", "mandatoryValueNotSupplied")
    if given["currency"] != "MAD":
        known = isinstance(given["currency"], str) and re.fullmatch("[A-Z]{3}", given["currency"])
        error = "currencyNotSupported" if known else "formatError"
        kind = "businessRule" if known else "validation"
        raise Refused(kind, error, "currency: only MAD", field="currency")
    amount = read_amount(given, "amountPaid")
    if "paidAmount" in given and read_amount(given, "paidAmount") != amount:
        raise refuse("paidAmount", "not what amountPaid says")
    for name in _TEXT_FIELDS:
        _text(given, name)
    if given.get("paymentType") not in (None, "fullpayment", "partialpayment"):
        raise refuse("paymentType", "neither fullpayment nor partialpayment")
    if "requestDate" in given:
        read_moment("requestDate", _text(given, "requestDate") or "")
    _pairs(given, "customData")
    _pairs(
        given, "supplementaryBillReferenceDetails", "paymentReferenceType", "paymentReferenceValue"
    )
    told = _pairs(given, "metadata")
    agent, terminal = told.get("agentId"), told.get("terminalId")
    for name, value in (("agentId", agent), ("terminalId", terminal)):
        if value is not None and not re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9._-]{0,31}", value):
            raise refuse(f"metadata.{name}", "not 1 to 32 letters and digits")
    kept = {name: given[name] for name in _KEPT if name in given}
    reference = given.get("requestingOrganisationTransactionReference") or None
    return Payment(amount, agent, terminal, reference, kept)


def read_reversal(body: Any) -> Money | None:
    """The amount a reversal names, if any; the whole payment is what is reversed."""
    given = _object(body)
    if given.get("type", "reversal") != "reversal":
        raise Refused("businessRule", "transactionTypeError", "type: only reversal", field="type")
    if given.get("currency", "MAD") != "MAD":
        raise Refused("businessRule", "currencyNotSupported", "currency: only MAD")
    _text(given, "requestingOrganisationTransactionReference")
    _text(given, "descriptionText")
    _pairs(given, "metadata")
    return read_amount(given, "amount") if "amount" in given else None


def error_object(refused: Refused, now: datetime) -> dict[str, Any]:
    params = [
        {"key": key, "value": write_moment(value) if isinstance(value, datetime) else str(value)}
        for key, value in refused.params.items()
    ]
    told = {
        "errorCategory": refused.category,
        "errorCode": refused.error,
        "errordescription": refused.words,
        "errorDateTime": write_moment(now),
    }
    return told | ({"errorParameters": params} if params else {})


def bill_object(
    code: str, total: Money, name: str, months: str, issued: datetime, expires: datetime
) -> dict[str, Any]:
    """A live bill; it falls due on the last day on which it can be paid."""
    return {
        "billReference": code,
        "billStatus": "unpaid",
        "amountDue": write_amount(total),
        "minimumAmountDue": write_amount(total),
        "currency": "MAD",
        "billdescription": f"AMO {months} {masked_name(name)}",
        "dueDate": local_date(expires - timedelta(seconds=1)).isoformat(),
        "creationDate": write_moment(issued),
        "metadata": [{"key": "expiresAt", "value": write_moment(expires)}],
    }


def payment_object(
    receipt: str,
    code: str,
    amount: Money,
    received_at: datetime,
    *,
    reversed_at: datetime | None = None,
    kept: Mapping[str, Any] | None = None,
) -> dict[str, Any]:
    """A payment as we hold it; what the request said of itself comes back with it."""
    told = dict(kept or {})
    pairs = [*told.pop("metadata", []), {"key": "billReference", "value": code}]
    return {
        **told,
        "serviceProviderPaymentReference": receipt,
        "billPaymentStatus": "reversed" if reversed_at else "completed",
        "amountPaid": write_amount(amount),
        "currency": "MAD",
        "creationDate": write_moment(received_at),
        "modificationDate": write_moment(reversed_at or received_at),
        "metadata": pairs[-_MOST:],
    }


def reversal_object(receipt: str, amount: Money, now: datetime) -> dict[str, Any]:
    return {
        "transactionReference": f"R{receipt}",
        "originalTransactionReference": receipt,
        "type": "reversal",
        "transactionStatus": "completed",
        "amount": write_amount(amount),
        "currency": "MAD",
        "creationDate": write_moment(now),
        "modificationDate": write_moment(now),
    }


def state_object(
    server_id: str, state: str, method: str, reference: str | None, error: Any
) -> dict[str, Any]:
    """How far a request is that is not answered in step."""
    told = {
        "serverCorrelationId": server_id,
        "status": state,
        "notificationMethod": "callback" if method == "callback" else "polling",
    }
    if reference:
        told["objectReference"] = reference
    if state == "pending":
        told["pendingReason"] = "waits for its turn"
    return told | ({"error": error} if state == "failed" else {})


def _object(body: Any) -> Mapping[str, Any]:
    if not isinstance(body, dict):
        raise refuse("body", "not a JSON object")
    return body


def _text(body: Mapping[str, Any], name: str) -> str | None:
    value = body.get(name)
    if name in body and (not isinstance(value, str) or len(value) > _LONGEST or "\0" in value):
        raise refuse(name, f"not a text of at most {_LONGEST} characters")
    return value


def _pairs(
    body: Mapping[str, Any], name: str, key: str = "key", value: str = "value"
) -> dict[str, str]:
    """A list of key and value; the last of a key counts."""
    given = body.get(name, [])
    if not isinstance(given, list) or len(given) > _MOST:
        raise refuse(name, f"not a list of at most {_MOST}")
    for one in given:
        if not isinstance(one, dict) or not all(_is_word(one.get(part)) for part in (key, value)):
            raise refuse(name, f"not a list of {key} and {value}")
    return {one[key]: one[value] for one in given}


def _is_word(value: object) -> bool:
    return isinstance(value, str) and 1 <= len(value) <= _LONGEST and "\0" not in value
