"""A small invented country for the tests of maps: units, rasters, figures, overlays."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import geopandas
import numpy as np
import pandas as pd
import shapely
from affine import Affine
from numpy.typing import NDArray
from odc.geo.geobox import GeoBox
from rasterio.features import rasterize

from geo.areas import MappedArea
from geo.legend import Legend, MapClass
from geo.raster import RasterStyle, write_cog
from maps.disclosure import Tier
from maps.page import (
    CHANGE_COLUMNS,
    ESTIMATE_COLUMNS,
    FRAME_DOMAIN,
    About,
    Accuracy,
    AdminLayer,
    ClassAccuracy,
    Figures,
    LineLayer,
    MappedCount,
    OverlayLayer,
    Page,
    Period,
    RasterLayer,
    Share,
)

CRS = "EPSG:32618"
WEST, NORTH, SIDE_M = 500_000.0, 220_000.0, 24_000.0
NAMES = (
    "La Esperanza",
    "Puerto Asunción",
    "San Isidro",
    "Alto Guaviare",
    "Santa Rosa",
    "Villa Nueva",
    "El Mirador",
    "Río Claro",
    "Monte Alto",
    "Las Delicias",
    "Buena Vista",
    "Tres Esquinas",
)
LEGEND = Legend(
    (
        MapClass(code=1, name="coca", colour="#D55E00", crop=True),
        MapClass(code=2, name="forest", colour="#4C8C4A"),
        MapClass(code=3, name="pasture", colour="#D9D98B"),
        MapClass(code=4, name="coffee", colour="#8C6BB1"),
        MapClass(code=5, name="water", colour="#6BAED6"),
    )
)
PERIODS = (
    Period(name="2022", role="baseline", reference_date="2022-12-31"),
    Period(name="2023", role="other", reference_date="2023-12-31"),
    Period(name="2024", role="current", reference_date="2024-12-31"),
)


def units(count: int = 12, *, seed: int = 3, names: tuple[str, ...] = NAMES) -> geopandas.GeoDataFrame:
    """Return a coverage of Voronoi cells with wavy edges, codes with a leading zero."""
    rng = np.random.default_rng(seed)
    frame = shapely.box(WEST, NORTH - SIDE_M, WEST + SIDE_M, NORTH)
    seeds = shapely.MultiPoint(
        np.column_stack([WEST + rng.random(count) * SIDE_M, NORTH - rng.random(count) * SIDE_M])
    )
    cells = shapely.get_parts(shapely.voronoi_polygons(seeds, extend_to=frame))
    cells = shapely.intersection(cells, frame)
    bent = shapely.transform(shapely.segmentize(cells, SIDE_M / 100), _wave)
    order = np.lexsort(shapely.get_coordinates(shapely.centroid(bent)).T)
    return geopandas.GeoDataFrame(
        {
            "code": [f"05{number:03d}" for number in range(count)],
            "name": [
                names[number] if number < len(names) else f"{names[number % len(names)]} {number}"
                for number in range(count)
            ],
        },
        geometry=bent[order],
        crs=CRS,
    )


def _wave(xy: NDArray[np.float64]) -> NDArray[np.float64]:
    x, y = xy.T / SIDE_M * 2 * np.pi
    return np.column_stack(
        [
            xy[:, 0] + 520 * np.sin(2.3 * y) + 160 * np.sin(9 * y),
            xy[:, 1] + 460 * np.sin(2.9 * x + 1) + 150 * np.cos(8 * x),
        ]
    )


def estimates(
    admin: Any, *, crops: tuple[str, ...] = ("coca",), periods: Any = PERIODS, seed: int = 5
) -> pd.DataFrame:
    """Return figures with every state that a cell can have, and flags."""
    rng = np.random.default_rng(seed)
    rows = []
    for crop in crops:
        base = rng.gamma(1.6, 110, len(admin))
        for number, period in enumerate(periods):
            values = base * (1 + 0.16 * number * rng.normal(0.3, 1, len(admin))).clip(0.1)
            for index, (code, name) in enumerate(zip(admin["code"], admin["name"], strict=True)):
                rows.append(_row(crop, period, code, name, values[index], rng, index))
            rows.append(_row(crop, period, FRAME_DOMAIN, "Whole area", float(values.sum()), rng, -1))
    return pd.DataFrame(rows)


def _row(crop: str, period: Period, code: str, name: str, value: float, rng: Any, index: int) -> dict[str, Any]:
    state = {4: "suppressed", 7: "not_surveyed", 9: "zero"}.get(index, "estimated")
    spread = 0.08 if index < 0 else 0.9 if index in (2, 6) else float(rng.uniform(0.15, 0.4))
    value = 0.0 if state == "zero" else value
    numbers: dict[str, Any] = {
        "value_ha": value,
        "se_ha": value * spread / 1.96,
        "lo_ha": max(0.0, value * (1 - spread)),
        "hi_ha": value * (1 + 1.15 * spread),
    }
    if state == "zero":
        numbers = {"value_ha": 0.0, "se_ha": 0.0, "lo_ha": 0.0, "hi_ha": 3.2}
    if state in ("suppressed", "not_surveyed"):
        numbers = dict.fromkeys(numbers, np.nan)
    row = {
        "crop": crop,
        "period": period.name,
        "domain": code,
        "domain_name": name,
        "state": state,
        **numbers,
        "level": 0.95,
        "n": 612 if index < 0 else 40 + index,
        "method": "stratified; mover-jeffreys",
        "kind": period.kind,
        "reference_date": period.reference_date,
        "source": "Example survey",
        "vintage": "2025-03",
        "flags": "LOW_COUNT" if index == 5 else "",
    }
    assert tuple(row)[: len(ESTIMATE_COLUMNS)] == ESTIMATE_COLUMNS
    return row


def changes(
    figures: pd.DataFrame, pairs: tuple[tuple[str, str], ...] = (("2022", "2024"), ("2023", "2024"))
) -> pd.DataFrame:
    """Return differences of two periods with a verdict from their interval."""
    rows = []
    for crop in figures["crop"].unique():
        for first, last in pairs:
            one = figures[(figures["crop"] == crop) & (figures["period"] == first)].set_index("domain")
            two = figures[(figures["crop"] == crop) & (figures["period"] == last)].set_index("domain")
            for domain in one.index:
                if one.loc[domain, "state"] != "estimated":
                    continue
                difference = two.loc[domain, "value_ha"] - one.loc[domain, "value_ha"]
                se = float(np.hypot(one.loc[domain, "se_ha"], two.loc[domain, "se_ha"])) * 0.6
                lo, hi = difference - 1.96 * se, difference + 1.96 * se
                verdict = "increase" if lo > 0 else "decrease" if hi < 0 else "no significant change"
                rows.append((crop, first, last, domain, difference, se, lo, hi, 0.02, verdict, "paired sample"))
    return pd.DataFrame(rows, columns=list(CHANGE_COLUMNS))


def rasters(folder: Path, admin: Any, *, size: int = 240) -> tuple[RasterLayer, ...]:
    """Write a class map and a probability map for each period."""
    step = (SIDE_M + 2_000) / size
    geobox = GeoBox((size, size), _affine(step), CRS)
    y, x = np.mgrid[0:size, 0:size] / size
    layers = []
    inside = (
        rasterize([shapely.union_all(admin.geometry.values)], out_shape=(size, size), transform=geobox.transform)
        == 1
    )
    for number, period in enumerate(PERIODS):
        rng = np.random.default_rng(number)
        noise = _smooth(rng.random((size, size)))
        field = noise + 0.35 * np.sin(7 * x + 2 * y) * np.cos(5 * y)
        codes = np.select([field > 0.82, field > 0.42, field > 0.2, field > 0.0], [1, 2, 3, 4], 2).astype(np.uint8)
        codes[np.abs(x - 0.5 - 0.1 * np.sin(8 * y)) < 0.006] = 5
        codes[(x - 0.2) ** 2 + (y - 0.75) ** 2 < 0.004] = 255
        codes[~inside] = 0
        probability = np.clip((field - 0.45) * 1.9, 0, 1).astype(np.float32)
        probability[~inside] = np.nan
        write_cog(folder / f"class_{period.name}.tif", codes, geobox, style=RasterStyle(nodata=0))
        write_cog(
            folder / f"probability_{period.name}.tif", probability, geobox, style=RasterStyle(nodata=float("nan"))
        )
        layers.append(
            RasterLayer(
                kind="class", period=period.name, path=folder / f"class_{period.name}.tif", tier=Tier.PUBLIC
            )
        )
        layers.append(
            RasterLayer(
                kind="probability",
                period=period.name,
                crop="coca",
                path=folder / f"probability_{period.name}.tif",
                tier=Tier.PUBLIC,
            )
        )
    return tuple(layers)


def elevation(folder: Path, *, size: int = 300) -> Path:
    """Write hills of a few hundred metres, somewhat wider than the units."""
    rng = np.random.default_rng(11)
    hills = sum(
        _smooth(rng.random((size, size)), times=times) * height
        for times, height in ((400, 900), (90, 260), (20, 60))
    )
    write_cog(
        folder / "dem.tif",
        hills.astype(np.float32),
        GeoBox((size, size), _affine((SIDE_M + 6_000) / size, 3_000), CRS),
    )
    return folder / "dem.tif"


def _affine(step: float, margin: float = 1_000) -> Any:
    return Affine(step, 0, WEST - margin, 0, -step, NORTH + margin)


def _smooth(noise: NDArray[np.float64], times: int = 6) -> NDArray[np.float64]:
    for _ in range(times):
        noise = sum(np.roll(noise, shift, axis) for axis in (0, 1) for shift in (-1, 0, 1)) / 6
    return (noise - noise.min()) / np.ptp(noise)


def overlays() -> tuple[OverlayLayer, ...]:
    """Return AD areas, a protected area and indigenous land."""
    centre = (WEST + SIDE_M / 2, NORTH - SIDE_M / 2)
    ad_areas = geopandas.GeoDataFrame(
        {"ad_name": ["Cacao cooperative", "Road and coffee"]},
        geometry=[
            shapely.Point(centre[0] - 5_000, centre[1] + 4_000).buffer(3_000, quad_segs=3),
            shapely.box(centre[0] + 2_000, centre[1] - 6_500, centre[0] + 7_000, centre[1] - 2_000),
        ],
        crs=CRS,
    )
    park = geopandas.GeoDataFrame(
        {"name": ["Cloud forest park"]},
        geometry=[shapely.Point(centre[0] + 5_500, centre[1] + 6_500).buffer(3_600)],
        crs=CRS,
    )
    land = geopandas.GeoDataFrame(
        {"name": ["Upper valley"]},
        geometry=[shapely.box(WEST + 1_000, NORTH - 21_000, WEST + 8_500, NORTH - 16_000)],
        crs=CRS,
    )
    return (
        OverlayLayer(
            name="protected", title="Protected areas", kind="protected", frame=park, label="name", tier=Tier.PUBLIC
        ),
        OverlayLayer(
            name="indigenous",
            title="Indigenous lands",
            kind="indigenous",
            frame=land,
            label="name",
            tier=Tier.PUBLIC,
        ),
        OverlayLayer(
            name="ad",
            title="Alternative-development areas",
            kind="ad_area",
            frame=ad_areas,
            label="ad_name",
            tier=Tier.PUBLIC,
        ),
    )


def lines() -> tuple[LineLayer, ...]:
    """Return a river and a road."""
    t = np.linspace(0, 1, 60)
    river = shapely.LineString(np.column_stack([WEST + SIDE_M * (0.5 + 0.1 * np.sin(8 * t)), NORTH - SIDE_M * t]))
    road = shapely.LineString(np.column_stack([WEST + SIDE_M * t, NORTH - SIDE_M * (0.35 + 0.08 * np.cos(6 * t))]))
    return tuple(
        LineLayer(
            kind=kind, frame=geopandas.GeoDataFrame({"name": [kind]}, geometry=[shape], crs=CRS), tier=Tier.PUBLIC
        )
        for kind, shape in (("river", river), ("road", road))
    )


def accuracy() -> tuple[Accuracy, ...]:
    """Return the accuracy of every class map."""
    return tuple(
        Accuracy(
            period=period.name,
            overall=Share(value=0.931, lo=0.908, hi=0.949),
            n=612,
            classes=(
                ClassAccuracy(
                    name="coca",
                    users=Share(value=0.84, lo=0.77, hi=0.89),
                    producers=Share(value=0.71, lo=0.6, hi=0.8),
                ),
                ClassAccuracy(
                    name="forest",
                    users=Share(value=0.97, lo=0.95, hi=0.98),
                    producers=Share(value=0.96, lo=0.94, hi=0.98),
                ),
            ),
            method="stratified",
        )
        for period in PERIODS
    )


def about(**changed: Any) -> About:
    """Return the names of a public page."""
    given: dict[str, Any] = {
        "title": "Coca cultivation and alternative development, Example Valley",
        "subtitle": "Baseline 2022 against 2024",
        "sources": "Sentinel-2 imagery; area frame and field work of the example survey.",
        "run_id": "3f2a91c0",
        "tier": Tier.PUBLIC,
    }
    return About(**{**given, **changed})


def page(
    folder: Path,
    *,
    count: int = 12,
    names: tuple[str, ...] = NAMES,
    crops: tuple[str, ...] = ("coca",),
    **changed: Any,
) -> Page:
    """Return a whole page; `changed` replaces its parts."""
    admin = units(count, names=names)
    table = estimates(admin, crops=crops)
    frame = table[(table["domain"] == FRAME_DOMAIN) & (table["crop"] == crops[0])]
    mapped = tuple(
        MappedCount(
            period=row.period, area=MappedArea(class_name=crops[0], area_ha=row.value_ha * 1.31, cells=1000)
        )
        for row in frame.itertuples()
    )
    given: dict[str, Any] = {
        "about": about(),
        "figures": Figures(estimates=table, change=changes(table), accuracy=accuracy(), mapped=mapped),
        "crops": crops,
        "periods": PERIODS,
        "legend": LEGEND,
        "admin": AdminLayer(frame=admin, tier=Tier.PUBLIC, title="Districts"),
        "rasters": rasters(folder, admin),
        "overlays": overlays(),
        "lines": lines(),
        "elevation": elevation(folder),
    }
    return Page(**{**given, **changed})
