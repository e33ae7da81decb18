"""Rasters: written whole, read on any grid, told about when broken."""

from __future__ import annotations

import struct
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import rasterio
from affine import Affine
from numpy.typing import NDArray
from pyproj import Transformer

from geo.blocks import BLOCK_SIZE, Block, blocks, map_blocks
from geo.cog import RasterStyle, write_cog
from geo.errors import InputError
from geo.grid import GeoBox
from geo.raster import check_raster, geobox_of, open_on_grid, read_on_grid
from tests.geo.builders import EAST, NORTH, UTM, grid

DIGITS = np.arange(1, 13, dtype=np.uint8).reshape(3, 4)
MEMORY_MIB = 60  # reading block by block; the raster of the test below holds 576 MiB

READ_BY_BLOCKS = """
import resource, sys
import numpy as np
from pathlib import Path
from geo.blocks import map_blocks
from geo.raster import geobox_of, open_on_grid
path = Path(sys.argv[1])
geobox = geobox_of(path)
before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
total = 0.0
with open_on_grid(path, geobox) as reader:
    for _, cells in map_blocks(reader.read, geobox.shape, jobs=2):
        total += float(cells.sum())
print(total, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before)
"""


def names(folder: Path) -> list[str]:
    """Return what lies in a folder, hidden files too."""
    return sorted(entry.name for entry in folder.iterdir())


def noise(rows: int, cols: int, dtype: str = "uint16") -> NDArray[Any]:
    """Return cells that do not compress to nothing."""
    return np.random.default_rng(3).integers(0, 250, (rows, cols)).astype(dtype)


class TestReadOnGrid:
    """Reading on a grid other than the file's."""

    @pytest.fixture(name="path")
    def fixture_path(self, tmp_path: Path) -> Path:
        """Write a raster of 3 by 4 cells holding 1 to 12, no-data 99."""
        write_cog(tmp_path / "digits.tif", DIGITS, grid(3, 4), style=RasterStyle(nodata=99))
        return tmp_path / "digits.tif"

    def test_shifted_by_whole_cells(self, path: Path) -> None:
        """Literal raster: a grid a row down and a column right, reaching beyond the file, reads no-data there."""
        found = read_on_grid(path, grid(3, 4, east=EAST + 10, north=NORTH - 10))
        assert found.tolist() == [[6, 7, 8, 99], [10, 11, 12, 99], [99, 99, 99, 99]]
        found = read_on_grid(path, grid(2, 3, east=EAST - 10, north=NORTH + 10))
        assert found.tolist() == [[99, 99, 99], [99, 1, 2]]

    def test_beyond_the_edge_and_away(self, path: Path) -> None:
        """Literal raster: a grid that shares nothing with the file holds its no-data, or 0 where it has none."""
        away = grid(2, 2, east=EAST + 1000)
        assert read_on_grid(path, away).tolist() == [[99, 99], [99, 99]]
        write_cog(path.with_name("plain.tif"), DIGITS, grid(3, 4))
        assert read_on_grid(path.with_name("plain.tif"), away).tolist() == [[0, 0], [0, 0]]

    def test_blocks_may_leave_the_grid(self, path: Path) -> None:
        """Literal raster: a block with negative rows, as a margin needs, is filled with no-data."""
        with open_on_grid(path, grid(3, 4)) as reader:
            assert reader.read(Block(-1, 3, 2, 2)).tolist() == [[99, 99], [4, 99]]

    def test_fill_given(self, path: Path) -> None:
        """Literal raster: a fill named by the reader stands where the file ends."""
        with open_on_grid(path, grid(3, 5), fill=7) as reader:
            assert reader.read(Block(0, 3, 3, 2)).tolist() == [[4, 7], [8, 7], [12, 7]]

    def test_bands_keep_their_order(self, tmp_path: Path) -> None:
        """Literal raster: bands come as asked, also twice."""
        write_cog(tmp_path / "a.tif", np.stack([DIGITS, DIGITS + 20]), grid(3, 4))
        with open_on_grid(tmp_path / "a.tif", grid(3, 4)) as reader:
            assert reader.read(Block(0, 0, 1, 1), [2, 1, 2]).ravel().tolist() == [21, 1, 21]
            assert reader.read(Block(0, 0, 1, 1), 2).tolist() == [[21]]

    @pytest.mark.parametrize(
        ("cell_m", "expected"),
        [(5.0, [[1, 1, 2, 2], [1, 1, 2, 2], [5, 5, 6, 6]]), (20.0, [[6, 8], [99, 99]])],
        ids=["half", "double"],
    )
    def test_other_cell_size_in_the_same_crs(self, path: Path, cell_m: float, expected: list[list[int]]) -> None:
        """Literal raster: each cell takes the file's cell under its centre; on an edge the next one."""
        rows, cols = np.shape(expected)
        assert read_on_grid(path, grid(rows, cols, cell_m=cell_m)).tolist() == expected

    def test_file_whose_rows_run_north(self, tmp_path: Path) -> None:
        """Literal raster: a file stored from south to north, as some grids are, is read the right way up."""
        path = tmp_path / "a.tif"
        profile = {"driver": "GTiff", "height": 3, "width": 4, "count": 1, "dtype": "uint8", "crs": UTM}
        with rasterio.open(path, "w", **profile, transform=Affine(10, 0, EAST, 0, 10, NORTH - 30)) as target:
            target.write(DIGITS[::-1], 1)
        assert read_on_grid(path, grid(3, 4)).tolist() == DIGITS.tolist()

    def test_half_a_cell_off(self, path: Path) -> None:
        """Literal raster: a grid 3 m to the east takes the cells under its centres, and 6 m the next ones."""
        assert read_on_grid(path, grid(1, 3, east=EAST + 3)).tolist() == [[1, 2, 3]]
        assert read_on_grid(path, grid(1, 3, east=EAST + 6)).tolist() == [[2, 3, 4]]

    def test_average_onto_coarser_cells(self, path: Path) -> None:
        """Literal raster: four cells in one are averaged, no-data left out."""
        found = read_on_grid(path, grid(1, 2, cell_m=20), resampling="average")
        assert found.tolist() == [[4, 6]]  # (1+2+5+6)/4 = 3.5 and (3+4+7+8)/4 = 5.5, rounded up

    def test_another_crs(self, tmp_path: Path) -> None:
        """Brute force: cells read from a file in degrees are those under the projected centres."""
        degrees = GeoBox.from_bbox((-75.01, 3.60, -74.98, 3.63), "EPSG:4326", resolution=0.001)
        cells = noise(*degrees.shape, dtype="uint8")
        write_cog(tmp_path / "a.tif", cells, degrees)
        geobox = grid(40, 50, cell_m=30.0)
        found = read_on_grid(tmp_path / "a.tif", geobox)
        x, y = np.meshgrid(EAST + 30 * (np.arange(50) + 0.5), NORTH - 30 * (np.arange(40) + 0.5))
        lon, lat = Transformer.from_crs(UTM, 4326, always_xy=True).transform(x.ravel(), y.ravel())
        rows, cols = np.floor((3.63 - lat) / 0.001).astype(int), np.floor((lon + 75.01) / 0.001).astype(int)
        np.testing.assert_array_equal(found.ravel(), cells[rows, cols])

    @pytest.mark.parametrize("resampling", ["nearest", "bilinear"])
    def test_warped_windows_of_any_size_agree(self, tmp_path: Path, resampling: str) -> None:
        """Law: a warped raster has one value in each cell, whatever the block it is read by."""
        degrees = GeoBox.from_bbox((-75.01, 3.54, -74.93, 3.63), "EPSG:4326", resolution=0.0001)
        write_cog(tmp_path / "a.tif", noise(*degrees.shape, dtype="uint8"), degrees)
        geobox = grid(700, 700)
        whole = read_on_grid(tmp_path / "a.tif", geobox, resampling=resampling)
        assert whole.any()
        for size in (512, 524, 300):
            with open_on_grid(tmp_path / "a.tif", geobox, resampling=resampling) as reader:
                for block in blocks(geobox.shape, size):
                    np.testing.assert_array_equal(reader.read(block), whole[block.slices])

    def test_cell_sizes_that_drift_apart_are_no_alignment(self, tmp_path: Path) -> None:
        """Brute force: degrees whose cells differ in the seventh digit part by a cell over a wide grid."""
        size = 0.0001
        wide = GeoBox((4, 20_000), Affine(size, 0, -74, 0, -size, 4), "EPSG:4326")
        cells = np.tile((np.arange(20_000) % 250).astype(np.uint8), (4, 1))
        write_cog(tmp_path / "a.tif", cells, wide)
        stretched = GeoBox((4, 19_990), Affine(size * (1 + 1e-4), 0, -74, 0, -size, 4), "EPSG:4326")
        found = read_on_grid(tmp_path / "a.tif", stretched)[0]
        under = np.floor((np.arange(19_990) + 0.5) * (1 + 1e-4)).astype(int)
        np.testing.assert_array_equal(found, cells[0, under])
        assert (found != cells[0, :19_990]).any()  # negative control: taking the grids for one gives others

    def test_threads_share_a_reader(self, tmp_path: Path) -> None:
        """Law: eight threads reading one open raster read what one thread reads."""
        cells = noise(1500, 1500)
        write_cog(tmp_path / "a.tif", cells, grid(1500, 1500))
        with open_on_grid(tmp_path / "a.tif", grid(1500, 1500)) as reader:
            for block, found in map_blocks(reader.read, (1500, 1500), size=100, jobs=8):
                np.testing.assert_array_equal(found, cells[block.slices])

    def test_memory_is_set_by_the_block(self, tmp_path: Path) -> None:
        """Law: reading 576 MiB of cells block by block takes a fraction of that."""
        path = tmp_path / "large.tif"
        profile = {"driver": "GTiff", "height": 12_288, "width": 12_288, "count": 1, "dtype": "float32"}
        tiles = {"tiled": True, "blockxsize": BLOCK_SIZE, "blockysize": BLOCK_SIZE, "sparse_ok": True}
        with rasterio.open(path, "w", **profile, **tiles, crs=UTM, transform=grid(1, 1).transform) as target:
            target.write(np.ones((512, 512), dtype=np.float32), 1, window=((11_776, 12_288), (0, 512)))
        command = [sys.executable, "-W", "ignore", "-c", READ_BY_BLOCKS, str(path)]
        told = subprocess.run(command, capture_output=True, text=True, check=True, env={"GDAL_CACHEMAX": "16"})
        total, grown_kib = told.stdout.split()
        assert float(total) == 512 * 512
        assert int(grown_kib) / 1024 < MEMORY_MIB


class TestBrokenRasters:
    """Files that are not what they should be."""

    @pytest.fixture(name="cut")
    def fixture_cut(self, tmp_path: Path) -> Path:
        """Write a COG without its last quarter, as a broken download leaves it."""
        write_cog(tmp_path / "whole.tif", noise(1200, 1200), grid(1200, 1200))
        content = (tmp_path / "whole.tif").read_bytes()
        (tmp_path / "cut.tif").write_bytes(content[: len(content) * 3 // 4])
        return tmp_path / "cut.tif"

    def test_truncated_cog_is_found_by_checking(self, cut: Path) -> None:
        """Brute force: a cut COG opens, and its last block tells; one problem, one line, with the file."""
        assert check_raster(cut.with_name("whole.tif")) == []
        (problem,) = check_raster(cut)
        assert str(problem).startswith(f"{cut}: found a raster whose cells cannot be read (")
        assert "\n" not in str(problem)
        assert "See previous" not in str(problem)

    @pytest.mark.parametrize("tile", range(4))
    def test_a_block_that_cannot_be_unpacked(self, tmp_path: Path, tile: int) -> None:
        """Brute force: of four blocks spoiled one at a time, the last one of either band is told, and it alone."""
        path, (band, col) = tmp_path / "a.tif", divmod(tile, 2)
        write_cog(path, np.arange(2 * 512 * 1024, dtype=np.uint32).reshape(2, 512, 1024), grid(512, 1024))
        with rasterio.open(path) as source:
            place = int(source.get_tag_item(f"BLOCK_OFFSET_{col}_0", "TIFF", bidx=band + 1))
        content = bytearray(path.read_bytes())
        content[place : place + 8] = b"\xff" * 8
        path.write_bytes(content)
        assert len(check_raster(path)) == (col == 1)

    @pytest.mark.parametrize("crs", [UTM, "EPSG:9377"], ids=["as it lies", "warped"])
    def test_truncated_cog_is_told_on_reading(self, cut: Path, crs: str) -> None:
        """Law: reading it raises one line that names the file, also when it is warped."""
        bounds = Transformer.from_crs(UTM, crs, always_xy=True).transform_bounds(*grid(1200, 1200).boundingbox)
        geobox = grid(1200, 1200) if crs == UTM else GeoBox.from_bbox(bounds, crs, resolution=10)
        with pytest.raises(InputError, match=r"cut\.tif: found a raster whose cells cannot be read") as caught:
            read_on_grid(cut, geobox)
        assert len(str(caught.value).splitlines()) == 1

    @pytest.mark.parametrize("part", [0.0, 0.001, 0.02])
    def test_hardly_begun_download(self, cut: Path, part: float) -> None:
        """Law: an empty file or one that ends in its header is no raster, in one line."""
        content = cut.with_name("whole.tif").read_bytes()
        cut.write_bytes(content[: int(len(content) * part)])
        (problem,) = check_raster(cut)
        assert "cannot be read" in problem.found or "no readable raster" in problem.found

    def test_missing_file(self, tmp_path: Path) -> None:
        """Law: a path to nothing is told as that."""
        (problem,) = check_raster(tmp_path / "gone.tif")
        assert str(problem) == (
            f"{tmp_path / 'gone.tif'}: found no such file; expected a raster; "
            "fetch or copy it again, or correct the path"
        )
        with pytest.raises(InputError, match="no such file"):
            geobox_of(tmp_path / "gone.tif")

    def test_text_is_no_raster(self, tmp_path: Path) -> None:
        """Law: a file of another kind is told as that, with its name."""
        (tmp_path / "a.tif").write_text("not a raster")
        with pytest.raises(InputError, match=r"a\.tif: found a file that is no readable raster"):
            read_on_grid(tmp_path / "a.tif", grid(2, 2))

    @pytest.mark.parametrize(
        ("crs", "transform", "told"),
        [
            (None, Affine(10, 0, EAST, 0, -10, NORTH), "without coordinate reference system"),
            (UTM, Affine.identity(), "without corner and cell size"),
            (None, Affine.identity(), "without coordinate reference system"),
        ],
        ids=["no crs", "no place", "neither"],
    )
    @pytest.mark.filterwarnings("ignore::rasterio.errors.NotGeoreferencedWarning")
    def test_raster_that_does_not_say_where_it_is(
        self, tmp_path: Path, crs: str | None, transform: Affine, told: str
    ) -> None:
        """Law: a raster without CRS or place is refused by every way in, and checking says the same."""
        path = tmp_path / "a.tif"
        profile = {"driver": "GTiff", "height": 3, "width": 4, "count": 1, "dtype": "uint8"}
        with rasterio.open(path, "w", **profile, crs=crs, transform=transform) as target:
            target.write(DIGITS, 1)
        for way in (geobox_of, lambda p: read_on_grid(p, grid(3, 4))):
            with pytest.raises(InputError, match=told):
                way(path)
        assert [told in problem.found for problem in check_raster(path)] == [True]

    @pytest.mark.parametrize("size", [float("nan"), float("inf")])
    def test_a_cell_size_that_is_no_number(self, tmp_path: Path, size: float) -> None:
        """Attack: a raster whose cells are of no or endless size is told as one that does not say where it lies."""
        write_cog(tmp_path / "a.tif", DIGITS, grid(3, 4))
        scale = struct.pack("<d", abs(grid(3, 4).transform.a))
        data = (tmp_path / "a.tif").read_bytes()
        assert scale in data
        (tmp_path / "a.tif").write_bytes(data.replace(scale, struct.pack("<d", size)))
        (problem,) = check_raster(tmp_path / "a.tif")
        assert "without corner and cell size" in str(problem)

    def test_no_warning_reaches_the_terminal(self, tmp_path: Path) -> None:
        """Law: what is told as a problem is not told a second time as a library's warning."""
        path = tmp_path / "a.tif"
        with (
            pytest.warns(rasterio.errors.NotGeoreferencedWarning),
            rasterio.open(path, "w", driver="GTiff", height=3, width=4, count=1, dtype="uint8") as target,
        ):
            target.write(DIGITS, 1)
        assert len(check_raster(path)) == 1  # any warning here would be an error
