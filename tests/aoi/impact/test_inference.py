"""Clusters, space and permutations: double sums, laws, and how often no effect is rejected."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import stats

from aoi.impact.inference import cluster_interval, conley_se, randomisation_p, wild_bootstrap
from aoi.impact.verdict import Verdict, minimum_detectable, verdict
from geo.errors import InputError, QualityGateError


def test_spatial_error_by_double_sum() -> None:
    """Brute force: every pair up to the distance with its weight; without neighbours the plain sum of squares."""
    rng = np.random.default_rng(1)
    psi, xy = rng.standard_normal(60), rng.uniform(0, 50, (60, 2))
    apart = np.hypot(*(xy[:, None] - xy[None]).T)
    for kernel, weight in (("uniform", apart <= 12), ("bartlett", np.clip(1 - apart / 12, 0, None))):
        told = conley_se(psi, xy, cutoff_km=12, kernel=kernel)  # type: ignore[arg-type]
        assert told == pytest.approx(np.sqrt(max(psi @ weight @ psi, 0)) / 60, rel=1e-10)
    assert conley_se(psi, xy, cutoff_km=1e-9) == pytest.approx(np.sqrt((psi**2).sum()) / 60)
    with pytest.raises(InputError, match="a positive distance"):
        conley_se(psi, xy, cutoff_km=0)


def test_clusters_are_summed_before_they_are_squared() -> None:
    """Brute force: variance and Welch's degrees of freedom of clusters with and without treated units."""
    rng = np.random.default_rng(2)
    cluster = np.repeat(np.arange(12), 5)
    psi, treated = rng.standard_normal(60), cluster < 4
    told = cluster_interval(1.0, psi, cluster, treated)
    sums = np.array([psi[cluster == c].sum() for c in range(12)])
    parts = [(sums[:4] ** 2).sum() / 3600, (sums[4:] ** 2).sum() / 3600]
    df = sum(parts) ** 2 / (parts[0] ** 2 / 3 + parts[1] ** 2 / 7)
    assert (told.se, told.df, told.clusters) == (pytest.approx(np.sqrt(sum(parts))), pytest.approx(df), 12)
    assert told.hi - told.value == pytest.approx(stats.t.ppf(0.975, df) * told.se)
    with pytest.raises(QualityGateError, match="1 with treated units and 11 without"):
        cluster_interval(1.0, psi, cluster, cluster < 1)


def test_permutations_keep_their_level_and_their_blocks() -> None:
    """Brute force: without an effect 5 % are rejected; clusters change places inside their block only."""
    rng = np.random.default_rng(3)
    block = np.repeat([0, 1], 8)
    treated = np.tile([1, 1, 1, 0, 0, 0, 0, 0], 2) == 1
    seen, p_values = [], []
    for _ in range(200):
        y = rng.standard_normal(16) + 10 * block

        def statistic(order: np.ndarray, y: np.ndarray = y) -> float:
            seen.append(order)
            inside = treated[order]
            return float(y[inside].mean() - y[~inside].mean())

        p_values.append(randomisation_p(statistic, block, draws=39, rng=rng))
    assert all((block[order] == block).all() for order in seen)
    assert np.mean(np.array(p_values) <= 0.05) <= 0.10
    assert min(p_values) == pytest.approx(1 / 40)


def test_wild_bootstrap_widens_what_few_clusters_make_too_short() -> None:
    """Brute force: with six clusters the bootstrap holds zero in more of 120 samples than the normal interval."""
    rng = np.random.default_rng(4)
    cluster = np.repeat(np.arange(6), 4)
    inside = cluster < 2

    def statistic(outcome: np.ndarray) -> tuple[float, float]:
        means = np.array([outcome[cluster == c].mean() for c in range(6)])
        spread = means[:2].var(ddof=1) / 2 + means[2:].var(ddof=1) / 4
        return float(means[:2].mean() - means[2:].mean()), float(np.sqrt(spread))

    held = {"bootstrap": 0, "normal": 0}
    for _ in range(120):
        y = (rng.standard_normal(6)[cluster] + 0.3 * rng.standard_normal(24))[:, None]
        value, se = statistic(y)
        residual = y - np.where(inside, y[inside].mean(), y[~inside].mean())[:, None]
        _, lo, hi = wild_bootstrap(statistic, residual, cluster, value=value, se=se, level=0.95, draws=99, rng=rng)
        held["bootstrap"] += lo <= 0 <= hi
        held["normal"] += abs(value) <= 1.96 * se
    assert held["normal"] < 0.90 * 120
    assert held["bootstrap"] > held["normal"]


def test_words_fit_the_evidence() -> None:
    """Literal: each word at its limit; above 30 % nothing found says nothing, and no interval says less."""
    assert verdict(-5, -1, mde=9, reference=10) is Verdict.ASSOCIATED_LESS
    assert verdict(1, 5, mde=9, reference=10) is Verdict.ASSOCIATED_MORE
    assert verdict(-1, 1, mde=3.0, reference=10) is Verdict.NO_DIFFERENCE
    assert verdict(-1, 1, mde=3.01, reference=10) is Verdict.TOO_SMALL
    assert verdict(-1, 1, mde=0.1, reference=0) is Verdict.TOO_SMALL
    assert verdict(float("nan"), float("nan"), mde=1, reference=10) is Verdict.NOT_ESTIMABLE
    assert minimum_detectable(2.0, 10) == pytest.approx(2 * (stats.t.ppf(0.975, 10) + stats.t.ppf(0.8, 10)))
