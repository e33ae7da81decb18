"""The same estimators in an independent program (diff-diff) on a simulated panel that anyone can make."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from diff_diff import CallawaySantAnna, ImputationDiD

from aoi.impact.aggregate import simple
from aoi.impact.group_time import NEVER, Arm, group_time_effects
from aoi.impact.imputation import imputation
from imagery.simulate.programme import simulate_programme


def long_panel() -> tuple[pd.DataFrame, np.ndarray, np.ndarray, np.ndarray]:
    """Return a small province as a long table, its outcome, years and starts."""
    drawn = simulate_programme(np.random.default_rng(8), villages=160, municipalities=14)
    n, length = drawn.crop_ha.shape
    table = pd.DataFrame(
        {
            "unit": np.repeat(np.arange(n), length),
            "year": np.tile(drawn.years, n),
            "crop": drawn.crop_ha.ravel(),
            "start": np.repeat(drawn.start, length),
        }
    )
    return table, drawn.crop_ha, drawn.years, drawn.start


def test_group_time_effects() -> None:
    """Independent program: diff-diff's Callaway and Sant'Anna, cell by cell and overall."""
    table, outcome, years, start = long_panel()
    arm = Arm(start=start, baseline=np.where(start > 0, start - 1, NEVER), control=start == NEVER)
    cells = group_time_effects(outcome, years, arm)
    told = CallawaySantAnna(estimation_method="reg").fit(
        table, outcome="crop", unit="unit", time="year", first_treat="start"
    )
    for g, t, value in zip(cells.start, cells.year, cells.value, strict=True):
        assert told.group_time_effects[(g, t)]["effect"] == pytest.approx(value, rel=1e-9)
    assert told.overall_att == pytest.approx(simple(cells).value, rel=1e-9)


def test_imputation_and_its_error() -> None:
    """Independent program: diff-diff's imputation estimator, value and cluster-robust standard error."""
    table, outcome, years, start = long_panel()
    found = imputation(outcome, years, start, np.where(start > 0, start - 1, NEVER), np.arange(len(start)))
    told = ImputationDiD().fit(table, outcome="crop", unit="unit", time="year", first_treat="start")
    assert found.value == pytest.approx(told.overall_att, rel=1e-6)
    assert found.se == pytest.approx(told.overall_se, rel=1e-6)
