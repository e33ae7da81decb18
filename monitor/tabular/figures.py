"""Figures of a declared design: each column of hectares by the declared estimator, in the frame and its domains."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt

from aoi.survey.agricultural_mask import BufferRow, buffer_sensitivity
from aoi.survey.bootstrap_t import bootstrap_t_quantiles
from aoi.survey.calibration import calibrate, post_stratify, rake
from aoi.survey.cluster import ClusterDesign
from aoi.survey.estimate import Estimate
from aoi.survey.interpretation import Misreading, corrected_area
from aoi.survey.linearised import IntervalOfTotal, Linearised, total
from aoi.survey.local_mean import SystematicVariance, systematic_total
from aoi.survey.ratio import (
    combined_ratio_total,
    difference_total,
    regression_total,
    separate_ratio_total,
    separate_regression_total,
)
from aoi.survey.replicate import bootstrap, jackknife
from aoi.survey.two_phase import MissingAreaFigure, ResponseDesign, response_total, two_phase_difference
from aoi.survey.unequal import hajek_total
from geo.errors import Problem, SurveyFileError
from monitor.tabular.build import Drawn
from monitor.tabular.declaration import DesignFile, FigureSection
from monitor.tabular.rows import BoolArray, FloatArray, Rows

__all__ = [
    "LINEAR",
    "DesignFigure",
    "Estimator",
    "auxiliary",
    "estimator_of",
    "frame_figures",
    "hectares",
    "mask_rows",
    "missing_figures",
]

Estimator = Callable[[FloatArray], Linearised]
"""From hectares of each row seen to an estimated total."""

LINEAR = (
    "expansion", "hajek", "ratio", "separate-ratio", "regression", "separate-regression", "post-stratified",
    "raked", "calibrated",
)  # fmt: skip
"""Estimators whose figure of a difference is the difference of their figures."""
TOLERANCE = 1e-9
"""Relative difference of areas that are the same."""
LARGEST = 1e15
"""Largest size of an auxiliary, whose square is still a number."""
BOOTSTRAP = 1999
"""Replicates of the bootstrap-t."""


@dataclass(frozen=True, slots=True, kw_only=True)
class DesignFigure:
    """One figure of a declared design."""

    variable: str
    """Column of hectares it is the total of."""
    domain: str | None
    """Domain or province; None for the frame."""
    estimate: Estimate
    """The figure."""
    as_read: bool = True
    """False for a figure corrected for misreading."""


def frame_figures(file: DesignFile, figures: FigureSection, drawn: Drawn) -> list[DesignFigure]:
    """Return every figure of one design: the frame's, its domains', and those corrected for misreading.

    Raises
    ------
    InputError
        Naming every cell at fault.
    QualityGateError
        As the estimators and designs do.
    """
    values = {name: hectares(drawn, name, file.frame_ha) for name in figures.values}
    places = None if figures.domain is None else drawn.rows.labels(figures.domain)[drawn.seen]
    drawn.rows.require_sound()
    make = estimator_of(file, figures, drawn, totals=figures.totals)
    found = []
    for name, column in values.items():
        y = column[drawn.seen]
        estimate = _limits(file, figures, drawn, make, y)
        found.append(DesignFigure(variable=name, domain=None, estimate=estimate))
        if name in file.misreading:
            given = file.misreading[name]
            rates = Misreading(
                hits=given.hits, n_class=given.of_crop, rejections=given.rejections, n_other=given.of_others
            )
            corrected = corrected_area(estimate, file.frame_ha, rates)
            found.append(DesignFigure(variable=name, domain=None, estimate=corrected, as_read=False))
        for place in [] if places is None else np.unique(places).tolist():
            inside = _limits(file, figures, drawn, make, np.where(places == place, y, 0.0))
            found.append(DesignFigure(variable=name, domain=place, estimate=inside))
    return found


def hectares(drawn: Drawn, column: str, frame_ha: float) -> FloatArray:
    """Return the hectares seen in each row, NaN where a unit was not seen, shape (n,).

    Notes in the rows what is no area, and a sample that holds more than its frame.
    """
    y = drawn.rows.numbers(column, least=0.0, most=frame_ha, where=_seen(drawn))
    whole = float(np.nansum(y))
    if whole > frame_ha * (1 + TOLERANCE):
        found, expected = f"{whole:,.6g} ha in the sample", f"at most the frame, {frame_ha:,.6g} ha"
        drawn.rows.note(f"column {column!r}", found, expected, "correct frame_ha, or the unit of the column")
    return y


def auxiliary(rows: Rows, column: str) -> FloatArray:
    """Return an auxiliary of each row, shape (n,)."""
    return rows.numbers(column, least=-LARGEST, most=LARGEST)


def estimator_of(file: DesignFile, figures: FigureSection, drawn: Drawn, *, totals: Sequence[float]) -> Estimator:
    """Return the declared estimator of a sample as a function of the hectares of its rows.

    Parameters
    ----------
    file
        The design file, for the first of two phases.
    figures
        The declared estimator.
    drawn
        The sample.
    totals
        Known totals of the auxiliaries in the frame (of the province).
    """
    if figures.replicates is not None:
        return _replicated(file, figures, drawn, totals)
    if drawn.in_order:
        return _in_order(figures, drawn)
    if file.first_phase is not None:
        return _two_phases(file, figures, drawn)
    design = drawn.design
    if figures.estimator == "expansion":
        return lambda y: total(design, y)
    if figures.estimator == "hajek":
        return lambda y: hajek_total(design, y, population=_units(drawn, "hajek"))
    if figures.estimator in ("post-stratified", "raked"):
        margins = {name: (drawn.rows.labels(name)[drawn.seen], known) for name, known in figures.margins.items()}
        drawn.rows.require_sound()
        if figures.estimator == "raked":
            raked = rake(design, margins)
            return lambda y: total(raked, y)
        cells, known = next(iter(margins.values()))
        weighted = post_stratify(design, cells, known)
        return lambda y: total(weighted, y)
    return _assisted(figures, drawn, totals)


def _replicated(file: DesignFile, figures: FigureSection, drawn: Drawn, totals: Sequence[float]) -> Estimator:
    """Return the declared estimator with the variance of its replicates."""
    design, kind = drawn.design, figures.replicates
    if not isinstance(design, ClusterDesign) or file.first_phase is not None:
        found = f"{kind} of a design other than a random sample"
        remedy = "leave replicates out: the design has a variance of its own"
        raise SurveyFileError(Problem("[estimate] replicates", found, "method random, all units seen", remedy))
    make = estimator_of(file, figures.model_copy(update={"replicates": None}), drawn, totals=totals)
    ones = np.ones(design.weight.size)
    if figures.estimator == "expansion":
        over, factor = None, 1.0
    elif figures.estimator == "hajek":
        over, factor = ones, _units(drawn, "hajek")
    else:
        over, factor = auxiliary(drawn.rows, figures.auxiliary[0])[drawn.seen], totals[0]

    def statistic(t: FloatArray) -> FloatArray:
        with np.errstate(divide="ignore", invalid="ignore"):
            return np.asarray(t[..., 0] if over is None else factor * t[..., 0] / t[..., 1])

    def estimate(y: FloatArray) -> Linearised:
        figure = make(y)
        columns = y[:, None] if over is None else np.stack([y, over], axis=1)
        found = (
            jackknife(design, columns, statistic=statistic)
            if kind == "jackknife"
            else bootstrap(
                design,
                columns,
                statistic=statistic,
                replicates=BOOTSTRAP,
                rng=np.random.default_rng([file.seed, 2]),
            )
        )
        method = f"{figure.method.split(';')[0]}; {found.method}"
        return replace(figure, variance=found.variance, df=found.df, method=method)

    return estimate


def _assisted(figures: FigureSection, drawn: Drawn, totals: Sequence[float]) -> Estimator:
    """Return an estimator with numeric auxiliaries."""
    design, columns = drawn.design, [auxiliary(drawn.rows, name)[drawn.seen] for name in figures.auxiliary]
    drawn.rows.require_sound()
    x, first = np.stack(columns, axis=1), columns[0]
    stratum = drawn.stratum[drawn.seen]
    if figures.estimator not in ("separate-ratio", "separate-regression") and len(totals) != len(columns):
        found, expected = f"{len(totals)} totals", f"{len(columns)}, one for each auxiliary"
        raise SurveyFileError(Problem("totals of the auxiliaries", found, expected))
    if figures.estimator == "ratio":
        return lambda y: combined_ratio_total(design, y, first, x_total=totals[0])
    if figures.estimator == "difference":
        return lambda y: difference_total(design, y, first, x_total=totals[0])
    if figures.estimator == "regression":
        return lambda y: regression_total(design, y, x, x_totals=totals, size=_units(drawn, "regression"))
    if figures.estimator == "calibrated":
        calibrated = calibrate(design, x, totals, distance=figures.distance, bounds=figures.bounds)
        return lambda y: total(calibrated, y)
    if drawn.strata is None:
        found = f"{figures.estimator} and no strata"
        raise SurveyFileError(
            Problem("[estimate] estimator", found, "a stratified design", "use ratio or regression")
        )
    known = drawn.strata.totals(figures.auxiliary[0])
    if figures.estimator == "separate-ratio":
        return lambda y: separate_ratio_total(design, y, first, stratum=stratum, x_totals=known)
    sizes = dict(zip(drawn.strata.design.names, drawn.strata.design.sizes.tolist(), strict=True))
    both = {name: (float(sizes[name]), amount) for name, amount in known.items()}
    return lambda y: separate_regression_total(design, y, first, stratum=stratum, known=both)


def _in_order(figures: FigureSection, drawn: Drawn) -> Estimator:
    """Return the expansion of a systematic sample in frame order."""
    if figures.estimator != "expansion":
        raise SurveyFileError(
            Problem(
                "[estimate] estimator",
                f"{figures.estimator} with a systematic sample in frame order",
                "expansion",
                "give coordinates (x, y) in the place of order",
            )
        )
    population = int(_units(drawn, "systematic"))
    chosen: SystematicVariance = "simple-random" if drawn.variance == "simple-random" else "successive-difference"
    return lambda y: systematic_total(y, population=population, variance=chosen)


def _two_phases(file: DesignFile, figures: FigureSection, drawn: Drawn) -> Estimator:
    """Return the difference estimator whose auxiliary is known for a larger first sample."""
    assert file.first_phase is not None  # asked for only then
    first = Rows.read(file.first_phase.table)
    name = figures.auxiliary[0]
    x_first, x = auxiliary(first, name), auxiliary(drawn.rows, name)
    first.require_sound()
    drawn.rows.require_sound()
    population = int(_units(drawn, "two phases"))
    return lambda y: two_phase_difference(y, x, x_first=x_first, population=population)


def _limits(file: DesignFile, figures: FigureSection, drawn: Drawn, make: Estimator, y: FloatArray) -> Estimate:
    """Put the declared interval round a total."""
    figure = make(y)
    if figures.interval != "bootstrap-t" or figure.variance == 0:
        interval: IntervalOfTotal = "t" if figures.interval == "t" else "skew-corrected"
        return figure.estimate(level=file.level, ceiling=file.frame_ha, interval=interval)
    if not isinstance(drawn.design, ClusterDesign) or figures.estimator not in ("expansion", "ratio", "difference"):
        raise SurveyFileError(
            Problem(
                "[estimate] interval",
                f"bootstrap-t with estimator {figures.estimator} of a {figure.method} design",
                "a random sample (of one or two stages) and an expansion, ratio or difference",
                "use skew-corrected",
            )
        )
    quantiles = bootstrap_t_quantiles(
        drawn.design,
        influence_of(figures, drawn, y),
        level=file.level,
        replicates=max(BOOTSTRAP, int(20 / (1 - file.level)) + 1),
        rng=np.random.default_rng(file.seed),
    )
    return figure.estimate(level=file.level, ceiling=file.frame_ha, quantiles=quantiles)


def influence_of(figures: FigureSection, drawn: Drawn, y: FloatArray) -> FloatArray:
    """Return what each row adds to an expansion, a ratio or a difference, but for a constant factor."""
    if figures.estimator == "expansion":
        return y
    x = auxiliary(drawn.rows, figures.auxiliary[0])[drawn.seen]
    if figures.estimator == "difference":
        return y - x
    weight = drawn.design.weight
    return y - float(weight @ y) / float(weight @ x) * x


def missing_figures(file: DesignFile, figures: FigureSection, drawn: Drawn) -> Mapping[str, MissingAreaFigure]:
    """Return what was imputed for units not seen, and the bounds, by column; none where all were seen."""
    if file.response is None or not isinstance(drawn.design, ResponseDesign):
        return {}
    given = file.response.capacity_ha
    capacity: npt.ArrayLike = drawn.rows.numbers(given, least=0.0) if isinstance(given, str) else given
    values = {name: hectares(drawn, name, file.frame_ha) for name in figures.values}
    drawn.rows.require_sound()
    return {name: response_total(drawn.design, y, capacity=capacity) for name, y in values.items()}


def mask_rows(file: DesignFile, drawn: Drawn) -> tuple[BufferRow, ...]:
    """Return how the ratio estimate moves with the buffer of the mask; empty without ``[[mask]]``."""
    if not file.mask:
        return ()
    masks = [drawn.rows.numbers(one.mask, least=0.0) for one in file.mask]
    crops = [drawn.rows.numbers(one.crop, least=0.0) for one in file.mask]
    drawn.rows.require_sound()
    return buffer_sensitivity(
        [one.buffer_m for one in file.mask],
        np.stack(crops),
        np.stack(masks),
        cells=int(_units(drawn, "the mask")),
        mask_totals_ha=[one.total_ha for one in file.mask],
    )


def _seen(drawn: Drawn) -> BoolArray | None:
    """Return the rows that must hold a value; None for all."""
    return None if drawn.seen.all() else drawn.seen


def _units(drawn: Drawn, what: str) -> float:
    """Return the units of the frame, which an estimator needs."""
    if drawn.units is None:
        raise SurveyFileError(
            Problem("[design] units", "nothing", f"units in the frame, which {what} needs", "add it")
        )
    return float(drawn.units)
