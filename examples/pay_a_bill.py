"""Looks a bill up and confirms the cash for it, as an agent network's system does.

    python examples/pay_a_bill.py http://127.0.0.1:8000 msisdn +212600000001

Needs nothing but Python. Development's client is used unless CLIENT_ID and API_KEY are set.
"""

import json
import os
import sys
import uuid
from urllib.error import HTTPError
from urllib.parse import quote
from urllib.request import Request, urlopen

CLIENT = os.environ.get("CLIENT_ID", "demo-wafacash")
KEY = os.environ.get("API_KEY", "demo-key")


def call(base, method, path, body=None, correlation_id=None, **more_headers):
    """Status and JSON of one request."""
    headers = {"X-Client-Id": CLIENT, "X-API-Key": KEY, "Content-Type": "application/json"}
    headers |= more_headers
    if correlation_id:
        headers["X-CorrelationID"] = correlation_id
    data = json.dumps(body).encode() if body is not None else None
    request = Request(f"{base}/mm/v1.2{path}", data, headers, method=method)
    try:
        with urlopen(request, timeout=10) as response:
            return response.status, json.load(response)
    except HTTPError as refused:
        return refused.code, json.load(refused)


def pay(base, kind, identifier):
    """Takes the cash of the first bill; gives the receipt's number, or says why not."""
    status, bills = call(base, "GET", f"/accounts/{kind}/{quote(identifier)}/bills")
    if status != 200 or not bills:
        return f"no bill: {bills}"
    bill = bills[0]
    print(f"{bill['billdescription']}: {bill['amountDue']} {bill['currency']}")
    # One id for one confirmation, kept until it is answered: asked again, nothing is paid twice.
    correlation_id = str(uuid.uuid4())
    agent = [{"key": "agentId", "value": "1001"}, {"key": "terminalId", "value": "T-01"}]
    body = {"amountPaid": bill["amountDue"], "currency": "MAD", "metadata": agent}
    path = f"/bills/{bill['billReference']}/payments"
    for _ in range(3):
        status, answer = call(base, "POST", path, body, correlation_id)
        if status < 500:
            break
    if status != 201:
        return f"refused: {answer['errorCode']}: {answer['errordescription']}"
    return f"receipt {answer['serviceProviderPaymentReference']}"


if __name__ == "__main__":
    if len(sys.argv) != 4:
        sys.exit(__doc__)
    print(pay(*sys.argv[1:]))
