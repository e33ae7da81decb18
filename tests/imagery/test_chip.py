"""Chips: colours by hand, and a file that another program reads."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from PIL import Image

from imagery.chip import SCALE, false_colour, limits_of, write_chip


def test_colours_by_hand() -> None:
    """Literal: half of the stretch is half of the light, beyond it is full, missing is grey."""
    planes = [np.array([[0.5, 9.0, np.nan]])] * 3
    assert false_colour(planes, [(0.0, 1.0)] * 3)[0].tolist() == [[128] * 3, [255] * 3, [190] * 3]


def test_a_flat_band_has_a_stretch() -> None:
    """Law: one value, or none, divides by nothing."""
    assert limits_of([np.full((2, 2), np.nan)]) == [(0.0, 1.0)]
    assert false_colour([np.ones((1, 1))] * 3, [(1.0, 1.0)] * 3)[0, 0].tolist() == [0, 0, 0]


def test_views_stand_side_by_side(tmp_path: Path) -> None:
    """Independent program: Pillow reads the sheet; the views are apart, and equal input gives equal bytes."""
    red = np.zeros((9, 9, 3), dtype=np.uint8)
    red[..., 0] = 200
    write_chip(tmp_path / "a.png", {"2021": red, "2024": red[..., ::-1]}, (4, 4))
    write_chip(tmp_path / "b.png", {"2021": red, "2024": red[..., ::-1]}, (4, 4))
    assert (tmp_path / "a.png").read_bytes() == (tmp_path / "b.png").read_bytes()
    with Image.open(tmp_path / "a.png") as sheet:
        assert sheet.size == (2 * 9 * SCALE + 8, 9 * SCALE + 12)
        assert sheet.getpixel((2, 14)) == (200, 0, 0)
        assert sheet.getpixel((9 * SCALE + 10, 14)) == (0, 0, 200)
