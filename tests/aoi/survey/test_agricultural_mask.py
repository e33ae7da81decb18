"""The agricultural-mask ratio estimator and the sensitivity to the mask's buffer."""

from __future__ import annotations

import numpy as np
import pytest

from aoi.survey.agricultural_mask import (
    buffer_sensitivity,
    mask_expansion_total,
    mask_rate,
    mask_ratio_total,
)
from geo.errors import InputError

CROP = [40, 300, 90, 700, 30, 330]
MASK = [400, 1200, 800, 2500, 600, 1500]
PRINTED = 0.006
"""The worked example is printed to two decimals."""


def test_worked_example() -> None:
    """Published: six cells of forty, 46,000 ha of mask; ratio, total, residual variance, both standard errors."""
    cells_form = mask_ratio_total(CROP, MASK, cells=40, mask_total_ha=46_000, form="cells")
    mask_form = mask_ratio_total(CROP, MASK, cells=40, mask_total_ha=46_000)
    assert mask_rate(CROP, MASK) == pytest.approx(0.2128571, abs=5e-8)
    assert cells_form.value == mask_form.value == pytest.approx(9791.43, abs=PRINTED)
    assert cells_form.se == pytest.approx(1479.87, abs=PRINTED)
    assert mask_form.se == pytest.approx(1458.73, abs=PRINTED)
    residual_variance = cells_form.variance / (40**2 * (1 - 6 / 40) / 6)
    assert residual_variance == pytest.approx(9661.837, abs=6e-4)


def test_plain_expansion() -> None:
    """Published: without the mask the standard error is 2.6 times as large."""
    found = mask_expansion_total(CROP, cells=40)
    assert found.value == pytest.approx(9933.33, abs=PRINTED)
    assert found.se == pytest.approx(3864.79, abs=PRINTED)


def test_worked_example_perturbed() -> None:
    """Negative control: ten hectares more in one cell are another figure."""
    found = mask_ratio_total([50, *CROP[1:]], MASK, cells=40, mask_total_ha=46_000)
    assert found.value != pytest.approx(9791.43, abs=1.0)
    assert found.se != pytest.approx(1458.73, abs=1.0)


def test_method_names_the_form() -> None:
    """Law: which scale the standard error has is printed."""
    figure = mask_ratio_total(CROP, MASK, cells=40, mask_total_ha=46_000, form="cells").estimate(ceiling=46_000)
    assert figure.method == "agricultural-mask ratio (cells form); linearised; skew-corrected"
    assert figure.flags == ("LOW_COUNT",)
    assert figure.lo >= sum(CROP)


def test_buffer_of_the_mask() -> None:
    """Brute force: each row is the estimate on that mask, and its change from the base."""
    wide = [x * 1.1 for x in MASK]
    rows = buffer_sensitivity(
        [-30, 0, 30],
        [CROP] * 3,
        [[x * 0.95 for x in MASK], MASK, wide],
        cells=40,
        mask_totals_ha=[43_000, 46_000, 56_000],
    )
    alone = mask_ratio_total(CROP, wide, cells=40, mask_total_ha=56_000)
    assert [row.buffer_m for row in rows] == [-30, 0, 30]
    assert rows[1].change == 0.0
    assert (rows[2].value_ha, rows[2].se_ha) == pytest.approx((alone.value, alone.se))
    assert rows[2].change == pytest.approx(alone.value / rows[1].value_ha - 1)
    assert rows[2].rate == pytest.approx(mask_rate(CROP, wide))


def test_buffer_that_scales_everything_changes_nothing() -> None:
    """Law: a mask larger everywhere by one factor, total included, leaves the estimate where it was."""
    rows = buffer_sensitivity(
        [0, 50], CROP, [MASK, [2 * x for x in MASK]], cells=40, mask_totals_ha=[46_000, 92_000]
    )
    assert rows[1].change == pytest.approx(0.0, abs=1e-12)


def test_crop_outside_the_mask() -> None:
    """Law: crop where the mask says there is none is a fault of the mask, told by its cell."""
    with pytest.raises(InputError, match=r"1 with more crop than mask.*\(first \[0\]\).*stratum of its own"):
        mask_ratio_total([500, 300], [400, 1200], cells=40, mask_total_ha=46_000)
    with pytest.raises(InputError, match="at least the cells' own mask"):
        mask_ratio_total(CROP, MASK, cells=40, mask_total_ha=5000)
    with pytest.raises(InputError, match="mask or cells"):
        mask_ratio_total(CROP, MASK, cells=40, mask_total_ha=46_000, form="pixels")
    with pytest.raises(InputError, match=r"the base \(0 m\) among them"):
        buffer_sensitivity([30], CROP, [MASK], cells=40, mask_totals_ha=[46_000])


def test_not_a_number() -> None:
    """Law: a cell under cloud is not a cell without poppy."""
    with pytest.raises(InputError, match="missing observation is not zero"):
        mask_rate([np.nan, 3], [10, 10])
