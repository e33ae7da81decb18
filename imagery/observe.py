"""Features of the cells of a block, and of labelled places, made from the scenes of a period.

Training and mapping both come through here, so a model never meets a feature it was not taught.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import date, timedelta

import numpy as np
from affine import Affine
from numpy.typing import NDArray
from odc.geo.geobox import GeoBox

from geo.blocks import Block, map_blocks
from geo.errors import Problem, QualityGateError
from geo.raster import OpenRasters
from imagery.features import PART, FeatureSpec, WindowSpans, cell_features, texture_planes
from imagery.profile import CropProfile
from imagery.scene import Scene
from imagery.sensor import Sensor
from imagery.stack import Stack, StackCells, read_stack, working_side
from imagery.training import TrainingSamples
from imagery.validation import LabelledFeatures

__all__ = ["BlockFeatures", "Observer", "PeriodScenes", "labelled_features", "window_spans"]


@dataclass(frozen=True, slots=True, kw_only=True)
class PeriodScenes:
    """The scenes of one period."""

    scenes: Sequence[Scene]
    """From `imagery.catalog.find_scenes`, or those that `imagery.prepare.write_period` kept."""
    start: date
    """First day of the period."""
    end: date
    """Last day of the period."""
    prior: Mapping[str, NDArray[np.bool_]] = field(default_factory=dict)
    """Where crops stood in earlier years, from `imagery.prior.prior_masks`: floors to beat, never a feature."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class BlockFeatures:
    """The features of those cells of a block that were seen often enough, made in parts when asked for.

    All features of a block at once would take more memory than all its images.
    """

    stack: Stack
    """Observations, with the cells around the block that texture looks at."""
    spec: FeatureSpec
    """The features."""
    spans: WindowSpans
    """Season windows with their days."""
    seen: NDArray[np.bool_]
    """Cells of the block that have features, shape (h, w), n of them."""
    cells: StackCells
    """Their observations (n)."""
    texture: NDArray[np.float32]
    """Features that need the neighbours, shape (j, n)."""

    def __len__(self) -> int:
        return len(self.cells)

    @property
    def parts(self) -> Iterator[slice]:
        """Yield the cells of each part, in row order."""
        for first in range(0, len(self), PART):
            yield slice(first, min(first + PART, len(self)))

    def part(self, cells: slice) -> NDArray[np.float32]:
        """Return the features of some of the cells, shape (k, cells)."""
        planes = np.empty((len(self.spec.names), cells.stop - cells.start), dtype=np.float32)
        own = len(self.spec.cell_names)
        cell_features(self.cells.part(cells), self.spec, self.spans, out=planes[:own])
        planes[own:] = self.texture[:, cells]
        return planes


@dataclass(frozen=True, slots=True, kw_only=True)
class Observer:
    """Makes the features of the cells of a block."""

    geobox: GeoBox
    """The analysis grid."""
    sensor: Sensor
    """The sensor."""
    spec: FeatureSpec
    """The features."""
    profile: CropProfile
    """Season windows."""
    min_valid: int
    """Fewest clear observations with which a cell is used."""
    cloud_buffer_m: float
    """Growth of cloud and shadow masks."""

    def features(
        self, period: PeriodScenes, block: Block, cells: NDArray[np.bool_], files: OpenRasters | None = None
    ) -> tuple[NDArray[np.float32], NDArray[np.bool_]]:
        """Return the features of those cells of a block that were seen often enough.

        Parameters
        ----------
        period
            Its scenes.
        block
            Window of the grid, h x w.
        cells
            Cells wanted, shape (h, w).
        files
            Keeps files open from block to block; None to open them for this one.

        Returns
        -------
        planes
            Shape (k, n), in row order of the n cells.
        seen
            Which cells these are, shape (h, w).
        """
        found = self.observe(period, block, cells, files)
        planes = np.empty((len(self.spec.names), len(found)), dtype=np.float32)
        for part in found.parts:
            planes[:, part] = found.part(part)
        return planes, found.seen

    def observe(
        self, period: PeriodScenes, block: Block, cells: NDArray[np.bool_], files: OpenRasters | None = None
    ) -> BlockFeatures:
        """Read a block and return the features of its cells, to be made in parts; see `features`."""
        halo = self.spec.halo
        around = Block(block.row - halo, block.col - halo, block.height + 2 * halo, block.width + 2 * halo)
        stack = read_stack(
            period.scenes,
            self.geobox,
            around,
            sensor=self.sensor,
            cloud_buffer_m=self.cloud_buffer_m,
            files=files,
        )
        inner = slice(halo, halo + block.height), slice(halo, halo + block.width)
        spans = window_spans(self.profile, period)
        clear = stack.valid[:, *inner]
        seen = cells & (clear.sum(axis=0, dtype=np.uint16) >= self.min_valid)
        seen &= self._dates_seen(stack.days, clear, spans)
        texture = np.empty((len(self.spec.texture_names), int(seen.sum())), dtype=np.float32)
        if texture.size:
            texture = texture_planes(stack, self.spec)[:, seen]
        return BlockFeatures(
            stack=stack, spec=self.spec, spans=spans, seen=seen, cells=stack.at(seen), texture=texture
        )

    def _dates_seen(self, days: Sequence[date], clear: NDArray[np.bool_], spans: WindowSpans) -> NDArray[np.bool_]:
        """Say where the crop could be told: where its dates were seen, each on a day of its own.

        A crop that takes two dates to tell is not told apart where one of them is clouded.
        """
        rule = self.profile.identification
        if rule is None or not rule.dates:
            return np.ones(clear.shape[1:], dtype=np.bool_)
        slack = timedelta(days=rule.slack_days)
        near = [np.array([within(day, spans.get(name), slack) for day in days]) for name in rule.dates]
        each = np.logical_and.reduce([clear[of].any(axis=0) for of in near])
        return np.asarray(each & (clear[np.logical_or.reduce(near)].sum(axis=0) >= len(near)))


def within(day: date, span: tuple[date, date] | None, slack: timedelta) -> bool:
    """Say whether a day lies in a window or misses it by no more than `slack`; a window not there holds none."""
    return span is not None and span[0] - slack <= day <= span[1] + slack


def window_spans(profile: CropProfile, period: PeriodScenes) -> WindowSpans:
    """Return the season windows of a profile with their days in a period."""
    windows = profile.windows_in(period.start, period.end)
    return {window.name: (window.start, window.end) for window in windows}


def labelled_features(
    observer: Observer,
    periods: Mapping[str, PeriodScenes],
    training: TrainingSamples,
    *,
    block_size: int,
    jobs: int = 1,
) -> tuple[LabelledFeatures, TrainingSamples]:
    """Return the features of all labelled places that were seen often enough, and these places.

    Only blocks that hold labelled places are read.

    Parameters
    ----------
    observer
        Makes the features.
    periods
        Period name to its scenes.
    training
        Labelled places.
    block_size
        Side of the blocks worked on.
    jobs
        Threads.

    Raises
    ------
    QualityGateError
        If a period has no labelled place.
    """
    empty = [name for name in sorted(periods) if not (training.period == name).any()]
    if empty:
        raise QualityGateError(
            Problem("training", f"no place in period {', '.join(empty)}", "places in every period", "add them")
        )
    planes = np.full((len(observer.spec.names), len(training)), np.nan, dtype=np.float32)
    known = np.zeros(len(training), dtype=np.bool_)
    shared = sorted(set.intersection(*(set(period.prior) for period in periods.values())))
    prior = {name: np.zeros(len(training), dtype=np.bool_) for name in shared}
    wide, placed = _around_places(observer, training)
    shape = (wide.geobox.shape[0], wide.geobox.shape[1])
    side = working_side(wide.geobox, block_size)
    for name, period in sorted(periods.items()):
        members = np.flatnonzero(training.period == name)

        def of_block(
            block: Block, members: NDArray[np.int64] = members, period: PeriodScenes = period
        ) -> tuple[NDArray[np.int64], NDArray[np.float32]] | None:
            return _places_in(wide, period, block, placed[members], members)

        for _, result in map_blocks(of_block, shape, size=side, jobs=jobs):
            if result is not None:
                planes[:, result[0]] = result[1]
                known[result[0]] = True
        for floor, stood in prior.items():
            stood[members] = _at(period.prior[floor], training.row[members], training.col[members])
    data = LabelledFeatures(
        planes=planes,
        names=observer.spec.names,
        unit_id=training.unit_id,
        period=training.period,
        code=training.code,
        prior=prior,
    )
    return data.where(known), training.where(known)


def _around_places(observer: Observer, training: TrainingSamples) -> tuple[Observer, NDArray[np.int64]]:
    """Return an observer on the grid's cells around all places, and the row and column of each there.

    Places may lie outside the frame; their cells are those of the same grid, carried on beyond its edges.
    """
    top, left = int(training.row.min()), int(training.col.min())
    height, width = int(training.row.max()) - top + 1, int(training.col.max()) - left + 1
    grid = observer.geobox
    old = grid.transform
    corner = Affine(old.a, 0.0, old.c + left * old.a, 0.0, old.e, old.f + top * old.e)
    wide = replace(observer, geobox=GeoBox((height, width), corner, grid.crs))
    return wide, np.column_stack([training.row - top, training.col - left])


def _at(image: NDArray[np.bool_], row: NDArray[np.int64], col: NDArray[np.int64]) -> NDArray[np.bool_]:
    """Return an image at places; False beyond its edges."""
    inside = (row >= 0) & (row < image.shape[0]) & (col >= 0) & (col < image.shape[1])
    values = np.zeros(len(row), dtype=np.bool_)
    values[inside] = image[row[inside], col[inside]]
    return values


def _places_in(
    observer: Observer,
    period: PeriodScenes,
    block: Block,
    placed: NDArray[np.int64],
    members: NDArray[np.int64],
) -> tuple[NDArray[np.int64], NDArray[np.float32]] | None:
    """Return which places of a block were seen often enough, and their features; None without places."""
    row, col = placed[:, 0] - block.row, placed[:, 1] - block.col
    here = (row >= 0) & (row < block.height) & (col >= 0) & (col < block.width)
    if not here.any():
        return None
    row, col = row[here], col[here]
    cells = np.zeros((block.height, block.width), dtype=np.bool_)
    cells[row, col] = True
    planes, seen = observer.features(period, block, cells)
    found = seen[row, col]
    # Features come in row order of the cells seen: the running count is the column of each
    column = np.cumsum(seen).reshape(seen.shape) - 1
    return members[here][found], planes[:, column[row[found], col[found]]]
