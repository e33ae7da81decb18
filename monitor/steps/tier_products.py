"""Steps ``map``, ``report`` and ``export`` of tiers 1 and 2: what the programme and the public may have."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import replace
from datetime import date
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from geo.files import atomic, write_text
from geo.vector import read_layer, write_gpkg
from maps.disclosure.leak import require_no_leak
from maps.disclosure.product import SafeProduct, read_product
from maps.disclosure.release import RECORD_NAME, read_key, write_release
from maps.disclosure.tier import Tier, require_tier
from maps.exchange.figure_layer import figure_layer
from maps.page import (
    ESTIMATE_COLUMNS,
    About,
    Accuracy,
    AdminLayer,
    ClassAccuracy,
    Figures,
    HarmFigure,
    LineLayer,
    OverlayLayer,
    Page,
    Period,
)
from maps.parts import CellLayer, Parts
from maps.report.content import build
from maps.report.html import html_report
from maps.report.pdf import pdf_report
from maps.sheets import render_within
from maps.table import csv_text, write_workbook
from maps.text import plain
from monitor.context import Context, Progress
from monitor.gate import require_approved
from monitor.needles import needles_of, official_needles
from monitor.official_page import official_page
from monitor.official_release import OFFICIAL_CRS
from monitor.places import rules_of
from monitor.stamp import COLUMN
from monitor.steps.disclosure import approved_digest
from monitor.steps.export import shared_files
from monitor.steps.products import share_of

__all__ = ["tier_page", "write_export", "write_map", "write_report", "write_shapes"]

LIMITS = ("limits.tier_places", "limits.tier_rounded", "limits.tier_cells")
"""Notes at the foot of a tier's page, by key of the catalogue."""


def write_map(
    context: Context, staging: Path, progress: Progress, *, tier: Tier, language: str, today: date
) -> Mapping[str, Any]:
    """Write the page and the workbook of a tier, with the record of their release."""

    def write(product: SafeProduct, folder: Path) -> None:
        page = tier_page(context, product, language)
        for name, text in render_within(page).items():
            write_text(folder / name, text)
        write_workbook(folder / "tables.xlsx", page.figures, page.about, language_code=language)

    return _released(context, staging, progress, "map", tier, today, write)


def write_report(
    context: Context, staging: Path, progress: Progress, *, tier: Tier, language: str, today: date
) -> Mapping[str, Any]:
    """Write the survey report of a tier as HTML and PDF, from its released tables alone."""

    def write(product: SafeProduct, folder: Path) -> None:
        report = build(tier_page(context, product, language))
        write_text(folder / "report.html", html_report(report))
        with atomic(folder / "report.pdf") as part:
            part.write_bytes(pdf_report(report))

    return _released(context, staging, progress, "report", tier, today, write)


def write_export(
    context: Context, staging: Path, progress: Progress, *, tier: Tier, today: date
) -> Mapping[str, Any]:
    """Write the files of a tier for other programs, with the record of their release."""

    def write(product: SafeProduct, folder: Path) -> None:
        run = context.identify()
        for name, table in product.tables.items():
            if not table.empty:
                write_text(folder / f"{name}.csv", csv_text(table.assign(**{COLUMN: run})))
        shared_files(context, product.tables["estimates"], folder)
        write_shapes(context, product, folder)

    return _released(context, staging, progress, "export", tier, today, write)


def _released(
    context: Context,
    staging: Path,
    progress: Progress,
    what: str,
    tier: Tier,
    today: date,
    write: Callable[[SafeProduct, Path], None],
) -> Mapping[str, Any]:
    """Let files be written only when the tables are approved, and leave only when nothing strict is in them."""
    tables = approved_digest(context.out / "disclosure", tier)
    offices = require_approved(context, tier, tables, today)
    official = context.survey.official is not None
    crs = OFFICIAL_CRS if official else str(context.frame.geobox.crs)
    product = read_product(context.out / "disclosure", tier, crs=crs)
    folder = staging / "products" / str(int(tier))
    write(product, folder)
    progress(1, 2)
    names = [path.relative_to(folder).as_posix() for path in sorted(folder.rglob("*")) if path.is_file()]
    path = context.survey.disclosure.signing_key
    key = None if path is None else read_key(path, outside=(context.root, context.out))
    write_release(folder, what, _record(context, product, tables, offices), key, names)
    searched = require_no_leak(
        folder,
        [*names, RECORD_NAME.format(what)],
        (official_needles if official else needles_of)(context, product),
        suffixes=rules_of(context)[tier].suffixes,
    )
    progress(2, 2)
    return {"tables": tables, "bytes_searched": searched, "offices": list(offices)}


def _record(context: Context, product: SafeProduct, tables: str, offices: Iterable[str]) -> dict[str, Any]:
    survey, section = context.survey, context.survey.disclosure
    return {
        "survey": survey.survey.name,
        "title": survey.survey.title,
        "tier": int(product.tier),
        "tables": tables,
        "approved_by": list(offices),
        "households": "figures of an authority, no fields counted"
        if survey.official is not None
        else "counted"
        if section.households is not None
        else section.without_households or "not counted",
        "decision": product.decision.as_public_record(),
    }


def tier_page(context: Context, product: SafeProduct, language: str) -> Page:
    """Return the page of a tier: units and what may lie over them; no raster, no point."""
    survey, tier = context.survey, product.tier
    if survey.official is not None:
        return _official_tier_page(context, product, language)
    overlays = [(index, entry) for index, entry in enumerate(survey.overlay) if entry.tier >= tier]
    shown = survey.map.tier >= tier
    return Page(
        about=About(
            title=survey.survey.title,
            subtitle=", ".join(period.name for period in context.compared),
            sources=survey.map.sources,
            disclaimer=survey.map.disclaimer,
            notes=(*survey.map.notes, *LIMITS),
            run_id=context.identify(),  # a hash; the seed itself would draw the sample again
            tier=tier,
            round_ha=float(product.decision.rules["round_ha"]),
        ),
        figures=tier_figures(product),
        crops=tuple(survey.survey.crops),
        periods=tuple(
            Period(name=p.name, role=p.role, kind=p.kind, reference_date=p.reference_date.isoformat())
            for p in context.compared
        ),
        legend=context.profile.legend,
        admin=AdminLayer(frame=context.frame.admin, title="Administrative units", tier=Tier(survey.area.tier)),
        overlays=tuple(
            OverlayLayer(
                name=entry.name,
                title=entry.title,
                kind=entry.kind,
                frame=context.read_overlay(index),
                label="label",
                tier=Tier(entry.tier),
            )
            for index, entry in overlays
        ),
        lines=tuple(_lines(context)) if shown else (),
        elevation=survey.map.elevation if shown else None,
        language=language,
        parts=tier_parts(product),
    )


def _official_tier_page(context: Context, product: SafeProduct, language: str) -> Page:
    """Return the page of a tier of an official series: the field page's, with what was released and no more."""
    survey, tier = context.survey, product.tier
    page = official_page(context, language)
    tiers = {entry.name: Tier(entry.tier) for entry in survey.overlay}
    overlays = [replace(one, tier=tiers[one.name]) for one in page.overlays if tiers[one.name] >= tier]
    shown = survey.map.tier >= tier
    return replace(
        page,
        about=replace(page.about, tier=tier),
        figures=tier_figures(product),
        admin=replace(page.admin, tier=Tier(survey.area.tier)),
        overlays=tuple(overlays),
        lines=tuple(replace(line, tier=Tier(survey.map.tier)) for line in page.lines) if shown else (),
        elevation=page.elevation if shown else None,
        parts=tier_parts(product),
    )


def tier_parts(product: SafeProduct) -> Parts:
    """Return what the tier may have beside the figures of its units."""
    tables = product.tables
    cells = None
    if not tables["cells"].empty:
        cells = CellLayer(frame=product.cells(), figures=tables["cells"], tier=product.tier)
    given = {name: tables[name] for name in ("effects", "portfolio") if not tables[name].empty}
    return Parts(zones=tables["zones"], zone_change=tables["zone_change"], cells=cells, **given)


def tier_figures(product: SafeProduct) -> Figures:
    """Return the safe tables as the figures of a page; columns that the tier may not have are empty."""
    estimates, change = product.tables["estimates"], product.tables["change"]
    for column in ESTIMATE_COLUMNS:
        if column not in estimates:
            estimates = estimates.assign(**{column: np.nan})
    figures = {"change": change.drop(columns=["domain_name", "state"]).assign(se_ha=np.nan)} if len(change) else {}
    # Zones of a tier stand each by itself, as those of the table `alone`
    names = {"zones": "alone"} | {n: n for n in ("zone_change", "cells", "effects", "portfolio", "permanence")}
    extra = [(known, product.tables[name]) for name, known in names.items() if not product.tables[name].empty]
    return Figures(
        estimates=estimates,
        extra=tuple(extra),
        accuracy=tuple(_accuracies(product)),
        harms=tuple(_harms(product.tables["harms"])),
        **figures,
    )


def _accuracies(product: SafeProduct) -> Iterator[Accuracy]:
    """Yield the accuracy of each map from the rounded shares, with limits as the field product makes them."""
    table = product.tables["accuracy"]
    levels = product.tables["estimates"]["level"].dropna()
    level = float(levels.iloc[0]) if len(levels) else 0.95
    for period, rows in table.groupby("period", sort=False) if len(table) else ():
        share = {
            (str(row["measure"]), str(row["class"])): share_of(row, level)
            for _, row in rows.iterrows()
            if np.isfinite(row["se"]) and row["se"] > 0
        }
        classes = [name for measure, name in share if measure == "users" and ("producers", name) in share]
        if ("overall", "") not in share:
            continue
        counts = rows.loc[rows["measure"] == "overall", "n"] if "n" in rows else pd.Series(dtype=float)
        yield Accuracy(
            period=str(period),
            overall=share["overall", ""],
            n=int(counts.iloc[0]) if len(counts) else 0,
            classes=tuple(
                ClassAccuracy(name=name, users=share["users", name], producers=share["producers", name])
                for name in classes
            ),
            level=level,
            method="stratified; Jeffreys interval at the effective sample size, of rounded shares",
        )


def _harms(table: pd.DataFrame) -> Iterator[HarmFigure]:
    for row in table.to_dict("records"):
        yield HarmFigure(
            harm=str(row["harm"]),
            crop=str(row["crop"]),
            period=str(row["period"]),
            state=str(row["state"]),
            claim=row["claim"],
            value=float(row["value"]),
            lo=float(row["lo"]),
            hi=float(row["hi"]),
            unit=str(row["unit"]),
            grade=str(row["grade"]),
            level=float(row["level"]),
            rough="LOW_COUNT" in str(row["flags"]),
        )


def _lines(context: Context) -> Iterable[LineLayer]:
    survey = context.survey
    tier = Tier(survey.map.tier)
    if survey.map.rivers is not None:
        yield LineLayer(kind="river", frame=read_layer(survey.map.rivers, geometry="line"), tier=tier)
    if survey.map.roads is not None:
        yield LineLayer(kind="road", frame=read_layer(survey.map.roads, geometry="line"), tier=tier)


def write_shapes(context: Context, product: SafeProduct, folder: Path) -> None:
    """Write cells and units with their shapes: a GeoPackage for the programme, GeoJSON for both."""
    admin_tier = Tier(context.survey.area.tier)
    require_tier(admin_tier, product.tier, where="administrative units")
    official = context.survey.official is not None
    admin = official_page(context, "en").admin.frame if official else context.frame.admin
    layers = {"units": ("Administrative units", product.unit_figures(admin, tier=admin_tier))}
    if not product.tables["cells"].empty:
        layers = {"cells": ("Cells", product.cell_figures()), **layers}
    run = context.identify()
    layers = {name: (title, frame.assign(**{COLUMN: run})) for name, (title, frame) in layers.items()}
    for name, (_, frame) in layers.items():
        write_text(folder / f"{name}.geojson", geojson_text(frame))
    if product.tier is Tier.PROGRAMME:
        crop, period = context.survey.survey.crops[0], context.compared[-1].name
        write_gpkg(
            folder / "data.gpkg",
            {
                name: figure_layer(frame, title=title, crop=crop, period=period, tier=product.tier)
                for name, (title, frame) in layers.items()
            },
        )


def geojson_text(frame: Any) -> str:
    """Return a layer as GeoJSON (RFC 7946): WGS 84, six decimals, plain texts, missing values null."""
    texts = [
        name
        for name in frame.columns
        if name != frame.geometry.name and not pd.api.types.is_numeric_dtype(frame[name])
    ]
    degrees = frame.assign(**{name: frame[name].map(plain, na_action="ignore") for name in texts})
    degrees = degrees.to_crs("EPSG:4326")
    degrees = degrees.set_geometry(degrees.geometry.set_precision(1e-6, mode="pointwise"))
    content = json.loads(degrees.to_json(drop_id=True))
    content.pop("crs", None)
    return json.dumps(content, ensure_ascii=False, separators=(",", ":"), allow_nan=False) + "\n"
