"""Gives the cash of a payment back, on its day, by its receipt's number or your own reference.

    python examples/reverse_a_payment.py http://127.0.0.1:8000 1000012

Needs nothing but Python. Development's client is used unless CLIENT_ID and API_KEY are set.
"""

import sys
import uuid
from urllib.parse import quote

from pay_a_bill import call


def reverse(base, reference):
    """Reverses a payment; says what was given back, or why not."""
    correlation_id = str(uuid.uuid4())
    # A slash in a reference of your own is sent as %2F.
    path = f"/transactions/{quote(reference, safe='')}/reversals"
    for _ in range(3):
        status, answer = call(base, "POST", path, {"type": "reversal"}, correlation_id)
        if status < 500:
            break
    if status == 201:
        return f"given back: {answer['amount']} {answer['currency']}"
    parameters = {each["key"]: each["value"] for each in answer.get("errorParameters", [])}
    if parameters.get("reversedBy") == "this client":
        return "given back before"
    return f"refused: {answer['errorCode']}: {answer['errordescription']}"


if __name__ == "__main__":
    if len(sys.argv) != 3:
        sys.exit(__doc__)
    print(reverse(*sys.argv[1:]))
