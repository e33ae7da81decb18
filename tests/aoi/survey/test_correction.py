"""The corrections ledger: gaps, image age, eradication, small lots, and their errors."""

from __future__ import annotations

import math
from dataclasses import replace
from datetime import date
from typing import Any

import numpy as np
import pytest

from aoi.survey.correction import COLUMNS, Ledger, Term, corrected_estimate
from aoi.survey.correction_terms import (
    Eradication,
    age_term,
    eradication_terms,
    gap_terms,
    image_date_share,
    impute_gap,
    small_lots_term,
)
from aoi.survey.estimate import Estimate, Quantity
from aoi.survey.parameter import Parameter, load_parameters
from geo.errors import InputError, QualityGateError
from tests.shared import oracle

RTOL = 1e-12  # oracle arithmetic is exact in double precision
COCA = Quantity(crop="coca", kind="stock", reference="image dates", source="SIMCI")


def seen(value: float, se: float = 0.0) -> Estimate:
    """Return an interpreted figure."""
    half = 1.96 * se
    return Estimate(value=value, se=se, lo=value - half, hi=value + half, n=9, method="census").of(COCA)


def share(name: str, value: float, se: float | None = None) -> Parameter:
    """Return a share with a source."""
    return Parameter(name=name, value=value, unit="share", source="trial", se=se)


def term(value: float, se: float = 0.0, **other: Any) -> Term:
    """Return a correction of domain A."""
    fields = {"domain": "A", "term": "age", "parameter": "p", "parameter_value": 1.0, "source": "s"}
    return Term(value_ha=value, se_ha=se, **{**fields, **other})


def events_of(expected: Any) -> list[Eradication]:
    """Return the oracle's operations."""
    return [
        Eradication(
            domain="05001",
            method="manual",
            event_date=date.fromisoformat(one["event"]),
            image_date=date.fromisoformat(one["image"]),
            overlap_ha=one["overlap"],
            reported_ha=one["reported"],
        )
        for one in expected["events"]
    ]


def test_gap_oracle() -> None:
    """Independent program: areas without information, 41.53846 of 581.53846 ha, bounds 540 to 1,440."""
    expected = oracle("nonresponse_mi")["area_without_information"]
    gap = impute_gap(
        expected["prev_obs"],
        expected["cur_obs"],
        gap_previous_ha=expected["prev_gap_ha"],
        gap_area_ha=expected["gap_area_ha"],
    )
    observed = expected["observed_ha"]
    assert gap.ratio == pytest.approx(expected["ratio"], rel=RTOL)
    assert gap.imputed_ha == pytest.approx(expected["imputed_gap_ha"], rel=RTOL)
    assert gap.se_ha == pytest.approx(expected["prediction_se"], rel=RTOL)
    assert gap.bounds_ha(observed) == pytest.approx(expected["worst_case_bounds_ha"], rel=RTOL)
    assert gap.share_imputed(observed) == pytest.approx(expected["share_imputed"], rel=RTOL)
    ledger = Ledger(
        figures={"05001": seen(observed)}, terms=tuple(gap_terms("05001", observed, gap)), reference="2023-12-31"
    )
    assert ledger.corrected("05001").value == pytest.approx(expected["total_ha"], rel=RTOL)
    assert ledger.corrected("05001").se == pytest.approx(expected["prediction_se"], rel=RTOL)
    moved = impute_gap(
        [120.0, 80.0, 45.0, 200.0, 11.0],
        expected["cur_obs"],
        gap_previous_ha=expected["prev_gap_ha"],
        gap_area_ha=expected["gap_area_ha"],
    )
    assert moved.imputed_ha != pytest.approx(expected["imputed_gap_ha"], rel=1e-6)


def test_gap_prediction_error_is_that_of_the_model() -> None:
    """Brute force: over populations drawn from the model, the mean squared error is the mean variance."""
    rng = np.random.default_rng(5)
    x, x_gap, misses, variances = np.array([20.0, 50, 80, 30, 60, 90]), np.array([40.0, 25]), [], []
    for _ in range(4000):
        y = 1.2 * x + rng.normal(size=x.size) * np.sqrt(x)
        truth = float(np.sum(1.2 * x_gap + rng.normal(size=x_gap.size) * np.sqrt(x_gap)))
        gap = impute_gap(x, np.clip(y, 0, None), gap_previous_ha=65.0, gap_area_ha=1e6)
        misses.append((gap.imputed_ha - truth) ** 2)
        variances.append(gap.se_ha**2)
    # 5 % is 2.2 Monte Carlo standard errors of a mean of 4,000 chi-square like terms
    assert np.mean(misses) == pytest.approx(np.mean(variances), rel=0.05)


def test_gap_is_clipped_to_its_own_area_and_never_filled_from_an_empty_ring() -> None:
    """Law: no more crop than there is gap; a ring without crop cannot fill a gap that had some."""
    assert impute_gap([10.0, 10], [40.0, 40], gap_previous_ha=5, gap_area_ha=12).imputed_ha == 12
    with pytest.raises(QualityGateError, match="widen the ring"):
        impute_gap([0.0, 0], [0.0, 4], gap_previous_ha=5, gap_area_ha=12)
    with pytest.raises(QualityGateError, match="1 clear units"):
        impute_gap([5.0], [4.0], gap_previous_ha=5, gap_area_ha=12)
    nothing = impute_gap([0.0, 0], [0.0, 0], gap_previous_ha=0, gap_area_ha=12)
    assert (nothing.imputed_ha, nothing.bounds_ha(3.0), nothing.share_imputed(0.0)) == (0.0, (3.0, 15.0), 0.0)


def test_new_crop_in_empty_units_widens_the_prediction() -> None:
    """Law: crop where there was none last year cannot make the imputation look surer."""
    plain = impute_gap([20.0, 30, 0], [22.0, 33, 0], gap_previous_ha=10, gap_area_ha=100)
    fresh = impute_gap([20.0, 30, 0], [22.0, 33, 9], gap_previous_ha=10, gap_area_ha=100)
    assert plain.se_ha == pytest.approx(0.0, abs=1e-12)
    assert fresh.se_ha > 1.0


def test_gap_tells_all_that_is_wrong_with_its_numbers() -> None:
    """Law: a missing unit is not a zero; all problems come at once."""
    with pytest.raises(InputError, match=r"(?s)previous_ha, rows \[1\].*current_ha, rows \[0\].*no more crop"):
        impute_gap([1.0, math.nan], [-1.0, 2.0], gap_previous_ha=13, gap_area_ha=12)
    with pytest.raises(InputError, match="two equal columns"):
        impute_gap([1.0, 2.0], [1.0], gap_previous_ha=1, gap_area_ha=12)


def test_gap_rows_publish_the_share_and_both_bounds() -> None:
    """Law: what was imputed is never silent."""
    gap = impute_gap([120, 80, 45, 200, 10], [150, 70, 60, 260, 0], gap_previous_ha=35, gap_area_ha=900)
    rows = gap_terms("A", 540.0, gap)
    assert [row.applied for row in rows] == [True, False, False]
    assert [row.value_ha for row in rows[1:]] == [0.0, 900.0]
    assert "share imputed 0.0714" in rows[1].source


def test_eradication_oracle() -> None:
    """Independent program: of three operations one counts, 21.945 ha, leaving 978.055 of 1,000 ha."""
    expected = oracle("nonresponse_mi")["eradication_cutoff"]
    first = expected["events"][0]
    terms = eradication_terms(
        events_of(expected),
        reference_date=date.fromisoformat(expected["cutoff"]),
        effect={"manual": share("manual_effect", first["effect"])},
        replanting=share("replanting", first["replant"]),
    )
    pairs = zip(terms[::2], terms[1::2], strict=True)
    removed = [-(gone.value_ha + back.value_ha) * gone.applied for gone, back in pairs]
    assert removed == pytest.approx(expected["removed"], rel=RTOL)
    net = corrected_estimate(seen(expected["gross_at_image_ha"]), terms)
    assert net.value == pytest.approx(expected["net_ha"], rel=RTOL)
    assert len(terms) == 6
    assert "already seen in it" in terms[0].source
    assert "after the reference date" in terms[4].source


def test_an_operation_on_the_cut_off_counts_and_one_on_the_image_day_does_not() -> None:
    """Law: image date < operation <= reference date."""

    def applied(day: date) -> bool:
        event = Eradication(domain="A", method="spray", event_date=day, image_date=date(2023, 8, 1), overlap_ha=5.0)
        effect = {"spray": load_parameters("corrections")["eradication.spray_effect"]}
        terms = eradication_terms(
            [event], reference_date=date(2023, 12, 31), effect=effect, replanting=share("r", 0.0)
        )
        return terms[0].applied

    assert applied(date(2023, 12, 31))
    assert not applied(date(2023, 8, 1))
    assert applied(date(2023, 8, 2))
    assert not applied(date(2024, 1, 1))


def test_a_claim_alone_changes_no_figure() -> None:
    """Law: only verified operations enter net figures; the claim keeps its row."""
    event = Eradication(
        domain="A",
        method="manual",
        event_date=date(2023, 10, 5),
        image_date=date(2023, 8, 1),
        overlap_ha=33.0,
        verified=False,
    )
    terms = eradication_terms(
        [event], reference_date=date(2023, 12, 31), effect={"manual": share("m", 1.0)}, replanting=share("r", 0.0)
    )
    assert corrected_estimate(seen(100.0), terms).value == 100.0
    assert terms[0].source == "not applied: claimed, not verified"


def test_eradication_refuses_impossible_numbers_together() -> None:
    """Law: negative overlaps, methods without effect and shares above one are told at once."""
    event = Eradication(
        domain="A", method="spray", event_date=date(2023, 9, 1), image_date=date(2023, 8, 1), overlap_ha=-1.0
    )
    with pytest.raises(InputError, match=r"(?s)overlap -1.*no effect for this method.*a share of 0 to 1"):
        eradication_terms(
            [event], reference_date=date(2023, 12, 31), effect={"manual": share("m", 1.2)}, replanting=share("r", 0)
        )


def test_eradication_error_is_that_of_the_product() -> None:
    """Brute force: var[o e (1 - q)] by draws agrees with the rows' errors in squares."""
    event = Eradication(
        domain="A", method="spray", event_date=date(2023, 9, 1), image_date=date(2023, 8, 1), overlap_ha=100.0
    )
    terms = eradication_terms(
        [event],
        reference_date=date(2023, 12, 31),
        effect={"spray": share("e", 0.8, 0.04)},
        replanting=share("q", 0.3, 0.05),
    )
    rng = np.random.default_rng(1)
    drawn = 100 * rng.normal(0.8, 0.04, 200_000) * (1 - rng.normal(0.3, 0.05, 200_000))
    assert math.hypot(*(one.se_ha for one in terms)) == pytest.approx(float(drawn.std()), rel=0.01)


def test_double_subtraction_is_refused() -> None:
    """Law: the same hectare cannot be pulled up twice, even where a gap correction would hide it."""
    twice = [term(-60.0, term="manual"), term(-60.0, term="manual"), term(50.0, term="gap")]
    with pytest.raises(QualityGateError, match=r"120 ha eradicated of 100 ha interpreted.*dissolve"):
        corrected_estimate(seen(100.0), twice)
    with pytest.raises(QualityGateError, match="leaving -5 ha"):
        corrected_estimate(seen(100.0), [term(-105.0)])
    assert corrected_estimate(seen(100.0), [term(-100.0, term="manual")]).value == 0.0


def test_age_correction_runs_both_ways() -> None:
    """Law: half a year at +20 % a year adds a tenth; an image after the date is brought back."""
    rate = share("age.rate", 0.2, 0.05)
    one = age_term("A", [100.0], ["2023-07-02"], reference_date=date(2023, 12, 31), rate=rate)
    assert one.value_ha == pytest.approx(100 * 0.2 * 182 / 365, rel=RTOL)
    assert one.se_ha == pytest.approx(100 * 0.05 * 182 / 365, rel=RTOL)
    back = age_term("A", [100.0], ["2024-01-31"], reference_date=date(2023, 12, 31), rate=rate)
    assert back.value_ha == pytest.approx(-100 * 0.2 * 31 / 365, rel=RTOL)
    with pytest.raises(InputError, match=r"rows \[1\]"):
        age_term("A", [1.0, 1.0], ["2023-01-01", "NaT"], reference_date=date(2023, 12, 31), rate=rate)
    with pytest.raises(InputError, match="equal columns"):
        age_term("A", [1.0], ["2023-01-01", "NaT"], reference_date=date(2023, 12, 31), rate=rate)


def test_image_date_coverage() -> None:
    """Published: 70 % of the 2016 area had an image within two months of 31 December (constructed areas)."""
    window = load_parameters("corrections")["image.window_days"].value
    days = ["2016-11-05", "2017-02-10", "2016-06-01"]
    made = image_date_share([50.0, 20.0, 30.0], days, reference_date=date(2016, 12, 31), window_days=window)
    assert made == pytest.approx(0.7)
    with pytest.raises(QualityGateError, match="no share of it"):
        image_date_share([0.0], ["2016-11-05"], reference_date=date(2016, 12, 31), window_days=window)


def test_small_lots_of_colombia_2010() -> None:
    """Published: 57,000 ha of lots large enough to be seen became 62,000 ha."""
    row = small_lots_term("CO", 57_000.0, load_parameters("corrections")["small_lots.share"])
    assert corrected_estimate(seen(57_000.0), [row]).value == pytest.approx(62_000.0, rel=1e-9)


def test_both_figures_stay_and_the_corrected_one_has_the_reference_date() -> None:
    """Law: the interpreted figure is never overwritten."""
    ledger = Ledger(figures={"A": seen(100.0, 5.0)}, terms=(term(-10.0, 1.0),), reference="2023-12-31")
    before, after = ledger.interpreted("A"), ledger.corrected("A")
    assert before.quantity is not None
    assert after.quantity is not None
    assert (before.value, before.quantity.reference) == (100.0, "image dates")
    assert (after.value, after.quantity.reference) == (90.0, "2023-12-31")
    assert after.se == pytest.approx(math.hypot(0.9 * 5.0, 1.0))
    assert after.method == "census; corrected for age"


def test_interpretation_error_scales_with_the_corrections() -> None:
    """Brute force: A (1 + r) with independent A and r has the ledger's standard error to first order."""
    rng = np.random.default_rng(3)
    drawn = rng.normal(1000, 30, 400_000) * (1 + rng.normal(0.15, 0.02, 400_000))
    made = corrected_estimate(seen(1000.0, 30.0), [term(150.0, 20.0)])
    assert made.se == pytest.approx(float(drawn.std()), rel=0.01)


def test_asymmetric_limits_survive_and_none_is_negative() -> None:
    """Law: limits are recovered from the interpreted ones; a lower limit stops at zero."""
    skew = Estimate(value=10.0, se=4.0, lo=4.0, hi=25.0, n=5, method="x").of(COCA)
    made = corrected_estimate(skew, [term(-4.0, 3.0)])
    assert made.lo == 0.0
    assert made.hi == pytest.approx(6 + math.hypot(0.6 * 15, 3 * 1.959963984540054))
    assert corrected_estimate(skew, []).hi == 25.0
    assert corrected_estimate(skew, [term(-4.0, 3.0, applied=False)]) == skew


def test_zero_interpreted_area_can_still_have_a_gap() -> None:
    """Law: no crop seen and a gap imputed is a figure with the gap's error."""
    made = corrected_estimate(seen(0.0), [term(12.0, 3.0, term="gap")])
    assert (made.value, made.se) == (12.0, 3.0)


def test_a_shared_parameter_does_not_average_out() -> None:
    """Law: one rate for ten places has one error; ten rates have ten."""
    places = {str(i): seen(100.0) for i in range(10)}
    one_rate = tuple(term(10.0, 2.0, domain=str(i)) for i in range(10))
    shared = Ledger(figures=places, terms=one_rate, reference="2023-12-31").total()
    own = tuple(replace(each, parameter=f"p{each.domain}") for each in one_rate)
    apart = Ledger(figures=places, terms=own, reference="2023-12-31").total()
    assert shared.value == apart.value == 1100.0
    assert shared.se == pytest.approx(20.0)
    assert apart.se == pytest.approx(2 * math.sqrt(10))


def test_total_takes_the_national_error_but_not_another_sum() -> None:
    """Law: parts sum to the whole; the whole may bring its own design-based error."""
    ledger = Ledger(figures={"A": seen(60.0, 3.0), "B": seen(40.0, 4.0)}, terms=(), reference="2023-12-31")
    assert ledger.total().se == 5.0
    assert ledger.total(seen(100.0, 7.0)).se == 7.0
    with pytest.raises(QualityGateError, match=r"domains' sum 100"):
        ledger.total(seen(101.0, 7.0))


def test_rows_have_the_columns_of_the_run_folder_and_add_up() -> None:
    """Law: applied terms take the interpreted to the corrected figure, row by row."""
    terms = (term(-10.0, 1.0), term(99.0, applied=False), term(4.0, term="gap"))
    rows = Ledger(figures={"A": seen(100.0, 5.0)}, terms=terms, reference="2023-12-31").rows()
    assert all(tuple(row) == COLUMNS for row in rows)
    assert [row["term"] for row in rows] == ["interpreted", "age", "age", "gap", "corrected"]
    applied = [float(row["value_ha"]) for row in rows[:-1] if row["applied"]]
    assert sum(applied) == rows[-1]["value_ha"] == 94.0


def test_ledger_refuses_strangers_and_nameless_figures() -> None:
    """Law: a correction belongs to a figure, and a figure says what it is of."""
    bare = replace(seen(1.0), quantity=None)
    with pytest.raises(
        InputError, match=r"(?s)correction of B: found no interpreted.*interpreted A: found no quantity"
    ):
        Ledger(figures={"A": bare}, terms=(term(1.0, domain="B"),), reference="2023-12-31")
    with pytest.raises(InputError, match=r"(?s)an unknown term.*not finite"):
        term(math.nan, term="luck")
    with pytest.raises(InputError, match="se_ha -1"):
        term(1.0, -1.0)
