"""Published numbers of the reference that no other module's tests hold: O-1, O-3 and S2 to S5."""

from __future__ import annotations

import numpy as np
import pytest
from affine import Affine

from aoi.harm.attribution import direct_loss, forest_before
from aoi.harm.deforestation import forest_share_percent, loss_by_class_ha
from aoi.survey.conversion import Range, rounding_band
from aoi.survey.design import StratifiedDesign
from aoi.survey.error_matrix import error_matrix
from aoi.survey.estimate import Estimate, Quantity
from aoi.survey.estimator import class_areas
from aoi.survey.harvest import decompose_change, implied_area_ha
from aoi.survey.production import YieldFactor, production
from geo.areas import cell_areas_ha
from geo.grid import GeoBox

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


def opened_on(share_percent: float, year: int, cells: int = 1000) -> tuple[np.ndarray, np.ndarray, np.ndarray]:  # type: ignore[type-arg]
    """Return first year, forest of 2000 and year of loss of cells, a share of them cleared for the crop.

    The others never were forest, were cleared before the window, or after the lag: none of them is from forest.
    """
    n = round(cells * share_percent / 100)
    kind = np.random.default_rng(year).permutation(np.r_[np.zeros(n), 1 + np.arange(cells - n) % 3])
    loss = np.where(
        kind == 0, year - np.arange(cells) % 4, np.where(kind == 2, year - 6, np.where(kind == 3, year + 2, 0))
    )
    return np.full(cells, year), kind != 1, loss


@pytest.mark.parametrize(("year", "share"), [(2001, 48.0), (2006, 27.0), (2010, 35.0), (2011, 36.0)])
def test_s3_share_from_forest_is_found_again_in_cells(year: int, share: float) -> None:
    """Reference S3: a landscape with the published share, found by the first-use rule and by a loop over cells."""
    first, forest, loss = opened_on(share, year)
    direct = direct_loss(first, forest_before(forest, loss, first - 3), loss, window_years=3)
    by_hand = [
        bool(wood and lost > 0 and year - 3 <= lost <= year + 1) for wood, lost in zip(forest, loss, strict=True)
    ]
    assert direct.tolist() == by_hand
    cell_ha = 55_000 / 480 if year == 2001 else 1.0  # 48 percent of the crop of 2000-01 were 55,000 ha
    from_forest = sum(loss_by_class_ha(direct, np.full(first.size, cell_ha), np.ones_like(first)).values())
    if year == 2001:
        assert from_forest == pytest.approx(55_000)
    assert float(forest_share_percent(from_forest, cell_ha * first.size)) == pytest.approx(share)


def test_s2_and_s4_primary_forest_in_cells() -> None:
    """References S2 and S4: primary forest among what was cleared, by origin, cell by cell."""
    first, forest, loss = opened_on(36.0, 2011)
    direct = direct_loss(first, forest_before(forest, loss, first - 3), loss, window_years=3)
    origin = np.where(np.cumsum(direct) <= 215, 1, 2)  # 21.5 of the 36 percent are primary
    by_origin = loss_by_class_ha(direct, np.full(first.size, 64.0), origin)
    assert by_origin[1] / sum(by_origin.values()) == pytest.approx(0.597, abs=5e-4)
    assert sum(by_origin.values()) == pytest.approx(23_040)  # "23,000 ha, 60 % primary"
    assert float(forest_share_percent(97_622, 190_470 * 4)) == pytest.approx(12.81, abs=0.005)  # S4, "13 %"
    years = [190_470.0] * 4
    assert sum(loss_by_class_ha([1, 0], [97_622.0, sum(years) - 97_622.0], [1, 1]).values()) == 97_622


def test_s5_fall_of_the_yield_through_production() -> None:
    """Reference S5: production by field, summed, before and after; cocaine by hectare and the area it implies."""
    area = np.random.default_rng(1).uniform(0.2, 2.0, 500)
    quantity = Quantity(crop="coca", kind="harvestable", reference="2005")
    leaf = {}
    for kg_ha in (6500.0, 4500.0):
        factor = YieldFactor(
            crop="coca", region="CO", product="fresh leaf", value=kg_ha, vintage=str(kg_ha), source="S5"
        )
        whole = float(area.sum())
        estimate = Estimate(value=whole, se=0.0, lo=whole, hi=whole, n=500, method="census").of(quantity)
        leaf[kg_ha] = production(estimate, factor).value
        assert leaf[kg_ha] == pytest.approx(sum(one * kg_ha / 1000 for one in area))
    assert 100 * (leaf[4500.0] / leaf[6500.0] - 1) == pytest.approx(-30.8, abs=0.05)
    parts = decompose_change((area, area), (np.full(500, 6500.0), np.full(500, 4500.0)))
    assert parts.area_t == 0
    assert parts.yield_t == pytest.approx(leaf[4500.0] - leaf[6500.0])
    for tonnes, kg_ha, hectares in ((640.0, "7.44", 86_000), (2757.0, "7.77", 355_000)):
        implied = implied_area_ha(Range.exactly(tonnes), rounding_band(kg_ha, 0.01))
        assert implied.low <= hectares <= implied.high
