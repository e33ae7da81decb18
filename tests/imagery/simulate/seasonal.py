"""A plain seasonal classifier for tests of difficulty: window medians, indices and boosted trees."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date

import lightgbm
import numpy as np
from scipy.ndimage import binary_dilation

from imagery.profile import BANDS
from imagery.simulate.landscape import Landscape
from imagery.simulate.passes import image_dates
from imagery.simulate.scene import BANDS_20M, Season, open_season, render_scene
from imagery.simulate.sites import training_sites

PAIRS = (("B08", "B04"), ("B8A", "B11"), ("B8A", "B12"), ("B8A", "B05"), ("B11", "B12"), ("B03", "B04"))


def window_features(landscape: Landscape, period: str) -> Mapping[str, np.ndarray]:
    """Return, for every season window, medians of the clear days and indices of them, and the clear count."""
    season, days = open_season(landscape, period), image_dates(landscape, period)
    values = np.stack([_observed(season, day) for day in days])
    spans = landscape.profile.windows_in(landscape.period(period).start, landscape.period(period).end)
    features = {}
    for window in spans:
        inside = [index for index, day in enumerate(days) if window.start <= day <= window.end]
        level = dict(zip(BANDS, _median(values[inside]), strict=True))
        indices = [(level[a] - level[b]) / (level[a] + level[b]) for a, b in PAIRS]
        features[window.name] = np.stack([*level.values(), *indices])
    features["count"] = np.isfinite(values[:, 0]).sum(axis=0)[None]
    return features


def accuracy(landscape: Landscape, period: str, planes: np.ndarray) -> tuple[float, float]:
    """Train on the sites and return the crop's producer's and user's accuracy over all other cells."""
    sites = training_sites(landscape)
    sites = sites[sites["period"] == period]
    cols, rows = np.asarray(~landscape.geobox.transform * np.vstack([sites.geometry.x, sites.geometry.y])).astype(
        int
    )
    labels = np.array([landscape.profile.legend.code(name) for name in sites["class"]])
    model = lightgbm.train(
        {
            "objective": "multiclass",
            "num_class": 12,
            "num_leaves": 15,
            "min_data_in_leaf": 8,
            "num_threads": 1,
            "verbose": -1,
            "deterministic": True,
            "seed": 1,
        },
        lightgbm.Dataset(planes[:, rows, cols].T, labels),
        num_boost_round=60,
    )
    called = model.predict(planes.reshape(len(planes), -1).T).argmax(axis=1).reshape(planes.shape[1:])
    code = landscape.profile.legend.code(landscape.scenario.crop)
    truth = landscape.truth_at_centres(landscape.period(period).year)
    other = np.ones(truth.shape, dtype=bool)
    other[rows, cols] = False
    hit = ((called == code) & (truth == code) & other).sum()
    return float(hit / ((truth == code) & other).sum()), float(hit / ((called == code) & other).sum())


def _observed(season: Season, day: date) -> np.ndarray:
    """Return reflectance in all bands on 10 m cells, NaN where cloud, shadow or no data is near."""
    scene = render_scene(season, day)
    offset = 1000 if scene.baseline >= "04.00" else 0
    planes = []
    for band in BANDS:
        level = (scene.numbers[band].astype(np.float32) - offset) * np.float32(1e-4)
        planes.append(np.kron(level, np.ones((2, 2), np.float32)) if band in BANDS_20M else level)
    rows, cols = np.mgrid[-3:4, -3:4]
    hidden = binary_dilation(np.isin(scene.scl, (3, 8, 9, 10)), structure=rows**2 + cols**2 <= 9)
    hidden |= np.isin(scene.scl, (0, 1, 11))
    return np.where(np.kron(hidden, np.ones((2, 2), bool)), np.nan, np.stack(planes))


def _median(values: np.ndarray) -> np.ndarray:
    """Return the lower median over the first axis, NaN left out (and NaN where nothing else is)."""
    ordered = np.sort(values, axis=0)
    middle = np.maximum(np.isfinite(values).sum(axis=0) - 1, 0) // 2
    return np.take_along_axis(ordered, middle[None], axis=0)[0]
