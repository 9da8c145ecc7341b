"""Checks that a callback comes from Maalem, and is not an old one sent again.

    SIGNING_KEY=... python examples/check_callback.py HEADERS.json < body

Needs nothing but Python. HEADERS.json is an object of the request's headers.
"""

import hashlib
import hmac
import json
import os
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path

_WITHIN = timedelta(minutes=5)


def is_from_maalem(signing_key, headers, body):
    """Tells whether our key signed this body, with this moment and this id."""
    signed = f"{headers['X-Date']}\n{headers['X-CorrelationID']}\n".encode() + body
    right = hmac.new(signing_key.encode(), signed, hashlib.sha256).hexdigest()
    return hmac.compare_digest(right, headers["X-Signature"])


def is_new(headers):
    """Tells whether it was signed just now; each try of ours is signed anew."""
    signed_at = datetime.fromisoformat(headers["X-Date"])
    return abs(datetime.now(UTC) - signed_at) < _WITHIN


if __name__ == "__main__":
    if len(sys.argv) != 2:
        sys.exit(__doc__)
    given = json.loads(Path(sys.argv[1]).read_text("utf-8"))
    right = is_from_maalem(os.environ["SIGNING_KEY"], given, sys.stdin.buffer.read())
    print("right" if right and is_new(given) else "refused")
