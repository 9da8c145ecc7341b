"""A network's own reference: what the API accepts, its paths and the day's file accept."""

from __future__ import annotations

import csv
import http.client
import io
import json
from datetime import date
from pathlib import Path
from urllib.parse import quote, urlsplit
from uuid import uuid4

import pytest

from app.files.table import GivenFile
from app.mobile_money.objects import read_payment
from app.reconciliation.network_file import HEADER, Summary, read_lines
from tests.mobile_money.conftest import BASE, HEADERS, Books, NetworkClient, PaymentFixture, payment
from tests.mobile_money.test_api import error

FATIMA = "+212600000001"
REFERENCES = (
    "W/1", "/a//b/", "reversals/x/reversals", "W 1", 'a,"b"', "100%", "%2F", "a?b#c;d=e&f",
    "TOTAL", "=1+1", "مرجع-1", "é" * 128,
)  # fmt: skip
NAME = "requestingOrganisationTransactionReference"


@pytest.mark.parametrize("reference", REFERENCES)
def test_a_reference_that_the_api_accepts_is_good_in_a_path_and_in_the_file(
    network: NetworkClient, payments: PaymentFixture, tmp_path: Path, reference: str, books: Books
) -> None:
    code = payments.issue(FATIMA)
    paid = network.post(f"/bills/{code.code}/payments", payment("163.52", **{NAME: reference}))
    assert paid.json[NAME] == reference
    identity = str(uuid4())
    path = f"/transactions/{quote(reference, safe='')}/reversals"
    undone = network.post(path, {"type": "reversal", NAME: reference}, identity)
    assert undone.status_code == 201, undone.text
    receipt = paid.json["serviceProviderPaymentReference"]
    assert undone.json["originalTransactionReference"] == receipt
    kept = network.get(f"/responses/{identity}").json
    assert kept["link"] == f"{BASE}/transactions/{receipt}/reversals"
    line = (reference, code.code, "163.5200", "MAD", "2026-11-23T10:00:00Z", "1001", "T-07", "paid")
    total = (  # the line of the total stays one, beside a payment of that name
        "TOTAL", "1", "163.52", "MAD", "", "", "", "",
    )  # fmt: skip
    written = io.StringIO()
    csv.writer(written, lineterminator="\n").writerows((HEADER, line, total))
    file = tmp_path / "day.csv"
    file.write_text(written.getvalue(), encoding="utf-8")
    (read,) = read_lines(GivenFile(file), Summary(), date(2026, 11, 23))
    assert (read.reference, read.amount) == (reference, 16352)
    books()


@pytest.mark.parametrize("reference", ["", " W", "W ", "W\t1", "a\nb", "W\u200b1", "x" * 129])
def test_a_reference_outside_the_alphabet_is_refused_in_body_and_path(
    network: NetworkClient, payments: PaymentFixture, reference: str
) -> None:
    code = payments.issue(FATIMA)
    refused = network.post(f"/bills/{code.code}/payments", payment("163.52", **{NAME: reference}))
    assert error(refused) == (400, "validation", "formatError")
    assert refused.json["errordescription"].startswith(f"{NAME}: ")
    assert payments.read_value("SELECT count(*) FROM api_request") == 0
    if reference:
        path = f"/transactions/{quote(reference, safe='')}/reversals"
        assert error(network.post(path, {})) == (400, "validation", "formatError")


@pytest.mark.parametrize("word", ["1001", "0", "A.b_c-9", "x" * 32])
def test_an_agent_and_a_terminal_that_the_api_accepts_are_good_in_the_file(
    tmp_path: Path, word: str
) -> None:
    pairs = [{"key": key, "value": word} for key in ("agentId", "terminalId")]
    body = read_payment({"amountPaid": "163.5", "currency": "MAD", "metadata": pairs})
    assert (body.agent_number, body.terminal) == (word, word)
    line = f"W1,123456789012,163.5,MAD,2026-11-23T10:00:00Z,{word},{word},paid"
    file = tmp_path / "day.csv"
    file.write_text("\n".join((",".join(HEADER), line)), encoding="utf-8")
    (read,) = read_lines(GivenFile(file), Summary(), date(2026, 11, 23))
    assert (read.agent, read.terminal, read.amount) == (word, word, body.amount.centimes)


def test_a_real_server_takes_a_reference_with_a_slash(
    live_server: str, payments: PaymentFixture, sample_people: None
) -> None:
    """Servers decode the path before the program sees it, each in its way."""
    code, host = payments.issue(FATIMA), urlsplit(live_server).netloc
    told = []
    for path, body in (
        (f"/bills/{code.code}/payments", payment("163.52", **{NAME: "W/2026//11 é%2F"})),
        (f"/transactions/{quote('W/2026//11 é%2F', safe='')}/reversals", {"type": "reversal"}),
    ):
        connection = http.client.HTTPConnection(host, timeout=20)
        headers = HEADERS | {"Content-Type": "application/json"}
        connection.request("POST", f"{BASE}{path}", json.dumps(body), headers)
        answer = connection.getresponse()
        told.append((answer.status, json.loads(answer.read())))
        connection.close()
    assert [status for status, _ in told] == [201, 201], told
    assert told[1][1]["transactionStatus"] == "completed"
