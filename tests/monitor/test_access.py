"""Travel surfaces from files: the way found by hand, layers that cannot be used told all at once."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import geopandas
import numpy as np
import pytest
import shapely

from geo.errors import InputError, SurveyFileError
from monitor.check import check_survey
from monitor.config import load_survey
from monitor.context import Context
from monitor.programme_tables import programme_of
from monitor.steps.access import access_of

AROUND = "inputs/ad/around"


def context_of(folder: Path) -> Context:
    """Return the context of a copy of the example."""
    return Context(survey=load_survey(folder / "survey.toml"), root=folder, out=folder / "run")


def with_travel(folder: Path, travel: str) -> None:
    """Put another table [ad.travel] into the survey file."""
    path = folder / "survey.toml"
    text = path.read_text()
    start, end = text.index("[ad.travel]"), text.index("[ad.parameter.border.strip_km]")
    path.write_text(text[:start] + travel + "\n\n" + text[end:])


def test_a_straight_road_is_as_long_as_it_is(thin_copy_of: Callable[[], Path]) -> None:
    """By hand: 1,000 m of road at 30 km/h are two minutes; without the project's road 12 minutes on foot."""
    folder = thin_copy_of()
    box = context_of(folder).frame.geobox.boundingbox
    # on the middle line of a row of cells, well inside the frame
    west, middle = np.floor(box.left / 20) * 20 + 210, np.floor((box.bottom + box.top) / 40) * 20 + 10
    crs = str(context_of(folder).frame.geobox.crs)
    ends = [shapely.Point(west, middle), shapely.Point(west + 1000, middle)]
    road = geopandas.GeoDataFrame(
        {"built_by": ["project"], "kmh": [30.0]}, geometry=[shapely.LineString(ends)], crs=crs
    )
    road.to_file(folder / "inputs" / "road.gpkg")
    homes = geopandas.GeoDataFrame({"population": [100]}, geometry=ends[:1], crs=crs)
    homes.to_file(folder / AROUND / "settlements.gpkg")
    market = geopandas.GeoDataFrame({"built_by": ["existing"]}, geometry=ends[1:], crs=crs)
    market.to_file(folder / AROUND / "markets.gpkg")
    with_travel(folder, '[ad.travel]\nroads = "inputs/road.gpkg"\nroad_kmh = "kmh"\nbuilt_by = "built_by"')
    context = context_of(folder)
    found = access_of(context, programme_of(context))
    row = found.table.set_index("service").loc["market"]
    assert row["with_project"] == pytest.approx(2.0, abs=1e-6)
    assert row["without_project"] == pytest.approx(12.0, abs=1e-6)
    assert "ways over roads" in found.note


def test_layers_that_cannot_be_used_are_told_together(thin_copy_of: Callable[[], Path]) -> None:
    """Literal: persons below zero, a road column that is not there, rivers that are no lines, all in one check."""
    folder = thin_copy_of()
    homes = geopandas.read_file(folder / AROUND / "settlements.gpkg")
    homes.assign(population=-5).to_file(folder / AROUND / "settlements.gpkg")
    with_travel(
        folder,
        f'[ad.travel]\nroads = "inputs/roads.gpkg"\nroad_kmh = "speed"\nrivers = "{AROUND}/markets.gpkg"',
    )
    problems, code = check_survey(folder / "survey.toml")
    told = "\n".join(map(str, problems))
    assert code == 3
    assert "settlements.gpkg column population: found a cell that is no count" in told
    assert "roads.gpkg column speed: found no such column" in told
    assert "markets.gpkg" in told


@pytest.mark.parametrize(
    ("travel", "told"),
    [
        ('[ad.travel]\nrivers = "inputs/rivers.gpkg"', "give roads, land_cover or elevation"),
        ('[ad.travel]\nland_cover = "inputs/dem.tif"', "give land_cover and cover together"),
        ('[ad.travel]\nelevation = "inputs/dem.tif"\nbuilt_by = "x"', "columns of roads"),
        ('[ad.travel]\nland_cover = "inputs/dem.tif"\n[ad.travel.cover]\nx = "crop"', "no code of a raster"),
    ],
)
def test_half_a_table_is_refused(thin_copy_of: Callable[[], Path], travel: str, told: str) -> None:
    """Literal: each mistake of the table has its own words."""
    folder = thin_copy_of()
    with_travel(folder, travel)
    with pytest.raises(SurveyFileError, match=told):
        load_survey(folder / "survey.toml")


def test_a_surface_too_fine_for_its_size_is_refused(thin_copy_of: Callable[[], Path]) -> None:
    """Law: memory is refused before it is taken."""
    folder = thin_copy_of()
    path = folder / "survey.toml"
    path.write_text(
        path.read_text().replace("value = 20                          # as above; 100 m", "value = 1  # 100 m")
    )
    context = context_of(folder)
    with pytest.raises(InputError, match="cells of 1 m; expected at most 6,000,000"):
        access_of(context, programme_of(context))
