"""Rings, net effect and quotients: the reference's examples, and the naive comparison shown to fail."""

from __future__ import annotations

import math

import numpy as np
import pandas as pd
import pytest

from aoi.impact.aggregate import Effect, simple
from aoi.impact.displacement import (
    FourCells,
    Sites,
    difference_in_differences,
    exposure,
    leakage,
    net,
    weighted_displacement_quotient,
)
from aoi.impact.group_time import NEVER, Arm, group_time_effects
from geo.errors import InputError
from tests.shared import oracle, oracle_path


def test_four_cells_of_the_reference() -> None:
    """Published (reference O-14): direct -360, ring +106, net -254, leak 0.2944, log -0.45953, WDQ -0.38571."""
    area = FourCells(before=1000, after=600, control_before=800, control_after=760)
    ring = FourCells(before=300, after=420, control_before=280, control_after=294)
    direct, moved = difference_in_differences(area), difference_in_differences(ring)
    assert (direct, moved, direct + moved) == (-360, 106, -254)
    assert leakage(direct, moved) == pytest.approx(0.2944, abs=5e-5)
    logs = difference_in_differences(area, scale="log")
    assert logs == pytest.approx(-0.45953, abs=5e-6)
    assert math.expm1(logs) == pytest.approx(-0.3684, abs=5e-5)
    assert weighted_displacement_quotient((1000, 600), (300, 420), (800, 760)) == pytest.approx(-0.38571, abs=5e-6)


def ring_example() -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return outcome (two years and one before without change), zone and number of units."""
    table = pd.read_csv(oracle_path("bacon_eventstudy") / "rings_input.csv")
    outcome = table[["pre", "pre", "post"]].to_numpy()
    return outcome, table["zone"].to_numpy(), np.bincount(table["zone"])


def effect_of(zone: np.ndarray, outcome: np.ndarray, inside: int, control: np.ndarray) -> Effect:
    """Return the effect on a zone against controls."""
    start = np.where(zone == inside, 2002, NEVER)
    arm = Arm(start=start, baseline=np.where(start > 0, 2001, NEVER), control=control)
    return simple(group_time_effects(outcome, np.array([2000, 2001, 2002]), arm))


def test_rings_recover_the_truth_and_the_naive_comparison_does_not() -> None:
    """Independent program: -7.972, 3.026, 1.011 of true -8, 3, 1; neighbours taken for controls give -8.94."""
    told = oracle("bacon_eventstudy")["displacement_rings"]
    outcome, zone, counts = ring_example()
    assert counts.tolist() == told["zone_counts"]
    effects = [effect_of(zone, outcome, inside, zone == 3) for inside in (0, 1, 2)]
    assert [e.value for e in effects] == pytest.approx(told["estimates_vs_far"], rel=1e-8)
    se = [float(np.sqrt((e.influence**2).sum()) / len(zone)) for e in effects]
    for effect, error, truth in zip(effects, se, told["true_effects"], strict=False):
        assert abs(effect.value - truth) < 2 * error
    naive = effect_of(zone, outcome, 0, zone != 0)
    assert naive.value == pytest.approx(told["naive_did_all_untreated_as_control"], rel=1e-8)
    wrong = float(np.sqrt((naive.influence**2).sum()) / len(zone))
    assert abs(naive.value - told["true_effects"][0]) > 4 * wrong
    whole = net(effects[0], counts[0], [(effects[1], counts[1]), (effects[2], counts[2])])
    assert whole.value == pytest.approx(told["net_effect_ha"], rel=1e-8)
    ring_total = effects[1].value * counts[1] + effects[2].value * counts[2]
    assert leakage(effects[0].value * counts[0], ring_total) == pytest.approx(told["leakage_rate"], rel=1e-8)


def test_exposure_by_brute_force() -> None:
    """Brute force: ring of the nearest programme, exposed from the first start within it; controls beyond all."""
    rng = np.random.default_rng(4)
    xy = rng.uniform(0, 40, (200, 2))
    start = np.where(rng.random(200) < 0.05, rng.choice([2008, 2012], 200), NEVER)
    baseline = np.where(start > 0, start - 2, NEVER)
    treated = start != NEVER
    other = rng.uniform(0, 60, 200)
    sites = Sites.of_places(xy, start, baseline)
    rings, beyond = exposure(treated, sites, radii_km=(1.0, 5.0, 10.0), other_km=other)
    apart = np.hypot(xy[:, None, 0] - xy[None, :, 0], xy[:, None, 1] - xy[None, :, 1])
    nearest = apart[:, treated].min(axis=1)
    inner = -1.0
    for ring in rings:
        inside = ~treated & (nearest > inner) & (nearest <= ring.outer_km)
        assert (ring.start != NEVER).tolist() == inside.tolist()
        for unit in np.flatnonzero(inside):
            near = treated & (apart[unit] <= ring.outer_km)
            assert (ring.start[unit], ring.baseline[unit]) == (start[near].min(), baseline[near].min())
        inner = ring.outer_km
    assert beyond.tolist() == (~treated & (nearest > 10) & (other > 10)).tolist()


def test_wrong_rings_and_totals() -> None:
    """Literal: falling radii, a logarithm of nothing and a control of nothing are refused."""
    start = np.array([2002, 0])
    sites = Sites.of_places(np.zeros((2, 2)), start, start - 1)
    with pytest.raises(InputError, match="radii that rise"):
        exposure(start > 0, sites, radii_km=(5.0, 1.0))
    with pytest.raises(InputError, match="above zero"):
        difference_in_differences(FourCells(before=0, after=1, control_before=1, control_after=1), scale="log")
    with pytest.raises(InputError, match="above zero"):
        weighted_displacement_quotient((1, 2), (1, 2), (0, 1))
