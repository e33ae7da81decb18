"""What GDAL keeps of blocks, by who reads through it."""

from __future__ import annotations

import gc
import itertools
import os
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from threading import Event, Thread

import numpy as np
import pytest
import rasterio
from affine import Affine
from rasterio.windows import Window

from geo.blocks import Block, blocks
from geo.cog import write_cog
from geo.gdal_cache import FEW_BYTES, GDAL_CACHE, GdalCache
from geo.grid import GeoBox
from geo.raster import OpenRasters, open_on_grid

BOX = GeoBox((700, 1100), Affine(10, 0, 500_000, 0, -10, 400_000), "EPSG:32618")


USUAL = 100 << 20


class Library:
    """Keeps a number, as GDAL does."""

    def __init__(self) -> None:
        self.most = USUAL

    def GDALGetCacheMax64(self) -> int:  # noqa: N802 - GDAL's name
        """Return the number."""
        return self.most

    def GDALSetCacheMax64(self, most: int) -> None:  # noqa: N802 - GDAL's name
        """Set the number."""
        self.most = most


class Reader:
    """Whoever reads."""


def test_few_blocks_are_kept_while_all_readers_keep_tiles() -> None:
    """Law: one reader that keeps none brings GDAL's cache back, at half; the last that leaves, at its whole."""
    library = Library()
    cache, one, other = GdalCache(library), Reader(), Reader()
    assert cache.read_by(one, keeps_tiles=True) == USUAL
    assert library.most == FEW_BYTES
    assert cache.read_by(other, keeps_tiles=False) == USUAL // 2
    assert library.most == USUAL // 2
    assert cache.read_by(one, keeps_tiles=True) == USUAL // 2
    cache.done(other)
    assert library.most == FEW_BYTES
    cache.done(one)
    assert library.most == USUAL


def test_who_writes_in_windows_has_the_whole_cache() -> None:
    """Law: whoever reads meanwhile, and until the last of those who write is done, also after an error."""
    library = Library()
    cache, one = GdalCache(library), Reader()
    with cache.writing():
        cache.read_by(one, keeps_tiles=True)
        assert library.most == USUAL
        with pytest.raises(OSError, match="full"), cache.writing():
            raise OSError("full")
        assert library.most == USUAL
    assert library.most == FEW_BYTES
    cache.done(one)
    assert library.most == USUAL


def test_where_no_reader_keeps_tiles_all_stays_as_it_was() -> None:
    """Law: rasters in strips are read as ever."""
    library = Library()
    cache, one = GdalCache(library), Reader()
    cache.read_by(one, keeps_tiles=False)
    assert library.most == USUAL
    cache.done(one)
    cache.done(one)
    assert library.most == USUAL


def test_who_is_gone_counts_no_more() -> None:
    """Law: a reader that nobody holds is forgotten, though it never said that it was done."""
    library = Library()
    cache, one = GdalCache(library), Reader()
    cache.read_by(Reader(), keeps_tiles=False)
    assert cache.read_by(one, keeps_tiles=True) == USUAL
    assert library.most == FEW_BYTES
    del one
    gc.collect()
    assert library.most == USUAL


def test_a_cache_that_is_smaller_still_stays() -> None:
    """Law: a user who lets GDAL keep nothing is not given more."""
    library = Library()
    library.most = 0
    GdalCache(library).read_by(one := Reader(), keeps_tiles=True)
    assert one is not None
    assert library.most == 0


def test_a_reader_may_be_cleared_away_while_another_begins() -> None:
    """Law: a thread that collects garbage while it notes a reader, and so notes the end of another, goes on."""

    class Ends(Library):
        def GDALGetCacheMax64(self) -> int:  # noqa: N802 - GDAL's name
            cache.done(one)
            return super().GDALGetCacheMax64()

    library = Ends()
    cache, one = GdalCache(library), Reader()
    done = Thread(target=lambda: cache.read_by(one, keeps_tiles=True), daemon=True)
    done.start()
    done.join(timeout=20)
    assert not done.is_alive()


def test_an_error_on_closing_leaves_gdal_as_it_was(tmp_path: Path) -> None:
    """Law: whatever happens at the end, GDAL keeps what it kept."""
    usual = GDAL_CACHE.kept_bytes
    tiles = written(tmp_path, "tiles", tiled=True)

    def fail() -> None:
        raise OSError("cannot be closed")

    def read() -> None:
        with OpenRasters() as files, files.on_grid(tiles, BOX) as reader:
            reader.read(Block(0, 0, 5, 5))
            files._closing.callback(fail)

    with pytest.raises(OSError, match="cannot be closed"):
        read()
    assert GDAL_CACHE.kept_bytes == usual


def test_where_gdal_cannot_be_told_tiles_are_kept_all_the_same() -> None:
    """Law: other systems keep both, and what is kept here is bounded."""
    cache, one = GdalCache(None), Reader()
    assert cache.kept_bytes is None
    assert 0 < cache.read_by(one, keeps_tiles=True) < 2**28
    cache.done(one)


def written(folder: Path, name: str, *, tiled: bool) -> Path:
    """Return a raster of ones, in tiles or in strips."""
    path = folder / f"{name}.tif"
    if tiled:
        write_cog(path, np.ones(BOX.shape, dtype=np.uint8), BOX)
        return path
    profile = {"driver": "GTiff", "height": BOX.shape[0], "width": BOX.shape[1], "count": 1, "dtype": "uint8"}
    with rasterio.open(path, "w", **profile, crs="EPSG:32618", transform=BOX.transform) as target:
        target.write(np.ones(BOX.shape, dtype=np.uint8), 1)
    return path


@pytest.mark.skipif(GDAL_CACHE.kept_bytes is None, reason="this GDAL cannot be told what to keep")
def test_rasters_that_stay_open_say_how_they_are_read(tmp_path: Path) -> None:
    """Law: of GDAL itself, tiles bring its cache down; strips, warping or several bands bring half of it back."""
    tiles, strips = written(tmp_path, "tiles", tiled=True), written(tmp_path, "strips", tiled=False)
    other = GeoBox((50, 50), Affine(0.001, 0, -75, 0, -0.001, 3.6), "EPSG:4326")
    usual = GDAL_CACHE.kept_bytes
    assert usual is not None
    assert usual > FEW_BYTES

    def kept(path: Path, box: GeoBox) -> int | None:
        with files.on_grid(path, box) as reader:
            reader.read(Block(0, 0, 50, 50))
        return GDAL_CACHE.kept_bytes

    bands = tmp_path / "bands.tif"
    write_cog(bands, np.ones((3, *BOX.shape), dtype=np.uint8), BOX)
    for path, box in ((strips, BOX), (tiles, other), (bands, BOX)):
        with OpenRasters() as files:
            assert kept(tiles, BOX) == FEW_BYTES
            assert kept(path, box) == usual // 2
            assert kept(tiles, BOX) == usual // 2
        assert GDAL_CACHE.kept_bytes == usual
    with open_on_grid(tiles, BOX) as reader:
        reader.read(Block(0, 0, 50, 50))
        assert GDAL_CACHE.kept_bytes == usual


def test_what_is_written_in_windows_beside_readers_is_what_was_given(tmp_path: Path) -> None:
    """Brute force: files written a few rows at a time, while other threads read many tiles, read back as given.

    With GDAL's cache as small as readers leave it, about half of them do not. What the program packs tile by tile
    needs no such care, and is the same to the byte.
    """
    box = GeoBox((2048, 2048), BOX.transform, BOX.crs)
    rng = np.random.default_rng(1)
    write_cog(tmp_path / "0.tif", rng.integers(0, 99, box.shape).astype(np.uint16), box)
    for number in range(1, 40):
        (tmp_path / f"{number}.tif").symlink_to(tmp_path / "0.tif")
    profile = {"driver": "GTiff", "height": 1024, "width": 1024, "count": 1, "dtype": "uint16", "tiled": True}
    tiles = {"blockxsize": 256, "blockysize": 256, "compress": "deflate", "transform": BOX.transform}
    alone = rng.integers(0, 9, (1024, 1024)).astype(np.uint8)
    small = GeoBox(alone.shape, BOX.transform, BOX.crs)
    write_cog(tmp_path / "alone.tif", alone, small)
    expected = (tmp_path / "alone.tif").read_bytes()
    stop = Event()

    def read(first: int) -> None:
        for number in itertools.cycle(range(40)):
            with files.on_grid(tmp_path / f"{(first + number) % 40}.tif", box) as reader:
                for block in blocks(box.shape):
                    if stop.is_set():
                        return
                    reader.read(Block(block.row, block.col, 300, 300))

    with OpenRasters() as files, ThreadPoolExecutor(3) as pool:
        readers = [pool.submit(read, first) for first in (0, 13, 26)]
        try:
            for _ in range(25):
                cells = rng.integers(0, 99, (1024, 1024)).astype(np.uint16)
                with (
                    GDAL_CACHE.writing(),
                    rasterio.open(tmp_path / "out.tif", "w", **profile, **tiles, crs="EPSG:32618") as target,
                ):
                    for row in range(0, 1024, 64):
                        target.write(cells[None, row : row + 64], window=Window(0, row, 1024, 64))
                with rasterio.open(tmp_path / "out.tif") as source:
                    np.testing.assert_array_equal(source.read(1), cells)
                write_cog(tmp_path / "beside.tif", alone, small)
                assert (tmp_path / "beside.tif").read_bytes() == expected
        finally:
            stop.set()
        for one in readers:
            one.result()


GROWN = """
import sys
from pathlib import Path
import numpy as np
from affine import Affine
from geo.blocks import blocks
from geo.grid import GeoBox
from geo.memory import keep
from geo.raster import OpenRasters

keep()
folder, seasons = Path(sys.argv[1]), int(sys.argv[2])
box = GeoBox((2048, 2048), Affine(10, 0, 500_000, 0, -10, 400_000), "EPSG:32618")

def held():
    found = Path("/proc/self/status").read_text().split("VmHWM:")[1]
    return int(found.split()[0]) // 1024

with OpenRasters() as files:
    small = []
    for block in blocks(box.shape):
        for date in range(seasons):
            for name in ("bits", "cells"):
                with files.on_grid(folder / f"{name}{date}.tif", box) as reader:
                    cells = reader.read(block)
                # As whoever reads does: something small stays, beside what is as large as a tile and goes
                small.append((cells > 5).sum())
print(held())
"""


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="only Linux tells what a process held at most")
@pytest.mark.skipif(GDAL_CACHE.kept_bytes is None, reason="this GDAL cannot be told what to keep")
def test_memory_does_not_grow_with_what_is_read(tmp_path: Path) -> None:
    """Law: of thirty more dates a process holds what the open files take, not what was decoded."""
    box = GeoBox((2048, 2048), BOX.transform, BOX.crs)
    rng = np.random.default_rng(1)
    for name, kind in (("bits", "uint8"), ("cells", "uint16")):
        write_cog(tmp_path / f"{name}0.tif", rng.integers(0, 12, box.shape).astype(kind), box)
        for date in range(1, 40):
            (tmp_path / f"{name}{date}.tif").symlink_to(tmp_path / f"{name}0.tif")
    told = []
    for dates in (10, 40):
        command = [sys.executable, "-W", "ignore", "-c", GROWN, str(tmp_path), str(dates)]
        done = subprocess.run(command, capture_output=True, text=True, check=True, env={**os.environ})
        told.append(int(done.stdout))
    assert told[1] - told[0] < 60
