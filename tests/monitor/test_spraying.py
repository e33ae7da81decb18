"""Hectares sprayed, from the ledger: a literal raster of cells, counted one by one."""

from __future__ import annotations

from datetime import date
from types import SimpleNamespace
from typing import Any

import geopandas
import numpy as np
import pytest
import shapely

from geo.areas import cell_areas_ha
from geo.grid import GeoBox
from monitor.harms import spraying
from monitor.harms.spraying import eradicated, sprayed_ha

BOX = GeoBox.from_bbox((500_000, 100_000, 500_200, 100_100), "EPSG:32618", resolution=10)
LEFT, RIGHT = shapely.box(500_000, 100_000, 500_060, 100_100), shapely.box(500_040, 100_000, 500_090, 100_100)
ROWS = (
    (date(2024, 3, 1), "spray", True, LEFT),
    (date(2024, 9, 1), "spray", True, RIGHT),  # overlaps the first: ground sprayed twice counts once
    (date(2024, 4, 1), "manual", True, shapely.box(500_100, 100_000, 500_130, 100_100)),
    (date(2024, 4, 1), "spray", False, shapely.box(500_130, 100_000, 500_150, 100_100)),
    (
        date(2023, 12, 31),
        "spray",
        True,
        shapely.box(500_150, 100_000, 500_170, 100_100),
    ),  # a year before to the day
    (date(2025, 1, 1), "spray", True, shapely.box(500_170, 100_000, 500_200, 100_100)),
)


def scene(monkeypatch: pytest.MonkeyPatch, rows: Any = ROWS, given: dict[str, float] | None = None) -> Any:
    """Return a scene whose ledger holds some operations, the lowest row of cells outside of the frame."""
    columns = dict(zip(("day", "method", "verified", "geometry"), zip(*rows, strict=True), strict=True))
    layer = geopandas.GeoDataFrame(columns, crs="EPSG:32618")
    monkeypatch.setattr(spraying, "operations_of", lambda _: layer)
    unit = np.ones(BOX.shape, dtype=np.uint16)
    unit[-1] = 0
    frame = SimpleNamespace(geobox=BOX, unit_of_cell=unit, cell_area_ha=cell_areas_ha(BOX))
    ledger = SimpleNamespace(eradication=object(), from_programme=False)
    period = SimpleNamespace(name="2024", reference_date=date(2024, 12, 30))
    context = SimpleNamespace(frame=frame, compared=(period,), survey=SimpleNamespace(corrections=ledger))
    return SimpleNamespace(context=context, section=SimpleNamespace(sprayed_ha=given or {}), period="2024")


def test_verified_spraying_of_the_year_counts_each_cell_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """Brute force: cells of the frame whose centre lies in a verified spraying of the last 365 days."""
    area, expected = cell_areas_ha(BOX), 0.0
    for row, col in np.ndindex(9, 20):  # the tenth row is outside
        centre = shapely.Point(500_000 + 10 * col + 5, 100_100 - 10 * row - 5)
        if LEFT.contains(centre) or RIGHT.contains(centre):
            expected += float(area[row, col])
    assert sprayed_ha(scene(monkeypatch)) == pytest.approx(expected)
    assert expected == pytest.approx(0.81, rel=2e-3)  # nine columns of nine cells


def test_what_is_told_stands_and_nothing_is_no_zero(monkeypatch: pytest.MonkeyPatch) -> None:
    """Law: the survey file's hectares go first; a ledger without spraying is zero; no ledger is not known."""
    assert sprayed_ha(scene(monkeypatch, given={"2024": 12.5})) == 12.5
    assert sprayed_ha(scene(monkeypatch, given={"2021": 12.5})) == pytest.approx(0.81, rel=2e-3)
    assert sprayed_ha(scene(monkeypatch, rows=ROWS[2:3])) == 0
    none = scene(monkeypatch)
    none.context.survey.corrections = None
    assert sprayed_ha(none) is None
    assert eradicated(none.context) is None


def test_eradicated_land_is_what_was_verified_by_any_means(monkeypatch: pytest.MonkeyPatch) -> None:
    """Literal ledger: five verified operations by their year, sprayed or pulled out."""
    held = eradicated(scene(monkeypatch).context)
    assert held is not None
    assert sorted(held.year.tolist()) == [2023, 2024, 2024, 2024, 2025]
