"""Africa's Talking's API on the loopback: its requests, answers and reports."""

import re
from collections.abc import Mapping

from aiohttp import web

from app.sms.loopback.faults import ANYBODY
from app.sms.loopback.store import AcceptedMessage, MessageStore

NAME = "africastalking"
ACCEPTED_STATUS = 201
FAULTS = (
    *ANYBODY,
    "http:401",
    "whole:InvalidSenderId",
    *(f"code:{code}" for code in (401, 402, 403, 404, 405, 406, 407, 409, 500, 501, 502)),
)
ON_THE_WAY: tuple[str, ...] = ("Sent",)
DELIVERED, FAILED = "Success", "Failed"
_WORDS = {
    100: "Processed",
    101: "Success",
    401: "RiskHold",
    402: "InvalidSenderId",
    403: "InvalidPhoneNumber",
    404: "UnsupportedNumberType",
    405: "InsufficientBalance",
    406: "UserInBlacklist",
    407: "CouldNotRoute",
    409: "DoNotDisturbRejection",
    500: "InternalServerError",
    501: "GatewayError",
    502: "RejectedByGateway",
}
_NUMBER = re.compile(r"\+\d{8,15}", re.ASCII)
_COST = "MAD 0.4800"
_GOOD = {"message": "-", "to": "+212600000000"}


def refuse(request: web.Request, form: Mapping[str, str], key: str) -> web.Response | None:
    """Returns Africa's Talking's refusal of a wrong request; None for a request to accept."""
    api_key = request.headers.get("apiKey", "")
    if not api_key or (key and api_key != key) or not form.get("username"):
        return web.Response(status=401, text="The supplied authentication is invalid")
    if not form.get("message") or not form.get("to"):
        return web.Response(status=400, text="Request is missing required form field")
    if not _NUMBER.fullmatch(form["to"]):
        return fault("code:403", form)
    return None


def refuse_account(request: web.Request, key: str) -> web.Response | None:
    """Returns the refusal of a question for the account; None for one to answer."""
    return refuse(request, {"username": request.query.get("username", ""), **_GOOD}, key)


def describe_account(balance: str) -> dict[str, object]:
    return {"UserData": {"balance": f"USD {balance}"}}


def accept(form: Mapping[str, str], store: MessageStore) -> AcceptedMessage:
    """Stores the message of a request as accepted."""
    sender = form.get("from", "AFRICASTKNG")
    reference = store.new_reference("ATXid_")
    return store.add(AcceptedMessage(NAME, reference, form["to"], form["message"], sender))


def describe(message: AcceptedMessage) -> dict[str, object]:
    # 100 is a message processed at once, 101 a message sent on; both are accepted.
    code = 100 if message.reference[-1] in "0123" else 101
    return _answer(f"Sent to 1/1 Total Cost: {_COST}", code, message.to, message.reference, _COST)


def fault(kind: str, form: Mapping[str, str]) -> web.Response:
    """Returns the response of a fault, such as `http:503`, `whole:<word>` or `code:406`."""
    what, _, value = kind.partition(":")
    if what == "http":
        headers = {"Retry-After": "1"} if value in {"429", "503"} else {}
        return web.Response(status=int(value), text="No.", headers=headers)
    if what == "whole":
        none = {"SMSMessageData": {"Message": value, "Recipients": []}}
        return web.json_response(none, status=ACCEPTED_STATUS)
    body = _answer("Sent to 0/1 Total Cost: 0", int(value), form.get("to", ""), "None", "0")
    return web.json_response(body, status=ACCEPTED_STATUS)


def report(message: AcceptedMessage, word: str) -> dict[str, str]:
    form = {
        "id": message.reference,
        "status": word,
        "phoneNumber": message.to,
        "networkCode": "60401",
    }
    if word == FAILED:
        form["failureReason"] = "DeliveryFailure"
    return form | {"retryCount": "0"}


def inbound(reference: str, sender: str, text: str) -> dict[str, str]:
    return {
        "id": reference,
        "from": sender,
        "to": "20880",
        "text": text,
        "date": "2026-11-25 10:00:00",
        "linkId": f"link-{reference}",
    }


def _answer(message: str, code: int, to: str, reference: str, cost: str) -> dict[str, object]:
    recipient = {
        "statusCode": code,
        "number": to,
        "status": _WORDS.get(code, "Unknown"),
        "cost": cost,
        "messageId": reference,
        "messageParts": 1,
    }
    return {"SMSMessageData": {"Message": message, "Recipients": [recipient]}}
