"""Which scenes a period was made from, and what the images did not show: tables of the step ``imagery``."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from geo.grid import GeoBox
from geo.raster import geobox_of, read_on_grid
from imagery.adjust import AdjustOptions, alignment_state, moved
from imagery.coregister import Alignment
from imagery.gap import GapCount, gaps_by_unit
from imagery.prepare import COUNT_NODATA
from imagery.relief import FittedBand, ReliefOptions, with_relief
from imagery.scene import Scene
from monitor.figures import FRAME
from monitor.tables import read_csv

__all__ = [
    "GAP_TABLE",
    "LEFT_OUT",
    "SCENE_TABLE",
    "TOPOGRAPHY_TABLE",
    "USED",
    "band_rows",
    "frame_gap_rows",
    "gap_rows",
    "kept_as_prepared",
    "scene_rows",
]

SCENE_TABLE = "scenes.csv"
GAP_TABLE = "gaps.csv"
USED, LEFT_OUT = "used", "left_out"
TOPOGRAPHY_TABLE = "topography.csv"
_SCENE_COLUMNS = (
    "scene", "day", "platform", "baseline", "state", "reason",
    "alignment", "shift_east_m", "shift_north_m", "alignment_tiles",
)  # fmt: skip
_BAND_COLUMNS = (
    "scene", "band", "method", "state", "parameter", "cells", "correlation_before", "correlation_after",
    "slope_before", "slope_after", "reason",
)  # fmt: skip
_MEASURES = ("never_seen", "too_few", "seen_outside_windows_only")


def scene_rows(
    scenes: Sequence[Scene],
    lost: Sequence[tuple[str, str]],
    alignment: Sequence[Alignment],
    options: AdjustOptions,
) -> pd.DataFrame:
    """Return one row for each scene of a period, used ones first.

    Parameters
    ----------
    scenes
        Scenes that the period was made from.
    lost
        Names of the others, and why each was left out.
    alignment, options
        How far each lies beside the others, and what was to be done about it.
    """
    by_name = {one.scene: one for one in alignment}
    known = [
        (scene.id, scene.day.isoformat(), scene.platform, scene.baseline or "", USED, "")
        for scene in sorted(scenes, key=lambda scene: (scene.time, scene.id))
    ]
    known += [(name, "", "", "", LEFT_OUT, why) for name, why in sorted(lost)]
    rows = [(*row, *_alignment_cells(by_name.get(row[0]), options)) for row in known]
    return pd.DataFrame(rows, columns=list(_SCENE_COLUMNS))


def _alignment_cells(one: Alignment | None, options: AdjustOptions) -> tuple[object, ...]:
    if one is None:
        return "not_measured", None, None, 0
    return alignment_state(one, options), one.east_m, one.north_m, one.tiles


def band_rows(bands: Sequence[FittedBand]) -> pd.DataFrame:
    """Return one row for each band of each scene: its topographic correction and what that did."""
    rows = []
    for one in bands:
        before, after = one.effect.before, one.effect.after
        is_done = one.parameter is not None
        numbers = (before.correlation, after.correlation, before.slope, after.slope)
        rows.append(
            (
                one.scene,
                one.band,
                one.method,
                "corrected" if is_done else "unchanged",
                one.parameter,
                before.cells,
                *(number if is_done else None for number in numbers),
                one.reason,
            )
        )
    return pd.DataFrame(rows, columns=list(_BAND_COLUMNS))


def kept_as_prepared(
    scenes: Sequence[Scene], folder: Path, relief: ReliefOptions | None, geobox: GeoBox
) -> list[Scene]:
    """Return scenes as the step ``imagery`` used them: without those left out, moved and corrected as it did.

    Parameters
    ----------
    scenes
        Of the period, as the source gives them.
    folder
        ``imagery/PERIOD`` of the run folder.
    relief
        How shading was taken out; None where it stayed.
    geobox
        The analysis grid.
    """
    table = read_csv(folder / SCENE_TABLE)
    left_out = set(table.loc[table["state"] == LEFT_OUT, "scene"])
    shifted = table[table["alignment"] == "moved"]
    shifts = {
        str(name): (float(east), float(north))
        for name, east, north in shifted[["scene", "shift_east_m", "shift_north_m"]].itertuples(index=False)
    }
    kept = [
        moved(scene, *shifts[scene.id]) if scene.id in shifts else scene
        for scene in scenes
        if scene.id not in left_out
    ]
    if relief is None:
        return kept
    bands = read_csv(folder / TOPOGRAPHY_TABLE)
    done = bands[bands["state"] == "corrected"]
    parameters: dict[str, dict[str, float]] = {scene.id: {} for scene in kept}
    for name, band, value in done[["scene", "band", "parameter"]].itertuples(index=False):
        parameters.setdefault(str(name), {})[str(band)] = float(value)
    return [with_relief(scene, parameters[scene.id], relief, geobox) for scene in kept]


def gap_rows(
    counts: Path,
    *,
    period: str,
    unit_of_cell: NDArray[np.integer],
    units: Sequence[tuple[str, str]],
    frame_name: str,
    windows: Sequence[str],
    min_valid: int,
) -> pd.DataFrame:
    """Return the gaps of the frame and of every administrative unit.

    Parameters
    ----------
    counts
        ``valid_count.tif`` of the period.
    period
        Its name.
    unit_of_cell
        Shape (h, w): 0 outside the frame, else 1 + index of the unit.
    units
        Code and name of each unit.
    frame_name
        Name of the frame.
    windows
        Names of the season windows, in the order of the bands.
    min_valid
        Fewest clear observations with which a cell counts as seen.
    """
    geobox = geobox_of(counts)
    found = gaps_by_unit(counts, geobox, unit_of_cell, units=len(units), least=min_valid)
    whole = sum(found, start=GapCount(window_missing=(0,) * len(windows)))
    named = [((FRAME, frame_name), whole), *zip(units, found, strict=True)]
    rows = [row for (code, name), count in named for row in _rows(period, code, name, count, windows, min_valid)]
    return pd.DataFrame(rows)


def frame_gap_rows(
    counts: Path, *, period: str, frame_name: str, windows: Sequence[str], min_valid: int
) -> pd.DataFrame:
    """Return the rows of the frame alone, from nothing but the counts: cells outside it hold no count."""
    geobox = geobox_of(counts)
    inside = _inside(counts, geobox)
    (whole,) = gaps_by_unit(counts, geobox, inside, units=1, least=min_valid)
    return pd.DataFrame(list(_rows(period, FRAME, frame_name, whole, windows, min_valid)))


def _inside(counts: Path, geobox: GeoBox) -> NDArray[np.uint8]:
    return np.asarray(read_on_grid(counts, geobox) != COUNT_NODATA, dtype=np.uint8)


def _rows(
    period: str, code: str, name: str, count: GapCount, windows: Sequence[str], min_valid: int
) -> Iterator[dict[str, Any]]:
    missing = count.window_missing or (0,) * len(windows)
    told = [(measure, "", cells) for measure, cells in zip(_MEASURES, _cells(count), strict=True)]
    told += [("window_missing", window, cells) for window, cells in zip(windows, missing, strict=True)]
    for measure, window, cells in told:
        yield {
            "period": period,
            "domain": code,
            "domain_name": name,
            "measure": measure,
            "window": window,
            "cells": cells,
            "of_cells": count.cells,
            "share": cells / count.cells if count.cells else 0.0,
            "min_valid": min_valid,
        }


def _cells(count: GapCount) -> tuple[int, int, int]:
    return count.never_seen, count.too_few, count.outside_windows
