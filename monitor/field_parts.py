"""What the field office's page shows: fields, gaps, sample units with their state, what comes next."""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import Any

import geopandas
import pandas as pd

from geo.vector import open_layer
from maps.parts import FieldLayer, GapLayer, NextPlaces, Parts, SampleLayer
from monitor.context import Context
from monitor.figures import FRAME
from monitor.tables import read_csv

__all__ = ["field_parts", "reading_states"]


def field_parts(context: Context) -> Parts:
    """Return the parts of the field page; none of them goes to another tier."""
    return Parts(
        fields=tuple(_fields(context)),
        gaps=tuple(_gaps(context)),
        sample=_sample(context),
        next_places=_next(context),
    )


def reading_states(sample: pd.DataFrame, readings: pd.DataFrame, decided: pd.DataFrame, period: str) -> list[str]:
    """Return how far each unit of a sample is read in a period.

    Parameters
    ----------
    sample
        Column unit_id.
    readings
        Columns unit_id, period, interpreter, label: one row a reading.
    decided
        Columns unit_id, period, decided_by: ``majority``, or who decided where interpreters differed.
    period
        Which.

    Returns
    -------
    list of str
        Of `maps.parts.SAMPLE_STATES`, in the order of `sample`.
    """
    own = readings[(readings["period"].astype(str) == period) & readings["label"].notna()]
    counts = own.groupby("unit_id")["interpreter"].nunique()
    labels = own.groupby("unit_id")["label"].nunique()
    of_period = decided[decided["period"].astype(str) == period]
    said = dict(zip(of_period["unit_id"], of_period["decided_by"].astype(str), strict=True))
    return [
        _state(int(counts.get(unit, 0)), int(labels.get(unit, 0)), said.get(unit)) for unit in sample["unit_id"]
    ]


def _state(readers: int, labels: int, decided_by: str | None) -> str:
    if readers == 0:
        return "unread"
    if labels > 1:
        return "disputed" if decided_by is None else "settled"
    return "one_reading" if readers == 1 else "agreed"


def _fields(context: Context) -> Iterator[FieldLayer]:
    for period in context.compared:
        path = context.out / "class_map" / f"fields_{period.name}.gpkg"
        if not path.is_file():
            continue
        fields = open_layer(path)
        step = context.frame.geobox.transform
        # Half a diagonal: outlines lose the stairs of the cells, and nothing that the map tells
        tolerance = math.hypot(step.a, step.e) / 2
        for crop in context.survey.survey.crops:
            own = fields[fields["crop"] == crop].reset_index(drop=True)
            yield FieldLayer(crop=crop, period=period.name, frame=own, tolerance=tolerance)


def _gaps(context: Context) -> Iterator[GapLayer]:
    for period in context.compared:
        folder = context.out / "imagery" / period.name
        if not (folder / "gaps.csv").is_file():
            continue
        rows = read_csv(folder / "gaps.csv")
        whole = rows[rows["domain"] == FRAME].set_index("measure")["share"]
        yield GapLayer(
            period=period.name,
            path=folder / "valid_count.tif",
            least=context.imagery.min_valid,
            never_percent=100.0 * float(whole["never_seen"]),
            few_percent=100.0 * float(whole["too_few"]),
        )


def _sample(context: Context) -> SampleLayer | None:
    folder = context.out / "frame"
    if not (folder / "sample.csv").is_file():
        return None
    sample = read_csv(folder / "sample.csv")
    readings, decided = (_table(folder / f"{name}.csv") for name in ("interpretation", "reference"))
    states = {period.name: reading_states(sample, readings, decided, period.name) for period in context.compared}
    frame = geopandas.GeoDataFrame(
        {"unit_id": sample["unit_id"], **states},
        geometry=geopandas.points_from_xy(sample["x_m"], sample["y_m"]),
        crs=str(context.frame.geobox.crs),
    )
    return SampleLayer(frame=frame)


def _table(path: Any) -> pd.DataFrame:
    if path.is_file():
        return read_csv(path)
    return pd.DataFrame(columns=["unit_id", "period", "interpreter", "label", "decided_by"])


def _next(context: Context) -> NextPlaces | None:
    path = context.out / "class_map" / "next_units.gpkg"
    if not path.is_file():
        return None
    places = open_layer(path).sort_values("uncertainty", ascending=False, kind="stable")
    return NextPlaces(frame=places[["unit_id", "uncertainty", places.geometry.name]].reset_index(drop=True))
