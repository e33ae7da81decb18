"""Cerrado: CBERS time series to a class map to an area estimate with its interval.

Points outside the tile teach the classifier; the points inside are the reference, post-stratified by the map.
Nobody documented how they were drawn, so every hectare figure is INDICATIVE.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import geopandas
import numpy as np
import pandas as pd
import shapely
from numpy.typing import NDArray

from aoi.survey.design import StratifiedDesign
from aoi.survey.error_matrix import ErrorMatrix, error_matrix
from aoi.survey.estimate import INDICATIVE, Estimate
from aoi.survey.estimator import class_areas, membership
from aoi.survey.interval import clopper_pearson
from examples.cerrado.points import Points, Setting, read_points, read_setting, table_sensor, validate
from geo.areas import MappedArea, cell_areas_ha
from geo.blocks import Block, map_blocks
from geo.cog import write_cog
from geo.files import write_text
from geo.grid import cells_at
from geo.legend import Legend
from imagery.catalog import find_scenes
from imagery.class_map import class_style
from imagery.ensemble import Ensemble, fit_ensemble
from imagery.features import FeatureSpec, WindowSpans, cell_features
from imagery.stack import read_stack
from maps.interactive import render
from maps.page import ESTIMATE_COLUMNS, About, AdminLayer, Figures, MappedCount, Page, Period, RasterLayer

TILE = "022024"

NOTE = (
    "Indicative: the reference points are not a documented probability sample, and the interval says nothing of "
    "how they were chosen. The frame is the land mapped as a class that has reference points."
)


def main(survey: Path, out: Path) -> None:
    """Validate on the table, map the tile, estimate its areas, and write the run folder."""
    setting = read_setting(survey)
    spec, windows, points = read_points(setting, setting.sensor)
    whole_table = read_points(setting, table_sensor(setting))[2]
    scores = validate(setting, whole_table) | {"bands_of_the_images": validate(setting, points)}
    taught = ~points.inside
    classifier = fit_ensemble(points.planes[:, taught], points.code[taught], spec.names, setting.ensemble)
    class_map = map_tile(setting, classifier, spec, windows)
    figures, matrix, mapped = estimate(setting, points, class_map)
    table = estimates_table(setting, figures)
    write_run(setting, out, class_map, table, mapped)
    write_text(out / "estimates" / "accuracy.json", json.dumps(scores | {"map": map_accuracy(matrix)}, indent=1))
    print(report(figures, mapped, matrix, scores))
    print(f"map: {out / 'products' / '0' / 'index.html'}")


def map_tile(setting: Setting, classifier: Ensemble, spec: FeatureSpec, windows: WindowSpans) -> NDArray[np.uint8]:
    """Classify every cell of the tile; a cell without a single observation is not seen."""
    scenes = find_scenes(
        catalog=None,
        folder=setting.path("images"),
        pattern=setting.config["inputs"]["pattern"],
        sensor=setting.sensor,
        start=setting.config["start"],
        end=setting.config["end"],
        geobox=setting.geobox,
    )

    def classified(block: Block) -> NDArray[np.uint8]:
        stack = read_stack(scenes, setting.geobox, block, sensor=setting.sensor, cloud_buffer_m=0)
        seen = np.asarray(stack.valid.any(axis=0))
        cells = np.full(seen.shape, Legend.NOT_SEEN, dtype=np.uint8)
        cells[seen] = classifier.predict(cell_features(stack.at(seen), spec, windows))
        return cells

    height, width = setting.geobox.shape
    class_map = np.zeros((height, width), dtype=np.uint8)
    for block, cells in map_blocks(classified, (height, width), jobs=1):
        class_map[block.slices] = cells
    return class_map


def estimate(
    setting: Setting, points: Points, class_map: NDArray[np.uint8]
) -> tuple[dict[str, Estimate], ErrorMatrix, dict[str, MappedArea]]:
    """Estimate the area of each class in the frame, from the points inside, post-stratified by the map.

    The frame is the land mapped as a class that has reference points, as an agricultural mask is the frame of a
    poppy survey. Of the rest of the tile nothing can be said.
    """
    legend, n = setting.legend, len(setting.legend) + 1
    cell_ha = np.broadcast_to(cell_areas_ha(setting.geobox), class_map.shape)
    sizes = np.bincount(class_map.ravel(), minlength=n)[1:n]
    areas = np.bincount(class_map.ravel(), weights=cell_ha.ravel(), minlength=n)[1:n]
    rows, cols = cells_at(setting.geobox, points.x_m[points.inside], points.y_m[points.inside])
    mapped, reference = class_map[rows, cols].astype(np.int64) - 1, points.code[points.inside] - 1
    surveyed = np.unique(mapped)
    names = tuple(legend.names[code] for code in surveyed)
    design = StratifiedDesign(names=names, sizes=sizes[surveyed], areas_ha=areas[surveyed].astype(float))
    stratum, label = np.searchsorted(surveyed, mapped), np.searchsorted(surveyed, reference)
    found = class_areas(stratum, membership(label, len(names)), design)
    counted = {
        name: MappedArea(class_name=name, area_ha=float(area), cells=int(size))
        for name, area, size in zip(legend.names, areas, sizes, strict=True)
    }
    figures = {name: figure.flagged(INDICATIVE) for name, figure in zip(names, found, strict=True)}
    return figures, error_matrix(stratum, stratum, label, design, names), counted


def estimates_table(setting: Setting, figures: dict[str, Estimate]) -> pd.DataFrame:
    """Return the figures as rows of ``estimates.csv``."""
    frame = f"Land mapped as {' or '.join(figures)}"
    facts = {"period": setting.config["period"], "domain": "frame", "domain_name": frame}
    rows = [
        {
            "crop": name,
            **facts,
            "state": "estimated" if figure.value else "zero",
            "value_ha": figure.value,
            "se_ha": figure.se,
            "lo_ha": figure.lo,
            "hi_ha": figure.hi,
            "level": figure.level,
            "n": figure.n,
            "method": figure.method.replace("stratified", "post-stratified by the map", 1),
            "kind": "stock",
            "reference_date": setting.config["end"].isoformat(),
            "source": setting.config["source"],
            "vintage": "",
            "flags": ";".join(figure.flags),
        }
        for name, figure in figures.items()
    ]
    empty = dict.fromkeys(("value_ha", "se_ha", "lo_ha", "hi_ha"), np.nan)
    unsurveyed = {"domain": TILE, "domain_name": f"Tile {TILE}", "state": "not_surveyed", "flags": ""} | empty
    rows += [row | unsurveyed for row in rows]
    return pd.DataFrame(rows)[[*ESTIMATE_COLUMNS, "flags"]]


def write_run(
    setting: Setting, out: Path, class_map: NDArray[np.uint8], table: pd.DataFrame, mapped: dict[str, MappedArea]
) -> None:
    """Write the class map, the tables and the page of the run folder."""
    path = out / "class_map" / f"{setting.config['period']}.tif"
    write_cog(path, class_map, setting.geobox, style=class_style(setting.legend))
    write_text(out / "estimates" / "estimates.csv", table.to_csv(index=False, float_format="%.6f"))
    counts = pd.DataFrame([{"class": name, "mapped_ha": area.area_ha} for name, area in mapped.items()])
    write_text(out / "estimates" / "mapped_areas.csv", counts.to_csv(index=False, float_format="%.6f"))
    write_text(out / "products" / "0" / "index.html", render(page(setting, path, table, mapped)))


def page(setting: Setting, path: Path, table: pd.DataFrame, mapped: dict[str, MappedArea]) -> Page:
    """Return the map page of the tile."""
    period = setting.config["period"]
    bounds = setting.geobox.boundingbox
    tile = geopandas.GeoDataFrame(
        {"code": [TILE], "name": [f"Tile {TILE}"]},
        geometry=[shapely.box(bounds.left, bounds.bottom, bounds.right, bounds.top)],
        crs=str(setting.geobox.crs),
    )
    return Page(
        about=About(title=setting.config["title"], sources=setting.config["source"], notes=(NOTE,)),
        figures=Figures(
            estimates=table,
            mapped=tuple(MappedCount(period=period, area=mapped[name]) for name in table["crop"].unique()),
        ),
        crops=tuple(table["crop"].unique()),
        periods=(Period(name=period, role="current", reference_date=setting.config["end"].isoformat()),),
        legend=setting.legend,
        admin=AdminLayer(frame=tile, title="Tile"),
        rasters=(RasterLayer(kind="class", period=period, path=path),),
    )


def map_accuracy(matrix: ErrorMatrix) -> dict[str, Any]:
    """Return the accuracy of the map, by area, from the points inside."""
    shares = {"overall": matrix.overall}
    shares |= {f"users {name}": share for name, share in zip(matrix.classes, matrix.users, strict=True)}
    shares |= {f"producers {name}": share for name, share in zip(matrix.classes, matrix.producers, strict=True)}
    return {
        name: {"value": share.value, "se": share.se, "n": share.n}
        for name, share in shares.items()
        if np.isfinite(share.value)
    }


def _folds(by_chance: dict[str, Any], by_land: dict[str, Any]) -> str:
    chance, land = by_chance["overall_accuracy"], by_land["overall_accuracy"]
    return f"5 random folds {chance:.3f}, 5 spatial folds {land:.3f}"


def report(
    figures: dict[str, Estimate], mapped: dict[str, MappedArea], matrix: ErrorMatrix, scores: dict[str, Any]
) -> str:
    """Return what a reader should see first."""
    by_chance, by_land = scores["random_folds"], scores["spatial_folds"]
    two = scores["bands_of_the_images"]
    lines = [
        f"overall accuracy of {by_chance['n']} labelled points (spatial: blocks of {by_land['block_m']:,} m)",
        f"  all bands of the table: {_folds(by_chance, by_land)}",
        f"  bands of the images: {_folds(two['random_folds'], two['spatial_folds'])}",
    ]
    n, right = matrix.overall.n, int(np.trace(matrix.counts))
    low, high = clopper_pearson(right, n)
    interval = f"95% interval {float(low):.3f} to {float(high):.3f}"
    lines.append(f"map: {right} of {n} reference points right ({interval}), {INDICATIVE}")
    for name, figure in figures.items():
        lines.append(
            f"{name}: {figure.value:,.0f} ha ({figure.lo:,.0f} to {figure.hi:,.0f}, {figure.level:.0%} interval, "
            f"{', '.join(figure.flags)}); counted on the map {mapped[name].area_ha:,.0f} ha"
        )
    rest = {name: area.area_ha for name, area in mapped.items() if name not in figures}
    if rest:
        share = sum(rest.values()) / sum(area.area_ha for area in mapped.values())
        lines.append(
            f"not surveyed: the {share:.0%} of the tile mapped as {', '.join(rest)} has no reference point"
        )
    return "\n".join([*lines, NOTE])
