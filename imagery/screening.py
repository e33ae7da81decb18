"""Labels that the rest of the data contradict: listed for a second look, never removed by the program."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

__all__ = ["Suspects", "suspect_labels"]


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Suspects:
    """m doubtful labels, the most doubtful first."""

    row: NDArray[np.int64]
    """Rows of the places (m)."""
    likely: NDArray[np.int64]
    """Class code that is held likely instead (m)."""
    p_given: NDArray[np.float64]
    """Probability of the label as given (m)."""
    p_likely: NDArray[np.float64]
    """Probability of the likely class (m)."""


def suspect_labels(probability: NDArray[np.float64], codes: Sequence[int], code: NDArray[np.integer]) -> Suspects:
    """Return the labels that a classifier which never saw them contradicts with confidence.

    Parameters
    ----------
    probability
        Out-of-fold class probabilities, shape (K, n).
    codes
        Class codes, rising (K).
    code
        Labels as given (n).

    Notes
    -----
    A place counts as confidently of a class when its probability reaches the mean probability of the class among
    the places that carry it. It is suspect when it is confidently of another class, most likely of that one, and
    below the mean of its own.

    References
    ----------
    Northcutt, C., Jiang, L. and Chuang, I. (2021), Confident learning, J. Artificial Intelligence Research 70,
    1373, doi:10.1613/jair.1.12125.
    """
    own = np.searchsorted(codes, code)
    here = np.arange(len(code))
    mean = np.array([probability[k, own == k].mean() if (own == k).any() else np.inf for k in range(len(codes))])
    best = probability.argmax(axis=0)
    p_given, p_best = probability[own, here], probability[best, here]
    doubtful = (best != own) & (p_best >= mean[best]) & (p_given < mean[own])
    rows = np.flatnonzero(doubtful)
    rows = rows[np.argsort(p_given[rows] - p_best[rows], kind="stable")]
    return Suspects(row=rows, likely=np.asarray(codes)[best[rows]], p_given=p_given[rows], p_likely=p_best[rows])
