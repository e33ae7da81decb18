"""The tiles of one open raster, decoded once though several windows reach into them.

A window that reaches a few cells beyond a tile needs a thin edge of each of its neighbours, and every one of them
would be decoded whole for it. So the edges of each decoded tile are kept, as wide as windows reach, for three rows
of tiles: windows that follow each other row by row, several at a time, decode each tile twice instead of
nine times. Tiles of which more than an edge is needed are kept whole, as many as there is room for; where a row of
them finds room, those that will be needed for the next row are kept too, and few tiles are decoded twice.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from geo.blocks import Block

__all__ = ["TileCache", "TileRoom"]

_EDGE_BYTES = 16  # cells across an edge, at most, times bytes of a cell
_ROWS = 3  # of tiles whose edges are kept: those above and below the one being worked on, and that one
_BESIDE = 3  # tiles by which windows under way may be ahead of each other
Key = tuple[tuple[int, ...], int, int]


@dataclass(slots=True)
class TileRoom:
    """Memory that the caches of several rasters share for the tiles they keep whole."""

    most_bytes: int
    """What all of them may take; for a time more, since each lets go of tiles only when it next keeps one."""
    caches: int = 0
    """How many they are."""

    def share(self) -> Callable[[int], int]:
        """Return what tells one more cache how many tiles of so many bytes it may keep.

        If there is less than one for each, some caches keep one and the others none. The former then find their
        tile again; if all shared the room in turn, each tile would be gone before it is needed.

        Examples
        --------
        >>> room = TileRoom(1000)
        >>> shares = [room.share() for _ in range(3)]
        >>> [share(100) for share in shares], [share(500) for share in shares]
        ([3, 3, 4], [0, 1, 1])
        """
        number = self.caches
        self.caches += 1

        def tiles(tile_bytes: int) -> int:
            most, of_all = self.most_bytes, self.caches * tile_bytes  # once: other threads open further rasters
            return (number + 1) * most // of_all - number * most // of_all

        return tiles


@dataclass(slots=True)
class TileCache:
    """Recently decoded tiles of a raster and the edges of many; not for several threads at once."""

    shape: tuple[int, int]
    """Height and width of the raster."""
    tile: tuple[int, int]
    """Height and width of its tiles."""
    decode: Callable[[list[int], Block], NDArray[Any]]
    """Reads a window of some bands, shape (bands, height, width)."""
    room: Callable[[int], int] = lambda _: 4
    """How many tiles of so many bytes may be kept whole."""
    _wide: int = 0
    """Cells across an edge, as windows have needed them."""
    _tiles: OrderedDict[Key, NDArray[Any]] = field(default_factory=OrderedDict)
    _edges: OrderedDict[Key, tuple[NDArray[Any], ...]] = field(default_factory=OrderedDict)

    @property
    def held_bytes(self) -> int:
        """What tiles and edges take."""
        edges = sum(edge.nbytes for kept in self._edges.values() for edge in kept)
        return edges + sum(tile.nbytes for tile in self._tiles.values())

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
        self._widen(window, first, last, left, right)
        middle = (window.row + window.height // 2) // height, (window.col + window.width // 2) // width
        out: NDArray[Any] | None = None
        for row in range(first, last + 1):
            for col in range(left, right + 1):
                tile = self._bounds(row, col)
                top, bottom = max(window.row, tile.row), min(window.row + window.height, tile.row + tile.height)
                start, end = max(window.col, tile.col), min(window.col + window.width, tile.col + tile.width)
                inside = Block(top - tile.row, start - tile.col, bottom - top, end - start)
                next_one = (row, col) == (middle[0], middle[1] + 1)
                cells = self._part((tuple(bands), row, col), tile, inside, next_one=next_one)
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

    def _widen(self, window: Block, first: int, last: int, left: int, right: int) -> None:
        """Let edges be as wide as a window reaches into the outermost of its tiles, if that is a few cells."""
        height, width = self.tile
        overlaps = (
            (first + 1) * height - window.row,
            window.row + window.height - last * height,
            (left + 1) * width - window.col,
            window.col + window.width - right * width,
        )
        self._wide = max([self._wide, *(cells for cells in overlaps if cells <= _EDGE_BYTES)])

    def _part(self, key: Key, tile: Block, inside: Block, *, next_one: bool) -> NDArray[Any]:
        """Return a part of a tile: from its edges, from the tile, or from the file."""
        edges = self._edges.get(key)
        if edges is not None:
            self._edges.move_to_end(key)
            found = _from_edges(edges, tile, inside)
            if found is not None:
                return found
        cells = self._tiles.pop(key, None)
        if cells is None or edges is None:
            cells = self.decode(list(key[0]), tile) if cells is None else cells
            edges = self._edges[key] = self._edges_of(cells)
            if len(self._edges) > _ROWS * self._row:
                self._edges.popitem(last=False)
        alone = (inside.height, inside.width) == (tile.height, tile.width)
        if not alone:
            least = 1
            if _from_edges(edges, tile, inside) is not None:  # it is for its own block that it may be needed whole
                least = 2 if next_one else self._row
            if self.room(cells.nbytes) >= least:
                self._tiles[key] = cells
        most = self.room(cells.nbytes)
        while len(self._tiles) > most:
            self._tiles.popitem(last=False)
        return np.asarray(cells[:, *inside.slices])

    @property
    def _row(self) -> int:
        """Tiles in a row, with those by which windows are ahead of each other."""
        return -(-self.shape[1] // self.tile[1]) + _BESIDE

    def _edges_of(self, cells: NDArray[Any]) -> tuple[NDArray[Any], ...]:
        """Return copies of the upper, lower, left and right edge of a tile."""
        wide = max(1, min(self._wide, _EDGE_BYTES // cells.dtype.itemsize))
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
