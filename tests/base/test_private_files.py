"""Files with people in them are for their owner alone, from the first byte."""

from __future__ import annotations

import os
import stat
from collections.abc import Iterator
from pathlib import Path

import pytest

from app.base.private_files import replacing


@pytest.fixture(autouse=True)
def _open_mask() -> Iterator[None]:
    """A machine on which new files are everybody's."""
    before = os.umask(0)
    yield
    os.umask(before)


def mode(path: Path) -> int:
    return stat.S_IMODE(path.lstat().st_mode)


def test_file_is_its_owners_alone_while_it_is_written_and_after(tmp_path: Path) -> None:
    with replacing(tmp_path / "people.csv") as file:
        file.write("Aïcha")
        file.flush()
        assert [mode(path) for path in tmp_path.iterdir()] == [0o600]
    assert mode(tmp_path / "people.csv") == 0o600
    assert (tmp_path / "people.csv").read_text("utf-8") == "Aïcha"


def test_file_that_everybody_could_read_is_replaced(tmp_path: Path) -> None:
    """Who has the file of before open sees nothing of this one."""
    path = tmp_path / "people.csv"
    path.write_text("old")
    path.chmod(0o666)
    with path.open() as opened:
        with replacing(path) as file:
            file.write("new")
        assert opened.read() == "old"
    assert (mode(path), path.read_text()) == (0o600, "new")


@pytest.mark.parametrize("name", ["people.csv", "people.csv.part"])
def test_link_is_not_followed(tmp_path: Path, name: str) -> None:
    victim = tmp_path / "victim"
    victim.write_text("kept")
    (tmp_path / name).symlink_to(victim)
    with replacing(tmp_path / "people.csv") as file:
        file.write("new")
    assert victim.read_text() == "kept"
    assert not (tmp_path / "people.csv").is_symlink()
    assert (mode(tmp_path / "people.csv"), mode(victim)) == (0o600, 0o666)


def test_file_that_broke_off_leaves_the_one_of_before(tmp_path: Path) -> None:
    path = tmp_path / "people.csv"
    path.write_text("old")
    with pytest.raises(ValueError, match="broken"), replacing(path) as file:
        file.write("half")
        raise ValueError("broken")
    assert [other.name for other in tmp_path.iterdir()] == ["people.csv"]
    assert path.read_text() == "old"
