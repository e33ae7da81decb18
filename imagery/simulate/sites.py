"""What a field office would bring along: training sites visited in each period, and a mask of farmed land."""

from __future__ import annotations

import geopandas
import numpy as np
import pandas
from numpy.typing import NDArray
from scipy.ndimage import binary_dilation, maximum_filter, minimum_filter

from imagery.simulate.landscape import DEFAULT_SIZE, SUBPIXELS, Landscape
from imagery.simulate.mixture import pool
from imagery.simulate.noise import fractal, stream

__all__ = ["agricultural_mask", "training_sites"]

_STREAM = 53
_SITES = 620
"""Sites of a landscape of the default size."""
_LABEL_NOISE = 0.02
_EDGE_SHARE = 0.30  # share of sites nearer to a border than 15 m
_CROP_SHARE = 0.16  # share of sites on the crop; half of the others are even over classes, half by area
_MISSED, _WILD = 0.10, 0.07  # fields the mask leaves out; wild land it takes in


def training_sites(landscape: Landscape) -> geopandas.GeoDataFrame:
    """Return labelled sites: points at pixel centres, one row for each site and period.

    One site in six is on the crop; the others are spread half evenly over the classes and half by area. Half
    the sites are drawn by the class of the first period, half by that of the last. Seven in ten lie at least
    15 m inside a field. Two of a hundred labels are wrong.

    Returns
    -------
    GeoDataFrame
        Columns `unit_id` (text), `period` (text), `class` (legend name) and the points.
    """
    rng = stream(landscape.seed, _STREAM)
    legend, periods = landscape.profile.legend, landscape.scenario.periods
    labels = np.stack([landscape.truth_at_centres(period.year) for period in periods])
    cells = _chosen_cells(landscape, labels, _core(landscape), rng)
    rows, cols = np.unravel_index(cells, labels.shape[1:])
    x, y = landscape.geobox.transform * np.vstack([cols + 0.5, rows + 0.5])
    frames = []
    for period, truth in zip(periods, labels, strict=True):
        codes = truth[rows, cols].copy()
        wrong = np.flatnonzero(rng.random(len(codes)) < _LABEL_NOISE)
        codes[wrong] = rng.choice(np.array(legend.codes, dtype=np.uint8), len(wrong))
        frames.append(
            geopandas.GeoDataFrame(
                {
                    "unit_id": [f"T{number:04d}" for number in range(1, len(codes) + 1)],
                    "period": period.name,
                    "class": [legend.name(int(code)) for code in codes],
                },
                geometry=geopandas.points_from_xy(x, y),
                crs=landscape.scenario.crs,
            )
        )
    return geopandas.GeoDataFrame(pandas.concat(frames, ignore_index=True), crs=landscape.scenario.crs)


def agricultural_mask(landscape: Landscape) -> NDArray[np.uint8]:
    """Return 1 where an old land-cover map shows farmed land, shape (height, width); it is wrong in places.

    A tenth of the crop's fields and of the others is missing, by area, and patches of wild land are in it.
    """
    rng = stream(landscape.seed, _STREAM, 1)
    classes = np.stack([landscape.classes_of(period.year) for period in landscape.scenario.periods])
    crop = (classes == landscape.profile.legend.code(landscape.scenario.crop)).any(axis=0)
    hidden = np.zeros(crop.size, dtype=bool)
    for group in (crop, (classes > 0).any(axis=0) & ~crop):
        hidden |= group & _some(landscape.land_use.area_ha * group, _MISSED, rng)
    shown = np.concatenate([[False], (classes > 0).any(axis=0) & ~hidden])
    share = pool(shown[landscape.field_numbers].astype(np.float32), SUBPIXELS)
    missing = pool(np.concatenate([[False], hidden])[landscape.field_numbers].astype(np.float32), SUBPIXELS) > 0.5
    field = fractal(landscape.geobox.shape, beta=2.8, longest=35, rng=rng)
    wild = field > np.quantile(field, 1 - _WILD)
    return np.asarray((binary_dilation(share > 0.5) | wild) & ~missing, dtype=np.uint8)


def _some(area_ha: NDArray[np.float64], share: float, rng: np.random.Generator) -> NDArray[np.bool_]:
    """Return random fields that make up a share of the area."""
    order = rng.permutation(len(area_ha))
    chosen = np.zeros(len(area_ha), dtype=bool)
    chosen[order] = np.cumsum(area_ha[order]) - area_ha[order] / 2 < share * area_ha.sum()
    return chosen


def _core(landscape: Landscape) -> NDArray[np.bool_]:
    """Return the cells around which all land within 15 m is one field, or one wild class."""
    numbers = landscape.field_numbers.astype(np.int64)
    unit = np.where(numbers > 0, numbers + 255, landscape.land_use.wild)
    height, width = landscape.geobox.shape
    parts = unit.reshape(height, SUBPIXELS, width, SUBPIXELS)
    low, high = parts.min(axis=(1, 3)), parts.max(axis=(1, 3))
    core = minimum_filter(low, 3) == maximum_filter(high, 3)
    core[[0, -1], :] = core[:, [0, -1]] = False
    return np.asarray(core)


def _chosen_cells(
    landscape: Landscape, labels: NDArray[np.uint8], core: NDArray[np.bool_], rng: np.random.Generator
) -> NDArray[np.intp]:
    """Return flat indices of the cells of the sites, shuffled."""
    legend = landscape.profile.legend
    total = max(round(_SITES * labels[0].size / DEFAULT_SIZE**2), 24 * len(legend)) / len(labels)
    used = np.zeros(labels[0].size, dtype=bool)
    for truth in labels:
        share = np.array([np.mean(truth == entry.code) for entry in legend])
        crop = np.array([entry.crop for entry in legend])
        weight = np.where(crop, 0.0, 0.5 / (~crop).sum() + 0.5 * share / share[~crop].sum())
        weight = np.where(crop, _CROP_SHARE / crop.sum(), (1 - _CROP_SHARE) * weight)
        for entry, count in zip(legend, np.ceil(total * weight), strict=True):
            for inside, part in ((True, 1 - _EDGE_SHARE), (False, _EDGE_SHARE)):
                free = np.flatnonzero((truth == entry.code).ravel() & (core.ravel() == inside) & ~used)
                used[rng.permutation(free)[: round(part * count)]] = True
    return np.asarray(rng.permutation(np.flatnonzero(used)), dtype=np.intp)
