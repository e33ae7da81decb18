"""Which scenes a period was made from, and what the images did not show: tables of the step ``imagery``."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from odc.geo.geobox import GeoBox

from geo.raster import geobox_of, read_on_grid
from imagery.gap import GapCount, gaps_by_unit
from imagery.prepare import COUNT_NODATA
from imagery.scene import Scene
from monitor.figures import FRAME
from monitor.tables import read_csv

__all__ = [
    "GAP_TABLE",
    "LEFT_OUT",
    "SCENE_TABLE",
    "USED",
    "frame_gap_rows",
    "gap_rows",
    "left_out_scenes",
    "scene_rows",
]

SCENE_TABLE = "scenes.csv"
GAP_TABLE = "gaps.csv"
USED, LEFT_OUT = "used", "left_out"
_SCENE_COLUMNS = ("scene", "day", "platform", "baseline", "state", "reason")
_MEASURES = ("never_seen", "too_few", "seen_outside_windows_only")


def scene_rows(kept: Sequence[Scene], lost: Sequence[tuple[str, str]]) -> pd.DataFrame:
    """Return one row for each scene of a period, used ones first.

    Parameters
    ----------
    kept
        Scenes that the period was made from.
    lost
        Names of the others, and why each was left out.
    """
    used = [
        (scene.id, scene.day.isoformat(), scene.platform, scene.baseline or "", USED, "")
        for scene in sorted(kept, key=lambda scene: (scene.time, scene.id))
    ]
    gone = [(name, "", "", "", LEFT_OUT, why) for name, why in sorted(lost)]
    return pd.DataFrame([*used, *gone], columns=list(_SCENE_COLUMNS))


def left_out_scenes(path: Path) -> frozenset[str]:
    """Return the names of the scenes that a table says were left out."""
    table = read_csv(path)
    return frozenset(table.loc[table["state"] == LEFT_OUT, "scene"].astype(str))


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
