"""The program's source as syntax trees, read once for all rules."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from functools import cache
from pathlib import Path

from app.settings import ROOT

Definition = ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef


@cache
def modules() -> dict[Path, ast.Module]:
    """Every module of `app/`, by its path from the checkout."""
    paths = sorted((ROOT / "app").rglob("*.py"))
    assert paths, "no module of app/ was found"
    return {path.relative_to(ROOT): ast.parse(path.read_text("utf-8")) for path in paths}


def definitions() -> Iterator[tuple[Path, Definition]]:
    """Every function and class, with the path of its module."""
    for path, module in modules().items():
        for node in ast.walk(module):
            if isinstance(node, Definition):
                yield path, node


def functions() -> Iterator[tuple[Path, ast.FunctionDef | ast.AsyncFunctionDef]]:
    for path, node in definitions():
        if not isinstance(node, ast.ClassDef):
            yield path, node


def classes() -> Iterator[tuple[Path, ast.ClassDef]]:
    for path, node in definitions():
        if isinstance(node, ast.ClassDef):
            yield path, node
