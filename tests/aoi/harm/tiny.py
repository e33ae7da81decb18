"""Nine cells of two slopes, and the equations typed again cell by cell, for tests of the loops over cells."""

from __future__ import annotations

from dataclasses import dataclass
from math import exp, log10, sqrt
from typing import Any

import numpy as np

from aoi.harm.slopes import Slopes
from geo.hillslope import Hillslopes, Tributaries

NAMES = ("primary_forest", "pasture", "crop", "coca")
AHEAD = [2, 2, 3, -1, -1, 7, 7, 8, -1]
"""Place 4 is a cell of a stream; 3 and 8 are the last of their slopes."""
JOINS, COUNTS = [2, 7], [[2, 1, 0, 0], [0, 3, 0, 1]]
"""What comes in from the sides, cells by cover."""
STEEP = [0.1, 0.002, 1.5, 0.3, 0.2, 0.05, 0.4, 0.25, 0.6]
STEP_M = [20.0, 28.0, 20.0, 15.0, 20.0, 28.0, 20.0, 20.0, 25.0]
SLOPE_ABOVE = [0.1, 0.005, 0.4, 0.35, 0.2, 0.05, 0.4, 0.3, 0.33]
UPSLOPE = [1, 1, 6, 7, 1, 1, 1, 7, 8]
AREA_HA = [0.04, 0.05, 0.04, 0.03, 0.06, 0.04, 0.02, 0.04, 0.05]
OBSERVED = [3, 0, 1, 3, 3, 2, 3, 0, 1]
BEFORE = [0, 0, 1, 2, 0, 2, 3, 0, 0]
POTENTIAL = [
    [100.0, 40.0, 60.0, 30.0, 80.0, 20.0, 3000.0, 55.0, 25.0],
    [150.0, 30.0, 70.0, 50.0, 60.0, 10.0, 90.0, 45.0, 35.0],
]
ENTRY = [20, 20, 20, 20, 21, 22, 22, 22, 22]
CELL_AREA_M2 = 400.0


def slopes(**changes: Any) -> Slopes:
    """Return the ground, coca on four of its cells, one of them on a stream, one of them coca before too."""
    hill = Hillslopes(
        cells=np.arange(9, dtype=np.int32),
        ahead=np.array(AHEAD, dtype=np.int32),
        entry=np.array(ENTRY, dtype=np.int32),
        upslope=np.array(UPSLOPE, dtype=np.int32),
        step_m=np.array(STEP_M, dtype=np.float32),
        on_stream=np.arange(9) == 4,
        cell_area_m2=CELL_AREA_M2,
    )
    given: dict[str, Any] = {
        "hill": hill,
        "names": NAMES,
        "observed": np.array(OBSERVED, dtype=np.uint8),
        "counterfactual": np.array(BEFORE, dtype=np.uint8),
        "area_ha": np.array(AREA_HA),
        "slope": np.array(STEEP, dtype=np.float32),
        "slope_above": np.array(SLOPE_ABOVE, dtype=np.float32),
        "length_steepness": np.ones(9, dtype=np.float32),
        "anomaly": 1.25,
        "aside": Tributaries(np.array(JOINS, dtype=np.int32), np.array(COUNTS, dtype=np.int32)),
        "potential": np.array(POTENTIAL, dtype=np.float32),
        "on_crop": np.array(OBSERVED) == 3,
        "crop": "coca",
    }
    return Slopes(**(given | changes))


@dataclass(frozen=True)
class Ways:
    """The equations of one draw, cell by cell: covers C, parameters of the delivery, what a cover keeps."""

    code: Any
    cover: Any
    most: float = 0.8
    middle: float = 0.5
    spread: float = 2.0
    keep: Any = (0.6, 0.2, 0.2, 0.2)
    length_m: float = 150.0

    def way(self, place: int) -> list[int]:
        """Return the places from a cell down to the last of its slope."""
        found = [place]
        while AHEAD[found[-1]] >= 0:
            found.append(AHEAD[found[-1]])
        return found

    def c(self, code: int) -> float:
        """Return the cover factor, held above 0.001."""
        return max(float(self.cover[code]), 0.001)

    def covers_above(self, place: int) -> float:
        """Return the sum of covers of all that drains through a cell."""
        own = sum(self.c(self.code[one]) for one in range(9) if place in self.way(one))
        beside = [row for join, row in zip(JOINS, COUNTS, strict=True) if place in self.way(join)]
        return own + sum(number * self.c(code) for row in beside for code, number in enumerate(row))

    def down(self, place: int) -> float:
        """Return D_dn."""
        return sum(
            STEP_M[one] / (self.c(self.code[one]) * min(max(STEEP[one], 0.005), 1)) for one in self.way(place)
        )

    def arrives(self, place: int) -> float:
        """Return the delivery ratio through the logarithm of the index."""
        if place == 4:
            return 1.0
        above = UPSLOPE[place]
        up = self.covers_above(place) / above * SLOPE_ABOVE[place] * sqrt(above * CELL_AREA_M2)
        return self.most / (1 + exp((self.middle - log10(up / self.down(place))) / self.spread))

    def passes(self, place: int) -> float:
        """Return the share of what is dissolved that reaches the stream."""
        if place == 4:
            return 1.0
        kept = 0.0
        for one in reversed(self.way(place)):
            gone = exp(-5 * STEP_M[one] / self.length_m)
            kept = max(kept, kept * gone + self.keep[self.code[one]] * (1 - gone))
        return self.arrives(place) / self.most * (1 - kept)
