"""Which test runs which line of a package, and how long each takes by itself.

Each test is run under coverage.py in a process of its own, so that what tests share (fixtures of a module, cached
results) is counted for each of them. What was found is kept in ``build/mutants`` until a file changes.
"""

from __future__ import annotations

import hashlib
import json
import time
import warnings
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from importlib import import_module
from pathlib import Path
from typing import Any

import coverage

from benchmarks.trust.warm import ROOT, Suite, forget_ours, forked, limit_processor
from geo.files import write_text

__all__ = ["Reach", "imported", "reach"]

KEPT = ROOT / "build" / "mutants"
LONGEST_S = 10
"""Processor time that a test may take while it is watched; it is left out when it takes more."""


@dataclass(frozen=True)
class Reach:
    """What a test that passes takes, and the lines it runs."""

    seconds: float
    lines: dict[str, frozenset[int]]
    """By module."""


def reach(package: str, suite: Suite) -> dict[str, Reach]:
    """Return what each passing test of a package runs of it; watch those whose files changed."""
    kept_at = KEPT / f"{package.replace('/', '-')}.json"
    kept: dict[str, Any] = json.loads(kept_at.read_text(encoding="utf-8")) if kept_at.is_file() else {}
    found = {name: row for name, row in kept.items() if _fresh(row)}
    since = time.monotonic()
    for name in suite.items:
        if name not in found:
            found[name] = _watched(package, suite, name)
        if time.monotonic() - since > 60 or name == list(suite.items)[-1]:
            write_text(kept_at, json.dumps(found))
            since = time.monotonic()
    return {
        name: Reach(row["seconds"], {module: frozenset(lines) for module, lines in row["lines"].items()})
        for name, row in found.items()
        if name in suite.items and row["outcome"] == "passed"
    }


def _watched(package: str, suite: Suite, name: str) -> dict[str, Any]:
    """Run one test in a process of its own; return what it ran and how long it took."""

    def work() -> str:
        limit_processor(LONGEST_S)
        return json.dumps(_under_coverage(package, lambda: suite.run(name)))

    ended = forked(work)
    row = json.loads(ended.answer) if ended.answer else {"outcome": "killed", "seconds": LONGEST_S, "lines": {}}
    files = {name.split("::")[0], *row["lines"]}
    return {**row, "files": {file: _digest(file) for file in sorted(files)}}


def imported(package: str) -> Reach:
    """Return what the import of a package's modules runs of them."""

    def work() -> str:
        forget_ours()
        names = [path.relative_to(ROOT).with_suffix("") for path in sorted((ROOT / package).rglob("*.py"))]
        dotted = [".".join(name.parts).removesuffix(".__init__") for name in names]
        return json.dumps(_under_coverage(package, lambda: str([import_module(name) for name in dotted])))

    row = json.loads(forked(work).answer)
    return Reach(row["seconds"], {module: frozenset(lines) for module, lines in row["lines"].items()})


def _under_coverage(package: str, work: Callable[[], str]) -> dict[str, Any]:
    """Do some work here; return what it gave, how long it took, and the lines of a package that it ran."""
    watch = coverage.Coverage(data_file=None, config_file=False, include=[f"{ROOT}/{package}/*"])
    watch.start()
    started = time.process_time()
    outcome = work()
    taken = time.process_time() - started
    watch.stop()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of a test that runs nothing of the package
        data = watch.get_data()
    files = {file: Path(file).relative_to(ROOT).as_posix() for file in data.measured_files()}
    lines = {module: sorted(data.lines(file) or []) for file, module in files.items()}
    return {"outcome": outcome, "seconds": round(taken, 4), "lines": lines}


def _fresh(row: dict[str, Any]) -> bool:
    return all(_digest(file) == digest for file, digest in row["files"].items())


@cache
def _digest(file: str) -> str:
    path = ROOT / file
    return hashlib.sha256(path.read_bytes()).hexdigest()[:16] if path.is_file() else ""
