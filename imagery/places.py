"""What labelled places show: their features, their observations, and the border cells made of them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import date

import numpy as np
from affine import Affine
from numpy.typing import NDArray

from geo.blocks import Block, map_blocks
from geo.errors import Problem, QualityGateError
from geo.grid import GeoBox
from imagery.border import BorderCells, draw_borders, mixed_series, mixed_texture
from imagery.coarse import CoarseLabels, CoarsePlaces
from imagery.features import cell_features
from imagery.observe import Observer, PeriodScenes, SeenPlaces, window_spans
from imagery.radar import radar_features
from imagery.scene import Scene, unique_scenes
from imagery.sensor import Sensor
from imagery.stack import Series, cell_size_m, working_side
from imagery.training import TrainingSamples
from imagery.validation import LabelledFeatures, MadePlaces

__all__ = ["border_features", "coarse_features", "labelled_features"]


def labelled_features(
    observer: Observer,
    periods: Mapping[str, PeriodScenes],
    training: TrainingSamples,
    *,
    block_size: int,
    jobs: int = 1,
) -> tuple[LabelledFeatures, TrainingSamples, dict[str, SeenPlaces]]:
    """Return the features of all labelled places seen often enough, these places, and what was seen of them.

    Only blocks that hold labelled places are read. What was seen is told by period, in the order of its places.

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
    planes = np.full((len(observer.names), len(training)), np.nan, dtype=np.float32)
    known = np.zeros(len(training), dtype=np.bool_)
    shared = sorted(set.intersection(*(set(period.prior) for period in periods.values())))
    prior = {name: np.zeros(len(training), dtype=np.bool_) for name in shared}
    looks: dict[str, list[tuple[NDArray[np.int64], SeenPlaces]]] = {name: [] for name in periods}
    wide, placed = _around_places(observer, training)
    shape = (wide.geobox.shape[0], wide.geobox.shape[1])
    side = working_side(wide.geobox, block_size)
    for name, period in sorted(periods.items()):
        members = np.flatnonzero(training.period == name)

        def of_block(
            block: Block, members: NDArray[np.int64] = members, period: PeriodScenes = period
        ) -> tuple[NDArray[np.int64], NDArray[np.float32], SeenPlaces] | None:
            return _places_in(wide, period, block, placed[members], members)

        for _, result in map_blocks(of_block, shape, size=side, jobs=jobs):
            if result is not None:
                planes[:, result[0]] = result[1]
                known[result[0]] = True
                looks[name].append((result[0], result[2]))
        for floor, stood in prior.items():
            stood[members] = _at(period.prior[floor], training.row[members], training.col[members])
    data = LabelledFeatures(
        planes=planes,
        names=observer.names,
        unit_id=training.unit_id,
        period=training.period,
        code=training.code,
        prior=prior,
    )
    return (
        data.where(known),
        training.where(known),
        {name: _joined(parts) for name, parts in looks.items() if parts},
    )


def border_features(
    observer: Observer,
    periods: Mapping[str, PeriodScenes],
    data: LabelledFeatures,
    samples: TrainingSamples,
    seen: Mapping[str, SeenPlaces],
    fold: NDArray[np.int64],
    *,
    per_place: int,
    rng: np.random.Generator,
) -> MadePlaces:
    """Return border cells made of pairs of the labelled places of a period and fold.

    Parameters
    ----------
    observer, periods
        As for `labelled_features`.
    data, samples, seen
        From `labelled_features`.
    fold
        Fold of each place; a border cell has that of both its places.
    per_place
        Border cells for each place; 0 for none.
    rng
        Draws them.
    """
    made = [MadePlaces.none(data)]
    for name in sorted(seen) if per_place else ():
        of = np.flatnonzero(samples.period == name)
        cells = draw_borders(
            samples.x_m[of], samples.y_m[of], samples.code[of], fold[of], per_place=per_place, rng=rng
        )
        planes, kept = _border_planes(observer, periods[name], data.planes[:, of], seen[name], cells)
        holder = of[cells.holder[kept]]
        made.append(
            MadePlaces(planes=planes, code=samples.code[holder], period=samples.period[holder], fold=fold[holder])
        )
    return MadePlaces.all_of(made)


def coarse_features(
    observer: Observer,
    periods: Mapping[str, PeriodScenes],
    coarse: CoarseLabels,
    samples: TrainingSamples,
    fold: NDArray[np.int64],
    *,
    block_size: int,
    jobs: int = 1,
) -> CoarsePlaces:
    """Return the features of places in coarse cells that were seen often enough.

    Parameters
    ----------
    observer, periods, block_size, jobs
        As for `labelled_features`.
    coarse
        The places.
    samples, fold
        Labelled places and their folds; a coarse cell has the fold of the labelled place nearest to its middle.
    """
    there = set(coarse.places.period.tolist())
    read = {name: replace(period, prior={}) for name, period in periods.items() if name in there}
    data, kept, _ = labelled_features(observer, read, coarse.places, block_size=block_size, jobs=jobs)
    place = {key: number for number, key in enumerate(_keys(coarse.places))}
    of = np.array([place[key] for key in _keys(kept)], dtype=np.int64)
    sites = np.column_stack([kept.x_m, kept.y_m])
    from scipy.spatial import cKDTree  # takes a while to load, and maps are made without it

    nearest = cKDTree(np.column_stack([samples.x_m, samples.y_m])).query(sites)[1]
    return CoarsePlaces(
        planes=data.planes,
        period=kept.period,
        fold=fold[nearest],
        cell=coarse.cell[of],
        share=coarse.share[of],
        crop=coarse.crop,
    )


def _keys(samples: TrainingSamples) -> list[tuple[str, str]]:
    return list(zip(samples.period.tolist(), samples.unit_id.tolist(), strict=True))


def _border_planes(
    observer: Observer, period: PeriodScenes, planes: NDArray[np.float32], seen: SeenPlaces, cells: BorderCells
) -> tuple[NDArray[np.float32], NDArray[np.bool_]]:
    """Return the features of those border cells that would be seen often enough, and which these are."""
    cell_m, spans = min(cell_size_m(observer.geobox)), window_spans(observer.profile, period)
    sides = footprints(period.scenes, seen.series.days, observer.sensor) / cell_m
    series, radar = mixed_series(seen.series, cells, sides), None
    if seen.radar is not None and observer.radar is not None:
        looks = 2 * observer.radar.spec.radius + 1
        wide = looks * footprints(period.radar, seen.radar.days, observer.radar.sensor) / cell_m
        radar = mixed_series(seen.radar, cells, wide, is_decibel=True)
    kept = observer.seen(series.days, series.valid, spans, None if radar is None else radar.valid)
    cells = cells.where(kept)
    parts = [cell_features(series.at(kept), observer.spec, spans)]
    if observer.spec.texture_names:
        first, last = len(observer.spec.cell_names), len(observer.spec.names)
        radii = [radius for _ in observer.spec.texture for radius in observer.spec.radii]
        parts.append(mixed_texture(planes[first:last], cells, radii))
    if radar is not None and observer.radar is not None:
        parts.append(radar_features(radar.at(kept), observer.radar.spec, spans))
    return np.vstack(parts), kept


def footprints(scenes: Sequence[Scene], days: Sequence[date], sensor: Sensor) -> NDArray[np.float64]:
    """Return the side of what a cell of each band shows on each day, metres, shape (t, b).

    Where scenes of one day are of several sensors, that of the first scene counts.
    """
    own = {scene.day: scene.sensor or sensor for scene in reversed(unique_scenes(scenes))}
    sizes = {
        id(one): [next(band.resolution_m for band in one.band if band.common == name) for name in sensor.common]
        for one in own.values()
    }
    return np.array([sizes[id(own[day])] for day in days], dtype=np.float64).reshape(len(days), len(sensor.band))


def _joined(parts: Sequence[tuple[NDArray[np.int64], SeenPlaces]]) -> SeenPlaces:
    """Return the observations of places that were seen in several blocks, in the order of the places."""
    order = np.argsort(np.concatenate([members for members, _ in parts]), kind="stable")
    radars = [seen.radar for _, seen in parts if seen.radar is not None]
    return SeenPlaces(
        series=_side_by_side([seen.series for _, seen in parts]).at(order),
        radar=_side_by_side(radars).at(order) if radars else None,
    )


def _side_by_side(parts: Sequence[Series]) -> Series:
    """Return the cells of all series, one after the other."""
    return replace(
        parts[0],
        values=np.concatenate([series.values for series in parts], axis=2),
        valid=np.concatenate([series.valid for series in parts], axis=1),
    )


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
) -> tuple[NDArray[np.int64], NDArray[np.float32], SeenPlaces] | None:
    """Return which places of a block were seen often enough, their features and what was seen; None without any."""
    row, col = placed[:, 0] - block.row, placed[:, 1] - block.col
    here = (row >= 0) & (row < block.height) & (col >= 0) & (col < block.width)
    if not here.any():
        return None
    row, col = row[here], col[here]
    cells = np.zeros((block.height, block.width), dtype=np.bool_)
    cells[row, col] = True
    look = observer.observe(period, block, cells)
    found = look.seen[row, col]
    # Features come in row order of the cells seen: the running count is the column of each
    column = (np.cumsum(look.seen).reshape(look.seen.shape) - 1)[row[found], col[found]]
    return members[here][found], look.whole[:, column], look.places.at(column)
