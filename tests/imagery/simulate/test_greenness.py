"""The yearly index of the coca frontier: eradicated land comes back if it is left alone."""

from __future__ import annotations

import tomllib

import numpy as np
import pytest
from rasterio.features import rasterize

from imagery.simulate.greenness import INDEX_YEARS, index_of_year, index_survey_text
from imagery.simulate.harm_vectors import harm_vectors_text
from imagery.simulate.landscape import Landscape, build_landscape
from imagery.simulate.layers import eradication_events


@pytest.fixture(scope="module")
def landscape() -> Landscape:
    """Return a frontier large enough for operations of every year."""
    return build_landscape("andes-coca", 1, 512)


def test_land_left_alone_comes_back(landscape: Landscape) -> None:
    """Law: the year of the operation is bare; after three years most is above 80 percent of forest, no crop is."""
    code = landscape.profile.legend.code("coca")
    events = eradication_events(landscape)
    first = events[events["date"].str.startswith("2021")]
    shapes = [(shape, 1) for shape in first.geometry]
    hit = rasterize(shapes, out_shape=landscape.geobox.shape, transform=landscape.geobox.transform) == 1
    truth = {year: landscape.truth_at_centres(year) for year in (2021, 2024)}
    index = {year: index_of_year(landscape, year) for year in (2020, 2021, 2024)}
    forest = truth[2024] == landscape.profile.legend.code("forest")
    planted = truth[2024] == code
    later = [(shape, 1) for shape in events.geometry[~events["date"].str.startswith("2021")]]
    again = rasterize(later, out_shape=hit.shape, transform=landscape.geobox.transform) == 1
    left = hit & ~planted & ~again
    wanted = 0.8 * index[2024][forest].mean()
    assert index[2021][hit].mean() == pytest.approx(0.30, abs=0.03)
    assert (index[2024][left] > wanted).mean() > 0.7
    assert (index[2024][planted & ~again] > wanted).mean() < 0.1
    assert np.corrcoef(index[2020][forest], index[2024][forest])[0, 1] < 0.9  # years have their own weather


def test_the_survey_file_names_index_and_operations(landscape: Landscape) -> None:
    """Law: the tables that the example gets are TOML, with an index of every year and a verified ledger."""
    tables = tomllib.loads(harm_vectors_text(landscape) + index_survey_text())
    assert [one["year"] for one in tables["harm"]["input"]] == list(INDEX_YEARS)
    assert tables["corrections"] == {"eradication": "inputs/eradication.gpkg", "all_verified": True}
    assert len(INDEX_YEARS) == 8
    small = build_landscape("andes-coca", 1, 160)
    assert eradication_events(small).empty
    assert "corrections" not in tomllib.loads(harm_vectors_text(small))  # a ledger of nothing is refused
