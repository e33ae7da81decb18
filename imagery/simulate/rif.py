"""Land use of a terraced mountain: small fields along the slope, groves, scrub and forest above."""

from __future__ import annotations

import numpy as np
import shapely
import shapely.affinity
from numpy.typing import NDArray

from geo.grid import GeoBox
from imagery.profile import CropProfile
from imagery.simulate.fields import LandUse, enlarge, paint_lines, patches, sample_at, targets_ha
from imagery.simulate.history import crop_years, rotation
from imagery.simulate.noise import fractal, stream
from imagery.simulate.plots import cut_out, terraces, tidy, zones
from imagery.simulate.relief import Ground, meander
from imagery.simulate.scenario import Scenario

__all__ = ["lay_out_terraces"]

_STREAM = 23
_FARMED = 0.42  # share of the area on which terraces stand


def lay_out_terraces(
    scenario: Scenario, profile: CropProfile, geobox: GeoBox, ground: Ground, seed: int
) -> LandUse:
    """Lay out terraces; the parameters are those of `land_use.lay_out`."""
    rng = stream(seed, _STREAM)
    roads = _roads(geobox, ground, rng)
    fields = _terraces(geobox, ground, roads, rng)
    return LandUse(
        fields=fields,
        history=_history(scenario, profile, geobox, fields, rng),
        wild=_wild(profile, geobox, ground, roads, rng),
        roads=roads,
    )


def _roads(geobox: GeoBox, ground: Ground, rng: np.random.Generator) -> tuple[shapely.LineString, ...]:
    box = geobox.boundingbox
    along = shapely.affinity.translate(ground.rivers[0].simplify(20), xoff=-220.0)
    start = along.interpolate(rng.uniform(0.35, 0.6), normalized=True)
    end = (box.right, start.y + rng.uniform(-0.15, 0.15) * (box.top - box.bottom))
    return (along, meander((start.x, start.y), end, swing_m=220.0, rng=rng))


def _terraces(
    geobox: GeoBox, ground: Ground, roads: tuple[shapely.LineString, ...], rng: np.random.Generator
) -> NDArray[np.object_]:
    """Draw terraces along the contour lines where the land is farmed."""
    east, north = ground.gradient(10.0)
    box = geobox.boundingbox

    def contour(x: float, y: float) -> float:
        """Return the direction of the contour line, square to the mean gradient of 200 m around a point."""
        row, col = int((box.top - y) / 10), int((x - box.left) / 10)
        near = slice(max(row - 10, 0), row + 11), slice(max(col - 10, 0), col + 11)
        return float(np.arctan2(north[near].mean(), east[near].mean()) + np.pi / 2)

    areas = zones(geobox, contour, side_m=420.0, rng=rng)
    shares = rng.uniform(0.75, 1.35, len(areas))
    pieces = np.concatenate(
        [
            terraces(zone, length_m=80.0 * share, depth_m=46.0 * share, rng=rng)
            for zone, share in zip(areas, shares, strict=True)
        ]
    )
    worth = fractal(geobox.shape, beta=2.8, longest=130, rng=rng) - ground.river_distance_m / 700
    worth = worth - 1.2 * np.hypot(east, north)
    at = sample_at(worth, geobox, pieces) + 0.25 * rng.standard_normal(len(pieces))
    pieces = pieces[at > np.quantile(worth, 1 - _FARMED)]
    obstacles = [
        shapely.buffer(ground.rivers[0], 14.0),
        *(shapely.buffer(river, 5.0) for river in ground.rivers[1:]),
        *(shapely.buffer(road, 4.0) for road in roads),
    ]
    return tidy(cut_out(pieces, obstacles))


def _history(
    scenario: Scenario,
    profile: CropProfile,
    geobox: GeoBox,
    fields: NDArray[np.object_],
    rng: np.random.Generator,
) -> NDArray[np.uint8]:
    """Give every terrace its crop in every year: groves stay, summer and winter crops turn over."""
    legend, years = profile.legend, scenario.years
    area = shapely.area(fields) / 1e4

    def grain(longest: float) -> NDArray[np.float64]:
        return sample_at(fractal(geobox.shape, beta=2.4, longest=longest, rng=rng), geobox, fields)

    shares = {legend.code("cereal"): 0.46, legend.code("fallow"): 0.32, legend.code("maize"): 0.22}
    history = rotation(shares, 0.4, (len(fields), len(years)), rng)
    rank = grain(80) + 0.35 * rng.standard_normal(len(fields))
    grove = rank > np.quantile(rank, 0.80)
    history[grove] = legend.code("olive")
    free = np.flatnonzero(~grove)
    targets = targets_ha([scenario.crop_share[year] for year in years], geobox, rng)
    appeal = grain(110)[free] + 0.8 * rng.standard_normal(len(free))
    grown = crop_years(area[free], appeal, targets, permanence=scenario.yearly_permanence, rng=rng)
    history[free] = np.where(grown, legend.code(scenario.crop), history[free])
    return history


def _wild(
    profile: CropProfile,
    geobox: GeoBox,
    ground: Ground,
    roads: tuple[shapely.LineString, ...],
    rng: np.random.Generator,
) -> NDArray[np.uint8]:
    """Return scrub, forest on the heights, rock and hamlets, streams and roads."""
    legend = profile.legend
    height, width = geobox.shape
    wild = np.full((4 * height, 4 * width), legend.code("scrub"), dtype=np.uint8)
    heights = (ground.elevation_m - ground.elevation_m.mean()) / ground.elevation_m.std()
    wooded = heights + 0.8 * fractal(geobox.shape, beta=2.8, longest=120, rng=rng)
    wild[enlarge(wooded.astype(np.float32)) > 0.35] = legend.code("forest")
    wild[patches(geobox.shape, 0.05, longest_m=240, rng=rng)] = legend.code("bare")
    wild = paint_lines(wild, roads, 3.0, legend.code("bare"), geobox)
    wild = paint_lines(wild, ground.rivers[1:], 4.0, legend.code("water"), geobox)
    return paint_lines(wild, ground.rivers[:1], 11.0, legend.code("water"), geobox)
