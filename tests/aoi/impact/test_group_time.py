"""Group-time effects and their aggregates against R (DRDID, did) on the minimum-wage panel, and brute force."""

from __future__ import annotations

from functools import cache
from typing import Any

import numpy as np
import pandas as pd
import pytest
from scipy import sparse

from aoi.impact.aggregate import Effect, by_calendar, by_event, by_group, simple
from aoi.impact.group_time import NEVER, Arm, Cells, group_time_effects
from geo.errors import InputError, QualityGateError
from tests.shared import oracle, oracle_path

METHODS = {"reg": "regression", "ipw": "weighting", "dr": "doubly_robust"}


@cache
def panel() -> tuple[np.ndarray, np.ndarray, Arm, np.ndarray]:
    """Return outcome, years, arm and log population of the counties."""
    table = pd.read_csv(oracle_path("did_mpdta") / "mpdta.csv")
    wide = table.pivot(index="countyreal", columns="year", values="lemp")
    unit = table.drop_duplicates("countyreal").set_index("countyreal").loc[wide.index]
    start = unit["first.treat"].to_numpy(dtype=np.int64)
    arm = Arm(start=start, baseline=np.where(start > 0, start - 1, NEVER), control=start == NEVER)
    return wide.to_numpy(), wide.columns.to_numpy(dtype=np.int64), arm, unit["lpop"].to_numpy()


def cells_of(key: str) -> Cells:
    """Return the cells as the oracle's method makes them."""
    outcome, years, arm, lpop = panel()
    method, covariate = key.split("_")
    x = (
        None
        if key == "reg_none"
        else np.column_stack([np.ones(len(lpop)), *([lpop] if covariate == "lpop" else [])])
    )
    return group_time_effects(outcome, years, arm, covariates=x, method=METHODS[method])  # type: ignore[arg-type]


def se_of(effect: Effect) -> float:
    """Return the plain standard error of independent units."""
    return float(np.sqrt(np.mean(effect.influence**2) / len(effect.influence)))


@pytest.mark.parametrize("key", [f"{m}_{c}" for m in ("reg", "ipw", "dr") for c in ("none", "lpop")])
def test_cells_and_aggregates_are_those_of_r(key: str) -> None:
    """Independent program: R DRDID and did, 12 cells and four aggregates, values and standard errors to 1e-8."""
    expected: dict[str, Any] = oracle("did_mpdta")["methods"][key]
    cells = cells_of(key)
    n = len(cells.influence)
    found = {
        (int(g), int(t)): (value, float(np.sqrt(np.mean(psi**2) / n)))
        for g, t, value, psi in zip(cells.start, cells.year, cells.value, cells.influence.T, strict=True)
    }
    assert len(found) == len(expected["att_gt"]) == 12
    for cell in expected["att_gt"]:
        assert found[cell["g"], cell["t"]] == pytest.approx((cell["att"], cell["se"]), rel=1e-8)
    overall = simple(cells)
    assert (overall.value, se_of(overall)) == pytest.approx(tuple(expected["simple"].values()), rel=1e-8)
    for name, aggregate in (("group", by_group), ("dynamic", by_event), ("calendar", by_calendar)):
        parts, whole = aggregate(cells)
        assert [float(part.label) for part in parts] == expected[name]["egt"]
        assert [part.value for part in parts] == pytest.approx(expected[name]["att"], rel=1e-8)
        assert [se_of(part) for part in parts] == pytest.approx(expected[name]["se"], rel=1e-8)
        told = expected[name]["overall"]
        assert (whole.value, se_of(whole)) == pytest.approx((told["att"], told["se"]), rel=1e-8)


def test_two_by_two_and_its_leverage() -> None:
    """Independent program: the 2x2 of the cohort of 2007, and its HC0 and HC2 standard errors."""
    told = oracle_json("expected_twfe_2x2.json")["did2x2_2006_2007_cohort2007"]
    outcome, years, arm, _ = panel()
    for clusters, key in ((None, "se_HC0"), (np.arange(len(outcome)), "se_HC2")):
        cells = group_time_effects(outcome, years, arm, clusters=clusters)
        at = int(np.flatnonzero((cells.start == 2007) & (cells.year == 2007))[0])
        se = np.sqrt((cells.influence[:, at] ** 2).sum()) / len(outcome)
        assert (cells.value[at], se) == pytest.approx((told["att"], told[key]), rel=1e-8)


def oracle_json(name: str) -> Any:
    """Return another file of the oracle."""
    import json

    return json.loads((oracle_path("did_mpdta") / name).read_text())


def small(*, announced: int = 2004) -> tuple[np.ndarray, np.ndarray, Arm]:
    """Return six units, three treated from 2006 whose programme was announced in a year."""
    years = np.arange(2001, 2009)
    outcome = np.add.outer([10.0, 12, 14, 9, 11, 13], 0.5 * np.arange(8))
    outcome[:3, years >= announced] += 4.0
    outcome[:3, years >= 2006] -= 10.0
    start = np.array([2006, 2006, 2006, 0, 0, 0])
    baseline = np.where(start > 0, announced - 1, NEVER)
    return outcome, years, Arm(start=start, baseline=baseline, control=start == NEVER)


def test_baseline_before_the_announcement() -> None:
    """Law: planting for the announcement stays out of the baseline; a baseline at the start would overstate."""
    outcome, years, arm = small()
    cells = group_time_effects(outcome, years, arm)
    assert simple(cells).value == pytest.approx(-6.0)
    assert cells.value[cells.anticipation] == pytest.approx([4.0, 4.0])
    assert cells.value[cells.before] == pytest.approx([0.0, 0.0])
    naive = Arm(start=arm.start, baseline=np.where(arm.start > 0, 2005, NEVER), control=arm.control)
    assert simple(group_time_effects(outcome, years, naive)).value == pytest.approx(-10.0)


def test_not_yet_treated_only_while_clean() -> None:
    """Brute force: a later cohort serves as control up to its own baseline and never after."""
    outcome, years, _ = small()
    start = np.array([2004, 2004, 2007, 2007, 2007, 2007])
    arm = Arm(start=start, baseline=start - 1, control=np.zeros(6, dtype=bool), not_yet=True)
    cells = group_time_effects(outcome, years, arm)
    change = outcome[:, 5] - outcome[:, 2]
    at = (cells.start == 2004) & (cells.year == 2006)
    assert cells.value[at] == pytest.approx([change[:2].mean() - change[2:].mean()])
    assert cells.year[cells.start == 2004].max() == 2006
    assert "2004 in 2007" in cells.not_estimable


def test_order_of_units_changes_nothing() -> None:
    """Law: units in another order give the same effects, bit for bit within a summation's rounding."""
    outcome, years, arm, _ = panel()
    order = np.random.default_rng(1).permutation(len(outcome))
    other = Arm(start=arm.start[order], baseline=arm.baseline[order], control=arm.control[order])
    first, second = group_time_effects(outcome, years, arm), group_time_effects(outcome[order], years, other)
    assert second.value == pytest.approx(first.value, rel=1e-12)


def test_refusals() -> None:
    """Literal: no valid control, nobody treated, one year before, a gap, a late baseline: each its own message."""
    outcome, years, arm = small()
    with pytest.raises(QualityGateError, match="no valid control"):
        Arm(start=arm.start, baseline=arm.baseline, control=np.zeros(6, dtype=bool))
    with pytest.raises(QualityGateError, match="no treated unit"):
        Arm(start=np.zeros(6, dtype=np.int64), baseline=np.zeros(6, dtype=np.int64), control=arm.control)
    with pytest.raises(InputError, match="not before the start"):
        Arm(start=arm.start, baseline=arm.start, control=arm.control)
    with pytest.raises(QualityGateError, match="at least two"):
        group_time_effects(outcome[:, 2:], years[2:], arm)
    gap = outcome.copy()
    gap[1, 3] = np.nan
    with pytest.raises(InputError, match="1 missing outcomes, the first of unit 1 in 2004"):
        group_time_effects(gap, years, arm)
    with pytest.raises(InputError, match="a baseline of 2003; expected a year of the panel"):
        group_time_effects(outcome[:, 3:], years[3:], arm)


def test_error_of_matched_sets() -> None:
    """Brute force: what a set shares is no error; the noise of controls in sets of two is counted once too often.

    40 treated units with two controls each: the variance is 1.5/40, and the mean of its estimates 2/40, since the
    noise of the controls stands in the treated units' distances as well. Never too small.
    """
    rng, n = np.random.default_rng(5), 40
    treated = np.arange(n)
    rows, columns = np.repeat(treated, 2), np.arange(n, 3 * n)
    match = sparse.csr_array((np.full(2 * n, 0.5), (rows, columns)), shape=(3 * n, 3 * n))
    start = np.where(np.arange(3 * n) < n, 2003, NEVER)
    arm = Arm(start=start, baseline=np.where(start > 0, 2002, NEVER), control=start == NEVER, match=match)
    values, variances = [], []
    for _ in range(400):
        shared = 10 * rng.standard_normal(n)
        change = rng.standard_normal(3 * n) + np.concatenate([shared, np.repeat(shared, 2)])
        outcome = np.column_stack([np.zeros(3 * n), np.zeros(3 * n), change])
        effect = simple(group_time_effects(outcome, np.array([2001, 2002, 2003]), arm))
        values.append(effect.value)
        variances.append(float((effect.influence**2).sum()) / (3 * n) ** 2)
    assert np.var(values) == pytest.approx(1.5 / n, rel=0.2)
    assert np.mean(variances) == pytest.approx(2.0 / n, rel=0.05)
