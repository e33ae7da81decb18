"""Local-mean variance of systematic and spread samples."""

from __future__ import annotations

import numpy as np
import pytest

from aoi.survey.cluster import simple_random
from aoi.survey.linearised import total
from aoi.survey.local_mean import LocalMeanDesign, systematic_total
from aoi.survey.neighbourhood import neighbour_weights
from aoi.survey.spatial_balance import draw_local_pivotal, draw_tessellation
from geo.errors import InputError, QualityGateError
from tests.shared import oracle

SIDE = 30
GRID = np.stack(np.meshgrid(np.arange(float(SIDE)), np.arange(float(SIDE))), axis=-1).reshape(-1, 2)


def field(seed: int) -> np.ndarray:
    """Make a variable with a trend, waves and noise over the grid."""
    e, n = GRID.T / SIDE
    noise = np.random.default_rng(seed).normal(size=len(GRID))
    return 20 + 10 * e + 6 * np.sin(6 * n) + 3 * np.cos(8 * e * n) + noise


@pytest.mark.parametrize(
    ("draw", "draws"), [(draw_tessellation, 200), pytest.param(draw_local_pivotal, 80, marks=pytest.mark.slow)]
)
def test_standard_error_of_spread_samples(draw, draws: int) -> None:
    """Brute force: over spread samples the mean variance is near the true one; the simple random one is not."""
    y, rng = field(1), np.random.default_rng(9)
    pi = np.full(y.size, 60 / y.size)
    found = []
    for _ in range(draws):
        s = draw(GRID, pi, rng=rng)
        local = total(
            LocalMeanDesign(coordinates=GRID[s], inclusion=pi[s], drawing="spread", population=y.size), y[s]
        )
        found.append((local.value, local.variance, total(simple_random(60, y.size), y[s]).variance))
    values, local, naive = np.array(found).T
    true_se = values.std()
    assert abs(values.mean() - y.sum()) < 3.5 * true_se / np.sqrt(draws)
    # The acceptance bar for spread samples
    assert 0.85 < np.sqrt(local.mean()) / true_se < 1.25
    assert np.sqrt(naive.mean()) / true_se > 1.5


def test_standard_error_of_every_systematic_sample() -> None:
    """Brute force: all 25 systematic grids; the local mean is near the truth, the simple random one far above."""
    y, found = field(2), []
    cell = GRID.astype(int)
    for a in range(5):
        for b in range(5):
            s = np.flatnonzero((cell[:, 0] % 5 == a) & (cell[:, 1] % 5 == b))
            local = LocalMeanDesign(
                coordinates=GRID[s], inclusion=np.full(s.size, 0.04), drawing="systematic", population=y.size
            )
            found.append(
                (
                    total(local, y[s]).value,
                    total(local, y[s]).variance,
                    total(simple_random(36, 900), y[s]).variance,
                )
            )
    values, local, naive = np.array(found).T
    assert values.mean() == pytest.approx(y.sum(), rel=1e-12)
    ratio = np.sqrt(local.mean()) / values.std()
    assert 0.9 <= ratio < 1.1
    assert np.sqrt(naive.mean()) / values.std() > 2


def test_noise_correction() -> None:
    """Brute force: without a pattern the corrected variance is right, and the published one a quarter too small."""
    rng = np.random.default_rng(12)
    xy, pi = rng.random((50, 2)), np.full(50, 0.01)
    designs = [
        LocalMeanDesign(coordinates=xy, inclusion=pi, drawing=drawing, population=None)
        for drawing in ("systematic", "spread")
    ]
    columns = rng.normal(size=(50, 3000))
    w = designs[0].smoother.toarray()
    trace = 50 - (w**2).sum()
    for design, expected in zip(designs, (1.0, trace / 50), strict=True):
        found = np.mean([design.covariance(y)[0, 0] for y in columns.T[:600]]) * 0.01**2 / 50
        assert found == pytest.approx(expected, abs=0.02)
    assert trace / 50 < 0.8


def test_weights_sum_both_ways_and_match_a_dense_solution() -> None:
    """Brute force: the sparse adjustment equals the least-squares one on full matrices."""
    rng = np.random.default_rng(4)
    xy, pi = rng.random((40, 2)), rng.uniform(0.05, 0.5, 40)
    weights = neighbour_weights(xy, pi).toarray()
    assert weights.sum(axis=0) == pytest.approx(np.ones(40), abs=1e-12)
    assert weights.sum(axis=1) == pytest.approx(np.ones(40), abs=1e-12)
    distance = np.hypot(*(xy[:, None] - xy).transpose(2, 0, 1))
    near = np.zeros((40, 40), dtype=bool)
    for i in range(40):
        near[i, np.argsort(distance[i], kind="stable")[:4]] = True
    near |= near.T
    assert np.array_equal(near, weights != 0)
    start = np.zeros((40, 40))
    for i in range(40):
        order = sorted(np.flatnonzero(near[i]), key=lambda j: distance[i, j])
        taper = 1 - np.arange(len(order)) / len(order)
        start[i, order] = taper / pi[order]
        start[i] /= start[i].sum()
    rows, columns = np.nonzero(near)
    constraints = np.zeros((80, rows.size))
    constraints[rows, np.arange(rows.size)] = 1
    constraints[40 + columns, np.arange(rows.size)] = 1
    miss = 1 - constraints @ start[rows, columns]
    moved = start[rows, columns] + np.linalg.lstsq(constraints, miss, rcond=None)[0]
    assert weights[rows, columns] == pytest.approx(moved, abs=1e-10)


def test_totals_of_strata_add_with_their_variances() -> None:
    """Brute force: a stratified total's variance is the sum of its strata's, not rescaled as if they were means."""
    y, rng = field(3), np.random.default_rng(5)
    stratum = np.where(GRID[:, 0] < 10, "west", "east")
    s = np.sort(
        np.concatenate(
            [rng.choice(np.flatnonzero(stratum == name), 30, replace=False) for name in ("west", "east")]
        )
    )
    pi = np.where(stratum == "west", 30 / 300, 30 / 600)
    whole = LocalMeanDesign(
        coordinates=GRID[s], inclusion=pi[s], drawing="spread", population=None, stratum=stratum[s]
    )
    parts = []
    for name in ("west", "east"):
        inside = s[stratum[s] == name]
        parts.append(
            total(
                LocalMeanDesign(coordinates=GRID[inside], inclusion=pi[inside], drawing="spread", population=None),
                y[inside],
            )
        )
    found = total(whole, y[s])
    assert found.value == pytest.approx(sum(part.value for part in parts), rel=1e-12)
    assert found.variance == pytest.approx(sum(part.variance for part in parts), rel=1e-9)
    wrong = sum(part.variance * (size / 900) ** 2 for part, size in zip(parts, (300, 600), strict=True))
    assert found.variance != pytest.approx(wrong, rel=0.2)


def test_a_constant_has_no_variance_and_a_census_none() -> None:
    """Law: equal values leave nothing, and a frame wholly drawn is exact."""
    xy = np.random.default_rng(6).random((20, 2))
    sample = LocalMeanDesign(coordinates=xy, inclusion=np.full(20, 0.1), drawing="spread", population=200)
    assert total(sample, np.full(20, 7.0)).variance == pytest.approx(0.0, abs=1e-15)
    census = LocalMeanDesign(coordinates=xy, inclusion=np.ones(20), drawing="spread", population=20)
    assert total(census, np.arange(20.0)).variance == pytest.approx(0.0, abs=1e-12)


def test_correction_scales_the_variance() -> None:
    """Law: the finite population correction multiplies it by one less the sampling fraction."""
    rng = np.random.default_rng(7)
    xy, y = rng.random((20, 2)), rng.random(20)
    free = total(LocalMeanDesign(coordinates=xy, inclusion=np.full(20, 0.1), drawing="spread", population=None), y)
    kept = total(LocalMeanDesign(coordinates=xy, inclusion=np.full(20, 0.1), drawing="spread", population=200), y)
    assert kept.variance == pytest.approx(0.9 * free.variance, rel=1e-9)


def test_degrees_of_freedom() -> None:
    """Brute force: they are those of the quadratic form for independent normal values."""
    xy = np.random.default_rng(8).random((30, 2))
    design = LocalMeanDesign(coordinates=xy, inclusion=np.full(30, 0.1), drawing="spread", population=None)
    w = design.smoother.toarray()
    a = np.eye(30) - w.T @ w
    assert design.df == pytest.approx(np.trace(a) ** 2 / np.trace(a @ a), rel=1e-9)
    assert 12 < design.df < 29


def test_method_does_not_claim_to_be_unbiased() -> None:
    """Law: the figure says that its variance is an approximation."""
    design = LocalMeanDesign(coordinates=GRID[:9], inclusion=np.full(9, 0.1), drawing="spread", population=None)
    assert (
        "spread sample, local-mean variance (approximate: none is unbiased)" in total(design, np.arange(9.0)).method
    )
    with pytest.raises(InputError, match="spread or systematic"):
        LocalMeanDesign(coordinates=GRID[:9], inclusion=np.full(9, 0.1), drawing="random", population=None)


@pytest.mark.parametrize(
    ("variance", "key", "mean"),
    [
        ("simple-random", "v_srs_each", "E_v_srs_formula"),
        ("successive-difference", "v_sd_each", "E_v_successive_difference"),
    ],
)
def test_every_systematic_sample(variance: str, key: str, mean: str) -> None:
    """Brute force: the three samples of one in three; neither variance is the true one."""
    population = oracle("enumeration")
    y, expected = np.array(population["population"]["y"]), population["systematic_1_in_3"]
    found = [systematic_total(y[start::3], population=12, variance=variance) for start in range(3)]
    assert [f.value for f in found] == pytest.approx(expected["estimates"], rel=1e-10)
    assert [f.variance for f in found] == pytest.approx(expected[key], rel=1e-10)
    assert np.mean([f.variance for f in found]) == pytest.approx(expected[mean], rel=1e-10)
    assert np.var([f.value for f in found]) == pytest.approx(expected["true_var"], rel=1e-10)
    assert np.mean([f.variance for f in found]) > 5 * expected["true_var"]


def test_variance_of_a_systematic_sample_must_be_chosen() -> None:
    """Law: there is no default where none is right."""
    with pytest.raises(TypeError, match="variance"):
        systematic_total([1.0, 2.0], population=4)
    with pytest.raises(InputError, match="successive-difference or simple-random"):
        systematic_total([1.0, 2.0], population=4, variance="unbiased")
    with pytest.raises(InputError, match="1 of 4 units"):
        systematic_total([1.0], population=4, variance="simple-random")


def test_broken_designs() -> None:
    """Law: lone strata, fractions for counts and missing positions are named."""
    xy, pi = np.random.default_rng(9).random((4, 2)), np.full(4, 0.5)
    with pytest.raises(QualityGateError, match="1 with one unit"):
        LocalMeanDesign(
            coordinates=xy, inclusion=pi, drawing="spread", population=None, stratum=["a", "a", "a", "b"]
        )
    with pytest.raises(InputError, match="not a fraction"):
        LocalMeanDesign(coordinates=xy, inclusion=pi, drawing="spread", population=0.5)
    with pytest.raises(InputError, match="none missing"):
        LocalMeanDesign(coordinates=xy * np.nan, inclusion=pi, drawing="spread", population=None)
    with pytest.raises(InputError, match=r"outside \(0, 1\]"):
        LocalMeanDesign(coordinates=xy, inclusion=pi * 3, drawing="spread", population=None)
