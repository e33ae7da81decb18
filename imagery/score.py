"""Scores of a classification on labelled places: matrix, accuracies, F1.

They describe the classifier on the places it is tried on. They are no estimate for the map: that takes a
probability sample, which is the survey's business.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from geo.errors import Problem, QualityGateError

__all__ = ["ClassScore", "Scores", "confusion", "score"]


@dataclass(frozen=True, slots=True, kw_only=True)
class ClassScore:
    """Scores of one class."""

    producers_accuracy: float
    """Share of the reference units of the class that are mapped as it (recall)."""
    users_accuracy: float
    """Share of the units mapped as the class that are of it (precision); NaN when none is."""
    f1: float
    """Harmonic mean of the two; 0 when nothing of the class is found."""
    reference: int
    """Reference units of the class."""
    predicted: int
    """Units mapped as the class."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Scores:
    """Scores of a classification."""

    overall_accuracy: float
    """Share of units with the right class."""
    classes: Mapping[str, ClassScore]
    """Class name to its scores."""
    n: int
    """Units."""

    def record(self) -> dict[str, Any]:
        """Return the scores as plain JSON values; what is not defined is null."""
        return {
            "n": self.n,
            "overall_accuracy": self.overall_accuracy,
            "classes": {
                name: {
                    "producers_accuracy": entry.producers_accuracy,
                    "users_accuracy": None if np.isnan(entry.users_accuracy) else entry.users_accuracy,
                    "f1": entry.f1,
                    "reference": entry.reference,
                    "predicted": entry.predicted,
                }
                for name, entry in self.classes.items()
            },
        }


def confusion(
    reference: NDArray[np.integer], predicted: NDArray[np.integer], codes: Sequence[int]
) -> NDArray[np.int64]:
    """Return the counts of predicted class (rows) by reference class (columns), in the order of `codes` (rising).

    Examples
    --------
    >>> confusion(np.array([1, 1, 2]), np.array([1, 2, 2]), [1, 2]).tolist()
    [[1, 0], [1, 1]]
    """
    stray = sorted(({*np.unique(reference).tolist()} | {*np.unique(predicted).tolist()}) - set(codes))
    if stray:
        raise ValueError(f"codes {stray} are not among {list(codes)}")
    row = np.searchsorted(codes, predicted)
    col = np.searchsorted(codes, reference)
    matrix = np.zeros((len(codes), len(codes)), dtype=np.int64)
    np.add.at(matrix, (row, col), 1)
    return matrix


def score(reference: NDArray[np.integer], predicted: NDArray[np.integer], classes: Mapping[str, int]) -> Scores:
    """Return the scores of a classification.

    Parameters
    ----------
    reference, predicted
        Class codes of n units.
    classes
        Class name to code, every class that must be scored.

    Raises
    ------
    QualityGateError
        If a class has no reference unit: its accuracy is 0 divided by 0, which is no number and not 0.
    """
    ordered = dict(sorted(classes.items(), key=lambda entry: entry[1]))
    matrix = confusion(reference, predicted, list(ordered.values()))
    empty = [name for name, total in zip(ordered, matrix.sum(axis=0), strict=True) if total == 0]
    if empty:
        raise QualityGateError(
            Problem(
                "validation",
                f"no reference unit of {', '.join(empty)}",
                "units of every class that is scored",
                "add labelled places, or use fewer or larger folds",
            )
        )
    return Scores(
        overall_accuracy=float(np.trace(matrix) / matrix.sum()),
        classes={name: _class_score(matrix, layer) for layer, name in enumerate(ordered)},
        n=int(matrix.sum()),
    )


def _class_score(matrix: NDArray[np.int64], layer: int) -> ClassScore:
    hits, mapped, reference = matrix[layer, layer], matrix[layer].sum(), matrix[:, layer].sum()
    return ClassScore(
        producers_accuracy=float(hits / reference),
        users_accuracy=float(hits / mapped) if mapped else float("nan"),
        f1=float(2 * hits / (mapped + reference)),
        reference=int(reference),
        predicted=int(mapped),
    )
