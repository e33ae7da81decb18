"""Two years of hectares in one sample: each year's figure, and the change from the units' own differences."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from aoi.survey.change import verdict_of
from aoi.survey.change_interval import p_value_of
from aoi.survey.estimate import INDICATIVE, Estimate
from aoi.survey.linear_change import change_figure, national_change
from aoi.survey.linearised import Linearised
from aoi.survey.national import national_total
from aoi.survey.ratio import difference_total
from aoi.survey.two_phase import two_phase_difference
from geo.errors import Problem, SurveyFileError
from monitor.tabular.build import Drawn, build
from monitor.tabular.declaration import DesignFile, FigureSection, ProvinceSection
from monitor.tabular.figures import Estimator, auxiliary, estimator_of, hectares
from monitor.tabular.nation import figures_in, province_of, provinces_and_rows
from monitor.tabular.rows import Rows

__all__ = ["PanelChange", "YearPair", "national_changes", "panel_change", "year_pairs"]


@dataclass(frozen=True, slots=True, kw_only=True)
class PanelChange:
    """The change of one class or column of hectares."""

    name: str
    """Class, or column of the earlier year."""
    domain: str | None
    """Domain; None for the frame."""
    earlier: Estimate
    """Figure of the earlier year."""
    later: Estimate
    """Figure of the later year."""
    difference: Estimate
    """Later less earlier."""
    p_value: float
    """Level at which the interval touches zero."""
    verdict: str
    """The finding in words."""
    correlation: float | None
    """Correlation of the two figures; None where it was not made of them."""
    n_common: int
    """Units measured in both years."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class YearPair:
    """Totals of two years and of the units' differences."""

    earlier: Linearised
    """Total of the earlier year."""
    later: Linearised
    """Total of the later year."""
    difference: Linearised
    """Total of the differences."""
    n: int
    """Units measured in both years."""


def panel_change(
    name: str,
    domain: str | None,
    years: tuple[Estimate, Estimate],
    put: Callable[[float], Estimate],
    n: int,
    level: float,
) -> PanelChange:
    """Return a change with its p-value and its verdict.

    Parameters
    ----------
    name, domain
        What changed, and where.
    years
        Figures of the earlier and the later year.
    put
        The change with limits at any level.
    n
        Units measured in both years.
    level
        Published level.
    """
    difference = put(level)

    def limits(at: float) -> tuple[float, float]:
        figure = put(at)
        return figure.lo, figure.hi

    return PanelChange(
        name=name,
        domain=domain,
        earlier=years[0],
        later=years[1],
        difference=difference,
        p_value=p_value_of(difference.value, limits, level) if difference.se > 0 else 1.0,
        verdict=verdict_of(difference.lo, difference.hi),
        correlation=None,
        n_common=n,
    )


def year_pairs(
    file: DesignFile,
    figures: FigureSection,
    drawn: Drawn,
    columns: tuple[str, str],
    *,
    totals: Sequence[float],
    frame_ha: float,
) -> Iterator[tuple[str | None, YearPair]]:
    """Yield the two years of the whole frame (of the province) and of each domain, by zero extension.

    Parameters
    ----------
    file, figures, drawn
        The declaration, and the sample.
    columns
        Hectares of the earlier and the later year.
    totals
        Known totals of the auxiliaries.
    frame_ha
        Hectares of the frame (of the province).
    """
    first, second = (hectares(drawn, name, frame_ha)[drawn.seen] for name in columns)
    places = None if figures.domain is None else drawn.rows.labels(figures.domain)[drawn.seen]
    drawn.rows.require_sound()
    makers = _makers(file, figures, drawn, totals)
    for place in [None, *([] if places is None else np.unique(places).tolist())]:
        inside = 1.0 if place is None or places is None else (places == place).astype(float)
        y1, y2 = first * inside, second * inside
        earlier, later, difference = (make(y) for make, y in zip(makers, (y1, y2, y2 - y1), strict=True))
        yield place, YearPair(earlier=earlier, later=later, difference=difference, n=int(y1.size))


def _makers(
    file: DesignFile, figures: FigureSection, drawn: Drawn, totals: Sequence[float]
) -> tuple[Estimator, Estimator, Estimator]:
    """Return the estimators of the earlier year, the later year and the difference.

    All but the difference estimator are linear in the hectares: one serves for all three. That one adds the map's
    total, which the change has from both maps, or not at all where one map serves both years.
    """
    if figures.estimator != "difference" or drawn.in_order:
        make = estimator_of(file, figures, drawn, totals=totals)
        return make, make, make
    x = [auxiliary(drawn.rows, name)[drawn.seen] for name in figures.auxiliary]
    drawn.rows.require_sound()
    x1, x2, design = x[0], x[-1], drawn.design
    if file.first_phase is None:
        if len(totals) != len(x):
            found = f"{len(totals)} totals"
            raise SurveyFileError(Problem("totals of the auxiliaries", found, f"{len(x)}, one for each auxiliary"))
        return (
            lambda y: difference_total(design, y, x1, x_total=totals[0]),
            lambda y: difference_total(design, y, x2, x_total=totals[-1]),
            lambda y: difference_total(design, y, x2 - x1, x_total=totals[-1] - totals[0]),
        )
    phase = Rows.read(file.first_phase.table)
    known = [auxiliary(phase, name) for name in figures.auxiliary]
    phase.require_sound()
    f1, f2 = known[0], known[-1]
    if drawn.units is None:
        raise SurveyFileError(Problem("[design] units", "nothing", "units in the frame, for two phases", "add it"))
    units = drawn.units
    return (
        lambda y: two_phase_difference(y, x1, x_first=f1, population=units),
        lambda y: two_phase_difference(y, x2, x_first=f2, population=units),
        lambda y: two_phase_difference(y, x2 - x1, x_first=f2 - f1, population=units),
    )


def national_changes(
    file: DesignFile, figures: FigureSection, rows: Rows, columns: tuple[str, str]
) -> list[PanelChange]:
    """Return the change of the country and of each province.

    A province that was not sampled brings its figures of both years; their errors are taken as independent, which
    is safe where one interpretation served both.

    Parameters
    ----------
    file, figures
        The declaration.
    rows
        The sample of all sampled provinces, measured in both years.
    columns
        Columns of hectares; names of the figures of provinces that were not sampled.
    """
    if figures.domain is not None:
        found_here = "a domain in a national design"
        raise SurveyFileError(Problem("[estimate] domain", found_here, "none for compare", "compare each province"))
    parts = [
        (section, _province_pair(file, figures, section, own, columns))
        for section, own in provinces_and_rows(file, rows)
    ]
    country = [section.name for section, _ in parts]
    differences = {section.name: (pair.difference, section.frame_ha) for section, pair in parts}
    chosen = [section.name for section, _ in parts if not _by_chance(section)]

    def flagged(figure: Estimate, doubtful: bool) -> Estimate:
        return figure.flagged(INDICATIVE) if doubtful else figure

    years = tuple(
        national_total(
            [province_of(section, figure) for section, figure in zip(file.province, year, strict=True)],
            country=country,
            level=file.level,
        )
        for year in ([pair.earlier for _, pair in parts], [pair.later for _, pair in parts])
    )
    found = [
        panel_change(
            columns[0],
            None,
            (years[0], years[1]),
            lambda level: flagged(national_change(differences, country=country, level=level), bool(chosen)),
            sum(pair.n for _, pair in parts),
            file.level,
        )
    ]
    for section, pair in parts:

        def put(level: float, part: YearPair = pair, one: ProvinceSection = section) -> Estimate:
            figure = change_figure(part.difference, level=level, most=one.frame_ha)
            return flagged(figure, not _by_chance(one))

        both = tuple(
            flagged(year.estimate(level=file.level, ceiling=section.frame_ha), not _by_chance(section))
            for year in (pair.earlier, pair.later)
        )
        found.append(panel_change(columns[0], section.name, (both[0], both[1]), put, pair.n, file.level))
    return found


def _by_chance(section: ProvinceSection) -> bool:
    """Return whether a province's figure rests on a probability sample, or covers it whole."""
    return section.coverage != "village-survey" or section.probability_sample


def _province_pair(
    file: DesignFile, figures: FigureSection, section: ProvinceSection, rows: Rows, columns: tuple[str, str]
) -> YearPair:
    """Return the two years of one province."""
    if section.design is not None:
        drawn = build(section.design, rows, frame_ha=section.frame_ha)
        own = figures_in(figures, section).model_copy(update={"domain": None})
        pairs = year_pairs(file, own, drawn, columns, totals=section.totals, frame_ha=section.frame_ha)
        return next(pairs)[1]
    earlier, later = (province_of(section, None, name).figure for name in columns)
    variance = earlier.variance + later.variance
    moved = Linearised(
        value=later.value - earlier.value,
        variance=variance,
        df=min(earlier.df, later.df) if variance else 0.0,
        n=max(earlier.n, later.n),
        method=later.method,
        reliability=later.reliability,
    )
    return YearPair(earlier=earlier, later=later, difference=moved, n=later.n)
