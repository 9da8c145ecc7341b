"""The store alone: what is kept, what is forgotten, what is missing."""

from __future__ import annotations

import os
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from app.backup.base_backups import is_copy_due
from app.backup.encryption import PIECE, decrypt, encrypt
from app.backup.errors import BackupFailed
from app.backup.programs import DatabaseServer
from app.backup.store import BackupStore, BaseBackup, find_gaps, name_base

NOW = datetime(2026, 11, 29, 2, tzinfo=UTC)
KEPT = timedelta(days=14)


def _keep(store: BackupStore, days: int, segment: str) -> str:
    at = NOW - timedelta(days=days)
    name = name_base(at)
    store.write_base(name, [b"content"])
    store.keep_base(BaseBackup(name, at, at + timedelta(minutes=5), segment, 18, 7))
    return name


def _segment(number: int) -> str:
    return f"00000001{number // 256:08X}{number % 256:08X}"


def test_every_moment_of_the_kept_days_stays_within_reach(tmp_path: Path) -> None:
    store = BackupStore(tmp_path, "1", b"k" * 32)
    store.make_folders()
    names = [_keep(store, days, _segment(300 - days)) for days in (30, 20, 15, 10, 1)]
    for number in range(270, 300):
        store.write_log(_segment(number), [b"log"])
    gone = store.forget(NOW, KEPT)
    assert [base.name for base in store.list_bases()] == names[2:]
    assert store.list_log()[0] == _segment(285) and _segment(284) in gone
    assert store.forget(NOW, KEPT) == []


def test_what_root_writes_belongs_to_who_owns_the_store(tmp_path: Path) -> None:
    if os.geteuid() == 0:
        os.chown(tmp_path, 65534, 65534)
    store = BackupStore(tmp_path, "1", b"k" * 32)
    store.make_folders()
    _keep(store, 1, _segment(1))
    store.write_log(_segment(1), [b"log"])
    store.mark_followed()
    store.count_restore(1)
    paths = list(tmp_path.rglob("*"))
    assert len(paths) == 8
    assert {path.stat().st_uid for path in paths} == {tmp_path.stat().st_uid}


def test_a_copy_is_due_each_day_and_at_once_after_a_restore(tmp_path: Path) -> None:
    store = BackupStore(tmp_path, "1", b"k" * 32)
    store.make_folders()
    server = DatabaseServer("1", 18, "00000001", {})
    assert is_copy_due(store, server, NOW)
    _keep(store, 1, _segment(1))
    assert not is_copy_due(store, server, NOW - timedelta(hours=1))
    assert is_copy_due(store, server, NOW)
    restored = replace(server, timeline="00000002")
    assert is_copy_due(store, restored, NOW - timedelta(hours=1))


def test_two_copies_stay_whatever_their_age(tmp_path: Path) -> None:
    store = BackupStore(tmp_path, "1", b"k" * 32)
    store.make_folders()
    names = [_keep(store, days, _segment(days)) for days in (90, 60, 50)]
    store.forget(NOW, KEPT)
    assert [base.name for base in store.list_bases()] == names[1:]


def test_a_whole_segment_takes_the_place_of_the_partial_one(tmp_path: Path) -> None:
    store = BackupStore(tmp_path, "1", b"k" * 32)
    store.make_folders()
    store.write_log(f"{_segment(1)}.partial", [b"begun"])
    store.write_log(_segment(1), [b"begun and ended"])
    assert store.list_log() == [_segment(1)]
    assert b"".join(store.read_log(_segment(1))) == b"begun and ended"
    with pytest.raises(BackupFailed, match="no file of the log"):
        store.write_log("../../elsewhere", [b""])


def test_a_missing_segment_is_found_also_where_numbers_carry_over() -> None:
    log = [_segment(number) for number in range(250, 262)]
    assert find_gaps(log) == []
    assert find_gaps([name for name in log if name != _segment(256)]) == [_segment(255)]
    assert find_gaps([*log, "00000002000000000000000F"]) == []


@pytest.mark.parametrize("size", [0, 1, PIECE - 1, PIECE, PIECE + 1, 3 * PIECE])
def test_what_was_encrypted_is_read_again_whatever_its_size(tmp_path: Path, size: int) -> None:
    plain = bytes(range(256)) * (size // 256 + 1)
    path = tmp_path / "file"
    path.write_bytes(b"".join(encrypt(b"s" * 32, "file", [plain[:size]])))
    with path.open("rb") as file:
        assert b"".join(decrypt(b"s" * 32, "file", file)) == plain[:size]
    with path.open("rb") as file, pytest.raises(BackupFailed):
        list(decrypt(b"s" * 32, "another name", file))


def test_a_file_without_its_last_piece_opens_nowhere(tmp_path: Path) -> None:
    whole = b"".join(encrypt(b"s" * 32, "file", [b"x" * (2 * PIECE)]))
    path = tmp_path / "file"
    path.write_bytes(whole[: 40 + PIECE + 20 - 4])
    with path.open("rb") as file, pytest.raises(BackupFailed, match=r"as it was written|cut off"):
        list(decrypt(b"s" * 32, "file", file))
