"""Small areas: Fay-Herriot, nested-error and spatial models, their errors, and benchmarking."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest

from aoi.survey.benchmark import benchmark, require_benchmarked
from aoi.survey.estimate import INDICATIVE, Estimate
from aoi.survey.small_area import (
    AreaFit,
    AreaPrediction,
    Method,
    fit_fay_herriot,
    predict_fay_herriot,
    small_area_estimates,
)
from aoi.survey.spatial_area import SpatialFit, fit_spatial_fay_herriot, predict_spatial_fay_herriot
from aoi.survey.unit_level import UnitFit, fit_nested_error, predict_nested_error
from geo.errors import InputError, QualityGateError
from tests.shared import oracle, oracle_path

EXACT = 1e-10  # tolerance of the oracle's exact roots
LOOSE = 1e-6  # the reference programs for unit-level models stop at 1e-7


def table(name: str) -> Any:
    """Return a table of the oracle."""
    return np.genfromtxt(oracle_path(f"small_area/{name}.csv"), delimiter=",", names=True)


def milk(method: Method, move: float = 0.0) -> AreaFit:
    """Return the fit of the milk data, the first figure moved."""
    data = table("milk")
    x = np.column_stack([np.ones(len(data))] + [data["MajorArea"] == k for k in (2, 3, 4)]).astype(float)
    y = data["yi"] + move * (np.arange(len(data)) == 0)
    return fit_fay_herriot(y, data["SD"] ** 2, x, method=method)


@pytest.mark.parametrize(("method", "name"), [("reml", "REML"), ("ml", "ML"), ("moment", "FH")])
def test_fay_herriot_oracle(method: Method, name: str) -> None:
    """Independent program: milk data, variance, coefficients, predictions and errors at the exact root."""
    expected = oracle("small_area")["milk"][name]
    root = expected["exact_root_numpy"]
    fit = milk(method)
    made = predict_fay_herriot(fit)
    assert fit.variance == pytest.approx(root["refvar"], rel=EXACT)
    np.testing.assert_allclose(fit.beta, root["beta"], rtol=EXACT)
    np.testing.assert_allclose(made.value, root["eblup"], rtol=EXACT)
    np.testing.assert_allclose(made.mse, root["mse"], rtol=EXACT)
    np.testing.assert_allclose(np.sqrt(np.diag(fit.beta_covariance)), expected["se"], rtol=EXACT)
    assert fit.log_likelihood == pytest.approx(expected["goodness"]["loglike"], rel=EXACT)
    assert milk(method, move=1e-3).variance != pytest.approx(root["refvar"], rel=1e-6)


def test_equal_variances_have_a_closed_answer() -> None:
    """Law: with one psi and a mean only, A = s2 - psi by REML and by moments, and s2 (n - 1)/n - psi by ML."""
    y, psi = np.array([10.0, 14, 8, 20, 13, 11]), np.full(6, 4.0)
    s2 = y.var(ddof=1)
    ones = np.ones((6, 1))
    assert fit_fay_herriot(y, psi, ones, method="reml").variance == pytest.approx(s2 - 4)
    assert fit_fay_herriot(y, psi, ones, method="moment").variance == pytest.approx(s2 - 4)
    assert fit_fay_herriot(y, psi, ones, method="ml").variance == pytest.approx(s2 * 5 / 6 - 4)


@pytest.mark.parametrize("method", ["reml", "ml", "moment"])
def test_no_spread_between_areas_gives_the_synthetic_figure(method: Method) -> None:
    """Law: where areas differ less than their errors, A = 0, every figure is synthetic and still has an error."""
    y = np.array([10.0, 10.1, 9.9, 10.05, 9.95])
    fit = fit_fay_herriot(y, np.full(5, 4.0), np.ones((5, 1)), method=method)
    made = predict_fay_herriot(fit)
    assert fit.variance == 0.0
    np.testing.assert_allclose(made.value, 10.0)
    assert (made.mse > 0).all()
    figures = small_area_estimates(made, [5] * 5, model="Fay-Herriot")
    assert all(INDICATIVE in one.flags for one in figures)


def test_a_sure_area_keeps_its_figure_and_an_unsampled_one_gets_the_line() -> None:
    """Law: gamma runs from 1 (exact direct figure) to 0 (no sample)."""
    rng = np.random.default_rng(3)
    x = np.column_stack([np.ones(30), rng.uniform(0, 10, 30)])
    psi = np.full(30, 4.0)
    psi[0] = 1e-9
    y = x @ [5.0, 2.0] + rng.normal(0, 3, 30) + rng.normal(0, np.sqrt(psi))
    made = predict_fay_herriot(fit_fay_herriot(y, psi, x), unsampled=[[1.0, 4.0]])
    assert made.value[0] == pytest.approx(y[0], abs=1e-6)
    assert made.direct_weight[-1] == 0.0
    assert made.mse[-1] > made.mse[:-1].max()


def test_synthetic_error_is_what_simulation_shows() -> None:
    """Brute force: 500 populations drawn from the model; mean squared error against its estimate."""
    rng = np.random.default_rng(12)
    x = np.column_stack([np.ones(21), np.linspace(0, 10, 21)])
    psi = np.repeat([2.0, 6.0, 12.0], 7)
    missed, told = np.zeros(21), np.zeros(21)
    for _ in range(500):
        truth = x @ [10.0, 2.0] + rng.normal(0, 2.0, 21)
        y = truth[:20] + rng.normal(0, np.sqrt(psi[:20]))
        made = predict_fay_herriot(fit_fay_herriot(y, psi[:20], x[:20]), unsampled=x[20:])
        missed += (made.value - truth) ** 2
        told += made.mse
    assert told[:20].sum() == pytest.approx(missed[:20].sum(), rel=0.1)
    assert told[20] == pytest.approx(missed[20], rel=0.2)  # one area: three Monte Carlo errors


def test_area_model_refuses_what_it_cannot_use() -> None:
    """Law: missing numbers together; zero variances, collinear covariates and too few areas by name."""
    ones = np.ones((4, 1))
    with pytest.raises(InputError, match=r"(?s)direct figure, areas \[1\].*covariate, areas \[0\]"):
        fit_fay_herriot([1, np.nan, 2, 3], [1] * 4, np.array([[np.nan], [1], [1], [1]]))
    with pytest.raises(QualityGateError, match=r"areas \[2\].*smooth the variances"):
        fit_fay_herriot([1, 2, 0, 3], [1, 1, 0, 1], ones)
    with pytest.raises(QualityGateError, match="of rank 1"):
        fit_fay_herriot([1, 2, 5, 3], [1] * 4, np.hstack([ones, ones]))
    with pytest.raises(InputError, match="shapes"):
        fit_fay_herriot([1, 2, 3], [1] * 4, ones)
    fit = fit_fay_herriot([1, 2, 5, 3], [1] * 4, ones)
    with pytest.raises(InputError, match="1 covariates each"):
        predict_fay_herriot(fit, unsampled=[[1.0, 2.0]])


def corn(crop: str, drop: bool, method: Any, move: float = 0.0) -> tuple[UnitFit, AreaPrediction]:
    """Return fit and prediction of the corn and soybean data."""
    data, means = (
        table("cornsoybean"),
        np.genfromtxt(
            oracle_path("small_area/cornsoybeanmeans.csv"), delimiter=",", names=True, dtype=None, encoding="utf-8"
        ),
    )
    keep = np.arange(len(data)) != (32 if drop else -1)
    x = np.column_stack([np.ones(len(data)), data["CornPix"], data["SoyBeansPix"]])[keep]
    label = [f"{int(one):02d}" for one in data["County"][keep]]
    fit = fit_nested_error(data[crop][keep] + move * (np.arange(keep.sum()) == 0), x, label, method=method)
    population = np.column_stack([np.ones(12), means["MeanCornPixPerSeg"], means["MeanSoyBeansPixPerSeg"]])
    wanted = [f"{one:02d}" for one in means["CountyIndex"]]
    return fit, predict_nested_error(fit, wanted, population, means["PopnSegments"])


@pytest.mark.parametrize(
    ("name", "crop", "drop", "method"),
    [
        ("corn_REML_all37", "CornHec", False, "reml"),
        ("CornHec_REML_drop33", "CornHec", True, "reml"),
        ("CornHec_ML_drop33", "CornHec", True, "ml"),
        ("SoyBeansHec_REML_drop33", "SoyBeansHec", True, "reml"),
        ("SoyBeansHec_ML_drop33", "SoyBeansHec", True, "ml"),
    ],
)
def test_nested_error_oracle(name: str, crop: str, drop: bool, method: str) -> None:
    """Independent program: Iowa corn and soybeans, variances, coefficients and county means."""
    expected = oracle("small_area")["cornsoy"][name]
    fit, made = corn(crop, drop, method)
    assert fit.area_variance == pytest.approx(expected["refvar"], rel=LOOSE)
    assert fit.unit_variance == pytest.approx(expected["errorvar"], rel=LOOSE)
    np.testing.assert_allclose(fit.beta, expected["fixed"], rtol=LOOSE)
    np.testing.assert_allclose(made.value, [one["eblup"] for one in expected["eblup"]], rtol=LOOSE)
    assert corn(crop, drop, method, move=0.1)[0].area_variance != pytest.approx(expected["refvar"], rel=1e-5)


def test_nested_error_of_a_balanced_sample() -> None:
    """Law: with equal sizes and a mean only, REML is the analysis of variance."""
    y = np.array([[1.0, 2.0], [5.0, 6.0], [3.0, 4.0]])
    fit = fit_nested_error(y.ravel(), np.ones((6, 1)), np.repeat(["a", "b", "c"], 2))
    within = y.var(axis=1, ddof=1).mean()
    assert fit.unit_variance == pytest.approx(within)
    assert fit.area_variance == pytest.approx(y.mean(axis=1).var(ddof=1) - within / 2)


def test_unit_level_error_is_what_simulation_shows() -> None:
    """Brute force: 150 populations drawn from the model, sampled and unsampled areas."""
    rng = np.random.default_rng(21)
    sizes, n = np.full(16, 40), np.array([3, 4, 5, 6, 8] * 3 + [0])
    area = np.repeat([f"{i:02d}" for i in range(16)], 40)
    x = np.column_stack([np.ones(640), rng.uniform(0, 5, 640)])
    drawn = np.concatenate([np.arange(40) < one for one in n])
    means = x.reshape(16, 40, 2).mean(axis=1)
    missed, told = np.zeros(16), np.zeros(16)
    for _ in range(150):
        y = x @ [20.0, 3.0] + np.repeat(rng.normal(0, 3, 16), 40) + rng.normal(0, 4, 640)
        fit = fit_nested_error(y[drawn], x[drawn], area[drawn])
        made = predict_nested_error(fit, np.unique(area), means, sizes)
        missed += (made.value - y.reshape(16, 40).mean(axis=1)) ** 2
        told += made.mse
    assert told[:15].sum() == pytest.approx(missed[:15].sum(), rel=0.1)
    assert told[15] == pytest.approx(missed[15], rel=0.35)  # one area: three Monte Carlo errors


def test_an_area_sampled_whole_is_known() -> None:
    """Law: a census has its own mean and no error."""
    y = np.array([1.0, 2, 5, 6, 3, 4])
    fit = fit_nested_error(y, np.ones((6, 1)), np.repeat(["a", "b", "c"], 2))
    made = predict_nested_error(fit, ["b", "z"], np.ones((2, 1)), [2, 50])
    assert (made.value[0], made.mse[0], made.direct_weight[0]) == (5.5, 0.0, 1.0)
    assert made.value[1] == pytest.approx(fit.beta[0])
    assert made.direct_weight[1] == 0.0


def test_unit_level_model_refuses_what_it_cannot_use() -> None:
    """Law: missing units, one area, and populations smaller than their sample stop."""
    with pytest.raises(InputError, match=r"rows \[1\]"):
        fit_nested_error([1, np.nan, 2, 3], np.ones((4, 1)), list("aabb"))
    with pytest.raises(QualityGateError, match="in 1 areas"):
        fit_nested_error([1, 2, 2, 3], np.ones((4, 1)), list("aaaa"))
    fit = fit_nested_error([1.0, 2, 5, 6, 3, 4], np.ones((6, 1)), list("aabbcc"))
    with pytest.raises(InputError, match=r"areas \['a'\].*fewer units than sampled"):
        predict_nested_error(fit, ["a"], [[1.0]], [1])
    with pytest.raises(InputError, match="shapes"):
        predict_nested_error(fit, ["a"], [[1.0, 2.0]], [9])
    with pytest.raises(InputError, match="one row each"):
        fit_nested_error([1.0, 2.0], np.ones((3, 1)), list("ab"))


def grapes(move: float = 0.0) -> SpatialFit:
    """Return the spatial fit of the grape data."""
    data = table("grapes")
    proximity = np.genfromtxt(oracle_path("small_area/grapesprox.csv"), delimiter=",")
    x = np.column_stack([data["area"], data["workdays"]])
    y = data["grapehect"] + move * (np.arange(len(data)) == 0)
    return fit_spatial_fay_herriot(y, data["var"], x, proximity)


def test_spatial_fay_herriot_oracle() -> None:
    """Independent program: grapes of 274 municipalities, variance, autocorrelation, predictions and errors."""
    expected = oracle("small_area")["grapes_SFH_REML"]
    fit = grapes()
    made = predict_spatial_fay_herriot(fit)
    assert fit.area.variance == pytest.approx(expected["refvar"], rel=EXACT)
    assert fit.autocorrelation == pytest.approx(expected["spatialcorr"], rel=EXACT)
    np.testing.assert_allclose(fit.area.beta, expected["beta"], rtol=EXACT)
    np.testing.assert_allclose(made.value[:5], expected["eblup_first5"], rtol=EXACT)
    np.testing.assert_allclose(made.mse[:5], expected["mse_first5"], rtol=EXACT)
    assert grapes(move=1.0).area.variance != pytest.approx(expected["refvar"], rel=1e-6)


def test_proximity_must_be_one() -> None:
    """Law: rows sum to one (an island's to nothing), no area is next to itself."""
    y, psi, x = [1.0, 3, 2, 5], [1.0] * 4, np.ones((4, 1))
    ring = np.roll(np.eye(4), 1, axis=0)
    for bad in (2 * ring, np.eye(4), ring - 0.5 * np.roll(np.eye(4), 2, axis=0)):
        with pytest.raises(InputError, match=r"proximity, rows.*divide each row"):
            fit_spatial_fay_herriot(y, psi, x, bad)
    with pytest.raises(InputError, match="all numbers"):
        fit_spatial_fay_herriot(y, psi, x, np.ones((3, 3)))


def district(value: float, se: float, **other: Any) -> Estimate:
    """Return a district's figure."""
    return Estimate(value=value, se=se, lo=0.0, hi=value + 2 * se, n=5, method="eblup", **other)


@pytest.mark.parametrize("method", ["difference", "ratio"])
def test_districts_add_up_to_the_nation(method: Any) -> None:
    """Law: the weighted sum is the national figure, each error grows by its move, flags stay."""
    areas = [district(10, 1), district(20, 2, flags=(INDICATIVE,)), district(5, 3)]
    national = Estimate(value=44.0, se=2.0, lo=40, hi=48, n=90, method="ratio")
    moved = benchmark(areas, [1, 1, 2], national, method=method)
    assert np.dot([1, 1, 2], [one.value for one in moved]) == pytest.approx(44.0)
    require_benchmarked(moved, [1, 1, 2], national)
    for before, after in zip(areas, moved, strict=True):
        assert after.se == pytest.approx(math.hypot(before.se, after.value - before.value))
    assert moved[1].flags == (INDICATIVE,)
    with pytest.raises(QualityGateError, match="benchmark them"):
        require_benchmarked([*moved[:2], areas[2]], [1, 1, 2], national)


def test_sure_areas_move_least() -> None:
    """Law: a known area stays where it is under the difference method, not under the ratio."""
    areas = [district(10, 0.0), district(20, 2)]
    national = Estimate(value=33.0, se=2.0, lo=29, hi=37, n=90, method="ratio")
    assert [one.value for one in benchmark(areas, [1, 1], national)] == [10.0, 23.0]
    assert benchmark(areas, [1, 1], national, method="ratio")[0].value == pytest.approx(11.0)


def test_benchmark_refuses_contradictions() -> None:
    """Law: known areas that do not add up, figures pushed below zero and missing weights stop."""
    national = Estimate(value=2.0, se=2.0, lo=0, hi=6, n=90, method="ratio")
    with pytest.raises(QualityGateError, match="nothing that may move"):
        benchmark([district(10, 0.0)], [1], national)
    with pytest.raises(QualityGateError, match=r"areas \[0\] below zero.*ratio method"):
        benchmark([district(1, 5), district(20, 1)], [1, 1], national)
    with pytest.raises(InputError, match="one positive weight"):
        benchmark([district(1, 5)], [0], national)


def test_estimates_are_kept_within_what_is_possible_and_labelled() -> None:
    """Law: no negative crop, the synthetic and the weakly sampled are indicative, the strong are not."""
    prediction = AreaPrediction(
        value=np.array([-2.0, 40.0, 30.0]),
        mse=np.array([9.0, 4.0, 16.0]),
        direct_weight=np.array([0.0, 0.9, 0.3]),
    )
    made = small_area_estimates(prediction, [0, 40, 4], model="Fay-Herriot (reml)", within=(0.0, 45.0))
    assert [INDICATIVE in one.flags for one in made] == [True, False, True]
    assert (made[0].value, made[0].lo) == (0.0, 0.0)
    assert made[0].method.startswith("Fay-Herriot (reml), synthetic")
    assert [one.se for one in made] == [3.0, 2.0, 4.0]
    with pytest.raises(InputError, match="sample sizes"):
        small_area_estimates(prediction, [0, 40], model="x")
