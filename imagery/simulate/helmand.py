"""Land use of an irrigated plain: strips between ditches, from the river to the main canals."""

from __future__ import annotations

import numpy as np
import shapely
from numpy.typing import NDArray
from scipy.ndimage import gaussian_filter1d

from geo.grid import GeoBox
from imagery.profile import CropProfile
from imagery.simulate.fields import LandUse, paint_lines, patches, sample_at, targets_ha
from imagery.simulate.history import crop_years, rotation
from imagery.simulate.noise import fractal, stream
from imagery.simulate.plots import cut_out, strips, tidy, zones
from imagery.simulate.relief import Ground, meander
from imagery.simulate.scenario import Scenario

__all__ = ["lay_out_strips"]

_STREAM = 22
_IDLE = 0.10  # strips that are no longer tilled at all


def lay_out_strips(scenario: Scenario, profile: CropProfile, geobox: GeoBox, ground: Ground, seed: int) -> LandUse:
    """Lay out irrigated strips; the parameters are those of `land_use.lay_out`."""
    rng = stream(seed, _STREAM)
    canals, command = _canals(geobox, ground, rng)
    roads = _roads(geobox, rng)
    fields = _strips(geobox, command, (ground, canals, roads), rng)
    return LandUse(
        fields=fields,
        history=_history(scenario, profile, geobox, fields, rng),
        wild=_wild(profile, geobox, ground, canals, rng),
        roads=roads,
        canals=canals,
    )


def _canals(
    geobox: GeoBox, ground: Ground, rng: np.random.Generator
) -> tuple[tuple[shapely.LineString, ...], shapely.Polygon]:
    """Return the two main canals and their branches, and the land they command."""
    box = geobox.boundingbox
    width = box.right - box.left
    river = ground.rivers[0]
    xy = shapely.get_coordinates(river)
    # A canal follows the bends of the river only loosely, and keeps some distance from it.
    calm = gaussian_filter1d(xy[:, 0], 40, mode="nearest")
    sides = []
    for sign in (-1, 1):
        offset = sign * 0.27 * width * rng.uniform(0.85, 1.2)
        wobble = sum(
            size * width * np.sin(waves * np.linspace(0, 2 * np.pi, len(xy)) + rng.uniform(0, 6.3))
            for waves, size in ((1.0, 0.05), (3.0, 0.015))
        )
        sides.append(shapely.LineString(np.column_stack([calm + offset + wobble, xy[:, 1]])))
    left, right = sides
    command = shapely.Polygon(np.vstack([shapely.get_coordinates(left), shapely.get_coordinates(right)[::-1]]))
    branches = []
    for side in sides:
        for share in np.arange(0.12, 0.9, 900.0 / max(side.length, 1000.0)):
            start = side.interpolate(share + rng.uniform(-0.02, 0.02), normalized=True)
            end = river.interpolate(min(share + 0.06, 1.0), normalized=True)
            branches.append(meander((start.x, start.y), (end.x, end.y), swing_m=25.0, rng=rng))
    return (left, right, *branches), command.buffer(0)


def _roads(geobox: GeoBox, rng: np.random.Generator) -> tuple[shapely.LineString, ...]:
    box = geobox.boundingbox
    height, width = box.top - box.bottom, box.right - box.left
    across = box.bottom + rng.uniform(0.35, 0.65) * height
    along = box.left + rng.uniform(0.25, 0.4) * width
    return (
        meander((box.left, across), (box.right, across + 0.1 * height), swing_m=60.0, rng=rng),
        meander((along, box.top), (along + 0.12 * width, box.bottom), swing_m=60.0, rng=rng),
    )


def _strips(
    geobox: GeoBox,
    command: shapely.Polygon,
    lines: tuple[Ground, tuple[shapely.LineString, ...], tuple[shapely.LineString, ...]],
    rng: np.random.Generator,
) -> NDArray[np.object_]:
    """Divide the commanded land into strips, each zone in a direction of its own."""
    ground, canals, roads = lines
    areas = zones(geobox, lambda _x, _y: rng.normal(0.15, 0.3), side_m=950.0, rng=rng)
    pieces = np.concatenate([strips(zone, depth_m=150.0, width_m=46.0, rng=rng) for zone in areas])
    shapely.prepare(command)
    watered = shapely.contains(command, shapely.centroid(pieces))
    ragged = sample_at(fractal(geobox.shape, beta=2.6, longest=90, rng=rng), geobox, pieces)
    pieces = pieces[watered & (ragged > -1.5)]
    obstacles = [
        shapely.buffer(ground.rivers[0], 95.0),
        *(shapely.buffer(canal, 9.0) for canal in canals[:2]),
        *(shapely.buffer(canal, 4.0) for canal in canals[2:]),
        *(shapely.buffer(road, 5.0) for road in roads),
    ]
    return tidy(cut_out(pieces, obstacles))


def _history(
    scenario: Scenario,
    profile: CropProfile,
    geobox: GeoBox,
    fields: NDArray[np.object_],
    rng: np.random.Generator,
) -> NDArray[np.uint8]:
    """Give every strip its crop in every season: orchards and compounds stay, the rest turns over."""
    legend, years = profile.legend, scenario.years
    area = shapely.area(fields) / 1e4

    def grain(longest: float) -> NDArray[np.float64]:
        return sample_at(fractal(geobox.shape, beta=2.4, longest=longest, rng=rng), geobox, fields)

    shares = {legend.code("wheat"): 0.64, legend.code("fallow"): 0.22, legend.code("alfalfa"): 0.14}
    history = rotation(shares, 0.35, (len(fields), len(years)), rng)
    lasting = rng.random(len(fields)) < 0.11
    history[lasting] = legend.code("alfalfa")
    free = np.flatnonzero(~lasting)
    targets = targets_ha([scenario.crop_share[year] for year in years], geobox, rng)
    appeal = grain(120) + 0.8 * rng.standard_normal(len(fields))
    poppy = crop_years(area[free], appeal[free], targets, permanence=scenario.yearly_permanence, rng=rng)
    history[free] = np.where(poppy, legend.code(scenario.crop), history[free])
    for name, share, longest in (("orchard", 0.06, 60), ("settlement", 0.045, 40)):
        rank = grain(longest) + 0.5 * rng.standard_normal(len(fields))
        # Trees and houses only where poppy never was, so that the crop keeps its area.
        fixed = (rank > np.quantile(rank, 1 - share)) & ~(history == legend.code(scenario.crop)).any(axis=1)
        history[fixed] = legend.code(name)
    idle = rng.random(len(fields)) < _IDLE
    idle &= ~(history == legend.code(scenario.crop)).any(axis=1)
    history[idle] = legend.code("fallow")
    return history


def _wild(
    profile: CropProfile,
    geobox: GeoBox,
    ground: Ground,
    canals: tuple[shapely.LineString, ...],
    rng: np.random.Generator,
) -> NDArray[np.uint8]:
    """Return desert, thickets along the river, hamlets in the desert, river and canals."""
    legend = profile.legend
    height, width = geobox.shape
    wild = np.full((4 * height, 4 * width), legend.code("desert"), dtype=np.uint8)
    wild[patches(geobox.shape, 0.008, longest_m=260, rng=rng)] = legend.code("settlement")
    thicket = paint_lines(np.zeros_like(wild), ground.rivers[:1], 90.0, 1, geobox) == 1
    wild[thicket & patches(geobox.shape, 0.3, longest_m=220, rng=rng)] = legend.code("orchard")
    wild = paint_lines(wild, canals[2:], 2.5, legend.code("water"), geobox)
    wild = paint_lines(wild, canals[:2], 6.0, legend.code("water"), geobox)
    return paint_lines(wild, ground.rivers[:1], 42.0, legend.code("water"), geobox)
