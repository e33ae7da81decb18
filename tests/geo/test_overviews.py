"""Overviews: each level by brute force, and as GDAL finds them."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import numpy as np
import pytest
import rasterio
from numpy.typing import NDArray

from geo.cog import RasterStyle, write_cog
from geo.overviews import Summary, halved
from tests.geo.builders import grid


def one_by_one(cells: NDArray[np.generic], summary: Summary, nodata: float | None) -> NDArray[np.generic]:
    """Return what `halved` should, cell by cell."""
    height, width = cells.shape
    out = np.empty((-(-height // 2), -(-width // 2)), dtype=cells.dtype)
    for row in range(out.shape[0]):
        for col in range(out.shape[1]):
            four = cells[2 * row : 2 * row + 2, 2 * col : 2 * col + 2].ravel().tolist()
            known = [value for value in four if value != nodata and value == value]
            if not known:
                out[row, col] = four[0]
            elif summary == "average":
                mean = sum(known) / len(known)
                out[row, col] = np.floor(mean + 0.5) if cells.dtype.kind != "f" else mean
            else:
                votes = Counter(known)
                out[row, col] = max(known, key=lambda value: (votes[value], -known.index(value)))
    return out


@pytest.mark.parametrize("summary", ["average", "mode"])
@pytest.mark.parametrize("shape", [(1, 1), (2, 2), (7, 10), (8, 9), (33, 1)])
@pytest.mark.parametrize(
    ("kind", "nodata"), [("uint8", 3), ("uint8", None), ("int16", -4), ("float32", -1.5), ("uint16", -1)]
)
def test_half_of_a_raster(summary: Summary, shape: tuple[int, int], kind: str, nodata: float | None) -> None:
    """Brute force: four cells at a time; ties, no-data, missing numbers and odd edges among them."""
    rng = np.random.default_rng(shape[0])
    cells = rng.integers(0 if kind.startswith("u") else -5, 6, shape).astype(kind)
    if nodata is not None and nodata != -1:
        cells[rng.random(shape) < 0.4] = nodata
    if kind == "float32":
        cells[rng.random(shape) < 0.2] = np.nan
    expected = one_by_one(cells, summary, nodata)
    found = halved(cells, summary, nodata)
    known = ~(np.isnan(expected) if kind == "float32" else np.zeros(expected.shape, bool))
    np.testing.assert_array_equal(found[known], expected[known])
    assert found.dtype == cells.dtype


def test_the_upper_left_of_four() -> None:
    """Literal raster: what is not to be mixed keeps one of its values."""
    assert halved(np.arange(15).reshape(3, 5), "nearest").tolist() == [[0, 2, 4], [10, 12, 14]]


def test_gdal_reads_them_as_the_levels_of_the_raster(tmp_path: Path) -> None:
    """Independent program: GDAL finds each level of a COG where it was put, and nothing stays beside it."""
    cells = np.random.default_rng(1).integers(0, 900, (2, 1500, 2100)).astype(np.int16)
    cells[:, 300:700, 500:900] = -7
    path = tmp_path / "a.tif"
    write_cog(path, cells, grid(1500, 2100), style=RasterStyle(nodata=-7, packing="ZSTD"))
    levels = [cells]
    for _ in range(3):
        levels.append(np.stack([halved(band, "average", -7) for band in levels[-1]]))
    with rasterio.open(path) as source:
        assert source.overviews(1) == source.overviews(2) == [2, 4, 8]
        assert source.profile["compress"] == "zstd"
        np.testing.assert_array_equal(source.read(), cells)
    for level, expected in enumerate(levels[1:]):
        with rasterio.open(path, overview_level=level) as source:
            np.testing.assert_array_equal(source.read(), expected)
            assert source.nodata == -7
    assert [found.name for found in tmp_path.iterdir()] == ["a.tif"]
