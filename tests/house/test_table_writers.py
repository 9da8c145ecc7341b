"""A table is written only in the room whose models.py defines it."""

from __future__ import annotations

import ast
import re
from dataclasses import dataclass
from functools import cache

import pytest

from app.migrating import load_models
from app.settings import ROOT

_FUNCTIONS = {"insert", "update", "delete"}
_TABLE_DEFINITION = re.compile(r'^(\w+) = Table\(\s*"(\w+)"', re.MULTILINE)
# `FOR UPDATE OF x` and `DO UPDATE SET` name no table that they write.
_SQL = re.compile(
    r"\b(?:INSERT\s+INTO|(?<!FOR )(?<!KEY )(?<!DO )UPDATE(?:\s+ONLY)?|DELETE\s+FROM|COPY|TRUNCATE"
    r"(?:\s+TABLE)?|LOCK\s+TABLE|MERGE\s+INTO)\s+(\w+|\0)"
)


@dataclass(frozen=True)
class Write:
    """A statement, or a part of one, that writes `table`; `line` counts from 1."""

    path: str
    line: int
    table: str

    @property
    def room(self) -> str:
        return self.path.split("/")[1].removesuffix(".py")


def _rooms_of_tables() -> dict[str, str]:
    return {
        table: path.parent.name
        for path in sorted((ROOT / "app").glob("*/models.py"))
        for _, table in _TABLE_DEFINITION.findall(path.read_text(encoding="utf-8"))
    }


ROOMS = _rooms_of_tables()


class WriteFinder(ast.NodeVisitor):
    """Finds the writes of one module: calls of SQLAlchemy's functions, and words of SQL."""

    def __init__(self, path: str, source: str) -> None:
        self.path = path
        self.writes: list[Write] = []
        self._imported: dict[str, str] = {}
        self._functions: set[str] = set()
        self._temporary = {name for name, _ in _TABLE_DEFINITION.findall(source)}
        self._docstrings: set[int] = set()
        self.visit(ast.parse(source))

    def visit_ImportFrom(self, node: ast.ImportFrom) -> None:
        for name in node.names:
            shown = name.asname or name.name
            if (node.module or "").endswith(".models") and name.name in ROOMS:
                self._imported[shown] = name.name
            if (node.module or "").startswith("sqlalchemy") and name.name in _FUNCTIONS:
                self._functions.add(shown)

    def visit_Expr(self, node: ast.Expr) -> None:
        if isinstance(node.value, ast.Constant):
            self._docstrings.add(id(node.value))
        self.generic_visit(node)

    def visit_Call(self, node: ast.Call) -> None:
        function = node.func
        if isinstance(function, ast.Name) and function.id in self._functions and node.args:
            self._add(node, node.args[0])
        elif isinstance(function, ast.Attribute) and function.attr in _FUNCTIONS:
            self._add_method(node, function.value)
        self.generic_visit(node)

    def _add_method(self, node: ast.expr, target: ast.expr) -> None:
        if isinstance(target, ast.Name) and target.id in self._imported:
            self._add(node, target)

    def visit_JoinedStr(self, node: ast.JoinedStr) -> None:
        """Values in an f-string become one character, so that a table named so is seen."""
        parts = (
            str(part.value) if isinstance(part, ast.Constant) else "\0" for part in node.values
        )
        self._add_sql(node, "".join(parts))

    def visit_Constant(self, node: ast.Constant) -> None:
        if isinstance(node.value, str) and id(node) not in self._docstrings:
            self._add_sql(node, node.value)

    def _add_sql(self, node: ast.expr, sql: str) -> None:
        for table in _SQL.findall(sql):
            if table == "\0":
                self._add_unnamed(node)
            elif table in ROOMS:
                self.writes.append(Write(self.path, node.lineno, table))

    def _add(self, node: ast.expr, target: ast.expr) -> None:
        name = target.id if isinstance(target, ast.Name) else ""
        if table := self._imported.get(name):
            self.writes.append(Write(self.path, node.lineno, table))
        elif name not in self._temporary:
            self._add_unnamed(node)

    def _add_unnamed(self, node: ast.expr) -> None:
        """A table that is a value may be any of those that the module knows."""
        for table in self._imported.values():
            self.writes.append(Write(self.path, node.lineno, table))


def _find_strangers(path: str, source: str) -> list[Write]:
    writes = WriteFinder(path, source).writes
    return [write for write in writes if ROOMS[write.table] != write.room]


@cache
def _all_writes() -> tuple[Write, ...]:
    return tuple(
        write
        for path in sorted((ROOT / "app").rglob("*.py"))
        for write in WriteFinder(
            path.relative_to(ROOT).as_posix(), path.read_text(encoding="utf-8")
        ).writes
    )


def test_every_table_has_a_room() -> None:
    assert set(ROOMS) == set(load_models().tables)


def test_a_table_is_written_only_in_its_own_room() -> None:
    strangers = [
        f"{write.path}:{write.line} writes {write.table} of app/{ROOMS[write.table]}"
        for write in _all_writes()
        if write.room != ROOMS[write.table]
    ]
    assert strangers == []


def test_every_table_has_a_writer() -> None:
    """Were a way of writing not found, this would say so.

    Accounts come with the migration; functions of the database write totals of days.
    """
    unwritten = set(ROOMS) - {write.table for write in _all_writes()}
    assert unwritten == {"ledger_account", "day_total"}


@pytest.mark.parametrize(
    "statement",
    [
        "insert(deposit)",
        "update(deposit).values(x=1)",
        "delete(deposit)",
        "deposit.update().values(x=1)",
        "[update(table) for table in (deposit,)]",
        'text("INSERT INTO deposit (code) VALUES (1)")',
        'text("WITH x AS (UPDATE deposit SET code = 1 RETURNING *) SELECT 1")',
        'text("DELETE FROM deposit")',
        'text("LOCK TABLE deposit IN SHARE MODE")',
        'cursor.copy(f"COPY deposit ({columns}) FROM STDIN")',
        'text(f"UPDATE {table} SET code = 1")',
    ],
)
def test_a_write_in_another_room_is_found(statement: str) -> None:
    source = (
        "from sqlalchemy import delete, insert, text, update\n"
        "from app.payments.models import deposit\n"
        f"statement = {statement}\n"
    )
    assert [write.table for write in _find_strangers("app/claims/service.py", source)] == [
        "deposit"
    ]
    assert _find_strangers("app/payments/service.py", source) == []


@pytest.mark.parametrize(
    "statement",
    [
        "select(deposit).with_for_update()",
        'text("SELECT 1 FROM deposit d FOR UPDATE OF d SKIP LOCKED")',
        'text("SELECT 1 FROM deposit d FOR NO KEY UPDATE OF d")',
        "values.update(deposits)",
    ],
)
def test_reading_is_no_write(statement: str) -> None:
    source = f"from app.payments.models import deposit\nstatement = {statement}\n"
    assert _find_strangers("app/claims/service.py", source) == []
