"""What the program prints tells no place: logs are sent about, and kept by others."""

from __future__ import annotations

import re
from itertools import pairwise
from pathlib import Path

import geopandas
import pytest

from tests.monitor.conftest import LOG

NUMBER = re.compile(r"-?\d[\d,]*(?:\.\d+)?")


def places_in(text: str, layer: geopandas.GeoDataFrame) -> list[str]:
    """Return lines with two neighbouring numbers that lie in a layer's bounds, in its own CRS or in degrees."""
    boxes = [layer.total_bounds, layer.to_crs(4326).total_bounds]
    found = []
    for line in text.splitlines():
        numbers = [float(word.replace(",", "")) for word in NUMBER.findall(line)]
        for x, y in pairwise(numbers):
            for west, south, east, north in boxes:
                if (west <= x <= east and south <= y <= north) or (west <= y <= east and south <= x <= north):
                    found.append(line)
    return found


def test_a_log_tells_no_place(finished_run: Path) -> None:
    """Law: no two neighbouring numbers of a whole run's log, told in full, are a point of the frame."""
    log = (finished_run.parent.parent / LOG).read_text()
    assert len(log.splitlines()) > 40
    assert places_in(log, geopandas.read_file(finished_run.parent / "inputs" / "admin.gpkg")) == []


@pytest.mark.parametrize("degrees", [False, True])
def test_the_search_finds_one(finished_run: Path, degrees: bool) -> None:
    """Negative control: a point of the frame in a line of the log is found, whatever its units and commas."""
    layer = geopandas.read_file(finished_run.parent / "inputs" / "admin.gpkg")
    point = (layer.to_crs(4326) if degrees else layer).geometry.iloc[0].representative_point()
    form = "unit at ({:.5f}, {:.5f})" if degrees else "unit at {:,.1f} {:,.1f}"
    assert places_in(form.format(point.x, point.y), layer)
