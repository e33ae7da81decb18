"""Small ground for the tests of erosion and contamination: hills, covers and plots from a seed."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from aoi.harm.factor import Factor, load_factors
from aoi.harm.result import HarmKey
from aoi.harm.slopes import Cover, Slopes, Soil, prepare_slopes
from geo.flow import FlowNetwork, flow_network, sub_basins
from geo.grid import GeoBox
from geo.hillslope import Hillslopes, stream_mask

CELL_M = 20.0
HA = CELL_M**2 / 1e4
NAMES = ("primary_forest", "pasture", "crop", "coca")
FOREST, PASTURE, CROP, COCA = range(4)
KEY = HarmKey("E1", "frame", "2024", "t/yr", "direct", "C", "", crop="coca")


@dataclass(frozen=True)
class Place:
    """One invented place."""

    z: Any
    before: Any
    plot: Any
    network: FlowNetwork
    stream: Any
    basin: Any

    @property
    def everywhere(self) -> Any:
        """Mask of the whole grid."""
        return np.ones(self.z.shape, dtype=bool)


def place(seed: int = 0, side: int = 30, share: float = 0.1, stream_ha: float = 2.0) -> Place:
    """Return hills with plots on a share of the cells."""
    rng = np.random.default_rng(seed)
    row, col = np.mgrid[0:side, 0:side]
    z = 900 + 40 * np.sin(row / 5 + seed) + 60 * np.cos(col / 6) + rng.normal(0, 3, (side, side)) - 4 * row
    network = flow_network(
        z, GeoBox.from_bbox((0, 0, side * CELL_M, side * CELL_M), "EPSG:32618", resolution=CELL_M)
    )
    stream = stream_mask(network, least_m2=stream_ha * 1e4)
    before = rng.integers(0, 3, (side, side))
    return Place(
        z.astype(np.float32), before, rng.random((side, side)) < share, network, stream, sub_basins(network, 4e4)
    )


def soil(shape: tuple[int, int]) -> Soil:
    """Return loam everywhere."""
    return Soil(
        clay=np.full(shape, 30.0),
        silt=np.full(shape, 40.0),
        sand=np.full(shape, 30.0),
        organic_carbon=np.full(shape, 1.5),
    )


def slopes_of(where: Place, *, plot: Any = None, observed: Any = None, area_ha: float = HA, **other: Any) -> Slopes:
    """Return the ground made ready, coca on the plots."""
    standing = where.plot if plot is None else plot
    seen = np.where(standing, COCA, where.before) if observed is None else observed
    given = {"erosivity": np.full(where.z.shape, 6000.0), "soil": soil(where.z.shape), "factors": load_factors()}
    cover = Cover(names=NAMES, crop="coca", observed=seen, counterfactual=where.before)
    return prepare_slopes(where.network, where.stream, where.z, cover, area_ha, **(given | other))


def frame_of(slopes: Slopes) -> dict[str, Any]:
    """Return the one domain that holds all plots."""
    return {"frame": np.ones(slopes.plots.size, dtype=bool)}


def fixed(factors: dict[str, Factor], **values: float) -> dict[str, Factor]:
    """Return factors without any spread, some at other values."""
    return {
        name: Factor(value=values.get(name, one.value), unit=one.unit, source=one.source, mark=one.mark)
        for name, one in factors.items()
    }


def four_cells() -> Hillslopes:
    """Return the slope of reference O-16: four cells of 30 m that drain one into the next and then to a stream."""
    return Hillslopes(
        cells=np.arange(4, dtype=np.int32),
        ahead=np.array([1, 2, 3, -1], dtype=np.int32),
        entry=np.full(4, 4, dtype=np.int32),
        upslope=np.arange(1, 5, dtype=np.int32),
        step_m=np.full(4, 30.0, dtype=np.float32),
        on_stream=np.zeros(4, dtype=bool),
        cell_area_m2=900.0,
    )
