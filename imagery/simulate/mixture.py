"""Mixed pixels: how much of every pixel each field and each wild class covers."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import scipy.sparse
from numpy.typing import NDArray

__all__ = ["Mixture", "mix", "pool"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Mixture:
    """Shares of units in the pixels of one grid; a unit is a field or a wild class."""

    shape: tuple[int, int]
    """Rows and columns of the pixels."""
    shares: scipy.sparse.csr_array
    """Shape (pixels, units); rows add up to 1."""

    def blend(self, values: NDArray[np.float32]) -> NDArray[np.float32]:
        """Return the share-weighted mean of unit values, shape (columns of `values`, rows, columns).

        Parameters
        ----------
        values
            Shape (units, k), such as the reflectance of every unit in k bands.
        """
        mixed = self.shares @ np.ascontiguousarray(values, dtype=np.float32)
        return np.ascontiguousarray(mixed.T).reshape(values.shape[1], *self.shape)


def mix(units: NDArray[np.int32], count: int, cell: int) -> Mixture:
    """Count the units in square pixels of sub-pixels.

    Parameters
    ----------
    units
        Unit at every sub-pixel, shape (rows * cell, columns * cell).
    count
        Number of units.
    cell
        Sub-pixels on the side of a pixel.

    Examples
    --------
    >>> units = np.array([[0, 0, 1, 1], [0, 1, 1, 1]], dtype=np.int32)
    >>> mix(units, 2, 2).blend(np.array([[0.0], [1.0]])).tolist()
    [[[0.25, 1.0]]]
    """
    rows, cols = units.shape[0] // cell, units.shape[1] // cell
    parts = units.reshape(rows, cell, cols, cell).swapaxes(1, 2).reshape(rows * cols, cell * cell)
    parts = np.sort(parts, axis=1)
    # Runs of the same unit along each sorted row give one entry each.
    starts = np.ones(parts.shape, dtype=bool)
    starts[:, 1:] = parts[:, 1:] != parts[:, :-1]
    first = np.flatnonzero(starts)
    length = np.diff(np.r_[first, parts.size])
    index_pointer = np.r_[0, np.cumsum(starts.sum(axis=1))]
    shares = scipy.sparse.csr_array(
        ((length / cell**2).astype(np.float32), parts.ravel()[first], index_pointer),
        shape=(rows * cols, count),
    )
    return Mixture(shape=(rows, cols), shares=shares)


def pool(raster: NDArray[np.floating], factor: int = 2) -> NDArray[np.float32]:
    """Return the mean of square groups of cells over the last two axes (10 m to 20 m)."""
    # Sums of strided views: several times faster than a mean over two axes.
    total = sum(raster[..., row::factor, col::factor] for row in range(factor) for col in range(factor))
    return np.asarray(total / factor**2, dtype=np.float32)
