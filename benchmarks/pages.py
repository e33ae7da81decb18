"""Size, time to be ready and memory of the largest pages: python -m benchmarks.pages [programme] [field].

A programme page with 20,000 polygons and relief from a raster of 4096 x 4096, and a sheet of the field office with
50,000 fields, a class map and a probability map of 4096 x 4096 for each of two years. Each is opened in headless
Chromium without a network, at four-fold CPU throttling; heap is taken after garbage was collected. Beside the time
on the clock stands four times the processor time of the page's thread, which other work does not lengthen.
"""

from __future__ import annotations

import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import geopandas
import numpy as np
import pandas as pd
import shapely
from affine import Affine

from geo.cog import RasterStyle, write_cog
from geo.grid import GeoBox
from geo.legend import Legend, MapClass
from maps.disclosure import Tier
from maps.page import ESTIMATE_COLUMNS, FRAME_DOMAIN, About, AdminLayer, Figures, Page, Period, RasterLayer
from maps.parts import CellLayer, FieldLayer, Parts, SampleLayer
from maps.sheets import BUDGETS, render_within

CRS = "EPSG:32618"
WEST, NORTH = 400_000.0, 400_000.0
SIZE = 4096
PERIODS = (
    Period(name="2020", role="baseline", reference_date="2020-12-31"),
    Period(name="2024", role="current", reference_date="2024-12-31"),
)
LEGEND = Legend(
    (
        MapClass(code=1, name="coca", colour="#D55E00", crop=True),
        MapClass(code=2, name="forest", colour="#4C8C4A"),
        MapClass(code=3, name="pasture", colour="#D9D98B"),
        MapClass(code=4, name="coffee", colour="#8C6BB1"),
        MapClass(code=5, name="water", colour="#6BAED6"),
        MapClass(code=6, name="maize", colour="#E6AB02"),
        MapClass(code=7, name="bare_soil", colour="#BDBDBD"),
    )
)
SHOW_ALL = """() => new Promise((done) => {
  const from = performance.now();
  const last = [...document.getElementsByName('theme')].pop();
  if (last) last.click();
  requestAnimationFrame(() => requestAnimationFrame(() => done(performance.now() - from)));
})"""
"""Chooses the last theme, whose picture or cells are made then; returns the milliseconds until they are drawn."""
READY = """() => {
  window.readyAt = null;
  new MutationObserver((_, watcher) => {
    if (document.documentElement && document.documentElement.dataset.ready === 'yes') {
      window.readyAt = performance.now();
      watcher.disconnect();
    }
  }).observe(document, { attributes: true, subtree: true, attributeFilter: ['data-ready'] });
}"""


def programme_page(folder: Path, count: int = 20_000) -> Page:
    """Return a page of tier 1: units and as many cells as make `count` polygons."""
    rng = np.random.default_rng(1)
    units = 64
    side = int(np.sqrt(count - units))
    km = 1_000.0
    span = side * km
    x, y = (grid.ravel() for grid in np.meshgrid(np.arange(side), np.arange(side)))
    left, low = WEST + x * km, NORTH - (y + 1) * km
    frame = geopandas.GeoDataFrame(
        {"cell": [f"1km:E{int(a / km)}N{int(b / km)}" for a, b in zip(left, low, strict=True)], "side_km": 1},
        geometry=shapely.box(left, low, left + km, low + km),
        crs=CRS,
    )
    rows = []
    for period in PERIODS:
        value = np.round(rng.gamma(0.8, 6.0, len(frame)))
        rows.append(
            pd.DataFrame(
                {
                    "cell": frame["cell"],
                    "crop": "coca",
                    "period": period.name,
                    "state": "estimated",
                    "value_ha": value,
                    "lo_ha": np.floor(value * 0.4),
                    "hi_ha": np.ceil(value * 1.9) + 1,
                    "level": 0.95,
                    "mapped": np.where(value > 0, "some", "none"),
                    "flags": "INDICATIVE",
                }
            )
        )
    cells = CellLayer(frame=frame, figures=pd.concat(rows), tier=Tier.PROGRAMME)
    return _page(folder, Tier.PROGRAMME, span, Parts(cells=cells), units=units)


def field_page(folder: Path, count: int = 50_000) -> Page:
    """Return a page of tier 0: half of `count` fields in each of two years, with class and probability maps."""
    span = 40_960.0
    fields = []
    for number, period in enumerate(PERIODS):
        rng = np.random.default_rng(number)
        own = count // 2
        x = WEST + 200 + rng.random(own) * (span - 400)
        y = NORTH - 200 - rng.random(own) * (span - 400)
        angle = np.sort(rng.random((own, 9)), axis=1) * 2 * np.pi
        radius = rng.uniform(30, 90, (own, 9))
        rings = np.stack([x[:, None] + radius * np.cos(angle), y[:, None] + radius * np.sin(angle)], axis=-1)
        shapes = shapely.polygons(shapely.linearrings(np.concatenate([rings, rings[:, :1]], axis=1)))
        frame = geopandas.GeoDataFrame(
            {
                "field_id": [f"coca-{period.name}-{n + 1:06d}" for n in range(own)],
                "area_ha": shapely.area(shapes) / 1e4,
                "probability": rng.uniform(50, 100, own),
            },
            geometry=shapes,
            crs=CRS,
        )
        fields.append(FieldLayer(crop="coca", period=period.name, frame=frame))
    rng = np.random.default_rng(9)
    points = shapely.points(WEST + rng.random(2_000) * span, NORTH - rng.random(2_000) * span)
    sample = geopandas.GeoDataFrame(
        {"unit_id": [f"U{n:04d}" for n in range(2_000)], "2020": "agreed", "2024": "one_reading"},
        geometry=points,
        crs=CRS,
    )
    parts = Parts(fields=tuple(fields), sample=SampleLayer(frame=sample))
    return _page(folder, Tier.FIELD, span, parts, units=64, rasters=tuple(_rasters(folder, span)))


def unit_page(folder: Path, count: int = 20_000) -> Page:
    """Return a page of tier 1 whose units are `count` polygons, as villages may be."""
    return _page(folder, Tier.PROGRAMME, 140_000.0, Parts(), units=count)


def _page(
    folder: Path, tier: Tier, span: float, parts: Parts, *, units: int, rasters: tuple[RasterLayer, ...] = ()
) -> Page:
    admin = _units(span, units)
    return Page(
        about=About(title=f"Synthetic {tier.name.lower()}", tier=tier),
        figures=Figures(estimates=_estimates(admin)),
        crops=("coca",),
        periods=PERIODS,
        legend=LEGEND,
        admin=AdminLayer(frame=admin, tier=Tier.PUBLIC),
        rasters=rasters,
        elevation=_relief(folder, span),
        parts=parts,
    )


def _units(span: float, count: int) -> geopandas.GeoDataFrame:
    rng = np.random.default_rng(2)
    frame = shapely.box(WEST, NORTH - span, WEST + span, NORTH)
    seeds = shapely.MultiPoint(np.column_stack([WEST + rng.random(count) * span, NORTH - rng.random(count) * span]))
    cells = shapely.intersection(shapely.get_parts(shapely.voronoi_polygons(seeds, extend_to=frame)), frame)
    codes = [f"{n:05d}" for n in range(count)]
    return geopandas.GeoDataFrame({"code": codes, "name": [f"Unit {n}" for n in codes]}, geometry=cells, crs=CRS)


def _estimates(admin: Any) -> pd.DataFrame:
    rng = np.random.default_rng(3)
    rows = []
    for period in PERIODS:
        value = np.round(np.append(rng.gamma(1.5, 40, len(admin)), 60.0 * len(admin)))  # as tier 1 has them
        rows.append(
            pd.DataFrame(
                {
                    "crop": "coca",
                    "period": period.name,
                    "domain": [*admin["code"], FRAME_DOMAIN],
                    "domain_name": [*admin["name"], "Whole"],
                    "state": "estimated",
                    "value_ha": value,
                    "se_ha": np.nan,
                    "lo_ha": np.floor(value * 0.6),
                    "hi_ha": np.ceil(value * 1.5),
                    "level": 0.95,
                    "n": 40,
                    "method": "stratified",
                    "kind": "stock",
                    "reference_date": period.reference_date,
                    "source": "synthetic",
                    "vintage": "",
                }
            )[list(ESTIMATE_COLUMNS)]
        )
    return pd.concat(rows, ignore_index=True)


def _relief(folder: Path, span: float) -> Path:
    y, x = np.mgrid[0:SIZE, 0:SIZE] / SIZE
    hills = 400 * np.sin(9 * x + 3 * y) * np.cos(7 * y) + 90 * np.sin(60 * x * y + 20 * x)
    path = folder / f"dem_{span:.0f}.tif"
    write_cog(path, hills.astype(np.float32), _geobox(span))
    return path


def _rasters(folder: Path, span: float) -> Any:
    y, x = np.mgrid[0:SIZE, 0:SIZE] / SIZE
    for number, period in enumerate(PERIODS):
        rng = np.random.default_rng(number)
        field = np.sin(31 * x + 5 * y) * np.cos(27 * y) + 0.3 * np.sin(140 * x * y)
        codes = np.digitize(field, [-0.9, -0.5, -0.1, 0.2, 0.6, 0.95]).astype(np.uint8) + 1
        speckle = rng.random(codes.shape) < 0.03
        codes[speckle] = rng.integers(1, 8, int(speckle.sum()))
        write_cog(folder / f"class_{period.name}.tif", codes, _geobox(span), style=RasterStyle(nodata=0))
        yield RasterLayer(kind="class", period=period.name, path=folder / f"class_{period.name}.tif")
        percent = np.clip(50 + 50 * field, 0, 100).astype(np.uint8)
        path = folder / f"probability_{period.name}.tif"
        write_cog(path, percent, _geobox(span), style=RasterStyle(nodata=255))
        yield RasterLayer(kind="probability", period=period.name, path=path, crop="coca")


def _geobox(span: float) -> GeoBox:
    return GeoBox((SIZE, SIZE), Affine(span / SIZE, 0, WEST, 0, -span / SIZE, NORTH), CRS)


def opened(browser: Any, path: Path, *, throttle: int = 4) -> dict[str, float]:
    """Open a page without a network and return its seconds, heap and what it said.

    Parameters
    ----------
    browser
        Of Playwright.
    path
        The page.
    throttle
        Times that the processor is slowed down.

    Returns
    -------
    dict
        ``ready_s`` on the clock when slowed down; ``processor_s`` of the page's thread without slowing, the
        last theme shown as well; ``heap_mb`` then; ``theme_ms`` and ``pan_ms`` to show that theme, and to draw
        again after a move, when slowed down; ``said`` messages of the console.
    """
    told: dict[str, float] = {}
    for slow in (1, throttle):
        context = browser.new_context(viewport={"width": 1280, "height": 800})
        context.set_offline(True)
        tab = context.new_page()
        said: list[str] = []
        tab.on("console", lambda message, said=said: said.append(message.text))
        tab.on("pageerror", lambda error, said=said: said.append(str(error)))
        tab.add_init_script(f"({READY})()")
        session = context.new_cdp_session(tab)
        session.send("Performance.enable", {"timeDomain": "threadTicks"})
        session.send("Emulation.setCPUThrottlingRate", {"rate": slow})
        tab.goto(path.as_uri())
        tab.locator("html[data-ready=yes]").wait_for(state="attached", timeout=120_000)
        told["said"] = told.get("said", 0) + len(said)
        if slow == 1:
            tab.evaluate(SHOW_ALL)
            metrics = session.send("Performance.getMetrics")["metrics"]
            told["processor_s"] = next(one["value"] for one in metrics if one["name"] == "TaskDuration")
            session.send("HeapProfiler.collectGarbage")
            used = session.send("Runtime.getHeapUsage")
            told["heap_mb"] = (used["usedSize"] + used.get("backingStorageSize", 0)) / 1e6  # typed arrays as well
        else:
            told["ready_s"] = tab.evaluate("() => window.readyAt") / 1000
            told["theme_ms"] = tab.evaluate(SHOW_ALL)
            told["pan_ms"] = tab.evaluate(
                """() => new Promise((done) => {
                  const map = layers.map(), from = performance.now();
                  map.panBy([300, 200], { animate: false });
                  requestAnimationFrame(() => requestAnimationFrame(() => done(performance.now() - from)));
                })"""
            )
        context.close()
    return told


MAKERS = {"programme": programme_page, "units": unit_page, "field": field_page}


def main(names: list[str]) -> None:
    """Print a table of the pages named, all of them when none is."""
    from playwright.sync_api import sync_playwright

    from tests.browser import ARGUMENTS, find_chromium

    print("| page | built s | MB (budget) | ready s | processor s | heap MB | theme ms | pan ms | console |")
    print("|---|---|---|---|---|---|---|---|---|")
    with tempfile.TemporaryDirectory() as place, sync_playwright() as playwright:
        folder = Path(place)
        browser = playwright.chromium.launch(
            executable_path=find_chromium(playwright.chromium.executable_path), args=list(ARGUMENTS)
        )
        for name in names or list(MAKERS):
            page = MAKERS[name](folder)
            begun = time.perf_counter()
            files = render_within(page)
            built = time.perf_counter() - begun
            for file, text in files.items():
                path = folder / name / file
                path.parent.mkdir(parents=True, exist_ok=True)
                path.write_text(text, encoding="utf-8")
                if len(files) > 1 and file == "index.html":
                    continue  # the list of sheets
                told = [opened(browser, path) for _ in range(3)]
                best = {key: min(one[key] for one in told) for key in told[0]}
                size, budget = len(text.encode()) / 1e6, BUDGETS[page.about.tier].size / 1e6
                print(
                    f"| {name} {file} | {built:.1f} | {size:.2f} ({budget:g}) | {best['ready_s']:.2f} "
                    f"| {4 * best['processor_s']:.2f} | {best['heap_mb']:.0f} | {best['theme_ms']:.0f} "
                    f"| {best['pan_ms']:.0f} "
                    f"| {best['said']:.0f} |",
                    flush=True,
                )
        browser.close()


if __name__ == "__main__":
    main(sys.argv[1:])
