"""Eradication validated by a sample of lots and expanded to all of them: hectares destroyed, and planted again.

Every lot has a reported area. A probability sample of lots, stratified by the nucleus they were worked from and by
their size, is looked at; the ratio of what was found to what was reported, weighted to all lots, expands the
report. A lot that was not drawn says nothing, and a lot drawn but not visited is not a zero.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt

from aoi.survey.cluster import ClusterDesign, LonelyUnit, stratified_random
from aoi.survey.design import FloatArray, raise_all
from aoi.survey.estimate import Estimate
from aoi.survey.ratio import ratio
from aoi.survey.selection import draw_stratified
from geo.errors import InputError, Problem, QualityGateError

__all__ = ["Lots", "draw_lots", "found_share", "found_total", "lot_strata"]


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Lots:
    """All lots of a campaign; every array has shape (N,)."""

    reported_ha: FloatArray
    """Area reported for each lot."""
    stratum: npt.NDArray[np.str_]
    """Stratum that it was drawn in (`lot_strata`)."""
    drawn: npt.NDArray[np.bool_]
    """Whether it was drawn for validation."""

    def __post_init__(self) -> None:
        sizes = {self.reported_ha.size, self.stratum.size, self.drawn.size}
        problems = []
        if len(sizes) != 1 or not self.reported_ha.size:
            problems.append(Problem("lots", f"arrays of {sorted(sizes)} lots", "one length, not zero"))
        elif not (np.isfinite(self.reported_ha).all() and (self.reported_ha >= 0).all()):
            problems.append(Problem("lots reported_ha", "a negative or missing area", "hectares of every lot"))
        else:
            empty = sorted(set(self.stratum) - set(self.stratum[self.drawn]))
            problems += [
                Problem(f"validation stratum {name}", "no lot drawn", "two or more", "draw some, or join strata")
                for name in empty
            ]
        if problems:
            raise QualityGateError(problems)


def lot_strata(
    nucleus: Sequence[str], reported_ha: npt.ArrayLike, cuts_ha: Sequence[float] = ()
) -> npt.NDArray[np.str_]:
    """Return the stratum of each lot: its nucleus and its class of size.

    Parameters
    ----------
    nucleus
        Nucleus or point that each lot was worked from, shape (N,).
    reported_ha
        Area of each lot, shape (N,).
    cuts_ha
        Rising limits between the classes; a lot at a limit is in the larger class.

    Examples
    --------
    >>> lot_strata(["N1", "N1", "N2"], [0.4, 2.0, 0.5], cuts_ha=[0.5]).tolist()
    ['N1/0', 'N1/1', 'N2/1']
    """
    if list(cuts_ha) != sorted(set(cuts_ha)):
        raise InputError(Problem("lot_size_cuts_ha", f"{list(cuts_ha)}", "rising limits, each once", "sort them"))
    size = np.searchsorted(np.asarray(cuts_ha, dtype=float), np.asarray(reported_ha, dtype=float), side="right")
    return np.array([f"{name}/{at}" for name, at in zip(nucleus, size, strict=True)], dtype=np.str_)


def draw_lots(stratum: npt.NDArray[np.str_], per_stratum: int, rng: np.random.Generator) -> npt.NDArray[np.bool_]:
    """Draw lots for validation, equally many in every stratum, all of them where there are fewer.

    Returns
    -------
    ndarray of bool
        Whether each lot is drawn, shape (N,).
    """
    names, codes = np.unique(stratum, return_inverse=True)
    sizes = np.bincount(codes, minlength=names.size)
    drawn = np.zeros(stratum.size, dtype=bool)
    drawn[draw_stratified(codes, np.minimum(sizes, per_stratum), rng)] = True
    return drawn


def found_share(
    lots: Lots,
    found_ha: npt.ArrayLike,
    *,
    domain: npt.ArrayLike | None = None,
    lonely: LonelyUnit = "refuse",
    level: float = 0.95,
) -> Estimate:
    """Estimate the share of the reported area that validation finds, with its interval.

    Parameters
    ----------
    lots
        The lots, drawn and not.
    found_ha
        What was found on each lot, shape (N,); read on drawn lots alone.
    domain
        Lots that count, such as those of a municipality, shape (N,); all when None.
    lonely
        Policy for a stratum with one lot drawn of several.
    level
        Level of the interval.

    Returns
    -------
    Estimate
        A ratio of totals (Cochran 1977, section 6.11: combined over strata).

    Raises
    ------
    QualityGateError
        If a drawn lot has no result, or no lot of the domain was drawn.
    """
    design, y, x, inside = _sample(lots, found_ha, domain, lonely)
    estimate = _ratio(design, y, x, inside, level)
    everywhere = np.ones(lots.drawn.size, dtype=bool) if domain is None else np.asarray(domain, dtype=bool)
    if not lots.drawn[everywhere].all():
        return estimate
    exact = float(y[inside].sum() / x[inside].sum())  # every lot was looked at: there is no sampling error
    return replace(estimate, value=exact, se=0.0, lo=exact, hi=exact, flags=(), method="ratio; all lots; none")


def _ratio(
    design: ClusterDesign, y: FloatArray, x: FloatArray, inside: npt.NDArray[np.bool_], level: float
) -> Estimate:
    most = max(1.0, float(np.max(np.divide(y, x, out=np.zeros_like(y), where=x > 0), initial=0.0)))
    return ratio(design, y, x, domain=inside).estimate(level=level, ceiling=most)


def found_total(
    lots: Lots,
    found_ha: npt.ArrayLike,
    *,
    domain: npt.ArrayLike | None = None,
    lonely: LonelyUnit = "refuse",
    level: float = 0.95,
) -> Estimate:
    """Expand what validation found to all lots: the share times the area reported, which is known.

    Parameters
    ----------
    lots, found_ha, domain, lonely, level
        As in `found_share`.

    Returns
    -------
    Estimate
        Hectares.

    Examples
    --------
    >>> lots = Lots(
    ...     reported_ha=np.array([1.0, 2.0, 1.0, 4.0]), stratum=np.array(["a"] * 4),
    ...     drawn=np.array([True, True, False, True]),
    ... )
    >>> round(found_total(lots, [0.9, 2.0, np.nan, 3.4]).value, 6)  # 6.3 of 7 ha found, of 8 reported
    7.2
    """
    share = found_share(lots, found_ha, domain=domain, lonely=lonely, level=level)
    inside = np.ones(lots.drawn.size, dtype=bool) if domain is None else np.asarray(domain, dtype=bool)
    reported = float(lots.reported_ha[inside].sum())
    return replace(
        share,
        value=share.value * reported,
        se=share.se * reported,
        lo=share.lo * reported,
        hi=share.hi * reported,
        method=f"{share.method.split('; ', 1)[0]} expanded to the reported area; {share.method.split('; ', 1)[1]}",
    )


def _sample(
    lots: Lots, found_ha: npt.ArrayLike, domain: npt.ArrayLike | None, lonely: LonelyUnit
) -> tuple[ClusterDesign, FloatArray, FloatArray, npt.NDArray[np.bool_]]:
    found = np.asarray(found_ha, dtype=float)
    inside = np.ones(lots.drawn.size, dtype=bool) if domain is None else np.asarray(domain, dtype=bool)
    drawn = lots.drawn
    problems = []
    if found.shape != drawn.shape or inside.shape != drawn.shape:
        problems.append(Problem("validation", f"{found.size} results", f"one for each of {drawn.size} lots"))
    else:
        lost = int(np.isnan(found[drawn]).sum())
        if lost:
            expected = "a result of every lot that was drawn"
            problems.append(Problem("validation", f"{lost} drawn lots without a result", expected, "visit them"))
        if not (drawn & inside).any():
            problems.append(Problem("validation", "no drawn lot in the domain", "two or more", "join domains"))
    raise_all([], problems)
    names, counts = np.unique(lots.stratum, return_counts=True)
    population = counts[np.searchsorted(names, lots.stratum[drawn])]
    design = stratified_random(lots.stratum[drawn], population, lonely=lonely)
    return design, found[drawn], lots.reported_ha[drawn], inside[drawn]
