"""Rubin's rules and the Barnard-Rubin degrees of freedom against R."""

from __future__ import annotations

import math

import numpy as np
import pytest

from aoi.survey.multiple_imputation import pool_imputations
from geo.errors import InputError
from tests.shared import oracle

EXACT = 1e-12
"""Tolerance of the non-response oracle."""


@pytest.fixture(name="rubin")
def fixture_rubin() -> dict:
    """Return five imputations and what R mitools and mice make of them."""
    return oracle("nonresponse_mi")["rubin"]


def test_against_r(rubin: dict) -> None:
    """Independent program: mitools and mice, every number of the pooled result."""
    found = pool_imputations(rubin["Q"], rubin["U"], n=60, share_imputed=0.2, complete_df=59)
    assert found.value == pytest.approx(rubin["qbar"], rel=EXACT)
    assert found.se == pytest.approx(rubin["se"], rel=EXACT)
    assert (found.within, found.between) == pytest.approx((rubin["within"], rubin["between"]), rel=EXACT)
    assert found.variance == pytest.approx(rubin["total"], rel=EXACT)
    assert found.df_large == pytest.approx(rubin["df_old"], rel=EXACT)
    assert found.df == pytest.approx(rubin["barnard_rubin_df_n60_k1"], rel=EXACT)
    assert found.share_of_variance == pytest.approx(rubin["lambda"], rel=EXACT)
    assert found.relative_increase == pytest.approx(rubin["r"], rel=EXACT)
    assert found.fraction_missing_information == pytest.approx(rubin["fmi_n60"], rel=EXACT)


def test_interval(rubin: dict) -> None:
    """Independent program: the interval on Rubin's degrees of freedom."""
    figure = pool_imputations(rubin["Q"], rubin["U"], n=60, share_imputed=0.2).estimate()
    assert (figure.lo, figure.hi) == pytest.approx(rubin["ci95_old"], rel=EXACT)
    assert "20.0% imputed" in figure.method


def test_perturbed_imputation_fails(rubin: dict) -> None:
    """Negative control: one imputation a tenth of a hectare off is another standard error."""
    found = pool_imputations([*rubin["Q"][:4], 420.0], rubin["U"], n=60, share_imputed=0.2, complete_df=59)
    assert found.se != pytest.approx(rubin["se"], rel=1e-6)


def test_alike_imputations_add_nothing() -> None:
    """Law: imputations that agree leave the complete-data variance, whatever their number."""
    found = pool_imputations([5.0, 5.0, 5.0], [2.0, 2.0, 2.0], n=30, share_imputed=0.1, complete_df=29)
    assert (found.variance, found.df_large) == (2.0, math.inf)
    assert found.df == pytest.approx(30 / 32 * 29)


def test_pooled_error_grows_with_disagreement() -> None:
    """Law: imputation has a variance of its own, never less than that of one completed data set."""
    rng = np.random.default_rng(1)
    for spread in (0.1, 1.0, 10.0):
        found = pool_imputations(rng.normal(50, spread, 20), np.full(20, 4.0), n=100, share_imputed=0.3)
        assert found.variance > 4.0


def test_one_imputation_is_refused() -> None:
    """Law: a single imputation taken for data hides its error."""
    with pytest.raises(InputError, match="one imputation has no variance between"):
        pool_imputations([5.0], [2.0], n=30, share_imputed=0.1)
    with pytest.raises(InputError, match="negative variances"):
        pool_imputations([5.0, 6.0], [2.0, -1.0], n=30, share_imputed=0.1)
    with pytest.raises(InputError, match="between 0 and 1"):
        pool_imputations([5.0, 6.0], [2.0, 1.0], n=30, share_imputed=1.1)
    with pytest.raises(TypeError, match="share_imputed"):
        pool_imputations([5.0, 6.0], [2.0, 1.0], n=30)


def test_count_rule_travels() -> None:
    """Law: completed data that fail the count rule flag the pooled figure."""
    assert pool_imputations([5.0, 6.0], [2.0, 1.0], n=30, share_imputed=0.1, low_count=True).estimate().flags
    assert not pool_imputations([5.0, 6.0], [2.0, 1.0], n=30, share_imputed=0.1).estimate().flags
