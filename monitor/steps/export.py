"""Step ``export``: files of the field product for other programs (tier 0)."""

from __future__ import annotations

import shutil
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import geopandas
import pandas as pd

from geo.files import atomic, write_text
from geo.vector import Layer, write_gpkg
from maps.disclosure.tier import Tier
from maps.exchange.collect_earth import plot_text, sample_text
from maps.exchange.figure_layer import figure_layer
from maps.exchange.iati import Activity, activity_text
from maps.exchange.mbtiles import write_mbtiles
from maps.exchange.qgis import ProjectLayer, write_project
from maps.exchange.stac import RasterItem, write_stac
from maps.exchange.standard_tables import hxl_text, wdr_table, write_standard_tables
from maps.exchange.xlsform import write_xlsform
from maps.qml import Rule, paletted_raster_style, rule_style
from maps.table import csv_text
from maps.text import plain
from maps.waypoint import Waypoint, gpx_text, kml_text
from monitor.context import Context, Progress
from monitor.stamp import COLUMN
from monitor.tables import read_csv

__all__ = [
    "figure_layers",
    "overlay_layer",
    "shared_files",
    "write_catalogue",
    "write_field_files",
    "write_files",
    "write_map_files",
    "write_official",
]

FOLDER = "products/0"
_OVERLAY_COLOURS = {"ad_area": "#2166AC", "protected": "#1B7837"}
_OTHER_COLOUR = "#762A83"
_FIELD_ONLY = "Disclosure tier 0 (field)."


def write_files(context: Context, staging: Path, progress: Progress) -> Mapping[str, Any]:
    """Write ``products/0/`` for QGIS, QField, Kobo, ODK, Collect Earth Online, receivers, and analysts."""
    folder = staging / FOLDER
    folder.mkdir(parents=True, exist_ok=True)
    sample = read_csv(context.out / "frame" / "sample.csv")
    layers = _layers(context, sample)
    write_gpkg(folder / "data.gpkg", layers)
    progress(1, 5)
    for period in context.compared:
        with atomic(folder / "rasters" / f"class_{period.name}.tif") as part:
            shutil.copyfile(context.class_map_path(period.name), part)
    write_map_files(context, folder, layers)
    progress(2, 5)
    write_field_files(context, folder, sample)
    progress(3, 5)
    for name, layer in layers.items():
        _write_parquet(folder / "analysts" / f"{name}.parquet", layer.frame)
    write_catalogue(context, folder, licence=context.survey.map.licence)
    progress(4, 5)
    estimates = read_csv(context.out / "estimates" / "estimates.csv").fillna({"source": "", "flags": ""})
    shared_files(context, estimates, folder)
    progress(5, 5)
    return {"files": sum(path.is_file() for path in folder.rglob("*"))}


def write_map_files(context: Context, folder: Path, layers: Mapping[str, Layer]) -> None:
    """Write how the class maps are drawn, their tiles, and the project that opens them with the layers."""
    title, legend = context.survey.survey.title, context.profile.legend
    for period in context.compared:
        name, own = f"class_{period.name}", context.class_map_path(period.name)
        write_text(folder / "rasters" / f"{name}.qml", paletted_raster_style(legend))
        write_mbtiles(folder / "layers" / f"{name}.mbtiles", own, legend, title=f"{title} {period.name}")
    write_project(folder / "project.qgz", list(_project(context, layers)), title=title, extent=_extent(context))


def write_catalogue(context: Context, folder: Path, *, licence: str) -> None:
    """Write the STAC catalogue of the run's rasters, which it leads to."""
    write_stac(
        folder / "stac",
        list(_rasters(context)),
        run=context.identify(),
        title=context.survey.survey.title,
        licence=licence,
        home=context.out / FOLDER / "stac",
        tier=int(Tier.FIELD),
    )


def write_official(context: Context, staging: Path, progress: Progress) -> Mapping[str, Any]:
    """Write the tables for other bodies of a survey of official figures."""
    folder = staging / FOLDER
    folder.mkdir(parents=True, exist_ok=True)
    estimates = read_csv(context.out / "estimates" / "estimates.csv").fillna({"source": "", "flags": ""})
    shared_files(context, estimates, folder)
    progress(1, 1)
    return {"files": sum(path.is_file() for path in folder.rglob("*"))}


def shared_files(context: Context, estimates: pd.DataFrame, folder: Path) -> None:
    """Write the tables for other bodies; of any tier, from that tier's own estimates. Each row names the run."""
    estimates = estimates.assign(**{COLUMN: context.identify()})
    write_standard_tables(folder / "standard_tables.xlsx", estimates, title=context.survey.survey.title)
    for name, text in _shared_texts(context, estimates).items():
        write_text(folder / name, text)


def _shared_texts(context: Context, estimates: pd.DataFrame) -> dict[str, str]:
    texts = {
        "estimates_hxl.csv": hxl_text(estimates),
        "wdr_table.csv": csv_text(wdr_table(estimates)),
    }
    given = context.survey.iati
    if given is not None:
        activity = Activity(
            identifier=given.identifier,
            organisation=given.organisation,
            organisation_name=given.organisation_name,
            organisation_type=given.organisation_type,
            title=context.survey.survey.title,
            country=given.country,
            sectors=given.sectors,
            start=min(period.start for period in context.compared).isoformat(),
        )
        periods = {
            period.name: {
                "role": period.role,
                "start": period.start.isoformat(),
                "end": period.end.isoformat(),
                "reference_date": period.reference_date.isoformat(),
            }
            for period in context.compared
        }
        texts["iati.xml"] = activity_text(activity, estimates, periods)
    return texts


def figure_layers(context: Context, sample: pd.DataFrame) -> dict[str, Layer]:
    """Return the layers that come from tables: the figures of the units, and the units of the sample."""
    admin, crs = context.frame.admin, str(context.frame.geobox.crs)
    figures = read_csv(context.out / "estimates" / "estimates.csv").assign(**{COLUMN: context.identify()})
    shapes = dict(zip(admin["code"].astype(str), admin.geometry, strict=True))
    rows = figures[figures["domain"].isin(list(shapes))].reset_index(drop=True)
    units = geopandas.GeoDataFrame(rows, geometry=[shapes[code] for code in rows["domain"]], crs=crs)
    points = geopandas.GeoDataFrame(
        sample[["unit_id"]], geometry=geopandas.points_from_xy(sample["x_m"], sample["y_m"]), crs=crs
    )
    return {
        "unit_figures": figure_layer(
            units,
            title="Estimates by unit",
            crop=context.survey.survey.crops[0],
            period=context.compared[-1].name,
            tier=Tier.FIELD,
        ),
        "sample_units": Layer(
            frame=points,
            title="Sample units",
            description=f"Where labels are collected; neither strata nor map labels. {_FIELD_ONLY}",
            style_qml=rule_style("point", [Rule(label="Sample unit", expression="", colour="#D400AA")]),
        ),
    }


def _layers(context: Context, sample: pd.DataFrame) -> dict[str, Layer]:
    layers, crs = figure_layers(context, sample), str(context.frame.geobox.crs)
    for index, entry in enumerate(context.survey.overlay):
        shape = context.read_overlay(index).to_crs(crs).reset_index(drop=True)
        layer = overlay_layer(shape.assign(label=[plain(text) for text in shape["label"]]), entry.title, entry.kind)
        layers[f"overlay_{entry.name}"] = layer
    return layers


def overlay_layer(frame: geopandas.GeoDataFrame, title: str, kind: str) -> Layer:
    """Return the layer of zones, drawn by their kind."""
    colour = _OVERLAY_COLOURS.get(kind, _OTHER_COLOUR)
    return Layer(
        frame=frame,
        title=plain(title),
        description=f"{plain(title)} ({kind}). {_FIELD_ONLY}",
        style_qml=rule_style("polygon", [Rule(label=title, expression="", colour="", outline=colour, size_mm=6)]),
        aliases={"label": "Name"},
    )


def _project(context: Context, layers: Mapping[str, Layer]) -> Iterator[ProjectLayer]:
    crs = str(context.frame.geobox.crs)
    order = ["sample_units", *(name for name in layers if name.startswith("overlay_")), "unit_figures"]
    for name in order:
        layer = layers[name]
        yield ProjectLayer(
            title=layer.title,
            source=f"./data.gpkg|layername={name}",
            geometry="point" if name == "sample_units" else "polygon",
            crs=crs,
            style=layer.style_qml,
        )
    for period in reversed(context.compared):
        yield ProjectLayer(
            title=f"Class map {period.name}",
            source=f"./rasters/class_{period.name}.tif",
            geometry="raster",
            crs=crs,
            shown=False,
            style=paletted_raster_style(context.profile.legend),
        )


def _extent(context: Context) -> tuple[float, float, float, float]:
    box = context.frame.geobox.boundingbox
    return (box.left, box.bottom, box.right, box.top)


def write_field_files(context: Context, folder: Path, sample: pd.DataFrame) -> None:
    """Write the forms and lists that interpreters and visitors take along: units and their places, no figure."""
    survey = context.survey.survey
    write_xlsform(
        folder / "ground_truth.xlsx",
        legend=context.profile.legend,
        periods=[period.name for period in context.compared],
        title=survey.title,
        form_id=f"ground_truth_{survey.name}",
    )
    write_text(folder / "collect_earth_plots.csv", plot_text(sample))
    write_text(folder / "collect_earth_samples.csv", sample_text(sample))
    points = [
        Waypoint(name=str(unit), longitude=float(x), latitude=float(y))
        for unit, x, y in sample[["unit_id", "longitude", "latitude"]].itertuples(index=False)
    ]
    write_text(folder / "sample.gpx", gpx_text(points, survey.title))
    write_text(folder / "sample.kml", kml_text(points, survey.title))


def _write_parquet(path: Path, frame: geopandas.GeoDataFrame) -> None:
    with atomic(path) as part:
        frame.to_parquet(part, index=False, schema_version="1.1.0", write_covering_bbox=True, compression="zstd")


def _rasters(context: Context) -> Iterator[RasterItem]:
    legend = context.profile.legend
    classes = {entry.code: (entry.name, entry.colour) for entry in legend}
    maps = sorted((context.out / "class_map").glob("*.tif"))
    for period in context.compared:
        start, end = period.start, period.end
        own = context.class_map_path(period.name)
        yield RasterItem(
            name=f"class-{period.name}",
            path=own,
            title=f"Class map {period.name}",
            classes=classes,
            start=start,
            end=end,
        )
        others = [path for path in maps if path != own and path.stem.endswith(f"_{period.name}")]
        for path in [*others, *sorted((context.out / "imagery" / period.name).glob("*.tif"))]:
            words = path.stem.removesuffix(f"_{period.name}").replace("_", " ")
            yield RasterItem(
                name=f"{words.replace(' ', '-')}-{period.name}",
                path=path,
                title=f"{words.capitalize()} {period.name}",
                start=start,
                end=end,
            )
    names = [period.name for period in context.compared]
    for path in maps:
        if not any(path.stem == name or path.stem.endswith(f"_{name}") for name in names):
            yield RasterItem(  # of all periods together
                name=path.stem.replace("_", "-"),
                path=path,
                title=path.stem.replace("_", " ").capitalize(),
                start=min(period.start for period in context.compared),
                end=max(period.end for period in context.compared),
            )
