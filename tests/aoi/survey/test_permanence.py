"""Permanence classes, long-affected cells, enclaves, concentration and kernel density."""

from __future__ import annotations

import itertools
from typing import Any

import numpy as np
import pytest

from aoi.survey.concentration import cells_holding, gini, lorenz_curve, share_in_top
from aoi.survey.density import Kernel, kernel_density
from aoi.survey.parameter import load_parameters, override
from aoi.survey.permanence import (
    EnclaveRule,
    PermanenceClass,
    PermanenceRule,
    affected_territory_km2,
    coarsen,
    enclave_cells,
    enclaves,
    long_affected,
    permanence,
)
from geo.errors import InputError, QualityGateError
from tests.shared import oracle, oracle_path

RTOL = 1e-10  # tolerance of the oracle
DENSITY_RTOL = 1e-10  # the table is printed with fifteen digits
RULE = PermanenceRule.from_parameters()
NAMES = {"new": "expansion", "abandoned_3y": "abandoned"}


def small_rule(**changes: Any) -> PermanenceRule:
    """Return a rule of four years."""
    fields = {"window_years": 4, "absent_years": 2, "expansion_years": 2, "long_affected_years": 3, "cell_km2": 1.0}
    return PermanenceRule(**{**fields, **changes})


def series(*texts: str) -> np.ndarray:
    """Return yearly areas from strings of 0, 1 and ? (not surveyed)."""
    return np.array([[np.nan if mark == "?" else float(mark) for mark in text] for text in texts])


def test_permanence_oracle() -> None:
    """Independent program: seven ten-year histories with class, years, transitions and current run."""
    expected = oracle("kde_permanence")["permanence"]
    made = permanence(series(*(one["series"] for one in expected.values())), RULE)
    for i, one in enumerate(expected.values()):
        assert made.classes[i].value == NAMES.get(one["cls"], one["cls"])
        assert made.years_present[i] == one["years_present"]
        assert made.transitions[i] == one["transitions"]
        assert made.current_run[i] == one["current_run"]
    flipped = permanence(series("0000000111"), RULE)
    assert flipped.classes[0] is PermanenceClass.EXPANSION  # four years of crop are intermittent, three are new


@pytest.mark.parametrize("length", [4, 5])
def test_unknown_years_are_classed_only_when_they_cannot_matter(length: int) -> None:
    """Brute force: every series of 0, 1 and ? against all its fillings."""
    texts = ["".join(marks) for marks in itertools.product("01?", repeat=length)]
    made = permanence(series(*texts), small_rule()).classes
    for text, found in zip(texts, made, strict=True):
        fillings = [
            text.replace("?", "{}").format(*marks) for marks in itertools.product("01", repeat=text.count("?"))
        ]
        possible = set(permanence(series(*fillings), small_rule()).classes)
        expected = possible.pop() if len(possible) == 1 else PermanenceClass.UNKNOWN
        assert found is expected, text


def test_a_crop_before_the_window_is_no_expansion() -> None:
    """Law: expansion is the first crop ever seen, not the first of the window."""
    made = permanence(series("100001", "000001"), small_rule())
    assert [one.value for one in made.classes] == ["intermittent", "expansion"]


def test_parameters_change_the_classes_and_travel_with_them() -> None:
    """Law: window and runs are parameters, stored with the result."""
    history = series("1110")
    assert permanence(history, small_rule()).classes[0] is PermanenceClass.INTERMITTENT
    made = permanence(history, small_rule(absent_years=1))
    assert made.classes[0] is PermanenceClass.ABANDONED
    assert made.rule.absent_years == 1
    mine = override(load_parameters("rules"), {"permanence.absent_years": {"value": 5, "source": "ministry"}})
    assert PermanenceRule.from_parameters(mine).absent_years == 5


def test_presence_needs_more_than_the_cut() -> None:
    """Law: a trace below the stated hectares is no presence."""
    made = permanence([[0.2, 0.2, 0.2, 0.2]], small_rule(presence_ha=0.25))
    assert made.classes[0] is PermanenceClass.UNAFFECTED


def test_long_affected_counts_the_whole_series() -> None:
    """Law: years before the window count, years not surveyed do not."""
    assert long_affected(series("110001", "110000", "11?000"), small_rule()).tolist() == [True, False, False]


def test_territory_depends_on_the_grid() -> None:
    """Published: 5,645 cells of 25 km2 are 141,125 km2; the same crop in 1 km2 cells covers far less."""
    assert 5_645 * load_parameters("rules")["grid.territory_cell_km2"].value == 141_125
    fine = np.zeros((10, 10))
    fine[0, 0] = fine[9, 9] = 3.0
    coarse = coarsen(fine, 5)
    rule = small_rule(window_years=1, absent_years=1, expansion_years=1)
    wide = small_rule(window_years=1, absent_years=1, expansion_years=1, cell_km2=25.0)
    assert coarse.sum() == fine.sum()
    assert affected_territory_km2(fine.reshape(-1, 1), rule) == 2.0
    assert affected_territory_km2(coarse.reshape(-1, 1), wide) == 50.0


def test_coarse_cells_keep_their_sum_and_their_gaps() -> None:
    """Literal: a 3 x 3 grid in cells of two, padded at its edges; a cell not surveyed spreads."""
    grid = np.arange(9.0).reshape(3, 3)
    np.testing.assert_array_equal(coarsen(grid, 2), [[8, 7], [13, 8]])
    grid[0, 0] = np.nan
    assert np.isnan(coarsen(grid, 2)[0, 0])
    with pytest.raises(InputError, match="factor of 1 or more"):
        coarsen(grid, 0)


def test_series_refuse_what_is_no_area() -> None:
    """Law: negative areas, windows longer than the series and empty rules stop."""
    with pytest.raises(InputError, match=r"cells \[1\]"):
        permanence([[0, 0, 0, 0], [0, -1, 0, 0]], small_rule())
    with pytest.raises(InputError, match="shorten the window"):
        permanence([[0, 0, 0]], small_rule())
    with pytest.raises(InputError, match="runs of 1 year up to the window"):
        small_rule(absent_years=5)
    with pytest.raises(InputError, match="a cell with a size"):
        small_rule(cell_km2=0.0)


def test_enclaves_need_density_for_long_enough_and_touch() -> None:
    """Literal: four of five years at 8 ha/km2; corners touch; a year not surveyed does not count."""
    rule = EnclaveRule.from_parameters()
    assert (rule.density_ha_km2, rule.min_years) == (8.0, 4)
    histories = [[9, 9, 9, 9, 0], [9, 9, 9, 0, 0], [7.9] * 5, [8.0] * 5, [9, 9, 9, np.nan, 0], [9, 9, np.nan, 9, 9]]
    found = enclave_cells(histories, rule)
    assert found.tolist() == [True, False, False, True, False, True]
    labels, count = enclaves(np.array([[1, 0, 0], [0, 1, 0], [0, 0, 0], [1, 0, 1]], dtype=bool))
    assert count == 3
    assert labels[0, 0] == labels[1, 1] != labels[3, 0]
    with pytest.raises(InputError, match="years within the window"):
        EnclaveRule(density_ha_km2=8, min_years=6, window_years=5, cell_km2=1)


def test_enclave_density_is_per_territory() -> None:
    """Law: 25 km2 cells need 25 times the hectares."""
    wide = EnclaveRule(density_ha_km2=8, min_years=1, window_years=1, cell_km2=25)
    assert enclave_cells([[199.0], [200.0]], wide).tolist() == [False, True]


def test_concentration_of_a_known_territory() -> None:
    """Literal: two thirds of the crop in 5 % of the cells (Colombia 2019: 66.5 % in 5 %)."""
    area = np.concatenate([np.full(5, 13.3), np.full(95, 33.5 / 95)])
    assert share_in_top(area, 0.05) == pytest.approx(0.665)
    assert cells_holding(area, 0.665) == pytest.approx(0.05)
    assert share_in_top(area[::-1], 0.05) == pytest.approx(0.665)
    assert cells_holding([4, 0, 0, 0], 1.0) == 0.25


def test_gini_laws() -> None:
    """Law: even is 0, one of n cells is 1 - 1/n, and doubling all changes nothing."""
    area = np.random.default_rng(1).gamma(0.5, size=200)
    assert gini(np.ones(50)) == pytest.approx(0.0, abs=1e-12)
    assert gini(np.eye(50)[0]) == pytest.approx(0.98)
    assert gini(2 * area) == pytest.approx(gini(area))
    pairs = np.abs(area[:, None] - area[None, :]).mean() / (2 * area.mean())
    assert gini(area) == pytest.approx(pairs)


def test_no_share_of_no_crop() -> None:
    """Law: nothing has no concentration; a cell not surveyed is not zero."""
    with pytest.raises(QualityGateError, match="found no crop"):
        lorenz_curve([0.0, 0.0])
    with pytest.raises(InputError, match=r"cells \[1\]"):
        lorenz_curve([0.0, np.nan])


@pytest.mark.parametrize(
    ("kernel", "name", "weighted"),
    [
        ("gaussian", "gaussian_ha_per_km2", True),
        ("quartic", "quartic_ha_per_km2", True),
        ("gaussian", "unweighted_gaussian_density", False),
    ],
)
def test_density_oracle(kernel: Kernel, name: str, weighted: bool) -> None:
    """Independent program: Gaussian and quartic density of eight fields on 25 grid points (MASS kde2d)."""
    expected = oracle("kde_permanence")
    table = np.genfromtxt(oracle_path("kde_permanence/points.csv"), delimiter=",", names=True)
    points = np.column_stack([table["x"], table["y"]])
    area = table["ha"] if weighted else np.full(len(points), 1 / len(points))
    grid = [[one["gx"], one["gy"]] for one in expected["grid"]]
    made = kernel_density(points, area, grid, bandwidth_km=expected["bandwidth_km"], kernel=kernel)
    np.testing.assert_allclose(made, expected[name], rtol=DENSITY_RTOL, atol=1e-14)
    moved = kernel_density(points + 0.001, area, grid, bandwidth_km=expected["bandwidth_km"], kernel=kernel)
    with pytest.raises(AssertionError):
        np.testing.assert_allclose(moved, expected[name], rtol=DENSITY_RTOL, atol=1e-14)


@pytest.mark.parametrize("kernel", ["gaussian", "quartic"])
def test_density_integrates_to_the_hectares(kernel: Kernel) -> None:
    """Law: without edges the density holds all the crop, over more grid points than one chunk."""
    axis = np.arange(-12, 12, 0.2) + 0.1
    grid = np.column_stack([one.ravel() for one in np.meshgrid(axis, axis)])
    made = kernel_density([[0.3, 0.1], [-1.0, 2.0]], [3.0, 4.0], grid, bandwidth_km=1.5, kernel=kernel)
    assert len(grid) > 4096
    assert made.sum() * 0.04 == pytest.approx(7.0, rel=1e-3)


def test_density_of_nothing_and_of_nonsense() -> None:
    """Law: no points give zero everywhere; bad shapes, places and bandwidths are told together."""
    empty = kernel_density(np.empty((0, 2)), [], [[0, 0]], bandwidth_km=1, kernel="quartic")
    assert empty.tolist() == [0.0]
    with pytest.raises(InputError, match=r"(?s)density grid.*a positive distance.*a missing place"):
        kernel_density([[np.nan, 0]], [1.0], [0, 0], bandwidth_km=0, kernel="quartic")
