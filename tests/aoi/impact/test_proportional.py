"""The effect under proportional trends, against Poisson regression, and its error against the jackknife."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import sparse
from sklearn.linear_model import PoissonRegressor

from aoi.impact.aggregate import Effect
from aoi.impact.group_time import NEVER, Arm
from aoi.impact.panel import Panel
from aoi.impact.proportional import proportional_effect
from aoi.impact.study import Study
from geo.errors import QualityGateError

YEARS = np.arange(2000, 2006)


def panel_of(outcome: np.ndarray, start: np.ndarray) -> Panel:
    """Return a panel in which each unit is a cluster."""
    n = len(outcome)
    return Panel(
        units=tuple(map(str, range(n))),
        years=YEARS,
        outcome=outcome,
        start=start,
        baseline=np.where(start == NEVER, NEVER, start - 1),
        cluster=np.arange(n),
        region=np.zeros(n, dtype=np.int64),
        xy_km=np.zeros((n, 2)),
    )


def study_of(panel: Panel) -> Study:
    """Return a study in which each treated unit has all units without a programme as controls, alike."""
    control = panel.start == NEVER
    weights = np.zeros((len(control), len(control)))
    weights[np.ix_(~control, control)] = 1 / control.sum()
    arm = Arm(start=panel.start, baseline=panel.baseline, control=control, match=sparse.csr_array(weights))
    return Study(arm=arm, balance=(), unmatched=())


def counts(seed: int, factor: float, n: int = 60) -> tuple[np.ndarray, np.ndarray]:
    """Return counts that double in six years, times a factor from 2003 on in a third of the units."""
    rng = np.random.default_rng(seed)
    start = np.where(np.arange(n) < n // 3, 2003, NEVER)
    size = np.where(start > 0, 9.0, 3.0) * rng.uniform(0.5, 1.5, n)
    mean = size[:, None] * 2 ** ((YEARS - 2000) / 5)
    mean = mean * np.where((start[:, None] > 0) & (YEARS >= 2003), factor, 1.0)
    return rng.poisson(mean).astype(float), start


def test_it_is_the_poisson_regression_of_two_years() -> None:
    """Independent program: baseline and one year, group, year and their product, no penalty (scikit-learn)."""
    outcome, start = counts(3, 0.7)
    outcome = np.where(YEARS > 2003, np.nan, outcome)[:, :4]
    panel = panel_of(outcome[:, :4], start)
    panel = Panel(**{**{name: getattr(panel, name) for name in panel.__slots__}, "years": YEARS[:4]})
    found = proportional_effect(study_of(panel), panel)
    group, after = np.repeat(start > 0, 2), np.tile([0, 1], len(start))
    design = np.column_stack([group, after, group * after]).astype(float)
    fit = PoissonRegressor(alpha=0, tol=1e-12, max_iter=10_000).fit(design, outcome[:, [2, 3]].ravel())
    seen = outcome[start > 0, 3].mean()
    assert found.value == pytest.approx(seen - seen / np.exp(fit.coef_[2]), rel=1e-6)


def test_its_error_is_that_of_the_jackknife() -> None:
    """Brute force: the delta method of the influence against leaving each unit out in turn."""
    outcome, start = counts(5, 0.7, n=240)
    panel = panel_of(outcome, start)
    found = proportional_effect(study_of(panel), panel)
    se = float(np.sqrt((found.influence**2).sum())) / len(start)
    left = []
    for unit in range(len(start)):
        keep = np.arange(len(start)) != unit
        one = panel_of(outcome[keep], start[keep])
        left.append(proportional_effect(study_of(one), one).value)
    n = len(left)
    jackknife = float(np.sqrt((n - 1) / n * ((np.array(left) - np.mean(left)) ** 2).sum()))
    assert se == pytest.approx(jackknife, rel=0.02)


def test_growth_by_share_is_no_effect_and_a_share_taken_is() -> None:
    """Brute force: large and small units double alike: amounts mislead, and shares do not."""
    nothing: list[float] = []
    something: list[float] = []
    for seed in range(20):
        for factor, values in ((1.0, nothing), (0.7, something)):
            outcome, start = counts(seed, factor)
            values.append(proportional_effect(study_of(panel_of(outcome, start)), panel_of(outcome, start)).value)
    assert abs(np.mean(nothing)) < 3 * np.std(nothing) / np.sqrt(20)
    mean = float((9.0 * 2 ** ((YEARS[3:] - 2000) / 5)).mean())
    assert np.mean(something) == pytest.approx(-0.3 * mean, abs=3 * np.std(something) / np.sqrt(20))


def test_controls_with_nothing_give_nothing_to_grow_from() -> None:
    """Law: no share of nothing is told."""
    outcome, start = counts(1, 1.0)
    outcome[start == NEVER, 2] = 0.0
    with pytest.raises(QualityGateError, match="nothing at the baseline"):
        proportional_effect(study_of(panel_of(outcome, start)), panel_of(outcome, start))
    assert isinstance(proportional_effect(study_of(panel_of(*counts(1, 1.0))), panel_of(*counts(1, 1.0))), Effect)
