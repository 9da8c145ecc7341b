"""Engines outlive the command that started them: they get nothing of its user's."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from app.embedded.processes import Account, make_folders, run
from app.embedded.urls import EngineFolder


def test_an_engine_knows_no_secret_of_who_gave_the_command(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MAALEM_OPERATOR_SECRET", "a loaf of barley")
    monkeypatch.setenv("MAALEM_OPERATOR_NEW_SECRET", "another loaf of it")
    said = run(Account(os.getuid(), os.getgid()), tmp_path, ["env"], "env")
    assert "loaf" not in said and "PATH=" in said


def test_what_an_engines_account_has_is_not_given_to_it_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Under the filters of systemd's units nobody may even ask for it."""

    def refuse(*_: object, **__: object) -> None:
        raise PermissionError(1, "Operation not permitted")

    monkeypatch.setattr(os, "chown", refuse)
    home = tmp_path / "engine"
    make_folders(EngineFolder(home, home), Account(os.getuid(), os.getgid()))
    assert home.stat().st_mode & 0o777 == 0o700
