"""The terms of the corrections ledger, each from per-unit numbers: gaps, image age, eradication, small lots.

Geometry is done before: polygons of eradication are already dissolved and intersected with interpreted fields,
so that what arrives here is hectares of overlap and dates.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import date
from typing import Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray

from aoi.survey.correction import Term, TermName
from aoi.survey.parameter import Parameter
from geo.errors import InputError, Problem, QualityGateError

__all__ = [
    "Eradication",
    "GapImputation",
    "age_term",
    "eradication_terms",
    "gap_terms",
    "image_date_share",
    "impute_gap",
    "small_lots_term",
]

FloatArray = NDArray[np.float64]

_DAYS_PER_YEAR = 365.0


@dataclass(frozen=True, slots=True, kw_only=True)
class GapImputation:
    """The crop believed to stand where no clear image was had."""

    ratio: float
    """This year's crop over last year's, in the clear ring round the gap."""
    imputed_ha: float
    """Imputed crop, within 0 and the gap's own area."""
    se_ha: float
    """Standard error of the prediction (model variance and estimated ratio)."""
    gap_area_ha: float
    """Area without information; the worst case is that all of it is crop."""

    def bounds_ha(self, observed_ha: float) -> tuple[float, float]:
        """Return the least and the greatest total that the images allow."""
        return observed_ha, observed_ha + self.gap_area_ha

    def share_imputed(self, observed_ha: float) -> float:
        """Return the part of the total that nobody saw; 0 where there is no crop at all."""
        total = observed_ha + self.imputed_ha
        return self.imputed_ha / total if total else 0.0


def impute_gap(
    previous_ha: ArrayLike, current_ha: ArrayLike, *, gap_previous_ha: float, gap_area_ha: float
) -> GapImputation:
    """Impute the crop in an area without information from the clear ring round it.

    Parameters
    ----------
    previous_ha, current_ha : array_like, shape (n_units,), hectares
        Crop last year and this year in the ring's units that are clear this year; at least two units.
    gap_previous_ha : float
        Crop last year inside the gap.
    gap_area_ha : float
        Area of the gap.

    Returns
    -------
    GapImputation
        R = sum y / sum x, imputed = R x_gap (clipped to the gap's area), variance s2 (x_gap + x_gap^2 / sum x)
        with s2 = sum((y - R x)^2 / x) / (n - 1). Where neither ring nor gap held crop, R = 1 and nothing is
        imputed; the bounds still hold the whole gap.

    Raises
    ------
    InputError
        If a number is negative or missing, or the shapes differ.
    QualityGateError
        If the ring is too small, or held no crop last year while the gap did.

    Notes
    -----
    A unit that was empty last year and is planted now has no finite variance under var(y) proportional to x;
    the residual sum of squares over sum x then stands in for s2 where it is larger.

    References
    ----------
    Valliant, Dorfman and Royall (2000), Finite Population Sampling and Inference, chapter 5: ratio predictor.

    Examples
    --------
    >>> found = impute_gap([120, 80, 45, 200, 10], [150, 70, 60, 260, 0], gap_previous_ha=35, gap_area_ha=900)
    >>> found.imputed_ha, found.se_ha, found.bounds_ha(540.0)
    (41.538462, 15.613561, (540.0, 1440.0))
    """
    x, y = _ring(previous_ha, current_ha, gap_previous_ha, gap_area_ha)
    x_ring = float(x.sum())
    if gap_previous_ha == 0 and x_ring == 0:
        return GapImputation(ratio=1.0, imputed_ha=0.0, se_ha=0.0, gap_area_ha=gap_area_ha)
    if x.size < 2 or x_ring == 0:
        found = f"{x.size} clear units with {x_ring:g} ha of crop last year"
        raise QualityGateError(
            Problem("ring round the gap", found, "two units or more with crop", "widen the ring")
        )
    ratio = float(y.sum()) / x_ring
    variance = _residual_variance(x, y - ratio * x) * (gap_previous_ha + gap_previous_ha**2 / x_ring)
    return GapImputation(
        ratio=ratio,
        imputed_ha=min(ratio * gap_previous_ha, gap_area_ha),
        se_ha=math.sqrt(variance),
        gap_area_ha=gap_area_ha,
    )


def _ring(
    previous_ha: ArrayLike, current_ha: ArrayLike, gap_previous_ha: float, gap_area_ha: float
) -> tuple[FloatArray, FloatArray]:
    x, y = np.asarray(previous_ha, dtype=float), np.asarray(current_ha, dtype=float)
    problems = []
    if x.shape != y.shape or x.ndim != 1:
        problems.append(Problem("ring round the gap", f"shapes {x.shape} and {y.shape}", "two equal columns"))
    for name, column in (("previous_ha", x), ("current_ha", y)):
        bad = np.flatnonzero(~(np.isfinite(column) & (column >= 0)))
        if bad.size:
            problems.append(
                Problem(f"ring {name}, rows {bad[:5].tolist()}", "no area", "0 ha or more, none missing")
            )
    if not 0 <= gap_previous_ha <= gap_area_ha < math.inf:
        found = f"{gap_previous_ha} ha of crop in {gap_area_ha} ha"
        problems.append(Problem("gap", found, "no more crop last year than the gap has area"))
    if problems:
        raise InputError(problems)
    return x, y


def _residual_variance(x: FloatArray, residual: FloatArray) -> float:
    """Return s2 of the model var(y) = s2 x, never less than what units empty last year show."""
    held = x > 0
    freedom = max(int(held.sum()) - 1, 1)
    s2 = float(np.sum(residual[held] ** 2 / x[held])) / freedom
    if np.any(residual[~held] != 0):
        s2 = max(s2, float(np.sum(residual**2)) / float(x.sum()) * x.size / (x.size - 1))
    return s2


def gap_terms(domain: str, interpreted_ha: float, gap: GapImputation) -> list[Term]:
    """Return the ledger rows of a gap: the imputation, and the two bounds, which are not applied."""
    share = gap.share_imputed(interpreted_ha)
    source = "ratio to the previous year in the clear ring"

    def row(value: float, se: float, parameter: str, number: float, applied: bool) -> Term:
        return Term(
            domain=domain,
            term="gap",
            value_ha=value,
            se_ha=se,
            parameter=parameter,
            parameter_value=number,
            source=source if applied else f"published beside it, not applied; share imputed {share:.4f}",
            applied=applied,
        )

    return [
        row(gap.imputed_ha, gap.se_ha, f"ratio_to_previous_year {domain}", gap.ratio, True),
        row(0.0, 0.0, "lower_bound_share_of_gap", 0.0, False),
        row(gap.gap_area_ha, 0.0, "upper_bound_share_of_gap", 1.0, False),
    ]


def age_term(
    domain: str, areas_ha: ArrayLike, image_dates: ArrayLike, *, reference_date: date, rate: Parameter
) -> Term:
    """Bring interpreted areas from their image dates to the reference date.

    Parameters
    ----------
    domain : str
        Code of the place.
    areas_ha : array_like, shape (n_images,), hectares
        Crop interpreted on each image.
    image_dates : array_like of datetime64[D], shape (n_images,)
        Days the images were taken; one after the reference date brings its area back in time.
    reference_date : date
        Day of the corrected figure.
    rate : Parameter
        Change per year as a share, from last year's like-for-like change in the region.

    Returns
    -------
    Term
        sum A_i r (reference - d_i) / 365.

    Raises
    ------
    InputError
        If shapes differ, or an area or a date is missing.
    """
    areas, days = _aged(areas_ha, image_dates, reference_date)
    exposure = float(np.sum(areas * days)) / _DAYS_PER_YEAR
    return Term(
        domain=domain,
        term="age",
        value_ha=exposure * rate.value,
        se_ha=abs(exposure) * rate.error,
        parameter=rate.name,
        parameter_value=rate.value,
        source=rate.source,
    )


def _aged(
    areas_ha: ArrayLike, image_dates: ArrayLike, reference_date: date
) -> tuple[FloatArray, NDArray[np.int64]]:
    areas, dates = np.asarray(areas_ha, dtype=float), np.asarray(image_dates, dtype="datetime64[D]")
    if areas.shape != dates.shape or areas.ndim != 1:
        raise InputError(Problem("image dates", f"shapes {areas.shape} and {dates.shape}", "equal columns"))
    bad = np.flatnonzero(~(np.isfinite(areas) & (areas >= 0)) | np.isnat(dates))
    if bad.size:
        rows = f"image dates, rows {bad[:5].tolist()}"
        raise InputError(Problem(rows, "a missing or negative area, or no date", "an area and a day"))
    return areas, (np.datetime64(reference_date, "D") - dates).astype(np.int64)


def image_date_share(
    areas_ha: ArrayLike, image_dates: ArrayLike, *, reference_date: date, window_days: float
) -> float:
    """Return the share of the area whose image lies within `window_days` of the reference date.

    Examples
    --------
    >>> image_date_share([70.0, 30.0], ["2016-11-20", "2016-06-01"], reference_date=date(2016, 12, 31),
    ...                  window_days=61)
    0.7
    """
    areas, days = _aged(areas_ha, image_dates, reference_date)
    total = float(areas.sum())
    if total == 0:
        raise QualityGateError("image dates: found no area, so no share of it can be given")
    return float(areas[np.abs(days) <= window_days].sum()) / total


@dataclass(frozen=True, slots=True, kw_only=True)
class Eradication:
    """One dated operation in one domain, already intersected with the interpreted fields."""

    domain: str
    """Code of the place."""
    method: Literal["spray", "manual"]
    """How the crop was destroyed."""
    event_date: date
    """Day of the operation."""
    image_date: date
    """Day of the image on which the fields were interpreted."""
    overlap_ha: float
    """Interpreted field area inside the dissolved polygons of the operation."""
    reported_ha: float = math.nan
    """Area as claimed; kept for the record, never subtracted."""
    verified: bool = True
    """Whether the operation was verified; a claim alone changes no figure."""


def eradication_terms(
    events: Iterable[Eradication],
    *,
    reference_date: date,
    effect: Mapping[str, Parameter],
    replanting: Parameter,
) -> list[Term]:
    """Return two ledger rows for each operation: what it took, and what was planted again.

    Parameters
    ----------
    events : iterable of Eradication
        Operations; those before or on the image date are already in the image, those after the reference date
        belong to the next figure: both keep their rows, not applied.
    reference_date : date
        Cut-off; an operation on that day counts.
    effect : mapping of str to Parameter
        Share of the overlap that is lost, by method (``spray``, ``manual``).
    replanting : Parameter
        Share of what was lost that stands again at the reference date.

    Raises
    ------
    InputError
        If an overlap is negative or missing, a method has no effect, or a share lies outside 0 to 1.
    """
    operations = list(events)
    _check_eradication(operations, effect, replanting)
    terms: list[Term] = []
    for event in operations:
        share = effect[event.method]
        lost = event.overlap_ha * share.value
        why = _why_not(event, reference_date)
        # each row carries the error of its own parameter, the other held, so that the squares add up to
        # var[o e (1 - q)] = o^2 [(1 - q)^2 var e + e^2 var q]
        se_effect = event.overlap_ha * (1 - replanting.value) * share.error
        terms.append(_eradication_row(event, event.method, -lost, se_effect, share, why))
        regrown, se_regrown = lost * replanting.value, lost * replanting.error
        terms.append(_eradication_row(event, "replanting", regrown, se_regrown, replanting, why))
    return terms


def _why_not(event: Eradication, reference_date: date) -> str:
    if not event.verified:
        return "claimed, not verified"
    if event.event_date <= event.image_date:
        return f"{event.event_date}: on or before the image of {event.image_date}, already seen in it"
    if event.event_date > reference_date:
        return f"{event.event_date}: after the reference date {reference_date}"
    return ""


def _eradication_row(
    event: Eradication, term: TermName, value_ha: float, se_ha: float, parameter: Parameter, why: str
) -> Term:
    return Term(
        domain=event.domain,
        term=term,
        value_ha=value_ha,
        se_ha=se_ha,
        parameter=parameter.name,
        parameter_value=parameter.value,
        source=f"not applied: {why}" if why else parameter.source,
        applied=not why,
    )


def _check_eradication(
    events: Iterable[Eradication], effect: Mapping[str, Parameter], replanting: Parameter
) -> None:
    problems = []
    for event in events:
        where = f"{event.method} eradication {event.domain} {event.event_date}"
        if not (math.isfinite(event.overlap_ha) and event.overlap_ha >= 0):
            problems.append(Problem(where, f"overlap {event.overlap_ha} ha", "0 ha or more"))
        if event.method not in effect:
            problems.append(Problem(where, "no effect for this method", f"one of {sorted(effect)}"))
    problems += [
        Problem(f"parameter {parameter.name}", f"{parameter.value}", "a share of 0 to 1")
        for parameter in (*effect.values(), replanting)
        if not 0 <= parameter.value <= 1
    ]
    if problems:
        raise InputError(problems)


def small_lots_term(domain: str, interpreted_ha: float, share: Parameter) -> Term:
    """Return the ledger row for lots below what the imagery shows, as a share of the interpreted area."""
    return Term(
        domain=domain,
        term="small_lots",
        value_ha=interpreted_ha * share.value,
        se_ha=interpreted_ha * share.error,
        parameter=share.name,
        parameter_value=share.value,
        source=share.source,
    )
