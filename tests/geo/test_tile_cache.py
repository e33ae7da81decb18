"""Windows through the cache of tiles: the same cells as from the file, and few tiles decoded for them."""

from __future__ import annotations

import itertools
import os
import random
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
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
from geo.tile_cache import TileCache, TileRoom

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
        return TileCache((150, 190), (32, 48), self, lambda _: whole)


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


WIDE = np.random.default_rng(3).integers(0, 60_000, (1, 8 * 24, 40 * 24)).astype(np.uint16)
"""A raster of 8 rows of 40 tiles."""


def under_way(windows: list[Block], at_once: int, seed: int) -> Iterator[Block]:
    """Yield windows as threads come to them, each of which takes the next when it is done with one."""
    rng, left = random.Random(seed), iter(windows)
    waiting = list(itertools.islice(left, at_once))
    while waiting:
        yield waiting.pop(rng.randrange(len(waiting)))
        waiting += itertools.islice(left, 1)


@pytest.mark.parametrize(("at_once", "most"), [(1, 2.0), (2, 2.0), (4, 2.0), (8, 2.2)])
@pytest.mark.parametrize("rim", [1, 5, 8])
def test_blocks_with_a_rim_decode_each_tile_twice_at_most(rim: int, at_once: int, most: float) -> None:
    """Law: each tile is decoded once for its own block and once for the row above it, however long the rows are.

    Kept are edges alone, as wide as the rim, of three rows.
    """
    decoded: list[Block] = []

    def decode(_: list[int], window: Block) -> NDArray[Any]:
        decoded.append(window)
        return WIDE[:, *window.slices]

    height, width = WIDE.shape[1:]
    cache = TileCache((height, width), (24, 24), decode)
    windows = []
    for row, col in itertools.product(range(0, height, 24), range(0, width, 24)):
        top, left = max(row - rim, 0), max(col - rim, 0)
        windows.append(Block(top, left, min(row + 24 + rim, height) - top, min(col + 24 + rim, width) - left))
    for window in under_way(windows, at_once, seed=rim):
        np.testing.assert_array_equal(cache.read([1], window), WIDE[:, *window.slices])
    tiles = 8 * 40
    assert {(window.row // 24, window.col // 24) for window in decoded} == {divmod(at, 40) for at in range(tiles)}
    assert tiles < len(decoded) <= most * tiles
    assert cache.held_bytes <= 3 * (40 + 3) * 4 * rim * 24 * WIDE.itemsize


@pytest.mark.parametrize(("room", "times"), [(40 + 3, 1.0), (2, 2.0), (0, 2.2)])
def test_where_a_row_of_tiles_finds_room_none_is_decoded_twice(room: int, times: float) -> None:
    """Law: with room for a row each tile is decoded once; with less twice, at the top once; none is needed."""
    decoded: list[Block] = []

    def decode(_: list[int], window: Block) -> NDArray[Any]:
        decoded.append(window)
        return WIDE[:, *window.slices]

    height, width = WIDE.shape[1:]
    cache = TileCache((height, width), (24, 24), decode, lambda _: room)
    for row, col in itertools.product(range(0, height, 24), range(0, width, 24)):
        top, left = max(row - 3, 0), max(col - 3, 0)
        window = Block(top, left, min(row + 27, height) - top, min(col + 27, width) - left)
        np.testing.assert_array_equal(cache.read([1], window), WIDE[:, *window.slices])
    assert len(decoded) <= times * 8 * 40
    assert (len(decoded) == 8 * 40) == (room > 40)
    edges = 3 * (40 + 3) * 4 * 3 * 24 * WIDE.itemsize
    assert cache.held_bytes <= edges + room * 24 * 24 * WIDE.itemsize


def test_a_tile_may_be_kept_longer_than_its_edges() -> None:
    """Law: where other lists of bands push the edges of a tile out, the tile that is still kept is read."""
    counted = Counted()
    cache = counted.cache(whole=1000)
    for bands in ([1], [2], [1, 2], [2, 1], [1, 1], [2, 2], [1, 2, 1], [2, 1, 2]):
        for row, col in itertools.product(range(0, 118, 32), range(0, 142, 48)):
            window = Block(row + 3, col + 3, 32, 48)
            found = cache.read(bands, window)
            np.testing.assert_array_equal(found, IMAGE[[band - 1 for band in bands]][:, *window.slices])
    before = len(counted.windows)
    window = Block(3, 3, 32, 48)
    np.testing.assert_array_equal(cache.read([1], window), IMAGE[[0]][:, *window.slices])
    assert len(counted.windows) == before


def test_tiles_go_where_the_room_shrinks() -> None:
    """Law: once other rasters take of the room, a cache lets go of all that it keeps beyond its share."""
    room = TileRoom(8 * 32 * 48 * IMAGE.itemsize)
    cache = TileCache((150, 190), (32, 48), Counted(), room.share())
    for col in range(20, 140, 48):
        cache.read([1], Block(15, col, 32, 40))
    assert len(cache._tiles) > 4
    for _ in range(3):
        room.share()
    cache.read([1], Block(15, 20, 32, 40))
    assert len(cache._tiles) == 2


@given(most=st.integers(0, 10_000), caches=st.integers(1, 40), tile=st.integers(1, 3000))
def test_what_caches_keep_together_is_bounded(most: int, caches: int, tile: int) -> None:
    """Law: shares of a room differ by one at most and together are the whole tiles that find room in it."""
    room = TileRoom(most)
    counts = [share(tile) for share in [room.share() for _ in range(caches)]]
    assert sum(counts) == most // tile
    assert max(counts) - min(counts) <= 1


def test_a_share_is_never_less_than_none() -> None:
    """Law: though the room changes between any two steps of another thread, as rasters are opened."""

    class Moving(TileRoom):
        @property
        def most_bytes(self) -> int:
            """Another number each time."""
            self.turn = getattr(self, "turn", 0) + 1
            return 10_000 if self.turn % 2 else 5000

        @most_bytes.setter
        def most_bytes(self, _: int) -> None: ...

    room = Moving(0)
    shares = [room.share() for _ in range(20)]
    assert min(share(100) for share in shares for _ in range(3)) >= 0


def test_caches_that_come_later_take_of_the_room(tmp_path: Path) -> None:
    """Law: rasters that are opened later find room, and what all of them keep is what one may keep alone."""
    box = GeoBox((2048, 2048), BOX.transform, BOX.crs)
    for name in "abcdef":
        write_cog(tmp_path / f"{name}.tif", np.ones(box.shape, dtype=np.uint8), box)
    code = """
import sys
from pathlib import Path
import numpy as np
from affine import Affine
from geo.blocks import Block, blocks
from geo.grid import GeoBox
from geo.raster import OpenRasters
box = GeoBox((2000, 2000), Affine(10, 0, 500_000, 0, -10, 400_000) * Affine.translation(40, 30), "EPSG:32618")
with OpenRasters() as files:
    for block in blocks(box.shape, 300):
        for name in "abcdef":
            with files.on_grid(Path(sys.argv[1]) / f"{name}.tif", box) as reader:
                assert reader.read(block).min() == 1
    held = [sum(tile.nbytes for tile in reader.tiles._tiles.values()) for reader in files._readers.values()]
print(*held)
"""
    command = [sys.executable, "-W", "ignore", "-c", code, str(tmp_path)]
    done = subprocess.run(
        command, capture_output=True, text=True, check=True, env={**os.environ, "GDAL_CACHEMAX": "2"}
    )
    held = [int(told) for told in done.stdout.split()]
    tile = 512 * 512  # bytes; two megabytes are eight of them, for six rasters
    assert sorted(held) == [tile] * 4 + [2 * tile] * 2


def test_a_wider_rim_later_is_served_too() -> None:
    """Law: edges kept for narrow windows do not stand in the way of wider ones, which are kept from then on."""
    counted = Counted()
    cache = counted.cache()
    for rim in (1, 6):
        for _ in range(3):
            window = Block(32 - rim, 48 - rim, 32 + 2 * rim, 48 + 2 * rim)
            np.testing.assert_array_equal(cache.read([1], window)[0], IMAGE[0][window.slices])
    by_tile = Counter(counted.windows)
    assert len(by_tile) == 9
    assert by_tile.pop(Block(32, 48, 32, 48)) == 6  # its own tile, whole, each time
    assert by_tile.pop(Block(32, 96, 32, 48)) == 1  # kept whole, since it is the next one's own
    assert set(by_tile.values()) == {2}


def test_edges_stay_as_wide_as_any_window_needed_them() -> None:
    """Law: a narrow window between wide ones does not make a tile be decoded again for the next wide one."""
    counted = Counted()
    cache = counted.cache()
    for col, rim in ((0, 6), (48, 1), (48, 6)):
        cache.read([1], Block(32 - rim, max(col - rim, 0), 32 + 2 * rim, 48 + rim + min(col, rim)))
    assert [Counter(counted.windows)[Block(row, 96, 32, 48)] for row in (0, 32, 64)] == [1, 1, 1]


def test_tiles_that_are_not_blocks_are_kept_whole() -> None:
    """Law: of blocks that lie across tiles, one by one, none decodes a tile that the one before it had."""
    counted = Counted()
    cache = counted.cache()
    for col in range(20, 150, 48):
        cache.read([1], Block(15, col, 32, 40))
    assert len(counted.windows) == 2 * 4
    assert cache.held_bytes >= 4 * 32 * 46 * IMAGE.itemsize


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


def test_what_a_thread_opened_is_closed_by_another(tmp_path: Path) -> None:
    """Law: whoever opened a raster, the one who ends the work closes it."""
    write_cog(tmp_path / "a.tif", np.ones(BOX.shape, dtype=np.uint8), BOX)

    def read() -> int:
        with files.on_grid(tmp_path / "a.tif", BOX) as reader:
            opened.append(reader.dataset)
            return int(reader.read(Block(5, 5, 7, 9)).sum())

    opened: list[Any] = []
    with ThreadPoolExecutor(2) as pool:
        with OpenRasters() as files:
            assert [one.result() for one in [pool.submit(read) for _ in range(4)]] == [63] * 4
        assert all(dataset.closed for dataset in opened)


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
