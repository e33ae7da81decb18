"""Deforestation: direct loss by origin, share of crop from forest, annual rate and fragmentation (D1 to D5)."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy import ndimage

from aoi.harm.mask import known_mask
from geo.errors import InputError, Problem

__all__ = [
    "Fragmentation",
    "annual_rate_percent",
    "forest_mask",
    "forest_share_percent",
    "fragmentation",
    "fragmentation_harm",
    "loss_by_class_ha",
    "without_small_patches",
]

BoolArray = NDArray[np.bool_]
_STRIP = 512  # rows


def forest_mask(tree_cover_percent: ArrayLike, *, canopy_threshold_percent: float, nodata: float) -> BoolArray:
    """Return forest where tree cover reaches the threshold, which has no default because it is a local choice.

    Parameters
    ----------
    tree_cover_percent
        Tree cover in percent, any shape.
    canopy_threshold_percent
        Above 0 and at most 100.
    nodata
        The value of pixels not known; none may be left, for it would count as "not forest".

    Raises
    ------
    InputError
        When the threshold or a cover is out of range, or a pixel is unknown.
    """
    cover = np.asarray(tree_cover_percent, dtype=np.float64)
    if not 0 < canopy_threshold_percent <= 100:
        raise InputError(Problem("canopy_threshold", f"{canopy_threshold_percent}", "above 0 to 100 percent"))
    unknown = np.isnan(cover) | (cover == nodata)
    if unknown.any():
        found = f"{int(unknown.sum())} pixels of no-data"
        raise InputError(Problem("tree cover", found, "a value in each", "take them out of the domain first"))
    if np.any((cover < 0) | (cover > 100)):
        raise InputError(Problem("tree cover", f"{cover.min()} to {cover.max()}", "0 to 100 percent"))
    return cover >= canopy_threshold_percent


def without_small_patches(forest: ArrayLike, area_ha: ArrayLike, *, least_ha: float) -> BoolArray:
    """Return a forest mask without patches smaller than a definition of forest asks for.

    Parameters
    ----------
    forest, area_ha
        Mask and cell areas, shape (rows, columns). Patches join over corners too.
    least_ha
        Smallest patch that is forest, hectares.
    """
    labels, _ = ndimage.label(known_mask(forest, "forest mask"), structure=np.ones((3, 3)))
    size = np.bincount(labels.ravel(), weights=np.broadcast_to(area_ha, labels.shape).ravel())
    size[0] = -np.inf  # other land is no patch, whatever is asked for
    return np.asarray((size >= least_ha)[labels])


def loss_by_class_ha(loss: ArrayLike, area_ha: ArrayLike, classes: ArrayLike) -> dict[int, float]:
    """Return mapped direct loss by class: origin cover, protected-area category or indigenous land.

    Mapped hectares only share out the survey's estimate (`aoi.harm.draws.scaled_to_survey`); alone they are none.
    """
    lost = known_mask(loss, "forest loss")
    area, code = np.broadcast_to(area_ha, lost.shape)[lost], np.asarray(classes)[lost]
    return {int(one): float(area[code == one].sum()) for one in np.unique(np.asarray(classes))}


def forest_share_percent(from_forest_ha: ArrayLike, crop_ha: ArrayLike) -> NDArray[np.float64]:
    """Return the share of the crop area that came from forest, percent; NaN where there is no crop."""
    forest, crop = np.asarray(from_forest_ha, dtype=np.float64), np.asarray(crop_ha, dtype=np.float64)
    if np.any(forest > crop) or np.any(forest < 0):
        raise InputError(Problem("crop from forest", "less than none or more than the crop", "a part of the crop"))
    share = np.full(np.broadcast(forest, crop).shape, np.nan)
    np.divide(100 * forest, crop, out=share, where=crop > 0)
    return share


def annual_rate_percent(before_ha: float, after_ha: float, years: float) -> float:
    """Return the annual rate of change in percent, ``100 ln(A2 / A1) / (t2 - t1)`` (Puyravaud 2003).

    Examples
    --------
    >>> round(annual_rate_percent(10000, 9000, 5), 5)
    -2.10721
    """
    if not (before_ha > 0 and after_ha > 0 and years > 0):
        found = f"{before_ha} ha, {after_ha} ha, {years} years"
        raise InputError(Problem("annual rate", found, "areas and years above 0"))
    return float(100 * np.log(after_ha / before_ha) / years)


@dataclass(frozen=True, slots=True)
class Fragmentation:
    """How a forest hangs together."""

    mesh_ha: float
    """Effective mesh size, ``sum a_j^2 / A`` (Jaeger 2000), over the whole window."""
    edge_m: float
    """Edge between forest and other land; the rim of the window is no edge."""
    core_ha: float
    """Forest deeper than the edge depth, the land beyond the window counted as other."""


def fragmentation(forest: ArrayLike, *, cell_m: float, core_depth_m: float = 100.0) -> Fragmentation:
    """Return mesh size, edge and core of a forest mask on a metric grid of square cells.

    Parameters
    ----------
    forest
        Forest mask, shape (rows, columns). Patches join over corners too.
    cell_m
        Width of a cell, metres.
    core_depth_m
        Distance from other land within which forest is edge; taken in whole cells over sides.
    """
    wood = known_mask(forest, "forest mask")
    if wood.ndim != 2 or wood.size == 0 or cell_m <= 0:
        raise InputError(Problem("forest mask", f"shape {wood.shape}, cell {cell_m} m", "a metric grid"))
    patch_ha = _patch_cells(wood)[1:] * cell_m**2 / 10_000
    edges = np.count_nonzero(wood[1:] != wood[:-1]) + np.count_nonzero(wood[:, 1:] != wood[:, :-1])
    depth = max(1, int(np.ceil(core_depth_m / cell_m)))
    core = ndimage.binary_erosion(wood, iterations=depth)
    hectares = cell_m**2 / 10_000
    mesh = float((patch_ha**2).sum() / (wood.size * hectares))
    return Fragmentation(mesh, edges * cell_m, float(core.sum()) * hectares)


def _patch_cells(wood: BoolArray) -> NDArray[np.int64]:
    """Return the cells of each patch, other land first; counted in strips, since counting takes wide numbers."""
    labels, count = ndimage.label(wood, structure=np.ones((3, 3)))
    cells = np.zeros(count + 1, dtype=np.int64)
    for row in range(0, labels.shape[0], _STRIP):
        cells += np.bincount(labels[row : row + _STRIP].ravel(), minlength=count + 1)
    return cells


def fragmentation_harm(
    forest: ArrayLike, plot: ArrayLike, forest_before: ArrayLike, *, cell_m: float, core_depth_m: float = 100.0
) -> Fragmentation:
    """Return fragmentation as it is minus that with the plots refilled by their cover before opening.

    Not additive over plots: two plots can part a forest that neither parts alone.
    """
    now = known_mask(forest, "forest mask")
    refilled = np.where(known_mask(plot, "crop plots"), known_mask(forest_before, "forest before"), now)
    seen = fragmentation(now, cell_m=cell_m, core_depth_m=core_depth_m)
    without = fragmentation(refilled, cell_m=cell_m, core_depth_m=core_depth_m)
    return Fragmentation(
        seen.mesh_ha - without.mesh_ha, seen.edge_m - without.edge_m, seen.core_ha - without.core_ha
    )
