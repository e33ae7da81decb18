"""Rasters on a grid: any file read onto it block by block, COGs written whole or not at all."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import rasterio
from numpy.typing import NDArray
from odc.geo.geobox import GeoBox
from rasterio.enums import ColorInterp, Resampling
from rasterio.errors import RasterioError, RasterioIOError
from rasterio.shutil import copy as copy_dataset
from rasterio.vrt import WarpedVRT
from rasterio.windows import Window

from geo.blocks import BLOCK_SIZE, Block
from geo.errors import InputError, Problem
from geo.files import atomic

__all__ = [
    "CogWriter",
    "RasterStyle",
    "check_raster",
    "geobox_of",
    "open_on_grid",
    "read_on_grid",
    "write_cog",
]


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
    overviews: str = "average"
    """Resampling of overviews: ``mode`` for classes, ``average`` for quantities."""
    tags: Mapping[str, str] = field(default_factory=dict)
    """Further metadata."""


def geobox_of(path: Path | str) -> GeoBox:
    """Return the grid of a raster file.

    Raises
    ------
    InputError
        If the file cannot be opened or has no CRS.
    """
    with _opened(path) as source:
        if source.crs is None:
            raise _without_crs(path)
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
        A name of `rasterio.enums.Resampling`.
    fill
        Value of cells that hold nothing, inside the file and beyond it; the file's own no-data when None.

    Raises
    ------
    InputError
        If the file cannot be opened, has no CRS, or a block of it cannot be read (naming the file).
    """
    with _opened(path) as source:
        if source.crs is None:
            raise _without_crs(path)
        nodata = source.nodata if fill is None else fill
        offset = _aligned_offset(source, geobox)
        if offset is not None:
            yield GridReader(path=str(path), dataset=source, offset=offset, nodata=nodata)
            return
        steps = _nearest_steps(source, geobox) if resampling == "nearest" else None
        if steps is not None:
            yield NearestReader(path=str(path), dataset=source, offset=(0, 0), nodata=nodata, steps=steps)
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
            yield GridReader(path=str(path), dataset=warped, offset=(0, 0), nodata=nodata)


@dataclass(frozen=True, slots=True)
class GridReader:
    """An open raster that is read by blocks of the grid it was opened on."""

    path: str
    dataset: Any
    offset: tuple[int, int]
    nodata: float | None

    def read(self, block: Block, bands: int | Sequence[int] = 1) -> NDArray[Any]:
        """Return the cells of a block, shape (height, width), or (bands, height, width) for several bands.

        Cells beyond the file hold its no-data value, or 0 where it has none.
        """
        band_list = [bands] if isinstance(bands, int) else list(bands)
        top, left = block.row + self.offset[0], block.col + self.offset[1]
        row0, row1 = max(top, 0), min(top + block.height, self.dataset.height)
        col0, col1 = max(left, 0), min(left + block.width, self.dataset.width)
        fill = 0 if self.nodata is None else self.nodata
        cells = np.full((len(band_list), block.height, block.width), fill, dtype=self.dataset.dtypes[0])
        if row0 < row1 and col0 < col1:
            inside = self._read_window(band_list, Window(col0, row0, col1 - col0, row1 - row0))
            cells[:, row0 - top : row1 - top, col0 - left : col1 - left] = inside
        return cells[0] if isinstance(bands, int) else cells

    def _read_window(self, bands: list[int], window: Window) -> NDArray[Any]:
        try:
            return np.asarray(self.dataset.read(bands, window=window))
        except RasterioError as error:
            raise InputError(
                Problem(
                    self.path,
                    f"a raster whose cells cannot be read ({_first_line(error)})",
                    "a whole file",
                    "fetch or copy it again",
                )
            ) from error


@dataclass(frozen=True, slots=True)
class NearestReader(GridReader):
    """An open raster in the CRS of the grid but with other cells: each grid cell takes the one its centre is in."""

    steps: tuple[float, float, float, float] = (0.5, 1.0, 0.5, 1.0)
    """Row in the file of the centre of grid row 0 and rows per grid row; the same for columns."""

    def read(self, block: Block, bands: int | Sequence[int] = 1) -> NDArray[Any]:
        """Return the cells of a block; see `GridReader.read`."""
        band_list = [bands] if isinstance(bands, int) else list(bands)
        rows = _steps_along(block.row, block.height, *self.steps[:2])
        cols = _steps_along(block.col, block.width, *self.steps[2:])
        row_in = (rows >= 0) & (rows < self.dataset.height)
        col_in = (cols >= 0) & (cols < self.dataset.width)
        fill = 0 if self.nodata is None else self.nodata
        cells = np.full((len(band_list), block.height, block.width), fill, dtype=self.dataset.dtypes[0])
        if row_in.any() and col_in.any():
            rows, cols = rows[row_in], cols[col_in]
            top, left = int(rows.min()), int(cols.min())
            window = Window(left, top, int(cols.max()) - left + 1, int(rows.max()) - top + 1)
            inside = self._read_window(band_list, window)
            cells[np.ix_(np.arange(len(band_list)), row_in, col_in)] = inside[
                :, (rows - top)[:, None], (cols - left)[None, :]
            ]
        return cells[0] if isinstance(bands, int) else cells


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
        self, path: Path, geobox: GeoBox, *, dtype: str, bands: int = 1, style: RasterStyle | None = None
    ) -> None:
        self._path = path
        self._geobox = geobox
        self._style = style or RasterStyle()
        self._bands = bands
        self._dtype = dtype
        self._atomic = atomic(path)
        self._part: Path | None = None
        self._dataset: Any = None

    def __enter__(self) -> CogWriter:
        self._part = self._atomic.__enter__()
        self._dataset = rasterio.open(
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
            bigtiff="IF_SAFER",
        )
        _describe(self._dataset, self._style)
        return self

    def write(self, block: Block, array: NDArray[Any]) -> None:
        """Write a block, shape (height, width) or (bands, height, width)."""
        window = Window(block.col, block.row, block.width, block.height)
        data = array if array.ndim == 3 else array[None]
        self._dataset.write(data.astype(self._dtype, copy=False), window=window)

    def __exit__(self, *exc: Any) -> None:
        self._dataset.close()
        try:
            if exc[0] is None and self._part is not None:
                predictor = "YES" if np.dtype(self._dtype).itemsize > 1 else "NO"
                copy_dataset(
                    self._scratch,
                    self._part,
                    driver="COG",
                    compress="DEFLATE",
                    predictor=predictor,
                    blocksize=BLOCK_SIZE,
                    overview_resampling=self._style.overviews,
                    num_threads="1",
                )
        except BaseException as error:
            self._scratch.unlink(missing_ok=True)
            self._atomic.__exit__(type(error), error, error.__traceback__)
            raise
        self._scratch.unlink(missing_ok=True)
        self._atomic.__exit__(*exc)

    @property
    def _scratch(self) -> Path:
        return self._path.with_name(f".{self._path.stem}.raw.part.tif")


def check_raster(path: Path | str) -> list[Problem]:
    """Return what is wrong with a raster file: missing, unreadable, without CRS, or cut short.

    The last block of every band is decoded, which is where a broken transfer shows.
    """
    try:
        with _opened(path) as source:
            if source.crs is None:
                return list(_without_crs(path).problems)
            height, width = source.block_shapes[0]
            row, col = (source.height - 1) // height * height, (source.width - 1) // width * width
            last = Block(row, col, source.height - row, source.width - col)
            GridReader(str(path), source, (0, 0), source.nodata).read(last, list(source.indexes))
    except InputError as error:
        return list(error.problems)
    return []


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
def _opened(path: Path | str) -> Iterator[Any]:
    try:
        source = rasterio.open(path)
    except RasterioIOError as error:
        exists = Path(path).exists()
        found = f"a file that is no readable raster ({_first_line(error)})" if exists else "no such file"
        raise InputError(
            Problem(str(path), found, "a raster", "fetch or copy it again, or correct the path")
        ) from error
    with source:
        yield source


def _without_crs(path: Path | str) -> InputError:
    return InputError(
        Problem(str(path), "a raster without coordinate reference system", "one", "assign it with gdal_edit")
    )


def _aligned_offset(source: Any, geobox: GeoBox) -> tuple[int, int] | None:
    """Return the (row, col) of the grid's corner in the file when cells coincide, else None."""
    if source.crs != rasterio.crs.CRS.from_user_input(str(geobox.crs)):
        return None
    theirs, ours = source.transform, geobox.transform
    if not np.allclose((theirs.a, theirs.b, theirs.d, theirs.e), (ours.a, ours.b, ours.d, ours.e), rtol=1e-9):
        return None
    col, row = ~theirs * (ours.c, ours.f)
    if abs(col - round(col)) > 1e-3 or abs(row - round(row)) > 1e-3:
        return None
    return round(row), round(col)


def _nearest_steps(source: Any, geobox: GeoBox) -> tuple[float, float, float, float] | None:
    """Return how grid cells step through the rows and columns of a file in the same CRS, else None."""
    theirs, ours = source.transform, geobox.transform
    if source.crs != rasterio.crs.CRS.from_user_input(str(geobox.crs)):
        return None
    if theirs.b or theirs.d or ours.b or ours.d:
        return None
    return (
        (ours.f + ours.e / 2 - theirs.f) / theirs.e,
        ours.e / theirs.e,
        (ours.c + ours.a / 2 - theirs.c) / theirs.a,
        ours.a / theirs.a,
    )


def _steps_along(first: int, count: int, start: float, step: float) -> NDArray[np.int64]:
    """Return the file row (or column) under each grid row (or column); a centre on an edge goes to the next."""
    along = start + step * np.arange(first, first + count, dtype=np.float64)
    return np.asarray(np.floor(along + 1e-6), dtype=np.int64)


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


def _first_line(error: BaseException) -> str:
    return str(error).splitlines()[0] if str(error) else type(error).__name__
