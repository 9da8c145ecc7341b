"""Engines outlive the command that started them: they get nothing of its user's."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from app.embedded.processes import Account, run


def test_an_engine_knows_no_secret_of_who_gave_the_command(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MAALEM_OPERATOR_SECRET", "a loaf of barley")
    monkeypatch.setenv("MAALEM_OPERATOR_NEW_SECRET", "another loaf of it")
    said = run(Account(os.getuid(), os.getgid()), tmp_path, ["env"], "env")
    assert "loaf" not in said and "PATH=" in said
