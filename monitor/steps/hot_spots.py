"""Step ``hot_spots``: where crop clusters, by administrative unit or by cell of the map, as tables and a layer."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import geopandas
import numpy as np
import pandas as pd
import rasterio.windows
import shapely
from affine import Affine
from numpy.typing import NDArray

from aoi.hot_spot import nearest, touching
from aoi.survey.density import kernel_density
from geo.cog import RasterStyle, write_cog
from geo.errors import InputError, Problem
from geo.grid import GeoBox
from geo.raster import opened
from geo.vector import Layer, write_gpkg
from monitor.context import Context, Progress
from monitor.hot_spots import pattern_tables
from monitor.pattern_section import HotSpotSection
from monitor.tables import write_csv

__all__ = ["find_hot_spots"]

OFFICIAL = "official figures; published without interval"
COUNTED = "counted on the class map, biased: the pattern of the map, not an estimate"
_SEEN = 0.5
"""Share of a cell that must lie in the frame and be seen."""
_NOT_SEEN = 255


def find_hot_spots(context: Context, staging: Path, progress: Progress) -> Mapping[str, Any]:
    """Write ``indicators/hot_spots.csv``, ``spatial_pattern.csv``, neighbours, the layer and the kernel density.

    Raises
    ------
    QualityGateError
        If there are too few units, or crop is the same everywhere.
    """
    section = context.survey.hot_spots
    assert section is not None
    units = _official_units(context) if context.survey.official is not None else _map_cells(context, section)
    shapes = units.drop_duplicates("domain")
    pairs = (
        touching(shapes.geometry.to_numpy())
        if section.neighbours == "touching"
        else nearest(_middles(shapes), section.k)
    )
    progress(1, 3)
    local, whole = pattern_tables(
        pd.DataFrame(units.drop(columns=["geometry", "crop_ha"])),
        pairs,
        permutations=section.permutations,
        level=section.false_discovery,
        seed=context.survey.survey.seed,
    )
    folder = staging / "indicators"
    domains = shapes["domain"].to_numpy()
    write_csv(local, folder / "hot_spots.csv")
    write_csv(whole, folder / "spatial_pattern.csv")
    neighbours = pd.DataFrame({"domain": domains[pairs[:, 0]], "neighbour": domains[pairs[:, 1]]})
    write_csv(neighbours, folder / "hot_spot_neighbours.csv")
    progress(2, 3)
    layer = geopandas.GeoDataFrame(local, geometry=units.geometry.to_numpy(), crs=units.crs)
    text = "Local pattern of the crop's density; false discoveries controlled. Tier 0."
    write_gpkg(folder / "hot_spots.gpkg", {"hot_spots": Layer(frame=layer, title="Hot spots", description=text)})
    if section.bandwidth_km is not None:
        _write_density(units, section, folder)
    progress(3, 3)
    return {"notes": list(_notes(local, whole))}


def _official_units(context: Context) -> Any:
    """Return the units with a figure in the current period, in a metric projection."""
    from monitor.official_inputs import read_inputs

    survey = context.survey
    inputs = read_inputs(survey)
    period = survey.role("current")
    assert period is not None
    figures = inputs.series.of(period.name).set_index("code")["value_ha"]
    frame = inputs.units.frame.assign(crop_ha=inputs.units.frame["code"].map(figures)).dropna(subset=["crop_ha"])
    west, south, east, north = frame.to_crs(4326).total_bounds
    metric = f"+proj=laea +lat_0={(south + north) / 2:.4f} +lon_0={(west + east) / 2:.4f} +datum=WGS84 +units=m"
    return geopandas.GeoDataFrame(
        {
            "crop": survey.survey.crops[0],
            "period": period.name,
            "domain": frame["code"].to_numpy(),
            "domain_name": frame["name"].to_numpy(),
            "density_ha_km2": np.round(100 * frame["crop_ha"].to_numpy() / frame["area_ha"].to_numpy(), 6),
            "basis": OFFICIAL,
            "crop_ha": frame["crop_ha"].to_numpy(dtype=float),
        },
        geometry=frame.geometry.to_crs(survey.area.crs or metric).to_numpy(),
        crs=survey.area.crs or metric,
    )


def _map_cells(context: Context, section: HotSpotSection) -> Any:
    """Return square cells of the current class map with the crop counted in them, one row a crop and cell."""
    period = context.survey.role("current")
    assert period is not None
    legend = context.profile.legend
    path = context.class_map_path(period.name)
    with opened(path) as source:
        side = round(1000 * section.cell_km / source.transform.a)
        if side < 1 or min(source.shape) < side:
            found = f"cells of {section.cell_km:g} km on a map of {source.shape[1]} by {source.shape[0]} cells"
            raise InputError(
                Problem("[hot_spots] cell_km", found, "cells larger than those of the map, and several")
            )
        counts = [_counted(source, legend.code(crop), side) for crop in context.survey.survey.crops]
        transform, crs, cell_ha = source.transform, source.crs, source.transform.a**2 / 1e4
    kept = counts[0][1] >= _SEEN * side**2
    row, column = np.nonzero(kept)
    left = transform.c + column * side * transform.a
    top = transform.f + row * side * transform.e
    shapes = shapely.box(left, top + side * transform.e, left + side * transform.a, top)
    tables = []
    for crop, (mapped, seen) in zip(context.survey.survey.crops, counts, strict=True):
        area_ha = mapped[kept] * cell_ha
        tables.append(
            geopandas.GeoDataFrame(
                {
                    "crop": crop,
                    "period": period.name,
                    "domain": [f"r{r:04d}c{c:04d}" for r, c in zip(row, column, strict=True)],
                    "domain_name": "",
                    "density_ha_km2": np.round(100 * mapped[kept] / seen[kept], 6),
                    "basis": COUNTED,
                    "crop_ha": area_ha,
                },
                geometry=shapes,
                crs=crs,
            )
        )
    return pd.concat(tables, ignore_index=True)


def _counted(source: Any, code: int, side: int) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return crop cells and seen cells by square, read a row of squares at a time."""
    width = source.width // side * side
    mapped, seen = [], []
    for top in range(0, source.height // side * side, side):
        window = rasterio.windows.Window(0, top, width, side)
        classes = source.read(1, window=window).reshape(side, width // side, side)
        mapped.append((classes == code).sum(axis=(0, 2)))
        seen.append(((classes != 0) & (classes != _NOT_SEEN)).sum(axis=(0, 2)))
    return np.array(mapped, dtype=float), np.array(seen, dtype=float)


def _middles(units: Any) -> NDArray[np.float64]:
    middle = shapely.centroid(units.geometry.to_numpy())
    return np.column_stack([shapely.get_x(middle), shapely.get_y(middle)])


def _write_density(units: Any, section: HotSpotSection, folder: Path) -> None:
    """Write the kernel density of the crop, in ha/km2, one band a crop."""
    step = 1000 * section.cell_km
    west, south, east, north = units.total_bounds
    left, top = np.floor(west / step) * step, np.ceil(north / step) * step
    shape = (int(np.ceil((top - south) / step)), int(np.ceil((east - left) / step)))
    box = GeoBox(shape, Affine(step, 0, left, 0, -step, top), units.crs)
    x = (left + step * (np.arange(shape[1]) + 0.5)) / 1000
    y = (top - step * (np.arange(shape[0]) + 0.5)) / 1000
    grid = np.column_stack([np.tile(x, shape[0]), np.repeat(y, shape[1])])
    assert section.bandwidth_km is not None
    crops = list(dict.fromkeys(units["crop"]))
    bands = []
    for crop in crops:
        rows = units[units["crop"] == crop]
        values = kernel_density(
            _middles(rows) / 1000, rows["crop_ha"], grid, bandwidth_km=section.bandwidth_km, kernel="quartic"
        )
        bands.append(values.reshape(shape).astype(np.float32))
    style = RasterStyle(nodata=-9999.0, descriptions=tuple(f"density of {crop}, ha per km2" for crop in crops))
    write_cog(folder / "density.tif", np.stack(bands), box, style=style)


def _notes(local: pd.DataFrame, whole: pd.DataFrame) -> Iterator[str]:
    for crop, rows in local.groupby("crop", sort=False):
        counts = rows["hot_spot"].value_counts()
        moran = whole[(whole["crop"] == crop) & (whole["statistic"] == "Moran's I")].iloc[0]
        yield (
            f"{crop}: {counts.get('hot', 0)} hot spots and {counts.get('cold', 0)} cold spots in {len(rows)} units "
            f"(false discoveries at most {100 * moran['false_discovery']:g} %); Moran's I {moran['value']:.2f} "
            f"(p {moran['p_value']:.4f}); {rows['basis'].iloc[0]}"
        )
