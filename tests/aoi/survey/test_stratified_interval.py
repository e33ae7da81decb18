"""The choice of an interval, the published MOVER limits, and what no limit may pass."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from aoi.survey.design import StratifiedDesign
from aoi.survey.estimator import areas_of_counts
from aoi.survey.stratified_interval import Strata, default_methods, interval_methods, low_count
from geo.errors import InputError
from tests.shared import oracle

PUBLISHED = 1e-9
"""Relative: beta quantiles of two libraries."""

CASES = [
    f"{name}_{fpc}"
    for name in (
        "olofsson2014_deforestation",
        "olofsson2013_deforestation",
        "zero_in_big_stratum",
        "all_zero",
        "one_hit_big",
    )
    for fpc in ("nofpc", "fpc")
]


def limits(case: dict[str, Any], method: str, *, fpc: bool) -> tuple[float, float]:
    """Return the limits of a published case."""
    names = [str(h) for h in range(len(case["N"]))]
    design = StratifiedDesign.of_units(names, case["N"], unit_area_ha=1.0)
    counts = np.array(case["n"])
    found = areas_of_counts(np.array(case["x"], dtype=float)[:, None], counts, design, fpc=fpc, method=method)[0]
    assert found.value == pytest.approx(case["total"], rel=1e-12)
    return found.lo, found.hi


@pytest.mark.parametrize("method", ["wald", "wilson", "jeffreys", "clopper"])
@pytest.mark.parametrize("name", CASES)
def test_published_limits(name: str, method: str) -> None:
    """Published: MOVER limits of five designs, with and without FPC; another method does not give them."""
    case, fpc = oracle("mover_ci")[name], name.endswith("_fpc")
    assert limits(case, method, fpc=fpc) == pytest.approx(tuple(case[method]), rel=PUBLISHED)
    others = [other for other in ("wald", "wilson", "jeffreys", "clopper") if other != method]
    for other in others:
        assert limits(case, other, fpc=fpc) != pytest.approx(tuple(case[method]), rel=1e-6)


def chosen(x: list[float], n: list[int], sizes: list[int]) -> str:
    """Return the method the default takes."""
    found, counts, areas = np.array(x)[:, None], np.array(n, dtype=float), np.array(sizes, dtype=float)
    p = found[:, 0] / counts
    se = np.sqrt([(areas**2 * p * (1 - p) / (counts - 1)).sum()])
    return default_methods(found, Strata(areas_ha=areas, sizes=areas, counts=counts, fpc=False), se)[0]


@pytest.mark.parametrize(
    ("x", "n", "sizes", "method"),
    [
        ([246, 8, 0], [300, 300, 300], [9_434, 53_824, 936_742], "mover-midp"),
        ([246, 60, 40], [300, 300, 1000], [9_434, 53_824, 936_742], "mover-jeffreys"),
        ([0, 0], [50, 200], [1_000, 50_000], "gamma"),
        ([1, 1], [100, 100], [50_000, 50_000], "gamma"),
        ([1] * 8, [50] * 8, [50_000] * 8, "gamma"),
        ([20] * 8, [50] * 8, [50_000] * 8, "gamma-midp"),
    ],
)
def test_the_default_follows_design_and_counts(x: list[float], n: list[int], sizes: list[int], method: str) -> None:
    """Law: few strata take MOVER, mid-p where counts are small; many strata and hardly any unit take gamma."""
    assert chosen(x, n, sizes) == method


def test_a_census_stratum_does_not_count_as_a_stratum() -> None:
    """Law: strata wholly known have no say in the choice of the interval."""
    x, n = np.array([[60.0], [40], [3], [2], [1]]), np.array([300.0, 1000, 3, 2, 1])
    strata = Strata(areas_ha=n, sizes=np.array([9e3, 9e5, 3, 2, 1]), counts=n, fpc=True)
    assert default_methods(x, strata, np.array([1.0])) == ["mover-jeffreys"]


def test_words_for_methods() -> None:
    """Law: a method has the names statisticians use, and an unknown word is refused with the list."""
    x, strata = (
        np.zeros((1, 2)),
        Strata(areas_ha=np.ones(1), sizes=np.array([9.0]), counts=np.array([3.0]), fpc=False),
    )
    assert interval_methods("Exact", x, strata, np.zeros(2)) == ["mover-clopper"] * 2
    with pytest.raises(InputError, match="'bayes'; expected one of default, mover"):
        interval_methods("bayes", x, strata, np.zeros(2))


@pytest.mark.parametrize(
    "method",
    [
        "default",
        "wald",
        "t",
        "jeffreys",
        "midp",
        "clopper",
        "wilson",
        "gamma",
        "gamma-midp",
    ],
)
def test_no_limit_below_what_was_seen_nor_above_the_frame(method: str) -> None:
    """Law: limits stay at or above the area seen and at or below the frame less what was seen not to be crop."""
    design = StratifiedDesign.of_units(["a", "b"], [30, 50], unit_area_ha=2.0)
    for first in range(0, 21, 4):
        for second in range(0, 11, 2):
            x = np.array([[float(first)], [float(second)]])
            found = areas_of_counts(x, np.array([20, 10]), design, method=method)[0]
            assert found.lo >= 2.0 * (first + second) - 1e-9
            assert found.hi <= 160.0 - 2.0 * (30 - first - second) + 1e-9


def test_low_count_speaks_for_the_strata_that_matter() -> None:
    """Law: few units in a stratum that decides the interval are flagged, few in one that does not are not."""
    sizes, n = np.array([9_434.0, 53_824, 936_742]), np.array([300.0, 300, 3000])
    strata = Strata(areas_ha=sizes, sizes=sizes, counts=n, fpc=True)
    flagged = low_count(np.array([[246.0, 246], [8, 8], [0, 60]]), strata)
    assert flagged.tolist() == [True, False]


def test_low_count_sees_one_unit_that_carries_the_variance() -> None:
    """Law: a single unit with more than a quarter of the variance is flagged, though it makes no small count."""
    sizes, n = np.array([1_000.0, 90_000]), np.array([500.0, 3])
    strata = Strata(areas_ha=sizes, sizes=sizes, counts=n, fpc=False)
    assert low_count(np.array([[250.0], [1]]), strata).tolist() == [True]


def test_default_coverage_in_the_rare_country() -> None:
    """Brute force: the default covers at least 0.93, each tail at most 0.05, where Wald covers 0.69 to 0.89."""
    rng = np.random.default_rng(7)
    sizes, crop = np.array([9_434, 53_824, 936_742]), np.array([7_739, 1_413, 848])
    design = StratifiedDesign.of_units(["map", "edge", "rest"], sizes, unit_area_ha=1.0)
    for counts in (np.array([300, 300, 300]), np.array([100, 200, 600]), np.array([300, 500, 1200])):
        x = rng.hypergeometric(crop, sizes - crop, counts, size=(4_000, 3)).T.astype(float)
        found = areas_of_counts(x, counts, design)
        above = np.mean([one.hi < 10_000 for one in found])
        below = np.mean([one.lo > 10_000 for one in found])
        assert 1 - above - below >= 0.93
        assert max(above, below) <= 0.05
        wald = areas_of_counts(x[:, :1000], counts, design, method="wald")
        assert np.mean([one.lo <= 10_000 <= one.hi for one in wald]) < 0.92
