"""Pages within their budget: what is left out, what is refused, and how a field page falls into sheets."""

from __future__ import annotations

import re
from dataclasses import replace
from pathlib import Path
from typing import Any

import geopandas
import numpy as np
import pytest
import shapely

from geo.errors import QualityGateError
from maps.columns import SCALE, encode_flat
from maps.disclosure import Tier
from maps.interactive import render
from maps.page import Page
from maps.parts import FieldLayer, Parts
from maps.payload import payload
from maps.sheets import BUDGETS, Budget, render_within, split
from tests.maps import builders
from tests.maps.test_interactive import data


@pytest.fixture(scope="module")
def field_page(tmp_path_factory: pytest.TempPathFactory) -> Page:
    """Return the page of the field office."""
    return builders.product(tmp_path_factory.mktemp("field"), Tier.FIELD)


@pytest.fixture(scope="module")
def public_page(tmp_path_factory: pytest.TempPathFactory) -> Page:
    """Return the public page, without relief for speed."""
    return replace(builders.product(tmp_path_factory.mktemp("public"), Tier.PUBLIC), elevation=None)


def test_budgets_are_those_of_the_page() -> None:
    """Published (docs/maps.md): bytes and polygons by tier."""
    told = {tier: (budget.size, budget.shapes) for tier, budget in BUDGETS.items()}
    assert told == {
        Tier.FIELD: (10_000_000, 50_000), Tier.PROGRAMME: (5_000_000, 20_000), Tier.PUBLIC: (1_500_000, 2_000),
    }  # fmt: skip


def test_too_many_cells_are_left_out_and_told(public_page: Page) -> None:
    """Law: cells beyond the budget are not on the page, which says where they are; within it they are."""
    assert public_page.parts.cells is not None
    count = len(public_page.admin.frame) + len(public_page.parts.cells.frame)
    kept = data(render_within(public_page, Budget(10**7, count))["index.html"])
    assert len(kept["cells"]["names"]) == len(public_page.parts.cells.frame)
    html = render_within(public_page, Budget(10**7, count - 1))["index.html"]
    assert data(html)["cells"] is None
    assert "Cells are more than this page holds" in html


def test_outlines_lose_detail_before_a_page_is_refused(public_page: Page) -> None:
    """Law: over its budget a page is drawn with less detail, as little less as needed; units keep common edges."""
    t = np.linspace(0, 1, 60_000)
    west, south, east, north = public_page.admin.frame.total_bounds
    wiggle = 400 * np.sin(900 * t) + 90 * np.sin(7000 * t)
    line = shapely.linestrings(np.column_stack([west + t * (east - west), (south + north) / 2 + wiggle]))
    river = geopandas.GeoDataFrame(geometry=[line], crs=public_page.admin.frame.crs)
    page = replace(public_page, lines=(replace(public_page.lines[0], frame=river),))
    sizes = {share: len(render(replace(page, detail=int(2500 * share))).encode()) for share in (1.0, 0.36)}
    assert sizes[1.0] > sizes[0.36]
    for share, size in sizes.items():
        made = render_within(page, Budget(size, 10**6))["index.html"]
        assert len(made.encode()) == size, share
    assert data(made)["units"]["codes"] == list(page.admin.frame["code"])


def test_fields_are_drawn_without_the_stairs_of_their_cells(field_page: Page) -> None:
    """Literal: a slope of 40 stairs becomes a line within half a diagonal; the hectares told are the map's."""
    stairs = [(10.0 * (n // 2), 10.0 * ((n + 1) // 2)) for n in range(80)]
    field = shapely.Polygon([*stairs, (400.0, 0.0)])
    frame = geopandas.GeoDataFrame(
        {"field_id": ["a1"], "area_ha": [7.9], "probability": [88.0]}, geometry=[field], crs="EPSG:32618"
    )
    layer = FieldLayer(crop="coca", period="2024", frame=frame)
    bare = replace(field_page, rasters=(), harm_maps=(), elevation=None)
    exact, drawn = (
        payload(replace(bare, parts=Parts(fields=(replace(layer, tolerance=tolerance),))))["fields"][0]
        for tolerance in (0.0, 50**0.5)
    )
    assert exact["shapes"]["points"] == [81]
    assert drawn["shapes"]["points"][0] < 8
    assert drawn["area"] == exact["area"] == [7.9]


@pytest.mark.parametrize(
    ("budget", "told"), [(Budget(10**7, 11), "12 administrative units"), (Budget(1000, 99), "MB; expected")]
)
def test_an_excess_is_refused(public_page: Page, budget: Budget, told: str) -> None:
    """Law: too many units or bytes end the step with exit 5 and a remedy; no page is written."""
    with pytest.raises(QualityGateError, match=told):
        render_within(public_page, budget)


def test_sheets_part_the_fields(field_page: Page) -> None:
    """Law: each field, sample unit and place is on one sheet; no sheet holds more fields than it may."""
    sheets = split(field_page, 300)
    assert len(sheets) > 3
    for number, layer in enumerate(field_page.parts.fields):
        ids = [name for sheet in sheets for name in sheet.parts.fields[number].frame["field_id"]]
        assert sorted(ids) == sorted(layer.frame["field_id"])
    units = [name for sheet in sheets if sheet.parts.sample for name in sheet.parts.sample.frame["unit_id"]]
    assert field_page.parts.sample is not None
    assert sorted(units) == sorted(field_page.parts.sample.frame["unit_id"])
    assert max(sum(len(layer.frame) for layer in sheet.parts.fields) for sheet in sheets) <= 300
    boxes = shapely.box(*np.array([sheet.extent for sheet in sheets]).T)
    assert shapely.area(shapely.union_all(boxes)) == pytest.approx(shapely.area(boxes).sum())
    assert split(field_page, 50_000) == [field_page]


def test_an_index_leads_to_the_sheets(field_page: Page) -> None:
    """Law: index and sheets are files beside one another, within the budget, without script on the index."""
    slim = replace(field_page, elevation=None, parts=replace(field_page.parts, gaps=()))
    files = render_within(slim, Budget(10**7, 700))
    names = sorted(name for name in files if name != "index.html")
    assert names == [f"sheets/{n:02d}.html" for n in range(1, len(names) + 1)]
    assert len(names) >= 2
    index = files["index.html"]
    assert sorted(set(re.findall(r'href="([^"]+)"', index))) == names
    assert "<script" not in index
    assert "default-src &#x27;none&#x27;" in index
    first = data(files[names[0]])
    assert len(first["units"]["codes"]) < len(slim.admin.frame)
    assert first["estimates"]["rows"] == len(slim.figures.estimates)
    again = render_within(slim, Budget(10**7, 700))
    assert again == files


def test_sheets_grow_in_number_until_each_is_small_enough(field_page: Page) -> None:
    """Law: a page over the bytes is split although its fields are few; what cannot fit is refused."""
    slim = replace(field_page, elevation=None, rasters=(), parts=replace(field_page.parts, gaps=()))
    size = max(len(text.encode()) for text in render_within(slim).values())
    files = render_within(slim, Budget(size - 1, 50_000))
    assert len(files) > 2
    assert max(len(text.encode()) for text in files.values()) < size


def test_flat_shapes_are_the_shapes(field_page: Page) -> None:
    """Brute force: rings summed up from their differences are the polygons, to half a step."""
    frame = field_page.parts.fields[0].frame
    packed = encode_flat(frame)
    places = np.cumsum(np.array(packed["steps"]).reshape(-1, 2), axis=0) / SCALE
    at = 0
    for index, shape in enumerate(frame.to_crs(4326).geometry):
        assert packed["rings"][index] == 1
        count = packed["points"][index]
        wanted = shapely.get_coordinates(shape.exterior)[:-1]
        assert np.abs(places[at : at + count] - wanted).max() <= 0.51 / SCALE
        at += count


@pytest.mark.browser
def test_a_sheet_works_from_its_folder(field_page: Page, browser: Any, tmp_path: Path) -> None:
    """Law: from the index a click leads to a sheet, which opens quietly and shows its own part."""
    slim = replace(field_page, elevation=None, parts=replace(field_page.parts, gaps=()))
    for name, text in render_within(slim, Budget(10**7, 700)).items():
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text(text, encoding="utf-8")
    context = browser.new_context(viewport={"width": 1280, "height": 800})
    context.set_offline(True)
    tab = context.new_page()
    said: list[str] = []
    tab.on("console", lambda message: said.append(message.text))
    tab.on("pageerror", lambda error: said.append(str(error)))
    tab.goto((tmp_path / "index.html").as_uri())
    tab.locator("tbody a").nth(1).click()
    tab.locator("html[data-ready=yes]").wait_for(state="attached")
    assert tab.url.endswith("sheets/02.html")
    assert tab.locator(".leaflet-fields-pane canvas").count() > 0
    assert said == []
    context.close()
