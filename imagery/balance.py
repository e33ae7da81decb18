"""Class balance: what each class weighs when a classifier is taught, and how its probabilities are turned back.

Places choose themselves, so that a class may be taught by very many or very few. Weights make rare classes heard;
probabilities of a classifier taught with weights are those of a land where the classes stand as weighted, and are
turned back to the mix that was taught.
"""

from __future__ import annotations

from typing import Literal

import numpy as np
from numpy.typing import NDArray

__all__ = ["Balance", "class_weights", "unweighted"]

Balance = Literal["as_taught", "root", "equal"]
"""As many as there are; by the square root of their number; all alike."""
_POWER = {"as_taught": 0.0, "root": 0.5, "equal": 1.0}


def class_weights(code: NDArray[np.integer], balance: Balance) -> NDArray[np.float64]:
    """Return the weight of a place of each class that occurs, in order of code; places weigh 1 on average.

    Parameters
    ----------
    code
        Classes of the places (n).
    balance
        The rule: a class of n places weighs in all as n, the square root of n, or 1.

    Examples
    --------
    >>> class_weights(np.array([1, 1, 1, 2]), "equal").round(3).tolist()
    [0.667, 2.0]
    """
    _, count = np.unique(code, return_counts=True)
    weight = np.asarray(count, dtype=np.float64) ** -_POWER[balance]
    return np.asarray(weight * (count.sum() / (weight * count).sum()))


def unweighted(logs: NDArray[np.float64], weights: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return log probabilities for the mix that was taught, of those for the mix as weighted; up to a constant.

    Parameters
    ----------
    logs
        Log probabilities of a classifier taught with weights, shape (classes, n).
    weights
        From `class_weights` (classes).

    References
    ----------
    Saerens, M., Latinne, P. and Decaestecker, C. (2002), Adjusting the outputs of a classifier to new a priori
    probabilities, Neural Computation 14, 21, eq. 2.4, doi:10.1162/089976602753284446.

    Examples
    --------
    >>> logs = unweighted(np.log([[0.5], [0.5]]), np.array([2 / 3, 2.0]))  # taught three to one, weighed alike
    >>> np.round(np.exp(logs[:, 0]) / np.exp(logs[:, 0]).sum(), 12).tolist()
    [0.75, 0.25]
    """
    return np.asarray(logs - np.log(weights)[:, None])
