"""Do the intervals of the harms hold the truth? Simulated landscapes of each scenario say so.

Every seed is a new landscape with its imagery, map, sample, interpreters and harm layers; the whole job runs, and
the intervals of the current year are held against the forest that the crop truly replaced and, where the example
knows it, the erosion it truly adds.

    python -m benchmarks.harm_coverage --seeds 100 --size 200 --jobs 2

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

from benchmarks.scenario_coverage import CURRENT, SCENARIOS, Silent, one_period
from geo.errors import QualityGateError

COLUMNS = ("scenario", "seed", "size", "indicator", "true", "value", "lo", "hi", "unit")
FIGURES = {"D1": ("cumulative", "direct_forest_loss_ha"), "E1": ("", "added_erosion_t")}
"""Indicator to the part compared, and the key of its truth by period."""
APART = ("ad", "hot_spots", "impact", "legality")
"""Tables of the survey file that no figure of harm rests on."""
REFUSED = "refused"
"""Stands in the place of an indicator where the run refused the survey."""
HEAD = "| scenario | figure | seeds | truth (mean) | interval holds the truth | 95 % limits of that share | bias |"


def survey_once(scenario: str, seed: int, size: int) -> list[dict[str, Any]]:
    """Run the whole job on one landscape and return its figures beside the truth."""
    from imagery.simulate.example import write_example
    from monitor.indicators import part_path, read_part
    from monitor.workflow import RunOptions, run

    folder = Path(tempfile.mkdtemp(prefix=f"harm-{scenario}-{seed}-"))
    try:
        survey = write_example(scenario, folder, seed=seed, size=size, imaged=(CURRENT,))
        one_period(survey)
        only_harms(survey)
        options = RunOptions(out=folder / "run", jobs=1)
        run(survey, options, verb="harm", listener=Silent())
        truth = json.loads((folder / "inputs" / "truth" / "truth.json").read_text())
        table = read_part(part_path(folder / "run", "harm"))
        head = {"scenario": scenario, "seed": seed, "size": size}
        return [head | row for row in _rows(table[table["domain"] == "frame"], truth)]
    except QualityGateError as error:  # a refused survey has no figure and no interval to be wrong: it is counted
        print(f"{scenario} {seed} refused: {error}", file=sys.stderr)
        return [{"scenario": scenario, "seed": seed, "size": size, "indicator": REFUSED}]
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def only_harms(survey: Path) -> None:
    """Take out what harms need nothing of: the programme and its effect, hot spots."""
    kept, keep = [], True
    for line in survey.read_text().splitlines():
        if line.startswith("["):
            keep = line.strip("[]").split(".")[0].split("]")[0] not in APART
        if keep:
            kept.append(line)
    survey.write_text("\n".join(kept) + "\n")


def _rows(table: pd.DataFrame, truth: dict[str, Any]) -> Iterator[dict[str, Any]]:
    for indicator, (part, key) in FIGURES.items():
        own = table[(table["indicator"] == indicator) & (table["part"] == part) & (table["state"] == "computed")]
        if key in truth and len(own):
            row = own.iloc[0]
            numbers = {name: row[name] for name in ("value", "lo", "hi", "unit")}
            yield {"indicator": indicator, "true": truth[key][CURRENT], **numbers}


def finished(path: Path) -> pd.DataFrame:
    """Return the results there are."""
    return pd.read_csv(path) if path.is_file() else pd.DataFrame(columns=list(COLUMNS))


def study(path: Path, seeds: range, size: int, jobs: int, scenarios: list[str]) -> None:
    """Run what is missing and append each result as it comes."""
    path.parent.mkdir(parents=True, exist_ok=True)
    new, rows = not path.is_file(), finished(path)
    done = set(zip(rows["scenario"], rows["seed"].astype(int), rows["size"].astype(int), strict=True))
    wanted = [(scenario, seed, size) for seed in seeds for scenario in scenarios]
    tasks = [task for task in wanted if task not in done]
    with path.open("a", newline="") as stream, ProcessPoolExecutor(jobs) as pool:
        writer = csv.DictWriter(stream, COLUMNS)
        if new:
            writer.writeheader()
        futures = [pool.submit(survey_once, *task) for task in tasks]
        for number, future in enumerate(futures, start=1):
            writer.writerows(future.result())
            stream.flush()
            print(f"{number} of {len(futures)}", end="\r", file=sys.stderr)


def table(path: Path) -> str:
    """Return the results as a markdown table."""
    lines = [HEAD, "|---|---|---|---|---|---|---|"]
    for (scenario, indicator), rows in finished(path).groupby(["scenario", "indicator"], sort=False):
        if indicator == REFUSED:
            lines.append(f"| {scenario} | {REFUSED} | {len(rows)} | | | | |")
            continue
        held, n = int(((rows["lo"] <= rows["true"]) & (rows["true"] <= rows["hi"])).sum()), len(rows)
        lo = float(beta.ppf(0.025, held, n - held + 1)) if held else 0.0
        hi = float(beta.ppf(0.975, held + 1, n - held)) if held < n else 1.0
        mean = rows["true"].mean()
        bias = f"{rows['value'].mean() / mean - 1:+.1%}" if mean else "none there"
        shown = f"{mean:.1f} {rows['unit'].iloc[0]}"
        lines.append(f"| {scenario} | {indicator} | {n} | {shown} | {held} of {n} | {lo:.2f}-{hi:.2f} | {bias} |")
    return "\n".join(lines)


def main() -> None:
    """Run the study and print its table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("--seeds", type=int, default=100)
    parser.add_argument("--first", type=int, default=1)
    parser.add_argument("--size", type=int, default=200)
    parser.add_argument("--jobs", type=int, default=2)
    parser.add_argument("--scenario", action="append", choices=list(SCENARIOS))
    parser.add_argument("--results", type=Path, default=Path("benchmarks/results/harm_coverage.csv"))
    chosen = parser.parse_args()
    os.environ.setdefault("OMP_NUM_THREADS", "1")
    seeds = range(chosen.first, chosen.first + chosen.seeds)
    study(chosen.results, seeds, chosen.size, chosen.jobs, chosen.scenario or list(SCENARIOS))
    print(table(chosen.results))


if __name__ == "__main__":
    main()
