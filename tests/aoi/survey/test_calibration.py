"""Post-strata, raking and calibration against R, with the variance they have."""

from __future__ import annotations

import numpy as np
import pytest

from aoi.survey.calibration import calibrate, post_stratify, rake
from aoi.survey.cluster import simple_random
from aoi.survey.linearised import mean, total
from aoi.survey.ratio import combined_ratio_total
from geo.errors import InputError, QualityGateError
from tests.aoi.survey import api_data
from tests.shared import oracle

EXACT = 1e-10
"""Tolerance of the survey oracle."""


def close(found, expected: dict) -> None:
    """Compare an estimate and its standard error with the oracle's."""
    assert found.value == pytest.approx(expected["est"], rel=EXACT)
    assert found.se == pytest.approx(expected["se"], rel=EXACT)


@pytest.fixture(name="clus1")
def fixture_clus1():
    """Return the cluster sample, its design, R's results, and auxiliaries of the school types."""
    data = api_data.frame("apiclus1")
    columns = [np.ones(len(data)), data["stype"] == "H", data["stype"] == "M", data["api99"]]
    return data, api_data.clus1(data), oracle("survey_api"), np.column_stack(columns).astype(float)


def test_post_strata(clus1) -> None:
    """Independent program: R postStratify of the cluster sample."""
    data, design, expected, _ = clus1
    found = post_stratify(design, data["stype"], expected["poststrat"]["pop_stype"])
    close(total(found, data["enroll"]), expected["poststrat"]["clus1_total_enroll"])
    close(mean(found, data["api00"]), expected["poststrat"]["clus1_mean_api00"])


def test_post_strata_of_a_simple_random_sample() -> None:
    """Independent program: R postStratify of the simple random sample."""
    data, expected = api_data.frame("apisrs"), oracle("survey_api")["poststrat"]
    found = post_stratify(api_data.srs(data), data["stype"], expected["pop_stype"])
    close(total(found, data["enroll"]), expected["srs_total_enroll"])
    close(mean(found, data["api00"]), expected["srs_mean_api00"])


def test_raking(clus1) -> None:
    """Independent program: R rake to two margins."""
    data, design, expected, _ = clus1
    margins = {
        "type": (data["stype"], expected["poststrat"]["pop_stype"]),
        "wide": (data["sch.wide"], expected["rake"]["pop_schwide"]),
    }
    found = rake(design, margins)
    close(total(found, data["enroll"]), expected["rake"]["clus1_total_enroll"])
    close(mean(found, data["api00"]), expected["rake"]["clus1_mean_api00"])


@pytest.mark.parametrize(
    ("name", "options"),
    [
        ("clus1_linear", {}),
        ("clus1_raking", {"distance": "raking"}),
        ("clus1_logit_0.6_1.6", {"distance": "logit", "bounds": (0.6, 1.6)}),
    ],
)
def test_calibration(clus1, name: str, options: dict) -> None:
    """Independent program: R calibrate, linear, raking and bounded, weights and standard errors."""
    data, design, expected, columns = clus1
    known, table = list(expected["calibrate"]["pop"].values()), expected["calibrate"][name]
    found = calibrate(design, columns, known, **options)
    assert found.weight[:5] == pytest.approx(table["w_first5"], rel=EXACT)
    close(total(found, data["enroll"]), table["total_enroll"])
    close(mean(found, data["api00"]), table["mean_api00"])
    if "minmax_g" in table:
        assert (found.g.min(), found.g.max()) == pytest.approx(tuple(table["minmax_g"]), rel=EXACT)


def test_another_total_is_another_figure(clus1) -> None:
    """Negative control: one school more in the known total moves the calibrated one."""
    data, design, expected, columns = clus1
    known = list(expected["calibrate"]["pop"].values())
    known[0] += 1
    with pytest.raises(AssertionError):
        close(
            total(calibrate(design, columns, known), data["enroll"]),
            expected["calibrate"]["clus1_linear"]["total_enroll"],
        )


@pytest.mark.parametrize("options", [{}, {"distance": "raking"}, {"bounds": (0.4, 2.2)}])
def test_known_totals_come_out_exactly_and_without_error(clus1, options: dict) -> None:
    """Law: an auxiliary calibrated on is estimated exactly, with no standard error."""
    _, design, expected, columns = clus1
    known = list(expected["calibrate"]["pop"].values())
    found = calibrate(design, columns, known, **options)
    for column, amount in zip(columns.T, known, strict=True):
        estimate = total(found, column)
        assert estimate.value == pytest.approx(amount, rel=1e-9)
        assert estimate.se == pytest.approx(0.0, abs=1e-6 * amount)


def test_truncated_weights_keep_their_bounds(clus1) -> None:
    """Law: case 7 of Deville and Sarndal meets the totals with g inside the bounds, some of them at it."""
    _, design, expected, columns = clus1
    found = calibrate(design, columns, list(expected["calibrate"]["pop"].values()), bounds=(0.6, 1.6))
    assert found.g.min() >= 0.6
    assert found.g.max() <= 1.6
    assert (found.g == 1.6).any() or (found.g == 0.6).any()


def test_bounds_too_narrow_are_refused(clus1) -> None:
    """Law: where no weights meet the totals, none are made."""
    _, design, expected, columns = clus1
    with pytest.raises(QualityGateError, match="no weights that meet the known totals with g in"):
        calibrate(
            design, columns, list(expected["calibrate"]["pop"].values()), distance="logit", bounds=(0.95, 1.05)
        )


def test_nothing_to_move(clus1) -> None:
    """Law: totals that are already met leave the weights as they are."""
    _, design, _, columns = clus1
    found = calibrate(design, columns, design.weight @ columns, distance="raking")
    assert found.g == pytest.approx(np.ones(found.g.size), abs=1e-9)


def test_raking_to_one_auxiliary_is_the_ratio_estimator() -> None:
    """Law: calibrating on one size with all g equal gives the ratio total, by another road."""
    x, y = np.array([2.0, 5.0, 3.0]), np.array([1.0, 2.0, 2.0])
    design = simple_random(3, 30)
    scaled = calibrate(design, np.ones((3, 1)), [45.0])
    assert total(scaled, y).value == pytest.approx(combined_ratio_total(design, y, np.ones(3), x_total=45).value)
    assert total(scaled, y).variance == pytest.approx(
        combined_ratio_total(design, y, np.ones(3), x_total=45).variance
    )
    assert x.sum() == 10.0


def test_domains_under_calibration(clus1) -> None:
    """Law: calibrated domain totals sum to the calibrated total."""
    data, design, expected, _ = clus1
    found = post_stratify(design, data["stype"], expected["poststrat"]["pop_stype"])
    parts = [
        total(found, data["enroll"], domain=(data["sch.wide"] == name).to_numpy()).value for name in ("Yes", "No")
    ]
    assert sum(parts) == pytest.approx(total(found, data["enroll"]).value, rel=1e-12)


def test_cells_without_rows_or_totals() -> None:
    """Law: a cell with units in the country and none in the sample stops the weighting."""
    design = simple_random(3, 30)
    with pytest.raises(QualityGateError, match="post-strata, 'c': found no sampled row"):
        post_stratify(design, ["a", "a", "b"], {"a": 10, "b": 10, "c": 10})
    with pytest.raises(InputError, match="rows in 'b', which has no known total"):
        post_stratify(design, ["a", "a", "b"], {"a": 10})


def test_margins_of_two_populations() -> None:
    """Law: margins must count one population."""
    margins = {"x": (["a", "a", "b"], {"a": 10, "b": 20}), "y": (["c", "d", "d"], {"c": 10, "d": 21})}
    with pytest.raises(InputError, match="x: 30, y: 31"):
        rake(simple_random(3, 30), margins)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"distance": "cubic"}, "distance"),
        ({"bounds": (1.1, 2.0)}, "least < 1 < largest"),
        ({"distance": "logit"}, "which logit needs"),
        ({"distance": "raking", "bounds": (0.5, 2.0)}, "none with raking"),
    ],
)
def test_wrong_options(options: dict, message: str) -> None:
    """Law: an option that cannot be met is named."""
    with pytest.raises(InputError, match=message):
        calibrate(simple_random(2, 10), [[1.0], [1.0]], [12.0], **options)
    with pytest.raises(InputError, match="one total for each column"):
        calibrate(simple_random(2, 10), [[1.0], [1.0]], [12.0, 3.0])
