"""Lines of estimators, disclosure and harms that their tests run.

``python -m benchmarks.trust.lines [PACKAGE...]`` runs a package's tests, without the slow ones, under coverage.py.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path

from benchmarks.trust.results import load, save

__all__ = ["LEAST", "PACKAGES", "PLAIN", "TESTS", "main"]

ROOT = Path(__file__).resolve().parents[2]
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
    tool = [sys.executable, "-m", "coverage"]
    with tempfile.TemporaryDirectory() as folder:
        report = Path(folder) / "report.json"
        environment = {**os.environ, **PLAIN, "COVERAGE_FILE": str(Path(folder) / "data")}
        tests = ["-m", "pytest", "-q", "-m", "not slow", *TESTS[package], package]
        run = [*tool, "run", f"--source={package}", *tests]
        subprocess.run(run, cwd=ROOT, env=environment, check=True, stdout=subprocess.DEVNULL)
        subprocess.run([*tool, "json", "-q", "-o", str(report)], cwd=ROOT, env=environment, check=True)
        content = json.loads(report.read_text())
    files = sorted(content["files"].items())
    missing = {name: entry["missing_lines"] for name, entry in files if entry["missing_lines"]}
    totals = content["totals"]
    return {"lines": totals["num_statements"], "run": totals["covered_lines"], "missing": missing}


def main(names: list[str]) -> int:
    """Measure the packages named, or all; fail where too few lines are run."""
    figures = load("lines") or {"packages": {}}
    low = []
    for package in names or PACKAGES:
        row = measured(package)
        figures["packages"][package] = row
        save("lines", figures)
        share = 100 * int(str(row["run"])) / int(str(row["lines"]))
        sys.stdout.write(f"{package}: {row['run']} of {row['lines']} lines ({share:.1f} %)\n")
        low += [package] if share < LEAST else []
    return 1 if low else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
