"""Scenes made comparable before they are composed: moved onto each other, and without the shading of slopes."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Literal, TypeVar

import numpy as np
from numpy.typing import NDArray

from geo.blocks import BLOCK_SIZE, Block
from geo.errors import InputError
from geo.grid import GeoBox
from imagery.coregister import Alignment, alignments
from imagery.relief import FittedBand, ReliefOptions, fit_relief, no_sun, with_relief
from imagery.scene import Scene
from imagery.sensor import Band, Sensor
from imagery.stack import BrokenSceneError, read_stack, working_side

__all__ = ["AdjustOptions", "Adjusted", "adjusted", "alignment_state", "moved"]

Result = TypeVar("Result")
Lost = tuple[str, str]
_PREFERRED = ("nir", "nir08", "red")
"""Bands that scenes are compared by: the first of them that the sensor has, else its first."""


@dataclass(frozen=True, slots=True, kw_only=True)
class AdjustOptions:
    """How scenes are made comparable."""

    coregistration: Literal["none", "report", "shift", "leave-out"] = "report"
    """What is done about a scene that lies beside the others."""
    tolerance_m: float = 10.0
    """Shift that is borne, metres."""
    relief: ReliefOptions | None = None
    """How shading is taken out; None to leave it."""
    cloud_buffer_m: float = 60.0
    """Growth of cloud and shadow masks."""
    broken: Literal["refuse", "drop"] = "refuse"
    """What a scene with an unreadable file does."""
    block_size: int = BLOCK_SIZE
    """Side of the blocks worked on; sets the memory and nothing else."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Adjusted:
    """Scenes made comparable, and what was found on the way."""

    scenes: tuple[Scene, ...]
    """Scenes to go on with."""
    lost: tuple[Lost, ...]
    """Scenes that fell out, with the reason."""
    alignment: tuple[Alignment, ...]
    """Shift of each scene; empty where none was measured."""
    bands: tuple[FittedBand, ...]
    """Correction of each band of each scene; empty where shading stays."""


def adjusted(
    scenes: Sequence[Scene],
    *,
    geobox: GeoBox,
    sensor: Sensor,
    options: AdjustOptions,
    inside: NDArray[np.bool_] | None,
    jobs: int = 1,
) -> Adjusted:
    """Return scenes that lie on each other and are lit alike, as far as the options ask for it.

    Parameters
    ----------
    scenes
        Of one period.
    geobox, sensor, options
        The grid, the bands, and how to work.
    inside
        Cells of the area frame, shape (h, w); None for all.
    jobs
        Threads.

    Raises
    ------
    BrokenSceneError
        If a scene cannot be read and the options say so.
    InputError
        If no scene is left, or the elevation cannot be read.
    """
    kept, lost = list(scenes), list[Lost]()
    found: list[Alignment] = []
    if options.coregistration != "none":
        one_band = sensor.model_copy(update={"band": (_compared(sensor),)})

        def first(scene: Scene, block: Block) -> tuple[NDArray[np.int16], NDArray[np.bool_]]:
            values, valid = _read(scene, block, geobox, one_band, options)
            return values[0], valid

        found = _until_whole(lambda: alignments(kept, geobox, inside=inside, read=first), kept, lost, options)
        kept, beyond = _aligned(kept, found, options)
        lost += beyond
    bands: list[FittedBand] = []
    relief = options.relief
    if relief is not None:
        lost += [(scene.id, no_sun(scene).found) for scene in kept if scene.sun is None]
        kept = [scene for scene in kept if scene.sun is not None]
        bands = _until_whole(
            lambda: fit_relief(
                kept,
                geobox,
                sensor=sensor,
                options=relief,
                inside=inside,
                read=lambda scene, block: _read(scene, block, geobox, sensor, options),
                block_size=working_side(geobox, options.block_size),
                jobs=jobs,
            ),
            kept,
            lost,
            options,
        )
        kept = [
            with_relief(
                scene,
                {one.band: one.parameter for one in bands if one.scene == scene.id and one.parameter is not None},
                relief,
                geobox,
            )
            for scene in kept
        ]
    if not kept:
        raise InputError(f"no scene is left: {'; '.join(f'{name}: {why}' for name, why in lost)}")
    return Adjusted(scenes=tuple(kept), lost=tuple(lost), alignment=tuple(found), bands=tuple(bands))


def alignment_state(one: Alignment, options: AdjustOptions) -> str:
    """Return in a word what is done about a scene: not_measured, within, beyond, moved or left_out."""
    if one.distance_m is None:
        return "not_measured"
    if one.distance_m <= options.tolerance_m:
        return "within"
    return {"shift": "moved", "leave-out": "left_out"}.get(options.coregistration, "beyond")


def moved(scene: Scene, east_m: float, north_m: float) -> Scene:
    """Return a scene whose images are moved wherever they are read."""
    return replace(scene, shift_m=(east_m, north_m))


def _aligned(
    scenes: Sequence[Scene], found: Sequence[Alignment], options: AdjustOptions
) -> tuple[list[Scene], list[Lost]]:
    """Return the scenes to go on with, moved where they must be, and those that lie too far off."""
    kept, beyond = [], []
    for scene, one in zip(scenes, found, strict=True):
        state = alignment_state(one, options)
        if state == "left_out":
            beyond.append((scene.id, f"it lies {one.distance_m:.1f} m beside the others"))
        elif state == "moved" and one.east_m is not None and one.north_m is not None:
            kept.append(moved(scene, one.east_m, one.north_m))
        else:
            kept.append(scene)
    return kept, beyond


def _until_whole(work: Callable[[], Result], kept: list[Scene], lost: list[Lost], options: AdjustOptions) -> Result:
    """Do some work on `kept`, again without each scene that turns out to be broken."""
    while True:
        try:
            return work()
        except BrokenSceneError as error:
            if options.broken == "refuse" or len(kept) == 1:
                raise
            lost.append((error.scene_id, error.told))
            kept[:] = [scene for scene in kept if scene.id != error.scene_id]


def _compared(sensor: Sensor) -> Band:
    """Return the band that scenes are compared by."""
    by_name = {band.common: band for band in sensor.band}
    return next((by_name[name] for name in _PREFERRED if name in by_name), sensor.band[0])


def _read(
    scene: Scene, block: Block, geobox: GeoBox, sensor: Sensor, options: AdjustOptions
) -> tuple[NDArray[np.int16], NDArray[np.bool_]]:
    """Return the values of a scene, shape (b, h, w), and its clear cells."""
    stack = read_stack([scene], geobox, block, sensor=sensor, cloud_buffer_m=options.cloud_buffer_m)
    return stack.values[0], stack.valid[0]
