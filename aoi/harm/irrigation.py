"""Water drawn for irrigated crops (W7), beyond that of licit crops in their place."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from aoi.harm.carried import SECONDS_PER_YEAR
from aoi.harm.mapped import MappedFigure
from aoi.harm.potential import METHOD_WATER, FrameOf, Waters, at_cells
from aoi.harm.slopes import Slopes
from geo.flow import FlowNetwork

__all__ = ["IRRIGATED", "irrigation"]

IRRIGATED = ("opium_poppy", "cannabis")


def irrigation(
    slopes: Slopes, inside: NDArray[np.bool_], given: Waters, network: FlowNetwork, frame: FrameOf
) -> Iterator[MappedFigure]:
    """Yield the water drawn for the crop beyond that of licit crops there, and its share of what flows off."""
    if frame.crop not in IRRIGATED:
        yield frame.without("W7", "irrigation", "m3/yr", f"{frame.crop} is grown on rain")
        return
    names = tuple(f"{kind}_{crop}" for crop in (frame.crop, "crop") for kind in ("irrigation", "irrigated_share"))
    drawn = frame.draws(*names)
    area_ha, before = slopes.area_ha[slopes.plots], slopes.counterfactual[slopes.plots]

    def stood(name: str) -> float:
        code = slopes.names.index(name) if name in slopes.names else -1
        return float(area_ha[inside & (before == code)].sum())

    own = drawn[f"irrigation_{frame.crop}"] * drawn[f"irrigated_share_{frame.crop}"]
    licit = drawn["irrigation_crop"] * drawn["irrigated_share_crop"]
    volume = own * (frame.mapped_ha - stood(frame.crop)) - licit * stood("crop")
    yield frame.figure("W7", "irrigation", "m3/yr", volume, scaled=True, method=METHOD_WATER)
    if given.discharge is None:
        yield frame.without("W7", "water_stress", "percent", "no flow of streams was given")
        return
    leaving = at_cells(given.discharge, network.outlets, network, "discharge")
    available = float(np.nansum(leaving)) * SECONDS_PER_YEAR
    if available <= 0:
        yield frame.without("W7", "water_stress", "percent", "no flow leaves the area", "not_estimable")
    else:
        share = 100 * volume / available
        yield frame.figure("W7", "water_stress", "percent", share, scaled=True, method=METHOD_WATER)
