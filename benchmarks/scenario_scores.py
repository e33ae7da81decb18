"""Crop map scores of the three simulated examples on their held-out reference samples, beside every floor.

python -m benchmarks.scenario_scores [--seeds 1 2 3] [--out FOLDER]

Writes each example, runs its survey, and prints the table of ``docs/methods/classification.md``; takes about a
minute of one core for each example and seed.
"""

from __future__ import annotations

import argparse
import tempfile
from collections.abc import Sequence
from pathlib import Path

import pandas as pd
from rasterio.features import rasterize

from benchmarks.scenario_coverage import Silent
from geo.legend import Legend
from geo.raster import geobox_of, read_on_grid
from geo.vector import read_layer
from imagery.profile import load_profile
from imagery.simulate.example import write_example
from imagery.simulate.scenario import SCENARIOS
from monitor.floors import MAP
from monitor.tables import read_csv
from monitor.workflow import RunOptions, run

LEAST = {"andes-coca": 0.80, "helmand-poppy": 0.90, "rif-cannabis": 0.85}
"""Producer's and user's accuracy that each map is expected to reach."""


def main(arguments: Sequence[str] | None = None) -> None:
    """Run the examples and print the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seeds", type=int, nargs="+", default=[1, 2, 3])
    parser.add_argument("--examples", nargs="+", default=list(SCENARIOS), choices=list(SCENARIOS))
    parser.add_argument("--out", type=Path, default=None)
    given = parser.parse_args(arguments)
    with tempfile.TemporaryDirectory() as temporary:
        out = given.out or Path(temporary)
        rows = [
            row
            for name in given.examples
            for seed in given.seeds
            for row in scores(name, seed, out / f"{name}-{seed}")
        ]
    print(table(rows))


def scores(name: str, seed: int, folder: Path) -> list[dict[str, object]]:
    """Return one row for each period of an example."""
    survey = folder / "survey.toml"
    if not survey.is_file():
        write_example(name, folder, seed=seed)
    run(survey, RunOptions(out=folder / "run"), verb="estimate", listener=Silent())
    found = read_csv(folder / "run" / "estimates" / "floors.csv")
    return [
        _row(name, seed, str(period), part) | _truth(name, folder, str(period))
        for period, part in found.groupby("period")
    ]


def _truth(name: str, folder: Path, period: str) -> dict[str, object]:
    """Return the accuracies by counting every cell against what truly grows at its centre."""
    legend = load_profile(name).legend
    code, path = legend.code(SCENARIOS[name].crop), folder / "run" / "class_map" / f"{period}.tif"
    geobox = geobox_of(path)
    mapped = read_on_grid(path, geobox)
    truth = read_on_grid(folder / "inputs" / "truth" / "ground.tif", geobox)
    fields = read_layer(
        folder / "inputs" / "truth" / "fields.gpkg", columns=("class", "period"), geometry="polygon"
    )
    fields = fields[fields["period"].astype(str) == period]
    shapes = [(shape, legend.code(kind)) for shape, kind in zip(fields.geometry, fields["class"], strict=True)]
    rasterize(shapes, out=truth, transform=geobox.transform)
    seen = (mapped != Legend.OUTSIDE) & (mapped != Legend.NOT_SEEN)
    both, taken, there = (
        float(cells.sum()) for cells in ((mapped == code) & (truth == code), mapped == code, seen & (truth == code))
    )
    return {"every cell: producer's": f"{both / there:.2f}", "user's ": f"{both / taken:.2f}"}


def _row(name: str, seed: int, period: str, part: pd.DataFrame) -> dict[str, object]:
    own = part[part["rule"] == MAP].iloc[0]
    floors = part[(part["rule"] != MAP) & part["f1"].notna()]
    best = floors.loc[floors["f1"].idxmax()]
    reached = min(own["producers"], own["users"]) >= LEAST[name]
    return {
        "example": name,
        "seed": seed,
        "period": period,
        "producer's": f"{own['producers']:.2f} ± {own['producers_se']:.2f}",
        "user's": f"{own['users']:.2f} ± {own['users_se']:.2f}",
        "F1": f"{own['f1']:.2f}",
        "best floor": f"{best['f1']:.2f} {best['rule']}",
        "expected": f"{LEAST[name]:.2f} {'reached' if reached else 'missed'}",
        "floors": "all beaten" if own["beaten"] == 1 else "LOST",
    }


def table(rows: Sequence[dict[str, object]]) -> str:
    """Return rows as a table of markdown."""
    heads = list(rows[0])
    lines = ["| " + " | ".join(heads) + " |", "|" + "---|" * len(heads)]
    return "\n".join([*lines, *("| " + " | ".join(str(row[head]) for head in heads) + " |" for row in rows)])


if __name__ == "__main__":
    main()
