"""Matching, balance and its gate: brute force, laws and literal cases."""

from __future__ import annotations

import numpy as np
import pytest

from aoi.impact.matching import Balance, Compared, Match, balance, match_controls, require_balance
from geo.errors import InputError, QualityGateError


def country(
    seed: int = 1,
) -> tuple[np.ndarray, np.ndarray, dict[str, np.ndarray], dict[str, tuple[np.ndarray, float]]]:
    """Return 300 units, 60 of them treated where crop is dense."""
    rng = np.random.default_rng(seed)
    density, slope = rng.gamma(2.0, 5.0, 300), rng.normal(10, 3, 300)
    treated = np.zeros(300, dtype=bool)
    treated[np.argsort(-(density + rng.normal(0, 6, 300)))[:60]] = True
    return (
        treated,
        ~treated,
        {"region": rng.integers(0, 3, 300)},
        {"density": (density, 1.5), "slope": (slope, 2.5)},
    )


def balance_of(column: np.ndarray, treated: np.ndarray, match: Match) -> Balance:
    """Return the balance of density with one cohort."""
    return balance("density", [Compared(column=column, treated=treated, control=~treated, match=match)])


def test_nearest_controls_by_brute_force() -> None:
    """Brute force: every control is of the same kind, inside all calipers, and no nearer one is left out."""
    treated, control, exact, calipers = country()
    found = match_controls(treated, control, exact=exact, calipers=calipers, neighbours=4)
    for unit in np.flatnonzero(treated):
        ok = control & (exact["region"] == exact["region"][unit])
        distance = np.zeros(300)
        for column, width in calipers.values():
            ok &= np.abs(column - column[unit]) <= width
            distance += ((column - column[unit]) / width) ** 2
        expected = sorted(np.flatnonzero(ok), key=lambda j: distance[j])[:4]
        assert sorted(found.weights[[unit]].nonzero()[1]) == sorted(expected)
        assert bool(found.matched[unit]) == bool(expected)
    assert found.control_weight.sum() == pytest.approx(found.matched.sum())


def test_unmatched_are_told_with_the_reason() -> None:
    """Literal: one unit of a kind without controls, one beyond the caliper, one matched."""
    treated = np.array([True, True, True, False])
    found = match_controls(
        treated,
        ~treated,
        exact={"law": np.array(["a", "b", "a", "a"])},
        calipers={"ha": (np.array([10.0, 10.0, 90.0, 12.0]), 5.0)},
    )
    assert found.matched.tolist() == [True, False, False, False]
    assert found.unmatched == ((1, "no control with the same law"), (2, "no control within 5 of its ha"))
    assert found.unmatched_share == pytest.approx(2 / 3)


def test_balance_improves_and_is_the_formula() -> None:
    """Brute force: the standardised difference by hand; matching brings it down."""
    treated, control, exact, calipers = country()
    found = match_controls(treated, control, exact=exact, calipers=calipers)
    density = calipers["density"][0]
    row = balance_of(density, treated, found)
    scale = np.sqrt((density[treated].var(ddof=1) + density[control].var(ddof=1)) / 2)
    assert row.smd_before == pytest.approx((density[treated].mean() - density[control].mean()) / scale)
    assert abs(row.smd_before) > 0.5
    assert abs(row.smd) < 0.1
    assert row.verdict == "balanced"
    require_balance([row])


def test_unbalanced_controls_are_refused() -> None:
    """Law: without matching on density its imbalance stops the effect, exit 5, naming the trait."""
    treated, control, _, calipers = country()
    loose = match_controls(treated, control, exact={}, calipers={})
    rows = [balance_of(calipers["density"][0], treated, loose)]
    with pytest.raises(
        QualityGateError, match=r"balance of density.*no effect is told from unlike controls"
    ) as told:
        require_balance(rows)
    assert told.value.exit_code == 5


def test_wrong_calipers() -> None:
    """Literal: a width of zero and a missing number are told together."""
    treated = np.array([True, False])
    with pytest.raises(InputError) as told:
        match_controls(
            treated,
            ~treated,
            exact={},
            calipers={"a": (np.zeros(2), 0.0), "b": (np.array([1.0, np.nan]), 1.0)},
        )
    assert len(told.value.problems) == 2
