"""Pictures of rasters show the right colour in the right place."""

from __future__ import annotations

import base64
import io
from pathlib import Path

import numpy as np
import pytest
from affine import Affine
from numpy.typing import NDArray
from PIL import Image
from rasterio.warp import transform_bounds

from geo.cog import RasterStyle, write_cog
from geo.errors import InputError
from geo.grid import GeoBox
from maps.overlay_image import (
    NOT_SEEN_COLOUR,
    MapImage,
    class_image,
    hillshade,
    probability_image,
    relief_image,
)
from maps.style import PROBABILITY
from tests.maps.builders import CRS, LEGEND

GEOBOX = GeoBox((3, 3), Affine(1000, 0, 500_000, 0, -1000, 10_000), CRS)


def pixels(image: MapImage) -> NDArray[np.uint8]:
    """Return the picture's RGBA values."""
    content = base64.b64decode(image.uri.removeprefix("data:image/webp;base64,"))
    return np.asarray(Image.open(io.BytesIO(content)).convert("RGBA"))


def cells(image: MapImage) -> NDArray[np.uint8]:
    """Return the RGBA of the nine cells, sampled at their centres."""
    values = pixels(image)
    rows = ((np.arange(3) + 0.5) * values.shape[0] / 3).astype(int)
    cols = ((np.arange(3) + 0.5) * values.shape[1] / 3).astype(int)
    return values[np.ix_(rows, cols)]


def rgb(colour: str) -> list[int]:
    """Return the channels of #rrggbb."""
    return [int(colour[at : at + 2], 16) for at in (1, 3, 5)]


@pytest.mark.parametrize("nodata", [0, 255, None])
def test_classes_have_their_colours(tmp_path: Path, nodata: int | None) -> None:
    """Literal: 3 x 3 codes come out in the legend's colours; outside is clear, not seen is grey."""
    codes = np.array([[1, 2, 3], [0, 255, 1], [5, 4, 0]], dtype=np.uint8)
    write_cog(tmp_path / "c.tif", codes, GEOBOX, style=RasterStyle(nodata=nodata, overviews="mode"))
    found = cells(class_image(tmp_path / "c.tif", LEGEND))
    colours = {entry.code: rgb(entry.colour) for entry in LEGEND} | {255: rgb(NOT_SEEN_COLOUR)}
    for row, col in np.ndindex(3, 3):
        code = int(codes[row, col])
        assert found[row, col, 3] == (0 if code == 0 else 255)
        if code:
            assert found[row, col, :3].tolist() == colours[code]


@pytest.mark.parametrize("percent", [False, True])
def test_probability_classes(tmp_path: Path, percent: bool) -> None:
    """Literal: shares and whole percent give the same classes; little and missing are clear."""
    shares = np.array([[0.05, 0.1, 0.29], [0.31, 0.5, 0.69], [0.71, 0.9, 1.0]])
    expected = np.array([[0, 1, 1], [2, 3, 3], [4, 5, 5]])
    values = (shares * 100).astype(np.uint8) if percent else (shares + 1e-6).astype(np.float32)
    write_cog(tmp_path / "p.tif", values, GEOBOX, style=RasterStyle(nodata=255 if percent else float("nan")))
    found = cells(probability_image(tmp_path / "p.tif"))
    for row, col in np.ndindex(3, 3):
        drawn = expected[row, col]
        assert found[row, col, 3] == (255 if drawn else 0)
        if drawn:
            assert found[row, col, :3].tolist() == rgb(PROBABILITY[drawn - 1])


def test_corners_and_limit(tmp_path: Path) -> None:
    """Law: the picture keeps to the limit, and its corners are the raster's."""
    geobox = GeoBox((300, 500), Affine(100, 0, 500_000, 0, -100, 30_000), CRS)
    write_cog(tmp_path / "c.tif", np.ones((300, 500), np.uint8), geobox, style=RasterStyle(nodata=0))
    image = class_image(tmp_path / "c.tif", LEGEND, limit=128)
    assert max(pixels(image).shape) <= 128
    (south, west), (north, east) = image.bounds
    expected = transform_bounds(CRS, "EPSG:4326", 500_000, 0, 550_000, 30_000)
    assert (west, south, east, north) == pytest.approx(expected, abs=0.01)


def test_equal_rasters_equal_bytes(tmp_path: Path) -> None:
    """Law: the same raster gives the same picture, to the byte."""
    write_cog(tmp_path / "c.tif", np.ones((3, 3), np.uint8), GEOBOX, style=RasterStyle(nodata=0))
    assert class_image(tmp_path / "c.tif", LEGEND) == class_image(tmp_path / "c.tif", LEGEND)


def test_light_comes_from_the_north_west() -> None:
    """Law: of a cone's four sides the south-eastern is darkest and flat ground is full light."""
    y, x = np.mgrid[-20:21, -20:21].astype(float)
    light = hillshade(400 - 10 * np.hypot(x, y), 30.0)
    assert light[10, 10] == 1
    assert light[10, 10] > light[10, 30] > light[30, 30]
    assert light[30, 10] > light[30, 30]
    np.testing.assert_array_equal(hillshade(np.full((5, 5), 7.0), 30.0), 1.0)


def test_relief_is_white_where_flat(tmp_path: Path) -> None:
    """Law: flat ground leaves the map below it as it is."""
    write_cog(tmp_path / "d.tif", np.full((3, 3), 500, np.float32), GEOBOX)
    assert pixels(relief_image(tmp_path / "d.tif"))[..., :3].min() == 255


def test_broken_raster(tmp_path: Path) -> None:
    """Literal: a file that is no raster is named."""
    (tmp_path / "c.tif").write_bytes(b"II*\0nothing")
    with pytest.raises(InputError, match=r"c\.tif: found a file that is no readable raster"):
        class_image(tmp_path / "c.tif", LEGEND)
