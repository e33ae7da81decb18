"""Features of the cells of a block, and of labelled places, made from the scenes of a period.

Training and mapping both come through here, so a model never meets a feature it was not taught.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, timedelta

import numpy as np
from numpy.typing import NDArray

from geo.blocks import Block
from geo.grid import GeoBox
from geo.raster import OpenRasters
from imagery.features import PART, FeatureSpec, WindowSpans, cell_features, texture_planes
from imagery.profile import CropProfile
from imagery.radar import RadarSpec, RadarView, multilooked, radar_features
from imagery.scene import Scene
from imagery.sensor import Sensor
from imagery.stack import Series, Stack, StackCells, read_stack

__all__ = ["BlockFeatures", "Observer", "PeriodScenes", "SeenPlaces", "window_spans"]


@dataclass(frozen=True, slots=True, kw_only=True)
class PeriodScenes:
    """The scenes of one period."""

    scenes: Sequence[Scene]
    """From `imagery.catalog.find_scenes`, or those that `imagery.prepare.write_period` kept."""
    start: date
    """First day of the period."""
    end: date
    """Last day of the period."""
    radar: Sequence[Scene] = ()
    """Scenes of the radar beside them."""
    prior: Mapping[str, NDArray[np.bool_]] = field(default_factory=dict)
    """Where crops stood in earlier years, from `imagery.prior.prior_masks`: floors to beat, never a feature."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SeenPlaces:
    """What was seen of n places in one period."""

    series: Series
    """By the first sensor (n)."""
    radar: Series | None = None
    """Backscatter around them (n), where there is a radar."""

    def at(self, cells: NDArray[np.int64]) -> SeenPlaces:
        """Return some of the places by their numbers."""
        return SeenPlaces(series=self.series.at(cells), radar=None if self.radar is None else self.radar.at(cells))


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
    radar: RadarSpec | None = None
    """Features of the radar, where there is one."""
    backscatter: StackCells | None = None
    """Backscatter around the cells (n)."""

    def __len__(self) -> int:
        return len(self.cells)

    @property
    def parts(self) -> Iterator[slice]:
        """Yield the cells of each part, in row order."""
        for first in range(0, len(self), PART):
            yield slice(first, min(first + PART, len(self)))

    def part(self, cells: slice) -> NDArray[np.float32]:
        """Return the features of some of the cells, shape (k, cells)."""
        planes = np.empty((len(self.names), cells.stop - cells.start), dtype=np.float32)
        own, optical = len(self.spec.cell_names), len(self.spec.names)
        cell_features(self.cells.part(cells), self.spec, self.spans, out=planes[:own])
        planes[own:optical] = self.texture[:, cells]
        if self.radar is not None and self.backscatter is not None:
            planes[optical:] = radar_features(self.backscatter.part(cells), self.radar, self.spans)
        return planes

    @property
    def names(self) -> tuple[str, ...]:
        """Names of the features, in the order of the planes."""
        return self.spec.names + (self.radar.names if self.radar is not None else ())

    @property
    def whole(self) -> NDArray[np.float32]:
        """All features at once, shape (k, n)."""
        planes = np.empty((len(self.names), len(self)), dtype=np.float32)
        for part in self.parts:
            planes[:, part] = self.part(part)
        return planes

    @property
    def places(self) -> SeenPlaces:
        """All observations at once, for few cells."""
        radar = None if self.backscatter is None else self.backscatter.part(slice(None))
        return SeenPlaces(series=self.cells.part(slice(None)), radar=radar)


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
    radar: RadarView | None = None
    """A radar whose features stand beside those of the sensor."""

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
        return found.whole, found.seen

    @property
    def names(self) -> tuple[str, ...]:
        """Names of all features, in the order of the planes."""
        return self.spec.names + (self.radar.spec.names if self.radar is not None else ())

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
        looked = self._backscatter(period, block, files)
        seen = cells & self.seen(
            stack.days, stack.valid[:, *inner], spans, None if looked is None else looked.valid
        )
        texture = np.empty((len(self.spec.texture_names), int(seen.sum())), dtype=np.float32)
        if texture.size:
            texture = texture_planes(stack, self.spec)[:, seen]
        return BlockFeatures(
            stack=stack,
            spec=self.spec,
            spans=spans,
            seen=seen,
            cells=stack.at(seen),
            texture=texture,
            radar=None if self.radar is None else self.radar.spec,
            backscatter=None if looked is None else looked.at(seen),
        )

    def _backscatter(self, period: PeriodScenes, block: Block, files: OpenRasters | None) -> Stack | None:
        """Return the multilooked backscatter of a block; None without a radar."""
        if self.radar is None:
            return None
        rim = self.radar.spec.radius
        around = Block(block.row - rim, block.col - rim, block.height + 2 * rim, block.width + 2 * rim)
        stack = read_stack(
            period.radar, self.geobox, around, sensor=self.radar.sensor, cloud_buffer_m=0.0, files=files
        )
        return multilooked(stack, rim)

    def seen(
        self,
        days: Sequence[date],
        clear: NDArray[np.bool_],
        spans: WindowSpans,
        through_cloud: NDArray[np.bool_] | None = None,
    ) -> NDArray[np.bool_]:
        """Say which cells were seen often enough.

        Parameters
        ----------
        days, clear
            Days (t) and clear observations of any cells, shape (t, ...).
        spans
            Season windows.
        through_cloud
            Observations of the radar, shape (t', ...). Enough of them stand in for too few clear ones, but not for
            the two dates by which some crops are told.
        """
        often = clear.sum(axis=0, dtype=np.uint16) >= self.min_valid
        if through_cloud is not None and self.radar is not None and self.radar.min_valid is not None:
            often |= through_cloud.sum(axis=0, dtype=np.uint16) >= self.radar.min_valid
        return np.asarray(often & self._dates_seen(days, clear, spans))

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
