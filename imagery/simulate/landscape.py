"""A landscape whose truth is known: ground, fields with their history, and everything wild between them."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np
import shapely
from affine import Affine
from numpy.typing import NDArray
from rasterio.features import rasterize

from geo.grid import GeoBox
from imagery.profile import CropProfile, load_profile
from imagery.simulate.land_use import LandUse, lay_out
from imagery.simulate.relief import Ground, build_ground
from imagery.simulate.scenario import ImagingPeriod, Scenario, scenario_of

__all__ = ["CELL_M", "DEFAULT_SIZE", "SUBPIXELS", "Landscape", "build_landscape"]

CELL_M = 10
"""Side of a cell of the landscape's grid, metres."""
SUBPIXELS = 4
"""Parts that truth divides the side of a cell into (2.5 m)."""
DEFAULT_SIZE = 512
"""Cells on a side of an example."""

_TRIBUTARIES = {"clearings": 8, "strips": 0, "terraces": 6}


@dataclass(frozen=True)
class Landscape:
    """One landscape, the same for the same scenario, seed and size."""

    scenario: Scenario
    """The place it is a draw of."""
    profile: CropProfile
    """What its classes look like."""
    seed: int
    """Seed of everything random in it."""
    geobox: GeoBox
    """Grid of 10 m cells."""
    ground: Ground
    """Elevation and rivers."""
    land_use: LandUse
    """Fields, their class in every year, and the wild classes."""

    @cached_property
    def field_numbers(self) -> NDArray[np.int32]:
        """Field at every sub-pixel, counted from 1; 0 where there is none. Shape (4 height, 4 width)."""
        height, width = self.geobox.shape
        shapes = ((shape, index) for index, shape in enumerate(self.land_use.fields, start=1))
        return np.asarray(
            rasterize(
                shapes,
                out_shape=(height * SUBPIXELS, width * SUBPIXELS),
                transform=self.geobox.transform * Affine.scale(1 / SUBPIXELS),
                dtype="int32",
            )
        )

    def classes_of(self, year: int) -> NDArray[np.uint8]:
        """Return the class of every field in a year, 0 where it is not yet cleared, shape (n,)."""
        return self.land_use.history[:, self.scenario.years.index(year)]

    def truth(self, year: int) -> NDArray[np.uint8]:
        """Return the class at every sub-pixel in a year, shape (4 height, 4 width)."""
        by_number = np.concatenate([np.zeros(1, np.uint8), self.classes_of(year)])
        cultivated = by_number[self.field_numbers]
        return np.where(cultivated > 0, cultivated, self.land_use.wild).astype(np.uint8)

    def truth_at_centres(self, year: int) -> NDArray[np.uint8]:
        """Return the class at the centre of every cell in a year, shape (height, width)."""
        middle = SUBPIXELS // 2
        return self.truth(year)[middle::SUBPIXELS, middle::SUBPIXELS]

    def polygons_of(self, year: int, codes: tuple[int, ...]) -> tuple[NDArray[np.intp], NDArray[np.object_]]:
        """Return the numbers (from 1) and outlines of the fields that hold one of some classes in a year."""
        which = np.flatnonzero(np.isin(self.classes_of(year), codes))
        return which + 1, self.land_use.fields[which]

    def period(self, name: str) -> ImagingPeriod:
        """Return the period of that name; KeyError when there is none."""
        for period in self.scenario.periods:
            if period.name == name:
                return period
        raise KeyError(f"no period {name!r} in {self.scenario.name}")

    @property
    def extent(self) -> shapely.Polygon:
        """The rectangle of the grid."""
        box = self.geobox.boundingbox
        return shapely.box(box.left, box.bottom, box.right, box.top)


def build_landscape(name: str, seed: int, size: int | None = None) -> Landscape:
    """Make a landscape in memory.

    Parameters
    ----------
    name
        Scenario, such as ``andes-coca``.
    seed
        Seed of everything random in it.
    size
        Cells on a side, even; 512 by default.

    Raises
    ------
    SurveyFileError
        If there is no such scenario.
    """
    scenario = scenario_of(name)
    side = DEFAULT_SIZE if size is None else size
    west, north = scenario.origin
    geobox = GeoBox((side, side), Affine(CELL_M, 0, west, 0, -CELL_M, north), scenario.crs)
    profile = load_profile(name)
    ground = build_ground(geobox, scenario.relief, seed, tributaries=_TRIBUTARIES[scenario.layout])
    return Landscape(
        scenario=scenario,
        profile=profile,
        seed=seed,
        geobox=geobox,
        ground=ground,
        land_use=lay_out(scenario, profile, geobox, ground, seed),
    )
