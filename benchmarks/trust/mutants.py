"""Change one thing in a module, run its tests, and count how often they notice.

``python -m benchmarks.trust.mutants [N] [MODULE...]`` tries N further mutants (2 when none is named) of each module
of estimators, disclosure and harms, or of those named. Places are drawn at random, each once. A mutant is killed
when a test fails or takes too long; a survivor is named with its line.
"""

from __future__ import annotations

import ast
import copy
import importlib.abc
import importlib.util
import os
import random
import re
import signal
import sys
import time
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from benchmarks.trust.lines import PACKAGES
from benchmarks.trust.results import load, save

__all__ = ["main", "modules", "mutated", "places", "tests_of"]

ROOT = Path(__file__).resolve().parents[2]
LONGEST_S = 240
"""A mutant whose tests take longer is killed."""
MOST_FILES = 3
"""Test files a mutant is tried on: the mirrored one, and those that import the module most closely."""

_COMPARED = {
    ast.Lt: ast.LtE, ast.LtE: ast.Lt, ast.Gt: ast.GtE, ast.GtE: ast.Gt, ast.Eq: ast.NotEq, ast.NotEq: ast.Eq,
    ast.In: ast.NotIn, ast.NotIn: ast.In, ast.Is: ast.IsNot, ast.IsNot: ast.Is,
}  # fmt: skip
_COMPUTED = {
    ast.Add: ast.Sub, ast.Sub: ast.Add, ast.Mult: ast.Div, ast.Div: ast.Mult, ast.Pow: ast.Mult, ast.Mod: ast.Mult,
    ast.FloorDiv: ast.Mult, ast.BitAnd: ast.BitOr, ast.BitOr: ast.BitAnd,
}  # fmt: skip
_LONG = "test_numbers_under_stress.py"
"""Minutes long on a busy machine: a mutant would count as killed for its slowness."""
_UNTOUCHED = ("Problem", "InputError", "QualityGateError", "SurveyFileError", "Field", "field", "dataclass")
"""Calls whose words no test holds to the letter."""


def places(tree: ast.Module) -> list[tuple[ast.AST, str]]:
    """Return what can be changed in a module, and how it reads: numbers, operations, comparisons, conditions."""
    found: list[tuple[ast.AST, str]] = []
    for node in _inner(tree):
        if isinstance(node, ast.Compare) and type(node.ops[0]) in _COMPARED:
            found.append((node, f"{type(node.ops[0]).__name__} to {_COMPARED[type(node.ops[0])].__name__}"))
        elif isinstance(node, ast.BinOp) and type(node.op) in _COMPUTED:
            found.append((node, f"{type(node.op).__name__} to {_COMPUTED[type(node.op)].__name__}"))
        elif isinstance(node, ast.BoolOp):
            found.append((node, "Or to And" if isinstance(node.op, ast.Or) else "And to Or"))
        elif isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.Not | ast.USub | ast.Invert):
            found.append((node, f"without {type(node.op).__name__}"))
        elif isinstance(node, ast.Constant) and type(node.value) in (int, float, bool):
            found.append((node, f"{node.value!r} to {_other(node.value)!r}"))
    return found


def _inner(node: ast.AST) -> Iterator[ast.AST]:
    """Yield nodes that decide on numbers: no annotations, default words of errors, nor texts."""
    for name, value in ast.iter_fields(node):
        if name in ("annotation", "returns", "decorator_list", "type_comment"):
            continue
        for child in value if isinstance(value, list) else [value]:
            if not isinstance(child, ast.AST):
                continue
            called = getattr(child.func, "id", "") if isinstance(child, ast.Call) else ""
            if called in _UNTOUCHED or isinstance(child, ast.JoinedStr | ast.Assert):
                continue
            if isinstance(child, ast.If) and "TYPE_CHECKING" in ast.dump(child.test):
                continue
            yield child
            yield from _inner(child)


def _other(value: Any) -> Any:
    return (not value) if isinstance(value, bool) else value + 1


def mutated(source: str, number: int) -> tuple[str, str]:
    r"""Return a source with its numbered place changed, and the line and change in words.

    Examples
    --------
    >>> mutated("def f(a, b):\n    return a + b", 0)
    ('def f(a, b):\n    return a - b', 'line 2: Add to Sub')
    """
    tree = copy.deepcopy(ast.parse(source))
    node, told = places(tree)[number]
    if isinstance(node, ast.Compare):
        node.ops[0] = _COMPARED[type(node.ops[0])]()
    elif isinstance(node, ast.BinOp):
        node.op = _COMPUTED[type(node.op)]()
    elif isinstance(node, ast.BoolOp):
        node.op = ast.And() if isinstance(node.op, ast.Or) else ast.Or()
    elif isinstance(node, ast.UnaryOp):
        node.op = ast.UAdd()
        if "Not" in told:
            return _without_not(source, number), f"line {node.lineno}: {told}"
    elif isinstance(node, ast.Constant):
        node.value = _other(node.value)
    return ast.unparse(tree), f"line {getattr(node, 'lineno', 0)}: {told}"


def _without_not(source: str, number: int) -> str:
    tree = ast.parse(source)
    target, _ = places(tree)[number]

    class Bare(ast.NodeTransformer):
        def visit_UnaryOp(self, node: ast.UnaryOp) -> ast.AST:
            self.generic_visit(node)
            return node.operand if node is target else node

    return ast.unparse(ast.fix_missing_locations(Bare().visit(tree)))


def modules() -> list[str]:
    """Return the modules that are mutated, by path."""
    return [
        path.relative_to(ROOT).as_posix()
        for package in PACKAGES
        for path in sorted((ROOT / package).rglob("*.py"))
        if path.name != "__init__.py"
    ]


def tests_of(module: str) -> list[str]:
    """Return the test files of a module: the mirrored one, then those that import it, the smallest first."""
    dotted = module.removesuffix(".py").replace("/", ".")
    package, _, name = dotted.rpartition(".")
    wanted = re.compile(rf"from {re.escape(dotted)} import|from {re.escape(package)} import .*\\b{name}\\b")
    tests = ROOT / "tests"
    mirrored = tests / Path(module).parent / f"test_{Path(module).name}"
    importing = [path for path in tests.rglob("test_*.py") if wanted.search(path.read_text(encoding="utf-8"))]
    near = (path for path in importing if path.relative_to(tests).parts[0] in ("aoi", "maps"))
    importing = [path for path in near if path.name != _LONG]
    importing.sort(key=lambda path: (path.parent != mirrored.parent, path.stat().st_size))
    found = [*([mirrored] if mirrored.is_file() else []), *(path for path in importing if path != mirrored)]
    if not found:  # reached by way of others only
        found = sorted(mirrored.parent.glob("test_*.py"), key=lambda path: path.stat().st_size)[-MOST_FILES:]
    return [path.relative_to(ROOT).as_posix() for path in found[:MOST_FILES]]


class _Finder(importlib.abc.MetaPathFinder, importlib.abc.Loader):
    """Gives a changed source in the place of a module's own."""

    def __init__(self, name: str, path: Path, source: str) -> None:
        self._name, self._path, self._source = name, path, source

    def find_spec(self, name: str, *_: Any, **__: Any) -> Any:
        """Find the changed module, and no other."""
        return importlib.util.spec_from_loader(name, self, origin=str(self._path)) if name == self._name else None

    def create_module(self, spec: Any) -> None:
        """Let Python make the module."""

    def exec_module(self, module: Any) -> None:
        """Run the changed source; its file is the real one, for tests that look beside it."""
        module.__file__ = str(self._path)
        exec(compile(self._source, str(self._path), "exec"), module.__dict__)


def survives(module: str, source: str, tests: list[str]) -> bool:
    """Run a module's tests on a changed source, in a forked process; say whether all of them pass."""
    child = os.fork()
    if child == 0:
        os.setpgid(0, 0)
        quiet = os.open(os.devnull, os.O_WRONLY)
        os.dup2(quiet, 1)
        os.dup2(quiet, 2)
        import pytest

        dotted = module.removesuffix(".py").replace("/", ".")
        sys.meta_path.insert(0, _Finder(dotted, ROOT / module, source))
        os.chdir(ROOT)
        code = 1
        try:
            code = pytest.main(["-q", "-x", "-p", "no:cacheprovider", "-m", "not slow", *tests])
        finally:
            os._exit(int(code))
    started = time.monotonic()
    while time.monotonic() - started < LONGEST_S:
        ended, status = os.waitpid(child, os.WNOHANG)
        if ended:
            return os.WIFEXITED(status) and os.WEXITSTATUS(status) == 0
        time.sleep(0.05)
    os.killpg(child, signal.SIGKILL)
    os.waitpid(child, 0)
    return False


def main(arguments: list[str]) -> None:
    """Try so many further mutants of each module."""
    os.environ["OMP_NUM_THREADS"] = "1"
    import geopandas  # noqa: F401  (once here, so that no fork has to)
    import rasterio  # noqa: F401
    import scipy.stats  # noqa: F401

    number = int(arguments[0]) if arguments else 2
    figures = load("mutants") or {"packages": {}}
    for module in arguments[1:] or modules():
        source = (ROOT / module).read_text(encoding="utf-8")
        package = next(name for name in PACKAGES if module.startswith(name))
        order = list(range(len(places(ast.parse(source)))))
        random.Random(zlib.crc32(module.encode())).shuffle(order)
        row = (
            figures["packages"]
            .setdefault(package, {})
            .setdefault(module, {"places": 0, "tried": 0, "killed": 0, "survivors": []})
        )
        row["places"] = len(order)
        tests = tests_of(module)
        if row["tried"] == 0 and order and not survives(module, source, tests):
            raise SystemExit(f"{module}: its tests fail without any change: {' '.join(tests)}")
        for place in order[row["tried"] : row["tried"] + number]:
            changed, told = mutated(source, place)
            alive = survives(module, changed, tests)
            row["tried"] += 1
            row["killed"] += not alive
            row["survivors"] += [told] if alive else []
            save("mutants", figures)
        sys.stdout.write(f"{module}: {row['killed']} of {row['tried']} killed ({len(order)} places)\n")
        sys.stdout.flush()


if __name__ == "__main__":
    main(sys.argv[1:])
