"""`--coverage` of a declared design: the survey repeated on its own units, each time estimated as declared."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from aoi.survey.cluster import ClusterDesign
from aoi.survey.coverage import Coverage
from aoi.survey.estimate import Estimate
from aoi.survey.linearised import IntervalOfTotal
from aoi.survey.resampled_coverage import Redraw, coverage_of_units
from aoi.survey.unequal import UnequalDesign
from geo.errors import Problem, SurveyFileError
from monitor.tabular.build import Drawn, IntArray, build
from monitor.tabular.declaration import DesignFile, DesignSection, FigureSection
from monitor.tabular.figures import auxiliary, estimator_of, hectares
from monitor.tabular.rows import FloatArray, Rows

__all__ = ["simulate_coverage"]

SIMULATED = ("expansion", "hajek", "ratio", "difference", "regression")
"""Estimators whose known totals are those of the simulated population."""
UNIT = "\x1funit"
"""Column of the simulated units' names."""


def simulate_coverage(file: DesignFile, figures: FigureSection, drawn: Drawn) -> list[Coverage]:
    """Simulate how often the declared interval holds the truth, for each column of hectares.

    Raises
    ------
    SurveyFileError
        If the design or the estimator cannot be drawn again from the sample alone.
    """
    section = file.design
    _require_simulated(file, figures, drawn)
    assert section is not None  # required above
    again = section.model_copy(update={"unit": UNIT, "strata": section.strata, "joint": None} | _variance(drawn))
    first = np.unique(drawn.unit, return_index=True)[1]
    group = np.unique(drawn.stratum, return_inverse=True)[1][first].astype(np.int64)
    weight = drawn.design.weight
    auxiliaries = [auxiliary(drawn.rows, name) for name in figures.auxiliary]
    expanded_x = [_by_unit(drawn.unit, weight * x) for x in auxiliaries]
    drawn.rows.require_sound()
    found: list[Coverage] = []
    for name in figures.values:
        y = hectares(drawn, name, file.frame_ha)
        survey = _Survey(file, figures, again, drawn, name, expanded_x, group)
        found += coverage_of_units(
            name,
            survey,
            unit=drawn.unit,
            group=group,
            amount=_by_unit(drawn.unit, y),
            expanded=_by_unit(drawn.unit, weight * y),
            level=file.level,
            rng=np.random.default_rng([file.seed, 1]),
        )
    return found


def _by_unit(unit: IntArray, amount: FloatArray) -> FloatArray:
    """Add rows up to their units, shape (U,)."""
    return np.asarray(np.bincount(unit, weights=amount), dtype=float)


class _Survey:
    """One simulated survey, from redrawn units to its figure."""

    def __init__(
        self,
        file: DesignFile,
        figures: FigureSection,
        section: DesignSection,
        drawn: Drawn,
        name: str,
        expanded_x: list[FloatArray],
        group: IntArray,
    ) -> None:
        self.file, self.figures, self.section, self.drawn = file, figures, section, drawn
        self.name, self.expanded_x, self.sizes = name, expanded_x, np.bincount(group)[group]

    def __call__(self, sample: Redraw, chance: FloatArray) -> Estimate:
        """Estimate from redrawn units; the auxiliaries' totals are those of the simulated population."""
        table = self.drawn.rows.table.iloc[sample.row].reset_index(drop=True)
        rows = Rows(table=table.assign(**{UNIT: sample.unit.astype(str)}), name="simulated sample")
        design = build(self.section, rows, frame_ha=self.file.frame_ha)
        totals = [float((self.sizes * chance * x).sum()) for x in self.expanded_x]
        make = estimator_of(self.file, self.figures, replace(design, strata=self.drawn.strata), totals=totals)
        figure = make(rows.numbers(self.name))
        interval: IntervalOfTotal = "t" if self.figures.interval == "t" else "skew-corrected"
        return figure.estimate(level=self.file.level, ceiling=self.file.frame_ha, interval=interval)


def _variance(drawn: Drawn) -> dict[str, object]:
    """Return the variance for redrawn units: joint probabilities of copies do not exist."""
    return {"variance": "brewer"} if isinstance(drawn.design, UnequalDesign) else {}


def _require_simulated(file: DesignFile, figures: FigureSection, drawn: Drawn) -> None:
    """Refuse what resampling units cannot stand for."""
    remedy = "leave --coverage out; docs/methods/coverage.md has studies of such designs"
    if file.design is None or not isinstance(drawn.design, (ClusterDesign, UnequalDesign)):
        found = "a design whose units cannot be drawn again from the sample alone"
        expected = "a random or unequal-probability sample, without provinces, phases or units not seen"
        raise SurveyFileError(Problem("--coverage", found, expected, remedy))
    if figures.estimator not in SIMULATED or figures.interval == "bootstrap-t" or drawn.in_order:
        found = f"{figures.estimator}, {figures.interval}"
        expected = "one of " + ", ".join(SIMULATED) + ", and no bootstrap inside the simulation"
        raise SurveyFileError(Problem("--coverage", found, expected, remedy))
