"""The kernels again in plain numpy: slower, and equal to the last bit."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray


def harmonic_fit(
    series: NDArray[np.float32], valid: NDArray[np.bool_], design: NDArray[np.float64], ridge: float
) -> NDArray[np.float32]:
    """Return what `imagery.harmonic.harmonic_fit` returns, by sums of whole planes."""
    size = design.shape[1]
    cells = series.shape[1:]
    gram = np.zeros((size, size, *cells))
    moment = np.zeros((size, *cells))
    for row, y, seen in zip(design, series, valid, strict=True):
        weight = seen.astype(np.float64)
        observed = np.where(seen, y, np.float32(0)).astype(np.float64)
        for i in range(size):
            moment[i] += row[i] * observed
            for j in range(i + 1):
                gram[i, j] += (row[i] * row[j]) * weight
    never = gram[0, 0] == 0
    gram[0, 0][never] = 1.0
    for i in range(1, size):
        gram[i, i] += max(ridge, 1e-9)
    fitted = _cholesky_solve(gram, moment)
    return np.where(never, np.float32(np.nan), fitted).astype(np.float32)


def _cholesky_solve(gram: NDArray[np.float64], moment: NDArray[np.float64]) -> NDArray[np.float64]:
    """Solve ``gram b = moment`` cell by cell; both are overwritten, only the lower triangle is read."""
    size = len(moment)
    for j in range(size):
        for k in range(j):
            gram[j, j] -= gram[j, k] * gram[j, k]
        # Rounding can leave a hair below zero where all dates of a cell coincide
        gram[j, j] = np.sqrt(np.maximum(gram[j, j], 1e-12))
        for i in range(j + 1, size):
            for k in range(j):
                gram[i, j] -= gram[i, k] * gram[j, k]
            gram[i, j] /= gram[j, j]
    for i in range(size):
        for k in range(i):
            moment[i] -= gram[i, k] * moment[k]
        moment[i] /= gram[i, i]
    for i in reversed(range(size)):
        for k in range(i + 1, size):
            moment[i] -= gram[k, i] * moment[k]
        moment[i] /= gram[i, i]
    return moment
