"""What stands in examples/ works against the real server."""

import subprocess
import sys

from app.settings import ROOT


def test_the_example_pays_a_bill_once(live_server: str) -> None:
    command = [sys.executable, ROOT / "examples" / "pay_a_bill.py", live_server, "msisdn"]
    first = subprocess.run([*command, "+212600000001"], capture_output=True, text=True)
    assert "FATIMA Z.: 163.52 MAD" in first.stdout, first.stderr
    assert "receipt 1" in first.stdout
    again = subprocess.run([*command, "+212600000001"], capture_output=True, text=True)
    assert again.stdout.startswith("no bill")
    nobody = subprocess.run([*command, "+212611111111"], capture_output=True, text=True)
    assert "identifierError" in nobody.stdout
