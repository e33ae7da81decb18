"""Parquet of others: read within the limits, or refused in one line."""

from __future__ import annotations

from pathlib import Path

import geopandas
import pandas as pd
import pytest
import shapely
from pyproj import CRS

from geo.errors import InputError
from geo.limits import VARIABLE
from geo.parquet import read_parquet


def test_tables_come_back_with_and_without_shapes(tmp_path: Path) -> None:
    """Law: what was written is read, codes with their zeros, and shapes where there are any."""
    plain = pd.DataFrame({"code": ["01", "02"], "ha": [1.5, None]})
    plain.to_parquet(tmp_path / "a.parquet", index=False)
    pd.testing.assert_frame_equal(read_parquet(tmp_path / "a.parquet"), plain)
    placed = geopandas.GeoDataFrame(plain, geometry=[shapely.Point(1, 2), shapely.Point(3, 4)], crs="EPSG:4326")
    placed.to_parquet(tmp_path / "b.parquet", index=False)
    assert read_parquet(tmp_path / "b.parquet").geometry.equals(placed.geometry)


@pytest.mark.parametrize(
    ("limit", "said"),
    [("table_bytes=1e6", "bytes when unpacked; expected at most 1,000,000"), ("features=100", "20,000 rows")],
)
def test_a_small_file_that_unpacks_to_much(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, limit: str, said: str
) -> None:
    """Attack: a text of a kilobyte in each of 20,000 rows takes few bytes in the file, and is counted unpacked."""
    path = tmp_path / "bomb.parquet"
    pd.DataFrame({"code": ["x" * 1000] * 20_000}).to_parquet(path, index=False)
    assert path.stat().st_size < 20_000
    assert len(read_parquet(path)) == 20_000
    monkeypatch.setenv(VARIABLE, limit)
    with pytest.raises(InputError, match=said):
        read_parquet(path)


@pytest.mark.parametrize("content", [b"", b"PAR1", b"PAR1" + b"x" * 40 + b"PAR1", b"code\n1\n"])
def test_what_is_no_parquet_is_refused(tmp_path: Path, content: bytes) -> None:
    """Contract: one line that names the file and what to do."""
    path = tmp_path / "a.parquet"
    path.write_bytes(content)
    with pytest.raises(InputError, match=r"a\.parquet: found a file that is no Parquet table .*save it as CSV"):
        read_parquet(path)


def test_a_crs_that_is_none_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Contract: GeoParquet whose CRS the library refuses is told in one line, as all that is broken in it."""
    placed = geopandas.GeoDataFrame({"n": [1]}, geometry=[shapely.Point(1, 2)], crs="EPSG:32618")
    placed.to_parquet(tmp_path / "a.parquet", index=False)
    monkeypatch.setattr(geopandas, "read_parquet", lambda _: CRS.from_user_input("EPSG:0"))
    with pytest.raises(InputError, match=r"a\.parquet: found a file that is no Parquet table"):
        read_parquet(tmp_path / "a.parquet")
