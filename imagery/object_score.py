"""Scores by object beside those by cell: a field found is one field, whatever its size.

An object on the map and one in the reference are the same when they overlap enough, by intersection over
union; each is matched once, the best pairs first.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from geo.errors import Problem, SurveyFileError

__all__ = ["ObjectScore", "match_objects", "object_score", "objects_of", "overlaps"]


@dataclass(frozen=True, slots=True, kw_only=True)
class ObjectScore:
    """How many objects were found, missed and invented."""

    found: int
    """Reference objects matched."""
    reference: int
    """Reference objects."""
    predicted: int
    """Mapped objects."""
    least_iou: float
    """Overlap from which a pair is a match."""
    mean_iou: float
    """Mean overlap of the matched pairs; NaN where there is none."""

    @property
    def recall(self) -> float:
        """Share of the reference objects found; NaN where there is none."""
        return self.found / self.reference if self.reference else float("nan")

    @property
    def precision(self) -> float:
        """Share of the mapped objects that match one of the reference; NaN where there is none."""
        return self.found / self.predicted if self.predicted else float("nan")

    @property
    def f1(self) -> float:
        """Harmonic mean of the two; NaN where there is no object at all."""
        objects = self.reference + self.predicted
        return 2 * self.found / objects if objects else float("nan")

    def __add__(self, other: ObjectScore) -> ObjectScore:
        """Return the score of two maps together; they must share the rule."""
        found = self.found + other.found
        overlap = np.nansum([self.found * self.mean_iou, other.found * other.mean_iou])
        return ObjectScore(
            found=found,
            reference=self.reference + other.reference,
            predicted=self.predicted + other.predicted,
            least_iou=self.least_iou,
            mean_iou=float(overlap / found) if found else float("nan"),
        )

    def record(self) -> dict[str, Any]:
        """Return the score as plain JSON values; what is not defined is null."""
        shares = {"precision": self.precision, "recall": self.recall, "f1": self.f1, "mean_iou": self.mean_iou}
        return {
            "found": self.found,
            "reference": self.reference,
            "predicted": self.predicted,
            "least_iou": self.least_iou,
            **{name: None if np.isnan(value) else value for name, value in shares.items()},
        }


def objects_of(mask: NDArray[np.bool_], smallest: int = 1) -> NDArray[np.int32]:
    """Return the objects of a mask, cells joined by their sides, numbered from 1; 0 is none.

    Parameters
    ----------
    mask
        Shape (h, w).
    smallest
        Cells of the smallest object that counts.

    Examples
    --------
    >>> objects_of(np.array([[1, 1, 0, 1], [0, 0, 0, 1], [1, 0, 0, 0]], dtype=bool), 2).tolist()
    [[1, 1, 0, 2], [0, 0, 0, 2], [0, 0, 0, 0]]
    """
    labels, count = ndimage.label(mask)
    kept = np.bincount(labels.ravel(), minlength=count + 1) >= smallest
    kept[0] = False
    number = np.where(kept, np.cumsum(kept), 0)
    return np.asarray(number[labels], dtype=np.int32)


def overlaps(
    predicted: NDArray[np.integer], reference: NDArray[np.integer]
) -> tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.float64]]:
    """Return every pair of objects that share a cell, with its intersection over union.

    Parameters
    ----------
    predicted, reference
        Object numbers, 0 for none, shape (h, w).

    Returns
    -------
    predicted, reference, iou
        Shapes (pairs,), by object numbers.
    """
    both = (predicted > 0) & (reference > 0)
    pairs, shared = np.unique(np.column_stack([predicted[both], reference[both]]), axis=0, return_counts=True)
    pairs = pairs.reshape(-1, 2).astype(np.int64)
    size_of_predicted = np.bincount(predicted.ravel())[pairs[:, 0]]
    size_of_reference = np.bincount(reference.ravel())[pairs[:, 1]]
    return pairs[:, 0], pairs[:, 1], shared / (size_of_predicted + size_of_reference - shared)


def match_objects(
    predicted: NDArray[np.integer], reference: NDArray[np.integer], *, least_iou: float
) -> list[tuple[int, int, float]]:
    """Return the matched pairs of objects, each object at most once, the best overlap first.

    Parameters
    ----------
    predicted, reference
        Object numbers, 0 for none, shape (h, w).
    least_iou
        Overlap from which a pair is a match, above 0 and at most 1.

    Raises
    ------
    SurveyFileError
        If `least_iou` is none.

    References
    ----------
    Everingham, M. et al. (2010), International Journal of Computer Vision 88, 303-338, section 4.2: intersection
    over union; a second detection of one object is a false alarm.
    """
    if not 0 < least_iou <= 1:
        raise SurveyFileError(Problem("least overlap of a match", f"{least_iou}", "above 0 and at most 1"))
    rows, cols, iou = overlaps(predicted, reference)
    taken: tuple[set[int], set[int]] = set(), set()
    matches = []
    for pair in np.lexsort((cols, rows, -iou)):
        row, col, overlap = int(rows[pair]), int(cols[pair]), float(iou[pair])
        if overlap >= least_iou and row not in taken[0] and col not in taken[1]:
            taken[0].add(row)
            taken[1].add(col)
            matches.append((row, col, overlap))
    return matches


def object_score(
    predicted: NDArray[np.integer], reference: NDArray[np.integer], *, least_iou: float
) -> ObjectScore:
    """Return the score of the objects of a map.

    Parameters
    ----------
    predicted, reference
        Object numbers, 0 for none, shape (h, w).
    least_iou
        Overlap from which a pair is a match.

    Examples
    --------
    >>> mapped, drawn = np.array([[1, 1, 0, 2]]), np.array([[1, 1, 1, 0]])
    >>> result = object_score(mapped, drawn, least_iou=0.5)
    >>> result.found, result.recall, result.precision
    (1, 1.0, 0.5)
    """
    matches = match_objects(predicted, reference, least_iou=least_iou)
    return ObjectScore(
        found=len(matches),
        reference=np.unique(reference[reference > 0]).size,
        predicted=np.unique(predicted[predicted > 0]).size,
        least_iou=least_iou,
        mean_iou=float(np.mean([iou for *_, iou in matches])) if matches else float("nan"),
    )
