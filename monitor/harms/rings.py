"""Rings around mapped plots and the fragmentation of forest, from the states of all cells of a frame."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy import ndimage

from aoi.harm.deforestation import Fragmentation, fragmentation
from aoi.harm.indirect import expected_loss_ha, match
from monitor.harms.footprint import BITS

__all__ = ["Rings", "fragments", "ring_names", "ring_table"]

_PARTS = 5
"""Coarse cells to the width of the inner ring."""
_TILE_M = 1000.0
_FEWEST = 30
"""Matched cells below which a ring is not estimable."""
_FEWEST_TILES = 5
FloatArray = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Rings:
    """What rings are measured with."""

    edges_m: tuple[float, float, float]
    cell_m: float
    balance: float
    """Largest standardised difference that is still balance."""
    access: bool = False
    """Whether new access is known: land as near to it as the inner ring is a zone before the rings."""


def ring_names(edges_m: tuple[float, float, float], *, access: bool = False) -> list[str]:
    """Return the names of the zones, the strip along new access last where there is one.

    Examples
    --------
    >>> ring_names((250.0, 1000.0, 5000.0), access=True)
    ['ring:0-250', 'ring:250-1000', 'ring:1000-5000', 'access:0-250']
    """
    edges = [0.0, *edges_m]
    return [f"ring:{a:g}-{b:g}" for a, b in pairwise(edges)] + [f"access:0-{edges_m[0]:g}"] * access


def fragments(state: NDArray[np.uint8], *, cell_m: float, core_depth_m: float) -> Fragmentation:
    """Return fragmentation of the map as it is less that of the map with its plots refilled."""
    seen = fragmentation((state & BITS["forest"]) > 0, cell_m=cell_m, core_depth_m=core_depth_m)
    without = fragmentation((state & BITS["forest_refilled"]) > 0, cell_m=cell_m, core_depth_m=core_depth_m)
    return Fragmentation(
        seen.mesh_ha - without.mesh_ha, seen.edge_m - without.edge_m, seen.core_ha - without.core_ha
    )


def ring_table(state: NDArray[np.uint8], elevation_m: FloatArray | None, rings: Rings) -> pd.DataFrame:
    """Return observed and expected loss of each ring by tile of 1 km.

    Parameters
    ----------
    state
        Bits of `BITS` by cell, shape (height, width).
    elevation_m
        Mean height of each coarse cell, as `coarse_side` makes them; None where it is not known.
    rings
        Widths, cell size and balance.

    Returns
    -------
    DataFrame
        Columns zone, tile, loss_ha, expected_ha, cells, unmatched, worst_balance, reason; a zone that is not
        estimable has one row with its reason.
    """
    side = coarse_side(rings.edges_m, rings.cell_m)
    cell_ha = rings.cell_m**2 / 1e4
    flag = {name: _sums((state & bit) > 0, side) for name, bit in BITS.items()}
    other = _sums(((state & BITS["lost"]) > 0) & ((state & (BITS["plot"] | BITS["direct"])) == 0), side) * cell_ha
    forest, inside = flag["forest_start"] * cell_ha, flag["inside"]
    distance = ndimage.distance_transform_edt(flag["plot"] == 0) * side * rings.cell_m
    if not flag["plot"].any():
        distance = np.full(distance.shape, np.inf)
    zone = np.digitize(distance, [0.0, *rings.edges_m], right=True)  # 0 holds plots, 1 to 3 rings, 4 beyond
    if rings.access and flag["access"].any():
        along = ndimage.distance_transform_edt(flag["access"] == 0) * side * rings.cell_m <= rings.edges_m[0]
        zone[along & (zone > 0)] = 5  # plots go before access, access before rings
    used = (forest > 0) & (inside > 0)
    share = forest / np.where(inside > 0, inside * cell_ha, 1.0)
    covariates = [share] if elevation_m is None else [share, elevation_m, _slope(elevation_m, side * rings.cell_m)]
    table = np.column_stack([one[used] for one in covariates])
    finite = np.isfinite(table).all(axis=1)
    tile = _tiles(used, side * rings.cell_m)
    columns = {"zone": zone[used], "loss": other[used], "forest": forest[used], "tile": tile}
    frames = [
        _ring(name, number, {key: value[finite] for key, value in columns.items()}, table[finite], rings)
        for number, name in zip((1, 2, 3, 5), _zones(rings), strict=False)
    ]
    return pd.concat(frames, ignore_index=True)


def _zones(rings: Rings) -> list[str]:
    """Return the names of the zones: 1 to 3 are rings, 4 is what lies beyond, which has no name, 5 is access."""
    return ring_names(rings.edges_m, access=rings.access)


def coarse_side(edges_m: tuple[float, float, float], cell_m: float) -> int:
    """Return the cells on a side of a coarse cell: a fifth of the inner ring.

    Examples
    --------
    >>> coarse_side((250.0, 1000.0, 5000.0), 10.0)
    5
    """
    return max(1, round(edges_m[0] / _PARTS / cell_m))


def _ring(
    name: str, number: int, columns: dict[str, NDArray[np.generic]], covariates: FloatArray, rings: Rings
) -> pd.DataFrame:
    here, beyond = columns["zone"] == number, columns["zone"] == 4
    refused = {"zone": name, "tile": 0, "loss_ha": 0.0, "expected_ha": 0.0, "cells": int(here.sum())}
    refused |= {"unmatched": 0, "worst_balance": np.nan}
    if not here.any():
        return pd.DataFrame([refused | {"reason": f"no forest in the {name.split(':')[0]}"}])
    if not beyond.any():
        return pd.DataFrame([refused | {"reason": "no forest beyond the rings to compare with"}])
    found = match(covariates[here], covariates[beyond])
    matched = found.treated >= 0
    worst = float(np.abs(found.balance).max())
    refused |= {"unmatched": found.unmatched, "worst_balance": worst if np.isfinite(worst) else np.nan}
    if matched.sum() < _FEWEST:
        reason = f"{int(matched.sum())} matched cells of {len(matched)}, fewer than {_FEWEST}"
        return pd.DataFrame([refused | {"reason": reason}])
    if worst > rings.balance:
        reason = f"controls out of balance: standardised difference {worst:.2f}, more than {rings.balance:g}"
        return pd.DataFrame([refused | {"reason": reason}])
    tiles = len(np.unique(columns["tile"][here][matched]))
    if tiles < _FEWEST_TILES:
        reason = f"matched cells in {tiles} tiles of 1 km, fewer than {_FEWEST_TILES} to draw again"
        return pd.DataFrame([refused | {"reason": reason}])
    loss, forest = (np.asarray(columns[key], dtype=np.float64) for key in ("loss", "forest"))
    expected = expected_loss_ha(found, loss[beyond], forest[beyond], forest[here])
    by_tile = pd.DataFrame(
        {
            "tile": columns["tile"][here][matched],
            "loss_ha": loss[here][matched],
            "expected_ha": expected[matched],
            "cells": 1,
        }
    )
    if not (by_tile["loss_ha"].any() or by_tile["expected_ha"].any()):
        return pd.DataFrame([refused | {"reason": "no loss in the ring and none in its controls"}])
    summed = by_tile.groupby("tile", as_index=False).sum()
    return summed.assign(zone=name, unmatched=found.unmatched, worst_balance=worst, reason="")


def _sums(mask: NDArray[np.bool_], side: int) -> FloatArray:
    """Return the number of cells of a mask in each coarse cell, those at the edge cut short."""
    height, width = (-(-length // side) for length in mask.shape)
    counts = np.zeros((height, width))
    for row in range(height):  # a strip at a time, so that nothing the size of the grid is made twice
        strip = mask[row * side : (row + 1) * side].sum(axis=0, dtype=np.int64)
        counts[row] = np.add.reduceat(strip, np.arange(0, mask.shape[1], side))
    return counts


def coarse_mean(values: NDArray[np.floating], side: int) -> FloatArray:
    """Return the mean of each coarse cell, NaN where a cell of it is not known."""
    height, width = (-(-length // side) for length in values.shape)
    means = np.zeros((height, width))
    starts = np.arange(0, values.shape[1], side)
    across = np.diff(np.r_[starts, values.shape[1]])
    for row in range(height):
        strip = values[row * side : (row + 1) * side].astype(np.float64)
        means[row] = np.add.reduceat(strip.sum(axis=0), starts) / (across * strip.shape[0])
    return means


def _slope(height_m: FloatArray, cell_m: float) -> FloatArray:
    """Return the rise per metre of coarse heights."""
    if min(height_m.shape) < 2:
        return np.zeros(height_m.shape)
    rise = np.gradient(height_m, cell_m)
    return np.asarray(np.hypot(*rise))


def _tiles(used: NDArray[np.bool_], coarse_m: float) -> NDArray[np.int64]:
    rows, cols = np.nonzero(used)
    step = max(1, round(_TILE_M / coarse_m))
    wide = -(-used.shape[1] // step)
    return np.asarray(rows // step * wide + cols // step)
