"""Parcels of the example: photograph, drawn plots, and the features of every cell."""

from __future__ import annotations

import tomllib
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import rasterio
from numpy.typing import NDArray
from rasterio.features import rasterize

from geo.errors import InputError, Problem
from geo.vector import read_layer
from imagery.texture import local_mean_and_deviation

OUTSIDE = 0
IGNORED = 254
INDEX_UNITS = 200  # whole steps of an index, so that sums for texture are of integers


@dataclass(frozen=True, kw_only=True, eq=False)
class Parcel:
    """One photograph and what was drawn on it. It knows no coordinates."""

    photograph: NDArray[np.float32]
    """Red, green, blue, near infrared, shape (4, h, w); 0 outside the parcel."""
    code: NDArray[np.uint8]
    """Class of every cell: 0 outside, 1.. as in the example file, then other, 254 ignored."""
    plot: NDArray[np.int32]
    """Number of the drawn plot of each cell, 0 for none."""
    cell_ha: float
    """Area of a cell."""


@dataclass(frozen=True, kw_only=True)
class Setting:
    """The example file."""

    config: dict[str, Any]
    """Its tables."""
    root: Path
    """Its folder."""

    @property
    def classes(self) -> dict[str, int]:
        """Class name to code; the last one is everything else."""
        named = [entry["name"] for entry in self.config["class"]] + ["other"]
        return {name: number for number, name in enumerate(named, start=1)}

    @property
    def crops(self) -> dict[str, int]:
        """Class name to code of what is looked for."""
        return {name: code for name, code in self.classes.items() if name != "other"}


def read_setting(path: Path) -> Setting:
    """Read the example file."""
    return Setting(config=tomllib.loads(path.read_text(encoding="utf-8")), root=path.parent)


def read_parcels(setting: Setting) -> list[Parcel]:
    """Read every photograph with the plots drawn on it, in an order that says nothing of the place."""
    inputs = setting.config["inputs"]
    labels = read_layer(setting.root / inputs["labels"], columns=("tile", "label"), geometry="polygon")
    photographs = sorted((setting.root / inputs["images"]).glob("*.tif"))
    if not photographs:
        raise InputError(Problem(str(setting.root / inputs["images"]), "no photograph", "files *.tif"))
    shuffled = np.random.default_rng(setting.config["seed"]).permutation(len(photographs))
    return [_parcel(setting, photographs[number], labels) for number in shuffled]


def _parcel(setting: Setting, path: Path, labels: Any) -> Parcel:
    with rasterio.open(path) as source:
        photograph, transform = source.read(), source.transform
    shape, seen = photograph.shape[1:], (photograph > 0).any(axis=0)
    drawn = labels[labels["tile"] == path.name]
    codes = {entry["label"]: setting.crops[entry["name"]] for entry in setting.config["class"]}
    codes |= dict.fromkeys(setting.config["labels"]["ignored"], IGNORED)
    other = setting.classes["other"]
    # Ignored plots are burnt last: a cell in doubt belongs to no score
    order = sorted(range(len(drawn)), key=lambda row: codes[drawn["label"].iloc[row]] == IGNORED)
    code, plot = np.full(shape, other, dtype=np.uint8), np.zeros(shape, dtype=np.int32)
    if order:
        burnt = [(drawn.geometry.iloc[row], row + 1) for row in order]
        plot = rasterize(burnt, out_shape=shape, transform=transform, fill=0, dtype="int32")
        of_plot = np.array([other, *(codes[label] for label in drawn["label"])], dtype=np.uint8)
        code = of_plot[plot]
    code[~seen] = OUTSIDE
    return Parcel(
        photograph=photograph.astype(np.float32),
        code=code,
        plot=np.where(seen, plot, 0),
        cell_ha=abs(transform.a * transform.e) / 10_000,
    )


def feature_names(radii: list[int]) -> list[str]:
    """Return the names of the features, in the order of the planes."""
    plain = ["red", "green", "blue", "nir", "ndvi", "brightness", "greenness", "blueness"]
    relative = [f"{name}_to_parcel" for name in ("brightness", "ndvi", "nir", "greenness")]
    texture = [
        f"{name}_{kind}"
        for name in ("ndvi", "brightness", "greenness")
        for kind in (*(f"{part}{r}" for r in radii for part in ("mean", "deviation")), "edge", "spot", "wide_spot")
    ]
    return [*plain, *relative, *texture]


def features(parcel: Parcel, radii: list[int]) -> NDArray[np.float32]:
    """Return the features of every cell of a parcel, shape (k, h, w).

    Colours, indices, how they differ from the parcel's median (one photograph is brighter than another), and
    mean and spread of the surroundings at several distances.
    """
    red, green, blue, nir = parcel.photograph
    seen = parcel.code != OUTSIDE
    total = np.maximum(red + green + blue, 1)
    ndvi = np.rint((nir - red) / np.maximum(nir + red, 1) * INDEX_UNITS)
    brightness = np.rint((red + green + blue) / 3)
    greenness = np.rint((2 * green - red - blue) / total * INDEX_UNITS)
    blueness = np.rint((blue - red) / np.maximum(blue + red, 1) * INDEX_UNITS)
    planes = [red, green, blue, nir, ndvi, brightness, greenness, blueness]
    planes += [plane - np.median(plane[seen]) for plane in (brightness, ndvi, nir, greenness)]
    for plane in (ndvi, brightness, greenness):
        planes += _surroundings(np.where(seen, plane, np.nan).astype(np.float32), radii)
    return np.stack(planes).astype(np.float32)


def _surroundings(plane: NDArray[np.float32], radii: list[int]) -> list[NDArray[np.float32]]:
    around = [local_mean_and_deviation(np.pad(plane, r, constant_values=np.nan), r) for r in radii]
    means = [mean for mean, _ in around]
    differences = [plane - means[0], means[0] - means[-1], means[1] - means[-1]]
    return [*(part for pair in around for part in pair), *differences]
