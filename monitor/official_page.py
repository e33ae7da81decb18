"""The map page of a survey of official figures, from what the run folder holds."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Literal

import pandas as pd

from geo.legend import Legend, MapClass
from geo.vector import open_layer, read_layer
from maps.page import About, AdminLayer, Figures, LineLayer, OverlayLayer, Page, Period
from monitor.context import Context
from monitor.official_inputs import official_section
from monitor.tables import unstamped

__all__ = ["official_page"]

_CROP_COLOUR = "#D55E00"

_NOTES = ("limits.official_untested", "limits.official_empty", "limits.official_zones")
"""Notes at the foot of the page, by key of the catalogue."""


def official_page(context: Context, language: str) -> Page:
    """Return the page: units coloured by the published figure, programmes and zones over them.

    Parameters
    ----------
    context
        A run whose tables have been written.
    language
        Language the page opens in.
    """
    survey = context.survey
    figures = _figures(context)
    units = context.published_units
    years = figures.estimates["period"].unique()
    return Page(
        about=About(
            title=survey.survey.title,
            subtitle=f"{survey.survey.country}, {min(years)}-{max(years)}",
            sources=survey.map.sources,
            disclaimer=survey.map.disclaimer,
            notes=(*survey.map.notes, *_NOTES),
            run_id=context.identify(),
        ),
        figures=figures,
        crops=tuple(survey.survey.crops),
        periods=tuple(_periods(context, sorted(years))),
        legend=Legend((MapClass(code=1, name=survey.survey.crops[0], colour=_CROP_COLOUR, crop=True),)),
        admin=AdminLayer(frame=units, title="Administrative units"),
        overlays=tuple(_overlays(context, units)),
        lines=tuple(_lines(context)),
        elevation=survey.map.elevation,
        language=language,
    )


def _figures(context: Context) -> Figures:
    columns = ("domain", "domain_name", "period", "from", "to", "source", "vintage", "flags", "verdict")
    text = dict.fromkeys(columns, str)

    def read(name: str) -> pd.DataFrame:
        path = context.out / f"{name}.csv"
        return unstamped(pd.read_csv(path, dtype=text, keep_default_na=False, na_values=[""]))

    blank = {"source": "", "vintage": "", "flags": ""}
    further: tuple[str, ...] = (
        "estimates/readings",
        "overlay/zones",
        "overlay/alone",
        "overlay/bounds",
        "indicators/permanence",
        "impact/effects",
        "impact/balance",
        "indicators/hot_spots",
        "indicators/spatial_pattern",
    )
    present = [name for name in further if (context.out / f"{name}.csv").is_file()]
    has_change = (context.out / "estimates" / "change.csv").is_file()
    return Figures(
        estimates=read("estimates/estimates").fillna(blank),
        **({"change": read("estimates/change").fillna({"flags": ""})} if has_change else {}),
        extra=tuple((name.split("/")[1], read(name)) for name in present),
    )


def _periods(context: Context, years: list[str]) -> Iterator[Period]:
    declared = {period.name: period for period in context.survey.period}
    official = official_section(context.survey)
    for year in years:
        role: Literal["baseline", "current", "other"] = declared[year].role if year in declared else "other"
        date = official.reference_date.replace("{period}", year)
        yield Period(name=year, role=role, kind=official.kind, reference_date=date)


def _overlays(context: Context, units: Any) -> Iterator[OverlayLayer]:
    """Yield the zones, and the programmes in whole units drawn on the units' own shapes."""
    for index, entry in enumerate(context.survey.overlay):
        if entry.code:
            codes = open_layer(entry.path, layer=entry.layer)[entry.code].astype(str).str.strip()
            frame = units[units["code"].isin(set(codes))].rename(columns={"name": "label"})
        else:
            frame = context.read_overlay(index)
        yield OverlayLayer(name=entry.name, title=entry.title, kind=entry.kind, frame=frame, label="label")


def _lines(context: Context) -> Iterator[LineLayer]:
    if context.survey.map.rivers is not None:
        yield LineLayer(kind="river", frame=read_layer(context.survey.map.rivers, geometry="line"))
    if context.survey.map.roads is not None:
        yield LineLayer(kind="road", frame=read_layer(context.survey.map.roads, geometry="line"))
