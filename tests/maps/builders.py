"""A small invented country for the tests of maps: units, rasters, figures, overlays."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import geopandas
import numpy as np
import pandas as pd
import shapely
from affine import Affine
from numpy.typing import NDArray
from rasterio.features import rasterize

from geo.areas import MappedArea
from geo.cog import RasterStyle, write_cog
from geo.grid import GeoBox
from geo.legend import Legend, MapClass
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
    HarmFigure,
    LineLayer,
    MappedCount,
    OverlayLayer,
    Page,
    Period,
    RasterLayer,
    Share,
)
from maps.parts import SAMPLE_STATES, CellLayer, FieldLayer, GapLayer, NextPlaces, Parts, SampleLayer

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


def effects() -> pd.DataFrame:
    """Return the effects of a programme: before, after, in rings, and one that too few units bear."""
    common = {
        "outcome": "crop_ha",
        "unit_of_measure": "ha",
        "level": 0.95,
        "note": "",
        "state": "computed",
        "scale": "level",
    }
    rows = [("overall", "programme", -5.8, -6.6, -5.0, 68, 149, "associated with less")]
    rows += [("event", str(year), 0.2 * year, 0.2 * year - 1, 0.2 * year + 1, 68, 149, "") for year in (-3, -2)]
    rows += [("event", str(year), -5.0 - year, -6.5 - year, -3.5 - year, 68, 149, "") for year in (0, 1, 2)]
    rows += [("ring", "ring 0-1 km", np.nan, np.nan, np.nan, np.nan, np.nan, "")]
    rows += [("ring", "ring 1-5 km", 1.1, 0.1, 2.1, 16, 63, "associated with more")]
    rows += [("net", "direct and rings", -344.0, -410.0, -278.0, 139, 250, "associated with less")]
    names = ("scope", "effect", "value", "lo", "hi", "n_treated", "n_control", "finding")
    table = pd.DataFrame(rows, columns=list(names)).assign(**common, p_value=0.01, percent=-20.0)
    table["without_programme"] = np.where(table["scope"] == "overall", 24.5, np.nan)
    table.loc[table["effect"] == "ring 0-1 km", "state"] = "not_estimable"
    return table


def projects() -> pd.DataFrame:
    """Return three projects, one of which serves too few persons to be told."""
    return pd.DataFrame(
        {
            "domain": ["ad:P-1", "ad:P-2", "ad:P-3"],
            "project": ["P-1", "P-2", "P-3"],
            "title": ["Upper valley", "Lower valley", "Western slopes"],
            "status": ["2", "4", "6"],
            "start": "2022-02-01",
            "end": "2024-12-31",
            "areas": [1.0, 2.0, 1.0],
            "ground_ha": [288.0, 167.0, 187.0],
            "households": [84.0, 61.0, np.nan],
            "households_state": ["computed", "computed", "suppressed"],
            "persons": [365.0, 263.0, np.nan],
            "persons_state": ["computed", "computed", "missing"],
        }
    )


def cells(figures: pd.DataFrame, *, side_m: float = 6_000.0, tier: Tier = Tier.PUBLIC) -> CellLayer:
    """Return a grid of squares over the units with indicative figures, one of them hidden."""
    count = int(SIDE_M / side_m)
    corners = [(WEST + col * side_m, NORTH - (row + 1) * side_m) for row in range(count) for col in range(count)]
    names = [f"{int(side_m / 1000)}km:E{round(x / side_m)}N{round(y / side_m)}" for x, y in corners]
    frame = geopandas.GeoDataFrame(
        {"cell": names, "side_km": int(side_m / 1000)},
        geometry=[shapely.box(x, y, x + side_m, y + side_m) for x, y in corners],
        crs=CRS,
    )
    rows = []
    for (crop, period), own in figures[figures["domain"] == FRAME_DOMAIN].groupby(["crop", "period"]):
        whole = float(own["value_ha"].iloc[0])
        share = np.random.default_rng(len(rows)).dirichlet(np.ones(len(names)))
        for index, name in enumerate(names):
            hidden = index == 3
            value = np.nan if hidden else whole * share[index]
            rows.append(
                {
                    "cell": name, "crop": crop, "period": period, "state": "suppressed" if hidden else "estimated",
                    "value_ha": value, "lo_ha": value * 0.4, "hi_ha": value * 1.9, "level": 0.95,
                    "mapped": "" if hidden else "some", "flags": "" if hidden else "INDICATIVE",
                }
            )  # fmt: skip
    return CellLayer(frame=frame, figures=pd.DataFrame(rows), tier=tier)


def zone_figures(figures: pd.DataFrame) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Return figures and changes of the AD layer and of the projects."""
    frame = figures[figures["domain"] == FRAME_DOMAIN]
    parts = [
        ("ad", "Alternative-development areas", 0.3),
        ("ad:P-1", "Upper valley", 0.2),
        ("ad:P-2", "Lower", 0.1),
    ]
    numbers = ["value_ha", "se_ha", "lo_ha", "hi_ha"]
    rows = pd.concat(
        [
            frame.assign(domain=code, domain_name=name, **{n: frame[n] * share for n in numbers})
            for code, name, share in parts
        ],
        ignore_index=True,
    )
    return rows, changes(rows)


def fields(admin: Any, *, count: int = 400, seed: int = 8) -> tuple[FieldLayer, ...]:
    """Return small fields inside the units for each period, made of squares of 10 m as on a map."""
    layers = []
    for number, period in enumerate(PERIODS):
        rng = np.random.default_rng(seed + number)
        x = WEST + rng.random(count) * SIDE_M * 0.9
        y = NORTH - rng.random(count) * SIDE_M * 0.9
        width, height = (10 * rng.integers(3, 30, count) for _ in range(2))
        shapes = shapely.box(x, y - height, x + width, y)
        frame = geopandas.GeoDataFrame(
            {
                "field_id": [f"coca-{period.name}-{n + 1:06d}" for n in range(count)],
                "area_ha": width * height / 1e4,
                "probability": rng.uniform(50, 100, count),
            },
            geometry=shapes,
            crs=CRS,
        )
        layers.append(FieldLayer(crop="coca", period=period.name, frame=frame))
    return tuple(layers)


def sample_units(*, count: int = 60, seed: int = 4) -> SampleLayer:
    """Return sample units in every state."""
    rng = np.random.default_rng(seed)
    x, y = WEST + rng.random(count) * SIDE_M, NORTH - rng.random(count) * SIDE_M
    states = {
        period.name: [SAMPLE_STATES[(n + number) % 5] for n in range(count)]
        for number, period in enumerate(PERIODS)
    }
    frame = geopandas.GeoDataFrame(
        {"unit_id": [f"U{n:03d}" for n in range(count)], **states}, geometry=shapely.points(x, y), crs=CRS
    )
    return SampleLayer(frame=frame)


def next_places(*, count: int = 9, seed: int = 6) -> NextPlaces:
    """Return places to label next."""
    rng = np.random.default_rng(seed)
    x, y = WEST + rng.random(count) * SIDE_M, NORTH - rng.random(count) * SIDE_M
    frame = geopandas.GeoDataFrame(
        {"unit_id": [f"N{n:04d}" for n in range(count)], "uncertainty": 95 - np.arange(count)},
        geometry=shapely.points(x, y),
        crs=CRS,
    )
    return NextPlaces(frame=frame)


def gaps(folder: Path, *, size: int = 240) -> tuple[GapLayer, ...]:
    """Write the number of clear observations of each period, none in a corner."""
    layers = []
    for number, period in enumerate(PERIODS):
        counts = np.full((size, size), 6, dtype=np.uint16)
        counts[: 40 + 20 * number, :50] = 0
        counts[: 60 + 20 * number, 50:90] = 2
        path = folder / f"valid_{period.name}.tif"
        write_cog(path, counts, GeoBox((size, size), _affine((SIDE_M + 2_000) / size), CRS), style=RasterStyle())
        layers.append(GapLayer(period=period.name, path=path, least=3, never_percent=3.5, few_percent=4.2))
    return tuple(layers)


def harms() -> tuple[HarmFigure, ...]:
    """Return the six harms of the last period, one of them not computed."""
    rows = [
        ("deforestation", "at_most", 12.0, 8.0, 17.0, "ha/yr"),
        ("erosion", "potential", 1040.0, -2500.0, 7020.0, "t/yr"),
        ("degradation", "at_most", 23.0, 11.0, 105.0, "ha"),
        ("species", "at_most", 1.4, 0.6, 6.3, "ha"),
        ("gases", "at_most", 330.0, 110.0, 1040.0, "t CO2e"),
    ]
    made = [
        HarmFigure(
            harm=harm, crop="coca", period="2024", state="computed", claim=claim, value=value, lo=lo, hi=hi,
            unit=unit, grade="B",
        )
        for harm, claim, value, lo, hi, unit in rows
    ]  # fmt: skip
    absent = HarmFigure(harm="contamination", crop="coca", period="2024", state="not_computed", claim="potential")
    return (*made[:4], absent, *made[4:])


def product(folder: Path, tier: Tier, **changed: Any) -> Page:
    """Return the page of a product as a run makes it: what belongs to its tier, and no more."""
    base = page(folder)
    figures, admin = base.figures.estimates, base.admin.frame
    if tier is Tier.FIELD:
        parts = Parts(fields=fields(admin), gaps=gaps(folder), sample=sample_units(), next_places=next_places())
        return replace(base, about=about(tier=tier), parts=parts, **changed)
    zones, change = zone_figures(figures)
    parts = Parts(
        effects=effects(), portfolio=projects(), zones=zones, zone_change=change, cells=cells(figures, tier=tier)
    )
    shown = replace(base.figures, mapped=(), harms=harms())
    return replace(base, about=about(tier=tier), figures=shown, rasters=(), parts=parts, **changed)
