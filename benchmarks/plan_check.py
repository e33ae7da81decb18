"""What `altdev plan` tells of the blocks against what they then take: time, bytes read, peak memory.

    python -m benchmarks.plan_check FOLDER [cells on a side, 2048] [dates, 12] [threads, 2]

Each part runs in a process of its own, three times forecast and run in turn. Times mean something on an idle
machine only; the ratios of bytes and memory mean something on any.
"""

from __future__ import annotations

import json
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.season import Season, bench_profile, bench_sensor, class_of, load_season, make_season
from geo.blocks import Block
from geo.runner import Runner
from imagery.classifier import BoostSettings
from imagery.classify import spec_of, write_maps
from imagery.ensemble import EnsembleSettings, fit_ensemble
from imagery.extent import placed
from imagery.forecast import bytes_read, forecast, loads
from imagery.map_work import MapLayer, MapWork
from imagery.model import ClassifySettings, TrainedModel
from imagery.observe import Observer, PeriodScenes
from imagery.prepare import PeriodWork, PrepareOptions, write_period
from imagery.scene import scene_files
from imagery.stack import working_origin, working_side

__all__ = ["main", "season_model", "season_works"]

TURNS = 3
SETTINGS = ClassifySettings(
    ensemble=EnsembleSettings(members=("boosted_trees",), boost=BoostSettings(trees=100, leaves=31)), min_valid=2
)


def season_model(season: Season, settings: ClassifySettings = SETTINGS) -> TrainedModel:
    """Return a model of the classes of a season, taught on one window of it."""
    profile, sensor = bench_profile(), bench_sensor()
    spec = spec_of(settings, profile, sensor)
    observer = Observer(
        geobox=season.geobox, sensor=sensor, spec=spec, profile=profile, min_valid=2, cloud_buffer_m=60.0
    )
    block = Block(0, 0, 160, 160)
    found = observer.observe(_period(season), block, np.ones((160, 160), dtype=np.bool_))
    classifier = fit_ensemble(found.whole, class_of(block)[found.seen], spec.names, settings.ensemble)
    return TrainedModel(
        classifier=classifier, spec=spec, sensor=sensor, profile=profile, settings=settings, validation={}
    )


def _period(season: Season) -> PeriodScenes:
    return PeriodScenes(scenes=season.scenes, start=season.days[0], end=season.days[-1])


def _options(season: Season) -> PrepareOptions:
    return PrepareOptions(start=season.days[0], end=season.days[-1], min_valid=2)


def season_works(season: Season, model: TrainedModel) -> dict[str, Any]:
    """Return what is made of each block of a season: its composites, and its map."""
    scenes = placed(season.scenes, season.geobox)
    spans = model.profile.windows_in(season.days[0], season.days[-1])
    windows = {window.name: (window.start, window.end) for window in spans}
    period = PeriodScenes(scenes=scenes, start=season.days[0], end=season.days[-1])
    layers = (MapLayer(kind="probability", crop="cannabis"), MapLayer(kind="uncertainty"))
    return {
        "imagery": PeriodWork(scenes, season.geobox, model.sensor, _options(season), windows),
        "classify": MapWork(model=model, period=period, geobox=season.geobox, layers=layers),
    }


def told(season: Season, model: TrainedModel, jobs: int) -> dict[str, Any]:
    """Return what a forecast says."""
    shape = (season.side, season.side)
    scenes = placed(season.scenes, season.geobox)
    sizes = {str(path): path.stat().st_size for path in scene_files(scenes)}
    rows: dict[str, Any] = {}
    for name, work in season_works(season, model).items():
        cut: dict[str, Any] = {
            "size": working_side(season.geobox, SETTINGS.block_size),
            "origin": working_origin(scenes, season.geobox, model.sensor),
        }
        found = loads(work, scenes, None, shape, **cut)
        one = forecast(work, found, None, season.geobox, jobs=jobs)
        halo = model.halo + work.rim if isinstance(work, MapWork) else 0
        read = bytes_read(scenes, [load.block for load in found], sizes, halo=halo)
        rows[name] = {"seconds": one.seconds, "read_mb": read / 1e6, "peak_mb": one.peak_mb}
    return rows


def taken(season: Season, model: TrainedModel, jobs: int) -> dict[str, Any]:
    """Return what a run takes."""
    rows: dict[str, Any] = {}
    with tempfile.TemporaryDirectory(prefix="altdev-plan-check-") as place:
        folder = Path(place)

        def timed(name: str, act: Any) -> None:
            # Once the last block is done, only what was written here is read again
            asked = [_bytes_of_process()]
            began = time.perf_counter()
            act(lambda *_: asked.append(_bytes_of_process()))
            rows[name] = {
                "seconds": time.perf_counter() - began,
                "read_mb": (asked[-1] - asked[0]) / 1e6,
                "peak_mb": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e3,
            }

        timed(
            "imagery",
            lambda progress: write_period(
                season.scenes,
                geobox=season.geobox,
                sensor=model.sensor,
                profile=model.profile,
                options=_options(season),
                inside=None,
                folder=folder,
                jobs=jobs,
                runner=Runner(jobs=jobs),
                progress=progress,
            ),
        )
        timed(
            "classify",
            lambda progress: write_maps(
                model,
                _period(season),
                geobox=season.geobox,
                inside=None,
                class_path=folder / "map.tif",
                probability_paths={"cannabis": folder / "cannabis.tif"},
                uncertainty_path=folder / "uncertainty.tif",
                jobs=jobs,
                runner=Runner(jobs=jobs),
                progress=progress,
            ),
        )
    return rows


def _bytes_of_process() -> int:
    """Return the bytes that this process has asked files for."""
    line = next(line for line in Path("/proc/self/io").read_text().splitlines() if line.startswith("rchar"))
    return int(line.split()[1])


def main(arguments: Sequence[str]) -> None:
    """Forecast and run in turn, and print what was told against what was taken."""
    if arguments[0] in ("told", "taken"):
        season = load_season(Path(arguments[1]))
        model = TrainedModel.load(Path(arguments[1]) / "model")
        act = told if arguments[0] == "told" else taken
        print(json.dumps(act(season, model, int(arguments[2]))))
        return
    folder = Path(arguments[0])
    side, dates, jobs = ([int(one) for one in arguments[1:]] + [2048, 12, 2][len(arguments) - 1 :])[:3]
    season = make_season(folder, side, dates)
    season_model(season).save(folder / "model")
    found: dict[str, list[Any]] = {"told": [], "taken": []}
    for _ in range(TURNS):
        for what, rows in found.items():
            command = [sys.executable, "-m", "benchmarks.plan_check", what, str(folder), str(jobs)]
            rows.append(json.loads(subprocess.run(command, check=True, capture_output=True, text=True).stdout))
    print(f"{side:,} x {side:,} cells, {dates} dates, {jobs} threads; medians of {TURNS} turns")
    print("| step | quantity | told | taken | ratio |\n|---|---|---|---|---|")
    for step in ("imagery", "classify"):
        for quantity in ("seconds", "read_mb", "peak_mb"):
            one, other = (
                statistics.median(row[step][quantity] for row in found[what]) for what in ("told", "taken")
            )
            print(f"| {step} | {quantity} | {one:,.1f} | {other:,.1f} | {one / other:.2f} |")


if __name__ == "__main__":
    main(sys.argv[1:])
