"""Finds in the program's source which refusals can leave a function. Names are resolved, not types.

A function meets what it raises itself and what leaves the functions that it names, without what it
catches by name. A method of an object is not followed.
"""

from __future__ import annotations

import ast
import importlib
import pkgutil
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from types import ModuleType

import app
from app.base.errors import MaalemError


@dataclass
class Function:
    """A function, method or variable of a module: what it names, raises and catches."""

    names: set[str] = field(default_factory=set)
    raised: set[type[MaalemError]] = field(default_factory=set)
    caught: set[type[MaalemError]] = field(default_factory=set)


def modules() -> Iterator[ModuleType]:
    """Every module of the program."""
    for found in pkgutil.walk_packages(app.__path__, "app."):
        if not found.name.endswith("__main__"):
            yield importlib.import_module(found.name)


def refusals() -> set[type[MaalemError]]:
    """Every kind of refusal."""
    list(modules())
    found: set[type[MaalemError]] = set()
    waiting = [MaalemError]
    while waiting:
        subclasses = waiting.pop().__subclasses__()
        found.update(subclasses)
        waiting.extend(subclasses)
    return found


def _read(module: ModuleType) -> Iterator[tuple[str, Function]]:
    assert module.__file__
    for statement in ast.parse(Path(module.__file__).read_text("utf-8")).body:
        if isinstance(statement, ast.FunctionDef):
            yield f"{module.__name__}.{statement.name}", _describe(module, statement)
        elif isinstance(statement, ast.ClassDef):
            for method in statement.body:
                if isinstance(method, ast.FunctionDef):
                    name = f"{module.__name__}.{statement.name}.{method.name}"
                    yield name.removesuffix(".__post_init__"), _describe(module, method)
        elif isinstance(statement, ast.Assign | ast.AnnAssign):
            targets = statement.targets if isinstance(statement, ast.Assign) else [statement.target]
            for target in targets:
                if isinstance(target, ast.Name):
                    yield f"{module.__name__}.{target.id}", _describe(module, statement)


def _describe(module: ModuleType, tree: ast.AST) -> Function:
    function = Function()
    for node in ast.walk(tree):
        if isinstance(node, ast.Call):
            function.raised.update(_classes(module, node.func))
        elif isinstance(node, ast.Dict):
            for value in node.values:
                function.raised.update(_classes(module, value))
        elif isinstance(node, ast.IfExp):
            function.raised.update((*_classes(module, node.body), *_classes(module, node.orelse)))
        elif isinstance(node, ast.ExceptHandler) and node.type and not _is_passed_on(node):
            function.caught.update(_classes(module, node.type))
        elif isinstance(node, ast.Name | ast.Attribute):
            named = _resolve(module, node)
            if callable(named) and str(getattr(named, "__module__", "")).startswith("app."):
                function.names.add(f"{named.__module__}.{getattr(named, '__qualname__', '')}")
            elif isinstance(node, ast.Name) and named is not None:
                function.names.add(f"{module.__name__}.{node.id}")
    return function


def _is_passed_on(handler: ast.ExceptHandler) -> bool:
    return any(isinstance(node, ast.Raise) and node.exc is None for node in ast.walk(handler))


def _resolve(module: ModuleType, node: ast.expr) -> object:
    if isinstance(node, ast.Name):
        return vars(module).get(node.id)
    if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name):
        owner = vars(module).get(node.value.id)
        if isinstance(owner, ModuleType | type):
            return getattr(owner, node.attr, None)
    return None


def _classes(module: ModuleType, node: ast.expr) -> Iterator[type[MaalemError]]:
    for part in node.elts if isinstance(node, ast.Tuple) else [node]:
        value = _resolve(module, part)
        for kind in value if isinstance(value, tuple) else (value,):
            if isinstance(kind, type) and issubclass(kind, MaalemError):
                yield kind


def caught_in(folders: Iterable[str]) -> set[type[MaalemError]]:
    """The refusals that modules under these names catch by their own names."""
    inside = tuple(folders)
    functions = (value for name, value in _program().items() if name.startswith(inside))
    return {kind for function in functions for kind in function.caught} - {MaalemError}


@cache
def _program() -> dict[str, Function]:
    return dict(entry for module in modules() for entry in _read(module))


@cache
def _escapes() -> dict[str, frozenset[type[MaalemError]]]:
    program = _program()
    escapes: dict[str, frozenset[type[MaalemError]]] = dict.fromkeys(program, frozenset())
    changed = True
    while changed:
        changed = False
        for name, function in program.items():
            leaving = frozenset(
                kind
                for kind in function.raised.union(
                    *(escapes.get(called, frozenset()) for called in function.names)
                )
                if not any(issubclass(kind, caught) for caught in function.caught)
            )
            if leaving != escapes[name]:
                escapes[name], changed = leaving, True
    return escapes


def met_by(folders: Iterable[str]) -> set[type[MaalemError]]:
    """The refusals that come to the modules under these names from the rooms that they call.

    A module of theirs may still catch one by its own name.
    """
    inside = tuple(folders)
    met: set[type[MaalemError]] = set()
    for name, function in _program().items():
        if not name.startswith(inside):
            continue
        own = {kind for kind in function.caught if kind is not MaalemError}
        for called in function.names:
            if not called.startswith(inside):
                met |= {kind for kind in _escapes().get(called, ()) if kind not in own}
        met |= function.raised
    return met
