"""Where scenes lie on the analysis grid, and what a block of them is known by.

A scene that does not reach a block is neither opened for it nor part of its fingerprint: when a scene comes, the
blocks that it does not reach are as they were.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, replace
from hashlib import sha256
from math import ceil, floor
from typing import Any

import numpy as np
from numpy.typing import NDArray
from rasterio.warp import transform_bounds

from geo.blocks import Block
from geo.errors import InputError
from geo.files import content_id
from geo.grid import GeoBox
from geo.raster import geobox_of
from imagery.scene import BandFile, Scene

__all__ = ["block_key", "placed", "scene_key"]

BLOCK_VERSION = 1
"""Raised when the same inputs make another block, so that what was kept is made again."""
_ROUNDING = 1e-6  # cells: an edge this close to a whole number of them lies there
_BENT = 4  # cells, where edges bend between two reference systems


def placed(scenes: Sequence[Scene], geobox: GeoBox, *, jobs: int = 1) -> tuple[Scene, ...]:
    """Return scenes with the window of the grid that their files cover.

    Parameters
    ----------
    scenes
        In any order; the order is kept.
    geobox
        The analysis grid.
    jobs
        Threads that open files.
    """
    with ThreadPoolExecutor(jobs) as pool:
        extents = pool.map(lambda scene: _extent(scene, geobox), scenes)
        return tuple(replace(scene, extent=extent) for scene, extent in zip(scenes, extents, strict=True))


def scene_key(scene: Scene) -> str:
    """Return the fingerprint of all of a scene that decides what is read from it: contents, not names of files."""
    relief = None
    if scene.relief is not None:
        relief = asdict(scene.relief) | {"elevation": content_id(scene.relief.elevation)}
    return _hash(
        {
            "id": scene.id,
            "time": scene.time.isoformat(),
            "tile": scene.tile,
            "baseline": scene.baseline,
            "bands": {name: _file_key(file) for name, file in scene.bands.items()},
            "mask": None if scene.mask is None else _file_key(scene.mask),
            "shift_m": scene.shift_m,
            "relief": relief,
            "sensor": None if scene.sensor is None else scene.sensor.model_dump(mode="json"),
        }
    )


def block_key(
    settings: Any,
    scenes: Sequence[tuple[Scene, str]],
    geobox: GeoBox,
    block: Block,
    read: Block,
    cells: NDArray[np.bool_],
) -> str:
    """Return the fingerprint of a block.

    Parameters
    ----------
    settings
        Whatever else decides it, JSON-able.
    scenes
        Each scene, with its extent, and its `scene_key`.
    geobox
        The analysis grid.
    block
        The window made.
    read
        The window that is read for it.
    cells
        Cells wanted.
    """
    return _hash(
        {
            "version": BLOCK_VERSION,
            "settings": settings,
            "crs": str(geobox.crs),
            "transform": list(geobox.transform)[:6],
            "block": asdict(block),
            "cells": sha256(np.packbits(cells).tobytes()).hexdigest(),
            "scenes": sorted(key for scene, key in scenes if scene.reaches(read)),
        }
    )


def _extent(scene: Scene, geobox: GeoBox) -> Block | None:
    """Return the smallest window around all files of a scene; None where one does not say where it lies."""
    files = (*scene.bands.values(), *((scene.mask,) if scene.mask else ()))
    try:
        boxes = [geobox_of(path) for path in sorted({file.path for file in files})]
        corners = np.array([_on_grid(box, geobox) for box in boxes])
    except (InputError, ValueError):  # told when it is read
        return None
    if not np.isfinite(corners).all():
        return None
    # In one reference system no cell beyond the edge is read, so a tile reaches no neighbour of its blocks
    slack = 0 if all(box.crs == geobox.crs for box in boxes) else _BENT
    east, north = scene.shift_m
    col = floor(corners[:, 0].min() + east / geobox.transform.a + _ROUNDING) - slack
    row = floor(corners[:, 1].min() + north / geobox.transform.e + _ROUNDING) - slack
    last_col = ceil(corners[:, 2].max() + east / geobox.transform.a - _ROUNDING) + slack
    last_row = ceil(corners[:, 3].max() + north / geobox.transform.e - _ROUNDING) + slack
    return Block(row, col, last_row - row, last_col - col)


def _on_grid(box: GeoBox, geobox: GeoBox) -> tuple[float, float, float, float]:
    """Return the left, top, right and bottom of a file in columns and rows of the grid."""
    bounds = box.boundingbox
    west, south, east, north = bounds.left, bounds.bottom, bounds.right, bounds.top
    if box.crs != geobox.crs:
        west, south, east, north = transform_bounds(str(box.crs), str(geobox.crs), west, south, east, north)
    left, top = ~geobox.transform * (west, north)
    right, bottom = ~geobox.transform * (east, south)
    return left, top, right, bottom


def _file_key(file: BandFile) -> list[Any]:
    return [content_id(file.path), file.index, file.scale, file.offset]


def _hash(content: Any) -> str:
    return sha256(json.dumps(content, sort_keys=True, default=str).encode()).hexdigest()
