"""Reflectance of one sensor as another would see it, band by band, with published coefficients.

The relation is linear, and so is that from raw numbers to reflectance: it is folded into scale and offset of each
band of each scene, and costs nothing when a scene is read.
"""

from __future__ import annotations

import tomllib
from collections.abc import Iterable
from dataclasses import dataclass, replace
from importlib.resources import files
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field

from imagery.scene import Scene

__all__ = ["Adjustment", "Harmonised", "adjustments", "harmonised"]

_LIKE = {"oli": ("landsat-8", "landsat-9")}
"""Platforms that see as the target does."""


class Adjustment(BaseModel):
    """Coefficients from the bands of some platforms to those of a target."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    platforms: tuple[str, ...] = Field(min_length=1, description="Platforms it holds for")
    target: Literal["oli"] = Field(description="Sensor whose view it gives")
    source: str = Field(min_length=1, description="Publication")
    mark: Literal["found", "unverified"] = Field(description="Whether the numbers were read there")
    note: str = Field(default="", description="What to mind")
    band: dict[str, tuple[float, float]] = Field(description="Common band name to slope and intercept")


@dataclass(frozen=True, slots=True)
class Harmonised:
    """Scenes as the target would see them, and what could not be changed."""

    scenes: tuple[Scene, ...]
    """In the order given."""
    unchanged: tuple[tuple[str, str], ...]
    """Names of scenes of platforms without coefficients, and the platform."""


def adjustments() -> tuple[Adjustment, ...]:
    """Return all adjustments that come with the program."""
    text = files("imagery.data").joinpath("bandpass.toml").read_text(encoding="utf-8")
    return tuple(Adjustment.model_validate(entry) for entry in tomllib.loads(text)["adjustment"])


def harmonised(scenes: Iterable[Scene], target: Literal["oli"]) -> Harmonised:
    """Return scenes as the target would see them.

    Bands without coefficients stay as they are, and so do scenes of platforms without any; these are told.

    Parameters
    ----------
    scenes
        Of any platform.
    target
        ``oli``: Landsat 8 and 9.

    Examples
    --------
    >>> from datetime import UTC, datetime
    >>> from imagery.scene import BandFile
    >>> red = BandFile(path="red.tif", scale=1e-4, offset=-0.1)
    >>> scene = Scene(id="A", time=datetime(2023, 5, 1, tzinfo=UTC), bands={"red": red}, platform="sentinel-2a")
    >>> (seen,) = harmonised([scene], "oli").scenes
    >>> raw = 2000  # a reflectance of 0.1
    >>> round(seen.bands["red"].scale * raw + seen.bands["red"].offset, 6)  # 0.9765 * 0.1 + 0.0009
    0.09855
    """
    towards = [entry for entry in adjustments() if str(entry.target) == target]
    by_platform = {platform: entry for entry in towards for platform in entry.platforms}
    done, unchanged = [], []
    for scene in scenes:
        entry = by_platform.get(scene.platform)
        if entry is not None:
            done.append(_changed(scene, entry))
            continue
        done.append(scene)
        if scene.platform not in _LIKE[target]:
            unchanged.append((scene.id, scene.platform or "unknown"))
    return Harmonised(tuple(done), tuple(unchanged))


def _changed(scene: Scene, entry: Adjustment) -> Scene:
    bands = dict(scene.bands)
    for name, (slope, intercept) in entry.band.items():
        if name in bands:
            old = bands[name]
            bands[name] = replace(old, scale=slope * old.scale, offset=slope * old.offset + intercept)
    return replace(scene, bands=bands)
