"""The tiles of one open raster, decoded once though several windows reach into them.

A window that reaches a few cells beyond a tile needs a thin edge of each of its neighbours, and every one of them
would be decoded whole for it. So the edges of each decoded tile are kept for a while, and the last tiles whole:
windows that follow each other row by row then decode each tile twice at most, instead of nine times.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from geo.blocks import Block

__all__ = ["TileCache"]

_EDGE_BYTES = 16  # cells of an edge times bytes of a cell
Key = tuple[tuple[int, ...], int, int]


@dataclass(slots=True)
class TileCache:
    """Recently decoded tiles of a raster and the edges of many; not for several threads at once."""

    shape: tuple[int, int]
    """Height and width of the raster."""
    tile: tuple[int, int]
    """Height and width of its tiles."""
    decode: Callable[[list[int], Block], NDArray[Any]]
    """Reads a window of some bands, shape (bands, height, width)."""
    whole: int = 4
    """Tiles kept whole."""
    _tiles: OrderedDict[Key, NDArray[Any]] = field(default_factory=OrderedDict)
    _edges: OrderedDict[Key, tuple[NDArray[Any], ...]] = field(default_factory=OrderedDict)

    def read(self, bands: list[int], window: Block) -> NDArray[Any]:
        """Return the cells of a window inside the raster, shape (bands, height, width).

        Examples
        --------
        >>> image = np.arange(16.0).reshape(1, 4, 4)
        >>> cache = TileCache((4, 4), (2, 2), lambda bands, window: image[:, *window.slices])
        >>> cache.read([1], Block(1, 1, 2, 2)).tolist()
        [[[5.0, 6.0], [9.0, 10.0]]]
        """
        height, width = self.tile
        first, last = window.row // height, (window.row + window.height - 1) // height
        left, right = window.col // width, (window.col + window.width - 1) // width
        alone = (first, left) == (last, right) and self._fills(window)
        if alone and (tuple(bands), first, left) not in self._tiles:
            return self.decode(bands, window)
        out: NDArray[Any] | None = None
        for row in range(first, last + 1):
            for col in range(left, right + 1):
                tile = self._bounds(row, col)
                top, bottom = max(window.row, tile.row), min(window.row + window.height, tile.row + tile.height)
                start, end = max(window.col, tile.col), min(window.col + window.width, tile.col + tile.width)
                inside = Block(top - tile.row, start - tile.col, bottom - top, end - start)
                cells = self._part((tuple(bands), row, col), tile, inside)
                if out is None:
                    out = np.empty((len(bands), window.height, window.width), dtype=cells.dtype)
                out[:, top - window.row : bottom - window.row, start - window.col : end - window.col] = cells
        assert out is not None
        return out

    def _fills(self, window: Block) -> bool:
        """Say whether a window is one whole tile, which nobody needs again."""
        return window == self._bounds(window.row // self.tile[0], window.col // self.tile[1])

    def _bounds(self, row: int, col: int) -> Block:
        height, width = self.tile
        top, left = row * height, col * width
        return Block(top, left, min(height, self.shape[0] - top), min(width, self.shape[1] - left))

    def _part(self, key: Key, tile: Block, inside: Block) -> NDArray[Any]:
        """Return a part of a tile: from its edges, from the tile, or from the file."""
        edges = self._edges.get(key)
        if edges is not None:
            self._edges.move_to_end(key)
            found = _from_edges(edges, tile, inside)
            if found is not None:
                return found
        cells = self._tiles.pop(key, None)
        if cells is None:
            cells = self.decode(list(key[0]), tile)
        self._tiles[key] = cells
        if len(self._tiles) > self.whole:
            self._tiles.popitem(last=False)
        if edges is None:
            self._edges[key] = _edges_of(cells)
            # Two rows of tiles and what is at their ends: the row above, and the one being worked on
            if len(self._edges) > 2 * (-(-self.shape[1] // self.tile[1]) + 3):
                self._edges.popitem(last=False)
        return np.asarray(cells[:, *inside.slices])


def _edges_of(cells: NDArray[Any]) -> tuple[NDArray[Any], ...]:
    """Return copies of the upper, lower, left and right edge of a tile."""
    wide = max(1, _EDGE_BYTES // cells.dtype.itemsize)
    return (
        cells[:, :wide].copy(),
        cells[:, -wide:].copy(),
        cells[:, :, :wide].copy(),
        cells[:, :, -wide:].copy(),
    )


def _from_edges(edges: tuple[NDArray[Any], ...], tile: Block, inside: Block) -> NDArray[Any] | None:
    """Return a part of a tile that lies within one of its edges; None where it does not."""
    upper, lower, left, right = edges
    rows, cols = inside.slices
    below, beside = tile.height - lower.shape[1], tile.width - right.shape[2]
    if rows.stop <= upper.shape[1]:
        return np.asarray(upper[:, rows, cols])
    if rows.start >= below:
        return np.asarray(lower[:, rows.start - below : rows.stop - below, cols])
    if cols.stop <= left.shape[2]:
        return np.asarray(left[:, rows, cols])
    if cols.start >= beside:
        return np.asarray(right[:, rows, cols.start - beside : cols.stop - beside])
    return None
