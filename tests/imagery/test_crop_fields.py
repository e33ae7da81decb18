"""Fields of the map, on literal rasters."""

from __future__ import annotations

import numpy as np
import pytest

from imagery.crop_fields import FIELD_COLUMNS, crop_fields
from tests.imagery.world import grid


def test_fields_by_hand() -> None:
    """Literal: two fields joined by a corner are two; a lone cell is too small; means skip what is unknown."""
    cells = np.zeros((6, 6), dtype=bool)
    cells[0:2, 0:2] = cells[2:4, 2:5] = cells[5, 5] = True
    probability = np.full((6, 6), 80, dtype=np.uint8)
    probability[0, 0] = 255
    probability[2:4, 2:5] = [[50, 60, 70], [80, 90, 100]]
    found = crop_fields(
        cells,
        probability,
        np.full((6, 6), 20, dtype=np.uint8),
        grid(6, 6),
        crop="coca",
        period="2024",
        least_cells=2,
    )
    assert tuple(found.columns) == (*FIELD_COLUMNS, "geometry")
    assert found["cells"].tolist() == [4, 6]
    assert found["probability"].tolist() == [80.0, 75.0]
    assert found["uncertainty"].tolist() == [20.0, 20.0]
    assert found["area_ha"].tolist() == pytest.approx([0.04, 0.06], rel=0.01)
    assert found.geometry.area.tolist() == pytest.approx([400, 600])
    assert found["compactness"].iloc[0] == pytest.approx(np.pi / 4, abs=1e-3)
    assert found["field_id"].is_unique


def test_no_crop_no_field() -> None:
    """Law: a map without the crop gives a layer without rows and with its columns."""
    empty = np.zeros((4, 4), dtype=bool)
    layer = np.zeros((4, 4), dtype=np.uint8)
    found = crop_fields(empty, layer, layer, grid(4, 4), crop="coca", period="2024", least_cells=1)
    assert len(found) == 0
    assert tuple(found.columns) == (*FIELD_COLUMNS, "geometry")
