"""Columns that do not fit and figures that cannot be: each is refused by name; what stands on the border is not."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np
import pandas as pd
import pytest

from aoi.survey.benchmark import benchmark
from aoi.survey.calibration import calibrate
from aoi.survey.cluster import simple_random, stratified_random
from aoi.survey.corrected_area import corrected_area
from aoi.survey.density import kernel_density
from aoi.survey.design import StratifiedDesign
from aoi.survey.domain_pooled import benchmarked_domain_areas
from aoi.survey.estimate import Estimate, read_back
from aoi.survey.linearised import total
from aoi.survey.local_mean import AsIfRandom
from aoi.survey.nearest_pair import NearestPairDesign
from aoi.survey.production import YieldFactor
from aoi.survey.propagation import Factor
from aoi.survey.ratio import ratio
from aoi.survey.table import estimate_table
from aoi.survey.two_phase import ResponseDesign, response_total, two_phase_difference
from aoi.survey.unequal import UnequalDesign
from geo.errors import InputError, QualityGateError

NAN = float("nan")


def figure(value: float = 10.0, **other: Any) -> Estimate:
    """Return a figure with its interval."""
    return Estimate(**{"value": value, "se": 1.0, "lo": value - 2, "hi": value + 2, "n": 9, "method": "x"} | other)


def drawn(**other: Any) -> ResponseDesign:
    """Return six units of two strata, five of which were seen."""
    columns = {
        "stratum": ["a", "a", "a", "b", "b", "b"], "population": [9, 9, 9, 6, 6, 6], "group": ["g"] * 6,
        "responded": np.array([True, True, True, True, True, False]),
    }  # fmt: skip
    return ResponseDesign(**columns | other)


def leaf_yield(value: float, **other: Any) -> YieldFactor:
    """Return a yield of leaf."""
    told = {"crop": "coca", "region": "x", "product": "leaf", "vintage": "2020", "source": "s"}
    return YieldFactor(value=value, **told | other)


GRID = np.array([[0.0, 0.0], [1.0, 0.0], [0.0, 1.0], [1.0, 1.0]])
PI = np.full(4, 0.1)


def pairs(**other: Any) -> NearestPairDesign:
    """Return four units of a spread sample."""
    return NearestPairDesign(**{"coordinates": GRID, "inclusion": PI, "population": 40} | other)


def table(**other: Any) -> Any:
    """Return the estimate of a table of four units in two strata, with columns of the sample or strata changed."""
    sample = {"stratum": ["a", "a", "b", "b"], "map": ["c", "c", "r", "r"], "reference": ["c", "r", "r", "r"]}
    strata = {"stratum": ["a", "b"], "size": [10, 20]}
    frames = [
        pd.DataFrame({name: other.get(name, column) for name, column in one.items()} | more)
        for one, more in ((sample, other.get("more", {})), (strata, other.get("areas", {})))
    ]
    return estimate_table(*frames, unit_area_ha=other.get("unit_area_ha", 1.0))


@pytest.mark.parametrize(
    ("made", "told"),
    [
        (lambda: figure(NAN), "must be finite"),
        (lambda: figure(hi=math.inf), "must be finite"),
        (lambda: figure(se=-1e-9), "must hold its value"),
        (lambda: figure(lo=10.001), "must hold its value"),
        (lambda: figure(hi=9.999), "must hold its value"),
        (lambda: figure(level=0.0), "between 0 and 1"),
        (lambda: figure(level=1.0), "between 0 and 1"),
        (
            lambda: benchmark([figure(10.0), figure(10.0)], [1, 1], figure(40.0), most=[15, 100]),
            r"areas \[0\] fuller",
        ),
        (lambda: response_total(drawn(group=list("gghhhh")), np.ones(6), capacity=[1, 1, 1, 1, 0.5, 1]), "1 units"),
        (lambda: drawn(responded=np.array([False] * 5 + [True])), "response group 'g': found 1 of 6 units seen"),
        (lambda: drawn(responded=np.zeros(6, dtype=bool)), "found 0 of 6"),
        (lambda: UnequalDesign(inclusion=np.array([0.5, 0.5])), "no joint probabilities"),
        (
            lambda: UnequalDesign(inclusion=np.array([0.5, 0.5]), joint=np.diag([0.5, 0.5])),
            "1 pairs that are never",
        ),
        (lambda: pairs(stratum=["a", "a", "a", "b"]), "1 with one unit"),
    ],
)
def test_figures_that_cannot_be_are_refused(made: Callable[[], object], told: str) -> None:
    """Law: what no sample can say has no figure."""
    with pytest.raises((QualityGateError, InputError), match=told):
        made()


@pytest.mark.parametrize(
    ("made", "told"),
    [
        (lambda: calibrate(simple_random(3, 9), [1.0, NAN, 1.0], [9.0]), "missing numbers"),
        (lambda: calibrate(simple_random(3, 9), [1.0, 1.0, 1.0], [NAN]), "missing numbers"),
        (lambda: calibrate(simple_random(3, 9), [1.0, 1.0], [9.0]), "3 rows"),
        (lambda: calibrate(simple_random(3, 9), [1.0, 1.0, 2.0], [9.0, 1.0]), "2 totals"),
        (lambda: total(simple_random(3, 9), [1.0, 2.0]), r"found shape \(2,\)"),
        (lambda: kernel_density([[0, 0]], [1.0, 2.0], [[0, 0]], bandwidth_km=1, kernel="quartic"), "density poi"),
        (lambda: kernel_density([[0]], [1.0], [[0, 0]], bandwidth_km=1, kernel="quartic"), "density points"),
        (lambda: benchmarked_domain_areas([figure()], figure(), domain_area_ha=[50.0, 50.0]), "one for each of 1"),
        (lambda: leaf_yield(NAN), "nan kg/ha"),
        (lambda: leaf_yield(-1.0), "-1.0 kg/ha"),
        (lambda: leaf_yield(1.0, se=-1.0), "standard error -1.0"),
        (lambda: leaf_yield(1.0, se=math.inf), "standard error inf"),
        (lambda: leaf_yield(1.0, df=0.0), "0.0 degrees of freedom"),
        (lambda: leaf_yield(1.0, region=" ", source=""), "no region(.|\n)*no source"),
        (lambda: response_total(drawn(), np.ones(5), capacity=1.0), r"found shape \(5,\)"),
        (lambda: response_total(drawn(), np.ones(6), capacity=-1.0), "capacity"),
        (lambda: two_phase_difference([1.0], [1.0], x_first=[1.0, 2.0], population=9), "1 of 2 of 9"),
        (lambda: two_phase_difference([1.0, 2.0, 3.0], [1.0] * 3, x_first=[1.0, 2.0], population=9), "3 of 2 of 9"),
        (lambda: two_phase_difference([1.0, 2.0], [1.0] * 2, x_first=[1.0, 2.0], population=1), "2 of 2 of 1"),
        (lambda: drawn(responded=[1, 1, 1, 1, 1, 0]), "int64 responses"),
        (lambda: drawn(group=["g"] * 5), "6 strata, 5 groups"),
        (lambda: drawn(population=[9, 9, 9, 2, 2, 2]), "stratum 'b': found 2 units for 3 drawn"),
        (lambda: drawn(population=[9, 9, 8, 6, 6, 6]), "two values in one stratum"),
        (lambda: UnequalDesign(inclusion=np.array([0.5, 0.0]), variance="brewer"), "outside"),
        (lambda: UnequalDesign(inclusion=np.array([0.5, 1.01]), variance="brewer"), "outside"),
        (lambda: UnequalDesign(inclusion=np.array([]), variance="brewer"), "outside"),
        (lambda: UnequalDesign(inclusion=PI, variance="guess"), "found 'guess'"),  # type: ignore[arg-type]
        (lambda: UnequalDesign(inclusion=PI, joint=np.ones((3, 3))), r"shape \(3, 3\)"),
        (lambda: UnequalDesign(inclusion=PI[:2], joint=np.array([[0.1, 0.02], [0.03, 0.1]])), "not symmetric"),
        (lambda: pairs(inclusion=np.array([0.1, 0.1, 0.0, 0.1])), "outside"),
        (lambda: pairs(inclusion=np.array([0.1, 0.1, 1.1, 0.1])), "outside"),
        (lambda: pairs(coordinates=GRID[:3]), "spread sample"),
        (lambda: pairs(coordinates=np.where(GRID > 0, np.inf, GRID)), "none missing"),
        (lambda: pairs(stratum=["a"] * 3), "3 strata"),
        (lambda: pairs(population=3), "a sampling fraction of 1.33333"),
        (lambda: table(more={"reference": ["c", "r\u202ex", "r", "r"]}), "line ends and control"),
        (lambda: table(areas={"area_ha": ["10", "-1"]}), "found area '-1'"),
        (lambda: table(areas={"area_ha": ["10", "many"]}), "found area 'many'"),
        (lambda: table(areas={"area_ha": ["0", "5"]}), "found area '0'"),
        (lambda: table(unit_area_ha=2e9), "less than the Earth"),
        (lambda: table(more={"stratum": ["a", None, "b", "b"]}), "an empty cell"),
        (lambda: table(size=[10, 0.5]), "found size 0.5"),
        (lambda: table(size=[10, 0]), "found size 0"),
        (lambda: table(more={"weight": [0.1, 0.2, 0.3, 0.9]}), "as probabilities are"),
        (lambda: table(more={"weight": [0.1, 0.0, 2.0, 3.0]}), "found weight 0.0"),
        (lambda: table(more={"unit": ["u1", "u2", "u2", "u3"]}), "stands above already"),
    ],
)  # fmt: skip
def test_columns_that_do_not_fit_are_named(made: Callable[[], object], told: str) -> None:
    """Law: what is no column of such numbers is refused, with what was found."""
    with pytest.raises((InputError, QualityGateError), match=told):
        made()


def test_parts_beyond_the_factors_are_refused() -> None:
    """Literal: three parts need three factors and areas; a negative factor takes away more than there is."""
    design = StratifiedDesign.of_units(["all"], [100], unit_area_ha=1.0)
    units = np.zeros(9, dtype=int), np.tile([1, 0, 1], 3), np.repeat([0, 1, 2], 3)
    for factor, area in (([1.0, 1.0], [50.0, 50.0]), ([1.0] * 3, [50.0] * 2), ([[1.0] * 3], [[30.0] * 3])):
        with pytest.raises(InputError, match="one factor and one area"):
            corrected_area(*units, design, factor=factor, part_area_ha=area)
    with pytest.raises(QualityGateError, match=r"a factor of -0\.5"):
        corrected_area(*units, design, factor=[1.0, -0.5, 1.0], part_area_ha=[30.0, 30.0, 40.0])
    assert corrected_area(*units, design, factor=[0.0] * 3, part_area_ha=[30.0, 30.0, 40.0]).value == 0


def test_what_stands_on_the_border_is_taken() -> None:
    """Literal: an interval that ends at its value, a probability of one, a capacity that is filled, and so on."""
    assert figure(lo=10.0, hi=10.0, se=0.0).cv == 0.0
    assert figure(lo=10.0 + 1e-9, hi=10.0).value == 10.0  # the last bit of a sum
    assert figure(0.0).cv == math.inf
    assert figure(-8.0).cv == 0.125
    assert figure(flags=("a",)).flagged("a").flagged("b").flags == ("a", "b")
    assert leaf_yield(0.0, se=0.0, df=0.5).unit == "t leaf"
    assert response_total(drawn(), [1, 1, 1, 1, 1, 99], capacity=1.0).lower_bound == pytest.approx(13.0)
    assert two_phase_difference([1.0, 3.0], [1.0, 1.0], x_first=[1.0, 1.0], population=2).value == 4.0
    assert UnequalDesign(inclusion=np.ones(3)).covariance(np.ones((3, 2))).tolist() == [[0.0, 0.0], [0.0, 0.0]]
    assert drawn(population=[3, 3, 3, 3, 3, 3]).first_phase(np.arange(5.0)[:, None]).tolist() == [[0.0]]
    assert pairs(population=4).covariance(np.arange(4.0)[:, None]).tolist() == [[0.0]]
    assert pairs(population=None).fraction.tolist() == [0.0] * 4
    lone = pairs(stratum=["a", "a", "a", "b"], population=[40, 40, 40, 1])
    assert lone.covariance(np.array([[5.0], [5.0], [5.0], [9.0]])).tolist() == [[0.0]]
    assert table(size=[2, 2]).areas
    assert table(more={"weight": [1.0, 1.0, 0.5, 0.5]}).areas


def test_a_figure_comes_back_from_its_row() -> None:
    """Law: flags parted by semicolons come back, and a cell without any is none."""
    row = {"value_ha": 10, "se_ha": 2, "lo_ha": 6, "hi_ha": 14.5, "n": 300, "method": "x", "level": 0.9}
    assert read_back(row | {"flags": "A;B"}) == figure(
        10.0, se=2.0, lo=6.0, hi=14.5, n=300, level=0.9, flags=("A", "B")
    )
    for none in ("", NAN, None):
        assert read_back(row | {"flags": none}).flags == ()


def test_a_sample_taken_for_a_random_one_is_that() -> None:
    """Law: weights, freedom, variance and judgement are the random sample's; its name says what it is."""
    base = stratified_random(["a", "a", "b", "b", "b"], [10, 10, 20, 20, 20])
    taken = AsIfRandom(base=base, drawing="systematic")
    y = np.array([1.0, 4.0, 0.0, 2.0, 7.0])
    assert taken.weight.tolist() == base.weight.tolist()
    assert taken.df == base.df == 3
    assert taken.covariance(y[:, None]) == pytest.approx(base.covariance(y[:, None]))
    assert taken.reliability(y, y) == base.reliability(y, y)
    assert taken.variance_method.startswith("systematic sample, simple-random variance")
    assert (base.n_primary, base.n_strata) == (5, 2)


def test_halves_of_a_factor_on_a_logarithm() -> None:
    """By hand: ln(10/5) and ln(40/10); infinite below where the lower limit is 0; none about zero."""
    assert Factor(10.0, 1.0, 5.0, 40.0).log_halves(0.95) == pytest.approx((math.log(2), math.log(4)))
    assert Factor(10.0, 1.0, 0.0, 10.0).log_halves(0.95) == (math.inf, 0.0)
    assert Factor(0.0, 1.0, 0.0, 5.0).log_halves(0.95) == (0.0, 0.0)
    half = 1.959964 * math.sqrt(math.log(1.01))
    assert Factor(10.0, 1.0).log_halves(0.95) == pytest.approx((half, half), rel=1e-6)
    for wrong in ((10.0, 1.0, 11.0, 12.0), (10.0, 1.0, -1.0, 12.0), (10.0, -1.0), (10.0, 1.0, 5.0), (NAN, 1.0)):
        with pytest.raises(InputError, match="factor of a product"):
            Factor(*wrong)


def test_a_ratio_of_signed_amounts_has_no_floor() -> None:
    """Law: where the survey variable may be negative so may the limit; where it may not, it ends at zero."""
    design = simple_random(4, 400)
    assert ratio(design, [0.0, 0.0, 5.0, 0.0], [1.0, 2.0, 3.0, 4.0]).floor == 0.0
    assert ratio(design, [0.0, -1.0, 5.0, 0.0], [1.0, 2.0, 3.0, 4.0]).floor == -math.inf
