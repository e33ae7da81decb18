"""Rasters on a grid: any file read onto it block by block, COGs written whole or not at all."""

from __future__ import annotations

import glob
import os
import warnings
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from threading import Lock
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
import rasterio
from numpy.typing import NDArray
from rasterio.enums import ColorInterp, Resampling
from rasterio.errors import NotGeoreferencedWarning, RasterioError, RasterioIOError
from rasterio.shutil import copy as copy_dataset
from rasterio.vrt import WarpedVRT
from rasterio.windows import Window

from geo.blocks import BLOCK_SIZE, Block, blocks
from geo.drivers import quiet_libtiff, raster_format, require_plain_file
from geo.errors import AltdevError, InputError, Problem, reason
from geo.files import atomic, cannot_write
from geo.grid import GeoBox
from geo.limits import require_within
from geo.reader import GridReader, NearestReader, WarpedReader, aligned_offset, nearest_steps, tiles_of
from geo.stored import opened_in_place, stored_object

__all__ = [
    "CogWriter",
    "CogWriters",
    "OpenRasters",
    "RasterStyle",
    "check_raster",
    "distinct_values",
    "geobox_of",
    "most_open_files",
    "open_on_grid",
    "opened",
    "opened_whole",
    "read_on_grid",
    "write_cog",
]

if TYPE_CHECKING:
    from geo.overviews import Summary

quiet_libtiff()  # which came with rasterio

os.environ.setdefault("GDAL_CACHEMAX", "256")
"""Megabytes of blocks that the library keeps; its own default is a twentieth of the machine, whatever that is."""


_FAR = 1e12  # metres or degrees: no place on earth is as far from any origin, and no cell as large
_SMALL = 256 << 20  # bytes: what unpacks to less than this is no danger, however well it packs


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
    with opened(path) as source, _reader(source, path, geobox, resampling, fill, kept=False) as reader:
        yield reader


@contextmanager
def _reader(
    source: Any, path: Path | str, geobox: GeoBox, resampling: str, fill: float | None, *, kept: bool
) -> Iterator[GridReader]:
    """Read an open raster on a grid; one that is kept open for many blocks remembers its tiles."""
    _require_placed(source)
    nodata = source.nodata if fill is None else fill
    tiles = tiles_of(source) if kept else None
    offset = aligned_offset(source, geobox)
    if offset is not None:
        yield GridReader(path=str(path), dataset=source, offset=offset, nodata=nodata, tiles=tiles)
        return
    steps = nearest_steps(source, geobox) if resampling == "nearest" else None
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
        self._lock = Lock()

    def __enter__(self) -> OpenRasters:
        return self

    def __exit__(self, *exc: Any) -> None:
        self._readers.clear()
        self._closing.close()

    @contextmanager
    def on_grid(
        self, path: Path | str, geobox: GeoBox, *, resampling: str = "nearest", fill: float | None = None
    ) -> Iterator[GridReader]:
        """Give a raster to read blocks of `geobox` from; see `open_on_grid`."""
        key = (str(path), tuple(geobox.shape), tuple(geobox.transform), str(geobox.crs), resampling, fill)
        with self._lock:
            reader = self._readers.get(key)
            if reader is None and len(self._readers) < self._most:
                source = self._closing.enter_context(opened(path))
                reader = self._closing.enter_context(_reader(source, path, geobox, resampling, fill, kept=True))
                self._readers[key] = reader
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


class CogWriter:
    """Collects blocks into a tiled GeoTIFF and turns it into a COG when closed.

    Use as a context manager; nothing stands at the final path unless it ends well. Blocks may come in any
    order: they are kept uncompressed beside the final file first, so equal content gives equal bytes.
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
        self._dtype = dtype
        self._scratch = path.with_name(f".{path.stem}.raw.part.tif")
        self._part = path
        self._dataset: Any = None
        self._with_overviews = False
        self._writing, self._closing = ExitStack(), ExitStack()

    @property
    def bytes(self) -> int:
        """Size of the raster without its overviews, unpacked."""
        height, width = self._geobox.shape
        return int(height * width * self._bands * np.dtype(self._dtype).itemsize)

    def __enter__(self) -> CogWriter:
        with ExitStack() as stack:  # undone in reverse order: close, turn into a COG, tidy up, move into place
            self._part = stack.enter_context(atomic(self._path))
            stack.callback(self._tidy)
            stack.push(self._finish)
            with ExitStack() as writing:
                self._dataset = writing.enter_context(self._create())
                _describe(self._dataset, self._style)
                self._writing = writing.pop_all()
            self._closing = stack.pop_all()
        return self

    def write(self, block: Block, array: NDArray[Any]) -> None:
        """Write a block, shape (height, width) or (bands, height, width).

        Raises
        ------
        AltdevError
            If the disk is full.
        """
        window = Window(block.col, block.row, block.width, block.height)
        data = array if array.ndim == 3 else array[None]
        try:
            self._dataset.write(data.astype(self._dtype, copy=False), window=window)
        except RasterioError as error:
            raise cannot_write(self._path, reason(error)) from error

    def _tidy(self) -> None:
        for path in self._scratch.parent.glob(f"{glob.escape(self._scratch.name)}*"):
            path.unlink(missing_ok=True)

    def stop(self) -> None:
        """End the writing of blocks, in the thread that began it; what follows may be done by another."""
        self._writing.close()

    def add_overviews(self) -> None:
        """Make the overviews once all is written, unless they are there.

        The driver would make them itself, which takes several times as long.
        """
        from geo.overviews import write_overviews  # compiled loops, which those who only read do not need

        if self._with_overviews:
            return
        try:
            write_overviews(self._scratch, self._style.overviews)
        except RasterioError as error:
            raise cannot_write(self._path, reason(error)) from error
        self._with_overviews = True

    def __exit__(self, *exc: Any) -> None:
        both = ExitStack()
        both.push(self._closing.__exit__)
        both.push(self._writing.__exit__)
        both.__exit__(*exc)

    def _create(self) -> Any:
        return rasterio.open(
            self._scratch,
            "w",
            driver="GTiff",
            height=self._geobox.shape[0],
            width=self._geobox.shape[1],
            count=self._bands,
            dtype=self._dtype,
            crs=str(self._geobox.crs),
            transform=self._geobox.transform,
            nodata=self._style.nodata,
            tiled=True,
            blockxsize=BLOCK_SIZE,
            blockysize=BLOCK_SIZE,
            compress="NONE",
            interleave="band",
            bigtiff="IF_SAFER",
        )

    def _finish(self, kind: type[BaseException] | None, *_: Any) -> None:
        """Turn the blocks into a COG, unless something went wrong."""
        if kind is not None:
            return
        large = np.dtype(self._dtype).itemsize > 1
        self.add_overviews()
        try:
            copy_dataset(
                self._scratch,
                self._part,
                driver="COG",
                compress=self._style.packing,
                predictor="YES" if large else "NO",
                # Differences of neighbours repeat too seldom for a longer search to find more
                level="1" if large else "5",
                blocksize=BLOCK_SIZE,
                overview_resampling=self._style.overviews,
                bigtiff="IF_SAFER",
                num_threads="1",
            )
        except RasterioError as error:
            raise cannot_write(self._path, reason(error)) from error


class CogWriters:
    """Writers that are open at the same time, and are finished in threads when all is written.

    Use as a context manager. An error while blocks come leaves all files as they were; one that comes from
    finishing a file leaves that one as it was.
    """

    def __init__(self, threads: int) -> None:
        self._threads = threads
        self._writers: list[CogWriter] = []
        self._stack = ExitStack()

    def __enter__(self) -> CogWriters:
        return self

    def add(self, writer: CogWriter) -> CogWriter:
        """Open a writer and return it."""
        self._writers.append(self._stack.enter_context(writer))
        return writer

    def __exit__(self, kind: type[BaseException] | None, *exc: Any) -> None:
        if kind is not None:
            self._stack.__exit__(kind, *exc)
            return
        with self._stack:  # whatever is not finished when something fails is given up
            for writer in self._writers:
                writer.stop()
            self._stack.pop_all()
        with ThreadPoolExecutor(self._threads) as pool:
            # Many short jobs, the largest first, leave little of the last one to a single thread
            largest = sorted(self._writers, key=lambda writer: -writer.bytes)
            first = [(writer, pool.submit(writer.add_overviews)) for writer in largest]
            for finished in [pool.submit(_finished, writer, summarised) for writer, summarised in first]:
                finished.result()


def _finished(writer: CogWriter, summarised: Future[None]) -> None:
    """Finish a raster whose overviews were asked for before; what kept them from being made is met again."""
    summarised.exception()
    writer.__exit__(None, None, None)


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
        height, width = source.block_shapes[0]
        row, col = (source.height - 1) // height * height, (source.width - 1) // width * width
        last = Block(row, col, source.height - row, source.width - col)
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
