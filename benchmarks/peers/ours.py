"""The task by altdev, with as many threads as it says, or as are asked for.

python -m benchmarks.peers.ours FOLDER OUT [THREADS]
"""

from __future__ import annotations

import sys

import geopandas

from benchmarks.peers.common import Task
from benchmarks.season import Season, load_season
from geo.raster import read_on_grid
from geo.runner import Runner
from geo.zonal import class_areas_ha
from imagery.classify import PeriodScenes, TrainedModel, write_maps

__all__ = ["write_hectares", "write_rasters"]


def write_rasters(task: Task, season: Season, jobs: int, runner: Runner | None = None) -> None:
    """Write composites, class map and probability; the blocks are made by a runner, by `jobs` threads when None."""
    write_maps(
        TrainedModel.load(task.folder / "model"),
        PeriodScenes(scenes=season.scenes, start=season.days[0], end=season.days[-1]),
        geobox=season.geobox,
        inside=None,
        class_path=task.out / "class.tif",
        probability_paths={"cannabis": task.out / "probability.tif"},
        composite_paths={name: task.out / f"composite_{name}.tif" for name in task.windows},
        jobs=jobs,
        runner=runner,
    )


def write_hectares(task: Task, season: Season) -> None:
    """Write hectares of each class in each field, from the class map."""
    codes = tuple(task.told["codes"])
    fields = geopandas.read_file(task.folder / "fields.gpkg")
    found = class_areas_ha(read_on_grid(task.out / "class.tif", season.geobox), season.geobox, fields, codes)
    task.write_hectares([field, *row] for field, row in enumerate(found.tolist()))


def main() -> None:
    """Do the task."""
    task = Task.from_command_line()
    season = load_season(task.folder)
    write_rasters(task, season, int(sys.argv[3]) if len(sys.argv) > 3 else task.jobs)
    write_hectares(task, season)


if __name__ == "__main__":
    main()
