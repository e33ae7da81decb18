"""Mistakes that published surveys have made, shown here to be refused or avoided: numbers 11, 12, 14 and 16."""

from __future__ import annotations

from datetime import date

import numpy as np
import pytest

from aoi.survey.benchmark import benchmark, require_benchmarked
from aoi.survey.correction import Ledger, corrected_estimate
from aoi.survey.correction_terms import Eradication, eradication_terms, gap_terms, impute_gap
from aoi.survey.estimate import INDICATIVE, Estimate, Quantity
from aoi.survey.figure import read_cell
from aoi.survey.opium_yield import CapsuleCurve, field_yields, opium_yield_kg_ha, regional_yield
from aoi.survey.parameter import Parameter
from aoi.survey.production import YieldFactor, production
from aoi.survey.small_area import AreaPrediction, fit_fay_herriot, predict_fay_herriot, small_area_estimates
from geo.errors import QualityGateError

COCA = Quantity(crop="coca", kind="stock", reference="images")
PREVIOUS, CURRENT = [120.0, 80, 45, 200, 10], [150.0, 70, 60, 260, 0]


def seen(value: float, se: float = 5.0) -> Estimate:
    """Return an interpreted figure."""
    return Estimate(value=value, se=se, lo=value - 2 * se, hi=value + 2 * se, n=9, method="census").of(COCA)


def test_11_cloud_is_neither_zero_crop_nor_silently_filled() -> None:
    """Independent program: 41.5 ha are added, with their error, the share imputed and both bounds in the ledger."""
    gap = impute_gap(PREVIOUS, CURRENT, gap_previous_ha=35.0, gap_area_ha=900.0)
    interpreted = seen(540.0)
    ledger = Ledger(figures={"A": interpreted}, terms=tuple(gap_terms("A", 540.0, gap)), reference="2023-12-31")
    corrected = ledger.corrected("A")
    assert corrected.value - interpreted.value == pytest.approx(41.53846153846154)
    assert corrected.se > interpreted.se
    assert {row["value_ha"] for row in ledger.rows() if not row["applied"]} == {0.0, 900.0}
    assert any("share imputed 0.0714" in str(row["source"]) for row in ledger.rows())


def test_11_a_missing_field_is_not_zero() -> None:
    """Published: in the Colombian grid 0.0 is monitored without coca, and an absent field is no zero."""
    assert read_cell("0.0")[0] is not read_cell(None)[0]
    assert read_cell(None)[1] is None


def operation(day: date, reported: float = 50.0, overlap: float = 33.0) -> Eradication:
    """Return a manual operation on fields seen on 1 August 2023."""
    return Eradication(
        domain="A",
        method="manual",
        event_date=day,
        image_date=date(2023, 8, 1),
        overlap_ha=overlap,
        reported_ha=reported,
    )


def net(*events: Eradication) -> float:
    """Return what 1,000 ha become at the end of 2023, with 95 % effect and 30 % replanting."""
    parameters = [
        Parameter(name=name, value=value, unit="share", source="trial") for name, value in (("e", 0.95), ("q", 0.3))
    ]
    terms = eradication_terms(
        events, reference_date=date(2023, 12, 31), effect={"manual": parameters[0]}, replanting=parameters[1]
    )
    return corrected_estimate(seen(1000.0), terms).value


def test_12_reported_hectares_are_never_subtracted() -> None:
    """Law: the claim can be anything; the overlap with interpreted fields decides."""
    assert net(operation(date(2023, 10, 5), reported=1.0)) == net(operation(date(2023, 10, 5), reported=5e5))
    assert net(operation(date(2023, 10, 5))) != net(operation(date(2023, 10, 5), overlap=34.0))


def test_12_only_operations_between_image_and_cut_off_count_and_once() -> None:
    """Independent program: 978.055 ha; earlier ones are in the image, later ones in the next figure."""
    inside = operation(date(2023, 10, 5))
    assert net(inside) == pytest.approx(978.055)
    assert net(operation(date(2023, 6, 10)), inside, operation(date(2024, 1, 15))) == pytest.approx(978.055)
    with pytest.raises(QualityGateError, match="dissolve overlapping polygons"):
        net(*[operation(date(2023, 10, 5), overlap=600.0)] * 2)


def test_12_replanting_gives_area_back() -> None:
    """Law: without replanting more would be gone."""
    assert net(operation(date(2023, 10, 5))) > 1000.0 - 33.0 * 0.95


def test_14_fields_are_averaged_not_volumes() -> None:
    """Law: the curve is concave, so the yield of the mean volume overstates every region with unlike fields."""
    curve = CapsuleCurve.from_parameters()
    volumes = np.array([50.0, 150, 400, 900, 1600])
    _, yields = field_yields(list("abcde"), volumes, curve)
    of_mean = float(opium_yield_kg_ha(volumes.mean(), curve))
    assert regional_yield(yields, region="south").value < 0.9 * of_mean
    same = np.full(5, 400.0)
    _, equal = field_yields(list("abcde"), same, curve)
    assert equal.mean() == pytest.approx(float(opium_yield_kg_ha(400.0, curve)))


def test_14_production_carries_the_errors_of_area_and_yield() -> None:
    """Law: leaving out the yield's error makes the interval too short, and is flagged."""
    area = seen(1000.0, 100.0).of(Quantity(crop="opium_poppy", kind="harvestable", reference="2021"))
    known = YieldFactor(
        crop="opium_poppy", region="AF", product="dry opium", value=38.5, se=4.0, vintage="2021", source="survey"
    )
    whole, part = production(area, known), production(area, known.given(38.5, source="press", vintage="2021"))
    assert whole.se > 1.3 * part.se
    assert whole.flags == ()
    assert part.flags == ("YIELD_WITHOUT_ERROR",)


def test_16_a_synthetic_figure_has_an_error_and_a_label() -> None:
    """Law: an unsampled district is indicative and surer of nothing than sampled ones."""
    rng = np.random.default_rng(2)
    x = np.column_stack([np.ones(12), rng.uniform(0, 9, 12)])
    y = x @ [4.0, 2.0] + rng.normal(0, 2, 12)
    made = predict_fay_herriot(fit_fay_herriot(y, np.full(12, 0.5), x), unsampled=[[1.0, 5.0]])
    figures = small_area_estimates(made, [20] * 12 + [0], model="Fay-Herriot")
    assert INDICATIVE in figures[-1].flags
    assert figures[-1].se > max(one.se for one in figures[:-1])
    assert figures[-1].n == 0
    bare = AreaPrediction(value=made.value, mse=np.full(13, np.nan), direct_weight=made.direct_weight)
    with pytest.raises(QualityGateError, match="no mean squared error"):
        small_area_estimates(bare, [20] * 13, model="Fay-Herriot")


def test_16_districts_must_sum_to_the_nation() -> None:
    """Law: figures off their total are refused, benchmarked ones pass with a larger error."""
    districts = [seen(10.0, 1.0), seen(20.0, 2.0)]
    national = seen(33.0, 1.0)
    with pytest.raises(QualityGateError, match="expected the total 33"):
        require_benchmarked(districts, [1, 1], national)
    moved = benchmark(districts, [1, 1], national)
    require_benchmarked(moved, [1, 1], national)
    assert all(after.se > before.se for before, after in zip(districts, moved, strict=True))
