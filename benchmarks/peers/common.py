"""What every peer needs: the task, the steps that have one usual way to write them, and the files to write."""

from __future__ import annotations

import csv
import json
import sys
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

INDICES = {
    "NDVI": (("nir",), ("red",)),
    "NDMI": (("nir",), ("swir16",)),
    "NBR": (("nir",), ("swir22",)),
    "NDTillI": (("swir16",), ("swir22",)),
    "BI": (("swir16", "red"), ("nir", "blue")),
}
LEAST = 1e-3
PERCENTS = (0.1, 0.5, 0.9)


class Task:
    """The task as ``task.json`` tells it."""

    def __init__(self, folder: Path, out: Path) -> None:
        self.folder, self.out = folder, out
        out.mkdir(parents=True, exist_ok=True)
        self.told: dict[str, Any] = json.loads((folder / "task.json").read_text())
        self.bands: list[str] = self.told["bands"]
        self.days: list[str] = self.told["days"]
        self.windows: dict[str, list[int]] = self.told["windows"]
        self.design = np.array(self.told["design"])
        self.invalid: list[int] = self.told["invalid"]
        self.jobs: int = self.told["jobs"]

    @classmethod
    def from_command_line(cls) -> Task:
        """Return the task of ``python -m ... FOLDER OUT``."""
        return cls(Path(sys.argv[1]), Path(sys.argv[2]))

    def path(self, day: str, band: str) -> Path:
        """Return the file of a band of a day."""
        return self.folder / day / f"{band}.tif"

    @property
    def model_path(self) -> str:
        """LightGBM model."""
        return str(self.folder / "model" / "boosted_trees.txt")

    def write_hectares(self, rows: Iterable[Sequence[float]]) -> None:
        """Write hectares of each class in each field."""
        with (self.out / "hectares.csv").open("w", newline="") as file:
            writer = csv.writer(file)
            writer.writerow(["field", *(f"class_{code}" for code in self.told["codes"])])
            writer.writerows(rows)


def ratio(bands: dict[str, NDArray[np.float32]], name: str) -> NDArray[np.float32]:
    """Return a normalised difference of sums of reflectances."""
    one, other = (sum(np.maximum(bands[band], 0) for band in side) for side in INDICES[name])
    with np.errstate(invalid="ignore", divide="ignore"):
        return np.asarray((one - other) / (one + other), dtype=np.float32)


def as_units(index: NDArray[np.float32]) -> NDArray[np.float32]:
    """Return an index rounded to whole ten-thousandths, NaN where it is not defined."""
    return np.rint(np.clip(index, -3, 3) * np.float32(10_000))


def harmonics(series: NDArray[np.float32], design: NDArray[np.float64], ridge: float = 0.1) -> NDArray[np.float32]:
    """Return coefficients of a masked ridge fit for every cell: normal equations, solved in a batch."""
    seen = ~np.isnan(series)
    weight = seen.reshape(len(series), -1).astype(np.float64)
    value = np.where(seen, series, 0).reshape(len(series), -1).astype(np.float64)
    size = design.shape[1]
    products = (design[:, :, None] * design[:, None, :]).reshape(len(design), -1)
    gram = (weight.T @ products).reshape(-1, size, size)
    gram[:, range(1, size), range(1, size)] += ridge
    never = gram[:, 0, 0] == 0
    gram[never, 0, 0] = 1.0
    fitted = np.linalg.solve(gram, (value.T @ design)[..., None])[..., 0]
    fitted[never] = np.nan
    return np.asarray(fitted.T.reshape(size, *series.shape[1:]), dtype=np.float32)


def fit_planes(fitted: NDArray[np.float32]) -> list[NDArray[np.float32]]:
    """Return mean, and cosine, sine and amplitude of each harmonic."""
    planes = [fitted[0]]
    for order in range((len(fitted) - 1) // 2):
        cosine, sine = fitted[2 * order + 1], fitted[2 * order + 2]
        planes += [cosine, sine, np.sqrt(cosine * cosine + sine * sine)]
    return planes


def bounded(probability: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return probabilities (n, classes) of which none is below the least, adding up to 1."""
    logs = np.maximum(np.log(np.maximum(probability, 1e-300)), np.log(LEAST))
    raised = np.exp(logs)
    return np.asarray(raised / raised.sum(axis=1, keepdims=True))


def calibrated_percent(probability: NDArray[np.float64], slope: float, intercept: float) -> NDArray[np.uint8]:
    """Return whole per cent of a probability calibrated in its logit."""
    kept = np.clip(probability, 1e-6, 1 - 1e-6)
    logit = np.log(kept / (1 - kept))
    return np.rint(100 / (1 + np.exp(-(slope * logit + intercept)))).astype(np.uint8)


def percentiles(course: NDArray[np.float32]) -> list[NDArray[np.float32]]:
    """Return percentiles by sorting, NaN last."""
    ordered = np.sort(course, axis=0)
    count = (~np.isnan(course)).sum(axis=0)
    found = []
    for share in PERCENTS:
        place = np.maximum(count - 1, 0) * share
        below = place.astype(np.intp)
        above = np.minimum(below + 1, np.maximum(count - 1, 0))
        low = np.take_along_axis(ordered, below[None], axis=0)[0]
        high = np.take_along_axis(ordered, above[None], axis=0)[0]
        found.append((low + (place - below) * (high - low)).astype(np.float32))
    return found
