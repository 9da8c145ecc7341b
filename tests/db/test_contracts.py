"""What a migration takes away from the version before, it says."""

from __future__ import annotations

import ast
import re
from pathlib import Path

import pytest

from app.settings import ROOT

_VERSIONS = ROOT / "migrations/versions"
# The newest of the version from which another may be rolled to.
_ROLLED_FROM = 51
_TAKES_AWAY = re.compile(
    r"DROP (COLUMN|TABLE|FUNCTION)|SET NOT NULL|RENAME |ALTER COLUMN \w+ (SET DATA )?TYPE"
    r"|op\.(drop_(column|table)|rename_table)"
)
# No statement names an index, and a table whose name another takes at once is there for all.
_NAMES_OF_INDEXES = re.compile(r"ALTER INDEX \S+ RENAME ")
_MOVED_ASIDE = re.compile(r"ALTER TABLE (\w+) RENAME TO ")


def find_undeclared(path: Path) -> list[str]:
    """Returns what `upgrade` takes away, with the texts it names, in a file without CONTRACTS."""
    tree = ast.parse(path.read_text("utf-8"))
    names = {n.id for n in ast.walk(tree) if isinstance(n, ast.Name)}
    if "CONTRACTS" in names:
        return []
    kept = [
        ast.unparse(each)
        for each in tree.body
        if not (isinstance(each, ast.FunctionDef) and each.name == "downgrade")
        and not (isinstance(each, ast.Assign) and _is_of_the_way_back(tree, each))
    ]
    whole = _NAMES_OF_INDEXES.sub("", " ".join(kept))
    stays = _MOVED_ASIDE.sub(lambda m: "" if f"CREATE TABLE {m[1]} (" in whole else m[0], whole)
    return [match[0] for match in _TAKES_AWAY.finditer(stays)]


def _is_of_the_way_back(tree: ast.Module, assigned: ast.Assign) -> bool:
    """True if a text is named by `downgrade` alone."""
    (upgrade,) = [e for e in tree.body if isinstance(e, ast.FunctionDef) and e.name == "upgrade"]
    used = {n.id for n in ast.walk(upgrade) if isinstance(n, ast.Name)}
    return not used & {t.id for t in assigned.targets if isinstance(t, ast.Name)}


def list_new() -> list[Path]:
    return [p for p in sorted(_VERSIONS.glob("*.py")) if int(p.name[:4]) > _ROLLED_FROM]


def test_a_migration_says_what_it_takes_away() -> None:
    undeclared = {path.name: find_undeclared(path) for path in list_new()}
    assert {name: each for name, each in undeclared.items() if each} == {}


@pytest.mark.parametrize("name", ["0037_forms_act_once.py", "0039_hops_by_day.py"])
def test_what_takes_away_is_found(name: str) -> None:
    assert find_undeclared(_VERSIONS / name)
