"""Finds in the program's source who writes a table, and whether its act comes into the audit trail.

A node is a function, a class with its methods, or a variable of a module (a statement that is built
once). It leads to the nodes that it names. A writer is covered if the audit's own functions are on
its way, or on the way of everybody who calls it; an edge never covers, as a service writes its own
rows.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

from tests.house.test_table_writers import WriteFinder

AUDITORS = frozenset(
    f"app.audit.service.{name}" for name in ("record_audit", "record_decision", "audit_values")
)
# They open transactions or answer people; rows of the audit are not theirs to write.
EDGES = ("app.web", "app.cli", "app.jobs", "app.journeys", "app.keywords", "app.runtime")

Definition = ast.FunctionDef | ast.ClassDef | ast.Assign | ast.AnnAssign


@dataclass
class Node:
    """A part of a module: what it names, and the tables that it writes itself."""

    module: str
    names: set[str] = field(default_factory=set)
    tables: set[str] = field(default_factory=set)
    function: bool = False


class Program:
    """The nodes of some modules, given as source by name."""

    def __init__(self, sources: Mapping[str, str]) -> None:
        self.nodes: dict[str, Node] = {}
        self._imports: dict[str, dict[str, str]] = {}
        trees = {module: ast.parse(source) for module, source in sources.items()}
        for module, tree in trees.items():
            self._imports[module] = dict(_read_imports(tree))
            writes = WriteFinder(module.replace(".", "/") + ".py", sources[module]).writes
            for name, definition in _define(tree):
                last = definition.end_lineno or definition.lineno
                node = Node(module, function=isinstance(definition, ast.FunctionDef))
                node.tables = {w.table for w in writes if definition.lineno <= w.line <= last}
                self.nodes[f"{module}.{name}"] = node
        for module, tree in trees.items():
            for name, definition in _define(tree):
                named = self._find_names(module, definition)
                self.nodes[f"{module}.{name}"].names = set(named) - {f"{module}.{name}"}
        self.callers: dict[str, set[str]] = {name: set() for name in self.nodes}
        for name, node in self.nodes.items():
            for called in node.names & set(self.nodes):
                self.callers[called].add(name)

    def reach(self, start: str, beside: tuple[str, ...] = ()) -> set[str]:
        """Every node on the way of one, itself too; the modules `beside` are not entered."""
        found, waiting = {start}, [start]
        while waiting:
            node = self.nodes.get(waiting.pop())
            for called in (node.names if node else set()) - found:
                found.add(called)
                if not beside or not called.startswith(beside):
                    waiting.append(called)
        return found

    def writers(self, watched: set[str]) -> dict[str, set[str]]:
        """The functions and classes that write a watched table, by themselves or by a statement."""
        found = {}
        for name, node in self.nodes.items():
            if name.rpartition(".")[2].isupper() or not self._acts(name):
                continue
            statements = {
                table
                for called in node.names
                if (other := self.nodes.get(called)) and not self._acts(called)
                for table in self._statement_tables(called, other)
            }
            if tables := (node.tables | statements) & watched:
                found[name] = tables
        return found

    def is_covered(self, name: str, seen: frozenset[str] = frozenset()) -> bool:
        """True if whatever leads to the node comes into the audit trail."""
        node = self.nodes[name]
        if node.module.startswith(EDGES):
            return False
        if self.reach(name) & AUDITORS:
            return True
        callers = self.callers[name] - seen - {name}
        return bool(callers) and all(self.is_covered(c, seen | {name}) for c in callers)

    def _acts(self, name: str) -> bool:
        """True for a function or a class; a variable is a statement that somebody runs."""
        short = name.rpartition(".")[2].lstrip("_")
        return self.nodes[name].function or (short[:1].isupper() and not short.isupper())

    def _statement_tables(self, name: str, node: Node) -> set[str]:
        tables = set(node.tables)
        for called in node.names:
            other = self.nodes.get(called)
            if other and (other.tables and not self._acts(called)):
                tables |= other.tables
        return tables

    def _find_names(self, module: str, definition: Definition) -> Iterator[str]:
        imports = self._imports[module]
        for part in ast.walk(definition):
            if isinstance(part, ast.Name):
                yield self._follow(imports.get(part.id, f"{module}.{part.id}"))
            elif isinstance(part, ast.Attribute) and isinstance(part.value, ast.Name):
                owner = imports.get(part.value.id, "")
                yield self._follow(f"{owner}.{part.attr}")

    def _follow(self, name: str) -> str:
        """Returns where a name is defined, if a module only passes it on."""
        module, _, short = name.rpartition(".")
        passed_on = self._imports.get(module, {}).get(short)
        known = name in self.nodes or passed_on in (None, name)
        return name if known or passed_on is None else self._follow(passed_on)


def _define(tree: ast.Module) -> Iterator[tuple[str, Definition]]:
    for statement in tree.body:
        if isinstance(statement, ast.FunctionDef | ast.ClassDef):
            yield statement.name, statement
        elif isinstance(statement, ast.Assign):
            for target in statement.targets:
                if isinstance(target, ast.Name):
                    yield target.id, statement
        elif isinstance(statement, ast.AnnAssign) and isinstance(statement.target, ast.Name):
            yield statement.target.id, statement


def _read_imports(tree: ast.Module) -> Iterator[tuple[str, str]]:
    for node in ast.walk(tree):
        if isinstance(node, ast.ImportFrom) and (node.module or "").startswith("app"):
            for name in node.names:
                yield name.asname or name.name, f"{node.module}.{name.name}"
