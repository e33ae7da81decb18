"""The ground that erosion and contamination share: the hillslopes of the crop, made ready once."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from aoi.harm.factor import Factor
from aoi.harm.rusle import LsVariant, erodibility, erosivity_of_year, length_steepness
from aoi.harm.sediment import mean_slope
from geo.errors import InputError, Problem
from geo.flow import FlowNetwork
from geo.hillslope import Hillslopes, gradient_at, hillslopes

__all__ = ["Cover", "Slopes", "Soil", "prepare_slopes"]

FloatArray = NDArray[np.float64]
Plane = NDArray[np.float32]


@dataclass(frozen=True, slots=True, kw_only=True)
class Soil:
    """Topsoil in percent, each of the grid's shape."""

    clay: ArrayLike
    silt: ArrayLike
    sand: ArrayLike
    organic_carbon: ArrayLike


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
    erosivity: ArrayLike,
    soil: Soil | ArrayLike,
    factors: Mapping[str, Factor],
    anomaly: ArrayLike | None = None,
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
        True area of cells, a number or shape (height, width).
    erosivity
        R, MJ mm/ha/h/yr, of the grid's shape.
    soil
        Topsoil, from which K comes by three equations; or K itself, t ha h/ha/MJ/mm, of the grid's shape.
    factors
        For the cap of the slope length and what soil maps do not hold.
    anomaly
        Modified Fournier index of the year over that of the mean year, of the grid's shape; the erosivity is
        that of the mean year when it is left out.
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
    hill = hillslopes(network, stream, mark)
    at = hill.cells
    taken = {
        "land cover": _at(cover.observed, at),
        "land cover before": _at(cover.counterfactual, at),
        "erosivity": _at(erosivity, at),
        **(_soil_at(soil, at) if isinstance(soil, Soil) else {"erodibility": _at(soil, at)}),
    }
    if anomaly is not None:
        taken["Fournier anomaly"] = _at(anomaly, at)
    _require_known(taken)
    east, north = gradient_at(elevation_m, at, network.cell_m)
    slope = np.hypot(east, north)
    cell_m = float(np.sqrt(network.cell_area_m2))
    ls = length_steepness(
        slope,
        (hill.upslope - 1.0) * network.cell_area_m2,
        cell_m,
        aspect_rad=np.arctan2(north, east),
        most_length_m=factors["slope_length_cap"].value,
        variant=variant,
    ).astype(np.float32)
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
        slope_above=mean_slope(hill, slope),
        anomaly=mean_anomaly,
        length_steepness=ls,
        potential=(taken["erosivity"] * k * ls).astype(np.float32),
    )


def _at(layer: ArrayLike, cells: NDArray[np.int32]) -> NDArray[np.float64]:
    return np.asarray(np.asarray(layer).reshape(-1)[cells], dtype=np.float64)


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
