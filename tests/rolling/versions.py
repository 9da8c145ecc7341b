"""The files of two versions: the one before, and this one with words and tables of tomorrow."""

from __future__ import annotations

import subprocess
from pathlib import Path
from shutil import copytree

import pytest

from app.migrating import newest_revision
from app.settings import ROOT

_PARTS = ("app", "menus", "migrations", "tests")
_BEFORE = Path(__file__).with_name("version_before")
_STEP = """\
from alembic import op

revision = "{name}"
down_revision = "{before}"
branch_labels = None
depends_on = None
{more}

def upgrade() -> None:
    op.execute("{sql}")


def downgrade() -> None:
    pass
"""
_WIDEN = "ALTER TABLE artisan ADD COLUMN tomorrow TEXT DEFAULT 'new' NOT NULL"


def unpack_before(folder: Path) -> Path:
    """Unpacks the version before; where a clone lacks it the test is not run, and says so."""
    commit = _BEFORE.read_text().strip()
    archived = _git("archive", commit, *_PARTS, "wsgi.py")
    if archived.returncode:
        pytest.skip(f"the version before, {commit}, is not in this clone: git fetch --unshallow")
    folder.mkdir()
    subprocess.run(["tar", "-x", "-C", folder], input=archived.stdout, check=True)
    return folder


def make_tomorrow(folder: Path) -> Path:
    """Copies this version, with another word on the first screen, and a migration more."""
    for part in _PARTS[:-1]:
        copytree(ROOT / part, folder / part)
    (folder / "wsgi.py").write_text((ROOT / "wsgi.py").read_text())
    words = folder / "menus/locales/fr/LC_MESSAGES/menus.po"
    changed = words.read_text("utf-8").replace('"Mon AMO"', '"Mon AMO+"')
    assert changed != words.read_text("utf-8")
    words.write_text(changed, "utf-8")
    _add_step(folder, "9998_wider", newest_revision(), _WIDEN)
    return folder


def end_before(folder: Path) -> None:
    """Adds to a version the step that takes away what the version before needs."""
    sql = "ALTER TABLE artisan DROP COLUMN tomorrow"
    _add_step(folder, "9999_narrower", "9998_wider", sql, 'CONTRACTS = "it has no tomorrow"\n')


def _add_step(folder: Path, name: str, before: str, sql: str, more: str = "") -> None:
    step = _STEP.format(name=name, before=before, sql=sql, more=more)
    (folder / "migrations/versions" / f"{name}.py").write_text(step)


def _git(*words: str) -> subprocess.CompletedProcess[bytes]:
    return subprocess.run(["git", *words], cwd=ROOT, capture_output=True, check=False)
