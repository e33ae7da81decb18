"""One acquisition: where its bands lie, how their integers are scaled, and which cells of it are usable."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import date, datetime
from pathlib import Path
from typing import TYPE_CHECKING

from geo.blocks import Block
from geo.errors import InputError
from imagery.address import is_remote
from imagery.sensor import Sensor, baseline_number

if TYPE_CHECKING:
    from imagery.relief import Relief

__all__ = ["BandFile", "Scene", "SunAngles", "naming", "platform_name", "scene_files", "unique_scenes"]


@dataclass(frozen=True, slots=True, kw_only=True)
class BandFile:
    """One band of one scene in a file."""

    path: str
    """File, or address of one."""
    index: int = 1
    """Band number inside the file, from 1."""
    scale: float = 1.0
    """Factor from raw to physical values."""
    offset: float = 0.0
    """Added after scaling, in physical units."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SunAngles:
    """Where the sun stood over the middle of a scene, as its metadata tell."""

    elevation_deg: float
    """Above the horizon, degrees."""
    azimuth_deg: float
    """Clockwise from true north, degrees."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Scene:
    """One acquisition."""

    id: str
    """Name of the scene, shown in every message about it."""
    time: datetime
    """Time of acquisition (UTC), or first day of the interval a composite stands for."""
    bands: Mapping[str, BandFile]
    """Common band name to file."""
    mask: BandFile | None = None
    """Mask band (SCL, QA_PIXEL), if the sensor has one."""
    baseline: str | None = None
    """Processing baseline."""
    tile: str = ""
    """Tile of the provider's grid; empty when unknown."""
    bounds: tuple[float, float, float, float] | None = None
    """West, south, east, north in degrees; west exceeds east across the anti-meridian."""
    platform: str = ""
    """Satellite in lower case, such as sentinel-2a or landsat-7; empty when unknown."""
    sun: SunAngles | None = None
    """Where the sun stood, if the metadata tell."""
    shift_m: tuple[float, float] = (0.0, 0.0)
    """How far its images are moved east and north so that they lie where others do, metres."""
    sensor: Sensor | None = None
    """Its own sensor, where scenes of several stand in one series; None for that of the series."""
    relief: Relief | None = None
    """How the shading of slopes is taken out; None where it stays."""
    extent: Block | None = None
    """Window of the analysis grid that its files cover, from `imagery.extent.placed`; None where unknown."""

    @property
    def day(self) -> date:
        """Day of acquisition (UTC)."""
        return self.time.date()

    def reaches(self, block: Block) -> bool:
        """Say whether any of its files may have a cell of a block."""
        own = self.extent
        return own is None or (
            own.row < block.row + block.height
            and block.row < own.row + own.height
            and own.col < block.col + block.width
            and block.col < own.col + own.width
        )


def unique_scenes(scenes: Iterable[Scene]) -> tuple[Scene, ...]:
    """Return each acquisition once, in order of time and name.

    Of scenes with the same name, or of the same tile at the same second, the one with the highest processing
    baseline stays, then the last name; so neither the order of the list nor a repeated entry matters.

    Parameters
    ----------
    scenes
        In any order.
    """
    ranked = sorted(scenes, key=_rank)
    by_name = {scene.id: scene for scene in ranked}
    by_acquisition = {_acquisition(scene): scene for scene in sorted(by_name.values(), key=_rank)}
    return tuple(sorted(by_acquisition.values(), key=lambda scene: (scene.time, scene.id)))


def naming(error: InputError, scene: str) -> InputError:
    """Return an error each problem of which names the scene it is about."""
    return InputError(
        problem
        if problem.where.startswith("scene ")
        else replace(problem, where=f"scene {scene}", found=f"{problem.found} ({problem.where.rsplit('/', 1)[-1]})")
        for problem in error.problems
    )


def platform_name(text: str) -> str:
    """Return the name of a satellite as this program writes it.

    Examples
    --------
    >>> platform_name("LANDSAT_8"), platform_name("Sentinel-2A"), platform_name("sentinel 2b")
    ('landsat-8', 'sentinel-2a', 'sentinel-2b')
    """
    return re.sub(r"[\s_]+", "-", text.strip().lower())


def scene_files(scenes: Iterable[Scene]) -> list[Path]:
    """Return the local files that scenes are read from, each once and in order, for hashing."""
    paths = {file.path for scene in scenes for file in (*scene.bands.values(), scene.mask) if file}
    return sorted(Path(path) for path in paths if not is_remote(path))


def _rank(scene: Scene) -> tuple[float, str, str]:
    number = baseline_number(scene.baseline) if scene.baseline else 0.0
    files = "|".join(file.path for file in scene.bands.values())
    return number, scene.id, files


def _acquisition(scene: Scene) -> tuple[str, str]:
    """Identify an acquisition; without a tile name nothing but the scene's own name can."""
    return (scene.tile, f"{scene.time:%Y%m%dT%H%M%S}") if scene.tile else ("", scene.id)
