"""From a yearly load to its concentration in a stream, and from runoff to the flow of streams."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray

from geo.errors import InputError, Problem
from geo.flow import FlowNetwork, accumulate

__all__ = ["SECONDS_PER_YEAR", "concentration_ug_l", "discharge_m3_s"]

SECONDS_PER_YEAR = 31_557_600.0

FloatArray = NDArray[np.float64]


def concentration_ug_l(load_kg_yr: ArrayLike, flow_m3_s: ArrayLike) -> FloatArray:
    """Return the mean concentration of a yearly load in a flow, micrograms per litre.

    Examples
    --------
    >>> round(float(concentration_ug_l(100, 1)), 4)
    3.1688
    """
    load, flow = np.asarray(load_kg_yr, dtype=np.float64), np.asarray(flow_m3_s, dtype=np.float64)
    if np.any(~(flow > 0)) or not np.isfinite(load).all():
        raise InputError(
            Problem("concentration", "a missing load, or a flow missing or not above 0", "kg/yr and m3/s")
        )
    return np.asarray(load * 1e9 / (flow * SECONDS_PER_YEAR * 1000))


def discharge_m3_s(network: FlowNetwork, runoff_mm: ArrayLike) -> FloatArray:
    """Return the mean flow through each cell from the runoff of all land above it, m3/s, shape of the grid.

    Parameters
    ----------
    network
        Flow network that holds the whole catchment; water that comes from beyond it is not counted.
    runoff_mm
        Runoff of a year, mm, of the grid's shape.
    """
    volume = np.asarray(runoff_mm, dtype=np.float64) / 1000 * network.cell_area_m2
    return (accumulate(network, volume) / SECONDS_PER_YEAR).reshape(network.shape)
