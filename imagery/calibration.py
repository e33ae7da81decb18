"""Probabilities that mean what they say: fitted to what left-out folds of land were, and kept as numbers."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

__all__ = ["Calibration", "Method", "brier_score", "cross_calibrated", "fit_calibration"]

Method = Literal["none", "platt", "isotonic"]
_LEAST = 1e-6
"""Probabilities count as at least this far from 0 and 1 before their logit is taken."""
_FARTHEST = 500.0  # logits beyond it are 0 or 1 to the last bit
_STEPS = 100
_DONE = 1e-10


@dataclass(frozen=True, slots=True, kw_only=True)
class Calibration:
    """A rising function of a probability."""

    method: Method
    slope: float = 1.0
    """Of the logit (Platt)."""
    intercept: float = 0.0
    """Of the logit (Platt)."""
    x: tuple[float, ...] = ()
    """Raw probabilities at the knots (isotonic), rising."""
    y: tuple[float, ...] = ()
    """Calibrated ones."""

    def apply(self, probability: NDArray[np.float64]) -> NDArray[np.float64]:
        """Return calibrated probabilities, any shape."""
        if self.method == "platt":
            return _logistic(self.slope * _logit(probability) + self.intercept)
        if self.method == "isotonic":
            return np.asarray(np.interp(probability, self.x, self.y))
        return probability

    def record(self) -> dict[str, Any]:
        """Return the function as plain JSON values."""
        return {
            "method": self.method,
            "slope": self.slope,
            "intercept": self.intercept,
            "x": list(self.x),
            "y": list(self.y),
        }

    @classmethod
    def read(cls, content: Mapping[str, Any]) -> Calibration:
        """Read a record back."""
        return cls(**{**content, "x": tuple(content["x"]), "y": tuple(content["y"])})


def fit_calibration(probability: NDArray[np.float64], here: NDArray[np.bool_], method: Method) -> Calibration:
    """Fit a calibration to probabilities that their own places had no part in.

    Parameters
    ----------
    probability
        Out-of-fold probabilities of the class (n).
    here
        Whether each place is of the class (n).
    method
        ``platt``: logistic in the logit; ``isotonic``: any rising steps, linear between; ``none``.

    References
    ----------
    Platt, J. (1999), Probabilistic outputs for support vector machines, in Advances in Large Margin Classifiers,
    with its smoothed targets. Zadrozny, B. and Elkan, C. (2002), KDD '02, doi:10.1145/775047.775151 (isotonic).
    """
    if method == "none" or here.all() or not here.any():
        return Calibration(method="none")
    if method == "isotonic":
        x, y = _pooled_violators(probability, here)
        return Calibration(method=method, x=x, y=y)
    slope, intercept = _platt(_logit(probability), here)
    return Calibration(method=method, slope=slope, intercept=intercept)


def brier_score(probability: NDArray[np.float64], here: NDArray[np.bool_]) -> float:
    """Return the mean squared distance of probabilities from what was there.

    References
    ----------
    Brier, G. W. (1950), Monthly Weather Review 78, 1.
    """
    return float(np.mean((probability - here) ** 2))


def cross_calibrated(
    probability: NDArray[np.float64], here: NDArray[np.bool_], fold: NDArray[np.int64], method: Method
) -> NDArray[np.float64]:
    """Return each probability calibrated by what the other folds teach, to judge a calibration by."""
    out = np.array(probability, dtype=np.float64)
    for number in np.unique(fold):
        held = fold == number
        out[held] = fit_calibration(probability[~held], here[~held], method).apply(probability[held])
    return out


def _platt(logit: NDArray[np.float64], here: NDArray[np.bool_]) -> tuple[float, float]:
    """Return slope and intercept by Newton's method on the smoothed likelihood."""
    yes, no = int(here.sum()), int((~here).sum())
    target = np.where(here, (yes + 1) / (yes + 2), 1 / (no + 2))
    slope, intercept = 1.0, 0.0
    for _ in range(_STEPS):
        p = _logistic(slope * logit + intercept)
        weight = p * (1 - p) + 1e-12
        error = target - p
        # A hair of ridge keeps perfectly parted classes from running away
        a, b, c = (weight * logit * logit).sum() + 1e-6, (weight * logit).sum(), weight.sum() + 1e-6
        up, across = (error * logit).sum(), error.sum()
        determinant = a * c - b * b
        step = (c * up - b * across) / determinant, (a * across - b * up) / determinant
        before, share = _misfit(slope * logit + intercept, target), 1.0
        while (
            share > _DONE
            and _misfit((slope + share * step[0]) * logit + intercept + share * step[1], target) > before
        ):
            share /= 2
        slope, intercept = slope + share * step[0], intercept + share * step[1]
        if share * max(abs(step[0]), abs(step[1])) < _DONE:
            break
    # A classifier that is worse than none must not be turned round
    return max(float(slope), 1e-3), float(intercept)


def _misfit(value: NDArray[np.float64], target: NDArray[np.float64]) -> float:
    """Return the negative log likelihood of logits."""
    return float((np.logaddexp(0.0, value) - target * value).sum())


def _pooled_violators(
    probability: NDArray[np.float64], here: NDArray[np.bool_]
) -> tuple[tuple[float, ...], tuple[float, ...]]:
    """Return the knots of the rising step function of least squares (pool adjacent violators)."""
    values, group = np.unique(probability, return_inverse=True)
    counts = np.bincount(group).astype(np.float64)
    sums = np.bincount(group, weights=here.astype(np.float64))
    blocks: list[list[float]] = []  # sum, count, first and last value
    for value, total, count in zip(values.tolist(), sums.tolist(), counts.tolist(), strict=True):
        blocks.append([total, count, value, value])
        while len(blocks) > 1 and blocks[-2][0] * blocks[-1][1] >= blocks[-1][0] * blocks[-2][1]:
            last = blocks.pop()
            blocks[-1] = [blocks[-1][0] + last[0], blocks[-1][1] + last[1], blocks[-1][2], last[3]]
    x: list[float] = []
    y: list[float] = []
    for total, count, first, last_value in blocks:
        for value in dict.fromkeys((first, last_value)):
            x.append(value)
            y.append(total / count)
    return tuple(x), tuple(y)


def _logit(probability: NDArray[np.float64]) -> NDArray[np.float64]:
    p = np.clip(probability, _LEAST, 1 - _LEAST)
    return np.asarray(np.log(p / (1 - p)))


def _logistic(value: NDArray[np.float64]) -> NDArray[np.float64]:
    return np.asarray(1 / (1 + np.exp(np.clip(-value, -_FARTHEST, _FARTHEST))))
