"""`--coverage` of a national design: every province surveyed again by its own design, and added up."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import numpy as np

from aoi.survey.coverage import Coverage, Scenario
from aoi.survey.linearised import Linearised
from aoi.survey.national import Province, national_total
from aoi.survey.resampled_coverage import RESAMPLES, SCENARIOS, coverage_of_limits
from monitor.tabular.build import build
from monitor.tabular.declaration import DesignFile, FigureSection, ProvinceSection
from monitor.tabular.nation import figures_in, province_of, provinces_and_rows
from monitor.tabular.rows import Rows
from monitor.tabular.simulated import Simulation, figure_of, simulation_of

__all__ = ["simulate_national"]


def simulate_national(file: DesignFile, figures: FigureSection, rows: Rows) -> list[Coverage]:
    """Simulate how often the interval of the country holds the truth, for each column of hectares.

    A province that was covered whole or asked by villages is told again with its own standard error.

    Parameters
    ----------
    file, figures
        The declaration.
    rows
        The sample of all sampled provinces.

    Raises
    ------
    SurveyFileError
        If the design of a province, or the estimator, cannot be drawn again from the sample alone.
    QualityGateError
        If a simulated survey gives no figure.
    """
    parts = provinces_and_rows(file, rows)
    country = [section.name for section, _ in parts]
    rng = np.random.default_rng([file.seed, 1])
    found = []
    for name in figures.values:
        for scenario in SCENARIOS:
            made = [
                (section, _simulation(file, figures, section, own, name, scenario=scenario, rng=rng))
                for section, own in parts
            ]
            limits = []
            for _ in range(RESAMPLES):
                provinces = [_again(section, one, name, rng) for section, one in made]
                figure = national_total(provinces, country=country, level=file.level)
                limits.append((figure.lo, figure.hi))
            truth = sum(one.truth for _, one in made)
            found.append(coverage_of_limits(name, scenario, truth, limits, level=file.level))
    return found


def _simulation(
    file: DesignFile,
    figures: FigureSection,
    section: ProvinceSection,
    rows: Rows,
    name: str,
    *,
    scenario: Scenario,
    rng: np.random.Generator,
) -> Simulation:
    """Return the simulation of one province."""
    if section.design is not None:
        drawn = build(section.design, rows, frame_ha=section.frame_ha)
        own = figures_in(figures, section)
        return simulation_of(
            file, own, section.design, drawn, name, scenario=scenario, frame_ha=section.frame_ha, rng=rng
        )
    figure = province_of(section, None, name).figure
    return Simulation(truth=figure.value, draw=_retold(figure))


def _retold(figure: Linearised) -> Callable[[np.random.Generator], Linearised]:
    """Return a figure told again with an error of its own, never below zero."""

    def draw(rng: np.random.Generator) -> Linearised:
        return replace(figure, value=max(rng.normal(figure.value, figure.se), 0.0)) if figure.variance else figure

    return draw


def _again(section: ProvinceSection, simulation: Simulation, name: str, rng: np.random.Generator) -> Province:
    """Return a province as one simulated survey tells it, within what it can hold."""
    figure = figure_of(simulation, rng)
    return province_of(section, replace(figure, value=float(np.clip(figure.value, 0.0, section.frame_ha))), name)
