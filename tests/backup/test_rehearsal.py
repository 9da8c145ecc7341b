"""A copy, the log after it, and the way back: what is lost is said, and nothing else is."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import timedelta
from time import sleep

from app import create_app
from app.backup.checking import check_store
from tests.backup.conftest import BackedUp, await_log

FATIMA, HASSAN, DRISS = "+212600000001", "+212600000002", "+212600000007"


def test_rehearsal_brings_back_what_was_answered_and_counts_what_was_not_stored(
    backed_up: BackedUp,
) -> None:
    payments = backed_up.payments
    payments.redeem(payments.issue(FATIMA).code, "first")
    assert backed_up.run().exit_code == 0
    with backed_up.follow().receive():
        payments.redeem(payments.issue(HASSAN).code, "second")
        before = backed_up.runtime.clock()
        await_log(backed_up)

    whole = backed_up.rehearse()
    assert whole["sound"] and whole["missing"] == {} and whole["rpo_seconds"] == 0.0, whole
    assert float(str(whole["rto_seconds"])) > 0 and int(str(whole["compared"])) > 10

    sleep(0.2)
    payments.redeem(payments.issue(DRISS).code, "third")
    after = backed_up.rehearse()
    assert after["sound"], after
    lost = after["missing"]
    assert isinstance(lost, dict)
    assert lost["deposit"] == lost["payment_code"] == lost["ledger_transaction"] == 1
    assert 0 < float(str(after["rpo_seconds"])) < 120

    # A moment that the log has, and until which nothing is lost.
    earlier = backed_up.rehearse("--to", (before + timedelta(milliseconds=100)).isoformat())
    assert earlier["sound"] and earlier["missing"] == {}, earlier
    assert payments.read_value("SELECT count(*) FROM backup_rehearsal WHERE sound") == 3


def test_rows_that_came_back_otherwise_are_no_loss_but_a_fault(backed_up: BackedUp) -> None:
    payments = backed_up.payments
    payments.redeem(payments.issue("+212600000008").code, "fourth")
    backed_up.run()
    with backed_up.runtime.database.begin() as connection:
        connection.exec_driver_sql("SET LOCAL session_replication_role = replica")
        connection.exec_driver_sql("UPDATE deposit SET terminal = 'T-9'")
    found = backed_up.rehearse()
    assert not found["sound"] and found["older"] == ["deposit"]


def test_stored_files_tell_nothing_and_open_with_their_key_alone(backed_up: BackedUp) -> None:
    assert backed_up.run().exit_code == 0
    assert backed_up.run("check").exit_code == 0
    store = backed_up.place.open_newest()
    base = store.list_bases()[-1]
    path = backed_up.place.folder / store.server / "base" / f"{base.name}.tar"
    stored = path.read_bytes()
    assert b"FATIMA" not in stored and b"postgresql.conf" not in stored
    assert path.stat().st_mode & 0o077 == 0

    other = replace(backed_up.place, secret=b"another" * 8)
    assert "encrypted with the key" in " ".join(check_store(other.open_newest()))

    middle = len(stored) // 2
    for changed, why in (
        (stored[:middle] + bytes([stored[middle] ^ 1]) + stored[middle + 1 :], "not as it was"),
        (stored[:middle], "cut off"),
        (b"something else", "no encrypted file"),
    ):
        path.write_bytes(changed)
        done = backed_up.run("check")
        assert done.exit_code == 1 and base.name in done.output and why in done.output
    path.write_bytes(stored)


def test_an_upgrade_and_the_way_back_are_tried_on_a_copy_with_data(backed_up: BackedUp) -> None:
    app = create_app(backed_up.runtime)
    done = app.test_cli_runner().invoke(args=["db", "rehearse", "--json"])
    told = json.loads(done.stdout)
    assert done.exit_code == 0 and told["sound"], told
    assert told["was_at"] == told["newest"] != told["back_to"]
