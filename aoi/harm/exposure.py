"""Who lives near streams below the plots, and what is drawn from them (W5): totals alone."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from aoi.harm.carried import Paths
from aoi.harm.mapped import MappedFigure
from aoi.harm.potential import FrameOf, Waters, at_cells
from aoi.harm.slopes import Layer
from geo.errors import InputError, Problem
from geo.flow import FlowNetwork

__all__ = ["exposure"]

_STRIP, _TILE = 128, 512

FloatArray = NDArray[np.float64]


def exposure(network: FlowNetwork, paths: Paths, given: Waters, frame: FrameOf) -> Iterator[MappedFigure]:
    """Yield people and intakes near streams that water from plots reaches within some days; totals alone."""
    days = frame.factors["exposure_days"].value
    reach_m = frame.draws("stream_velocity")["stream_velocity"] * days * 86_400
    for part, unit, layer in (("people", "persons", given.people), ("intakes", "intakes", given.intakes)):
        if layer is None:
            yield frame.without("W5", part, unit, f"no map of {part} was given")
            continue
        held = _near(network, paths, layer, part, frame.factors["exposure_distance"].value)
        near_m, held = paths.way_m[held > 0], held[held > 0]
        order = np.argsort(near_m, kind="stable")
        total = np.concatenate([[0.0], np.cumsum(held[order])])
        reached = total[np.searchsorted(near_m[order], reach_m, side="right")]
        yield frame.figure("W5", part, unit, reached, scaled=False)


def _near(network: FlowNetwork, paths: Paths, layer: Layer, what: str, distance_m: float) -> FloatArray:
    """Return how many live nearest to each cell of the streams below plots, shape (s,).

    Tile by tile with a rim as wide as the distance, beyond which nobody is near; where they live is not kept.
    """
    height, width = network.shape
    on = np.zeros(network.shape, dtype=np.bool_)
    on.reshape(-1)[paths.stream.cells] = True
    rim = int(np.ceil(min(distance_m / min(network.cell_m), max(height, width))))
    order = np.argsort(paths.stream.cells, kind="stable")
    ascending, held = paths.stream.cells[order], np.zeros(order.size)
    for row in range(0, height, _STRIP):
        rows = min(_STRIP, height - row)
        whole = np.arange(row * width, (row + rows) * width, dtype=np.int32)
        count = np.nan_to_num(at_cells(layer, whole, network, what))
        if np.any(count < 0):
            found = f"{count[count < 0][0]:g} in a cell"
            raise InputError(Problem(what, found, "0 or more", "name the no-data value"))
        strip = count.reshape(rows, width)
        for col in range(0, width, _TILE):
            here = strip[:, col : col + _TILE]
            top, left = max(row - rim, 0), max(col - rim, 0)
            near = on[top : row + rows + rim, left : col + _TILE + rim]
            if not near.any() or not here.any():
                continue
            away, nearest = ndimage.distance_transform_edt(
                ~near, sampling=network.cell_m[::-1], return_indices=True
            )
            own = (slice(row - top, row - top + rows), slice(col - left, col - left + here.shape[1]))
            inhabited = (here > 0) & (away[own] <= distance_m)
            r, c = (one[own][inhabited].astype(np.int64) for one in nearest)
            place = order[np.searchsorted(ascending, (r + top) * width + c + left)]
            np.add.at(held, place, here[inhabited])
    return held
