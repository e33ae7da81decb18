"""Cloud-optimised GeoTIFFs, written block by block, whole or not at all.

Every tile is packed as soon as the blocks it is made of have come, and handed on at half its size to the overview
above it, so that nothing is read twice and hardly anything is left to do when the last block comes. GDAL writes
what the file says of itself (place, colours, names), in a file without tiles; `geo.tiff` lays that out before ours.
"""

from __future__ import annotations

import errno
import os
from collections.abc import Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor, wait
from contextlib import ExitStack
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any, Literal, NamedTuple

import numpy as np
from numpy.typing import NDArray
from rasterio.enums import ColorInterp
from rasterio.io import MemoryFile

from geo.blocks import BLOCK_SIZE, Block
from geo.errors import AltdevError, Problem, reason
from geo.files import atomic, cannot_write
from geo.grid import GeoBox
from geo.spool import InOrder, Scratch, make_room, write_all
from geo.tiff import enclosed, file_head, first_directory, first_tile, overview_directory, raster_place

__all__ = ["CogWriter", "CogWriters", "RasterStyle", "overview_shapes", "write_cog"]

if TYPE_CHECKING:
    from geo.overviews import Summary

_KEPT_BUSY = 8
"""Threads that make blocks for each that packs them; packing takes a tenth of the time, and best as they come."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RasterStyle:
    """What a raster says of itself beside its numbers."""

    nodata: float | None = None
    """Value of cells that hold nothing."""
    descriptions: tuple[str, ...] = ()
    """A name for each band."""
    scale: float = 1.0
    """Factor from stored to physical values."""
    offset: float = 0.0
    """Added after scaling."""
    colours: Mapping[int, str] = field(default_factory=dict)
    """Class code to ``#rrggbb``, for class maps."""
    categories: Mapping[int, str] = field(default_factory=dict)
    """Class code to name, written as tags."""
    overviews: Summary = "average"
    """What stands for four cells in overviews: ``mode`` for classes, ``average`` for quantities."""
    packing: Literal["DEFLATE", "ZSTD"] = "DEFLATE"
    """``DEFLATE`` is read by every program; ``ZSTD``, read by GDAL 2.3 and later, takes a third of the time."""
    tags: Mapping[str, str] = field(default_factory=dict)
    """Further metadata."""


class _Piece(NamedTuple):
    """Part of a tile that waits in the scratch file for the others."""

    rows: slice
    cols: slice
    place: int


class _Packed(NamedTuple):
    """A tile as it will stand in the file."""

    place: int
    """Where it waits in the scratch file; -1 for those of the raster itself, which are laid as they come."""
    length: int
    sizes: list[int]
    """Bytes of each band."""


@dataclass(slots=True)
class _Level:
    """The raster or one of its overviews: what has come of its tiles."""

    shape: tuple[int, int]
    packed: dict[tuple[int, int], _Packed] = field(default_factory=dict)
    """Row and column of the tiles that are whole."""
    pieces: dict[tuple[int, int], list[_Piece]] = field(default_factory=dict)
    """Row and column of the tiles that are not."""

    def tiles(self) -> Iterator[tuple[int, int]]:
        """Yield row and column of each tile, row by row."""
        rows, cols = (-(-size // BLOCK_SIZE) for size in self.shape)
        return ((row, col) for row in range(rows) for col in range(cols))

    def size(self, tile: tuple[int, int]) -> tuple[int, int]:
        """Return height and width of a tile, which ends where the raster does."""
        height, width = (min(BLOCK_SIZE, size - at * BLOCK_SIZE) for size, at in zip(self.shape, tile, strict=True))
        return height, width


class CogWriter:
    """Collects blocks and lays them out as a cloud-optimised GeoTIFF when closed.

    Use as a context manager; nothing stands at the final path unless it ends well. Blocks may come in any
    order and of any size, each cell once: equal content gives equal bytes. Cells that never come hold no-data.
    """

    def __init__(
        self,
        path: Path,
        geobox: GeoBox,
        *,
        dtype: str,
        bands: int = 1,
        style: RasterStyle | None = None,
    ) -> None:
        self._path = path
        self._geobox = geobox
        self._style = style or RasterStyle()
        self._bands = bands
        self._dtype = np.dtype(dtype)
        self._levels = [_Level(shape) for shape in overview_shapes((geobox.shape[0], geobox.shape[1]))]
        self._part = path
        self._says = b""
        self._scratch = Scratch(path.parent)
        self._file: IO[bytes] | None = None
        self._body: InOrder | None = None
        self._closing = ExitStack()

    @property
    def size_bytes(self) -> int:
        """Size of the raster without its overviews, unpacked."""
        height, width = self._geobox.shape
        return int(height * width * self._bands * self._dtype.itemsize)

    def __enter__(self) -> CogWriter:
        with ExitStack() as stack:  # undone in reverse order: finish, close, move into place
            self._part = stack.enter_context(atomic(self._path))
            self._says = self._said()
            try:
                # Beside the file, where there must be room, and without a name: nothing stays of it in any case
                stack.enter_context(self._scratch)
                self._file = stack.enter_context(self._part.open("w+b", buffering=0))
            except OSError as error:
                raise cannot_write(self._path, reason(error)) from error
            self._body = InOrder(self._file, self._scratch)
            stack.push(self._finish)
            self._closing = stack.pop_all()
        return self

    def __exit__(self, *exc: Any) -> None:
        self._closing.__exit__(*exc)

    def write(self, block: Block, array: NDArray[Any]) -> None:
        """Write a block, shape (height, width) or (bands, height, width).

        Raises
        ------
        AltdevError
            If the disk is full.
        ValueError
            If the array is not as large as the block, reaches beyond the raster, or has cells that came before.
        """
        data = array if array.ndim == 3 else array[None]
        height, width = self._geobox.shape
        inside = 0 <= block.row <= height - block.height and 0 <= block.col <= width - block.width
        if not inside or data.shape != (self._bands, block.height, block.width):
            raise ValueError(
                f"{data.shape} cells at {block} of {self._path}, {(self._bands, height, width)} in all"
            )
        try:
            self._place(0, block.row, block.col, data.astype(self._dtype, copy=False))
        except OSError as error:
            raise cannot_write(self._path, reason(error)) from error

    def _place(self, number: int, row: int, col: int, cells: NDArray[Any]) -> None:
        """Put cells, shape (bands, h, w), where they belong in a level; tiles that are whole then are packed."""
        level = self._levels[number]
        ends = row + cells.shape[1], col + cells.shape[2]
        for down in range(row // BLOCK_SIZE, -(-ends[0] // BLOCK_SIZE)):
            for right in range(col // BLOCK_SIZE, -(-ends[1] // BLOCK_SIZE)):
                top, left = down * BLOCK_SIZE, right * BLOCK_SIZE
                height, width = level.size((down, right))
                rows = slice(max(row - top, 0), min(ends[0] - top, height))
                cols = slice(max(col - left, 0), min(ends[1] - left, width))
                inside = (
                    slice(rows.start + top - row, rows.stop + top - row),
                    slice(cols.start + left - col, cols.stop + left - col),
                )
                self._collect(number, (down, right), rows, cols, cells[:, *inside])

    def _collect(self, number: int, tile: tuple[int, int], rows: slice, cols: slice, part: NDArray[Any]) -> None:
        """Take some rows and columns of a tile, which is packed if none is missing any more."""
        level = self._levels[number]
        waiting = level.pieces.get(tile, [])
        if tile in level.packed or any(_meet(one.rows, rows) and _meet(one.cols, cols) for one in waiting):
            raise ValueError(f"cells of {self._path} that came before")
        if part.shape[1:] == level.size(tile):
            self._pack(number, tile, part)
            return
        level.pieces[tile] = [*waiting, _Piece(rows, cols, self._scratch.append(np.ascontiguousarray(part)))]
        if _cells(level.pieces[tile]) == np.prod(level.size(tile)):
            self._pack(number, tile, self._gathered(level, tile))

    def _gathered(self, level: _Level, tile: tuple[int, int]) -> NDArray[Any]:
        """Return a tile made of the pieces that have come, shape (bands, h, w), no-data elsewhere."""
        pieces, size = level.pieces.pop(tile, []), level.size(tile)
        cells = np.empty((self._bands, *size), dtype=self._dtype)
        if _cells(pieces) < size[0] * size[1]:
            cells[:] = self._style.nodata or 0
        for rows, cols, place in pieces:
            shape = (self._bands, rows.stop - rows.start, cols.stop - cols.start)
            read = self._scratch.read(place, int(np.prod(shape)) * self._dtype.itemsize)
            cells[:, rows, cols] = np.frombuffer(read, self._dtype).reshape(shape)
        return cells

    def _pack(self, number: int, tile: tuple[int, int], cells: NDArray[Any]) -> None:
        """Pack a tile, shape (bands, h, w), and hand its half to the level above."""
        packed = [self._packer(_padded(band)) for band in cells]
        whole = b"".join(part for one in packed for part in enclosed(one))
        place = -1
        if number == 0:
            assert self._body is not None
            self._body.put(tile[0] * -(-self._levels[0].shape[1] // BLOCK_SIZE) + tile[1], whole)
        else:
            place = self._scratch.append(whole)
        self._levels[number].packed[tile] = _Packed(place, len(whole), [len(one) for one in packed])
        if number + 1 < len(self._levels):
            from geo.overviews import halved  # compiled loops, which small rasters do without

            half = np.stack([halved(band, self._style.overviews, self._style.nodata) for band in cells])
            self._place(number + 1, tile[0] * BLOCK_SIZE // 2, tile[1] * BLOCK_SIZE // 2, half)

    @cached_property
    def _packer(self) -> Any:
        """A function from the cells of a whole tile to packed bytes."""
        if self._style.packing == "ZSTD" and self._dtype.kind in "iu" and self._dtype.itemsize > 1:
            return _zstd_differences()
        options = self._said_options()
        return lambda cells: _packed_by_gdal(cells, options)

    def _said_options(self) -> dict[str, Any]:
        """Return how tiles are packed, in GDAL's words."""
        return {
            "driver": "GTiff",
            "dtype": self._dtype.name,
            "nodata": self._style.nodata,
            "tiled": True,
            "blockxsize": BLOCK_SIZE,
            "blockysize": BLOCK_SIZE,
            "compress": self._style.packing,
            # Differences of neighbours repeat too seldom for a longer search to find more
            "zlevel" if self._style.packing == "DEFLATE" else "zstd_level": 5 if self._dtype.itemsize == 1 else 1,
            "predictor": 1 if self._dtype.itemsize == 1 else 3 if self._dtype.kind == "f" else 2,
            "endianness": "little",
            "bigtiff": "IF_SAFER",
            "transform": self._geobox.transform,
        }

    def _said(self) -> bytes:
        """Return a file that says all of the raster and holds no tile."""
        height, width = self._geobox.shape
        with MemoryFile() as memory:
            with memory.open(
                **self._said_options(),
                height=height,
                width=width,
                count=self._bands,
                crs=str(self._geobox.crs),
                interleave="band",
                sparse_ok=True,
            ) as dataset:
                _describe(dataset, self._style)
            return bytes(memory.getbuffer())

    def _finish(self, kind: type[BaseException] | None, *_: Any) -> None:
        """Lay the file out, unless something went wrong."""
        assert self._file is not None
        if kind is not None:
            return
        try:
            for number, level in enumerate(self._levels):
                for tile in level.tiles():
                    if tile not in level.packed:
                        self._pack(number, tile, self._gathered(level, tile))
            self._lay_out()
            self._file.close()  # which is where some file systems tell that they could not
        except OSError as error:
            raise cannot_write(self._path, reason(error)) from error

    def _lay_out(self) -> None:
        """Write the directories and the overviews, the coarsest first, before the tiles that are laid already."""
        assert self._file is not None
        assert self._body is not None
        self._require_alone(self._file)
        laid = self._body.laid, self._file.seek(0, os.SEEK_END)
        if laid != (len(self._levels[0].packed), self._body.bytes):
            raise OSError(errno.EIO, "other bytes than were written")
        directory, large = first_directory(self._says)
        directories = [directory, *(overview_directory(directory, level.shape) for level in self._levels[1:])]
        sizes = [np.array([level.packed[tile].sizes for tile in level.tiles()]).T for level in self._levels]
        head = file_head(directories, sizes, large=large)
        place = raster_place(directories, sizes, large=large)
        make_room(self._file, place)
        self._file.seek(0)
        write_all(self._file, head)
        for level in reversed(self._levels[1:]):
            for tile in level.tiles():
                packed = level.packed[tile]
                write_all(self._file, self._scratch.read(packed.place, packed.length))
        write_all(self._file, bytes(place - self._file.tell()))

    def _require_alone(self, file: IO[bytes]) -> None:
        """Refuse to hand out a file in whose place another writer began one of its own."""
        try:
            alone = os.path.samestat(os.fstat(file.fileno()), self._part.stat())
        except FileNotFoundError:
            alone = False
        if not alone:
            raise AltdevError(
                Problem(
                    where=str(self._path),
                    found="another program that writes the same file",
                    expected="one at a time",
                    remedy="end the other one, or give another folder with --out",
                )
            )


class CogWriters:
    """Writers that are open at the same time, and are finished side by side in threads.

    Use as a context manager. An error while blocks come leaves all files as they were; one that comes from
    finishing a file leaves that one as it was.

    Parameters
    ----------
    threads
        Threads of this process.
    idle
        Whether blocks are made elsewhere, so that all threads may pack them.
    """

    def __init__(self, threads: int, *, idle: bool = False) -> None:
        self._threads = threads
        self._packing = threads if idle else -(-threads // _KEPT_BUSY)
        self._writers: list[CogWriter] = []
        self._stack = ExitStack()
        self._pool: ThreadPoolExecutor | None = None

    def __enter__(self) -> CogWriters:
        if self._packing > 1:
            self._pool = ThreadPoolExecutor(self._packing)
        return self

    def add(self, writer: CogWriter) -> CogWriter:
        """Open a writer and return it."""
        self._writers.append(self._stack.enter_context(writer))
        return writer

    def write(self, block: Block, arrays: Iterable[tuple[CogWriter, NDArray[Any]]]) -> None:
        """Write a block of several rasters; see `CogWriter.write`."""
        if self._pool is None:
            for writer, array in arrays:
                writer.write(block, array)
            return
        writing = [self._pool.submit(writer.write, block, array) for writer, array in arrays]
        wait(writing)
        for written in writing:
            written.result()

    def __exit__(self, kind: type[BaseException] | None, *exc: Any) -> None:
        if self._pool is not None:
            self._pool.shutdown()  # nobody writes to a file that is closed
        if kind is not None:
            self._stack.__exit__(kind, *exc)
            return
        # One thread more, since each waits for the disk at its end; what is not finished after an error is given up
        with self._stack, ThreadPoolExecutor(self._threads + 1) as pool:
            largest = sorted(self._writers, key=lambda writer: -writer.size_bytes)
            for finished in [pool.submit(writer.__exit__, None, None, None) for writer in largest]:
                finished.result()


def write_cog(path: Path, array: NDArray[Any], geobox: GeoBox, *, style: RasterStyle | None = None) -> None:
    """Write an array as a cloud-optimised GeoTIFF.

    Parameters
    ----------
    path
        Final name.
    array
        Shape (height, width) or (bands, height, width).
    geobox
        Its grid.
    style
        No-data, colours, scale and descriptions.
    """
    bands = 1 if array.ndim == 2 else array.shape[0]
    with CogWriter(path, geobox, dtype=str(array.dtype), bands=bands, style=style) as writer:
        writer.write(Block(0, 0, *geobox.shape), array)


def overview_shapes(shape: tuple[int, int]) -> list[tuple[int, int]]:
    """Return the shape of a raster and of its overviews, each half of the one before, down to a single tile.

    Examples
    --------
    >>> overview_shapes((700, 1300))
    [(700, 1300), (350, 650), (175, 325)]
    """
    found = [shape]
    while max(shape) // 2 ** (len(found) - 1) > BLOCK_SIZE:
        height, width = found[-1]
        found.append((-(-height // 2), -(-width // 2)))
    return found


def _cells(pieces: Sequence[_Piece]) -> int:
    """Return how many cells pieces hold."""
    return sum((rows.stop - rows.start) * (cols.stop - cols.start) for rows, cols, _ in pieces)


def _meet(one: slice, other: slice) -> bool:
    return bool(one.start < other.stop and other.start < one.stop)


def _padded(cells: NDArray[Any]) -> NDArray[Any]:
    """Return a tile, shape (h, w), filled up to a whole one by zeros, which pack to nothing."""
    if cells.shape == (BLOCK_SIZE, BLOCK_SIZE):
        return cells
    whole = np.zeros((BLOCK_SIZE, BLOCK_SIZE), dtype=cells.dtype)
    whole[: cells.shape[0], : cells.shape[1]] = cells
    return whole


def _zstd_differences() -> Any:
    """Return a packer of differences to the left neighbour (TIFF's predictor 2), in half of GDAL's time."""
    import pyarrow  # comes with pandas, which those who only read rasters do without

    codec = pyarrow.Codec("zstd", compression_level=1)

    def packed(cells: NDArray[Any]) -> bytes:
        differences = np.empty(cells.shape, dtype=cells.dtype.newbyteorder("<"))
        differences[:, 0] = cells[:, 0]
        np.subtract(cells[:, 1:], cells[:, :-1], out=differences[:, 1:])
        return bytes(codec.compress(differences, asbytes=True))

    return packed


def _packed_by_gdal(cells: NDArray[Any], options: Mapping[str, Any]) -> bytes:
    """Return the only tile of a file in memory that GDAL wrote."""
    with MemoryFile() as memory:
        with memory.open(**options, height=BLOCK_SIZE, width=BLOCK_SIZE, count=1) as dataset:
            dataset.write(cells, 1)
        return first_tile(bytes(memory.getbuffer()))


def _describe(dataset: Any, style: RasterStyle) -> None:
    if style.colours:
        table = {code: (*_rgb(colour), 255) for code, colour in style.colours.items()}
        dataset.write_colormap(1, table)
        dataset.colorinterp = [ColorInterp.palette]
    for index, text in enumerate(style.descriptions, start=1):
        dataset.set_band_description(index, text)
    if (style.scale, style.offset) != (1.0, 0.0):
        dataset.scales = (style.scale,) * dataset.count
        dataset.offsets = (style.offset,) * dataset.count
    tags = {**style.tags, **{f"CLASS_{code}": name for code, name in style.categories.items()}}
    if tags:
        dataset.update_tags(**tags)


def _rgb(colour: str) -> tuple[int, int, int]:
    return int(colour[1:3], 16), int(colour[3:5], 16), int(colour[5:7], 16)
