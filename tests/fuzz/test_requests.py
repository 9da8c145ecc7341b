"""Requests at random to every route of the service: no failure, no trace, no secret.

`make fuzz` sends 100,000; the suite a part of them. FUZZ_REQUESTS, FUZZ_SEED and FUZZ_FROM choose.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys

from app.runtime import Runtime
from app.settings import ROOT
from tests.payments.conftest import PaymentFixture

REQUESTS = int(os.environ.get("FUZZ_REQUESTS", "1500"))
SEED = os.environ.get("FUZZ_SEED", "20261123")
FIRST = os.environ.get("FUZZ_FROM", "0")


def test_no_request_at_random_makes_a_failure(runtime: Runtime, payments: PaymentFixture) -> None:
    for phone in ("+212600000001", "+212600000002"):
        payments.issue(phone)
    payments.redeem(payments.issue("+212600000007").code)
    payments.read_value("UPDATE api_client SET requests_a_minute = 1000000 RETURNING 1")
    own = {"DATABASE_URL": runtime.settings.database_url, "REDIS_URL": runtime.settings.redis_url}
    sent = subprocess.run(
        [sys.executable, "-m", "tests.fuzz.program", SEED, FIRST, str(REQUESTS)],
        env=os.environ | own | {"LOG_LEVEL": "error"},
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    assert sent.returncode == 0, sent.stdout + sent.stderr
    told = json.loads(sent.stdout.splitlines()[-1])
    print(told)
    assert told["findings"] == 0
    served = {int(status) for status in told["statuses"]}
    assert sum(told["statuses"].values()) == REQUESTS
    # Not everything is refused at the door: pages, phones, payments and redirections are reached.
    if REQUESTS > 1000:
        assert {200, 303, 400, 401, 404, 405} <= served
