"""The copy of the menus that a test breaks."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.ussd.menu_copy import MenuCopy


@pytest.fixture
def copy(tmp_path: Path) -> MenuCopy:
    return MenuCopy(tmp_path)
