"""What machines ask of the service."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from flask.testing import FlaskClient
from sqlalchemy import Connection, event, text

from app.runtime import Runtime
from tests.conftest import NOW
from tests.messaging.stored_messages import insert_message
from tests.phone import TestPhone

MANY_ENDED = """
INSERT INTO message (event_key, kind, phone, language, body, encoding, units, segments, state,
                     created_at, due_at, sent_at, ended_at)
SELECT 'test:many:' || n, 'receipt', '+212600000001', 'fr', 'Maalem', 'GSM-7', 6, 1, 'delivered',
       moment, moment, moment, moment
FROM generate_series(1, 20000) n, LATERAL (SELECT now() - interval '2 months' + n * interval '1 s')
     AS at (moment)
"""


def test_healthz_and_readyz_answer(client: FlaskClient) -> None:
    assert client.get("/healthz").json == {"status": "alive"}
    assert client.get("/readyz").json == {"status": "ready", "away": []}


@pytest.mark.usefixtures("sample_people")
def test_metrics_name_screens_codes_and_messages(client: FlaskClient, phone: TestPhone) -> None:
    phone.dial("+212600000001", "2*1")
    figures = client.get("/metrics").get_data(as_text=True)
    hop = 'gateway="africastalking",operator="maroc_telecom"'
    assert f"maalem_ussd_hop_seconds_count{{{hop}}}" in figures
    for outcome in ("continued", "repeated"):
        assert f'maalem_ussd_hops_total{{{hop},outcome="{outcome}"}}' in figures
    assert 'maalem_ussd_screens_total{screen="code"}' in figures
    assert 'maalem_payment_codes{state="issued"} 1.0' in figures
    assert 'maalem_messages{state="queued"} 2.0' in figures
    assert "212600000001" not in figures


def test_metrics_count_messages_under_way_and_ended_lately(
    client: FlaskClient, runtime: Runtime
) -> None:
    for state, ago in (("sent", 5), ("unknown", 5), ("delivered", 1), ("failed", 1), ("failed", 3)):
        insert_message(runtime.database, NOW - timedelta(hours=ago), state, seconds=1800)
    figures = client.get("/metrics").get_data(as_text=True)
    for figure in (
        'maalem_messages{state="queued"} 0.0',
        'maalem_messages{state="sent"} 1.0',
        'maalem_messages{state="unknown"} 1.0',
        'maalem_messages_ended_last_hour{state="delivered"} 1.0',
        'maalem_messages_ended_last_hour{state="failed"} 1.0',
        'maalem_messages_ended_last_hour{state="cancelled"} 0.0',
    ):
        assert figure in figures
    assert 'maalem_messages{state="delivered"}' not in figures


def test_metrics_read_no_table_whole(client: FlaskClient, runtime: Runtime) -> None:
    """However many have ended: its queries are planned on indexes of the few that have not."""
    with runtime.owners_database.begin() as connection:
        connection.execute(text("SET LOCAL statement_timeout = 0"))
        connection.execute(text(MANY_ENDED))
        connection.execute(text("ANALYZE message"))
    told: list[str] = []

    def explain(connection: Connection, *statement: Any) -> None:
        sql, parameters = statement[1], statement[2]
        if "count(" in sql and not sql.startswith("EXPLAIN"):
            plan = connection.exec_driver_sql(f"EXPLAIN {sql}", parameters)
            told.append("\n".join(row[0] for row in plan))

    event.listen(runtime.database, "before_cursor_execute", explain)
    try:
        assert client.get("/metrics").status_code == 200
    finally:
        event.remove(runtime.database, "before_cursor_execute", explain)
    assert len(told) == 13
    assert not [plan for plan in told if "Seq Scan on message" in plan]


def test_every_answer_has_a_request_id(client: FlaskClient) -> None:
    assert len(client.get("/healthz").headers["X-Request-Id"]) >= 16
