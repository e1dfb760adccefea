#!/usr/bin/env python3
"""Makes the coroutine twins in heketi/aio from their blocking originals; `--check` only compares."""

from __future__ import annotations

import ast
import re
import sys
from pathlib import Path

PACKAGE = Path(__file__).resolve().parent / "python" / "heketi"
RENAMED = {"__iter__": "__aiter__", "__enter__": "__aenter__", "__exit__": "__aexit__"}


def waits(function: ast.FunctionDef, coroutines: set[str]) -> list[ast.Call]:
    """The calls of a function that a coroutine has to await."""
    calls = []
    for node in ast.walk(function):
        if isinstance(node, ast.Call):
            called = node.func
            if isinstance(called, ast.Name) and called.id == "wait":
                calls.append(node)
            elif isinstance(called, ast.Attribute) and isinstance(called.value, ast.Name):
                if called.value.id == "self" and called.attr in coroutines:
                    calls.append(node)
    return calls


def twin(source: str, origin: str) -> str:
    tree = ast.parse(source)
    functions = [
        node
        for owner in tree.body
        if isinstance(owner, ast.ClassDef)
        for node in owner.body
        if isinstance(node, ast.FunctionDef)
    ]
    coroutines: set[str] = set()
    while True:
        more = {f.name for f in functions if f.name in RENAMED or waits(f, coroutines)}
        if more <= coroutines:
            break
        coroutines |= more
    lines = source.splitlines()
    inserts: list[tuple[int, int, str]] = []
    for function in functions:
        if function.name in coroutines:
            inserts.append((function.lineno, function.col_offset, "async "))
            for call in waits(function, coroutines):
                assert call.end_lineno and call.end_col_offset
                goes_on = lines[call.end_lineno - 1][call.end_col_offset :].startswith((".", "["))
                inserts.append((call.lineno, call.col_offset, "(await " if goes_on else "await "))
                if goes_on:
                    inserts.append((call.end_lineno, call.end_col_offset, ")"))
    for line, column, text in sorted(inserts, reverse=True):
        lines[line - 1] = lines[line - 1][:column] + text + lines[line - 1][column:]
    text = "\n".join(lines) + "\n"
    for old, new in RENAMED.items():
        text = text.replace(f"def {old}(", f"def {new}(")
    text = re.sub(r"\bIterator\b", "AsyncIterator", text)
    text = re.sub(r"^from \.([a-z_]*)", r"from ..\1", text, flags=re.MULTILINE)
    text = text.replace("from .._wait import wait\n", "from .._wait import wait_async as wait\n")
    text = text.replace("from collections.abc import Callable, AsyncIterator", "from collections.abc import AsyncIterator, Callable")
    note = f"# aio/{origin} is made from this file by make_aio.py."
    return text.replace(note, f"# Made from ../{origin} by make_aio.py: change that one.")


def main() -> int:
    stale = []
    for origin in ("_client.py", "_engine.py"):
        made = twin((PACKAGE / origin).read_text(), origin)
        target = PACKAGE / "aio" / origin
        if not target.exists() or target.read_text() != made:
            stale.append(target)
            if "--check" not in sys.argv:
                target.write_text(made)
    if stale and "--check" in sys.argv:
        print(f"run {Path(__file__).name}: {', '.join(map(str, stale))} differ from their originals", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
