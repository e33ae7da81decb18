"""The kernels again in plain numpy: slower, and equal to the last bit."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache
from math import exp

import numpy as np
from numpy.typing import NDArray

from imagery.composite import INVALID
from imagery.discriminant import FARTHEST, Discriminant
from imagery.disturbance import Disturbance
from imagery.geomedian import _NEAR, ITERATIONS, TOLERANCE
from imagery.mask import Disk
from imagery.phenology import LEVEL, Season
from imagery.smoothing import reach
from imagery.spectral import spectral_index


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
        gram[j, j] = 1 / np.sqrt(np.maximum(gram[j, j], 1e-12))
        for i in range(j + 1, size):
            for k in range(j):
                gram[i, j] -= gram[i, k] * gram[j, k]
            gram[i, j] *= gram[j, j]
    for i in range(size):
        for k in range(i):
            moment[i] -= gram[i, k] * moment[k]
        moment[i] *= gram[i, i]
    for i in reversed(range(size)):
        for k in range(i + 1, size):
            moment[i] -= gram[k, i] * moment[k]
        moment[i] *= gram[i, i]
    return moment


def masked_sort(values: NDArray[np.int16], valid: NDArray[np.bool_]) -> NDArray[np.int16]:
    """Return the values of every cell in rising order along time, missing ones last."""
    planes = np.where(valid, values, INVALID)
    low = np.empty_like(planes[:1])
    for first, second in _network(len(planes)):
        one, other = planes[first : first + 1], planes[second : second + 1]
        np.minimum(one, other, out=low)
        np.maximum(one, other, out=other)
        one[...] = low
    return planes


def percentile(ordered: NDArray[np.int16], count: NDArray[np.integer], percent: float) -> NDArray[np.float32]:
    """Return a percentile of the first `count` values of every cell, as definition 7 of Hyndman and Fan has it."""
    if len(ordered) == 0:
        return np.full(count.shape, np.nan, dtype=np.float32)
    position = np.maximum(count - 1, 0) * np.float32(percent / 100)
    below = position.astype(np.intp)
    weight = (position - below).astype(np.float32)
    above = np.minimum(below + 1, np.maximum(count - 1, 0)).astype(np.intp)
    low = np.take_along_axis(ordered, below[None], axis=0)[0].astype(np.float32)
    high = np.take_along_axis(ordered, above[None], axis=0)[0].astype(np.float32)
    return np.where(count > 0, low + weight * (high - low), np.float32(np.nan))


@cache
def _network(size: int) -> tuple[tuple[int, int], ...]:
    """Return the compare-exchange pairs that sort `size` values (Batcher 1968, odd-even merge)."""
    pairs = []
    step = 1
    while step < size:
        span = step
        while span >= 1:
            for start in range(span % step, size - span, 2 * span):
                lows = range(start, min(start + span, size - span))
                pairs += [(low, low + span) for low in lows if low // (2 * step) == (low + span) // (2 * step)]
            span //= 2
        step *= 2
    return tuple(pairs)


def geometric_median(values: NDArray[np.int16], valid: NDArray[np.bool_]) -> NDArray[np.float32]:
    """Return what `imagery.geomedian.geometric_median` returns, by steps of all cells that still move."""
    points = np.where(valid[:, None], values, 0).astype(np.float64)
    weight = valid.astype(np.float64)
    middle = _weighted_mean(points, weight)
    moving = np.flatnonzero(valid.sum(axis=0) > 1)
    for _ in range(ITERATIONS):
        if not moving.size:
            break
        part, here = points[:, :, moving], middle[:, moving]
        with np.errstate(invalid="ignore"):
            inverse = weight[:, moving] / np.maximum(_distance(part, here), _NEAR)
        there = _weighted_mean(part, inverse)
        middle[:, moving] = there
        moving = moving[_length(there - here) >= TOLERANCE]
    return np.where(valid.any(axis=0), middle, np.nan).astype(np.float32)


def _weighted_mean(points: NDArray[np.float64], weight: NDArray[np.float64]) -> NDArray[np.float64]:
    total = np.zeros(points.shape[1:])
    weights = np.zeros(points.shape[2])
    for layer, share in zip(points, weight, strict=True):
        total += share * layer
        weights += share
    return total / np.where(weights > 0, weights, 1.0)


def _distance(points: NDArray[np.float64], middle: NDArray[np.float64]) -> NDArray[np.float64]:
    return np.stack([_length(layer - middle) for layer in points])


def _length(difference: NDArray[np.float64]) -> NDArray[np.float64]:
    squares = np.zeros(difference.shape[1:])
    for band in difference:
        squares += band * band
    return np.sqrt(squares)


def season_of(curve: NDArray[np.floating], step_days: int, level: float = LEVEL) -> Season:
    """Return what `imagery.phenology.season_of` returns, step by step for all cells."""
    values = np.asarray(curve, dtype=np.float64)
    steps, cells = values.shape
    top = values.argmax(axis=0)
    low, high = values.min(axis=0), values.max(axis=0)
    line = low + level * (high - low)
    start = _crossing(values, line, top, forwards=False)
    end = _crossing(values, line, top, forwards=True)
    above = values - low
    # Trapezia of whole steps between start and end, cut at both ends by the share that lies inside
    integral = np.zeros(cells)
    for step in range(steps - 1):
        inside = np.clip(np.minimum(end, step + 1) - np.maximum(start, step), 0.0, 1.0)
        integral += inside * (above[step] + above[step + 1]) / 2
    flat = ~(high > low)
    out = [start * step_days, top.astype(np.float64) * step_days, end * step_days]
    planes = [np.where(flat, np.nan, plane).astype(np.float32) for plane in out]
    return Season(
        start=planes[0],
        peak=planes[1],
        end=planes[2],
        amplitude=(high - low).astype(np.float32),
        integral=np.where(np.isnan(high), np.nan, integral * step_days).astype(np.float32),
    )


def _crossing(
    values: NDArray[np.float64], line: NDArray[np.float64], top: NDArray[np.intp], *, forwards: bool
) -> NDArray[np.float64]:
    """Return where each curve, followed from its peak, first falls through its line, in steps."""
    steps = len(values)
    at = np.full(values.shape[1], float(steps - 1 if forwards else 0))
    open_ = np.ones(values.shape[1], dtype=np.bool_)
    order = range(1, steps) if forwards else range(steps - 2, -1, -1)
    back = -1 if forwards else 1
    for step in order:
        beyond = step > top if forwards else step < top
        inner, outer = values[step + back], values[step]
        hit = open_ & beyond & (outer <= line) & (inner > line)
        fall = np.where(hit, inner - outer, 1.0)
        at = np.where(hit, step + back - back * (inner - line) / fall, at)
        open_ &= ~hit
    return at


def disturbance(series: NDArray[np.float32], valid: NDArray[np.bool_], fitted: NDArray[np.float64]) -> Disturbance:
    """Return what `imagery.disturbance.disturbance` returns, day by day for all cells."""
    cells = series.shape[1:]
    squares, total = np.zeros(cells), np.zeros(cells)
    drop, rise = np.zeros(cells), np.zeros(cells)
    seen, pairs = np.zeros(cells, dtype=np.int64), np.zeros(cells, dtype=np.int64)
    last = np.zeros(cells)
    for values, clear, curve in zip(series, valid, fitted, strict=True):
        value = values.astype(np.float64)
        squares += np.where(clear, value - curve, 0.0) ** 2
        both = clear & (seen > 0)
        change = np.where(both, value - last, 0.0)
        total += np.abs(change)
        drop, rise = np.maximum(drop, -change), np.maximum(rise, change)
        pairs += both
        seen += clear
        last = np.where(clear, value, last)
    lone, never = pairs == 0, seen == 0
    return Disturbance(
        residual=np.where(never, np.nan, np.sqrt(squares / np.maximum(seen, 1))).astype(np.float32),
        step=np.where(lone, np.nan, total / np.maximum(pairs, 1)).astype(np.float32),
        drop=np.where(lone, np.nan, drop).astype(np.float32),
        rise=np.where(lone, np.nan, rise).astype(np.float32),
    )


def local_mean_and_deviation(
    image: NDArray[np.float32], radius: int
) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Return what `imagery.texture.local_mean_and_deviation` returns, by running sums of whole images."""
    seen = ~np.isnan(image)
    whole = np.rint(np.where(seen, image, np.float32(0))).astype(np.int64)
    count = _box_sum(seen.astype(np.int64), radius)
    total = _box_sum(whole, radius)
    squares = _box_sum(whole * whole, radius)
    some = np.maximum(count, 1)
    mean = total / some
    # count^2 times the variance is the integer count * squares - total^2, free of cancellation
    deviation = np.sqrt((count * squares - total * total).astype(np.float64)) / some
    mean[count == 0] = np.nan
    deviation[count == 0] = np.nan
    return mean.astype(np.float32), deviation.astype(np.float32)


def _box_sum(image: NDArray[np.int64], radius: int) -> NDArray[np.int64]:
    """Return sums over squares by running sums along both axes."""
    size = 2 * radius + 1
    sums = np.zeros((image.shape[0] + 1, image.shape[1] + 1), dtype=np.int64)
    sums[1:, 1:] = image.cumsum(axis=0).cumsum(axis=1)
    return np.asarray(sums[size:, size:] - sums[:-size, size:] - sums[size:, :-size] + sums[:-size, :-size])


def grow(cells: NDArray[np.bool_], shape: Disk) -> NDArray[np.bool_]:
    """Return what `imagery.mask.grow` returns, by running sums along rows."""
    reach_rows, reach_cols = shape[-1][0], max(half for _, half in shape)
    height, width = cells.shape[0] - 2 * reach_rows, cells.shape[1] - 2 * reach_cols
    out = np.zeros((height, width), dtype=np.bool_)
    if not cells.any():
        return out
    # Running sums along rows: a window holds a true cell when its two ends differ
    sums = np.zeros((cells.shape[0], cells.shape[1] + 1), dtype=np.int32)
    np.cumsum(cells, axis=1, out=sums[:, 1:])
    for row, half in shape:
        line = sums[reach_rows + row : reach_rows + row + height]
        right = line[:, reach_cols + half + 1 : reach_cols + half + 1 + width]
        out |= right != line[:, reach_cols - half : reach_cols - half + width]
    return out


def without_specks(cells: NDArray[np.bool_], side: int) -> NDArray[np.bool_]:
    """Return what `imagery.mask.without_specks` returns, by sums over squares."""
    if side == 1 or not cells.any():
        rim = side - 1
        return cells[rim : cells.shape[0] - rim, rim : cells.shape[1] - rim]
    full = _window_sums(cells, side) == side * side
    return _window_sums(full, side) > 0


def _window_sums(cells: NDArray[np.bool_], side: int) -> NDArray[np.int32]:
    """Return the true cells in every square of ``side`` cells, shape (h - side + 1, w - side + 1)."""
    sums = np.zeros((cells.shape[0] + 1, cells.shape[1] + 1), dtype=np.int32)
    np.cumsum(np.cumsum(cells, axis=0, dtype=np.int32), axis=1, out=sums[1:, 1:])
    return np.asarray(sums[side:, side:] - sums[:-side, side:] - sums[side:, :-side] + sums[:-side, :-side])


def pooled(logs: NDArray[np.float64], seen: NDArray[np.bool_], width_cells: float) -> NDArray[np.float64]:
    """Return what `imagery.smoothing.pooled` returns, one neighbour of all cells at a time."""
    r = reach(width_cells)
    height, width = seen.shape[0] - 2 * r, seen.shape[1] - 2 * r
    total = np.zeros((len(logs), height, width))
    weight_sum = np.zeros((height, width))
    known = np.where(seen, logs, 0.0)
    for row in range(2 * r + 1):
        for col in range(2 * r + 1):
            weight = exp(-((row - r) ** 2 + (col - r) ** 2) / (2 * width_cells**2)) if r else 1.0
            part = slice(row, row + height), slice(col, col + width)
            total += weight * known[:, *part]
            weight_sum += weight * seen[part]
    return np.asarray(total / np.where(weight_sum > 0, weight_sum, 1.0))


def discriminant_scores(model: Discriminant, planes: NDArray[np.float32]) -> NDArray[np.float64]:
    """Return what `imagery.discriminant.Discriminant.scores` returns, feature by feature for all cells."""
    out = np.repeat(model.bias[:, None], planes.shape[1], axis=1)
    for j, plane in enumerate(planes):
        z = np.clip((plane.astype(np.float64) - model.mean[j]) / model.scale[j], -FARTHEST, FARTHEST)
        z[np.isnan(z)] = 0.0
        for k, weight in enumerate(model.weights[:, j]):
            out[k] += weight * z
    return out


def course(
    values: NDArray[np.int16], valid: NDArray[np.bool_], bands: Sequence[str], quantum: float, name: str
) -> tuple[NDArray[np.int16], NDArray[np.bool_]]:
    """Return an index of every day as integers, with the days on which it is defined, through `spectral_index`."""
    physical = {band: values[:, layer].astype(np.float32) * np.float32(quantum) for layer, band in enumerate(bands)}
    index = spectral_index(name, physical)
    defined = valid & ~np.isnan(index)
    bounded = np.clip(np.where(defined, index, np.float32(0)), -3.0, 3.0)
    return np.rint(bounded * np.float32(10_000)).astype(np.int16), defined
