"""A season of images to composites, class map, probability and hectares, by altdev and by others on the same files.

Every peer is a process of its own, timed whole with its start-up, in turns (A B C A B C ...) with altdev, and its
composites and class map are compared with altdev's before a ratio is printed. Peers are an extra (``pip install
altdev[bench]``); one that is not installed is left out by name.

    python -m benchmarks.end_to_end [--side 1024] [--turns 5] [--jobs 2] [--peers plain,careful,single,floor]
        [--python NAME=INTERPRETER] [--folder FOLDER]

The peer `single` is altdev with one thread.
"""

from __future__ import annotations

import argparse
import csv
import importlib.util
import json
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path

import numpy as np
import rasterio

from benchmarks.peers.common import Task
from benchmarks.peers.floor import unpack
from benchmarks.season import BANDS, Season, bench_profile, bench_sensor, class_of, make_season, parcels
from geo.blocks import Block
from imagery.calibration import Calibration
from imagery.classifier import BoostSettings, fit_classifier
from imagery.classify import ClassifySettings, TrainedModel
from imagery.ensemble import Ensemble, EnsembleSettings
from imagery.features import feature_spec
from imagery.harmonic import harmonic_design
from imagery.observe import Observer, PeriodScenes

__all__ = ["Run", "make_task", "timed"]

ROOT = Path(__file__).resolve().parents[1]
CALIBRATION = (0.9, -0.1)
COMPOSITE_INDICES = ("NDVI", "NDMI", "NBR", "NDTillI", "BI")
SEASON_INDICES = ("NDVI", "NDMI", "NBR", "BI")
TAUGHT = 8000
NEEDS = {
    "plain": ("rioxarray", "xarray", "rasterstats"),
    "careful": ("bottleneck", "daal4py"),
    "eolearn": ("eolearn",),
}
FLOOR = ("decode", "score", "encode")
MODULES = {"single": "ours", **dict.fromkeys(FLOOR, "floor")}
"""Modules that are more than one program."""
WORDS = {"single": "1", **{name: name for name in FLOOR}}
"""What they are told."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Run:
    """One process from start to end."""

    wall_s: float
    cpu_s: float
    peak_mib: float


def make_task(
    folder: Path, side: int, *, fields: int = 2000, jobs: int = 2, trees: int = 100, dates: int = 12
) -> Season:
    """Write the season, the model, the fields and ``task.json`` that all programs read."""
    season = make_season(folder, side, dates)
    sensor, profile = bench_sensor(), bench_profile()
    spec = feature_spec(
        sensor, [window.name for window in profile.windows], radii=(), phenology=False, restlessness=False
    )
    # Named here, so that the task stays the same when the usual features change
    spec = replace(spec, composite_indices=COMPOSITE_INDICES, season=SEASON_INDICES)
    settings = ClassifySettings(
        ensemble=EnsembleSettings(members=("boosted_trees",), boost=BoostSettings(trees=trees, leaves=31)),
        min_valid=3,
        cloud_buffer_m=0.0,
        texture_radii=(),
        phenology=False,
        disturbance=False,
        smoothing_cells=0.0,
    )
    observer = Observer(
        geobox=season.geobox, sensor=sensor, spec=spec, profile=profile, min_valid=3, cloud_buffer_m=0.0
    )
    period = PeriodScenes(scenes=season.scenes, start=season.days[0], end=season.days[-1])
    size = min(side, 512)
    block = Block(0, 0, size, size)
    planes, seen = observer.features(period, block, np.ones((size, size), dtype=bool))
    chosen = np.random.default_rng(1).choice(planes.shape[1], min(TAUGHT, planes.shape[1]), replace=False)
    taught = json.dumps([trees, spec.names, asdict(settings)])
    note = folder / "taught.json"
    if not note.is_file() or note.read_text() != taught:
        classifier = fit_classifier(
            planes[:, chosen], class_of(block)[seen][chosen], spec.names, settings.ensemble.boost
        )
        calibration = Calibration(method="platt", slope=CALIBRATION[0], intercept=CALIBRATION[1])
        TrainedModel(
            classifier=Ensemble({"boosted_trees": classifier}),
            spec=spec,
            sensor=sensor,
            profile=profile,
            settings=settings,
            validation={"calibration": {"cannabis": calibration.record()}},
        ).save(folder / "model")
        note.write_text(taught)
    np.save(folder / "planes.npy", planes[:, :131_072])
    parcels(season, fields).to_file(folder / "fields.gpkg", driver="GPKG")
    spans = {window.name: (window.start, window.end) for window in profile.windows_in(period.start, period.end)}
    told = {
        "bands": list(BANDS),
        "days": [f"{day:%Y%m%d}" for day in season.days],
        "windows": {
            name: [n for n, day in enumerate(season.days) if first <= day <= last]
            for name, (first, last) in spans.items()
        },
        "composite_indices": list(spec.composite_indices),
        "season_indices": list(spec.season),
        "design": harmonic_design(season.days, spec.harmonics).tolist(),
        "invalid": list(sensor.mask.invalid) if sensor.mask else [],
        "codes": list(profile.legend.codes),
        "crop_code": 1,
        "calibration": list(CALIBRATION),
        "min_valid": 3,
        "cells": side * side,
        "jobs": jobs,
    }
    (folder / "task.json").write_text(json.dumps(told, indent=1))
    return season


_STARTER = """
import json, os, subprocess, sys
began = os.times().elapsed
process = subprocess.Popen(sys.argv[2:])
_, status, used = os.wait4(process.pid, 0)
told = os.times().elapsed - began, used.ru_utime + used.ru_stime, used.ru_maxrss / 1024
open(sys.argv[1], "w").write(json.dumps(told))
sys.exit(os.waitstatus_to_exitcode(status) and 1)
"""
"""Started in between, since the system counts the memory of who starts a process as its own first memory."""


def timed(command: Sequence[str], environment: Mapping[str, str] | None = None) -> Run:
    """Run a process and return its seconds, its processor seconds and the most memory it held."""
    with tempfile.TemporaryFile() as told, tempfile.NamedTemporaryFile() as figures:
        # Inherited settings of mathematical libraries would favour one side or the other
        kept = {key: value for key, value in os.environ.items() if not key.startswith("OPENBLAS_")}
        code = subprocess.call(
            [sys.executable, "-I", "-S", "-c", _STARTER, figures.name, *command],
            cwd=ROOT,
            stdout=told,
            stderr=subprocess.STDOUT,
            env={**kept, **(environment or {})},
        )
        if code:
            told.seek(0)
            raise RuntimeError(f"{' '.join(command)}: {told.read().decode(errors='replace')[-1500:]}")
        wall_s, cpu_s, peak_mib = json.loads(Path(figures.name).read_text())
    return Run(wall_s=wall_s, cpu_s=cpu_s, peak_mib=peak_mib)


def compared(ours: Path, theirs: Path, windows: Sequence[str]) -> str:
    """Return how far the results of two programs agree, in words."""
    off = 0
    for window in windows:
        off += int((_read(ours / f"composite_{window}.tif") != _read(theirs / f"composite_{window}.tif")).sum())
    classes = [_read(folder / "class.tif") for folder in (ours, theirs)]
    percents = [_read(folder / "probability.tif").astype(int) for folder in (ours, theirs)]
    hectares = [_hectares(folder / "hectares.csv") for folder in (ours, theirs)]
    differ = int((classes[0] != classes[1]).sum())
    area = hectares[0].sum(axis=1)
    worst = np.abs(hectares[0] - hectares[1]).sum(axis=1) / np.maximum(area, 1e-9)
    return (
        f"composites {'equal' if off == 0 else f'{off} cells DIFFER'}, "
        f"classes {'equal' if differ == 0 else f'differ in {differ} of {classes[0].size:,} cells'}, "
        f"probability within {np.abs(percents[0] - percents[1]).max()} %, "
        f"hectares per field within {100 * np.median(worst):.2f} % (median), {100 * worst.max():.1f} % (most)"
    )


def _read(path: Path) -> np.ndarray:
    with rasterio.open(path) as source:
        return source.read()


def _hectares(path: Path) -> np.ndarray:
    with path.open(newline="") as file:
        return np.array([[float(value) for value in row[1:]] for row in list(csv.reader(file))[1:]])


def main(given: Sequence[str] | None = None) -> None:
    """Time all programs in turns and print a table of ratios."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--side", type=int, default=1024, help="cells on a side")
    parser.add_argument("--turns", type=int, default=5)
    parser.add_argument("--jobs", type=int, default=2)
    parser.add_argument("--trees", type=int, default=100, help="boosting rounds of the model")
    parser.add_argument("--peers", default="plain,careful,eolearn,floor")
    parser.add_argument("--python", action="append", default=[], help="NAME=INTERPRETER for one peer")
    parser.add_argument("--folder", type=Path, help="where the season stands or goes; kept")
    parser.add_argument("--json", type=Path, help="also write the figures here")
    arguments = parser.parse_args(given)
    interpreters = dict(pair.split("=", 1) for pair in arguments.python)
    folder = arguments.folder or Path(tempfile.mkdtemp(prefix="altdev-bench-"))
    try:
        figures = _race(arguments, folder, interpreters)
    finally:
        if arguments.folder is None:
            shutil.rmtree(folder, ignore_errors=True)
    if arguments.json:
        arguments.json.write_text(json.dumps(figures, indent=1) + "\n")


def _race(
    arguments: argparse.Namespace, folder: Path, interpreters: Mapping[str, str]
) -> dict[str, dict[str, object]]:
    season = make_task(folder, arguments.side, jobs=arguments.jobs, trees=arguments.trees)
    told = json.loads((folder / "task.json").read_text())
    wanted = arguments.peers.split(",") if arguments.peers else []
    peers = [name for name in wanted if name != "floor" and _installed(name, interpreters)]
    names = ["ours", *peers, *(FLOOR if "floor" in wanted else ())]
    commands = {name: _command(name, folder, interpreters) for name in names}
    timed(commands["ours"])  # kernels are compiled once after an installation; see the first line below
    if "floor" in wanted:
        unpack(Task(folder, folder / "out-encode"), folder / "out-ours")
    runs: dict[str, list[Run]] = {name: [] for name in names}
    for _ in range(arguments.turns):
        for name in names:
            runs[name].append(timed(commands[name]))
    cells = season.side**2 / 1e6
    print(
        f"{cells:.1f} million cells, 12 dates x 6 bands, {arguments.turns} turns, {arguments.jobs} threads, medians"
    )
    print("| program | wall s | CPU s | peak MiB | wall / altdev | CPU / altdev | results against altdev's |")
    print("|---|---|---|---|---|---|---|")
    figures: dict[str, dict[str, object]] = {}
    for name in names:
        wall, cpu, peak = (
            statistics.median(getattr(run, part) for run in runs[name]) for part in ("wall_s", "cpu_s", "peak_mib")
        )
        ratios = [
            statistics.median(
                getattr(b, part) / getattr(a, part) for a, b in zip(runs["ours"], runs[name], strict=True)
            )
            for part in ("wall_s", "cpu_s")
        ]
        same = compared(folder / "out-ours", folder / f"out-{name}", list(told["windows"])) if name in peers else ""
        figures[name] = {
            "wall_s": wall,
            "cpu_s": cpu,
            "peak_mib": peak,
            "wall_ratio": ratios[0],
            "cpu_ratio": ratios[1],
            "results": same,
        }
        print(
            f"| {name} | {wall:.1f} | {cpu:.1f} | {peak:,.0f} | {ratios[0]:.2f} | {ratios[1]:.2f} | {same} |",
            flush=True,
        )
    if "floor" in wanted:
        _tell_limit({name: float(figures[name]["cpu_s"]) for name in names})  # type: ignore[arg-type]
    return figures


def _tell_limit(cpu_s: Mapping[str, float]) -> None:
    bare = cpu_s["decode"] + cpu_s["score"]
    print(f"altdev takes {cpu_s['ours'] / bare:.2f} times the CPU of decoding and scoring")
    print(f"and {cpu_s['ours'] / (bare + cpu_s['encode']):.2f} times with the packing of what is handed out")


def _installed(name: str, interpreters: Mapping[str, str]) -> bool:
    if name in interpreters:
        return True
    lacking = [module for module in NEEDS.get(name, ()) if importlib.util.find_spec(module) is None]
    if lacking:
        print(f"{name} is left out: {', '.join(lacking)} is not installed (the extra 'bench' has it)")
    return not lacking


def _command(name: str, folder: Path, interpreters: Mapping[str, str]) -> list[str]:
    command = [interpreters.get(name, sys.executable), "-m", f"benchmarks.peers.{MODULES.get(name, name)}"]
    words = [WORDS[name]] if name in WORDS else []
    return [*command, str(folder), str(folder / f"out-{name}"), *words]


if __name__ == "__main__":
    main()
