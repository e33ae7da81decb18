"""The ground that erosion and contamination share: the hillslopes of the crop, made ready once."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from aoi.harm.factor import Factor
from aoi.harm.rusle import ERODIBILITY_UNIT, LsVariant, erodibility, erosivity_of_year, length_steepness
from aoi.harm.sediment import SLOPE_LIMITS
from geo.errors import InputError, Problem
from geo.flow import FlowNetwork
from geo.hillslope import Hillslopes, Tributaries, gradient_at, hillslopes, mean_upslope, tributaries

__all__ = ["BareGround", "Cover", "Layer", "Slopes", "Soil", "bare_ground", "prepare_slopes"]

FloatArray = NDArray[np.float64]
Plane = NDArray[np.float32]
_CHUNK = 1_000_000
_NEVER_ZERO, _ZERO_SHARE = ("erosivity", "erodibility", "Fournier anomaly"), 0.05
"""Layers that are 0 nowhere on Earth, and the share of cells from which zero is taken for a no-data value."""
LEAST_CARBON = 0.1
"""Organic carbon that the soil of no survey stays below everywhere, percent: less is a wrong scale."""

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
    fresh: str = ""
    """The one of the names that stands for the crop on land cleared in the year; "" where that is not known."""
    track: str = ""
    """The one of the names that stands for a new track; "" where none are known."""

    def __post_init__(self) -> None:
        where, places = "land cover", len(self.names)
        for name in (self.crop, *filter(None, (self.fresh, self.track))):
            if name not in self.names:
                raise InputError(Problem(where, f"no cover {name}", "one among " + ", ".join(self.names)))
        if self.observed.shape != self.counterfactual.shape:
            found = f"observed {self.observed.shape}, counterfactual {self.counterfactual.shape}"
            raise InputError(Problem(where, found, "one shape"))
        for one in (self.observed, self.counterfactual):
            if one.size and one.max() >= places:
                raise InputError(Problem(where, f"code {one.max()}", f"0 to {places - 1}, below 0 if unknown"))

    @property
    def marked(self) -> NDArray[np.bool_]:
        """Where the crop stands, or the two differ, as on a new track."""
        found = self.observed != self.counterfactual
        found |= self.observed == self.names.index(self.crop)
        return np.asarray(found)

    def changed_to(self, name: str, observed: NDArray[Any], counterfactual: NDArray[Any]) -> NDArray[np.bool_]:
        """Say of some cells which of them have come to a cover, none if it has no name."""
        code = self.names.index(name) if name else -1
        return np.asarray((observed == code) & (counterfactual != code))


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
    """Cells under the crop, those cleared in the year among them."""
    crop: str
    """Name of the crop."""
    fresh: str = ""
    """Name of the cover of the crop on land cleared in the year."""
    on_track: NDArray[np.bool_] = field(default_factory=lambda: np.zeros(0, dtype=np.bool_))
    """Cells of new tracks; none where it is empty."""

    @property
    def load_names(self) -> tuple[str, ...]:
        """What is brought to each cover goes by these names: the crop's own on land cleared in the year too."""
        return tuple(self.crop if name == self.fresh else name for name in self.names)

    @property
    def tracks(self) -> NDArray[np.bool_]:
        """Cells of new tracks, shape (m,)."""
        return self.on_track if self.on_track.size else np.zeros(self.on_crop.size, dtype=np.bool_)

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
    area_ha: float | Layer,
    *,
    erosivity: Layer,
    soil: Soil | Layer,
    factors: Mapping[str, Factor],
    anomaly: Layer | None = None,
    also: NDArray[np.int32] | None = None,
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
        True area of cells: a number, of the grid's shape, or a function of numbered cells.
    erosivity
        R, MJ mm/ha/h/yr.
    soil
        Topsoil, from which K comes by three equations; or K itself, t ha h/ha/MJ/mm.
    factors
        For the cap of the slope length and what soil maps do not hold.
    anomaly
        Modified Fournier index of the year over that of the mean year, of the grid's shape; the erosivity is
        that of the mean year when it is left out.
    also
        Numbers of further cells whose way to a stream is wanted, such as places of processing.
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
    if also is not None:
        mark.reshape(-1)[also] = True
    hill = hillslopes(network, stream, mark, whole=whole)
    del mark
    at = hill.cells
    aside = tributaries(network, stream, hill, cover.observed, len(cover.names))
    codes = {
        "land cover": np.asarray(cover.observed).reshape(-1)[at].astype(np.int16),
        "land cover before": np.asarray(cover.counterfactual).reshape(-1)[at].astype(np.int16),
    }
    none = np.zeros((0, 0), dtype=np.int8)
    cover = replace(cover, observed=none, counterfactual=none)  # grids of their own, given back before the next one
    slope_above = mean_upslope(network, stream, hill, lambda cells: _held_slope(network, elevation_m, cells))
    problems = list(_told_missing({name: int((values < 0).sum()) for name, values in codes.items()}))
    try:
        ground = bare_ground(
            network, elevation_m, at, hill.upslope, erosivity=erosivity, soil=soil, factors=factors,
            anomaly=anomaly, variant=variant,
        )  # fmt: skip
    except InputError as error:
        raise InputError([*problems, *error.problems]) from error
    if problems:
        raise InputError(problems)
    now, before = codes.values()
    on_crop = now == cover.names.index(cover.crop)
    on_crop |= cover.changed_to(cover.fresh, now, before)
    return Slopes(
        hill=hill,
        names=cover.names,
        observed=codes["land cover"].astype(np.uint8),
        on_crop=on_crop,
        crop=cover.crop,
        fresh=cover.fresh,
        on_track=cover.changed_to(cover.track, now, before) if cover.track else np.zeros(0, dtype=np.bool_),
        counterfactual=codes["land cover before"].astype(np.uint8),
        area_ha=_areas(area_ha, at),
        slope=ground.slope,
        slope_above=slope_above,
        aside=aside,
        anomaly=float(ground.anomaly[on_crop].mean(dtype=np.float64)) if on_crop.any() else 1.0,
        length_steepness=ground.length_steepness,
        potential=ground.potential,
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class BareGround:
    """What bare soil would lose at numbered cells, shape (m,) each."""

    slope: Plane
    """Rise over run as the elevation has it, however steep."""
    length_steepness: Plane
    potential: Plane
    """R K LS at the central erosivity, t/ha/yr, one row for each equation of K, shape (equations, m)."""
    anomaly: Plane
    """The year's Fournier index over its mean, 1 where the year is not told."""


def bare_ground(
    network: FlowNetwork,
    elevation_m: NDArray[np.float32],
    cells: NDArray[np.int32],
    upslope: NDArray[np.int32],
    *,
    erosivity: Layer,
    soil: Soil | Layer,
    factors: Mapping[str, Factor],
    anomaly: Layer | None = None,
    variant: LsVariant = "desmet_govers_aspect",
) -> BareGround:
    """Return ``R K LS`` of some cells, in pieces so that no more than a piece is held in double precision.

    Slopes steeper than `slope_held_at` count as that steep: no plot that the steepness was measured on was steeper.

    Parameters
    ----------
    network, elevation_m
        As of `prepare_slopes`.
    cells
        Numbers of cells that have elevation, shape (m,).
    upslope
        Cells that drain through each, itself counted, shape (m,).
    erosivity, soil, factors, anomaly, variant
        As of `prepare_slopes`.

    Raises
    ------
    InputError
        With all inputs that are missing at these cells or lie outside of what is possible.
    """
    layers: dict[str, Layer] = {"erosivity": erosivity}
    layers |= _soil_layers(soil) if isinstance(soil, Soil) else {"erodibility": soil}
    if anomaly is not None:
        layers["Fournier anomaly"] = anomaly
    missing: dict[str, int] = {}
    zero = dict.fromkeys(set(layers) & set(_NEVER_ZERO), 0)
    slope, ls = np.empty(cells.size, dtype=np.float32), np.empty(cells.size, dtype=np.float32)
    potential = np.empty((3 if isinstance(soil, Soil) else 1, cells.size), dtype=np.float32)
    year = np.ones(cells.size, dtype=np.float32) if anomaly is None else np.empty(cells.size, dtype=np.float32)
    for start in range(0, cells.size, _CHUNK):
        piece = slice(start, start + _CHUNK)
        values = {name: _at(layer, cells[piece]).astype(np.float64) for name, layer in layers.items()}
        holes = {name: int((~np.isfinite(column)).sum()) for name, column in values.items()}
        if any(holes.values()):
            missing = {name: count + missing.get(name, 0) for name, count in holes.items()}
            continue
        zero = {name: count + int((values[name] == 0).sum()) for name, count in zero.items()}
        _require_possible("erosivity", values["erosivity"], 50_000, "MJ mm/ha/h/yr", "check unit and no-data")
        east, north = gradient_at(elevation_m, cells[piece], network.cell_m)
        slope[piece] = np.hypot(east, north)
        ls[piece] = length_steepness(
            np.minimum(slope[piece], np.float32(factors["slope_held_at"].value)),
            (upslope[piece] - 1.0) * network.cell_area_m2,
            float(np.sqrt(network.cell_area_m2)),
            aspect_rad=np.arctan2(north, east),
            most_length_m=factors["slope_length_cap"].value,
            variant=variant,
        )
        if "organic carbon" in values and cells[piece].size and values["organic carbon"].max() < LEAST_CARBON:
            found = f"up to {values['organic carbon'].max():.3g} percent"
            remedy = "check unit and scale; SoilGrids stores dg/kg"
            raise InputError(Problem("organic carbon", found, f"{LEAST_CARBON:g} percent somewhere", remedy))
        k = values["erodibility"][None] if "erodibility" in values else _erodibility(values, factors)
        _require_possible("erodibility", k, 0.1, ERODIBILITY_UNIT, "multiply US units by 0.1317")
        rain = values["erosivity"]
        if anomaly is not None:
            year[piece] = values["Fournier anomaly"]
            rain = erosivity_of_year(rain, values["Fournier anomaly"], 1.0, factors["erosivity_exponent"].value)
        for row, one in enumerate(k):
            potential[row, piece] = rain * one * ls[piece]
    problems = [*_told_missing(missing), *_told_zero(zero, cells.size)]
    if problems:
        raise InputError(problems)
    return BareGround(slope=slope, length_steepness=ls, potential=potential, anomaly=year)


def _require_possible(name: str, values: NDArray[np.floating], most: float, unit: str, remedy: str) -> None:
    if np.any((values < 0) | (values > most)):
        found = f"{float(values.min()):g} to {float(values.max()):g}"
        raise InputError(Problem(name, found, f"0 to {most:,g} {unit}", remedy))


def _held_slope(network: FlowNetwork, elevation_m: NDArray[np.float32], cells: NDArray[np.int32]) -> Plane:
    """Return slopes held within the limits of the connectivity index."""
    return np.asarray(np.clip(np.hypot(*gradient_at(elevation_m, cells, network.cell_m)), *SLOPE_LIMITS))


def _at(layer: Layer, cells: NDArray[np.int32]) -> NDArray[Any]:
    return np.asarray(layer(cells) if callable(layer) else np.asarray(layer).reshape(-1)[cells])


def _areas(area_ha: float | Layer, cells: NDArray[np.int32]) -> FloatArray:
    if callable(area_ha) or np.ndim(area_ha):
        return _at(area_ha, cells).astype(np.float64)
    return np.full(cells.size, area_ha, dtype=np.float64)


def _soil_layers(soil: Soil) -> dict[str, Layer]:
    return {"clay": soil.clay, "silt": soil.silt, "sand": soil.sand, "organic carbon": soil.organic_carbon}


def _told_missing(counts: Mapping[str, int]) -> Iterator[Problem]:
    """Yield what has missing values on the hillslopes: none of them is a zero."""
    for name, count in counts.items():
        if count:
            yield Problem(
                name,
                f"{count} cells without a value on the hillslopes of the crop",
                "one in each",
                "use a layer that covers them, or fill it from another source",
            )


def _told_zero(counts: Mapping[str, int], cells: int) -> Iterator[Problem]:
    """Yield what is 0 on more of the hillslopes than chance: no-data that nobody named."""
    for name, count in counts.items():
        if count > _ZERO_SHARE * cells:
            found = f"0 in {100 * count / cells:.0f} % of the hillslopes of the crop"
            yield Problem(name, found, "above 0", "state nodata = 0 if zero means not known")


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
