"""No-skill floors: what anyone gets without a classifier. A map that does not beat them is no evidence.

Each floor is fitted where the classifier is fitted and scored where it is scored.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

__all__ = ["Threshold", "greenness_threshold", "historical_mean_ratio", "majority", "other_period"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Threshold:
    """A rule on one feature: crop where it lies above (or below) a value."""

    feature: int
    """Row of the feature."""
    value: float
    """The threshold."""
    above: bool
    """Whether the crop lies above it."""
    f1: float
    """F1 where the rule was fitted."""

    def holds(self, planes: NDArray[np.float32]) -> NDArray[np.bool_]:
        """Return where the rule says crop; a missing value says no."""
        plane = planes[self.feature]
        return np.asarray(plane > self.value if self.above else plane <= self.value)


def majority(code: NDArray[np.integer]) -> int:
    """Return the most frequent class code, the lowest where several are equally frequent."""
    codes, counts = np.unique(code, return_counts=True)
    return int(codes[counts.argmax()])


def greenness_threshold(planes: NDArray[np.float32], crop: NDArray[np.bool_], features: Sequence[int]) -> Threshold:
    """Return the threshold on a greenness feature that finds the crop with the highest F1.

    Parameters
    ----------
    planes
        Features, shape (k, n).
    crop
        Whether each unit is the crop (n); at least one is.
    features
        Rows that are greenness features; each is tried in both directions at every value.
    """
    best = Threshold(feature=features[0], value=-np.inf, above=True, f1=0.0)
    for feature in features:
        for above in (True, False):
            value, f1 = _best_cut(planes[feature], crop, above)
            if f1 > best.f1:
                best = Threshold(feature=feature, value=value, above=above, f1=f1)
    return best


def historical_mean_ratio(totals: Sequence[float]) -> NDArray[np.float64]:
    """Return, for each year, the mean of all other years over the figure of the year.

    A model that predicts a year it has not seen must come closer to 1 than this does.

    Parameters
    ----------
    totals
        Official totals of the years, at least two, all above 0.

    Examples
    --------
    >>> historical_mean_ratio([10.0, 20.0, 30.0]).round(2).tolist()
    [2.5, 1.0, 0.5]
    """
    years = np.asarray(totals, dtype=np.float64)
    return np.asarray((years.sum() - years) / (len(years) - 1) / years)


def other_period(
    unit_id: NDArray[np.str_], period: NDArray[np.str_], code: NDArray[np.integer]
) -> NDArray[np.int64]:
    """Return the class each place has in the nearest other period: same place as last census.

    Parameters
    ----------
    unit_id, period, code
        Place, period and class code of n units; periods are ordered by name.

    Returns
    -------
    ndarray, shape (n,)
        The class in the period before, or after where there is none before; -1 where the place has one period.
    """
    label = dict(zip(zip(unit_id.tolist(), period.tolist(), strict=True), code.tolist(), strict=True))
    names = sorted(set(period.tolist()))
    found = np.full(len(unit_id), -1, dtype=np.int64)
    for row, (unit, name) in enumerate(zip(unit_id.tolist(), period.tolist(), strict=True)):
        at = names.index(name)
        for other in (*reversed(names[:at]), *names[at + 1 :]):
            if (unit, other) in label:
                found[row] = label[unit, other]
                break
    return found


def _best_cut(plane: NDArray[np.float32], crop: NDArray[np.bool_], above: bool) -> tuple[float, float]:
    """Return the cut of highest F1 among all values of a feature, and that F1."""
    seen = ~np.isnan(plane)
    if not seen.any():
        return -np.inf, 0.0
    order = np.argsort(plane[seen], kind="stable")
    values, positive = plane[seen][order], crop[seen][order]
    if above:
        values, positive = values[::-1], positive[::-1]
    hits = np.cumsum(positive)
    f1 = 2 * hits / (np.arange(1, len(values) + 1) + crop.sum())
    # A cut can only fall between different values
    f1[:-1][values[:-1] == values[1:]] = 0.0
    at = int(f1.argmax())
    if above:
        below = values[at + 1] if at + 1 < len(values) else -np.inf
        return float(below), float(f1[at])
    return float(values[at]), float(f1[at])
