"""Nearest-pair variance of spread samples, and the larger of it and the local mean."""

from __future__ import annotations

import numpy as np
import pytest

from aoi.survey.cluster import simple_random
from aoi.survey.linearised import total
from aoi.survey.local_mean import LocalMeanDesign
from aoi.survey.nearest_pair import NearestPairDesign
from aoi.survey.spatial_balance import draw_tessellation
from aoi.survey.spread import SpreadDesign
from geo.errors import InputError, QualityGateError

SIDE = 30
GRID = np.stack(np.meshgrid(np.arange(float(SIDE)), np.arange(float(SIDE))), axis=-1).reshape(-1, 2)


@pytest.mark.parametrize(
    ("country", "failing"), [("noise", LocalMeanDesign), ("trend", NearestPairDesign)], ids=["noise", "trend"]
)
def test_standard_error_of_tessellation_samples(country: str, failing: type) -> None:
    """Brute force: in 250 samples the larger variance is near the true one, where either one is too small."""
    rng = np.random.default_rng(9)
    y = GRID[:, 0] if country == "trend" else np.random.default_rng(2).normal(20, 5, size=len(GRID))
    pi, found = np.full(y.size, 60 / y.size), []
    for _ in range(250):
        s = draw_tessellation(GRID, pi, rng=rng)
        design = SpreadDesign(coordinates=GRID[s], inclusion=pi[s], population=y.size)
        weak = design.local if failing is LocalMeanDesign else design.pairs
        naive = total(simple_random(60, y.size), y[s]).variance
        found.append((*(total(one, y[s]).variance for one in (design, weak)), naive, total(design, y[s]).value))
    larger, weak_variance, naive_variance, values = np.array(found).T
    ratio = np.sqrt(larger.mean()) / values.std()
    assert 0.85 < ratio < 1.15  # 0.92 and 1.00 over many draws; the acceptance bar is 0.85 to 1.25
    assert np.sqrt(weak_variance.mean()) / values.std() < ratio - 0.08
    if country == "trend":
        assert np.sqrt(naive_variance.mean()) / values.std() > 1.5


def test_larger_variance_column_by_column() -> None:
    """Law: each variance is the larger of the two, correlations stay within bounds, and the method says so."""
    rng = np.random.default_rng(8)
    xy, columns = rng.random((40, 2)), rng.normal(size=(40, 3))
    columns[:, 0] = 10 * xy[:, 0]
    design = SpreadDesign(coordinates=xy, inclusion=np.full(40, 0.1), population=400)
    found = design.covariance(columns)
    both = [np.diag(one.covariance(columns)) for one in (design.local, design.pairs)]
    assert np.diag(found) == pytest.approx(np.maximum(*both), rel=1e-12)
    assert {int(k) for k in np.argmax(both, axis=0)} == {0, 1}
    assert np.linalg.eigvalsh(found).min() > 0
    assert "larger of" in total(design, np.abs(columns[:, 1])).method


def test_unbiased_without_a_pattern() -> None:
    """Law: for independent values the mean of the estimator is n times their variance, weights squared."""
    rng = np.random.default_rng(12)
    design = NearestPairDesign(coordinates=rng.random((50, 2)), inclusion=np.full(50, 0.01), population=None)
    found = np.mean([design.covariance(y)[0, 0] for y in rng.normal(size=(1500, 50))]) * 0.01**2 / 50
    assert found == pytest.approx(1.0, abs=0.02)
    # Satterthwaite's degrees of freedom are those of the estimator's own spread
    draws = np.array([design.covariance(y)[0, 0] for y in rng.normal(size=(1500, 50))])
    assert 2 * draws.mean() ** 2 / draws.var() == pytest.approx(design.df, rel=0.12)


def test_against_a_loop_with_ties_and_strata_in_any_order() -> None:
    """Brute force: the formula as a double loop; the order of rows changes nothing, though a grid is all ties."""
    rng = np.random.default_rng(3)
    s = rng.choice(len(GRID), 80, replace=False)
    y, pi = rng.gamma(1.0, 5.0, 80), rng.uniform(0.05, 0.2, 80)
    stratum = np.where(GRID[s, 0] < 12, "west", "east")
    size = np.where(stratum == "west", 360, 540)
    design = NearestPairDesign(coordinates=GRID[s], inclusion=pi, population=size, stratum=stratum)
    expected, z = 0.0, y / pi
    for i in range(80):
        inside = [j for j in range(80) if j != i and stratum[j] == stratum[i]]
        distance = [np.hypot(*(GRID[s[j]] - GRID[s[i]])) for j in inside]
        near = [j for j, d in zip(inside, distance, strict=True) if d <= sorted(distance)[1] * (1 + 1e-9)]
        kept = 1 - (stratum == stratum[i]).sum() / size[i]
        expected += kept / 2 * np.mean([(z[i] - z[j]) ** 2 for j in near])
    assert design.covariance(y)[0, 0] == pytest.approx(expected, rel=1e-12)
    turned = rng.permutation(80)
    again = NearestPairDesign(
        coordinates=GRID[s][turned], inclusion=pi[turned], population=size[turned], stratum=stratum[turned]
    )
    assert again.covariance(y[turned])[0, 0] == pytest.approx(expected, rel=1e-12)


def test_units_on_one_spot_and_refusals() -> None:
    """Law: units on one spot are each other's neighbours; a lone unit and impossible inputs are refused."""
    spot = NearestPairDesign(coordinates=np.zeros((3, 2)), inclusion=np.full(3, 0.5), population=None)
    assert spot.covariance(np.array([1.0, 1.0, 1.0]))[0, 0] == 0.0
    assert spot.covariance(np.array([0.0, 0.0, 1.0]))[0, 0] > 0
    census = NearestPairDesign(coordinates=GRID[:5], inclusion=np.ones(5), population=5)
    assert census.covariance(np.arange(5.0))[0, 0] == 0.0
    with pytest.raises(QualityGateError, match="one unit"):
        NearestPairDesign(coordinates=GRID[:3], inclusion=np.full(3, 0.1), population=None, stratum=["a", "a", "b"])
    with pytest.raises(InputError, match="at most one"):
        NearestPairDesign(coordinates=GRID[:3], inclusion=np.full(3, 0.1), population=2)
    with pytest.raises(InputError, match="position"):
        NearestPairDesign(coordinates=GRID[:3] * np.nan, inclusion=np.full(3, 0.1), population=None)
