"""eo-learn: one EOPatch for each block, tasks of its own and of the user, two worker processes.

python -m benchmarks.peers.eolearn FOLDER OUT
"""

from __future__ import annotations

import warnings
from datetime import datetime

import geopandas
import lightgbm
import numpy as np
import rasterio
from eolearn.core import EOExecutor, EONode, EOPatch, EOTask, EOWorkflow, FeatureType
from eolearn.features import NormalizedDifferenceIndexTask
from eolearn.io import ExportToTiffTask
from rasterio.merge import merge
from rasterio.windows import Window, bounds
from rasterstats import zonal_stats
from sentinelhub import CRS, BBox

from benchmarks.peers.common import (
    INDICES,
    Task,
    as_units,
    bounded,
    calibrated_percent,
    fit_planes,
    harmonics,
    percentiles,
    ratio,
)

warnings.filterwarnings("ignore")
BLOCK = 512


class Read(EOTask):
    """Reads a window of all files into a patch."""

    def __init__(self, task: Task) -> None:
        self.task = task

    def execute(self, *, window: Window, box: BBox) -> EOPatch:
        """Return the patch."""
        task = self.task
        size = (int(window.height), int(window.width))
        values = np.empty((len(task.days), *size, len(task.bands)), dtype=np.float32)
        clear = np.empty((len(task.days), *size, 1), dtype=bool)
        for number, day in enumerate(task.days):
            with rasterio.open(task.path(day, "SCL")) as source:
                clear[number, ..., 0] = ~np.isin(source.read(1, window=window), task.invalid)
            for layer, band in enumerate(task.bands):
                with rasterio.open(task.path(day, band)) as source:
                    values[number, ..., layer] = source.read(1, window=window)
        clear &= (values > 0).all(axis=-1, keepdims=True)
        values -= 1000
        patch = EOPatch(bbox=box, timestamps=[datetime.strptime(day, "%Y%m%d") for day in task.days])
        patch.data["BANDS"] = np.maximum(np.where(clear, values, np.nan), 0)
        patch.data["RAW"] = np.where(clear, values, np.nan)
        patch.mask["CLEAR"] = clear
        return patch


class Features(EOTask):
    """Makes composites and features of a patch."""

    def __init__(self, task: Task) -> None:
        self.task = task

    def execute(self, patch: EOPatch) -> EOPatch:
        """Return the patch with its features."""
        task, planes = self.task, []
        clear = patch.mask["CLEAR"][..., 0]
        for name, days in task.windows.items():
            medians = np.nanmedian(patch.data["RAW"][days], axis=0)
            count = clear[days].sum(axis=0)[..., None]
            whole = np.where(np.isnan(medians), -32768, np.rint(medians))
            patch.data_timeless[f"composite_{name}"] = np.concatenate([whole, count], axis=-1).astype(np.int16)
            planes += list(np.moveaxis(medians, -1, 0))
            physical = {band: medians[..., layer] * np.float32(1e-4) for layer, band in enumerate(task.bands)}
            planes += [ratio(physical, index) for index in task.told["composite_indices"]]
        for name in task.told["season_indices"]:
            if len(INDICES[name][0]) == 1:
                index = patch.data[name][..., 0]
            else:
                bands = patch.data["BANDS"] * np.float32(1e-4)
                index = ratio({band: bands[..., layer] for layer, band in enumerate(task.bands)}, name)
            course = as_units(index)
            planes += percentiles(course)
            planes += fit_planes(harmonics(course, task.design))
        patch.data_timeless["FEATURES"] = np.stack(planes, axis=-1).astype(np.float32)
        return patch


class Predict(EOTask):
    """Adds class and probability to a patch."""

    def __init__(self, task: Task) -> None:
        self.task = task

    def execute(self, patch: EOPatch) -> EOPatch:
        """Return the patch with both."""
        task = self.task
        features = patch.data_timeless["FEATURES"]
        booster = lightgbm.Booster(model_file=task.model_path)
        probability = bounded(booster.predict(features.reshape(-1, features.shape[-1]), num_threads=1))
        seen = patch.mask["CLEAR"][..., 0].sum(axis=0) >= task.told["min_valid"]
        codes = np.array(task.told["codes"], dtype=np.uint8)[probability.argmax(axis=1)].reshape(seen.shape)
        crop = probability[:, task.told["codes"].index(task.told["crop_code"])]
        percent = calibrated_percent(crop, *task.told["calibration"]).reshape(seen.shape)
        patch.mask_timeless["class"] = np.where(seen, codes, 255).astype(np.uint8)[..., None]
        patch.mask_timeless["probability"] = np.where(seen, percent, 255).astype(np.uint8)[..., None]
        return patch


def main() -> None:
    """Do the task."""
    task = Task.from_command_line()
    with rasterio.open(task.path(task.days[0], "SCL")) as source:
        shape, transform = source.shape, source.transform
    windows = [
        Window(col, row, min(BLOCK, shape[1] - col), min(BLOCK, shape[0] - row))
        for row in range(0, shape[0], BLOCK)
        for col in range(0, shape[1], BLOCK)
    ]
    read = EONode(Read(task))
    last = read
    layer = {band: number for number, band in enumerate(task.bands)}
    for name in task.told["season_indices"]:
        one, other = INDICES[name]
        if len(one) == 1:
            pair = (layer[one[0]], layer[other[0]])
            task_of_index = NormalizedDifferenceIndexTask(
                (FeatureType.DATA, "BANDS"), (FeatureType.DATA, name), pair
            )
            last = EONode(task_of_index, inputs=[last])
    last = EONode(Predict(task), inputs=[EONode(Features(task), inputs=[last])])
    exports = {}
    for name in [*(f"composite_{window}" for window in task.windows), "class", "probability"]:
        kind = FeatureType.DATA_TIMELESS if name.startswith("composite") else FeatureType.MASK_TIMELESS
        last = EONode(ExportToTiffTask((kind, name), folder=str(task.out / "parts")), inputs=[last])
        exports[name] = last
    given = [
        {
            read: {"window": window, "box": BBox(bounds(window, transform), CRS("32618"))},
            **{node: {"filename": f"{name}_{number}.tif"} for name, node in exports.items()},
        }
        for number, window in enumerate(windows)
    ]
    executor = EOExecutor(EOWorkflow.from_endnodes(last), given)
    executor.run(workers=task.jobs)
    failed = executor.get_failed_executions()
    if failed:
        raise RuntimeError(executor.execution_results[failed[0]].error_node_uid)
    for name in exports:
        paths = sorted((task.out / "parts").glob(f"{name}_*.tif"))
        wide = name.startswith("composite")
        merge(
            [str(path) for path in paths],
            dst_path=task.out / f"{name}.tif",
            dst_kwds={"driver": "COG", "compress": "DEFLATE"},
            nodata=-32768 if wide else 0,
        )
    fields = geopandas.read_file(task.folder / "fields.gpkg")
    counts = zonal_stats(fields, str(task.out / "class.tif"), categorical=True)
    task.write_hectares(
        [field, *(found.get(code, 0) * 0.01 for code in task.told["codes"])] for field, found in enumerate(counts)
    )


if __name__ == "__main__":
    main()
