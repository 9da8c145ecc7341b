"""What machines ask of the service."""

import pytest
from flask.testing import FlaskClient

from tests.phone import TestPhone


def test_alive_and_ready(client: FlaskClient) -> None:
    assert client.get("/healthz").json == {"status": "alive"}
    assert client.get("/readyz").json == {"status": "ready", "away": []}


@pytest.mark.usefixtures("sample_people")
def test_figures_name_screens_codes_and_messages(client: FlaskClient, phone: TestPhone) -> None:
    phone.dial("+212600000001", "2*1")
    figures = client.get("/metrics").get_data(as_text=True)
    assert 'maalem_ussd_hop_seconds_count{outcome="continued",screen="code"}' in figures
    assert 'maalem_ussd_hop_seconds_count{outcome="repeated",screen="code"}' in figures
    assert 'maalem_payment_codes{state="issued"} 1.0' in figures
    assert 'maalem_messages{state="queued"} 2.0' in figures
    assert "212600000001" not in figures


def test_every_answer_has_a_request_id(client: FlaskClient) -> None:
    assert len(client.get("/healthz").headers["X-Request-Id"]) >= 16
