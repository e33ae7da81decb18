"""The example file and its labelled points: features from their time series, and how well they classify."""

from __future__ import annotations

import tomllib
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from geo.grid import GeoBox, cells_at
from geo.legend import Legend, MapClass
from geo.raster import geobox_of
from geo.vector import read_layer
from imagery.classifier import BoostSettings
from imagery.ensemble import EnsembleSettings, fit_ensemble
from imagery.features import FeatureSpec, WindowSpans, cell_features
from imagery.fold import block_of, random_folds, spatial_folds
from imagery.score import Scores, score
from imagery.sensor import Sensor, load_sensor
from imagery.tabular import table_series


@dataclass(frozen=True, kw_only=True)
class Setting:
    """What the example file and the images say together."""

    config: dict[str, Any]
    """The example file."""
    root: Path
    """Its folder."""
    legend: Legend
    """The classes."""
    sensor: Sensor
    """Bands of the images."""
    geobox: GeoBox
    """The tile: the area frame."""

    def path(self, name: str) -> Path:
        """Return an input of the example file."""
        return self.root / str(self.config["inputs"][name])

    @property
    def ensemble(self) -> EnsembleSettings:
        """Which classifiers are fitted, and how."""
        boost = BoostSettings(**self.config["classifier"])
        return EnsembleSettings(boost=boost).with_seed(self.config["seed"])


@dataclass(frozen=True, kw_only=True, eq=False)
class Points:
    """The labelled points."""

    planes: NDArray[np.float32]
    """Features, shape (k, n)."""
    code: NDArray[np.int64]
    """Class codes (n)."""
    inside: NDArray[np.bool_]
    """Whether each lies in the tile (n)."""
    x_m: NDArray[np.float64]
    """Easting in the CRS of the images (n)."""
    y_m: NDArray[np.float64]
    """Northing (n)."""


def read_setting(path: Path) -> Setting:
    """Read the example file and the grid of the first image."""
    config = tomllib.loads(path.read_text(encoding="utf-8"))
    classes = [
        MapClass(code=number, name=entry["name"], colour=entry["colour"], crop=True)
        for number, entry in enumerate(config["class"], start=1)
    ]
    first = min((path.parent / config["inputs"]["images"]).glob("*.tif"))
    return Setting(
        config=config,
        root=path.parent,
        legend=Legend(tuple(classes)),
        sensor=load_sensor(config["inputs"]["sensor"]),
        geobox=geobox_of(first),
    )


def read_points(setting: Setting, sensor: Sensor) -> tuple[FeatureSpec, WindowSpans, Points]:
    """Read the labelled points with their series: each date is a window of its own, and the season is summarised.

    Parameters
    ----------
    setting
        The example file.
    sensor
        Bands to read: those of the images, or those of the table (`table_sensor`).
    """
    table = table_series(pd.read_parquet(setting.path("series")), sensor=sensor)
    windows = {day.isoformat(): (day, day) for day in table.series.days}
    spec = FeatureSpec(
        windows=tuple(windows),
        bands=sensor.common,
        season=sensor.common,
        phenology=("ndvi",),
        disturbance=sensor.common,
    )
    layer = read_layer(setting.path("points"), columns=("sample_id", "label"), geometry="point")
    placed = layer.set_index(layer["sample_id"].astype(str)).loc[table.unit_id].to_crs(str(setting.geobox.crs))
    x, y = placed.geometry.x.to_numpy(), placed.geometry.y.to_numpy()
    rows, cols = cells_at(setting.geobox, x, y)
    height, width = setting.geobox.shape
    codes = {entry["label"]: number for number, entry in enumerate(setting.config["class"], start=1)}
    points = Points(
        planes=cell_features(table.series, spec, windows),
        code=np.array([codes[name] for name in table.label], dtype=np.int64),
        inside=(rows >= 0) & (rows < height) & (cols >= 0) & (cols < width),
        x_m=x,
        y_m=y,
    )
    return spec, windows, points


def table_sensor(setting: Setting) -> Sensor:
    """Return the sensor with all bands of the table, of which the images hold two."""
    first = setting.sensor.band[0]
    names = setting.config["validation"]["table_bands"]
    bands = tuple(first.model_copy(update={"name": name, "common": name.lower()}) for name in names)
    return setting.sensor.model_copy(update={"band": bands})


def validate(setting: Setting, points: Points) -> dict[str, Any]:
    """Return the scores in random and in spatial folds, of all labelled points."""
    rng = np.random.default_rng(setting.config["seed"])
    folds, block_m = setting.config["validation"]["folds"], setting.config["validation"]["block_m"]
    block = block_of(points.x_m, points.y_m, block_m)
    period = np.full(points.code.size, setting.config["period"])
    by_land = spatial_folds(block, points.code, period, folds=folds, positives=[1], rng=rng)
    return {
        "random_folds": cross_validated(setting, points, random_folds(points.code, folds, rng)).record(),
        "spatial_folds": cross_validated(setting, points, by_land).record() | {"block_m": block_m},
    }


def cross_validated(setting: Setting, points: Points, fold: NDArray[np.int64]) -> Scores:
    """Return the scores of every point, classified by what the other folds teach."""
    predicted = np.zeros(points.code.size, dtype=np.int64)
    names = [f"f{number}" for number in range(len(points.planes))]
    for number in np.unique(fold):
        held = fold == number
        classifier = fit_ensemble(points.planes[:, ~held], points.code[~held], names, setting.ensemble)
        predicted[held] = classifier.predict(np.ascontiguousarray(points.planes[:, held]))
    return score(points.code, predicted, {entry.name: entry.code for entry in setting.legend})
