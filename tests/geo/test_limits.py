"""Limits on what is taken on: each is met, told by name with its flag, and can be raised."""

from __future__ import annotations

import json
import struct
import subprocess
import sys
from pathlib import Path

import geopandas
import pytest
import rasterio
import shapely
from rasterio.transform import from_origin

from geo import limits as module
from geo.errors import InputError, SurveyFileError
from geo.json_text import read_json
from geo.limits import VARIABLE, Limits, allow, json_depth, limits
from geo.markup import parse_xml
from geo.raster import check_raster, opened
from geo.vector import open_layer


@pytest.fixture(autouse=True)
def _own_limits(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let each test begin with the shipped limits, and leave none behind."""
    monkeypatch.setenv(VARIABLE, "")


def raster(path: Path, side: int, *, blocks: int = 256, count: int = 1, sparse: bool = True) -> Path:
    """Write a raster that claims a size and holds next to nothing."""
    profile = {"driver": "GTiff", "width": side, "height": side, "count": count, "dtype": "uint8"}
    profile |= {"crs": "EPSG:32618", "transform": from_origin(0, 0, 10, 10), "tiled": True, "BIGTIFF": "YES"}
    profile |= {"blockxsize": blocks, "blockysize": blocks, "compress": "deflate", "SPARSE_OK": sparse}
    with rasterio.open(path, "w", **profile):
        pass
    return path


def test_a_raster_that_claims_too_many_cells(tmp_path: Path) -> None:
    """Contract: cells are counted before any is read, and the flag in the message takes the file on."""
    path = raster(tmp_path / "wide.tif", 300_000, blocks=4096)
    (problem,) = check_raster(path)
    assert str(problem).startswith(f"{path}: found 90,000,000,000 cells; expected at most 50,000,000,000; look")
    allow([str(problem).split("--limit ")[1], "ratio=1e9"])
    with opened(path) as source:
        assert source.width == 300_000


def test_a_raster_that_unpacks_to_far_more_than_it_is(tmp_path: Path) -> None:
    """Contract: a few kilobytes that claim a gigabyte are told; a small one that packs as well is read."""
    with (
        pytest.raises(InputError, match="times its bytes when unpacked; expected at most 20,000"),
        opened(raster(tmp_path / "bomb.tif", 40_000, blocks=4096)),
    ):
        pass
    with opened(raster(tmp_path / "small.tif", 4_000, blocks=1024)):
        pass


def test_a_block_that_fills_the_memory(tmp_path: Path) -> None:
    """Contract: one block of more than a gigabyte is not unpacked."""
    path = raster(tmp_path / "block.tif", 40_960, blocks=40_960)
    allow(["ratio=1e12"])
    with pytest.raises(InputError, match="bytes in one block; expected at most 1,073,741,824"), opened(path):
        pass


def test_a_layer_of_too_many_features(tmp_path: Path) -> None:
    """Contract: features are counted before they are read."""
    frame = geopandas.GeoDataFrame({"n": range(12)}, geometry=shapely.points(range(12), 0), crs="EPSG:32618")
    frame.to_file(tmp_path / "a.gpkg", layer="a")
    allow(["features=10"])
    with pytest.raises(InputError, match=r"a\.gpkg \[a\]: found 12 features; expected at most 10; .*features=12"):
        open_layer(tmp_path / "a.gpkg")
    allow(["features=12"])
    assert len(open_layer(tmp_path / "a.gpkg")) == 12


def test_a_vector_file_of_too_many_bytes(tmp_path: Path) -> None:
    """Contract: a layer that is held in memory is weighed first."""
    (tmp_path / "a.geojson").write_text('{"type": "FeatureCollection", "features": []}')
    allow(["vector_bytes=10"])
    with pytest.raises(InputError, match="found 45 bytes; expected at most 10"):
        open_layer(tmp_path / "a.geojson")


@pytest.mark.parametrize("depth", [64, 65])
def test_json_depth(tmp_path: Path, depth: int) -> None:
    """Contract: 64 levels are read, 65 are told."""
    (tmp_path / "a.json").write_text("[" * depth + "]" * depth)
    if depth == 64:
        assert json_depth(read_json(tmp_path / "a.json")) == 64
    else:
        with pytest.raises(InputError, match="found 65 levels of JSON; expected at most 64"):
            read_json(tmp_path / "a.json")


def test_json_bytes(tmp_path: Path) -> None:
    """Contract: a text is weighed before it is parsed."""
    (tmp_path / "a.json").write_text(json.dumps(list(range(100))))
    allow(["json_bytes=100"])
    with pytest.raises(InputError, match="bytes; expected at most 100"):
        read_json(tmp_path / "a.json")


@pytest.mark.parametrize("encoding", ["utf-8", "utf-16", "utf-16-be"])
@pytest.mark.parametrize(
    "text",
    [
        '<?xml version="1.0"?><!DOCTYPE a [<!ENTITY b "c">]><a>&b;</a>',
        '<!DOCTYPE a SYSTEM "file:///etc/passwd"><a/>',
        '<!DOCTYPE lolz [<!ENTITY a "x"><!ENTITY b "&a;&a;&a;">]><a>&b;</a>',
    ],
)
def test_no_entity_in_any_encoding(text: str, encoding: str) -> None:
    """Attack: a document type is refused also where its letters take two bytes each."""
    with pytest.raises(ValueError, match=r"a document type declaration|no XML"):
        parse_xml(text.encode(encoding))


@pytest.mark.parametrize("word", ["cells=0", "cells=-1", "cells=nan", "cells=x", "cells=inf", "sells=1", "cells"])
def test_what_is_no_limit_is_a_usage_error(word: str) -> None:
    """Contract: an unknown name or no positive number is told, and nothing is raised."""
    with pytest.raises(SurveyFileError, match=f"--limit {word}"):
        allow([word])
    assert limits() == Limits()


def test_the_flag_reaches_the_reading(tmp_path: Path) -> None:
    """Contract: the flag of the message works on the command line, and in processes that a run starts."""
    code = "import sys; from geo.limits import limits; print(limits().cells)"
    allow(["cells=7"])
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "7"
    command = [sys.executable, "-m", "monitor.cli", "check", str(tmp_path / "none.toml"), "--limit", "sells=1"]
    told = subprocess.run(command, capture_output=True, text=True, check=False)
    assert (told.returncode, told.stderr.count("\n")) == (2, 1)
    assert "--limit sells=1: found 'sells'; expected one of cells, block_bytes" in told.stderr


def test_every_limit_is_told_in_the_docs() -> None:
    """Law: the page of the threat model names each limit with its shipped value."""
    page = (Path(__file__).resolve().parents[2] / "docs" / "security.md").read_text()
    for name in module.Limits.__dataclass_fields__:
        assert f"| `{name}` | {getattr(Limits(), name):,} |" in page, name


def test_a_tiff_of_nothing_but_a_head(tmp_path: Path) -> None:
    """Attack: a head that leads to a directory beyond the file is one line."""
    (tmp_path / "a.tif").write_bytes(b"II*\0" + struct.pack("<I", 2**31))
    (problem,) = check_raster(tmp_path / "a.tif")
    assert "no readable raster" in str(problem)
