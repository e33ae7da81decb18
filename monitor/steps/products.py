"""Step ``map``: the interactive page and the workbook, from what the run folder holds."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from aoi.survey.interval import jeffreys
from geo.areas import MappedArea
from geo.files import write_text
from geo.vector import read_layer
from maps.page import (
    About,
    Accuracy,
    AdminLayer,
    ClassAccuracy,
    Figures,
    HarmFigure,
    HarmMap,
    LineLayer,
    MappedCount,
    OverlayLayer,
    Page,
    Period,
    RasterLayer,
    Share,
)
from maps.sheets import render_within
from maps.table import write_workbook
from monitor.context import Context, Progress
from monitor.field_parts import field_parts
from monitor.floors import lost
from monitor.harms.footprint import MAPS
from monitor.harms.reading import HARMS, headlines
from monitor.indicators import part_path, read_part
from monitor.tables import read_csv

__all__ = ["read_figures", "share_of", "survey_page", "write_products"]

TIER_FOLDER = "products/0"

_OVERLAY_TABLES = (
    "zones", "alone", "legality", "ad_estimates", "ad_change", "eradication", "validation", "ad_findings",
)  # fmt: skip
"""Tables of the overlay that the workbook shows."""

_INDICATOR_TABLES = ("indicators", "fact_sheets", "hot_spots", "spatial_pattern")


def write_products(context: Context, staging: Path, progress: Progress, *, language: str) -> Mapping[str, Any]:
    """Write ``products/0/index.html``, its sheets where it has any, and ``products/0/tables.xlsx``."""
    figures = read_figures(context)
    page = _page(context, figures, language)
    folder = staging / TIER_FOLDER
    pages = render_within(page)
    for name, text in pages.items():
        write_text(folder / name, text)
    progress(1, 2)
    write_workbook(folder / "tables.xlsx", figures, page.about, language_code=language)
    progress(2, 2)
    return {"page_bytes": (folder / "index.html").stat().st_size, "sheets": len(pages) - 1}


def survey_page(context: Context, language: str) -> Page:
    """Return everything that the products of a survey show."""
    return _page(context, read_figures(context), language)


def read_figures(context: Context) -> Figures:
    """Return all figures of the run folder."""
    folder = context.out / "estimates"
    names = ("estimates", "change", "accuracy", "error_matrix", "mapped_areas")
    read = {name: read_csv(folder / f"{name}.csv") for name in names}
    tables = {
        name: folder / f"{name}.csv"
        for name in ("corrections", "production", "small_areas", "thresholds", "floors")
    }
    tables |= {name: context.out / "overlay" / f"{name}.csv" for name in _OVERLAY_TABLES}
    tables |= {name: context.out / "impact" / f"{name}.csv" for name in ("effects", "balance")}
    tables |= {name: context.out / "indicators" / f"{name}.csv" for name in _INDICATOR_TABLES}
    found = [(name, read_csv(path)) for name, path in tables.items() if path.is_file()]
    # The verdict's sentence is English: its words stand in the columns beside it
    extra = [(name, rows.drop(columns="verdict", errors="ignore")) for name, rows in found if not rows.empty]
    extra = [(name, _own_words(name, rows)) for name, rows in extra]
    return Figures(
        estimates=read["estimates"].fillna({"source": "", "vintage": "", "flags": ""}),
        change=read["change"].fillna({"flags": ""}),
        accuracy=tuple(_accuracies(context, read["accuracy"])),
        mapped=tuple(_mapped(read["mapped_areas"])),
        extra=(*extra, ("error_matrix", read["error_matrix"])),
        harms=tuple(_harms(context)),
    )


def _own_words(name: str, rows: pd.DataFrame) -> pd.DataFrame:
    """Rename what another sheet's column of that name means otherwise."""
    return rows.rename(columns={"expected": "should_be"}) if name == "ad_findings" else rows


def _harms(context: Context) -> Iterator[HarmFigure]:
    """Yield the six harms of each crop and compared period."""
    path = part_path(context.out, "harm")
    if not path.is_file():
        return
    rows = read_part(path)
    for period in context.compared:
        for head in headlines(rows, period.name):
            yield HarmFigure(
                harm=head.harm,
                crop=head.crop,
                period=head.period,
                state=head.state,
                claim="potential" if HARMS[head.harm][3] == "potential" else "at_most",
                value=head.value,
                lo=head.lo,
                hi=head.hi,
                unit=head.unit,
                grade=head.grade,
                level=head.level,
                rough=head.rough,
            )


_EROSION = (
    (1, "#FEE0B6", "class_erosion_low"),
    (2, "#E08214", "class_erosion_middle"),
    (3, "#7F3B08", "class_erosion_high"),
)
_EROSION_LIMITS = (1.0, 11.0, 50.0)
"""Added loss, t/ha/yr; 11 is the tolerable loss that E3 leads with."""


def _harm_maps(context: Context) -> Iterator[HarmMap]:
    """Yield the maps of harms that the run made."""
    for period in context.compared:
        for crop in context.survey.survey.crops:
            for name, (harm, classes) in MAPS.items():
                path = context.out / "indicators" / f"{name}_{crop}_{period.name}.tif"
                if path.is_file():
                    yield HarmMap(harm=harm, crop=crop, period=period.name, path=path, classes=classes)
            path = context.out / "indicators" / f"erosion_{crop}_{period.name}.tif"
            if path.is_file():
                yield HarmMap(
                    harm="erosion",
                    crop=crop,
                    period=period.name,
                    path=path,
                    classes=_EROSION,
                    limits=_EROSION_LIMITS,
                )


def _accuracies(context: Context, table: pd.DataFrame) -> Iterator[Accuracy]:
    level, legend = context.survey.estimate.level, context.profile.legend.names
    for period in context.compared:
        rows = table[table["period"] == period.name].fillna({"class": ""})
        share = {(row["measure"], row["class"]): share_of(row, level) for _, row in rows.iterrows()}
        overall = rows[rows["measure"] == "overall"].iloc[0]
        names = [name for measure, name in share if measure == "users" and name in legend]
        yield Accuracy(
            period=period.name,
            overall=share["overall", ""],
            n=int(overall["n"]),
            classes=tuple(
                ClassAccuracy(name=name, users=share["users", name], producers=share["producers", name])
                for name in names
            ),
            level=level,
            method="stratified; Jeffreys interval at the effective sample size",
        )


def share_of(row: Any, level: float) -> Share:
    """Return an accuracy with the Jeffreys interval at its effective sample size, p (1 - p) / se^2."""
    value, se = float(row["value"]), float(row["se"])
    if not np.isfinite(value):
        return Share(value=value, lo=0.0, hi=1.0)
    n = value * (1 - value) / se**2 if se > 0 and 0 < value < 1 else float(row["n"])
    bounds = jeffreys(np.array([value * n]), np.array([n]), level)
    return Share(value=value, lo=min(value, float(bounds.lo[0])), hi=max(value, float(bounds.hi[0])))


def _mapped(table: pd.DataFrame) -> Iterator[MappedCount]:
    for row in table.itertuples():
        area = MappedArea(class_name=str(row.crop), area_ha=float(row.mapped_ha), cells=int(row.cells))
        yield MappedCount(period=str(row.period), area=area, domain=str(row.domain))


def _page(context: Context, figures: Figures, language: str) -> Page:
    survey = context.survey
    return Page(
        about=About(
            title=survey.survey.title,
            subtitle=_subtitle(context),
            sources=survey.map.sources,
            disclaimer=survey.map.disclaimer,
            notes=tuple(_notes(context)),
            run_id=context.identify(),
        ),
        figures=figures,
        crops=tuple(survey.survey.crops),
        periods=tuple(
            Period(
                name=period.name,
                role=period.role,
                kind=period.kind,
                reference_date=period.reference_date.isoformat(),
            )
            for period in context.compared
        ),
        legend=context.profile.legend,
        admin=AdminLayer(frame=context.frame.admin, title="Administrative units"),
        rasters=tuple(_rasters(context)),
        harm_maps=tuple(_harm_maps(context)),
        overlays=tuple(_overlays(context)),
        lines=tuple(_lines(context)),
        elevation=survey.map.elevation,
        language=language,
        parts=field_parts(context),
    )


def _subtitle(context: Context) -> str:
    """Return the years compared, after the country where there is one (ZZZ stands for an invented place)."""
    country = context.survey.survey.country
    years = ", ".join(period.name for period in context.compared)
    return years if country == "ZZZ" else f"{country}, {years}"


def _notes(context: Context) -> Iterator[str]:
    yield from context.survey.map.notes
    if context.reference.simulated is not None:
        yield "limits.simulated"
    rows = read_csv(context.out / "estimates" / "floors.csv")
    yield "limits.map_without_skill" if lost(rows) else "limits.map_with_skill"


def _rasters(context: Context) -> Iterator[RasterLayer]:
    for period in context.compared:
        yield RasterLayer(kind="class", period=period.name, path=context.class_map_path(period.name))
        for crop in context.survey.survey.crops:
            path = context.probability_path(crop, period.name)
            yield RasterLayer(kind="probability", period=period.name, path=path, crop=crop)


def _overlays(context: Context) -> Iterator[OverlayLayer]:
    for index, entry in enumerate(context.survey.overlay):
        yield OverlayLayer(
            name=entry.name, title=entry.title, kind=entry.kind, frame=context.read_overlay(index), label="label"
        )


def _lines(context: Context) -> Iterator[LineLayer]:
    if context.survey.map.rivers is not None:
        yield LineLayer(kind="river", frame=read_layer(context.survey.map.rivers, geometry="line"))
    if context.survey.map.roads is not None:
        yield LineLayer(kind="road", frame=read_layer(context.survey.map.roads, geometry="line"))
