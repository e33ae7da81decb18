"""Lines of estimators, disclosure and harms that their tests run.

``python -m benchmarks.trust.lines [PACKAGE...]`` watches each test of a package under coverage.py, without those
that are slow or take over 10 s, and the import of its modules.
"""

from __future__ import annotations

import os
import sys

import coverage

from benchmarks.trust.reach import imported, reach
from benchmarks.trust.results import load, save
from benchmarks.trust.warm import ROOT, Suite, with_tests

__all__ = ["LEAST", "PACKAGES", "PLAIN", "TESTS", "main"]

TESTS = {
    "aoi/survey": (
        "tests/aoi/survey", "tests/monitor/tabular/test_simulated.py", "tests/monitor/tabular/test_small_areas.py",
    ),
    "maps/disclosure": ("tests/maps/disclosure",),
    "aoi/harm": ("tests/aoi/harm",),
}  # fmt: skip
"""Estimators, disclosure and harms, and the folders of their tests; estimators are held from their tables too."""
PACKAGES = tuple(TESTS)
PLAIN = {"OMP_NUM_THREADS": "1", "NUMBA_DISABLE_JIT": "1"}
"""Environment of a run whose lines are seen: loops are run as Python, not as machine code."""
LEAST = 95
"""Per cent of lines that tests must run."""


def measured(package: str) -> dict[str, object]:
    """Return lines and lines run of a package, and what is not run by file."""
    ran: dict[str, set[int]] = {}

    def work(suite: Suite) -> None:
        for one in [*reach(package, suite).values(), imported(package)]:
            for module, lines in one.lines.items():
                ran.setdefault(module, set()).update(lines)

    with_tests([*TESTS[package], package], work)
    watch = coverage.Coverage(data_file=None, config_file=False)
    watch.get_data().add_lines({str(ROOT / module): lines for module, lines in ran.items()})
    missing: dict[str, list[int]] = {}
    total = 0
    for path in sorted((ROOT / package).rglob("*.py")):
        _, statements, _, left, _ = watch.analysis2(str(path))
        total += len(statements)
        if left:
            missing[path.relative_to(ROOT).as_posix()] = list(left)
    return {"lines": total, "run": total - sum(map(len, missing.values())), "missing": missing}


def main(names: list[str]) -> int:
    """Measure the packages named, or all; fail where too few lines are run."""
    os.environ.update(PLAIN)
    figures = load("lines") or {"packages": {}}
    low = []
    for package in names or PACKAGES:
        row = measured(package)
        figures["packages"][package] = row
        save("lines", figures, package)
        share = 100 * int(str(row["run"])) / int(str(row["lines"]))
        sys.stdout.write(f"{package}: {row['run']} of {row['lines']} lines ({share:.1f} %)\n")
        low += [package] if share < LEAST else []
    return 1 if low else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
