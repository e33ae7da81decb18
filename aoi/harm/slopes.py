"""The ground that erosion and contamination share: the hillslopes of the crop, made ready once."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from aoi.harm.factor import Factor
from aoi.harm.rusle import LsVariant, erodibility, erosivity_of_year, length_steepness
from aoi.harm.sediment import SLOPE_LIMITS
from geo.errors import InputError, Problem
from geo.flow import FlowNetwork
from geo.hillslope import Hillslopes, Tributaries, gradient_at, hillslopes, mean_upslope, tributaries

__all__ = ["Cover", "Slopes", "Soil", "prepare_slopes"]

FloatArray = NDArray[np.float64]
Plane = NDArray[np.float32]
_CHUNK = 1_000_000


Layer = ArrayLike | Callable[[NDArray[np.int32]], ArrayLike]
"""Values of the grid's shape, or a function that gives those at numbered cells, so that no whole grid is held."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Soil:
    """Topsoil in percent."""

    clay: Layer
    silt: Layer
    sand: Layer
    organic_carbon: Layer


@dataclass(frozen=True, slots=True, kw_only=True)
class Cover:
    """What covers the ground, and what would if no plot had opened; codes are places in `names`."""

    names: tuple[str, ...]
    """Such as "primary_forest" or "coca"; ``c_NAME`` and ``p_NAME`` are factors."""
    crop: str
    """The one of the names that the figures are about."""
    observed: NDArray[np.integer]
    """Shape (height, width); below 0 where it is not known."""
    counterfactual: NDArray[np.integer]
    """The cover before the plot opened; the same as observed where there is no plot or new track."""

    def __post_init__(self) -> None:
        where, places = "land cover", len(self.names)
        if self.crop not in self.names:
            raise InputError(Problem(where, f"no cover {self.crop}", "the crop among " + ", ".join(self.names)))
        if self.observed.shape != self.counterfactual.shape:
            found = f"observed {self.observed.shape}, counterfactual {self.counterfactual.shape}"
            raise InputError(Problem(where, found, "one shape"))
        for one in (self.observed, self.counterfactual):
            if one.size and one.max() >= places:
                raise InputError(Problem(where, f"code {one.max()}", f"0 to {places - 1}, below 0 if unknown"))

    @property
    def marked(self) -> NDArray[np.bool_]:
        """Where the crop stands, or the two differ, as on a new track."""
        return np.asarray((self.observed != self.counterfactual) | (self.observed == self.names.index(self.crop)))


@dataclass(frozen=True, slots=True, kw_only=True)
class Slopes:
    """Hillslopes of m cells with what the soil loss of each rests on."""

    hill: Hillslopes
    names: tuple[str, ...]
    observed: NDArray[np.uint8]
    counterfactual: NDArray[np.uint8]
    area_ha: FloatArray
    slope: Plane
    slope_above: Plane
    """Mean slope of each cell and all above it."""
    length_steepness: Plane
    anomaly: float
    """Mean over the crop of the year's Fournier index over its mean, 1 where the year is not told."""
    aside: Tributaries
    """Ground that drains into them from the sides, by cover; it is the same with and without the crop."""
    potential: Plane
    """R K LS, t/ha/yr of bare ground, one row for each equation of K, shape (equations, m)."""

    on_crop: NDArray[np.bool_]
    """Cells under the crop."""

    @property
    def plots(self) -> NDArray[np.intp]:
        """Places of the cells of the crop, and of those whose cover changed."""
        return np.flatnonzero(self.on_crop | (self.observed != self.counterfactual))

    def at_plots(self, mask: ArrayLike) -> NDArray[np.bool_]:
        """Return which of the cells of `plots` lie in a mask of the grid's shape."""
        return np.asarray(np.asarray(mask).reshape(-1)[self.hill.cells[self.plots]], dtype=np.bool_)


def prepare_slopes(
    network: FlowNetwork,
    stream: NDArray[np.bool_],
    elevation_m: NDArray[np.float32],
    cover: Cover,
    area_ha: ArrayLike,
    *,
    erosivity: Layer,
    soil: Soil | Layer,
    factors: Mapping[str, Factor],
    anomaly: Layer | None = None,
    whole: bool = False,
    variant: LsVariant = "desmet_govers_aspect",
) -> Slopes:
    """Return the hillslopes that hold the crop or a change of cover, ready for draws.

    Parameters
    ----------
    network
        Flow network of n cells.
    stream
        Cells of streams, shape (n,), as of `geo.hillslope.stream_mask`.
    elevation_m
        Shape (height, width).
    cover
        Observed and counterfactual cover.
    area_ha
        True area of cells, a number or of the grid's shape.
    erosivity
        R, MJ mm/ha/h/yr.
    soil
        Topsoil, from which K comes by three equations; or K itself, t ha h/ha/MJ/mm.
    factors
        For the cap of the slope length and what soil maps do not hold.
    anomaly
        Modified Fournier index of the year over that of the mean year, of the grid's shape; the erosivity is
        that of the mean year when it is left out.
    whole
        Whether to take whole slopes, for the map of deposits; figures need less.
    variant
        Of the factor LS; anything but the default is for comparison with that program alone.

    Raises
    ------
    InputError
        With all inputs that are missing on these hillslopes or lie outside of what is possible; nothing is
        filled in.
    """
    mark = cover.marked
    if mark.shape != network.shape:
        raise InputError(Problem("land cover", f"shape {mark.shape}", f"{network.shape}", "warp it to the grid"))
    hill = hillslopes(network, stream, mark, whole=whole)
    at = hill.cells
    aside = tributaries(network, stream, hill, cover.observed, len(cover.names))
    slope_above = _slope_above(network, stream, hill, elevation_m)  # before other arrays, for it needs a whole grid
    taken = {
        "land cover": _at(cover.observed, at),
        "land cover before": _at(cover.counterfactual, at),
        "erosivity": _at(erosivity, at),
        **(_soil_at(soil, at) if isinstance(soil, Soil) else {"erodibility": _at(soil, at)}),
    }
    if anomaly is not None:
        taken["Fournier anomaly"] = _at(anomaly, at)
    _require_known(taken)
    slope, ls = _slope_and_ls(network, hill, elevation_m, factors["slope_length_cap"].value, variant)
    k = taken["erodibility"][None] if "erodibility" in taken else _erodibility(taken, factors)
    if np.any((k < 0) | (k > 0.1)):
        found = f"{float(k.min()):g} to {float(k.max()):g}"
        raise InputError(Problem("erodibility", found, "0 to 0.1 t ha h/ha/MJ/mm", "multiply US units by 0.1317"))
    mean_anomaly = 1.0
    if anomaly is not None:
        exponent = factors["erosivity_exponent"].value
        taken["erosivity"] = erosivity_of_year(taken["erosivity"], taken["Fournier anomaly"], 1.0, exponent)
        on_crop = taken["land cover"] == cover.names.index(cover.crop)
        mean_anomaly = float(taken["Fournier anomaly"][on_crop].mean()) if on_crop.any() else 1.0
    if np.any((taken["erosivity"] < 0) | (taken["erosivity"] > 50_000)):
        found = f"{float(taken['erosivity'].min()):g} to {float(taken['erosivity'].max()):g}"
        raise InputError(Problem("erosivity", found, "0 to 50,000 MJ mm/ha/h/yr", "check unit and no-data"))
    return Slopes(
        hill=hill,
        names=cover.names,
        observed=taken["land cover"].astype(np.uint8),
        on_crop=taken["land cover"] == cover.names.index(cover.crop),
        counterfactual=taken["land cover before"].astype(np.uint8),
        area_ha=_at(area_ha, at) if np.ndim(area_ha) else np.full(at.size, area_ha, dtype=np.float64),
        slope=slope,
        slope_above=slope_above,
        aside=aside,
        anomaly=mean_anomaly,
        length_steepness=ls,
        potential=np.stack([(taken["erosivity"] * one * ls).astype(np.float32) for one in k]),
    )


def _slope_and_ls(
    network: FlowNetwork,
    hill: Hillslopes,
    elevation_m: NDArray[np.float32],
    most_length_m: float,
    variant: LsVariant,
) -> tuple[Plane, Plane]:
    """Return slope and LS of each cell, made in pieces so that no more than a piece is held in double precision."""
    slope, ls = np.empty(hill.cells.size, dtype=np.float32), np.empty(hill.cells.size, dtype=np.float32)
    for start in range(0, hill.cells.size, _CHUNK):
        piece = slice(start, start + _CHUNK)
        east, north = gradient_at(elevation_m, hill.cells[piece], network.cell_m)
        slope[piece] = np.hypot(east, north)
        ls[piece] = length_steepness(
            slope[piece],
            (hill.upslope[piece] - 1.0) * network.cell_area_m2,
            float(np.sqrt(network.cell_area_m2)),
            aspect_rad=np.arctan2(north, east),
            most_length_m=most_length_m,
            variant=variant,
        )
    return slope, ls


def _slope_above(
    network: FlowNetwork, stream: NDArray[np.bool_], hill: Hillslopes, elevation_m: NDArray[np.float32]
) -> Plane:
    """Return the mean slope of each cell and all above it, slopes held within their limits."""
    steep = np.zeros(network.downstream.size)
    for cells in np.array_split(network.order, max(1, network.order.size // _CHUNK)):
        steep[cells] = np.clip(np.hypot(*gradient_at(elevation_m, cells, network.cell_m)), *SLOPE_LIMITS)
    return mean_upslope(network, stream, hill, steep, overwrite=True)


def _at(layer: Layer, cells: NDArray[np.int32]) -> NDArray[np.float64]:
    values = layer(cells) if callable(layer) else np.asarray(layer).reshape(-1)[cells]
    return np.asarray(values, dtype=np.float64)


def _soil_at(soil: Soil, cells: NDArray[np.int32]) -> dict[str, NDArray[np.float64]]:
    layers = {"clay": soil.clay, "silt": soil.silt, "sand": soil.sand, "organic carbon": soil.organic_carbon}
    return {name: _at(layer, cells) for name, layer in layers.items()}


def _require_known(taken: Mapping[str, FloatArray]) -> None:
    """Refuse missing values on the hillslopes: none of them is a zero."""
    missing = {
        name: int((~np.isfinite(values) | ((values < 0) if name.startswith("land cover") else False)).sum())
        for name, values in taken.items()
    }
    wrong = [
        Problem(
            name,
            f"{count} cells without a value on the hillslopes of the crop",
            "one in each",
            "use a layer that covers them, or fill it from another source",
        )
        for name, count in missing.items()
        if count
    ]
    if wrong:
        raise InputError(wrong)


def _erodibility(taken: Mapping[str, FloatArray], factors: Mapping[str, Factor]) -> FloatArray:
    return erodibility(
        taken["clay"],
        taken["silt"],
        taken["sand"],
        taken["organic carbon"],
        structure=factors["soil_structure"].value,
        permeability=factors["soil_permeability"].value,
        fine_sand_share=factors["fine_sand_share"].value,
    )
