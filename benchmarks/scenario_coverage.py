"""Does the interval of a whole survey hold the truth? A hundred simulated landscapes of each scenario say so.

Every seed is a new landscape, new imagery, a new map, a new sample and new interpreters; the whole job runs, from
scenes to hectares, and its interval for the current year is held against the true hectares. The count of pixels on
the map stands beside it with its bias.

    python -m benchmarks.scenario_coverage --seeds 100 --size 200 --jobs 2

Results of finished seeds are kept in a CSV file, so that an interrupted study goes on where it stopped.
"""

from __future__ import annotations

import argparse
import csv
import json
import os
import shutil
import sys
import tempfile
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path
from typing import Any

import pandas as pd
from scipy.stats import beta

SCENARIOS = {"andes-coca": "coca", "helmand-poppy": "opium_poppy", "rif-cannabis": "cannabis"}
COLUMNS = (
    *("scenario", "seed", "size", "true_ha", "value_ha", "se_ha", "lo_ha", "hi_ha"),
    *("mapped_ha", "users", "producers", "flags"),
)
CURRENT = "2024"
HEAD = (
    "| scenario | seeds | true ha (mean) | interval holds the truth | 95 % limits of that share | mean width ha "
    "| bias of the estimate | bias of counted pixels | user's / producer's accuracy |"
)


class Silent:
    """A listener that hears nothing."""

    def started(self, step: str) -> None:
        """Ignore."""

    def progress(self, step: str, done: int, total: int) -> None:
        """Ignore."""

    def kept(self, step: str) -> None:
        """Ignore."""

    def finished(self, step: str, facts: Any) -> None:
        """Ignore."""


def survey_once(scenario: str, seed: int, size: int) -> dict[str, Any]:
    """Run the whole job on one landscape and return its figure beside the truth."""
    from imagery.simulate.example import write_example
    from monitor.workflow import RunOptions, run

    folder = Path(tempfile.mkdtemp(prefix=f"coverage-{scenario}-{seed}-"))
    try:
        survey = write_example(scenario, folder, seed=seed, size=size, imaged=(CURRENT,))
        one_period(survey)
        options = RunOptions(out=folder / "run", jobs=1)
        manifest = run(survey, options, verb="estimate", listener=Silent())
        facts = manifest.steps["estimate"].facts
        figure = facts["headline"][0]
        accuracy = facts["accuracy"][0]["classes"][0]
        truth = json.loads((folder / "inputs" / "truth" / "truth.json").read_text())
        return {
            "scenario": scenario,
            "seed": seed,
            "size": size,
            "true_ha": true_hectares(truth, SCENARIOS[scenario], figure["period"]),
            **{name: figure[name] for name in ("value_ha", "se_ha", "lo_ha", "hi_ha", "mapped_ha", "flags")},
            "users": accuracy["users"],
            "producers": accuracy["producers"],
        }
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def one_period(survey: Path) -> None:
    """Take the baseline out of the comparison: the study asks about the current year."""
    text = survey.read_text().replace('role = "baseline"', 'role = "other"')
    survey.write_text(text.replace("folds = 5", "folds = 2"))  # folds tell of the classifier, not of the hectares


def true_hectares(truth: Any, crop: str, period: str) -> float:
    """Return the true hectares of the frame from the file of truths."""
    return float(truth["hectares"][crop][period]["frame"])


def finished(path: Path) -> pd.DataFrame:
    """Return the results there are."""
    if not path.is_file():
        return pd.DataFrame(columns=list(COLUMNS))
    return pd.read_csv(path, keep_default_na=False)


def pending(path: Path, seeds: int, size: int) -> Iterator[tuple[str, int, int]]:
    """Yield what is still to be run."""
    rows = finished(path)
    done = set(zip(rows["scenario"], rows["seed"].astype(int), rows["size"].astype(int), strict=True))
    for seed in range(1, seeds + 1):
        for scenario in SCENARIOS:
            if (scenario, seed, size) not in done:
                yield scenario, seed, size


def study(path: Path, seeds: int, size: int, jobs: int) -> None:
    """Run what is missing and append each result as it comes."""
    path.parent.mkdir(parents=True, exist_ok=True)
    new = not path.is_file()
    tasks = list(pending(path, seeds, size))
    with path.open("a", newline="") as stream, ProcessPoolExecutor(jobs) as pool:
        writer = csv.DictWriter(stream, COLUMNS)
        if new:
            writer.writeheader()
        futures = [pool.submit(survey_once, *task) for task in tasks]
        for number, future in enumerate(futures, start=1):
            writer.writerow(future.result())
            stream.flush()
            print(f"{number} of {len(futures)}", end="\r", file=sys.stderr)


def table(path: Path) -> str:
    """Return the results as a markdown table."""
    lines = [HEAD, "|---|---|---|---|---|---|---|---|---|"]
    for scenario, rows in finished(path).groupby("scenario", sort=False):
        numbers = rows.drop(columns=["scenario", "flags"]).astype(float)
        held = int(((numbers["lo_ha"] <= numbers["true_ha"]) & (numbers["true_ha"] <= numbers["hi_ha"])).sum())
        n = len(rows)
        lo = float(beta.ppf(0.025, held, n - held + 1)) if held else 0.0
        hi = float(beta.ppf(0.975, held + 1, n - held)) if held < n else 1.0
        truth = numbers["true_ha"].mean()
        width = (numbers["hi_ha"] - numbers["lo_ha"]).mean()
        lines.append(
            f"| {scenario} | {n} | {truth:.1f} | {held} of {n} | {lo:.2f}-{hi:.2f} | "
            f"{width:.1f} | {(numbers['value_ha'].mean() / truth - 1):+.1%} | "
            f"{(numbers['mapped_ha'].mean() / truth - 1):+.1%} | "
            f"{numbers['users'].mean():.2f} / {numbers['producers'].mean():.2f} |"
        )
    return "\n".join(lines)


def main() -> None:
    """Run the study and print its table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("--seeds", type=int, default=100)
    parser.add_argument("--size", type=int, default=200)
    parser.add_argument("--jobs", type=int, default=2)
    parser.add_argument("--results", type=Path, default=Path("benchmarks/results/scenario_coverage.csv"))
    chosen = parser.parse_args()
    os.environ.setdefault("OMP_NUM_THREADS", "1")
    study(chosen.results, chosen.seeds, chosen.size, chosen.jobs)
    print(table(chosen.results))


if __name__ == "__main__":
    main()
