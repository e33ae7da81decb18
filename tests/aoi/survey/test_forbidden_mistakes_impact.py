"""Mistakes in the evaluation of programmes, shown here to be refused or avoided: 15."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from aoi.impact.aggregate import simple
from aoi.impact.checks import pre_trend
from aoi.impact.displacement import Sites, exposure
from aoi.impact.evaluation import evaluate
from aoi.impact.group_time import NEVER, Arm, group_time_effects
from aoi.impact.panel import require_assignment_level
from aoi.impact.study import Settings, build_study, cells_of, interval_of, refined
from aoi.impact.two_way import decomposition, two_way
from benchmarks.impact_coverage import CALIPERS, panel_of
from geo.errors import QualityGateError
from imagery.simulate.programme import Programme, simulate_programme

SETTINGS = Settings(calipers=CALIPERS, draws=99)


def test_15_two_way_effects_are_a_diagnostic() -> None:
    """Law: where effects grow with time and all are treated in the end, the coefficient has the wrong sign."""
    years = np.arange(2000, 2012)
    start = np.repeat([2003, 2006, NEVER], [20, 20, 4])
    since = np.where(start[:, None] > 0, years - start[:, None], -1)
    outcome = 50.0 + 0.1 * np.arange(44)[:, None] - 4.0 * np.clip(since + 1, 0, None)
    arm = Arm(start=start, baseline=np.where(start > 0, start - 1, NEVER), control=start == NEVER)
    active = (start[:, None] > 0) & (since >= 0)
    truth = float((-4.0 * (since + 1))[active].mean())
    assert simple(group_time_effects(outcome, years, arm)).value == pytest.approx(truth)
    wrong = two_way(outcome, years, start, np.arange(44)).value
    assert wrong > 0.75 * truth  # much too small an effect
    forbidden = [one for one in decomposition(outcome, years, start) if "forbidden" in one.kind]
    assert forbidden[0].value > 0 > truth  # a fall that goes on in the control looks like a rise
    names = [row.scope for row in evaluate(panel_of(_drawn()), SETTINGS, rng=np.random.default_rng(1)).rows]
    assert names[0] == "overall"
    assert names.count("diagnostic") == 2


def _drawn(seed: int = 4) -> Programme:
    return simulate_programme(np.random.default_rng(seed))


def test_15_neighbours_are_no_controls() -> None:
    """Law: no unit within the last ring of a programme stands as a control of anyone."""
    panel = panel_of(_drawn())
    _, beyond = exposure(panel.treated, Sites.of_places(panel.xy_km, panel.start, panel.baseline))
    study = build_study(panel, panel.start, panel.baseline, beyond, SETTINGS)
    apart = np.hypot(*(panel.xy_km[:, None] - panel.xy_km[panel.start > 0][None]).T).T.min(axis=1)
    assert apart[study.control_weight > 0].min() > 10.0


def test_15_no_clusters_below_assignment() -> None:
    """Law: villages as clusters are refused where whole regions got the programme."""
    panel = panel_of(_drawn())
    start = np.where(panel.region == 1, NEVER, 2013)
    by_region = replace(panel, start=start, baseline=np.where(start > 0, 2010, NEVER))
    with pytest.raises(QualityGateError, match="level at which the programme was assigned"):
        require_assignment_level(by_region)
    require_assignment_level(replace(by_region, cluster=by_region.region))
    require_assignment_level(panel)


def test_15_not_rejected_is_no_proof() -> None:
    """Law: a trend that is not rejected is said to be no proof; one that is there is found."""
    panel = panel_of(_drawn())
    found = evaluate(panel, SETTINGS, rng=np.random.default_rng(1))
    (told,) = [row for row in found.rows if row.effect == "trend before the announcement"]
    assert told.p_value > 0.05
    assert told.note == "not_rejected"  # in words: which is no proof that they moved alike
    tilted = panel.outcome + 0.6 * (panel.start > 0)[:, None] * (panel.years - 2006)
    test = pre_trend(found.study, replace(panel, outcome=tilted))
    assert test is not None
    assert test.p_value < 0.05


def test_15_few_clusters_change_the_interval() -> None:
    """Law: below 30 clusters the limits come from the wild bootstrap, and say so."""
    panel = panel_of(simulate_programme(np.random.default_rng(4), municipalities=6, grid=5))
    _, beyond = exposure(panel.treated, Sites.of_places(panel.xy_km, panel.start, panel.baseline))
    study = build_study(panel, panel.start, panel.baseline, beyond, replace(SETTINGS, calipers=CALIPERS[:1]))
    plain = interval_of(simple(cells_of(study, panel)), study.treated, panel, SETTINGS)
    assert plain.clusters < 30
    told = refined(plain, study, panel, SETTINGS, np.random.default_rng(1))
    assert "wild cluster bootstrap" in told.method
    assert (told.lo, told.hi) != (plain.lo, plain.hi)
