"""Rasters on a grid: any file read onto it block by block. `geo.cog` writes them."""

from __future__ import annotations

import os
import warnings
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path
from threading import Lock
from typing import Any

import numpy as np
import rasterio
from numpy.typing import NDArray
from rasterio.enums import Resampling
from rasterio.errors import NotGeoreferencedWarning, RasterioIOError
from rasterio.vrt import WarpedVRT

from geo.blocks import Block, blocks
from geo.drivers import quiet_libtiff, raster_format, require_plain_file
from geo.errors import AltdevError, InputError, Problem, reason
from geo.gdal_cache import GDAL_CACHE
from geo.grid import GeoBox
from geo.limits import require_within
from geo.reader import GridReader, NearestReader, WarpedReader, aligned_offset, has_tiles, nearest_steps, tiles_of
from geo.stored import opened_in_place, stored_object
from geo.tile_cache import TileRoom

__all__ = [
    "OpenRasters",
    "check_raster",
    "distinct_values",
    "geobox_of",
    "most_open_files",
    "open_on_grid",
    "opened",
    "opened_whole",
    "read_on_grid",
]

quiet_libtiff()  # which came with rasterio

os.environ.setdefault("GDAL_CACHEMAX", "256")
"""Megabytes of blocks that the library keeps; its own default is a twentieth of the machine, whatever that is."""


_FAR = 1e12  # metres or degrees: no place on earth is as far from any origin, and no cell as large
_SMALL = 256 << 20  # bytes: what unpacks to less than this is no danger, however well it packs


def geobox_of(path: Path | str) -> GeoBox:
    """Return the grid of a raster file.

    Raises
    ------
    InputError
        If the file cannot be opened or has no CRS.
    """
    with opened(path) as source:
        _require_placed(source)
        return GeoBox((source.height, source.width), source.transform, source.crs.to_wkt())


@contextmanager
def open_on_grid(
    path: Path | str, geobox: GeoBox, *, resampling: str = "nearest", fill: float | None = None
) -> Iterator[GridReader]:
    """Open a raster so that blocks of `geobox` can be read from it, warped only where it must be.

    Parameters
    ----------
    path
        Raster file in any CRS and resolution.
    geobox
        Grid to read on.
    resampling
        A name of `rasterio.enums.Resampling`; ``nearest`` takes the cell under each centre.
    fill
        Value of cells that hold nothing, inside the file and beyond it; the file's own no-data when None.

    Raises
    ------
    InputError
        If the file cannot be opened, has no CRS, or a block of it cannot be read (naming the file).
    """
    with opened(path) as source, _reader(source, path, geobox, resampling, fill) as reader:
        yield reader


@contextmanager
def _reader(
    source: Any,
    path: Path | str,
    geobox: GeoBox,
    resampling: str,
    fill: float | None,
    room: TileRoom | None = None,
) -> Iterator[GridReader]:
    """Read an open raster on a grid; one that is kept open for many blocks remembers its tiles, as room allows."""
    _require_placed(source)
    nodata = source.nodata if fill is None else fill
    offset = aligned_offset(source, geobox)
    steps = nearest_steps(source, geobox) if resampling == "nearest" and offset is None else None
    as_it_lies = offset is not None or steps is not None
    tiles = tiles_of(source, room) if room is not None and as_it_lies and has_tiles(source) else None
    if offset is not None:
        yield GridReader(path=str(path), dataset=source, offset=offset, nodata=nodata, tiles=tiles)
        return
    if steps is not None:
        yield NearestReader(path=str(path), dataset=source, offset=(0, 0), nodata=nodata, steps=steps, tiles=tiles)
        return
    with WarpedVRT(
        source,
        crs=str(geobox.crs),
        transform=geobox.transform,
        width=geobox.shape[1],
        height=geobox.shape[0],
        resampling=Resampling[resampling],
        src_nodata=nodata,
        nodata=nodata,
        # Next to exact (in source cells; 0 is refused), since the usual approximation depends on the window
        tolerance=1e-6,
    ) as warped:
        yield WarpedReader(path=str(path), dataset=warped, offset=(0, 0), nodata=nodata)


class OpenRasters:
    """Rasters that stay open while block after block is read from them; threads may share it.

    Opening a file costs as much as decoding a few tiles of it. A context manager: all are closed at its end.
    Beyond `most` files each is opened for the block alone.
    """

    def __init__(self, most: int | None = None) -> None:
        self._most = most_open_files() if most is None else most
        self._readers: dict[tuple[object, ...], GridReader] = {}
        self._closing = ExitStack()
        self._room = TileRoom(0)
        self._lock = Lock()

    def __enter__(self) -> OpenRasters:
        return self

    def __exit__(self, *exc: Any) -> None:
        self._readers.clear()
        try:
            self._closing.close()
        finally:
            GDAL_CACHE.done(self)

    @contextmanager
    def on_grid(
        self, path: Path | str, geobox: GeoBox, *, resampling: str = "nearest", fill: float | None = None
    ) -> Iterator[GridReader]:
        """Give a raster to read blocks of `geobox` from; see `open_on_grid`."""
        key = (str(path), tuple(geobox.shape), tuple(geobox.transform), str(geobox.crs), resampling, fill)
        with self._lock:
            reader = self._readers.get(key)
            if reader is None and len(self._readers) < self._most:
                with rasterio.Env():  # or it would be that of the file, and end in another thread than it began
                    source = self._closing.enter_context(opened(path))
                reading = _reader(source, path, geobox, resampling, fill, self._room)
                reader = self._readers[key] = self._closing.enter_context(reading)
                # Of several bands a driver may decode all at once, and hand them over one by one
                keeps_tiles = reader.tiles is not None and source.count == 1
                self._room.most_bytes = GDAL_CACHE.read_by(self, keeps_tiles=keeps_tiles)
        if reader is not None:
            yield reader
            return
        with open_on_grid(path, geobox, resampling=resampling, fill=fill) as single:
            yield single


def most_open_files() -> int:
    """Return how many rasters may stay open: half of the files that the system lets a process open."""
    try:
        import resource
    except ImportError:  # not on Windows, whose limit is 8,192
        return 4096
    return int(resource.getrlimit(resource.RLIMIT_NOFILE)[0] // 2)


def read_on_grid(
    path: Path | str, geobox: GeoBox, *, bands: int | Sequence[int] = 1, resampling: str = "nearest"
) -> NDArray[Any]:
    """Return a whole raster on a grid; for layers small enough to hold, else use `open_on_grid`."""
    with open_on_grid(path, geobox, resampling=resampling) as reader:
        return reader.read(Block(0, 0, *geobox.shape), bands)


def check_raster(path: Path | str) -> list[Problem]:
    """Return what is wrong with a raster file: missing, unreadable, without CRS or place, or cut short.

    The last block of every band is decoded, which is where a broken transfer shows.
    """
    try:
        with opened_whole(path):
            return []
    except AltdevError as error:
        return list(error.problems)


@contextmanager
def opened_whole(path: Path | str) -> Iterator[Any]:
    """Open a raster file in which `check_raster` finds nothing wrong.

    Raises
    ------
    AltdevError
        Naming what is wrong.
    """
    with opened(path) as source:
        _require_placed(source)
        last = Block(source.height - 1, source.width - 1, 1, 1)  # one cell: its block is decoded whole all the same
        GridReader(str(path), source, (0, 0), source.nodata).read(last, source.indexes)
        yield source


def distinct_values(path: Path | str, most: int) -> list[float]:
    """Return the values of the first band, no-data aside, in order; stops once there are more than `most`.

    Parameters
    ----------
    path
        Raster file; read block by block.
    most
        Number of values beyond which nobody cares to know more.

    Raises
    ------
    InputError
        If the file cannot be opened or read (naming it).
    """
    found: set[float] = set()
    with opened(path) as source:
        reader = GridReader(str(path), source, (0, 0), source.nodata)
        for block in blocks((source.height, source.width)):
            cells = reader.read(block, 1).astype(float).ravel()
            known = cells[np.isfinite(cells) & (cells != source.nodata)]
            found.update(np.unique(known).tolist())
            if len(found) > most:
                break
    return sorted(found)


@contextmanager
def opened(path: Path | str) -> Iterator[Any]:
    """Open a raster file of a format that is read, within the limits of `geo.limits`; or the object it stands for.

    Raises
    ------
    InputError
        If it cannot be opened, or claims more than the limits.
    AltdevError
        If it stands for an object that the store does not give.
    """
    require_plain_file(path)
    if not Path(path).exists():
        remedy = "fetch or copy it again, or correct the path"
        raise InputError(Problem(str(path), "no such file", "a raster", remedy))
    stored = stored_object(path)
    if stored is not None:
        with opened_in_place(stored) as source:
            _require_bearable(source, stored.address, stored.bytes)
            yield source
        return
    try:
        with warnings.catch_warnings():
            # Told as a problem by whoever needs the place
            warnings.simplefilter("ignore", NotGeoreferencedWarning)
            source = rasterio.open(path, driver=raster_format(path))
    except RasterioIOError as error:
        found = f"a file that is no readable raster ({reason(error)})"
        raise InputError(
            Problem(str(path), found, "a raster", "fetch or copy it again, or correct the path")
        ) from error
    with source:
        _require_bearable(source, str(path), Path(path).stat().st_size)
        yield source


def _require_bearable(source: Any, where: str, size: int) -> None:
    """Refuse a raster of `size` bytes that claims more cells, or packs more into one, than any survey needs."""
    cells = source.count * source.height * source.width
    require_within("cells", cells, where=where, what="cells")
    item = max(np.dtype(name).itemsize for name in source.dtypes)
    block = max(height * width for height, width in source.block_shapes) * item
    require_within("block_bytes", block, where=where, what="bytes in one block")
    if cells * item > _SMALL:
        require_within("ratio", cells * item / max(size, 1), where=where, what="times its bytes when unpacked")


def _require_placed(source: Any) -> None:
    """Refuse a raster that does not say where on earth it lies."""
    if source.crs is None:
        raise InputError(
            Problem(source.name, "a raster without coordinate reference system", "one", "assign it with gdal_edit")
        )
    corners = np.array(source.transform[:6], dtype=float)
    sized = np.isfinite(corners).all() and np.abs(corners).max() < _FAR and np.abs(corners[[0, 4]]).min() > 1 / _FAR
    if source.transform.is_identity or not sized:
        raise InputError(
            Problem(source.name, "a raster without corner and cell size", "both", "assign them with gdal_edit")
        )
