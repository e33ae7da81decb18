"""What the imagery did not show: cells never seen, seen too seldom, or not seen in a season window.

Not seen is not zero. These counts go beside every figure made from a map with gaps.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from geo.blocks import blocks
from geo.grid import GeoBox
from geo.raster import open_on_grid

__all__ = ["GapCount", "GapReport", "gap_count", "gaps_by_unit"]


@dataclass(frozen=True, slots=True, kw_only=True)
class GapCount:
    """Cells of one block by how they were observed; counts of several blocks add up."""

    cells: int = 0
    """Cells inside the frame."""
    never_seen: int = 0
    """Cells without a clear observation in the period."""
    too_few: int = 0
    """Cells with some, but fewer than the least number."""
    outside_windows: int = 0
    """Cells with clear observations, none of them in a season window."""
    window_missing: tuple[int, ...] = ()
    """Cells without a clear observation in each window."""
    observations: int = 0
    """Clear observations of all cells."""

    @property
    def numbers(self) -> tuple[int, ...]:
        """The counts in a row; see `of`."""
        return (
            self.cells,
            self.never_seen,
            self.too_few,
            self.outside_windows,
            self.observations,
            *self.window_missing,
        )

    @classmethod
    def of(cls, numbers: Sequence[int]) -> GapCount:
        """Return the counts of a row of numbers.

        Examples
        --------
        >>> count = GapCount(cells=3, never_seen=1, window_missing=(2, 0), observations=6)
        >>> GapCount.of(count.numbers) == count
        True
        """
        cells, never_seen, too_few, outside_windows, observations, *missing = numbers
        return cls(
            cells=cells,
            never_seen=never_seen,
            too_few=too_few,
            outside_windows=outside_windows,
            window_missing=tuple(missing),
            observations=observations,
        )

    def __add__(self, other: GapCount) -> GapCount:
        return GapCount(
            cells=self.cells + other.cells,
            never_seen=self.never_seen + other.never_seen,
            too_few=self.too_few + other.too_few,
            outside_windows=self.outside_windows + other.outside_windows,
            window_missing=tuple(
                one + two
                for one, two in zip(
                    self.window_missing or (0,) * len(other.window_missing),
                    other.window_missing or (0,) * len(self.window_missing),
                    strict=True,
                )
            ),
            observations=self.observations + other.observations,
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class GapReport:
    """Gaps of one period over the whole frame."""

    count: GapCount
    """The cells."""
    windows: tuple[str, ...]
    """Window names, in the order of ``count.window_missing``."""
    lost_scenes: tuple[tuple[str, str], ...] = ()
    """Scenes that could not be read: name and reason."""

    def share(self, cells: int) -> float:
        """Return cells as a share of the frame; 0 for an empty frame."""
        return cells / self.count.cells if self.count.cells else 0.0

    def record(self) -> dict[str, Any]:
        """Return the report as plain JSON values."""
        count = self.count
        return {
            "cells": count.cells,
            "never_seen_share": self.share(count.never_seen),
            "too_few_share": self.share(count.too_few),
            "seen_outside_windows_only_share": self.share(count.outside_windows),
            "window_missing_share": {
                name: self.share(cells)
                for name, cells in zip(self.windows, count.window_missing or (0,) * len(self.windows), strict=True)
            },
            "mean_observations": count.observations / count.cells if count.cells else 0.0,
            "lost_scenes": [{"scene": name, "reason": reason} for name, reason in self.lost_scenes],
        }


def gap_count(
    total: NDArray[np.integer],
    by_window: Sequence[NDArray[np.integer]] | Mapping[str, NDArray[np.integer]],
    least: int,
) -> GapCount:
    """Count the gaps of n cells inside the frame.

    Parameters
    ----------
    total
        Clear observations of each cell in the period (n).
    by_window
        Clear observations of each cell in each window.
    least
        Fewest observations with which a cell counts as seen.

    Examples
    --------
    >>> gap_count(np.array([0, 1, 5]), [np.array([0, 0, 4])], least=3)
    GapCount(cells=3, never_seen=1, too_few=1, outside_windows=1, window_missing=(2,), observations=6)
    """
    windows = list(by_window.values()) if isinstance(by_window, Mapping) else list(by_window)
    in_windows = sum(windows, start=np.zeros_like(total))
    return GapCount(
        cells=int(total.size),
        never_seen=int((total == 0).sum()),
        too_few=int(((total > 0) & (total < least)).sum()),
        outside_windows=int(((total > 0) & (in_windows == 0)).sum()) if windows else 0,
        window_missing=tuple(int((window == 0).sum()) for window in windows),
        observations=int(total.sum()),
    )


def gaps_by_unit(
    path: Path, geobox: GeoBox, unit_of_cell: NDArray[np.integer], *, units: int, least: int
) -> tuple[GapCount, ...]:
    """Count the gaps of every administrative unit.

    Parameters
    ----------
    path
        ``valid_count.tif`` of a period: counts of the period, then of each window.
    geobox
        Its grid.
    unit_of_cell
        Shape (h, w): 0 outside the frame, else 1 to `units`.
    units
        Number of units.
    least
        Fewest observations with which a cell counts as seen.

    Returns
    -------
    tuple of GapCount
        Of units 1 to `units`.
    """
    found = [GapCount()] * units
    with open_on_grid(path, geobox) as reader:
        bands = list(range(1, reader.dataset.count + 1))
        for block in blocks((geobox.shape[0], geobox.shape[1])):
            counts = reader.read(block, bands)
            here = unit_of_cell[block.slices]
            for unit in np.unique(here[here > 0]).tolist():
                cells = counts[:, here == unit]
                found[unit - 1] = found[unit - 1] + gap_count(cells[0], list(cells[1:]), least)
    return tuple(found)
