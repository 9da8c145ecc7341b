"""A server that was made a replica meanwhile: its connections are closed, the act is retried."""

from __future__ import annotations

import pytest
from sqlalchemy import text

from app.base.database import transaction
from app.base.deadline import Deadline
from app.base.driver import Prepared, by_driver
from app.base.errors import Unavailable
from app.runtime import Runtime

READ_ONLY = "SET SESSION default_transaction_read_only = on"
WRITE = (
    "UPDATE agent_network SET other_amounts = other_amounts WHERE code = 'wafacash' RETURNING code"
)


def test_a_write_leaves_a_replica_and_is_done_by_the_next_connection(runtime: Runtime) -> None:
    tries: list[str] = []

    def write_in_a_transaction() -> str:
        with transaction(runtime.database) as connection:
            if not tries:
                tries.append("first")
                connection.execute(text("SET TRANSACTION READ ONLY"))
            return str(connection.execute(text(WRITE)).scalar())

    def write_by_the_driver() -> str:
        with by_driver(runtime.database) as connection:
            if not tries:
                tries.append("first")
                Prepared(text(READ_ONLY)).fetch_all(connection)
            return str(Prepared(text(WRITE)).fetch_value(connection))

    for write in (write_in_a_transaction, write_by_the_driver):
        tries.clear()
        assert Deadline(5, threads=1).run(write) == "wafacash"
        tries.clear()
        with pytest.raises(Unavailable) as refused:
            write()
        assert refused.value.params["dropped"]
