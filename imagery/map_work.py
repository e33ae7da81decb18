"""What is made of one block of a class map: a pure function of its scenes, the model and the cells wanted.

It holds plain data alone, so that a thread, another process or another machine can be handed it, and reads no
more than the block and the cells that its neighbourhoods reach into. No bit depends on how the grid is cut.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from geo.blocks import Block
from geo.grid import GeoBox
from geo.legend import Legend
from geo.raster import OpenRasters
from imagery.class_map import NOT_KNOWN, crop_percent, entropy, percent
from imagery.classifier import softmax
from imagery.composite import NODATA, to_composite
from imagery.extent import block_key, scene_key
from imagery.features import PART
from imagery.model import TrainedModel
from imagery.observe import BlockFeatures, Observer, PeriodScenes, window_spans
from imagery.prepare import composite_medians
from imagery.scene import Scene
from imagery.smoothing import log_probability, pooled, reach

__all__ = ["MapBlock", "MapLayer", "MapWork"]

_COMPOSITE = "composite "


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
    composites: Mapping[str, NDArray[np.int16]]
    """Window to the median of every band and the count it rests on, shape (b + 1, h, w), where asked for."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
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
    composites: bool = False
    """Whether to give the composites of the season windows too, from the same reading of the scenes."""

    @property
    def rim(self) -> int:
        """Cells around a block whose class probabilities are pooled with its own."""
        return reach(self.model.settings.smoothing_cells)

    def around(self, block: Block) -> Block:
        """Return the block with its rim, which may reach beyond the grid."""
        rim = self.rim
        return Block(block.row - rim, block.col - rim, block.height + 2 * rim, block.width + 2 * rim)

    def key(self, block: Block, wanted: NDArray[np.bool_]) -> str:
        """Return the fingerprint of all that decides a block."""
        settings, scenes = _fingerprints(self)
        around, halo = self.around(block), self.model.halo
        read = Block(around.row - halo, around.col - halo, around.height + 2 * halo, around.width + 2 * halo)
        return block_key(settings, scenes, self.geobox, block, read, wanted)

    def packed(self, result: MapBlock) -> dict[str, NDArray[Any]]:
        """Return a finished block as named arrays."""
        return {
            "codes": result.codes,
            **{f"layer {at}": cells for at, cells in enumerate(result.layers)},
            **{f"{_COMPOSITE}{name}": planes for name, planes in result.composites.items()},
        }

    def unpacked(self, arrays: Mapping[str, NDArray[Any]]) -> MapBlock:
        """Return a finished block from its arrays."""
        return MapBlock(
            codes=arrays["codes"],
            layers=tuple(arrays[f"layer {at}"] for at in range(len(self.layers))),
            composites={
                name.removeprefix(_COMPOSITE): planes
                for name, planes in arrays.items()
                if name.startswith(_COMPOSITE)
            },
        )

    def __call__(self, block: Block, wanted: NDArray[np.bool_], files: OpenRasters | None = None) -> MapBlock:
        """Make a block.

        Parameters
        ----------
        block
            Window of the grid.
        wanted
            Cells of the frame in ``around(block)``, from `geo.blocks.part_of`.
        files
            Keeps files open from block to block; None to open them for this one.

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
            return MapBlock(codes=codes, layers=cells, composites=self._composites(wanted, inner, None, {}))
        found = self._observer().observe(self.period, self.around(block), wanted, files)
        logs, green, medians = self._swept(found)
        legend = self.model.profile.legend  # made anew when asked for
        few = max(1, PART // block.width)  # rows whose probabilities stay in the cache
        for first in range(0, block.height, few):
            rows = slice(first, min(first + few, block.height))
            around = slice(rows.start, rows.stop + 2 * rim)
            probability = self._decided(logs[:, around], found.seen[around], codes[rows])
            here = found.seen[inner][rows]
            for layer, plane in zip(self.layers, cells, strict=True):
                plane[rows][here] = (
                    green[layer.crop][inner][rows][here]
                    if layer.kind == "greenness"
                    else self._values(layer, probability, legend)
                )
        return MapBlock(codes=codes, layers=cells, composites=self._composites(wanted, inner, found, medians))

    def _decided(
        self, logs: NDArray[np.float64], seen: NDArray[np.bool_], codes: NDArray[np.uint8]
    ) -> NDArray[np.float64]:
        """Write the codes of cells from log probabilities with their rim; return probabilities (classes, n)."""
        rim = self.rim
        here = seen[rim : seen.shape[0] - rim, rim : seen.shape[1] - rim]
        pool = _those(pooled(logs, seen, self.model.settings.smoothing_cells), here)
        codes[here] = self.model.classifier.chosen(pool)
        return softmax(pool)

    def _composites(
        self,
        wanted: NDArray[np.bool_],
        inner: tuple[slice, slice],
        found: BlockFeatures | None,
        medians: Mapping[str, NDArray[np.int16]],
    ) -> dict[str, NDArray[np.int16]]:
        """Return the composites of the windows within a block, nothing where no cell of it is wanted.

        Medians that are features too are not made twice.
        """
        if not self.composites:
            return {}
        cells = np.zeros(wanted.shape, dtype=np.bool_)
        cells[inner] = wanted[inner]
        made = {}
        for name, span in window_spans(self.model.profile, self.period).items():
            planes = np.full((len(self.model.sensor.band) + 1, *cells[inner].shape), NODATA, dtype=np.int16)
            if found is not None:
                stack, left = found.stack, cells
                if name in medians:
                    _put(planes[:-1], found.seen[inner], _those(medians[name], cells[found.seen]))
                    left = cells & ~found.seen
                if left.any():
                    _put(planes[:-1], left[inner], composite_medians(stack.at(left), span))
                rim = (stack.shape[0] - wanted.shape[0]) // 2
                clear = stack.valid[:, rim : stack.shape[0] - rim, rim : stack.shape[1] - rim][:, *inner]
                days = [span[0] <= day <= span[1] for day in stack.days]
                count = clear[days].sum(axis=0, dtype=np.int16)
                planes[-1] = np.where(cells[inner], count, NODATA)
            made[name] = planes
        return made

    def _swept(
        self, found: BlockFeatures
    ) -> tuple[NDArray[np.float64], dict[str, NDArray[np.bool_]], dict[str, NDArray[np.int16]]]:
        """Return the log probabilities of all cells, where the greenness of a crop holds, and medians of windows.

        Features are made and used part by part: no more of them are ever held.
        """
        model = self.model
        rules = {layer.crop: model.greenness_rule(layer.crop) for layer in self.layers if layer.kind == "greenness"}
        logs = np.zeros((len(model.classifier.codes), *found.seen.shape))
        green = {crop: np.zeros(found.seen.shape, dtype=np.bool_) for crop in rules}
        rows = self._median_rows()
        bands = len(model.sensor.common)
        medians = {name: np.empty((bands, len(found)), dtype=np.int16) for name in rows}
        place = np.flatnonzero(found.seen)
        for part in found.parts:
            planes = found.part(part)
            here = place[part]
            side_by_side = here[-1] - here[0] == len(here) - 1
            scores, flat = model.classifier.scores(planes), logs.reshape(len(logs), -1)
            if side_by_side:
                log_probability(scores, out=flat[:, int(here[0]) : int(here[-1]) + 1])
            else:
                flat[:, here] = log_probability(scores)
            for crop, rule in rules.items():
                if rule is not None:
                    green[crop].reshape(-1)[place[part]] = rule.holds(planes)
            for name, at in rows.items():
                medians[name][:, part] = to_composite(planes[at])
        return logs, green, medians

    def _median_rows(self) -> dict[str, slice | list[int]]:
        """Return windows to where their medians stand among the features, for those that composites need."""
        if not self.composites:
            return {}
        spec, bands = self.model.spec, self.model.sensor.common
        rows = {name: spec.median_rows(name, bands) for name in window_spans(self.model.profile, self.period)}
        return {name: _run(at) for name, at in rows.items() if at is not None}

    def _observer(self) -> Observer:
        model = self.model
        return Observer(
            geobox=self.geobox,
            sensor=model.sensor,
            spec=model.spec,
            profile=model.profile,
            min_valid=model.settings.min_valid,
            cloud_buffer_m=model.settings.cloud_buffer_m,
            radar=model.radar,
        )

    def _values(self, layer: MapLayer, probability: NDArray[np.float64], legend: Legend) -> NDArray[np.uint8]:
        """Return the values of a layer of n cells from their probabilities (classes, n)."""
        model = self.model
        if layer.kind == "uncertainty":
            return percent(entropy(probability))
        code = legend.code(layer.crop)
        return crop_percent(probability, model.classifier.codes, code, model.calibration(layer.crop))


def _run(rows: list[int]) -> slice | list[int]:
    """Return rows that follow each other as a slice, which copies nothing."""
    first, last = rows[0], rows[-1]
    return slice(first, last + 1) if rows == list(range(first, last + 1)) else rows


def _those(planes: NDArray[Any], cells: NDArray[np.bool_]) -> NDArray[Any]:
    """Return the true cells of planes of their shape, shape (k, n); a view where all are."""
    flat = planes.reshape(len(planes), -1)
    return flat if cells.all() else np.take(flat, np.flatnonzero(cells), axis=1)


def _put(planes: NDArray[np.int16], cells: NDArray[np.bool_], values: NDArray[np.int16]) -> None:
    """Write values, shape (k, n), into the n true cells of planes (k, h, w)."""
    if cells.all():
        planes[:] = values.reshape(planes.shape)
        return
    place = np.flatnonzero(cells)
    for plane, row in zip(planes, values, strict=True):
        np.put(plane, place, row)


@lru_cache(maxsize=4)
def _fingerprints(work: MapWork) -> tuple[dict[str, Any], list[tuple[Scene, str]]]:
    """Return what decides every block of a work, and the fingerprints of its scenes."""
    days = [scene.day for scene in work.period.scenes]
    scenes = [*work.period.scenes, *work.period.radar]
    settings = {
        "work": "map",
        "model": work.model.fingerprint,
        "period": [str(work.period.start), str(work.period.end)],
        # Dates of the season are looked for between the first and the last day that anything was seen
        "days": [str(min(days)), str(max(days))] if days else [],
        "layers": [[layer.kind, layer.crop] for layer in work.layers],
        "composites": work.composites,
    }
    return settings, [(scene, scene_key(scene)) for scene in scenes]
