"""Reads and writes the definition's JSON: amounts, dates, bodies and objects. Pure."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from uuid import UUID

from app.base.clock import local, local_date
from app.base.errors import InvalidInput
from app.base.json_text import write_number
from app.base.money import Money
from app.base.reference import read_reference
from app.enrolment.rules import masked_name
from app.mobile_money.errors import Refused

JsonObject = dict[str, object]

# `163.50` is not by the definition's pattern, but is what a till would write: it is read too.
_AMOUNT = re.compile(r"(0|[1-9][0-9]{0,11})(\.[0-9]{1,4})?", re.ASCII)
_WITH_TIME = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}", re.ASCII)
_TEXT_FIELDS = (
    "serviceProviderPaymentReference",
    "requestingOrganisationTransactionReference",
    "customerReference",
    "requestingOrganisation",
)
_RETURNED_FIELDS = (*_TEXT_FIELDS[1:], "requestDate", "paymentType", "metadata")
_LONGEST_TEXT, _MOST_PAIRS = 256, 20


@dataclass(frozen=True, slots=True)
class PaymentBody:
    """The body of a payment, read: `reference` is the network's own.

    `request_fields` come back with the payment.
    """

    amount: Money
    agent_number: str | None
    terminal: str | None
    reference: str | None
    request_fields: JsonObject


@dataclass(frozen=True, slots=True)
class Bill:
    """A live payment code with the name and the months of its artisan.

    `owed` is what a code for all that the artisan owes would cost today; `months_owed` is empty
    if nothing is owed, as for a code that pays ahead.
    """

    code: str
    total: Money
    name: str
    months: str
    issued_at: datetime
    expires_at: datetime
    owed: Money
    months_owed: str


@dataclass(frozen=True, slots=True)
class BillPayment:
    """A payment as we hold it; `request_fields` are those of the request that come back with it."""

    receipt: str
    code: str
    amount: Money
    received_at: datetime
    reversed_at: datetime | None = None
    request_fields: JsonObject = field(default_factory=dict)


def refuse(name: str, why: str, error: str = "formatError") -> Refused:
    """Makes a validation error that names the field."""
    return Refused("validation", error, f"{name}: {why}", field=name)


def write_amount(amount: Money) -> str:
    """Writes `163.52`, `163.5`, `163`: the definition allows no trailing zeros."""
    text = str(amount)
    return text.rstrip("0").rstrip(".") if "." in text else text


def write_moment(moment: datetime) -> str:
    """Writes a date-time in Morocco, in milliseconds, with its offset."""
    return local(moment).isoformat(timespec="milliseconds")


def read_plainly(value: object) -> object:
    """Returns a JSON value with numbers as texts, for the definition has no numbers.

    A member that is null is left out, as clients write what they have not.
    """
    if isinstance(value, dict):
        return {name: read_plainly(part) for name, part in value.items() if part is not None}
    if isinstance(value, list):
        return [read_plainly(part) for part in value]
    if isinstance(value, int | Decimal) and not isinstance(value, bool):
        return write_number(value)
    return value


def read_amount(body: Mapping[str, object], name: str) -> Money:
    """Reads positive dirhams in at most two decimals. Raises: Refused, which names the field."""
    text = body.get(name)
    if not isinstance(text, str) or not _AMOUNT.fullmatch(text):
        raise refuse(name, "not an amount")
    whole, _, decimals = text.partition(".")
    if len(decimals.rstrip("0")) > 2:
        raise refuse(name, "more than two decimals")
    amount = Money(int(whole) * 100 + int((decimals + "00")[:2]))
    if not amount:
        raise refuse(name, "not more than zero", "negativeValue")
    return amount


def read_uuid(name: str, text: str) -> str:
    """Reads a UUID in its usual writing. Raises: Refused."""
    try:
        uuid = str(UUID(text))
    except ValueError:
        uuid = ""
    if uuid != text.lower():
        raise refuse(name, "not a UUID")
    return uuid


def read_moment(name: str, text: str) -> datetime:
    """Reads a date-time with an offset, or in UTC without one. Raises: Refused."""
    if not _WITH_TIME.match(text.strip()):
        raise refuse(name, "not a date and time")
    try:
        # A + in a query string is decoded as a space.
        moment = datetime.fromisoformat(text.strip().replace(" ", "+"))
    except ValueError:
        raise refuse(name, "not a date and time") from None
    moment = moment if moment.tzinfo else moment.replace(tzinfo=UTC)
    # Outside these years, conversion to another time zone could leave the calendar.
    if not 1970 <= moment.year <= 9000:
        raise refuse(name, "not a date and time")
    return moment


def read_payment(body: object) -> PaymentBody:
    """Reads the body of a payment. Raises: Refused for the first field that is wrong."""
    fields = _read_object(body)
    for name in ("currency", "amountPaid"):
        if name not in fields:
            raise refuse(name, "missing", "mandatoryValueNotSupplied")
    _check_currency(fields)
    amount = read_amount(fields, "amountPaid")
    if "paidAmount" in fields and read_amount(fields, "paidAmount") != amount:
        raise refuse("paidAmount", "not what amountPaid says")
    for name in _TEXT_FIELDS:
        _read_text(fields, name)
    reference = read_own_reference(fields)
    if _read_word(fields, "paymentType") not in (None, "fullpayment", "partialpayment"):
        raise refuse("paymentType", "neither fullpayment nor partialpayment")
    if "requestDate" in fields:
        read_moment("requestDate", _read_text(fields, "requestDate") or "")
    _read_pairs(fields, "customData")
    _read_pairs(
        fields, "supplementaryBillReferenceDetails", "paymentReferenceType", "paymentReferenceValue"
    )
    metadata = _read_pairs(fields, "metadata")
    return PaymentBody(
        amount,
        _read_short(metadata, "agentId"),
        _read_short(metadata, "terminalId"),
        reference,
        {name: _return_field(fields, name) for name in _RETURNED_FIELDS if name in fields},
    )


def check_reference(name: str, text: str) -> str:
    """Returns a network's reference in the alphabet of every door. Raises: Refused."""
    try:
        return read_reference(text)
    except InvalidInput as wrong:
        raise refuse(name, str(wrong.params["why"])) from None


def read_own_reference(body: Mapping[str, object]) -> str | None:
    """Reads the network's own reference of a payment, if it gives one. Raises: Refused."""
    name = "requestingOrganisationTransactionReference"
    text = _read_text(body, name)
    return None if text is None else check_reference(name, text)


def read_reversal(body: object) -> Money | None:
    """Reads the amount that a reversal names, if any. Raises: Refused."""
    fields = _read_object(body)
    if _read_word(fields, "type") not in (None, "reversal"):
        raise Refused("businessRule", "transactionTypeError", "type: only reversal", field="type")
    if "currency" in fields:
        _check_currency(fields)
    read_own_reference(fields)
    _read_text(fields, "descriptionText")
    _read_pairs(fields, "metadata")
    return read_amount(fields, "amount") if "amount" in fields else None


def error_object(refused: Refused, now: datetime) -> JsonObject:
    """Makes the definition's error object, dated `now`."""
    values: JsonObject = {
        "errorCategory": refused.category,
        "errorCode": refused.error,
        "errordescription": refused.words,
        "errorDateTime": write_moment(now),
    }
    if refused.params:
        values["errorParameters"] = [
            {"key": name, "value": _write_param(value)} for name, value in refused.params.items()
        ]
    return values


def bill_object(bill: Bill) -> JsonObject:
    """Makes a live bill's object; it falls due on the last day on which it can be paid.

    A code may be for some months of those owed: `customData` says what is owed in all.
    """
    owed = {"totalOwed": write_amount(bill.owed), "monthsOwed": bill.months_owed}
    return {
        "billReference": bill.code,
        "billStatus": "unpaid",
        "amountDue": write_amount(bill.total),
        "minimumAmountDue": write_amount(bill.total),
        "currency": "MAD",
        "billdescription": f"AMO {bill.months} {masked_name(bill.name)}",
        "dueDate": local_date(bill.expires_at - timedelta(seconds=1)).isoformat(),
        "creationDate": write_moment(bill.issued_at),
        "customData": [{"key": key, "value": value} for key, value in owed.items() if value],
        "metadata": [{"key": "expiresAt", "value": write_moment(bill.expires_at)}],
    }


def payment_object(payment: BillPayment) -> JsonObject:
    """Makes a payment's object, with the fields of its request."""
    fields = dict(payment.request_fields)
    metadata = fields.pop("metadata", [])
    pairs = [*metadata] if isinstance(metadata, list) else []
    pairs.append({"key": "billReference", "value": payment.code})
    return {
        **fields,
        "serviceProviderPaymentReference": payment.receipt,
        "billPaymentStatus": "reversed" if payment.reversed_at else "completed",
        "amountPaid": write_amount(payment.amount),
        "currency": "MAD",
        "creationDate": write_moment(payment.received_at),
        "modificationDate": write_moment(payment.reversed_at or payment.received_at),
        "metadata": pairs[-_MOST_PAIRS:],
    }


def reversal_object(receipt: str, amount: Money, now: datetime) -> JsonObject:
    """Makes the object of a whole payment's reversal, done `now`."""
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


def _write_param(value: object) -> str:
    return write_moment(value) if isinstance(value, datetime) else str(value)


def _read_object(body: object) -> Mapping[str, object]:
    if not isinstance(body, dict):
        raise refuse("body", "not a JSON object")
    return body


def _read_word(body: Mapping[str, object], name: str) -> object:
    """Returns a word of a list in small letters, as the definition writes it."""
    value = body.get(name)
    return value.lower() if isinstance(value, str) else value


def _return_field(body: Mapping[str, object], name: str) -> object:
    return _read_word(body, name) if name == "paymentType" else body[name]


def _check_currency(body: Mapping[str, object]) -> None:
    currency = _read_word(body, "currency")
    if currency == "mad":
        return
    known = isinstance(currency, str) and re.fullmatch("[a-z]{3}", currency)
    error = "currencyNotSupported" if known else "formatError"
    category = "businessRule" if known else "validation"
    raise Refused(category, error, "currency: only MAD", field="currency")


def _read_text(body: Mapping[str, object], name: str) -> str | None:
    value = body.get(name)
    if value is None and name not in body:
        return None
    if not isinstance(value, str) or len(value) > _LONGEST_TEXT or "\0" in value:
        raise refuse(name, f"not a text of at most {_LONGEST_TEXT} characters")
    return value


def _read_short(metadata: Mapping[str, str], name: str) -> str | None:
    value = metadata.get(name)
    if value is not None and not re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9._-]{0,31}", value):
        raise refuse(f"metadata.{name}", "not 1 to 32 letters and digits")
    return value


def _read_pairs(
    body: Mapping[str, object], name: str, key: str = "key", value: str = "value"
) -> dict[str, str]:
    """Reads a list of key and value; the last of a key counts."""
    items = body.get(name, [])
    if not isinstance(items, list) or len(items) > _MOST_PAIRS:
        raise refuse(name, f"not a list of at most {_MOST_PAIRS}")
    for item in items:
        if not isinstance(item, dict) or not all(_is_word(item.get(part)) for part in (key, value)):
            raise refuse(name, f"not a list of {key} and {value}")
    return {item[key]: item[value] for item in items}


def _is_word(value: object) -> bool:
    return isinstance(value, str) and 1 <= len(value) <= _LONGEST_TEXT and "\0" not in value
