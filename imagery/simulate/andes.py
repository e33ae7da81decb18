"""Land use of the coca frontier: clearings in montane forest, thicker near the rivers and roads."""

from __future__ import annotations

import numpy as np
import shapely
import shapely.affinity
from numpy.typing import NDArray

from geo.grid import GeoBox
from imagery.profile import CropProfile
from imagery.simulate.fields import LandUse, enlarge, paint_lines, patches, sample_at, scatter, targets_ha
from imagery.simulate.history import crop_years, rotation
from imagery.simulate.noise import fractal, stream
from imagery.simulate.plots import clearings, cut_out, tidy
from imagery.simulate.relief import Ground, distance_m, meander
from imagery.simulate.scenario import Scenario

__all__ = ["lay_out_clearings"]

_STREAM = 21
_SHARES = {"pasture": 0.125, "coffee": 0.050, "food_crops": 0.032, "fallow": 0.055}
_POOL = 3.0  # candidate coca land, as a multiple of the largest yearly share
_FROM_FOREST = 0.75  # new coca fields cut into forest; the rest was fallow or pasture


def lay_out_clearings(
    scenario: Scenario, profile: CropProfile, geobox: GeoBox, ground: Ground, seed: int
) -> LandUse:
    """Lay out clearings; the parameters are those of `land_use.lay_out`."""
    rng = stream(seed, _STREAM)
    roads = _roads(geobox, ground, rng)
    settled = np.minimum(ground.river_distance_m, 0.7 * distance_m(roads, geobox))
    kinds, fields = _clearings(scenario, profile, geobox, settled, rng)
    water = [shapely.buffer(river, 20.0 if index == 0 else 6.0) for index, river in enumerate(ground.rivers)]
    fields, kinds = _whole(fields, kinds, [*water, *(shapely.buffer(road, 4.0) for road in roads)])
    return LandUse(
        fields=fields,
        history=_history(scenario, profile, geobox, (fields, kinds, settled), rng),
        wild=_wild(profile, geobox, ground, roads, rng),
        roads=roads,
    )


def _roads(geobox: GeoBox, ground: Ground, rng: np.random.Generator) -> tuple[shapely.LineString, ...]:
    """Return a road along the main river and two side roads."""
    main = ground.rivers[0]
    along = shapely.affinity.translate(main.simplify(20), xoff=float(rng.choice([-130.0, 130.0])))
    box = geobox.boundingbox
    sides = []
    for side, x in ((0.3, box.left), (0.68, box.right)):
        start = along.interpolate(side + rng.uniform(-0.08, 0.08), normalized=True)
        end = (x, start.y + rng.uniform(-0.1, 0.1) * (box.top - box.bottom))
        sides.append(meander((start.x, start.y), end, swing_m=170.0, rng=rng))
    return (along, *sides)


def _clearings(
    scenario: Scenario,
    profile: CropProfile,
    geobox: GeoBox,
    settled: NDArray[np.float32],
    rng: np.random.Generator,
) -> tuple[NDArray[np.str_], NDArray[np.object_]]:
    """Cut the clearings of every kind, large ones first, coca last and farthest from the roads."""
    extent_ha = geobox.shape[0] * geobox.shape[1] / 100
    shares = {**_SHARES, scenario.crop: _POOL * max(scenario.crop_share.values())}
    clumps = np.exp(0.9 * fractal(geobox.shape, beta=3.0, longest=140, rng=rng))
    sizes, centres, kinds = [], [], []
    for kind, share in shares.items():
        area = _sizes(share * extent_ha, profile, kind, rng)
        reach = 1100.0 if kind == scenario.crop else 550.0
        density = np.exp(-settled / reach) * clumps * (settled > 30)
        sizes.append(area)
        centres.append(scatter(density, len(area), geobox, rng))
        kinds.append(np.full(len(area), kind))
    polygons, kept = clearings(np.concatenate(sizes), np.concatenate(centres), rng)
    return np.concatenate(kinds)[kept], polygons


def _sizes(total_ha: float, profile: CropProfile, kind: str, rng: np.random.Generator) -> NDArray[np.float64]:
    """Draw field sizes around the profile's typical one until they fill an area."""
    size = profile.of(kind).field_ha
    if size is None:
        return np.empty(0)
    spread = np.log(size.high / max(size.low, 1e-3)) / 4
    drawn = np.exp(rng.normal(np.log(size.typical), spread, int(3 * total_ha / size.typical) + 3))
    drawn = np.clip(drawn, size.low, size.high)
    # A tenth more is asked for, since clearings lose land to those that stand already.
    return np.asarray(drawn[np.cumsum(drawn) < 1.1 * total_ha + size.typical])


def _whole(
    fields: NDArray[np.object_], kinds: NDArray[np.str_], obstacles: list[shapely.Geometry]
) -> tuple[NDArray[np.object_], NDArray[np.str_]]:
    """Return the clearings outside water and roads, a hand's breadth apart, with their kinds."""
    cut = cut_out(shapely.buffer(fields, -0.3, join_style="mitre"), obstacles)
    pieces = [(tidy(np.array([shape], dtype=object)), kind) for shape, kind in zip(cut, kinds, strict=True)]
    left = [(shapes[0], kind) for shapes, kind in pieces if len(shapes)]
    return np.array([shape for shape, _ in left], dtype=object), np.array([kind for _, kind in left])


def _history(
    scenario: Scenario,
    profile: CropProfile,
    geobox: GeoBox,
    placed: tuple[NDArray[np.object_], NDArray[np.str_], NDArray[np.float32]],
    rng: np.random.Generator,
) -> NDArray[np.uint8]:
    """Give every field its class in every year: coca moves on and leaves fallow behind."""
    fields, kinds, settled = placed
    legend, years = profile.legend, scenario.years
    area = shapely.area(fields) / 1e4
    history = np.zeros((len(fields), len(years)), dtype=np.uint8)
    for kind in ("pasture", "coffee", "fallow"):
        history[kinds == kind] = legend.code(kind)
    food = kinds == "food_crops"
    shares = {legend.code("food_crops"): 0.8, legend.code("fallow"): 0.2}
    history[food] = rotation(shares, 0.6, (int(food.sum()), len(years)), rng)
    sites = np.flatnonzero(kinds == scenario.crop)
    targets = targets_ha([scenario.crop_share[year] for year in years], geobox, rng)
    # The frontier moves outward: land near the settled valley is taken first.
    appeal = -sample_at(settled, geobox, fields[sites]) / 500 + rng.standard_normal(len(sites))
    coca = crop_years(area[sites], appeal, targets, permanence=scenario.yearly_permanence, rng=rng)
    before = rng.choice(
        np.array([0, legend.code("fallow"), legend.code("pasture")], dtype=np.uint8),
        size=len(sites),
        p=[_FROM_FOREST, 0.19, 0.06],
    )
    ever = np.maximum.accumulate(coca, axis=1)
    land = np.where(ever, legend.code("fallow"), before[:, None])
    history[sites] = np.where(coca, legend.code(scenario.crop), land)
    return history


def _wild(
    profile: CropProfile,
    geobox: GeoBox,
    ground: Ground,
    roads: tuple[shapely.LineString, ...],
    rng: np.random.Generator,
) -> NDArray[np.uint8]:
    """Return forest with regrowth in gaps, landslides on the steepest slopes, water and roads."""
    legend = profile.legend
    height, width = geobox.shape
    wild = np.full((4 * height, 4 * width), legend.code("forest"), dtype=np.uint8)
    wild[patches(geobox.shape, 0.012, longest_m=350, rng=rng)] = legend.code("fallow")
    slope = enlarge(np.hypot(*ground.gradient(10.0)))
    steep = slope > np.quantile(slope, 0.86)
    wild[steep & patches(geobox.shape, 0.05, longest_m=160, rng=rng)] = legend.code("bare")
    wild = paint_lines(wild, roads, 3.0, legend.code("bare"), geobox)
    wild = paint_lines(wild, ground.rivers[1:], 5.0, legend.code("water"), geobox)
    return paint_lines(wild, ground.rivers[:1], 18.0, legend.code("water"), geobox)
