"""What all figures of potential loads have in common: the frame, grade D, and the word for an assumed place."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from aoi.harm.erosion import FRAME
from aoi.harm.factor import Factor, factor_draws
from aoi.harm.loads import CLASSES
from aoi.harm.mapped import MappedFigure
from aoi.harm.result import State
from aoi.harm.slopes import Layer
from geo.errors import InputError, Problem
from geo.flow import FlowNetwork

__all__ = ["METHOD", "METHOD_ASSUMED_PLACE", "METHOD_WATER", "FrameOf", "Waters", "at_cells"]

METHOD = "potential-load/1"
METHOD_ASSUMED_PLACE = "potential-load-assumed-place/1"
"""Of processing waste, which is laid to the plots for want of known places."""
METHOD_WATER = "potential-water-load/1"

FloatArray = NDArray[np.float64]


@dataclass(frozen=True, slots=True, kw_only=True)
class Waters:
    """What else is known of streams, people and ground; each may be left out, and its rows say so then."""

    discharge: Layer | None = None
    """Mean flow of streams, m3/s; NaN off them."""
    low_flow: Layer | None = None
    """Flow that is exceeded nine days in ten, m3/s; NaN where no gauge tells."""
    reservoirs: Layer | None = None
    """Above 0 in reservoirs, which hold part of what is bound to sediment."""
    people: Layer | None = None
    """Persons in each cell."""
    intakes: Layer | None = None
    """Drinking-water intakes in each cell."""
    vulnerability: Layer | None = None
    """DRASTIC index, 23 to 230; NaN where it is not known."""
    sprayed_ha: float | None = None
    """Hectares sprayed with herbicide from the air in the period; 0 when none were, None when nobody told."""
    sites: NDArray[np.int32] | None = None
    """Cells of known places of processing; None when none are known, and it is laid to the plots."""


@dataclass(frozen=True, slots=True, kw_only=True)
class FrameOf:
    """What figures of the frame have in common."""

    crop: str
    mapped_ha: float
    n: int
    seed: int
    factors: Mapping[str, Factor]
    placed: bool = False
    """Whether places of processing are known."""

    def figure(
        self, indicator: str, part: str, unit: str, draws: FloatArray, *, scaled: bool, method: str = ""
    ) -> MappedFigure:
        """Return a figure of the frame."""
        return MappedFigure(
            indicator=indicator,
            domain=FRAME,
            part=part,
            unit=unit,
            method=method or _method(part, self.placed),
            grade="D",
            mapped_ha=self.mapped_ha,
            scaled=scaled,
            draws=draws,
        )

    def without(
        self, indicator: str, part: str, unit: str, told: str, state: State = "not_computed"
    ) -> MappedFigure:
        """Return a figure that cannot be had, with the reason."""
        return replace(self.figure(indicator, part, unit, np.zeros(0), scaled=False), state=state, reason=told)

    def draws(self, *names: str) -> Mapping[str, FloatArray]:
        """Return draws of factors."""
        return factor_draws(self.factors, names, n=self.n, seed=self.seed)


def at_cells(layer: Layer, cells: NDArray[np.int32], network: FlowNetwork, what: str) -> FloatArray:
    """Return the values of a layer at numbered cells.

    Raises
    ------
    InputError
        When the layer has another shape than the grid.
    """
    if callable(layer):
        return np.asarray(layer(cells), dtype=np.float64)
    values = np.asarray(layer)
    if values.shape != network.shape:
        raise InputError(Problem(what, f"shape {values.shape}", f"{network.shape}", "warp it to the analysis grid"))
    return np.asarray(values.reshape(-1)[cells], dtype=np.float64)


def _method(part: str, placed: bool) -> str:
    """Return the method of a part; that of processing tells whether its place is assumed."""
    assumed = CLASSES.get(part.split(":")[0]) == "processing" and not placed
    return METHOD_ASSUMED_PLACE if assumed else METHOD
