"""The promise in small: on landscapes whose truth is known, the interval holds it and the count of pixels does not.

The fast version of ``benchmarks/scenario_coverage.py``: the landscape is the real one, the map is the truth with
clumped errors in place of a classifier's, and strata, allocation, draw and estimate are the program's own.
"""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy import ndimage

from aoi.stratum import Strata, stratify
from aoi.survey.allocation import rare_class_safe
from aoi.survey.design import StratifiedDesign
from aoi.survey.estimator import class_areas
from aoi.survey.selection import draw_stratified
from imagery.simulate.landscape import build_landscape

DRAWS = 200
LEAST = 0.90  # a true 95 % interval passes 0.90 of 200 draws 999 times in 1,000
CELL_HA = 0.01
CASES = (("andes-coca", "coca"), ("helmand-poppy", "opium_poppy"), ("rif-cannabis", "cannabis"))


def crude_map(truth: NDArray[np.bool_], rng: np.random.Generator) -> tuple[NDArray[np.bool_], NDArray[np.float64]]:
    """Return a map with clumped omissions and commissions, and a score that knows where it is unsure."""
    clumps = ndimage.gaussian_filter(rng.standard_normal(truth.shape), 4)
    score = ndimage.gaussian_filter(truth.astype(float), 0.7) + 0.25 * clumps / clumps.std()
    return score > 0.5, score


def survey(
    truth: NDArray[np.bool_], strata: Strata, score: NDArray[np.float64], rng: np.random.Generator
) -> object:
    """Draw one sample, label it and return the figure."""
    code = strata.stratum_of_cell.ravel().astype(np.int64) - 1
    expected = np.array([score.ravel()[code == h].clip(0, 1).mean() for h in range(len(strata.names))])
    drawn = draw_stratified(code, rare_class_safe(600, strata.sizes, expected), rng)
    design = StratifiedDesign.of_units(strata.names, strata.sizes, unit_area_ha=CELL_HA)
    return class_areas(code[drawn], truth.ravel()[drawn].astype(float), design)[0]


@pytest.mark.parametrize(("scenario", "crop"), CASES)
def test_interval_holds_the_truth_and_pixels_do_not(scenario: str, crop: str) -> None:
    """Law: over 200 surveys of one landscape the interval covers at least 90 %, and the estimate is unbiased."""
    landscape = build_landscape(scenario, 11, 200)
    truth = landscape.truth_at_centres(2024) == landscape.profile.legend.code(crop)
    rng = np.random.default_rng(5)
    mapped, score = crude_map(truth, rng)
    strata = stratify(
        {"2024": mapped}, inside=np.ones_like(truth), possible=score > 0.3, farmed=None, known=None, buffer_cells=2
    )
    true_ha = truth.sum() * CELL_HA
    figures = [survey(truth, strata, score, rng) for _ in range(DRAWS)]
    held = np.mean([figure.lo <= true_ha <= figure.hi for figure in figures])
    values = np.array([figure.value for figure in figures])
    assert held >= LEAST
    assert values.mean() == pytest.approx(true_ha, abs=4 * values.std() / np.sqrt(DRAWS))
    assert abs(mapped.sum() * CELL_HA / true_ha - 1) > 3 * abs(values.mean() / true_ha - 1)
