"""Opium yield from capsule volume: curve, inverse, fields and regions."""

from __future__ import annotations

import numpy as np
import pytest

from aoi.survey.opium_yield import (
    CapsuleCurve,
    area_weighted_yield,
    capsule_volume_cm3,
    capsule_volume_of_yield,
    field_yields,
    opium_yield_kg_ha,
    regional_yield,
    yield_slope,
)
from aoi.survey.parameter import load_parameters, override
from geo.errors import InputError, QualityGateError
from tests.shared import oracle

RTOL = 1e-10  # tolerance of the oracle
CURVE = CapsuleCurve.from_parameters()


def test_yield_and_slope_oracle() -> None:
    """Independent program: table of yields and slopes from 0 to a million cm3/m2."""
    table = oracle("opium_yield")["table"]
    volume = [row["VC_cm3_per_m2"] for row in table]
    expected = [row["Y_kg_ha"] for row in table]
    np.testing.assert_allclose(opium_yield_kg_ha(volume, CURVE), expected, rtol=RTOL)
    slopes = [row["dY_dVC"] for row in table]
    # at a million cm3/m2 the slope is the difference of two numbers near one: ten digits are lost
    np.testing.assert_allclose(yield_slope(volume, CURVE)[:-1], slopes[:-1], rtol=1e-9)
    with pytest.raises(AssertionError):
        np.testing.assert_allclose(opium_yield_kg_ha(np.array(volume) + 0.01, CURVE), expected, rtol=RTOL)


@pytest.mark.parametrize(
    ("volume", "printed"),
    [
        (0, 0),
        (100, 6.93),
        (200, 13.08),
        (400, 23.50),
        (500, 27.95),
        (800, 38.97),
        (1000, 44.85),
        (1500, 56.08),
        (2000, 64.06),
    ],
)
def test_yield_table(volume: float, printed: float) -> None:
    """Independent program: the recomputed table to the second decimal."""
    assert float(opium_yield_kg_ha(volume, CURVE)) == pytest.approx(printed, abs=0.005)


def test_curve_is_rising_concave_and_bounded() -> None:
    """Law: Y(0) = 0, slope 0.07365 there, rising, concave, below 110.1 kg/ha."""
    volume = np.linspace(0, 5000, 501)
    yields = opium_yield_kg_ha(volume, CURVE)
    assert yields[0] == 0
    assert (np.diff(yields) > 0).all()
    assert (np.diff(yields, 2) < 0).all()
    assert CURVE.asymptote_kg_ha == pytest.approx(110.1, rel=1e-12)
    assert yield_slope(0.0, CURVE) == pytest.approx(395.259 / (2 * 1.795 * 1495), rel=1e-12)


def test_slope_is_the_derivative() -> None:
    """Brute force: central differences of the curve."""
    volume = np.array([1.0, 50, 500, 2000])
    difference = (opium_yield_kg_ha(volume + 1e-3, CURVE) - opium_yield_kg_ha(volume - 1e-3, CURVE)) / 2e-3
    np.testing.assert_allclose(yield_slope(volume, CURVE), difference, rtol=1e-7)


@pytest.mark.parametrize(("kg_ha", "volume"), [(27.3, 484.8), (44.5, 987.0)])
def test_inverse_values(kg_ha: float, volume: float) -> None:
    """Independent program: volumes of two published yields, to the first decimal."""
    assert float(capsule_volume_of_yield(kg_ha, CURVE)) == pytest.approx(volume, abs=0.05)


def test_inverse_undoes_the_curve() -> None:
    """Law: VC(Y(VC)) = VC, and nothing lies on or above the asymptote."""
    volume = np.array([0.0, 1e-6, 3.0, 485.0, 5000.0])
    np.testing.assert_allclose(capsule_volume_of_yield(opium_yield_kg_ha(volume, CURVE), CURVE), volume, rtol=1e-9)
    with pytest.raises(InputError, match=r"rows \[1\].*a yield off the curve"):
        capsule_volume_of_yield([20.0, 111.0], CURVE)


def test_capsules_and_field_oracle() -> None:
    """Independent program: ellipsoid volumes, yields by plot, and the yield of the mean, which is larger."""
    expected = oracle("opium_yield")
    heights = [one["height_mm"] for one in expected["capsules"]]
    widths = [one["width_mm"] for one in expected["capsules"]]
    volumes = [one["volume_cm3"] for one in expected["capsules"]]
    np.testing.assert_allclose(capsule_volume_cm3(heights, widths), volumes, rtol=RTOL)
    example = expected["field_example"]
    volume = [one["n_mature_capsules"] * one["mean_capsule_cm3"] for one in example["plots"]]
    np.testing.assert_allclose(volume, example["VC"], rtol=RTOL)
    by_plot = opium_yield_kg_ha(volume, CURVE)
    np.testing.assert_allclose(by_plot, example["Y_per_plot"], rtol=RTOL)
    assert by_plot.mean() == pytest.approx(example["mean_of_plot_yields"], rel=RTOL)
    _, one_field = field_yields(["f"] * 3, volume, CURVE)
    assert one_field[0] == pytest.approx(example["yield_of_mean_VC"], rel=RTOL)


def test_plots_are_pooled_within_their_field_only() -> None:
    """Law: a field's yield uses its own plots, whatever the order of the rows."""
    fields, yields = field_yields(["b", "a", "b"], [500.0, 200.0, 300.0], CURVE)
    assert fields.tolist() == ["a", "b"]
    np.testing.assert_allclose(yields, opium_yield_kg_ha([200.0, 400.0], CURVE))
    with pytest.raises(InputError, match="two equal columns"):
        field_yields(["a"], [1.0, 2.0], CURVE)
    with pytest.raises(InputError, match=r"capsule volume, rows \[1\]"):
        field_yields(["a", "b"], [1.0, np.nan], CURVE)


def test_regional_yield_and_its_error() -> None:
    """Law: mean and s / sqrt(n); one field alone has no error and is refused."""
    made = regional_yield([20.0, 24.0, 28.0], region="south")
    assert (made.value, made.n) == (24.0, 3)
    assert made.se == pytest.approx(4 / np.sqrt(3))
    with pytest.raises(QualityGateError, match="pool it"):
        regional_yield([20.0], region="south")


def test_yields_are_weighted_with_area_between_regions() -> None:
    """Law: three times the area counts three times; errors weigh in squares."""
    south, north = regional_yield([20.0, 24.0], region="s"), regional_yield([10.0, 14.0], region="n")
    made = area_weighted_yield([300.0, 100.0], [south, north])
    assert made.value == pytest.approx(0.75 * 22 + 0.25 * 12)
    assert made.se == pytest.approx(np.hypot(0.75 * 2, 0.25 * 2))
    with pytest.raises(QualityGateError, match="one area for each yield"):
        area_weighted_yield([0.0], [south])


def test_coefficients_can_be_overridden_but_not_with_a_curve_that_breaks() -> None:
    """Law: the unverified coefficients are parameters; a root of a negative number is refused before it happens."""
    known = override(
        load_parameters("yield_factors"), {"opium_capsule.shift": {"value": 1500.0, "source": "guide"}}
    )
    assert CapsuleCurve.from_parameters(known).shift == 1500.0
    with pytest.raises(InputError, match="product <= 4 x shift"):
        CapsuleCurve(shift=1.0, product=5.0, divisor=1.0)
