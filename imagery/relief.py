"""The shading of slopes taken out of scenes: fitted once for each scene and band, applied wherever it is read."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from math import atan2, ceil, degrees, sqrt
from typing import Literal

import numpy as np
from affine import Affine
from numpy.typing import NDArray
from pyproj import Transformer

from geo.blocks import Block, map_blocks
from geo.errors import InputError, Problem
from geo.grid import GeoBox, cell_centres
from geo.raster import open_on_grid
from geo.shadow import cast_shadow, shadow_rim
from geo.terrain import Sun, cell_size_m, gradient, illumination, slope_deg
from imagery.scene import Scene, SunAngles
from imagery.sensor import Sensor
from imagery.topography import (
    CCorrection,
    Corrected,
    Effect,
    Minnaert,
    Moments,
    c_moments,
    corrected,
    effect,
    fit_c,
    fit_minnaert,
    minnaert_moments,
)

__all__ = [
    "FittedBand",
    "Light",
    "Relief",
    "ReliefOptions",
    "fit_relief",
    "grid_sun",
    "light_of",
    "with_relief",
]

Method = Literal["c", "minnaert"]
Reader = Callable[[Scene, Block], tuple[NDArray[np.int16], NDArray[np.bool_]]]
_NO_GROUND = -32_768.0
_DIGITS = 6  # parameters are kept in a table with six decimals, and used as kept


@dataclass(frozen=True, slots=True, kw_only=True)
class ReliefOptions:
    """How shading is taken out."""

    method: Method
    """``c`` or ``minnaert``."""
    elevation: str
    """Elevation raster, metres, any CRS."""
    least_illumination: float = 0.1
    """Cosine below which a cell is too dark to be corrected; such cells are not clear."""
    least_slope_deg: float = 5.0
    """Flatter cells teach nothing about shading and are not fitted on."""
    shadow_reach_m: float = 3000.0
    """How far away ground may cast a shadow."""
    least_cells: int = 50
    """Fewest cells on slopes that a correction is fitted on."""
    most_cells: int = 100_000
    """Cells of the frame that are fitted on, on a regular lattice."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Relief:
    """What is to be done to one scene."""

    elevation: str
    """Elevation raster."""
    sun: Sun
    """Where the sun stood, as a bearing of the grid."""
    corrections: Mapping[str, CCorrection | Minnaert]
    """Common band name to its correction; a band without one stays as it is."""
    least_illumination: float
    """Cosine below which a cell is too dark."""
    shadow_reach_m: float
    """How far away ground may cast a shadow."""


@dataclass(frozen=True, slots=True, kw_only=True)
class FittedBand:
    """The correction of one band of one scene and what it did."""

    scene: str
    """Name of the scene."""
    band: str
    """Common name."""
    method: Method
    """Which correction."""
    parameter: float | None
    """``c`` or ``k``; None where none could be fitted."""
    reason: str = ""
    """Why there is none."""
    effect: Effect = field(default_factory=lambda: Effect(Moments(), Moments()))
    """Reflectance on illumination, before and after, over the cells fitted on."""


@dataclass(frozen=True, slots=True)
class Light:
    """How the cells of a block are lit."""

    cosine: NDArray[np.float32]
    """Cosine of the angle of incidence, shape (h, w); NaN where there is no elevation."""
    shaded: NDArray[np.bool_]
    """Cells in the shadow of other ground, shape (h, w)."""
    slope_deg: NDArray[np.float32]
    """Slope, shape (h, w)."""


def grid_sun(angles: SunAngles, geobox: GeoBox) -> Sun:
    """Return the sun with its azimuth as a bearing of the grid, at the middle of the grid.

    Examples
    --------
    >>> eastern = GeoBox.from_bbox((799_000, 4_999_000, 801_000, 5_001_000), "EPSG:32632", resolution=10)
    >>> round(grid_sun(SunAngles(elevation_deg=40.0, azimuth_deg=150.0), eastern).azimuth_deg, 1)
    147.3
    """
    x, y = cell_centres(geobox, geobox.shape[0] / 2 - 0.5, geobox.shape[1] / 2 - 0.5)
    to_degrees = Transformer.from_crs(str(geobox.crs), 4326, always_xy=True)
    lon, lat = to_degrees.transform(float(x), float(y))
    ahead_x, ahead_y = to_degrees.transform(lon, lat + 1e-4, direction="INVERSE")
    true_north = degrees(atan2(ahead_x - float(x), ahead_y - float(y)))
    return Sun(zenith_deg=90.0 - angles.elevation_deg, azimuth_deg=(angles.azimuth_deg + true_north) % 360)


def light_of(elevation: str, sun: Sun, geobox: GeoBox, block: Block, shadow_reach_m: float) -> Light:
    """Return how the cells of a block are lit.

    Raises
    ------
    InputError
        If the elevation cannot be read, or the grid is not in metres.
    """
    width_m, height_m = cell_size_m(geobox)
    rim = shadow_rim(shadow_reach_m, width_m, height_m)
    cells = _elevation(elevation, geobox, block, rim)
    near = cells[rim - 1 : rim + 1 + block.height, rim - 1 : rim + 1 + block.width]
    ground = gradient(near, width_m, height_m)
    shaded = cast_shadow(cells, sun, cell_width_m=width_m, cell_height_m=height_m, reach_m=shadow_reach_m)
    return Light(illumination(ground, sun), shaded, slope_deg(ground))


def _elevation(path: str, geobox: GeoBox, block: Block, rim: int) -> NDArray[np.float64]:
    """Return the elevations of a block and of the cells around it, NaN where there are none."""
    old = geobox.transform
    corner = Affine(old.a, 0.0, old.c - rim * old.a, 0.0, old.e, old.f - rim * old.e)
    # The grid with its surroundings: a warped raster says nothing beyond the grid it is opened on
    wide = GeoBox((geobox.shape[0] + 2 * rim, geobox.shape[1] + 2 * rim), corner, geobox.crs)
    around = Block(block.row, block.col, block.height + 2 * rim, block.width + 2 * rim)
    with open_on_grid(path, wide, resampling="bilinear") as reader:
        nodata = reader.nodata
        kind = np.dtype(reader.dataset.dtypes[0])
        if nodata is not None:
            cells = reader.read(around).astype(np.float64)
    if nodata is None:
        # Beyond such a file there would be zeros, and a cliff down to them
        nodata = float(np.iinfo(kind).max) if kind.kind == "u" else _NO_GROUND
        with open_on_grid(path, wide, resampling="bilinear", fill=nodata) as reader:
            cells = reader.read(around).astype(np.float64)
    cells[cells == nodata] = np.nan
    return cells


def fit_relief(
    scenes: Sequence[Scene],
    geobox: GeoBox,
    *,
    sensor: Sensor,
    options: ReliefOptions,
    inside: NDArray[np.bool_] | None,
    read: Reader,
    block_size: int,
    jobs: int = 1,
) -> list[FittedBand]:
    """Return the correction of every band of every scene, fitted on a lattice of its clear cells.

    Parameters
    ----------
    scenes
        With the angles of the sun.
    geobox, sensor, options
        The grid, the bands, and how to work.
    inside
        Cells of the area frame, shape (h, w); None for all.
    read
        Gives the values of a scene in units of the sensor, shape (b, h, w), and its clear cells, for a block.
    block_size, jobs
        Side of the blocks worked on, and threads; neither changes the result.
    """
    shape = (geobox.shape[0], geobox.shape[1])
    step = max(1, ceil(sqrt(shape[0] * shape[1] / options.most_cells)))
    found: list[FittedBand] = []
    for scene in scenes:
        assert scene.sun is not None
        sun = grid_sun(scene.sun, geobox)

        def sample(block: Block, scene: Scene = scene, sun: Sun = sun) -> _Sample:
            return _sample(scene, sun, block, geobox, options, inside, read, step)

        parts = [part for _, part in map_blocks(sample, shape, size=block_size, jobs=jobs)]
        joined = _Sample.joined(parts, len(sensor.band))
        found += [
            _fitted(
                scene.id,
                band.common,
                joined.values[layer] * np.float32(sensor.quantum),
                joined.cosine,
                sun,
                options,
            )
            for layer, band in enumerate(sensor.band)
        ]
    return found


@dataclass(frozen=True, slots=True)
class _Sample:
    cell: NDArray[np.int64]
    cosine: NDArray[np.float32]
    values: NDArray[np.int16]

    @classmethod
    def joined(cls, parts: Iterable[_Sample], bands: int) -> _Sample:
        """Join samples of blocks in the order of their cells, so that sums do not depend on the blocks."""
        listed = list(parts)
        cell = np.concatenate([part.cell for part in listed]) if listed else np.empty(0, dtype=np.int64)
        order = np.argsort(cell, kind="stable")
        cosine = np.concatenate([part.cosine for part in listed])[order]
        values = np.concatenate([part.values for part in listed], axis=1)[:, order]
        assert values.shape[0] == bands
        return cls(cell[order], cosine, values)


def _sample(
    scene: Scene,
    sun: Sun,
    block: Block,
    geobox: GeoBox,
    options: ReliefOptions,
    inside: NDArray[np.bool_] | None,
    read: Reader,
    step: int,
) -> _Sample:
    rows = np.arange(block.row, block.row + block.height)
    cols = np.arange(block.col, block.col + block.width)
    wanted = ((rows % step == 0)[:, None] & (cols % step == 0)[None, :]) & (
        True if inside is None else inside[block.slices]
    )
    values, valid = read(scene, block)
    wanted &= valid
    if wanted.any():
        light = light_of(options.elevation, sun, geobox, block, options.shadow_reach_m)
        with np.errstate(invalid="ignore"):
            wanted &= ~light.shaded & (light.slope_deg >= options.least_slope_deg)
        cosine = light.cosine[wanted]
    else:
        cosine = np.empty(0, dtype=np.float32)
    row, col = np.nonzero(wanted)
    cell = (row + block.row).astype(np.int64) * geobox.shape[1] + col + block.col
    return _Sample(cell, cosine, values[:, wanted])


def _fitted(
    scene: str,
    band: str,
    reflectance: NDArray[np.float32],
    cosine: NDArray[np.float32],
    sun: Sun,
    options: ReliefOptions,
) -> FittedBand:
    least = options.least_illumination
    if cosine.size < options.least_cells:
        found = f"{cosine.size} clear cells on slopes, fewer than {options.least_cells}"
        return FittedBand(scene=scene, band=band, method=options.method, parameter=None, reason=found)
    try:
        correction: CCorrection | Minnaert
        if options.method == "c":
            fit = fit_c(
                c_moments(reflectance, cosine, least_illumination=least), band=band, least_illumination=least
            )
            parameter = round(fit.c, _DIGITS)
            correction = CCorrection(parameter)
        else:
            moments = minnaert_moments(reflectance, cosine, sun.cos_zenith, least_illumination=least)
            parameter = round(fit_minnaert(moments, band=band).k, _DIGITS)
            correction = Minnaert(parameter)
        after = corrected(reflectance, cosine, sun.cos_zenith, correction, least_illumination=least)
    except InputError as error:
        return FittedBand(
            scene=scene, band=band, method=options.method, parameter=None, reason=error.problems[0].found
        )
    return FittedBand(
        scene=scene,
        band=band,
        method=options.method,
        parameter=parameter,
        effect=effect(reflectance, after, cosine),
    )


def with_relief(scene: Scene, parameters: Mapping[str, float], options: ReliefOptions, geobox: GeoBox) -> Scene:
    """Return a scene that is corrected wherever it is read.

    Parameters
    ----------
    scene
        With the angles of the sun.
    parameters
        Common band name to ``c`` or ``k``.
    options
        As they were fitted with.
    geobox
        The analysis grid.

    Raises
    ------
    InputError
        If the scene does not say where the sun stood.
    """
    if scene.sun is None:
        raise InputError(no_sun(scene))
    make = CCorrection if options.method == "c" else Minnaert
    return replace(
        scene,
        relief=Relief(
            elevation=options.elevation,
            sun=grid_sun(scene.sun, geobox),
            corrections={band: make(parameter) for band, parameter in parameters.items()},
            least_illumination=options.least_illumination,
            shadow_reach_m=options.shadow_reach_m,
        ),
    )


def no_sun(scene: Scene) -> Problem:
    """Return the problem of a scene whose slopes cannot be corrected."""
    found = "no angles of the sun, which the topographic correction needs"
    return Problem(f"scene {scene.id}", found, "view:sun_elevation and view:sun_azimuth", "add them to the item")


def flattened(
    values: NDArray[np.int16], light: Light, correction: CCorrection | Minnaert, relief: Relief, quantum: float
) -> tuple[NDArray[np.int16], NDArray[np.bool_]]:
    """Return the values of a band without shading, in units of the sensor, and which cells have one.

    Parameters
    ----------
    values
        Units of the sensor, shape (h, w).
    light
        Of the block.
    correction
        Of the band.
    relief
        Of the scene.
    quantum
        Physical value of one unit.
    """
    result: Corrected = corrected(
        values.astype(np.float32) * np.float32(quantum),
        light.cosine,
        relief.sun.cos_zenith,
        correction,
        least_illumination=relief.least_illumination,
    )
    known = ~np.isnan(result.reflectance)
    units = np.rint(np.where(known, result.reflectance, 0) / np.float32(quantum))
    return np.clip(units, -32_000, 32_000).astype(np.int16), known
