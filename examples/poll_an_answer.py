"""Confirms the cash for a bill without waiting, and polls until the answer is there.

    python examples/poll_an_answer.py http://127.0.0.1:8000 msisdn +212600000001

Needs nothing but Python. Development's client is used unless CLIENT_ID and API_KEY are set.
"""

import sys
import time
import uuid
from urllib.parse import quote

from pay_a_bill import call

_SECONDS = 60


def pay_and_poll(base, kind, identifier):
    """Takes the cash of the first bill; gives the receipt's number, or says why not."""
    status, bills = call(base, "GET", f"/accounts/{kind}/{quote(identifier)}/bills")
    if status != 200 or not bills:
        return f"no bill: {bills}"
    correlation_id = str(uuid.uuid4())
    body = {"amountPaid": bills[0]["amountDue"], "currency": "MAD"}
    path = f"/bills/{bills[0]['billReference']}/payments"
    status, state = call(base, "POST", path, body, correlation_id, Prefer="respond-async")
    if status != 202:
        return f"refused: {state['errorCode']}: {state['errordescription']}"
    print(f"promised: {state['serverCorrelationId']}")
    for _ in range(_SECONDS):
        status, state = call(base, "GET", f"/requeststates/{state['serverCorrelationId']}")
        if state["status"] == "completed":
            # The answer itself is kept under our own id.
            status, answer = call(base, "GET", f"/responses/{correlation_id}")
            return f"receipt {answer['serviceProviderPaymentReference']}"
        if state["status"] == "failed":
            return f"refused: {state['error']['errorCode']}"
        time.sleep(1)
    return "no answer yet: ask again with the same ids"


if __name__ == "__main__":
    if len(sys.argv) != 4:
        sys.exit(__doc__)
    print(pay_and_poll(*sys.argv[1:]))
