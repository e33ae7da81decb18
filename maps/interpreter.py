"""Files for interpreters: where to look and a form to fill, without a word of what the map says there.

An interpreter who sees the map's label agrees with it too often; so strata and map labels never enter here.
"""

from __future__ import annotations

from pathlib import Path

import geopandas
import pandas as pd
import shapely

from geo.errors import InputError, Problem
from geo.files import write_text
from geo.legend import Legend
from geo.vector import Layer, write_gpkg
from maps.disclosure import Tier
from maps.qml import Form, Rule, rule_style
from maps.table import csv_text
from maps.text import plain
from maps.waypoint import Waypoint, gpx_text, kml_text

__all__ = ["LABEL_COLUMNS", "write_interpreter_files"]

LABEL_COLUMNS = ("unit_id", "period", "interpreter", "label", "confidence", "remark")
"""Columns of the form; the first four are what the reference labels are read from."""

_CONFIDENCE = {"sure": "sure", "fairly sure": "fairly sure", "doubtful": "doubtful"}
_ALIASES = {
    "unit_id": "Sample unit",
    "period": "Period",
    "interpreter": "Your name or number",
    "label": "Land cover at the centre of the unit",
    "confidence": "How sure",
    "remark": "Remark",
}


def write_interpreter_files(
    folder: Path,
    units: geopandas.GeoDataFrame,
    *,
    legend: Legend,
    periods: tuple[str, ...],
    title: str,
    cell_m: float,
) -> tuple[Path, ...]:
    """Write the sample for interpreters as GeoPackage, CSV form, GPX and KML.

    Parameters
    ----------
    folder
        Where to write.
    units
        Points in a metric CRS, n rows, with the column `unit_id`; other columns are refused.
    legend
        Labels to choose from.
    periods
        Periods to be labelled; each unit is labelled once in each.
    title
        Title of the survey.
    cell_m
        Side of a sample unit, metres.

    Returns
    -------
    tuple of Path
        ``sample.gpkg`` (layers `labels`, to be filled, and `unit_outline`), ``labels_to_fill.csv``,
        ``sample.gpx``, ``sample.kml``.

    Raises
    ------
    InputError
        If the units carry more than their id, or have no CRS.
    """
    _require_blind(units)
    form = _form(units, periods)
    outline = units.set_geometry(_squares(units, cell_m))
    _write_gpkg(folder / "sample.gpkg", form, outline, legend=legend, title=title)
    degrees = units.geometry.to_crs(4326)
    table = form.drop(columns="geometry").assign(
        longitude=[round(point.x, 7) for _ in periods for point in degrees],
        latitude=[round(point.y, 7) for _ in periods for point in degrees],
    )
    write_text(folder / "labels_to_fill.csv", csv_text(table))
    points = [
        Waypoint(name=str(name), longitude=point.x, latitude=point.y)
        for name, point in zip(units["unit_id"], degrees, strict=True)
    ]
    write_text(folder / "sample.gpx", gpx_text(points, title))
    write_text(folder / "sample.kml", kml_text(points, title))
    names = ("sample.gpkg", "labels_to_fill.csv", "sample.gpx", "sample.kml")
    return tuple(folder / name for name in names)


def _require_blind(units: geopandas.GeoDataFrame) -> None:
    extra = [str(column) for column in units.columns if column not in ("unit_id", units.geometry.name)]
    problems = []
    if extra:
        problems.append(
            Problem(
                "sample units for interpreters",
                f"columns {', '.join(extra)}",
                "unit_id alone",
                "leave them out: interpreters must not know strata or map labels",
            )
        )
    if units.crs is None:
        problems.append(Problem("sample units for interpreters", "no coordinate reference system", "one"))
    if problems:
        raise InputError(problems)


def _form(units: geopandas.GeoDataFrame, periods: tuple[str, ...]) -> geopandas.GeoDataFrame:
    """Return one empty row per unit and period."""
    blank = dict.fromkeys(LABEL_COLUMNS[2:], "")
    rows = [
        pd.DataFrame({"unit_id": units["unit_id"].map(plain), "period": plain(period), **blank})
        for period in periods
    ]
    shapes = pd.concat([units.geometry] * len(periods), ignore_index=True)
    table = pd.concat(rows, ignore_index=True)
    # an empty label is stored as missing, which the style shows as still to be done
    table["label"] = pd.Series([None] * len(table), dtype="object")
    return geopandas.GeoDataFrame(table, geometry=geopandas.GeoSeries(shapes), crs=units.crs)


def _squares(units: geopandas.GeoDataFrame, cell_m: float) -> geopandas.GeoSeries:
    x, y, half = units.geometry.x.to_numpy(), units.geometry.y.to_numpy(), cell_m / 2
    return geopandas.GeoSeries(
        shapely.box(x - half, y - half, x + half, y + half), index=units.index, crs=units.crs
    )


def _write_gpkg(
    path: Path,
    form: geopandas.GeoDataFrame,
    outline: geopandas.GeoDataFrame,
    *,
    legend: Legend,
    title: str,
) -> None:
    tier = f"Disclosure tier {Tier.FIELD.value} (field)."
    labels = Layer(
        frame=form,
        title=f"Labels to fill: {plain(title)}",
        description=f"One row per sample unit and period; fill label, interpreter and confidence. {tier}",
        style_qml=_form_style(legend),
        aliases=_ALIASES,
    )
    squares = Layer(
        frame=outline,
        title="Outline of the sample units",
        description=f"Look at the whole square, label its centre. {tier}",
        style_qml=rule_style(
            "polygon", [Rule(label="Sample unit", expression="", colour="", outline="#D400AA", size_mm=5)]
        ),
    )
    write_gpkg(path, {"labels": labels, "unit_outline": squares})


def _form_style(legend: Legend) -> str:
    choices = {plain(name).replace("_", " "): plain(name) for name in legend.names}
    return rule_style(
        "point",
        [
            Rule(
                label="To do", expression='"label" IS NULL OR "label" = \'\'', colour="#FFFFFF", outline="#D400AA"
            ),
            Rule(label="Done", expression="ELSE", colour="#00A36C"),
        ],
        Form(aliases=_ALIASES, choices={"label": choices, "confidence": _CONFIDENCE}, fixed=("unit_id", "period")),
    )
