"""Several interpreters for one unit: how far they agree, what label counts, and what misreading does to an area.

An interpreter who calls one bare field in a hundred a coca field adds one percent of the frame to the estimate,
more than the whole crop of a rare-crop country. Misreading rates measured on units of known label are carried
into the area and its interval.

References
----------
Cohen, J. (1960). Educational and Psychological Measurement 20: 37-46 (kappa).
Light, R. J. (1971). Psychological Bulletin 76: 365-377 (kappa over pairs of raters).
Cicchetti, D. V. and Feinstein, A. R. (1990). Journal of Clinical Epidemiology 43: 551-558 (agreement by class).
Rogan, W. J. and Gladen, B. (1978). American Journal of Epidemiology 107: 71-76, equations 1-4.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from itertools import combinations

import numpy as np

from aoi.survey.design import FloatArray, IntArray
from aoi.survey.estimate import LOW_COUNT, Estimate
from aoi.survey.interval import jeffreys
from geo.errors import InputError, Problem, QualityGateError

__all__ = ["Adjudication", "Agreement", "Misreading", "adjudicate", "agreement", "corrected_area"]

MISSING = -1
"""Code of a label that was not given."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Agreement:
    """How far interpreters of the same units agree, mean over pairs of interpreters."""

    observed: float
    """Share of units labelled alike."""
    kappa: float
    """Cohen's kappa: agreement beyond chance; NaN where chance alone gives full agreement."""
    by_class: FloatArray
    """Of the labels given to a class, the share the other interpreter gave too; NaN if none, shape (K,)."""
    n: int
    """Pairs of labels compared."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Adjudication:
    """The label that counts for each unit, and who decided."""

    label: IntArray
    """Label of each unit; -1 where it is still open, shape (n,)."""
    by_majority: IntArray
    """Units decided by more than half of their labels."""
    by_senior: IntArray
    """Units the senior interpreter decided."""
    open: IntArray
    """Units that need a senior interpreter."""


def agreement(labels: IntArray, n_classes: int) -> Agreement:
    """Measure the agreement of interpreters who labelled the same units blindly.

    Parameters
    ----------
    labels
        Class code given by each interpreter to each unit, -1 where none, shape (n, interpreters).
    n_classes
        Number of classes.

    Returns
    -------
    Agreement
        Means over pairs of interpreters, weighted by the units they share.

    Raises
    ------
    InputError
        If no unit has two labels.

    Examples
    --------
    >>> found = agreement(np.array([[0, 0], [0, 1], [1, 1], [1, 1]]), 2)
    >>> found.observed, round(found.kappa, 6)
    (0.75, 0.5)
    """
    tables = []
    for a, b in combinations(range(labels.shape[1]), 2):
        both = (labels[:, a] != MISSING) & (labels[:, b] != MISSING)
        cell = labels[both, a] * n_classes + labels[both, b]
        tables.append(np.bincount(cell, minlength=n_classes**2).reshape(n_classes, n_classes))
    sizes = np.array([table.sum() for table in tables], dtype=float)
    if not sizes.sum():
        raise InputError(Problem("labels", "no unit with two labels", "some units read by two interpreters"))
    kept = [table for table in tables if table.sum()]
    weights = sizes[sizes > 0] / sizes.sum()
    observed = np.array([np.trace(table) / table.sum() for table in kept])
    chance = np.array([table.sum(axis=1) @ table.sum(axis=0) / table.sum() ** 2 for table in kept])
    kappa = np.divide(observed - chance, 1 - chance, out=np.full_like(chance, np.nan), where=chance < 1)
    both_ways = np.sum([table.sum(axis=0) + table.sum(axis=1) for table in kept], axis=0)
    alike = 2.0 * np.sum([np.diag(table) for table in kept], axis=0)
    by_class = np.divide(alike, both_ways, out=np.full(n_classes, np.nan), where=both_ways > 0)
    return Agreement(
        observed=float(weights @ observed),
        kappa=float(weights @ kappa),
        by_class=by_class,
        n=int(sizes.sum()),
    )


def adjudicate(labels: IntArray, *, n_classes: int, senior: IntArray | None = None) -> Adjudication:
    """Decide each unit's label: by majority of its interpreters, else by the senior interpreter.

    Parameters
    ----------
    labels
        Class code given by each interpreter to each unit, -1 where none, shape (n, interpreters).
    n_classes
        Number of classes.
    senior
        Label of the senior interpreter, -1 where none was asked, shape (n,).

    Returns
    -------
    Adjudication
        Units without a majority and without a senior label stay open; they are not to be estimated from.

    Examples
    --------
    >>> found = adjudicate(np.array([[0, 0, 1], [0, 1, -1]]), n_classes=2, senior=np.array([-1, 1]))
    >>> found.label.tolist(), found.by_senior.tolist()
    ([0, 1], [1])
    """
    votes = np.stack([(labels == code).sum(axis=1) for code in range(n_classes)], axis=1)
    cast = votes.sum(axis=1)
    clear = 2 * votes.max(axis=1) > cast
    asked = np.full(labels.shape[0], MISSING) if senior is None else senior
    decided = ~clear & (asked != MISSING)
    label = np.where(clear, votes.argmax(axis=1), np.where(decided, asked, MISSING))
    return Adjudication(
        label=label.astype(np.int64),
        by_majority=np.flatnonzero(clear),
        by_senior=np.flatnonzero(decided),
        open=np.flatnonzero(~clear & ~decided),
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class Misreading:
    """How often units of known label are read right, for one class, with the counts behind it.

    Raises
    ------
    InputError
        If counts are negative or larger than their units, or a side has no unit.
    QualityGateError
        If reading is no better than chance (sensitivity + specificity <= 1).
    """

    hits: int
    """Units of the class that were read as the class."""
    n_class: int
    """Units of the class."""
    rejections: int
    """Units of other classes that were not read as the class."""
    n_other: int
    """Units of other classes."""

    def __post_init__(self) -> None:
        pairs = (
            (self.hits, self.n_class, "units of the class"),
            (self.rejections, self.n_other, "other units"),
        )
        bad = [
            Problem("misreading rates", f"{right} of {n} {what} read right", "0 to n, n at least 1")
            for right, n, what in pairs
            if not 0 <= right <= n or n < 1
        ]
        if bad:
            raise InputError(bad)
        if self.youden <= 0:
            raise QualityGateError(
                Problem(
                    "misreading rates",
                    f"sensitivity {self.sensitivity:.3g} and specificity {self.specificity:.3g}",
                    "a sum above 1",
                    "reading that is no better than chance carries no area; interpret again with better images",
                )
            )

    @classmethod
    def of_labels(cls, read: IntArray, known: IntArray, code: int) -> Misreading:
        """Count the readings of units whose label is known (gold labels, field visits).

        Parameters
        ----------
        read, known
            Class code read and class code known of each unit, shape (n,).
        code
            The class.

        Returns
        -------
        Misreading
        """
        of_class = known == code
        return cls(
            hits=int(((read == code) & of_class).sum()),
            n_class=int(of_class.sum()),
            rejections=int(((read != code) & ~of_class).sum()),
            n_other=int((~of_class).sum()),
        )

    @property
    def sensitivity(self) -> float:
        """Share of the class that is read as it."""
        return self.hits / self.n_class

    @property
    def specificity(self) -> float:
        """Share of other classes that is not read as it."""
        return self.rejections / self.n_other

    @property
    def youden(self) -> float:
        """Sensitivity + specificity - 1: what a reading is worth."""
        return self.sensitivity + self.specificity - 1.0


def corrected_area(observed: Estimate, area_ha: float, rates: Misreading, *, certain_ha: float = 0.0) -> Estimate:
    """Correct an area for misreading and widen its interval by what is not known of the rates.

    Parameters
    ----------
    observed
        Area of the class as read, in hectares.
    area_ha
        Area of the frame (or stratum) the rates hold in.
    rates
        Misreading rates, measured on units apart from the sample.
    certain_ha
        Part of the observed area that was known and not read, which lies outside `area_ha`.

    Returns
    -------
    Estimate
        ``(observed - (1 - specificity) area) / (sensitivity + specificity - 1)``, held within the frame; its
        limits add up the half-widths of the observed area and of both rates in squares, each side with its
        own limits. An impossible value before it was held carries ``LOW_COUNT``.

    Notes
    -----
    Strata with rates of their own are corrected one by one and then added.

    Examples
    --------
    >>> read = Estimate(value=600.0, se=60.0, lo=490.0, hi=730.0, n=500, method="stratified")
    >>> rates = Misreading(hits=90, n_class=100, rejections=990, n_other=1000)
    >>> corrected = corrected_area(read, 10_000.0, rates)
    >>> round(corrected.value, 1)
    561.8
    """
    worth, sens, spec = rates.youden, rates.sensitivity, rates.specificity
    raw = (observed.value - certain_ha - (1 - spec) * area_ha) / worth
    value = min(max(raw, 0.0), area_ha)
    hit, clear = (
        jeffreys(right, n, observed.level)
        for right, n in ((rates.hits, rates.n_class), (rates.rejections, rates.n_other))
    )
    # derivatives: 1/J by the observed area, -T/J by the sensitivity, (A - T)/J by the specificity
    down = (observed.value - observed.lo, value * (hit.hi - sens), (area_ha - value) * (spec - clear.lo))
    up = (observed.hi - observed.value, value * (sens - hit.lo), (area_ha - value) * (clear.hi - spec))
    variance = (
        observed.se**2
        + value**2 * sens * (1 - sens) / rates.n_class
        + (area_ha - value) ** 2 * spec * (1 - spec) / rates.n_other
    )
    impossible = raw < 0 or raw > area_ha
    flags = (*observed.flags, LOW_COUNT) if impossible and LOW_COUNT not in observed.flags else observed.flags
    return Estimate(
        value=certain_ha + value,
        se=math.sqrt(variance) / worth,
        lo=certain_ha + max(value - math.hypot(*(float(part) for part in down)) / worth, 0.0),
        hi=certain_ha + min(value + math.hypot(*(float(part) for part in up)) / worth, area_ha),
        n=observed.n,
        method=f"{observed.method}; corrected for misreading",
        level=observed.level,
        df=observed.df,
        flags=flags,
        quantity=observed.quantity,
    )
