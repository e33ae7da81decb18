"""Strata from the class maps of one or two periods: where crop is mapped, where it might hide, and the rest.

The maps only divide the frame; they never decide what is crop. Omissions in the large rest decide the variance
of a rare crop, so cells that are near mapped crop, or that the classifier holds possible, stand by themselves.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from geo.errors import InputError, Problem

__all__ = ["OUTSIDE", "POSSIBLE_PERCENT", "Strata", "stratify"]

OUTSIDE = 0
"""Stratum code of cells outside the frame."""

POSSIBLE_PERCENT = 10
"""Probability (per cent) from which an unmapped cell counts as possible crop."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Strata:
    """A stratum for every cell of the frame."""

    names: tuple[str, ...]
    """Names of the strata that hold at least one cell, in order of their codes 1, 2, ..."""
    stratum_of_cell: NDArray[np.uint8]
    """Shape (height, width): 0 outside the frame, else the stratum's code."""

    @property
    def sizes(self) -> NDArray[np.int64]:
        """Cells of each stratum, shape (n_strata,)."""
        counts = np.bincount(self.stratum_of_cell.ravel(), minlength=len(self.names) + 1)
        return counts[1:].astype(np.int64)


def stratify(
    crop_by_period: Mapping[str, NDArray[np.bool_]],
    *,
    inside: NDArray[np.bool_],
    possible: NDArray[np.bool_],
    unseen: NDArray[np.bool_] | None = None,
    farmed: NDArray[np.bool_] | None,
    known: NDArray[np.bool_] | None,
    buffer_cells: int,
) -> Strata:
    """Divide the frame into strata.

    Parameters
    ----------
    crop_by_period
        Period name to a (height, width) mask of mapped crop, the earlier period first; one or two of them.
    inside
        Frame mask.
    possible
        Cells that the classifier holds possible crop in any period (`POSSIBLE_PERCENT`).
    unseen
        Cells without a map label in some period; not seen is not zero, so they are sampled by themselves.
    farmed
        Agricultural mask; None leaves the rest undivided.
    known
        Cells whose class is known from training visits; they form a certainty stratum.
    buffer_cells
        Width of the belt round mapped crop, in cells.

    Returns
    -------
    Strata
        In order: ``known``, the mapped strata (``crop``, or ``crop_both``, ``crop_new`` and ``crop_gone``),
        ``not_seen``, ``doubtful`` (near mapped crop, or possible), ``farmed``, ``other``. Strata without cells
        are left out.

    Raises
    ------
    InputError
        If the frame is empty or there are more than two periods.

    Examples
    --------
    A literal raster: crop stayed in the first cell and came in the second; the third is near it.

    >>> before = np.array([[True, False, False, False]])
    >>> after = np.array([[True, True, False, False]])
    >>> strata = stratify({"2021": before, "2024": after}, inside=np.ones((1, 4), bool),
    ...                   possible=np.zeros((1, 4), bool), farmed=None, known=None, buffer_cells=1)
    >>> strata.names, strata.stratum_of_cell.tolist()
    (('crop_both', 'crop_new', 'doubtful', 'other'), [[1, 2, 3, 4]])
    """
    if not inside.any():
        raise InputError(Problem("area frame", "no cell inside", "at least one", "check the administrative units"))
    masks = _mapped_masks(crop_by_period)
    any_crop = np.logical_or.reduce(list(crop_by_period.values()))
    candidates: list[tuple[str, NDArray[np.bool_]]] = []
    if known is not None:
        candidates.append(("known", known))
    candidates += masks
    if unseen is not None:
        candidates.append(("not_seen", unseen))
    candidates.append(("doubtful", possible | _near(any_crop, buffer_cells)))
    if farmed is not None:
        candidates.append(("farmed", farmed))
    candidates.append(("other", np.ones_like(inside)))
    return _first_match(candidates, inside)


def _mapped_masks(crop_by_period: Mapping[str, NDArray[np.bool_]]) -> list[tuple[str, NDArray[np.bool_]]]:
    masks = list(crop_by_period.values())
    if len(masks) == 1:
        return [("crop", masks[0])]
    if len(masks) == 2:
        before, after = masks
        return [("crop_both", before & after), ("crop_new", after & ~before), ("crop_gone", before & ~after)]
    raise InputError(Problem("strata", f"{len(masks)} mapped periods", "one or two (baseline and current)"))


def _near(crop: NDArray[np.bool_], cells: int) -> NDArray[np.bool_]:
    """Grow a mask by a disc of `cells` radius."""
    if cells <= 0:
        return crop
    rows, cols = np.ogrid[-cells : cells + 1, -cells : cells + 1]
    return np.asarray(ndimage.binary_dilation(crop, structure=rows**2 + cols**2 <= cells**2))


def _first_match(candidates: list[tuple[str, NDArray[np.bool_]]], inside: NDArray[np.bool_]) -> Strata:
    """Give every cell the first candidate that holds it; drop candidates left empty."""
    result = np.zeros(inside.shape, dtype=np.uint8)
    free = inside.copy()
    names: list[str] = []
    for name, mask in candidates:
        taken = free & mask
        if taken.any():
            names.append(name)
            result[taken] = len(names)
            free &= ~taken
    return Strata(names=tuple(names), stratum_of_cell=result)
