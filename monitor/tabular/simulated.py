"""`--coverage` of a declared design: the survey repeated on a population made of its sample, and estimated."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from aoi.survey.cluster import ClusterDesign
from aoi.survey.coverage import Coverage, Scenario
from aoi.survey.linearised import IntervalOfTotal, Linearised
from aoi.survey.local_mean import Drawing, SystematicVariance, systematic_total
from aoi.survey.national import StackedDesign
from aoi.survey.placed_population import placed_population
from aoi.survey.resampled_coverage import (
    RESAMPLES,
    SCENARIOS,
    coverage_of_limits,
    redraw,
    unit_chances,
)
from aoi.survey.two_phase import ResponseDesign, two_phase_difference
from aoi.survey.unequal import UnequalDesign
from geo.errors import AltdevError, Problem, QualityGateError, SurveyFileError
from monitor.tabular.build import Drawn, IntArray, build
from monitor.tabular.declaration import DesignFile, DesignSection, FigureSection
from monitor.tabular.figures import auxiliary, estimator_of, hectares
from monitor.tabular.rows import FloatArray, Rows

__all__ = ["Simulation", "figure_of", "simulate_coverage", "simulation_of"]

SIMULATED = ("expansion", "hajek", "ratio", "difference", "regression")
"""Estimators whose known totals are those of the simulated population."""
UNIT = "\x1funit"
"""Column of the simulated units' names."""
LEAST_SEEN = 2
"""Units of a response group that a simulated survey sees at least, where it has them."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Simulation:
    """A population made of a sample, and the survey of it."""

    truth: float
    """Its total, hectares."""
    draw: Callable[[np.random.Generator], Linearised]
    """Draws one survey and returns the figure it would have given."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class _Setting:
    """What the simulation of one variable works with."""

    file: DesignFile
    figures: FigureSection
    section: DesignSection
    drawn: Drawn
    name: str
    frame_ha: float
    y: FloatArray
    """Hectares of each row; NaN where a unit was not seen."""
    x: list[FloatArray]
    """Auxiliaries of each row."""

    def estimate(self, changes: Mapping[str, Any], row: IntArray, totals: Sequence[float]) -> Linearised:
        """Estimate from copies of rows, some of their columns changed."""
        section = self.section.model_copy(update={"unit": UNIT, "joint": None} | self._variance())
        table = self.drawn.rows.table.iloc[row].reset_index(drop=True).assign(**changes)
        rows = Rows(table=table, name="simulated sample")
        made = build(section, rows, frame_ha=self.frame_ha, response=self.file.response)
        make = estimator_of(self.file, self.figures, replace(made, strata=self.drawn.strata), totals=totals)
        return make(made.rows.numbers(self.name)[made.seen])

    def _variance(self) -> dict[str, object]:
        """Return the variance for redrawn units: joint probabilities of copies do not exist."""
        if not isinstance(self.drawn.design, (UnequalDesign, StackedDesign)):
            return {}
        return {"variance": "poisson" if self.random_size else "brewer"}

    @property
    def random_size(self) -> bool:
        """Whether units were drawn each by itself."""
        return self.section.method == "unequal" and "poisson" in (self.section.draw, self.section.variance)

    @property
    def group(self) -> IntArray:
        """Stratum code of each unit in the order of the strata table, shape (U,)."""
        first = np.unique(self.drawn.unit, return_index=True)[1]
        names = self.drawn.stratum[first]
        if self.drawn.strata is None:
            return np.zeros(names.size, dtype=np.int64)
        # codes without gaps, in the order of the table
        return np.unique(self.drawn.strata.design.code_of(names), return_inverse=True)[1].astype(np.int64)


def simulate_coverage(file: DesignFile, figures: FigureSection, drawn: Drawn) -> list[Coverage]:
    """Simulate how often the declared interval holds the truth, for each column of hectares.

    Raises
    ------
    SurveyFileError
        If the design or the estimator cannot be drawn again from the sample alone.
    QualityGateError
        If a simulated survey gives no figure.
    """
    assert file.design is not None  # national designs are simulated province by province
    rng = np.random.default_rng([file.seed, 1])
    interval: IntervalOfTotal = "t" if figures.interval == "t" else "skew-corrected"
    found = []
    for name in figures.values:
        for scenario in SCENARIOS:
            made = simulation_of(
                file, figures, file.design, drawn, name, scenario=scenario, frame_ha=file.frame_ha, rng=rng
            )
            limits = []
            for _ in range(RESAMPLES):
                figure = figure_of(made, rng).estimate(level=file.level, ceiling=file.frame_ha, interval=interval)
                limits.append((figure.lo, figure.hi))
            found.append(coverage_of_limits(name, scenario, made.truth, limits, level=file.level))
    return found


def figure_of(simulation: Simulation, rng: np.random.Generator) -> Linearised:
    """Return the figure of a simulated survey, refusing the simulation where there is none."""
    try:
        return simulation.draw(rng)
    except AltdevError as error:
        found = f"a simulated survey that gives no figure ({error.problems[0].found})"
        remedy = "leave --coverage out; the sample is too small to be drawn again"
        raise QualityGateError(Problem("--coverage", found, "a figure of each", remedy)) from error


def simulation_of(
    file: DesignFile,
    figures: FigureSection,
    section: DesignSection,
    drawn: Drawn,
    name: str,
    *,
    scenario: Scenario,
    frame_ha: float,
    rng: np.random.Generator,
) -> Simulation:
    """Make a population of a sample by the way it was drawn.

    Parameters
    ----------
    file, figures, section, drawn
        The declaration, and the sample.
    name
        Column of hectares.
    scenario
        The sample as it is, or with as much crop as it can hide.
    frame_ha
        Hectares of the frame (of the province).
    rng
        Source of randomness.

    Raises
    ------
    SurveyFileError
        If the design or the estimator cannot be drawn again from the sample alone.
    """
    _require_simulated(figures, drawn, section)
    y = hectares(drawn, name, frame_ha)
    x = [auxiliary(drawn.rows, column) for column in figures.auxiliary]
    drawn.rows.require_sound()
    setting = _Setting(
        file=file, figures=figures, section=section, drawn=drawn, name=name, frame_ha=frame_ha, y=y, x=x
    )
    if file.first_phase is not None:
        return _of_phases(setting, scenario)
    if drawn.in_order:
        return _of_order(setting, scenario, rng)
    if isinstance(drawn.design, ResponseDesign):
        return _of_response(setting, scenario, rng)
    if section.method in ("systematic", "spread"):
        return _of_places(setting, scenario, rng)
    return _of_units(setting, scenario)


def _of_units(setting: _Setting, scenario: Scenario) -> Simulation:
    """Draw the units of the sample again, each as often as its weight says."""
    unit, group, weight = setting.drawn.unit, setting.group, setting.drawn.design.weight
    chance = unit_chances(_by_unit(unit, setting.y), group, scenario, level=setting.file.level)
    expected = np.bincount(group)[group] * chance
    totals = [float((expected * _by_unit(unit, weight * x)).sum()) for x in setting.x]

    def draw(rng: np.random.Generator) -> Linearised:
        sample = redraw(unit, group, chance, rng, random_size=setting.random_size)
        return setting.estimate({UNIT: sample.unit.astype(str)}, sample.row, totals)

    return Simulation(truth=float((expected * _by_unit(unit, weight * setting.y)).sum()), draw=draw)


def _of_places(setting: _Setting, scenario: Scenario, rng: np.random.Generator) -> Simulation:
    """Draw a place from each cell of a map made of the sample."""
    rows, section = setting.drawn.rows, setting.section
    if not (rows.has(section.x) and rows.has(section.y)):
        found = f"a {section.method} sample without coordinates"
        expected = f"columns {section.x!r} and {section.y!r}"
        raise SurveyFileError(Problem("--coverage", found, expected, "give them, or leave --coverage out"))
    xy = np.stack([rows.numbers(section.x), rows.numbers(section.y)], axis=1)
    rows.require_sound()
    drawing: Drawing = "systematic" if section.method == "systematic" else "spread"
    population = placed_population(
        xy, setting.y, setting.group, drawing=drawing, scenario=scenario, level=setting.file.level, rng=rng
    )
    weight = setting.drawn.design.weight
    totals = [population.total(weight * x) for x in setting.x]

    def draw(rng: np.random.Generator) -> Linearised:
        row, at = population.draw(rng)
        changes = {
            UNIT: np.arange(row.size).astype(str), section.x: at[:, 0].astype(str), section.y: at[:, 1].astype(str)
        }  # fmt: skip
        return setting.estimate(changes, row, totals)

    return Simulation(truth=population.total(weight * setting.y), draw=draw)


def _of_order(setting: _Setting, scenario: Scenario, rng: np.random.Generator) -> Simulation:
    """Start anew in the order of the frame."""
    n = setting.y.size
    order, alike = np.arange(n, dtype=float)[:, None], np.zeros(n, dtype=np.int64)
    population = placed_population(
        order, setting.y, alike, drawing="systematic", scenario=scenario, level=setting.file.level, rng=rng
    )
    units = int(setting.drawn.units or n)
    variance: SystematicVariance = (
        "simple-random" if setting.drawn.variance == "simple-random" else "successive-difference"
    )

    def draw(rng: np.random.Generator) -> Linearised:
        return systematic_total(setting.y[population.draw(rng)[0]], population=units, variance=variance)

    return Simulation(truth=population.total(units / n * setting.y), draw=draw)


def _of_response(setting: _Setting, scenario: Scenario, rng: np.random.Generator) -> Simulation:
    """Fill units not seen with units seen of their group, draw all again, and hide as many in each group."""
    design, response = setting.drawn.design, setting.file.response
    assert isinstance(design, ResponseDesign)  # asked for only then
    assert response is not None
    seen, groups = setting.drawn.seen, design.groups
    donor = np.arange(seen.size)
    for code in range(int(groups.max()) + 1):
        lost, there = np.flatnonzero((groups == code) & ~seen), np.flatnonzero((groups == code) & seen)
        donor[lost] = rng.choice(there, size=lost.size)
    y, weight, strata = setting.y[donor], design.drawn_weight, design.strata
    chance = unit_chances(y, strata, scenario, level=setting.file.level)
    expected = np.bincount(strata)[strata] * chance
    totals = [float((expected * weight * x).sum()) for x in setting.x]
    unit = np.arange(seen.size, dtype=np.int64)

    def draw(rng: np.random.Generator) -> Linearised:
        row = redraw(unit, strata, chance, rng).row
        clear = _hidden(groups[row], design.response_rate, rng)
        changes = {
            UNIT: np.arange(row.size).astype(str),
            response.seen: np.where(clear, "yes", "no"),
            setting.name: y[row].astype(str),
        }
        return setting.estimate(changes, row, totals)

    return Simulation(truth=float((expected * weight * y).sum()), draw=draw)


def _hidden(groups: IntArray, rate: FloatArray, rng: np.random.Generator) -> Any:
    """Return which units are seen: at random in each group, as large a share as was seen in truth."""
    clear = np.zeros(groups.size, dtype=bool)
    for code in np.unique(groups).tolist():
        own = np.flatnonzero(groups == code)
        count = min(max(round(float(rate[code]) * own.size), LEAST_SEEN), own.size)
        clear[rng.choice(own, size=count, replace=False)] = True
    return clear


def _of_phases(setting: _Setting, scenario: Scenario) -> Simulation:
    """Draw the first phase again, each of its units standing for the measured one nearest in the auxiliary."""
    assert setting.file.first_phase is not None  # asked for only then
    first = Rows.read(setting.file.first_phase.table)
    x_first = auxiliary(first, setting.figures.auxiliary[0])
    first.require_sound()
    x, y = setting.x[0], setting.y
    order = np.argsort(x, kind="stable")
    right = np.clip(np.searchsorted(x[order], x_first), 1, x.size - 1)
    nearer = np.where(np.abs(x[order[right - 1]] - x_first) <= np.abs(x[order[right]] - x_first), right - 1, right)
    times = np.bincount(order[nearer], minlength=x.size).astype(float)
    one = np.zeros(x.size, dtype=np.int64)
    chance = times * unit_chances(y, one, scenario, level=setting.file.level)
    chance /= chance.sum()
    units, n = int(setting.drawn.units or x_first.size), x_first.size

    def draw(rng: np.random.Generator) -> Linearised:
        phase = rng.choice(x.size, size=n, p=chance)
        second = phase[: x.size]  # the draws are in random order
        return two_phase_difference(y[second], x[second], x_first=x[phase], population=units)

    return Simulation(truth=units * float(chance @ y), draw=draw)


def _by_unit(unit: IntArray, amount: FloatArray) -> FloatArray:
    """Add rows up to their units, shape (U,)."""
    return np.asarray(np.bincount(unit, weights=amount), dtype=float)


def _require_simulated(figures: FigureSection, drawn: Drawn, section: DesignSection) -> None:
    """Refuse what redrawn units cannot stand for."""
    remedy = "leave --coverage out; docs/methods/coverage.md has studies of such designs"
    random = "bootstrap-t" if figures.interval == "bootstrap-t" else figures.replicates
    if figures.estimator not in SIMULATED or random in ("bootstrap-t", "bootstrap"):
        found = f"{figures.estimator}, {random or figures.interval}"
        expected = "one of " + ", ".join(SIMULATED) + ", and no bootstrap inside the simulation"
        raise SurveyFileError(Problem("--coverage", found, expected, remedy))
    known = (ClusterDesign, UnequalDesign, StackedDesign, ResponseDesign)
    if section.method not in ("systematic", "spread") and not isinstance(drawn.design, known):
        found = "a design whose units cannot be drawn again from the sample alone"
        raise SurveyFileError(Problem("--coverage", found, "a design that can", remedy))
