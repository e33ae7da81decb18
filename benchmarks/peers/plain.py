"""(a) What a practitioner writes: rioxarray, xarray, LightGBM's predict and rasterstats; everything in memory.

python -m benchmarks.peers.plain FOLDER OUT
"""

from __future__ import annotations

import warnings

import geopandas
import lightgbm
import numpy as np
import rioxarray
import xarray as xr
from rasterstats import zonal_stats

from benchmarks.peers.common import Task, as_units, bounded, calibrated_percent, fit_planes, harmonics, ratio

warnings.filterwarnings("ignore")


def main() -> None:
    """Do the task."""
    task = Task.from_command_line()
    template = rioxarray.open_rasterio(task.path(task.days[0], "SCL")).isel(band=0)
    clear = xr.concat(
        [~rioxarray.open_rasterio(task.path(day, "SCL")).isel(band=0).isin(task.invalid) for day in task.days],
        "time",
    )
    bands = {}
    for band in task.bands:
        raw = xr.concat(
            [rioxarray.open_rasterio(task.path(day, band)).isel(band=0) for day in task.days], "time"
        ).astype(np.float32)
        bands[band] = (raw - 1000).where(clear & (raw > 0))
    clear = clear & np.logical_and.reduce([np.isfinite(bands[band]) for band in task.bands])

    planes = []
    for name, days in task.windows.items():
        medians = {band: bands[band].isel(time=days).median("time") for band in task.bands}
        count = clear.isel(time=days).sum("time").astype(np.int16)
        stack = xr.concat([*(medians[band].round().fillna(-32768) for band in task.bands), count], "band")
        stack = stack.astype(np.int16).rio.write_crs(template.rio.crs).rio.write_nodata(-32768)
        stack.rio.to_raster(task.out / f"composite_{name}.tif", driver="COG", compress="DEFLATE", predictor="YES")
        planes += [medians[band].values for band in task.bands]
        physical = {band: medians[band].values * np.float32(1e-4) for band in task.bands}
        planes += [ratio(physical, index) for index in task.told["composite_indices"]]
    for name in task.told["season_indices"]:
        physical = {band: bands[band].values * np.float32(1e-4) for band in task.bands}
        course = xr.DataArray(as_units(ratio(physical, name)), dims=("time", "y", "x"))
        planes += list(course.quantile([0.1, 0.5, 0.9], "time").values.astype(np.float32))
        planes += fit_planes(harmonics(course.values, task.design))

    table = np.stack([plane.ravel() for plane in planes], axis=1)
    booster = lightgbm.Booster(model_file=task.model_path)
    probability = bounded(booster.predict(table, num_threads=task.jobs))
    seen = (clear.sum("time") >= task.told["min_valid"]).values
    codes = np.array(task.told["codes"], dtype=np.uint8)[probability.argmax(axis=1)].reshape(seen.shape)
    crop = probability[:, task.told["codes"].index(task.told["crop_code"])]
    percent = calibrated_percent(crop, *task.told["calibration"]).reshape(seen.shape)
    for name, cells in (("class", np.where(seen, codes, 255)), ("probability", np.where(seen, percent, 255))):
        layer = template.copy(data=cells.astype(np.uint8)).rio.write_nodata(0 if name == "class" else 255)
        layer.rio.to_raster(task.out / f"{name}.tif", driver="COG", compress="DEFLATE")

    fields = geopandas.read_file(task.folder / "fields.gpkg")
    counts = zonal_stats(fields, str(task.out / "class.tif"), categorical=True)
    task.write_hectares(
        [field, *(found.get(code, 0) * 0.01 for code in task.told["codes"])] for field, found in enumerate(counts)
    )


if __name__ == "__main__":
    main()
