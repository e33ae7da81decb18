"""The truth of an example: fields of every period, and the hectares that an estimate should come near."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import geopandas
import numpy as np
import pandas
import shapely

from geo.areas import polygon_areas_ha
from geo.files import write_text
from imagery.simulate.landscape import Landscape

__all__ = ["true_fields", "true_hectares", "write_truth"]


def true_fields(landscape: Landscape) -> geopandas.GeoDataFrame:
    """Return the fields of every period: the crop, its look-alikes and all other farmed land.

    Returns
    -------
    GeoDataFrame
        Columns `field_id` (text), `period` (text), `class`, `area_ha` (on the ellipsoid) and polygons that
        do not overlap within a period.
    """
    legend = landscape.profile.legend
    frames = []
    for period in landscape.scenario.periods:
        numbers, polygons = landscape.polygons_of(period.year, legend.codes)
        codes = landscape.classes_of(period.year)[numbers - 1]
        frames.append(
            geopandas.GeoDataFrame(
                {
                    "field_id": [f"F{number:05d}" for number in numbers.tolist()],
                    "period": period.name,
                    "class": [legend.name(int(code)) for code in codes],
                },
                geometry=list(polygons),
                crs=landscape.scenario.crs,
            )
        )
    fields = geopandas.GeoDataFrame(pandas.concat(frames, ignore_index=True), crs=landscape.scenario.crs)
    fields.insert(3, "area_ha", np.round(polygon_areas_ha(fields), 4))
    return fields


def true_hectares(
    landscape: Landscape, fields: geopandas.GeoDataFrame, units: geopandas.GeoDataFrame
) -> dict[str, Any]:
    """Return true hectares by crop, period and administrative unit, from polygons on the ellipsoid.

    Parameters
    ----------
    landscape
        The landscape.
    fields
        Result of `true_fields`.
    units
        Administrative units with `adm_code`.

    Returns
    -------
    dict
        ``hectares[crop][period]`` with ``frame`` and ``units[code]``; ``frame_ha``, ``units_ha[code]``; and
        ``stayed[crop]``, the share of the first period's crop land that is crop in the last one.
    """
    crops, periods = landscape.profile.crops, [period.name for period in landscape.scenario.periods]
    hectares = {
        crop: {period: _by_unit(_select(fields, crop, period), units) for period in periods} for crop in crops
    }
    frame_ha = polygon_areas_ha(units)
    return {
        "scenario": landscape.scenario.name,
        "seed": landscape.seed,
        "size": landscape.geobox.shape[0],
        "unit": "ha",
        "frame_ha": round(float(frame_ha.sum()), 4),
        "units_ha": {code: round(float(ha), 4) for code, ha in zip(units["adm_code"], frame_ha, strict=True)},
        "hectares": hectares,
        "stayed": {crop: _stayed(fields, crop, periods) for crop in crops},
    }


def write_truth(path: Path, truth: dict[str, Any]) -> None:
    """Write the result of `true_hectares` as JSON with sorted keys."""
    write_text(path, json.dumps(truth, indent=1, sort_keys=True) + "\n")


def _select(fields: geopandas.GeoDataFrame, crop: str, period: str) -> geopandas.GeoDataFrame:
    return fields[(fields["class"] == crop) & (fields["period"] == period)]


def _by_unit(fields: geopandas.GeoDataFrame, units: geopandas.GeoDataFrame) -> dict[str, Any]:
    """Return the hectares of fields inside each unit, and inside all of them."""
    shapes = np.asarray(fields.geometry.values)
    by_unit = {}
    for code, unit in zip(units["adm_code"], units.geometry, strict=True):
        near = shapes[shapely.intersects(shapes, unit)]
        inside = shapely.intersection(near, unit) if len(near) else near
        pieces = geopandas.GeoSeries(list(inside), crs=fields.crs)
        by_unit[code] = round(float(polygon_areas_ha(pieces).sum()), 4) if len(near) else 0.0
    return {"frame": round(sum(by_unit.values()), 4), "units": by_unit}


def _stayed(fields: geopandas.GeoDataFrame, crop: str, periods: list[str]) -> float | None:
    """Return the share of the first period's crop area whose fields hold the crop in the last period."""
    first, last = _select(fields, crop, periods[0]), _select(fields, crop, periods[-1])
    kept = first["field_id"].isin(set(last["field_id"]))
    total = float(first["area_ha"].sum())
    return round(float(first.loc[kept, "area_ha"].sum()) / total, 4) if total else None
