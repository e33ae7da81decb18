"""Windows through the cache of tiles: the same cells as from the file, and few tiles decoded for them."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from affine import Affine
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from geo.blocks import Block, blocks
from geo.cog import write_cog
from geo.errors import InputError
from geo.grid import GeoBox
from geo.raster import OpenRasters, most_open_files, open_on_grid
from geo.tile_cache import TileCache

IMAGE = np.random.default_rng(1).integers(0, 60_000, (2, 150, 190)).astype(np.uint16)
BOX = GeoBox((700, 1100), Affine(10, 0, 500_000, 0, -10, 400_000), "EPSG:32618")


class Counted:
    """Decodes from an array and counts."""

    def __init__(self) -> None:
        self.windows: list[Block] = []

    def __call__(self, bands: list[int], window: Block) -> NDArray[Any]:
        """Return the cells of a window."""
        self.windows.append(window)
        return np.stack([IMAGE[band - 1][window.slices] for band in bands])

    def cache(self, whole: int = 4) -> TileCache:
        """Return a cache of tiles of 32 x 48 cells over it."""
        return TileCache((150, 190), (32, 48), self, whole=whole)


@settings(max_examples=60, deadline=None)
@given(
    windows=st.lists(
        st.tuples(st.integers(0, 149), st.integers(0, 189), st.integers(1, 80), st.integers(1, 90)), min_size=1
    ),
    whole=st.integers(1, 5),
)
def test_any_windows_in_any_order(windows: list[tuple[int, int, int, int]], whole: int) -> None:
    """Literal raster: each window holds the image's own cells, whatever was read before it."""
    cache = Counted().cache(whole)
    for number, (row, col, height, width) in enumerate(windows):
        block = Block(row, col, min(height, 150 - row), min(width, 190 - col))
        bands = [[1], [2], [1, 2]][number % 3]
        found = cache.read(bands, block)
        np.testing.assert_array_equal(found, IMAGE[[band - 1 for band in bands]][:, *block.slices])
        found[:] = 0  # a caller that writes into what it got changes nothing here


def test_blocks_with_a_rim_decode_each_tile_twice_at_most() -> None:
    """Law: row by row, each tile is decoded once for its own block and once for the row above it."""
    counted = Counted()
    cache = counted.cache()
    for row in range(0, 150, 32):
        for col in range(0, 190, 48):
            top, left = max(row - 5, 0), max(col - 5, 0)
            bottom, right = min(row + 37, 150), min(col + 53, 190)
            cache.read([1], Block(top, left, bottom - top, right - left))
    tiles = 5 * 4
    assert all(window.row % 32 == 0 and window.col % 48 == 0 for window in counted.windows)
    assert tiles <= len(counted.windows) <= 2 * tiles


def test_rasters_stay_open_and_are_closed_at_the_end(tmp_path: Path) -> None:
    """Law: the same cells as from a file opened for each block; one opening; closed afterwards."""
    image = np.random.default_rng(2).integers(0, 200, BOX.shape).astype(np.uint8)
    write_cog(tmp_path / "a.tif", image, BOX)
    shifted = GeoBox((600, 900), BOX.transform * Affine.translation(-40, 30), "EPSG:32618")
    with OpenRasters() as files:
        readers = []
        for block in blocks((600, 900), 256):
            around = Block(block.row - 3, block.col - 3, block.height + 6, block.width + 6)
            with files.on_grid(tmp_path / "a.tif", shifted, fill=7) as reader:
                readers.append(reader)
                kept = reader.read(around)
            with open_on_grid(tmp_path / "a.tif", shifted, fill=7) as reader:
                np.testing.assert_array_equal(kept, reader.read(around))
        assert all(reader is readers[0] for reader in readers)
        assert not readers[0].dataset.closed
    assert readers[0].dataset.closed


def test_beyond_the_limit_files_are_opened_for_the_block_alone(tmp_path: Path) -> None:
    """Law: no more files stay open than may be."""
    image = np.zeros((64, 64), dtype=np.uint8)
    box = GeoBox((64, 64), BOX.transform, BOX.crs)
    paths = [tmp_path / f"{name}.tif" for name in "abc"]
    for path in paths:
        write_cog(path, image, box)
    with OpenRasters(most=2) as files:
        closed = []
        for path in paths:
            with files.on_grid(path, box) as reader:
                assert reader.read(Block(0, 0, 4, 4)).sum() == 0
            closed.append(reader.dataset.closed)
        assert closed == [False, False, True]
    assert most_open_files() >= 100


def test_a_file_that_is_not_there(tmp_path: Path) -> None:
    """Law: told as by `open_on_grid`, and the others stay usable."""
    with OpenRasters() as files:
        with pytest.raises(InputError, match="no such file"), files.on_grid(tmp_path / "x.tif", BOX):
            pass
        write_cog(tmp_path / "x.tif", np.zeros(BOX.shape, dtype=np.uint8), BOX)
        with files.on_grid(tmp_path / "x.tif", BOX) as reader:
            assert reader.read(Block(0, 0, 1, 1)).tolist() == [[0]]


@pytest.mark.parametrize(("given", "kept"), [(None, "256"), ("64MB", "64MB")])
def test_the_library_keeps_few_tiles_of_its_own(given: str | None, kept: str) -> None:
    """Law: GDAL is told how much to keep before it reads, and a user's own setting stays."""
    environment = {key: value for key, value in os.environ.items() if key != "GDAL_CACHEMAX"}
    environment |= {} if given is None else {"GDAL_CACHEMAX": given}
    code = "import os, geo.raster; print(os.environ['GDAL_CACHEMAX'])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, env=environment)
    assert done.stdout.strip() == kept
