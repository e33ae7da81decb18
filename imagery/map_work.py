"""What is made of one block of a class map: a pure function of its scenes, the model and the cells wanted.

It holds plain data alone, so that a thread, another process or another machine can be handed it, and reads no
more than the block and the cells that its neighbourhoods reach into. No bit depends on how the grid is cut.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray
from odc.geo.geobox import GeoBox

from geo.blocks import Block
from geo.legend import Legend
from imagery.class_map import NOT_KNOWN, crop_percent, entropy, percent
from imagery.classifier import softmax
from imagery.model import TrainedModel
from imagery.observe import Observer, PeriodScenes
from imagery.smoothing import log_probability, pooled, reach

__all__ = ["MapBlock", "MapLayer", "MapWork"]


@dataclass(frozen=True, slots=True, kw_only=True)
class MapLayer:
    """A raster beside the class map."""

    kind: Literal["probability", "uncertainty", "greenness"]
    """Calibrated probability of a crop, entropy of all classes, or the greenness floor of a crop."""
    crop: str = ""
    """Crop, where the kind has one."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class MapBlock:
    """A finished block, shape (h, w)."""

    codes: NDArray[np.uint8]
    """Class codes; 0 outside the frame, 255 where the cell was seen too seldom."""
    layers: tuple[NDArray[np.uint8], ...]
    """The layers asked for, in order; 255 where there is nothing."""


@dataclass(frozen=True, slots=True, kw_only=True)
class MapWork:
    """All that a block of a map is made from."""

    model: TrainedModel
    """The classifier with its features and settings."""
    period: PeriodScenes
    """The scenes."""
    geobox: GeoBox
    """The analysis grid."""
    layers: tuple[MapLayer, ...] = ()
    """Layers to make beside the codes."""

    @property
    def rim(self) -> int:
        """Cells around a block whose class probabilities are pooled with its own."""
        return reach(self.model.settings.smoothing_cells)

    def around(self, block: Block) -> Block:
        """Return the block with its rim, which may reach beyond the grid."""
        rim = self.rim
        return Block(block.row - rim, block.col - rim, block.height + 2 * rim, block.width + 2 * rim)

    def __call__(self, block: Block, wanted: NDArray[np.bool_]) -> MapBlock:
        """Make a block.

        Parameters
        ----------
        block
            Window of the grid.
        wanted
            Cells of the frame in ``around(block)``, from `geo.blocks.part_of`.

        Raises
        ------
        BrokenSceneError
            If a file of a scene cannot be read.
        """
        rim = self.rim
        inner = slice(rim, rim + block.height), slice(rim, rim + block.width)
        codes = np.where(wanted[inner], np.uint8(Legend.NOT_SEEN), np.uint8(Legend.OUTSIDE))
        cells = tuple(np.full(codes.shape, NOT_KNOWN, dtype=np.uint8) for _ in self.layers)
        if not wanted[inner].any():
            return MapBlock(codes=codes, layers=cells)
        classifier = self.model.classifier
        planes, seen = self._observer().features(self.period, self.around(block), wanted)
        logs = np.zeros((len(classifier.codes), *wanted.shape))
        logs[:, seen] = log_probability(classifier.scores(planes))
        here = seen[inner]
        pool = pooled(logs, seen, self.model.settings.smoothing_cells)[:, here]
        codes[here] = np.array(classifier.codes, dtype=np.uint8)[pool.argmax(axis=0)]
        # Cells of the rim were needed for pooling alone
        within = np.zeros(seen.shape, dtype=np.bool_)
        within[inner] = True
        own, probability = planes[:, within[seen]], softmax(pool)
        for layer, plane in zip(self.layers, cells, strict=True):
            plane[here] = self._values(layer, own, probability)
        return MapBlock(codes=codes, layers=cells)

    def _observer(self) -> Observer:
        model = self.model
        return Observer(
            geobox=self.geobox,
            sensor=model.sensor,
            spec=model.spec,
            profile=model.profile,
            min_valid=model.settings.min_valid,
            cloud_buffer_m=model.settings.cloud_buffer_m,
        )

    def _values(
        self, layer: MapLayer, planes: NDArray[np.float32], probability: NDArray[np.float64]
    ) -> NDArray[np.uint8]:
        """Return the values of a layer of n cells from their features (k, n) and probabilities (classes, n)."""
        model = self.model
        if layer.kind == "probability":
            code = model.profile.legend.code(layer.crop)
            return crop_percent(probability, model.classifier.codes, code, model.calibration(layer.crop))
        if layer.kind == "uncertainty":
            return percent(entropy(probability))
        rule = model.greenness_rule(layer.crop)
        if rule is None:
            return np.zeros(planes.shape[1], dtype=np.uint8)
        return rule.holds(planes).astype(np.uint8)
