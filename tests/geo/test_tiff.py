"""Directories of TIFF files: as GDAL reads and writes them, and by literal bytes."""

from __future__ import annotations

import struct
import zlib

import numpy as np
import pytest
from numpy.typing import NDArray
from rasterio.io import MemoryFile

from geo.tiff import Entry, enclosed, file_head, first_directory, first_tile, overview_directory
from tests.geo.builders import grid

WIDTH, HEIGHT, PLACES, SIZES = 256, 257, 324, 325


def written(cells: NDArray[np.uint8] | None = None, **options: object) -> bytes:
    """Return a file as GDAL writes it, 700 cells wide and 600 high."""
    geobox = grid(600, 700)
    said = {"driver": "GTiff", "height": 600, "width": 700, "count": 1, "dtype": "uint8", "tiled": True}
    with MemoryFile() as memory:
        with memory.open(**said, crs=str(geobox.crs), transform=geobox.transform, **options) as target:
            target.update_tags(name="x" * 40)
            if cells is not None:
                target.write(cells, 1)
        return bytes(memory.getbuffer())


def number(entry: Entry) -> int:
    """Return the only value of an entry."""
    assert entry.values == 1
    return int.from_bytes(entry.data, "little")


@pytest.mark.parametrize("large", [False, True])
def test_a_directory_as_gdal_writes_it(large: bool) -> None:
    """Independent program: sizes, tiles and texts of a file of GDAL, of both forms."""
    directory, found = first_directory(written(bigtiff="YES" if large else "NO"))
    assert found == large
    assert (number(directory[WIDTH]), number(directory[HEIGHT])) == (700, 600)
    assert directory[PLACES].values == directory[SIZES].values == 9  # tiles of 256 cells
    assert len(directory[PLACES].data) == 9 * (8 if large else 4)
    assert b"x" * 40 in directory[42112].data


@pytest.mark.parametrize("data", [b"", b"II", b"MM\0*\0\0\0\x08", b"II*", b"<html>not a raster</html>"])
def test_other_bytes_are_refused(data: bytes) -> None:
    """Law: what is no little-endian TIFF is not taken for one."""
    with pytest.raises(ValueError, match="not a little-endian TIFF"):
        first_directory(data)


def test_an_overview_says_how_cells_are_held_and_not_where_they_lie() -> None:
    """Literal: half of the raster is marked as such, with its own size and without place, text and tiles."""
    directory, _ = first_directory(written(nodata=3))
    found = overview_directory(directory, (300, 350))
    assert [number(found[tag]) for tag in (254, WIDTH, HEIGHT)] == [1, 350, 300]
    assert found[42113] == directory[42113]
    assert not {33550, 33922, 34735, 42112, PLACES, SIZES} & set(found)


@pytest.mark.parametrize("large", [False, True])
def test_what_is_laid_out_is_read_again(large: bool) -> None:
    """Law: a directory with its values beyond it comes back, tiles where the sizes put them."""
    directory = {WIDTH: Entry(4, 1, struct.pack("<I", 9)), 270: Entry(2, 13, b"more than 8\0\0")}
    sizes = [np.array([[5, 7], [11, 13]]), np.array([[17], [19]])]
    head = file_head([directory, {WIDTH: Entry(4, 1, b"\x05\0\0\0")}], sizes, large=large)
    found, form = first_directory(head)
    assert form == large
    assert found[WIDTH] == directory[WIDTH]
    assert found[270] == directory[270]
    places = np.frombuffer(found[PLACES].data, "<u8" if large else "<u4").tolist()
    # The coarse level of one tile with two bands stands first: 17 and 19 bytes, each with 8 about it
    first = len(head) + 17 + 19 + 2 * 8 + 4
    assert places == [first, first + 5 + 8 + 11 + 8, first + 5 + 8, first + 5 + 8 + 11 + 8 + 7 + 8]
    assert np.frombuffer(found[SIZES].data, "<u4").tolist() == [5, 7, 11, 13]


def test_a_plain_file_ends_at_4_gb() -> None:
    """Law: places that a plain file cannot tell are refused; the large form tells them."""
    sizes = [np.full((1, 3), 2**31)]
    with pytest.raises(ValueError, match="4 GB"):
        file_head([{}], sizes, large=False)
    found, _ = first_directory(file_head([{}], sizes, large=True))
    assert np.frombuffer(found[PLACES].data, "<u8")[-1] > 2**32


def test_a_tile_stands_between_its_size_and_its_last_bytes() -> None:
    """Literal: four bytes before, four behind."""
    assert b"".join(enclosed(b"abcdef")) == b"\x06\0\0\0abcdefcdef"


def test_the_first_tile_is_that_of_gdal() -> None:
    """Independent program: unpacked, the bytes are the cells that GDAL packed."""
    cells = np.arange(600 * 700, dtype=np.uint32).astype(np.uint8).reshape(600, 700)
    data = written(cells=cells, compress="DEFLATE")
    assert zlib.decompress(first_tile(data)) == cells[:256, :256].tobytes()
