"""Cloud-optimised files: written whole, block by block, as GDAL and its own rules for them have it."""

from __future__ import annotations

import ctypes
import errno
import hashlib
import itertools
import subprocess
import sys
from collections.abc import Callable
from contextlib import nullcontext
from pathlib import Path
from typing import IO, Any, Literal

import numpy as np
import pytest
import rasterio
from numpy.typing import NDArray

from geo import spool
from geo.blocks import BLOCK_SIZE, Block, blocks
from geo.cog import CogWriter, CogWriters, RasterStyle, overview_shapes, write_cog
from geo.errors import AltdevError, InputError
from geo.raster import geobox_of, read_on_grid
from geo.spool import InOrder, Scratch
from tests.geo.builders import grid

DIGITS = np.arange(1, 13, dtype=np.uint8).reshape(3, 4)

WRITE_WITHOUT_ROOM = """
import resource, signal, sys
from pathlib import Path
import numpy as np
from geo.grid import GeoBox
from geo.errors import AltdevError
from geo.cog import write_cog

cells = np.random.default_rng(1).integers(0, 60000, (600, 600), dtype=np.uint16)
box = GeoBox.from_bbox((500000, 0, 506000, 6000), "EPSG:32618", resolution=10)
resource.setrlimit(resource.RLIMIT_FSIZE, (60000, 60000))
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
try:
    write_cog(Path(sys.argv[1]), cells, box)
except AltdevError as error:
    sys.exit(str(error))
"""
"""A file that finds no room: the system lets none grow beyond 60,000 bytes."""


def names(folder: Path) -> list[str]:
    """Return what lies in a folder, hidden files too."""
    return sorted(entry.name for entry in folder.iterdir())


def noise(rows: int, cols: int, dtype: str = "uint16") -> NDArray[Any]:
    """Return cells that do not compress to nothing."""
    return np.random.default_rng(3).integers(0, 250, (rows, cols)).astype(dtype)


@pytest.mark.parametrize("dtype", ["uint8", "int16", "uint16", "float32", "float64"])
@pytest.mark.parametrize("bands", [None, 3])
@pytest.mark.parametrize("packing", ["DEFLATE", "ZSTD"])
def test_round_trip(tmp_path: Path, dtype: str, bands: int | None, packing: Literal["DEFLATE", "ZSTD"]) -> None:
    """Law: what is written is read back, cell for cell, on the same grid."""
    shape = (600, 530) if bands is None else (bands, 600, 530)
    cells = np.random.default_rng(1).integers(0, 200, shape).astype(dtype)
    write_cog(tmp_path / "a.tif", cells, grid(600, 530), style=RasterStyle(packing=packing))
    found = read_on_grid(tmp_path / "a.tif", grid(600, 530), bands=1 if bands is None else range(1, bands + 1))
    np.testing.assert_array_equal(found, cells)
    assert found.dtype == dtype
    assert geobox_of(tmp_path / "a.tif") == grid(600, 530)


def test_it_is_a_cog_that_says_what_it_is(tmp_path: Path) -> None:
    """Published: layout of the COG driver (tiles, overviews), and the style given."""
    style = RasterStyle(
        nodata=0,
        colours={1: "#D55E00", 2: "#1B7837"},
        categories={1: "coca", 2: "forest"},
        descriptions=("class",),
        overviews="mode",
        scale=0.5,
        offset=-1.0,
        tags={"period": "2024"},
    )
    write_cog(tmp_path / "a.tif", noise(1100, 1100, "uint8"), grid(1100, 1100), style=style)
    with rasterio.open(tmp_path / "a.tif") as source:
        assert source.tags(ns="IMAGE_STRUCTURE")["LAYOUT"] == "COG"
        assert source.block_shapes == [(BLOCK_SIZE, BLOCK_SIZE)]
        assert source.overviews(1)
        assert source.nodata == 0
        assert source.colormap(1)[1] == (0xD5, 0x5E, 0x00, 255)
        assert source.descriptions == ("class",)
        assert (source.scales, source.offsets) == ((0.5,), (-1.0,))
        assert source.tags()["CLASS_2"] == "forest"
        assert source.tags()["period"] == "2024"


def test_overviews_are_means_of_what_is_known(tmp_path: Path) -> None:
    """Brute force: each cell of an overview is the mean of its cells that hold something, band by band."""
    cells = np.stack([noise(600, 1030, "int16"), noise(600, 1030, "int16")[::-1]])
    cells[0, :300, :3] = -1  # the third column shares cells of the overview with what is known
    write_cog(tmp_path / "a.tif", cells, grid(600, 1030), style=RasterStyle(nodata=-1))
    with rasterio.open(tmp_path / "a.tif", overview_level=0) as source:
        found = source.read()
    held = np.where(cells == -1, np.nan, cells).reshape(2, 300, 2, 515, 2)
    known = ~np.isnan(held).all(axis=(2, 4))
    mean = np.nansum(held, axis=(2, 4)) / np.maximum((~np.isnan(held)).sum(axis=(2, 4)), 1)
    assert (found == -1).sum() == (~known).sum() == 150
    assert np.abs(found - mean)[known].max() <= 0.5


def test_equal_content_is_equal_bytes(tmp_path: Path) -> None:
    """Law: the bytes depend on neither the time, the name, the order of blocks nor their size."""
    geobox, cells = grid(700, 1300), noise(700, 1300)
    digests = set()
    for number, (size, turn) in enumerate([(512, 1), (512, -1), (1300, 1), (100, -1)]):
        path = tmp_path / f"{number}.tif"
        with CogWriter(path, geobox, dtype="uint16") as writer:
            for block in list(blocks(geobox.shape, size))[::turn]:
                writer.write(block, cells[block.slices])
        digests.add(hashlib.sha256(path.read_bytes()).hexdigest())
    assert len(digests) == 1
    cells[-1, -1] += 1  # negative control: one cell more is other bytes
    write_cog(tmp_path / "other.tif", cells, geobox)
    assert hashlib.sha256((tmp_path / "other.tif").read_bytes()).hexdigest() not in digests


@pytest.mark.parametrize("error", [ZeroDivisionError, KeyboardInterrupt])
def test_exception_leaves_the_old_file(tmp_path: Path, error: type[BaseException]) -> None:
    """Law: an error while blocks come leaves what stood there, and nothing beside it."""
    write_cog(tmp_path / "a.tif", DIGITS, grid(3, 4))
    before = (tmp_path / "a.tif").read_bytes()

    def fail(path: Path) -> None:
        with CogWriter(path, grid(3, 4), dtype="uint8") as writer:
            writer.write(Block(0, 0, 3, 4), DIGITS + 1)
            raise error

    for path in (tmp_path / "a.tif", tmp_path / "new.tif"):
        with pytest.raises(error):
            fail(path)
    assert names(tmp_path) == ["a.tif"]
    assert (tmp_path / "a.tif").read_bytes() == before


@pytest.mark.parametrize("idle", [False, True])
@pytest.mark.parametrize("threads", [1, 2])
@pytest.mark.parametrize(
    "fault", [None, "of one file while blocks come", "while blocks come", "of one file at the end"]
)
def test_several_at_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, fault: str | None, threads: int, idle: bool
) -> None:
    """Law: files finished in threads are those written alone; what fails leaves what stood there."""
    old = {name: tmp_path / f"{name}.tif" for name in "abc"}
    for path in old.values():
        write_cog(path, DIGITS, grid(3, 4))
    before = {name: path.read_bytes() for name, path in old.items()}
    lay_out = CogWriter._lay_out

    def failing(writer: CogWriter) -> None:
        if fault == "of one file at the end" and writer._path.stem == "b":
            no_room()
        lay_out(writer)

    write = CogWriter.write

    def refusing(writer: CogWriter, block: Block, cells: NDArray[Any]) -> None:
        if fault == "of one file while blocks come" and writer._path.stem == "b":
            raise ZeroDivisionError
        write(writer, block, cells)

    monkeypatch.setattr(CogWriter, "_lay_out", failing)
    monkeypatch.setattr(CogWriter, "write", refusing)
    expecting = nullcontext() if fault is None else pytest.raises((AltdevError, ZeroDivisionError))
    with expecting, CogWriters(threads, idle=idle) as together:
        assert (together._pool is not None) == (idle and threads > 1)
        writers = [together.add(CogWriter(path, grid(3, 4), dtype="uint8")) for path in old.values()]
        parts = [(writer, DIGITS + number) for number, writer in enumerate(writers)]
        together.write(Block(0, 0, 3, 4), parts)
        if fault == "while blocks come":
            raise ZeroDivisionError
    assert names(tmp_path) == ["a.tif", "b.tif", "c.tif"]
    kept = "" if fault is None else "b" if fault == "of one file at the end" else "abc"
    for number, (name, path) in enumerate(old.items()):
        monkeypatch.undo()
        write_cog(tmp_path / "alone", DIGITS + number, grid(3, 4))
        expected = before[name] if name in kept else (tmp_path / "alone").read_bytes()
        assert path.read_bytes() == expected


def test_threads_that_do_not_start_leave_no_file_behind(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Attack: where the system gives no thread, files that nobody could finish are given up, hidden ones too."""

    def refusing(*_: object) -> None:
        raise RuntimeError("can't start new thread")

    def write() -> None:
        with CogWriters(1) as together:
            writer = together.add(CogWriter(tmp_path / "a.tif", grid(3, 4), dtype="uint8"))
            together.write(Block(0, 0, 3, 4), [(writer, DIGITS)])
            (tmp_path / ".a.part.tif").touch()
            monkeypatch.setattr("geo.cog.ThreadPoolExecutor.submit", refusing)

    with pytest.raises(RuntimeError, match="new thread"):
        write()
    assert names(tmp_path) == []


def tile_places(path: Path, level: int) -> list[tuple[int, int]]:
    """Return where GDAL finds the tiles of a level and their bytes, tile by tile with its bands; 0 is whole."""
    found = []
    with rasterio.open(path, **({"overview_level": level - 1} if level else {})) as source:
        rows, cols = (-(-size // BLOCK_SIZE) for size in source.shape)
        for row in range(rows):
            for col in range(cols):
                for band in source.indexes:
                    asked = [f"BLOCK_{what}_{col}_{row}" for what in ("OFFSET", "SIZE")]
                    place, size = (source.get_tag_item(one, "TIFF", bidx=band) for one in asked)
                    found.append((int(place), int(size)))
    return found


@pytest.mark.parametrize("packing", ["DEFLATE", "ZSTD"])
@pytest.mark.parametrize("large", [False, True])
def test_tiles_stand_where_a_cog_has_them(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, packing: Literal["DEFLATE", "ZSTD"], large: bool
) -> None:
    """Published: GDAL's rules for the layout: coarse levels first, tile by tile, sizes before, ends behind."""
    if large:
        options = CogWriter._said_options
        monkeypatch.setattr(CogWriter, "_said_options", lambda self: {**options(self), "bigtiff": "YES"})
    cells = np.stack([noise(1100, 600, "int16"), noise(1100, 600, "int16")[::-1]])
    path = tmp_path / "a.tif"
    write_cog(path, cells, grid(1100, 600), style=RasterStyle(packing=packing))
    data = path.read_bytes()
    assert data[:4] == (b"II+\0" if large else b"II*\0")
    levels = [tile_places(path, level) for level in range(3)]
    assert [len(level) for level in levels] == [12, 4, 2]
    in_file = [one for level in reversed(levels) for one in level]
    for (place, size), (following, _) in itertools.pairwise(in_file):
        assert following == place + size + 8
    for place, size in in_file:
        assert int.from_bytes(data[place - 4 : place], "little") == size
        assert data[place + size - 4 : place + size] == data[place + size : place + size + 4]
    assert in_file[-1][0] + in_file[-1][1] + 4 == len(data)
    np.testing.assert_array_equal(read_on_grid(path, grid(1100, 600), bands=[1, 2]), cells)


@pytest.mark.parametrize("inserts", [True, False])
def test_large_rasters_begin_with_a_page_of_the_disk(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, inserts: bool
) -> None:
    """Law: with blocks in any order, and whether the disk makes room or not, the same bytes, read as any other."""
    cells = np.stack([noise(1100, 600, "int16"), noise(1100, 600, "int16")[::-1]])
    write_cog(tmp_path / "small.tif", cells, grid(1100, 600))
    monkeypatch.setattr("geo.tiff._PAGED_FROM", 0)
    write_cog(tmp_path / "moved.tif", cells, grid(1100, 600))  # under the bytes from which room is asked for
    monkeypatch.setattr("geo.spool._WORTH_IT", 0)
    answers = []
    asked = spool._inserted
    monkeypatch.setattr(
        "geo.spool._inserted", lambda *given: answers.append(inserts and asked(*given)) or answers[-1]
    )
    order = list(blocks((1100, 600), 200))
    np.random.default_rng(5).shuffle(order)  # type: ignore[arg-type]
    with CogWriter(tmp_path / "a.tif", grid(1100, 600), dtype="int16", bands=2) as writer:
        for block in order:
            writer.write(block, cells[:, *block.slices])
    with (tmp_path / "a.tif").open("rb") as file:
        can = sys.platform == "linux" and spool._shifts(ctypes.CDLL(None), file.fileno())
    assert answers == [inserts and can]
    data = (tmp_path / "a.tif").read_bytes()
    assert data == (tmp_path / "moved.tif").read_bytes()
    whole, small = tile_places(tmp_path / "a.tif", 0), tile_places(tmp_path / "small.tif", 0)
    assert (whole[0][0] - 4) % 4096 == 0
    assert [size for _, size in whole] == [size for _, size in small]
    coarse, before = tile_places(tmp_path / "a.tif", 1)[-1], whole[0][0] - 4
    assert set(data[sum(coarse) + 4 : before]) <= {0}
    assert data[before:] == (tmp_path / "small.tif").read_bytes()[small[0][0] - 4 :]
    np.testing.assert_array_equal(read_on_grid(tmp_path / "a.tif", grid(1100, 600), bands=[1, 2]), cells)


def test_cells_that_never_come_hold_nothing(tmp_path: Path) -> None:
    """Literal raster: no-data, in overviews too, or 0 where there is none."""
    geobox = grid(600, 1100)
    for nodata, expected in ((7, 7), (None, 0)):
        style = RasterStyle(nodata=nodata)
        with CogWriter(tmp_path / "a.tif", geobox, dtype="uint8", style=style) as writer:
            writer.write(Block(0, 0, 300, 1100), np.full((300, 1100), 9, dtype=np.uint8))
        found = read_on_grid(tmp_path / "a.tif", geobox)
        assert (found[:300] == 9).all()
        assert (found[300:] == expected).all()
        with rasterio.open(tmp_path / "a.tif", overview_level=0) as source:
            half = source.read(1)
        assert (half[:150] == 9).all()
        assert (half[150:] == expected).all()


@pytest.mark.parametrize(
    "again", [Block(0, 0, 600, 600), Block(0, 0, 10, 10), Block(550, 550, 40, 40), Block(512, 512, 88, 88)]
)
def test_a_cell_comes_once(tmp_path: Path, again: Block) -> None:
    """Law: cells that come twice are refused, in tiles that are whole and in those that are not; nothing stays."""
    cells = np.zeros((600, 600), dtype=np.uint8)

    def twice() -> None:
        with CogWriter(tmp_path / "a.tif", grid(600, 600), dtype="uint8") as writer:
            writer.write(Block(0, 0, 580, 580), cells[:580, :580])
            writer.write(again, cells[: again.height, : again.width])

    with pytest.raises(ValueError, match="came before"):
        twice()
    assert names(tmp_path) == []


@pytest.mark.parametrize(("size", "levels"), [(1, 0), (512, 0), (513, 1), (1025, 1), (1026, 2), (4096, 3)])
def test_levels_end_at_a_tile(size: int, levels: int) -> None:
    """Literal: the last level is a tile or a hair more, as GDAL has it."""
    assert len(overview_shapes((3, size))) == levels + 1


def test_failure_to_begin_leaves_nothing(tmp_path: Path) -> None:
    """Law: a style that cannot be written fails before the first block, and tidies up."""
    with pytest.raises(ValueError, match="invalid literal"):
        write_cog(tmp_path / "a.tif", DIGITS, grid(3, 4), style=RasterStyle(colours={1: "#nothex"}))
    assert names(tmp_path) == []


def no_room(*_: object) -> None:
    """Fail as a full disk does."""
    raise OSError(errno.ENOSPC, "No space left on device")


@pytest.mark.parametrize(("of", "step"), [(CogWriter, "_lay_out"), (InOrder, "put"), (Scratch, "append")])
def test_full_disk_is_one_line(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, of: type, step: str) -> None:
    """Law: a disk that fills while blocks come or at the end is told with its remedy, and no half file stays."""
    monkeypatch.setattr(of, step, no_room)
    with pytest.raises(AltdevError, match=r"a\.tif: found no way to write .*No space left.*free some space"):
        write_cog(tmp_path / "a.tif", np.ones((600, 4), dtype=np.uint8), grid(600, 4))
    assert names(tmp_path) == []


@pytest.mark.parametrize("which", ["tiles", "scratch"])
def test_fewer_bytes_than_were_written_are_no_file(tmp_path: Path, which: str) -> None:
    """Attack: a disk that gives back less than it was given ends with a line, not with a file that looks whole."""

    class Forgetful:
        def __init__(self, file: IO[bytes]) -> None:
            self._file = file

        def read(self, length: int) -> bytes:
            return self._file.read(length)[:-1]

        def __getattr__(self, name: str) -> Any:
            return getattr(self._file, name)

    def write() -> None:
        with CogWriter(tmp_path / "a.tif", grid(600, 600), dtype="uint8") as writer:
            if which == "tiles":
                writer._file = Forgetful(writer._file)  # type: ignore[arg-type,assignment]
            else:
                writer._scratch.file = Forgetful(writer._scratch.file)  # type: ignore[arg-type,assignment]
            for block in blocks((600, 600), 300):
                writer.write(block, np.ones((block.height, block.width), dtype=np.uint8))

    with pytest.raises(AltdevError, match=r"a\.tif: found no way to write .*less was read again"):
        write()
    assert names(tmp_path) == []


def test_a_disk_that_fails_at_the_last_moment_is_one_line(tmp_path: Path) -> None:
    """Attack: network file systems tell when a file is closed that they could not write it."""

    class Closing:
        def __init__(self, file: IO[bytes]) -> None:
            self._file = file

        def close(self) -> None:
            self._file.close()
            raise OSError(errno.EIO, "Input/output error")

        def __getattr__(self, name: str) -> Any:
            return getattr(self._file, name)

    def write() -> None:
        with CogWriter(tmp_path / "a.tif", grid(3, 4), dtype="uint8") as writer:
            writer._file = Closing(writer._file)  # type: ignore[arg-type,assignment]
            writer.write(Block(0, 0, 3, 4), DIGITS)

    with pytest.raises(AltdevError, match=r"a\.tif: found no way to write .*Input/output error"):
        write()
    assert names(tmp_path) == []


def test_two_that_write_one_file_are_told(tmp_path: Path) -> None:
    """Attack: the second takes the first one's place; neither hands out what the other has not finished."""
    first, second = (CogWriter(tmp_path / "a.tif", grid(3, 4), dtype="uint8") for _ in range(2))
    for writer in (first, second):
        writer.__enter__().write(Block(0, 0, 3, 4), DIGITS)
    for writer in (first, second):
        with pytest.raises(AltdevError, match=r"another program that writes the same file.*end the other one"):
            writer.__exit__(None, None, None)
    assert names(tmp_path) == []


def half(file: IO[bytes], data: bytes) -> None:
    """Write half of it and fail as a full disk does."""
    file.write(data[: len(data) // 2])
    no_room()


@pytest.mark.parametrize(("step", "failing"), [("write_all", half), ("Scratch.read", no_room)])
def test_a_writer_that_goes_on_after_a_failure_is_no_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, step: str, failing: Callable[..., None]
) -> None:
    """Attack: half a tile was written before the disk was full, or one that waited was lost: it is no file."""
    cells = np.ones((512, 512), dtype=np.uint8)
    writer = CogWriter(tmp_path / "a.tif", grid(512, 1024), dtype="uint8").__enter__()
    writer.write(Block(0, 512, 512, 512), cells)
    with monkeypatch.context() as patch:
        patch.setattr(f"geo.spool.{step}", failing)
        with pytest.raises(AltdevError, match="No space left"):
            writer.write(Block(0, 0, 512, 512), cells)
    writer.write(Block(0, 0, 512, 512), cells)
    with pytest.raises(AltdevError, match="other bytes than were written"):
        writer.__exit__(None, None, None)
    assert names(tmp_path) == []


@pytest.mark.parametrize(
    ("block", "shape"),
    [
        (Block(0, 0, 3, 4), (3, 4)),
        (Block(0, 0, 3, 4), (3, 3, 4)),
        (Block(0, 0, 3, 4), (2, 2, 4)),
        (Block(1, 0, 3, 4), (2, 3, 4)),
        (Block(0, -1, 3, 4), (2, 3, 4)),
    ],
    ids=["too few bands", "too many bands", "too few rows", "beyond the last row", "before the first column"],
)
def test_cells_that_are_not_those_of_the_block_are_refused(
    tmp_path: Path, block: Block, shape: tuple[int, ...]
) -> None:
    """Law: nothing is dropped, stretched or written elsewhere."""

    def write() -> None:
        with CogWriter(tmp_path / "a.tif", grid(3, 4), dtype="uint8", bands=2) as writer:
            writer.write(block, np.ones(shape, dtype=np.uint8))

    with pytest.raises(ValueError, match="cells at Block"):
        write()
    assert names(tmp_path) == []


def test_one_row_takes_no_more_than_its_cells(tmp_path: Path) -> None:
    """Law: what fills up a tile packs to next to nothing, whatever the cells are."""
    cells = np.random.default_rng(1).random((1, 2000))
    write_cog(tmp_path / "a.tif", cells, grid(1, 2000))
    assert (tmp_path / "a.tif").stat().st_size < 4 * cells.nbytes


def test_a_real_full_disk_is_one_line_of_the_whole_process(tmp_path: Path) -> None:
    """Attack: with no room for a file, the process says one line; the libraries below say none of their own."""
    command = [sys.executable, "-W", "ignore", "-c", WRITE_WITHOUT_ROOM, str(tmp_path / "a.tif")]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 1, done.stderr
    (line,) = done.stderr.splitlines()
    assert "a.tif: found no way to write the file" in line
    assert names(tmp_path) == []


def test_folder_that_cannot_be_written_to(tmp_path: Path) -> None:
    """Law: the same plain line as for any other file."""
    (tmp_path / "file").write_text("x")
    with pytest.raises(InputError, match="a folder that cannot be written to"):
        write_cog(tmp_path / "file" / "a.tif", DIGITS, grid(3, 4))
