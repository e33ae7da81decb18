"""The same survey elsewhere: other Pythons, other versions of the libraries, more threads; the same bytes or not.

``python -m benchmarks.trust.numbers [LABEL=PYTHON...]`` runs one small survey with this Python and one thread, then
with two, then on a Dask cluster of two workers, then with each Python named (a virtual environment with the
program's dependencies), and compares. Ends with 1 where a figure differs. ``--bounds`` prints the lower bounds of
the dependencies instead, as pip takes them: what the oldest versions are installed from.
"""

from __future__ import annotations

import csv
import json
import math
import os
import subprocess
import sys
import tempfile
import tomllib
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

from benchmarks.trust.results import load, save

__all__ = ["bounds", "compared", "main"]

ROOT = Path(__file__).resolve().parents[2]
SIZE = 140
MOST = 1e-6
"""Largest relative difference of a figure that is the same: what versions of libraries may round otherwise."""
FIGURES = (
    "estimates/estimates.csv", "estimates/change.csv", "estimates/accuracy.csv", "impact/effects.csv",
    "indicators/indicators.csv", "overlay/zones.csv", "overlay/ad_estimates.csv",
)  # fmt: skip
"""Tables of figures that people read."""


def compared(one: Path, other: Path) -> dict[str, Any]:
    """Return how many outputs of two runs have the same bytes, and by how much figures differ.

    Parameters
    ----------
    one, other
        Run folders.
    """
    outputs = [_outputs(folder) for folder in (one, other)]
    names = sorted(outputs[0])
    same = [name for name in names if outputs[1].get(name) == outputs[0][name]]
    return {
        "outputs": len(names),
        "same bytes": len(same),
        "figures compared": sum(1 for name in FIGURES for _ in _pairs(one / name, other / name)),
        "largest relative difference": max(
            (_relative(a, b) for name in FIGURES for a, b in _pairs(one / name, other / name)), default=0.0
        ),
        "other bytes": [name for name in names if name not in same][:40],
    }


def _outputs(folder: Path) -> Mapping[str, str]:
    manifest = json.loads((folder / "manifest.json").read_text(encoding="utf-8"))
    return {name: file["sha256"] for step in manifest["steps"].values() for name, file in step["outputs"].items()}


def _pairs(one: Path, other: Path) -> Iterator[tuple[str, str]]:
    """Yield the cells of two tables side by side; a table that is on one side only differs in every cell."""
    if not one.is_file():
        return
    rows = [list(csv.reader(path.open(encoding="utf-8"))) if path.is_file() else [] for path in (one, other)]
    for number, row in enumerate(rows[0]):
        against = rows[1][number] if number < len(rows[1]) else []
        yield from ((cell, against[place] if place < len(against) else "") for place, cell in enumerate(row))


def _relative(one: str, other: str) -> float:
    if one == other:
        return 0.0
    try:
        a, b = float(one), float(other)
    except ValueError:
        return math.inf
    return abs(a - b) / max(abs(a), abs(b))


def run(python: str, survey: Path, out: Path, jobs: int, *more: str) -> str:
    """Run a survey; return what went wrong, empty when nothing did."""
    command = [python, "-m", "monitor.cli", "run", str(survey), "-o", str(out), "--jobs", str(jobs), "-q", *more]
    environment = {**os.environ, "OMP_NUM_THREADS": str(jobs), "PYTHONPATH": str(ROOT)}
    done = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, check=False)
    return "" if done.returncode == 0 else (done.stderr.strip().splitlines() or ["no word"])[-1][:200]


def on_cluster(survey: Path, out: Path) -> str:
    """Run a survey on a cluster of this machine; as `run`."""
    from distributed import LocalCluster

    local = {"host": "127.0.0.1", "dashboard_address": None}
    with LocalCluster(n_workers=2, threads_per_worker=1, processes=True, **local) as cluster:
        return run(sys.executable, survey, out, 1, "--scheduler", str(cluster.scheduler_address))


def bounds() -> list[str]:
    """Return the lower bound of every dependency of the program as the one version to install."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    return [text.replace(">=", "==") for text in project["dependencies"]]


def main(arguments: list[str]) -> int:
    """Run and compare."""
    if arguments == ["--bounds"]:
        sys.stdout.write("\n".join(bounds()) + "\n")
        return 0
    from imagery.simulate.example import write_example

    figures = load("numbers")
    with tempfile.TemporaryDirectory(prefix="altdev-numbers-") as folder:
        project = Path(folder) / "project"
        write_example("rif-cannabis", project, seed=3, size=SIZE)
        survey = project / "survey.toml"
        text = survey.read_text().replace("size = 600", "size = 240").replace("floor = 50", "floor = 15")
        survey.write_text(text)
        base = Path(folder) / "base"
        if wrong := run(sys.executable, survey, base, 1):
            raise SystemExit(wrong)
        ways: list[tuple[str, Callable[[Path], str]]] = [
            ("two threads", lambda out: run(sys.executable, survey, out, 2)),
            ("a Dask cluster of two workers", lambda out: on_cluster(survey, out)),
        ]
        for label, _, python in (word.partition("=") for word in arguments):
            ways.append((label, lambda out, python=python: run(python, survey, out, 1)))  # type: ignore[misc]
        bad = []
        for number, (label, way) in enumerate(ways):
            out = Path(folder) / str(number)
            wrong = way(out)
            figures[label] = {"failed": wrong} if wrong else compared(base, out)
            save("numbers", figures, label)
            sys.stdout.write(f"{label}: {figures[label]}\n")
            if wrong or figures[label]["largest relative difference"] > MOST:
                bad.append(label)
    sys.stdout.write(f"other figures: {', '.join(bad) or 'none'}\n")
    return int(bool(bad))


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
