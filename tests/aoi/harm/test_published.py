"""Published numbers of the reference that no other module's tests hold: O-1, O-3 and S2 to S5."""

from __future__ import annotations

import numpy as np
import pytest
from affine import Affine
from odc.geo.geobox import GeoBox

from aoi.harm.deforestation import forest_share_percent
from aoi.survey.design import StratifiedDesign
from aoi.survey.error_matrix import error_matrix
from aoi.survey.estimator import class_areas
from geo.areas import cell_areas_ha

NAMES = ("deforestation", "gain", "stable forest", "stable non-forest")
COUNTS = np.array([[66, 0, 5, 4], [0, 55, 8, 12], [1, 0, 153, 11], [2, 1, 9, 313]])
PIXELS = np.array([200_000, 150_000, 3_200_000, 6_450_000])


def test_o1_areas_and_accuracies() -> None:
    """Reference O-1 (Olofsson et al. 2014, table 8): hectares, their half-widths, accuracies."""
    design = StratifiedDesign.of_units(NAMES, PIXELS, unit_area_ha=0.09)
    mapped, reference = np.divmod(np.repeat(np.arange(16), COUNTS.ravel()), 4)
    member = (reference[:, None] == np.arange(4)).astype(float)
    figures = class_areas(mapped, member, design, fpc=False, method="normal")
    assert [one.value for one in figures] == pytest.approx([21157.76, 11686.15, 285769.93, 581386.15], abs=0.005)
    halves = [1.96 * one.se for one in figures]
    assert halves == pytest.approx([6157.63, 3755.83, 15509.84, 16281.66], abs=0.005)
    matrix = error_matrix(mapped, mapped, reference, design, NAMES, fpc=False)
    assert [one.value for one in matrix.users] == pytest.approx([0.88, 0.7333, 0.9273, 0.9631], abs=5e-5)
    assert [one.value for one in matrix.producers] == pytest.approx([0.7487, 0.8472, 0.9345, 0.9616], abs=5e-5)
    assert matrix.overall.value == pytest.approx(0.9465, abs=5e-5)
    assert 1.96 * matrix.overall.se == pytest.approx(0.0185, abs=5e-5)


@pytest.mark.parametrize(
    ("cell", "latitude", "m2"),
    [
        (0.00025, 0.0, 769.3170),
        (0.00025, 6.0, 765.2145),
        (0.00025, 16.0, 740.2678),
        (0.00025, 20.0, 724.0551),
        (0.00025, 34.0, 640.4713),
        (0.00088888888888, 0.0, 9725.687),
        (15 / 3600, 0.0, 213699.167),
    ],
)
def test_o3_cell_areas(cell: float, latitude: float, m2: float) -> None:
    """Reference O-3: areas of cells on WGS 84, centred at a latitude."""
    box = GeoBox((1, 1), Affine(cell, 0, 10.0, 0, -cell, latitude + cell / 2), "EPSG:4326")
    assert float(cell_areas_ha(box)[0, 0]) * 1e4 == pytest.approx(m2, rel=1e-7)


def test_s2_to_s5_shares_of_published_surveys() -> None:
    """References S2 to S5: primary share of forest origin, area from forest, primary forest, fall of the yield."""
    assert float(forest_share_percent(21.5, 36.0)) == pytest.approx(59.7, abs=0.05)  # S2
    assert float(forest_share_percent(23_000, 64_000)) == pytest.approx(36, abs=0.1)
    for year, share in {2001: 48, 2006: 27, 2010: 35, 2011: 36}.items():  # S3: shares are below the whole
        assert float(forest_share_percent(share, 100)) == share, year
    assert float(forest_share_percent(97_622, 190_470 * 4)) == pytest.approx(12.81, abs=0.005)  # S4
    assert pytest.approx(-30.8, abs=0.05) == 100 * (4500 / 6500 - 1)  # S5
