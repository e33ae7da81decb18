"""(b) A careful pipeline of existing libraries: aligned windows in threads, bottleneck, oneDAL, exactextract.

python -m benchmarks.peers.careful FOLDER OUT
"""

from __future__ import annotations

import warnings
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import bottleneck
import daal4py
import geopandas
import lightgbm
import numpy as np
import rasterio
from exactextract import exact_extract
from numpy.typing import NDArray
from rasterio.shutil import copy
from rasterio.windows import Window

from benchmarks.peers.common import (
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


def main() -> None:
    """Do the task."""
    task = Task.from_command_line()
    daal4py.daalinit(task.jobs)
    model = daal4py.mb.convert_model(lightgbm.Booster(model_file=task.model_path))
    with rasterio.open(task.path(task.days[0], "SCL")) as source:
        shape, profile = source.shape, source.profile
    windows = [
        Window(col, row, min(BLOCK, shape[1] - col), min(BLOCK, shape[0] - row))
        for row in range(0, shape[0], BLOCK)
        for col in range(0, shape[1], BLOCK)
    ]
    names = [*(f"composite_{name}" for name in task.windows), "class", "probability"]
    outs = {}
    for name in names:
        wide = name.startswith("composite")
        outs[name] = rasterio.open(
            task.out / f".{name}.tif",
            "w",
            **{
                **profile,
                "count": len(task.bands) + 1 if wide else 1,
                "dtype": "int16" if wide else "uint8",
                "nodata": -32768 if wide else 0 if name == "class" else 255,
                "compress": "NONE",
            },
        )
    with ThreadPoolExecutor(task.jobs) as pool:
        # As many blocks at a time as threads: the results of all would be the whole scene
        for first in range(0, len(windows), 2 * task.jobs):
            part = windows[first : first + 2 * task.jobs]
            features = pool.map(lambda window: observed(task, window), part)
            for window, (table, seen, composites) in zip(part, features, strict=True):
                for name, cells in {**composites, **classified(task, model, table, seen)}.items():
                    outs[name].write(cells if cells.ndim == 3 else cells[None], window=window)
    for name, out in outs.items():
        out.close()
        copy(
            task.out / f".{name}.tif",
            task.out / f"{name}.tif",
            driver="COG",
            compress="DEFLATE",
            num_threads=str(task.jobs),
            predictor="YES" if name.startswith("composite") else "NO",
        )
        (task.out / f".{name}.tif").unlink()
    hectares(task)


def observed(
    task: Task, window: Window
) -> tuple[NDArray[np.float32], NDArray[np.bool_], dict[str, NDArray[np.int16]]]:
    """Return features (n, k), cells seen often enough, and the composites of a block."""
    size = (int(window.height), int(window.width))
    values = np.empty((len(task.bands), len(task.days), *size), dtype=np.float32)
    clear = np.empty((len(task.days), *size), dtype=bool)
    usable = np.ones(256, dtype=bool)
    usable[task.invalid] = False
    for number, day in enumerate(task.days):
        with rasterio.open(task.path(day, "SCL")) as source:
            clear[number] = usable[source.read(1, window=window)]
        for layer, band in enumerate(task.bands):
            with rasterio.open(task.path(day, band)) as source:
                raw = source.read(1, window=window)
            clear[number] &= raw != 0
            values[layer, number] = raw
    values -= 1000
    values[:, ~clear] = np.nan
    planes, composites = [], {}
    for name, days in task.windows.items():
        medians = {band: bottleneck.nanmedian(values[layer, days], axis=0) for layer, band in enumerate(task.bands)}
        count = clear[days].sum(axis=0)
        whole = [np.where(np.isnan(plane), -32768, np.rint(plane)) for plane in medians.values()]
        composites[f"composite_{name}"] = np.stack([*whole, count]).astype(np.int16)
        planes += list(medians.values())
        physical = {band: plane * np.float32(1e-4) for band, plane in medians.items()}
        planes += [ratio(physical, index) for index in task.told["composite_indices"]]
    physical = {band: values[layer] * np.float32(1e-4) for layer, band in enumerate(task.bands)}
    for name in task.told["season_indices"]:
        course = as_units(ratio(physical, name))
        planes += percentiles(course)
        planes += fit_planes(harmonics(course, task.design))
    table = np.stack([plane.ravel() for plane in planes], axis=1)
    return table, clear.sum(axis=0) >= task.told["min_valid"], composites


def classified(
    task: Task, model: Any, table: NDArray[np.float32], seen: NDArray[np.bool_]
) -> dict[str, NDArray[np.uint8]]:
    """Return class codes and calibrated per cent of a block."""
    probability = bounded(np.asarray(model.predict_proba(table), dtype=np.float64))
    codes = np.array(task.told["codes"], dtype=np.uint8)[probability.argmax(axis=1)].reshape(seen.shape)
    crop = probability[:, task.told["codes"].index(task.told["crop_code"])]
    percent = calibrated_percent(crop, *task.told["calibration"]).reshape(seen.shape)
    return {"class": np.where(seen, codes, np.uint8(255)), "probability": np.where(seen, percent, np.uint8(255))}


def hectares(task: Task) -> None:
    """Write the covered parts of cells of each class in each field."""
    fields = geopandas.read_file(task.folder / "fields.gpkg")
    table = exact_extract(
        str(task.out / "class.tif"), fields, ["unique", "frac", "count"], include_cols=["field"], output="pandas"
    )
    rows = []
    for field, values, parts, count in zip(
        table["field"], table["unique"], table["frac"], table["count"], strict=True
    ):
        share = dict(zip((int(value) for value in values), parts, strict=True))
        rows.append([field, *(share.get(code, 0.0) * count * 0.01 for code in task.told["codes"])])
    task.write_hectares(rows)


if __name__ == "__main__":
    main()
