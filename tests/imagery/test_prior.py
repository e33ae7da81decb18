"""Earlier cultivation as a floor: literal rasters, and nothing of the year itself."""

from __future__ import annotations

from pathlib import Path

import geopandas
import numpy as np
import pytest
from shapely.geometry import box

from geo.errors import InputError
from imagery.prior import PriorCultivation, prior_masks, prior_years, read_prior
from tests.imagery.world import CRS, ORIGIN, grid


def square(row: int, col: int) -> object:
    """Return the polygon of one cell."""
    left, top = ORIGIN[0] + 10 * col, ORIGIN[1] - 10 * row
    return box(left, top - 10, left + 10, top)


def fields(*rows: tuple[int, str, int, int]) -> geopandas.GeoDataFrame:
    """Return fields of one cell: year, crop, row, column."""
    return geopandas.GeoDataFrame(
        {"year": [r[0] for r in rows], "crop": [r[1] for r in rows]},
        geometry=[square(r[2], r[3]) for r in rows],
        crs=CRS,
    )


PRIOR = PriorCultivation(
    fields=fields((2018, "coca", 0, 0), (2019, "coca", 1, 1), (2020, "coca", 2, 2), (2019, "poppy", 3, 3))
)


def test_only_surveys_before_the_year_count() -> None:
    """Literal: the last census is the latest year before, and a later one is unknown."""
    masks = prior_masks(PRIOR, grid(4, 4), crops=["coca", "poppy"], year=2020)
    assert np.argwhere(masks["last_census:coca"]).tolist() == [[1, 1]]
    assert np.argwhere(masks["ever_present:coca"]).tolist() == [[0, 0], [1, 1]]
    assert np.argwhere(masks["last_census:poppy"]).tolist() == [[3, 3]]
    assert prior_years(PRIOR, "coca", 2021) == (2018, 2019, 2020)


def test_a_crop_without_an_earlier_survey_has_no_floor() -> None:
    """Law: nothing drawn before is not the same as nothing grown."""
    assert prior_masks(PRIOR, grid(4, 4), crops=["poppy"], year=2019) == {}


def test_fields_are_read_and_refused(tmp_path: Path) -> None:
    """Law: years that are none and layers without the crop are named."""
    path = tmp_path / "prior.gpkg"
    fields((2018, "coca", 0, 0), (2019, "maize", 1, 1)).to_file(path)
    assert len(read_prior(path, layer=None, year="year", crop="crop", crops=["coca"]).fields) == 1
    assert read_prior(path, layer=None, year="year", crop=None, crops=["coca"]).years("coca") == (2018, 2019)
    with pytest.raises(InputError, match="no field of a surveyed crop"):
        read_prior(path, layer=None, year="year", crop="crop", crops=["poppy"])
    with pytest.raises(InputError, match="'coca', 'maize'; expected a year"):
        read_prior(path, layer=None, year="crop", crop=None, crops=["coca"])
