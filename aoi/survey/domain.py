"""Class areas in parts of the frame, by zero extension: units outside a domain count as zero, never as absent.

The number of sampled units that fall into a domain is random. Dropping the others would treat it as fixed and
understate the variance; giving them the value 0 keeps every domain on the whole sample, and the domains of a
partition add up to the frame.

References
----------
Cochran, W. G. (1977). Sampling Techniques, 3rd ed., section 2.12.
Sarndal, C.-E., Swensson, B. and Wretman, J. (1992). Model Assisted Survey Sampling, section 10.3.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import numpy.typing as npt

from aoi.survey.design import FloatArray, IntArray, StratifiedDesign
from aoi.survey.estimate import INDICATIVE, Estimate
from aoi.survey.estimator import areas_of_counts, sums_by
from geo.errors import InputError, Problem

__all__ = ["MIN_DOMAIN_UNITS", "domain_areas"]

MIN_DOMAIN_UNITS = 30
"""Sample units inside a domain below which its figure is marked `INDICATIVE`."""


def domain_areas(
    stratum: IntArray,
    member: npt.ArrayLike,
    inside: npt.NDArray[np.bool_],
    design: StratifiedDesign,
    *,
    domain_area_ha: FloatArray,
    possible: npt.NDArray[np.bool_] | None = None,
    method: str = "default",
    level: float = 0.95,
) -> tuple[Estimate, ...]:
    """Estimate the area of one class in several domains.

    Parameters
    ----------
    stratum
        Stratum code of each sampled unit, shape (n,).
    member
        0/1 membership of each unit in the class, shape (n,).
    inside
        Whether each unit lies in each domain, shape (n, D); domains may overlap.
    design
        The strata of the whole frame.
    domain_area_ha
        True area of each domain in hectares, shape (D,); no limit lies above it.
    possible
        Whether each stratum holds any unit of each domain, shape (H, D): a stratum that lies elsewhere cannot
        widen a domain's interval. None takes every stratum as possible.
    method, level
        As in `aoi.survey.estimator.class_areas`.

    Returns
    -------
    tuple of Estimate
        One figure for each domain; `n` counts the units inside it that were drawn, not those of certainty strata.
        A domain with fewer than `MIN_DOMAIN_UNITS` of them that is not the whole frame is marked `INDICATIVE`.

    Raises
    ------
    InputError, QualityGateError
        If membership is not 0/1, shapes differ, or the design refuses the sample.

    Examples
    --------
    >>> design = StratifiedDesign.of_units(["crop", "rest"], [100, 900], unit_area_ha=1.0)
    >>> stratum = np.repeat([0, 1], [50, 50])
    >>> crop = np.r_[np.ones(40), np.zeros(60)]
    >>> west = np.tile([True, False], 50)
    >>> both = np.column_stack([west, ~west])
    >>> figures = domain_areas(stratum, crop, both, design, domain_area_ha=np.array([500.0, 500.0]))
    >>> [round(figure.value, 6) for figure in figures]
    [40.0, 40.0]
    """
    values = np.asarray(member, dtype=float)
    if not np.isin(values, (0.0, 1.0)).all() or inside.shape != (values.size, domain_area_ha.size):
        found = f"{values.size} units, domains of shape {inside.shape}, {domain_area_ha.size} areas"
        raise InputError(Problem("domains", found, "0/1 membership and one row and area for each"))
    counts = design.sample_counts(stratum)
    found_by_domain = sums_by(stratum, values[:, None] * inside, design.n_strata)
    figures = areas_of_counts(found_by_domain, counts, design, method=method, level=level, possible=possible)
    drawn = ~design.certainty(counts)[stratum]
    return tuple(
        _placed(figure, int((drawn & members).sum()), float(area), whole=bool(members.all()))
        for figure, members, area in zip(figures, inside.T, domain_area_ha, strict=True)
    )


def _placed(figure: Estimate, n: int, area_ha: float, *, whole: bool) -> Estimate:
    """Give a figure its domain's units and ceiling, and mark it when few units stand behind it."""
    placed = replace(figure, n=n, hi=max(figure.value, min(figure.hi, area_ha)))
    return placed if whole or n >= MIN_DOMAIN_UNITS else placed.flagged(INDICATIVE)
