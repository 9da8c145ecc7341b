"""What stands in examples/ works against the real server."""

import subprocess
import sys

import pytest

from app.settings import ROOT
from tests.shared_server import live_server, server_of_file

__all__ = ["live_server", "server_of_file"]
pytestmark = pytest.mark.xdist_group("examples")


def test_the_example_pays_a_bill_once(live_server: str) -> None:
    command = [sys.executable, ROOT / "examples" / "pay_a_bill.py", live_server, "msisdn"]
    first = subprocess.run([*command, "+212600000001"], capture_output=True, text=True)
    assert "FATIMA Z.: 163.52 MAD" in first.stdout, first.stderr
    assert "receipt 1" in first.stdout
    again = subprocess.run([*command, "+212600000001"], capture_output=True, text=True)
    assert again.stdout.startswith("no bill")
    nobody = subprocess.run([*command, "+212611111111"], capture_output=True, text=True)
    assert "identifierError" in nobody.stdout


def test_an_answer_is_polled_and_the_payment_given_back(live_server: str) -> None:
    def run(name: str, *words: str) -> str:
        command = [sys.executable, ROOT / "examples" / name, live_server, *words]
        done = subprocess.run(command, capture_output=True, text=True, timeout=60)
        assert done.returncode == 0, done.stderr
        return done.stdout

    polled = run("poll_an_answer.py", "msisdn", "+212600000001")
    assert polled.startswith("promised: "), polled
    receipt = polled.rpartition("receipt ")[2].strip()
    assert run("reverse_a_payment.py", receipt) == "given back: 163.52 MAD\n"
    assert run("reverse_a_payment.py", receipt) == "given back before\n"
    assert "identifierError" in run("reverse_a_payment.py", "nobody's")
