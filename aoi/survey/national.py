"""A national figure from provinces surveyed in different ways: sampled, covered whole, or by village survey.

Variances of provinces surveyed apart add, a province covered whole adds none, and a province known from a
village survey only is named as such in the figure. No province of the country may be left out in silence.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Literal

import numpy as np

from aoi.survey.design import FloatArray, raise_all
from aoi.survey.estimate import INDICATIVE, Estimate
from aoi.survey.linearised import Linearised, SampleDesign, as_columns
from aoi.survey.reliability import MAX_UNIT_SHARE, Reliability
from geo.errors import Problem

__all__ = [
    "Coverage",
    "Province",
    "StackedDesign",
    "national_total",
    "satterthwaite_df",
    "sum_of_independent",
]

Coverage = Literal["sampled", "target", "village-survey"]
"""How a province was surveyed: a probability sample of cells, images of every known site, or villages asked."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Province:
    """One province's figure and how it was come by."""

    name: str
    """Name or code."""
    coverage: Coverage
    """How it was surveyed."""
    frame_ha: float
    """Area of its frame (agricultural mask), hectares: the most it can hold."""
    figure: Linearised
    """Its total in hectares; `covered_whole` makes that of a target province."""
    probability_sample: bool = True
    """False for a village survey of chosen villages, whose error is not known from its design."""

    @classmethod
    def covered_whole(
        cls, name: str, value_ha: float, *, frame_ha: float, interpretation_se_ha: float = 0.0
    ) -> Province:
        """Make a target province, all of whose known sites were mapped on images.

        Parameters
        ----------
        name
            Name or code.
        value_ha
            Mapped hectares.
        frame_ha
            Area of its frame.
        interpretation_se_ha
            Standard error of the interpretation, where it was measured; there is no sampling error.

        Returns
        -------
        Province
        """
        figure = Linearised(
            value=value_ha,
            variance=interpretation_se_ha**2,
            df=math.inf if interpretation_se_ha else 0.0,
            n=0,
            method="covered whole",
            reliability=Reliability(low_count=False, skewness=0.0, effective_units=0.0),
            floor=value_ha if not interpretation_se_ha else 0.0,
        )
        return cls(name=name, coverage="target", frame_ha=frame_ha, figure=figure)


@dataclass(frozen=True, slots=True, eq=False)
class StackedDesign:
    """Independent samples side by side, such as one of each province, for one ratio over all of them.

    Rows are those of the parts, in order.
    """

    parts: tuple[SampleDesign, ...]
    """The samples."""

    @property
    def weight(self) -> FloatArray:
        """Weight of each row, shape (n,)."""
        return np.concatenate([part.weight for part in self.parts])

    @property
    def df(self) -> float:
        """Sum of the parts' degrees of freedom, as for strata."""
        return float(sum(part.df for part in self.parts))

    @property
    def variance_method(self) -> str:
        """Names of the parts' variance estimators, each once."""
        return " + ".join(dict.fromkeys(part.variance_method for part in self.parts))

    def covariance(self, values: FloatArray) -> FloatArray:
        """Estimate the covariance of weighted totals of the columns of `values`, shape (k, k)."""
        terms = [part.covariance(rows) for part, rows in self._split(as_columns(values))]
        return np.asarray(sum(terms[1:], terms[0]))

    def reliability(self, observed: FloatArray, influence: FloatArray) -> Reliability:
        """Judge by the parts; their third cumulants add as their variances do."""
        rows = self._split(np.column_stack([observed, influence]))
        judged = [part.reliability(both[:, 0], both[:, 1]) for part, both in rows]
        variances = [float(part.covariance(both[:, 1])[0, 0]) for part, both in rows]
        return _combined(judged, variances)

    def _split(self, values: FloatArray) -> list[tuple[SampleDesign, FloatArray]]:
        """Pair each part with its rows."""
        ends = np.cumsum([part.weight.size for part in self.parts])[:-1]
        return list(zip(self.parts, np.split(values, ends), strict=True))


def satterthwaite_df(variances: Sequence[float], df: Sequence[float]) -> float:
    """Return the degrees of freedom of a sum of independent variance estimates.

    Parameters
    ----------
    variances
        Estimated variances.
    df
        Degrees of freedom of each.

    Returns
    -------
    float
        ``(sum V)^2 / sum(V^2 / df)``; infinite where no part is uncertain.

    References
    ----------
    Satterthwaite (1946), Biometrics Bulletin 2, 110-114, doi:10.2307/3002019.

    Examples
    --------
    >>> satterthwaite_df([4.0, 4.0], [10.0, 10.0])
    20.0
    """
    parts = [variance**2 / freedom for variance, freedom in zip(variances, df, strict=True) if variance > 0]
    return sum(variances) ** 2 / sum(parts) if sum(parts) > 0 else math.inf


def national_total(provinces: Sequence[Province], *, country: Sequence[str], level: float = 0.95) -> Estimate:
    """Add the provinces of a mixed design to one national figure.

    Parameters
    ----------
    provinces
        Every province's figure.
    country
        Names of all provinces of the country, so that none is left out.
    level
        Nominal confidence level.

    Returns
    -------
    Estimate
        Flagged ``INDICATIVE`` where a village survey of chosen villages is part of it, ``LOW_COUNT`` where
        provinces that fail the count rule hold more than a quarter of the variance.

    Raises
    ------
    InputError
        If a province is missing, stands twice, is not of the country, or holds more than its frame.
    """
    raise_all(_problems(provinces, country))
    kinds = Counter(province.coverage for province in provinces)
    whole = sum_of_independent(
        [province.figure for province in provinces],
        method="national: " + ", ".join(f"{count} {kind}" for kind, count in sorted(kinds.items())),
    )
    whole = replace(whole, floor=math.fsum(max(province.figure.floor, 0.0) for province in provinces))
    figure = whole.estimate(level=level, ceiling=math.fsum(province.frame_ha for province in provinces))
    figure = _with_unseen(figure, provinces, level)
    chosen = [province.name for province in provinces if not province.probability_sample]
    return figure.flagged(INDICATIVE) if chosen else figure


def _with_unseen(figure: Estimate, provinces: Sequence[Province], level: float) -> Estimate:
    """Raise the upper limit by what samples without any spread can have missed, which no variance tells."""
    parts = [(province.figure, province.frame_ha) for province in provinces]
    if not any(part.variance == 0 and part.df > 0 for part, _ in parts):
        return figure
    own = [part.estimate(level=level, ceiling=frame_ha) for part, frame_ha in parts]
    upper = figure.value + math.hypot(*(one.hi - one.value for one in own))
    return replace(figure, hi=max(figure.hi, upper))


def sum_of_independent(figures: Sequence[Linearised], *, method: str) -> Linearised:
    """Add totals that were estimated apart: variances add, degrees of freedom by Satterthwaite.

    Parameters
    ----------
    figures
        Totals of provinces, or of domains in provinces.
    method
        Name of the sum.
    """
    variances = [figure.variance for figure in figures]
    return Linearised(
        value=math.fsum(figure.value for figure in figures),
        variance=math.fsum(variances),
        df=satterthwaite_df(variances, [figure.df for figure in figures]) if sum(variances) else 0.0,
        n=sum(figure.n for figure in figures),
        method=method,
        reliability=_combined([figure.reliability for figure in figures], variances),
        floor=math.fsum(figure.floor for figure in figures),
    )


def _combined(parts: Sequence[Reliability], variances: Sequence[float]) -> Reliability:
    """Judge a sum of independent parts: cumulants add, and doubtful parts count by their variance."""
    whole = sum(variances)
    doubtful = sum(variance for part, variance in zip(parts, variances, strict=True) if part.low_count)
    third = sum(part.skewness * variance**1.5 for part, variance in zip(parts, variances, strict=True))
    # A part that saw no crop has no variance to weigh it by: it is doubtful as it stands
    unseen = any(part.low_count and variance == 0 for part, variance in zip(parts, variances, strict=True))
    return Reliability(
        low_count=unseen or doubtful > MAX_UNIT_SHARE * whole,
        skewness=third / whole**1.5 if whole > 0 else 0.0,
        effective_units=sum(part.effective_units for part in parts),
    )


def _problems(provinces: Sequence[Province], country: Sequence[str]) -> list[Problem]:
    """List provinces missing, repeated, strange, or fuller than their frame."""
    counted = Counter(province.name for province in provinces)
    problems = [
        Problem(
            f"province {name!r}",
            "no figure",
            "one for each province",
            "survey it, or give it as covered whole with the sites known",
        )
        for name in country
        if name not in counted
    ]
    problems += [
        Problem(f"province {name!r}", f"{count} figures", "one") for name, count in counted.items() if count > 1
    ]
    problems += [
        Problem(f"province {name!r}", "a figure", "a province of the country", "mend its name or code")
        for name in counted
        if name not in set(country)
    ]
    problems += [
        Problem(
            f"province {province.name!r}",
            f"{province.figure.value:,.6g} ha in a frame of {province.frame_ha:,.6g} ha",
            "no more crop than frame",
        )
        for province in provinces
        if not 0 <= province.figure.value <= province.frame_ha
    ]
    return problems
