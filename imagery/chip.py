"""Chips: the same ground before and after, side by side, for people who interpret it. Never the map."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from io import BytesIO
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw

from geo.files import atomic

__all__ = ["false_colour", "write_chip"]

SCALE = 4
"""Screen pixels of a cell."""
_GAP = 8
_NOT_SEEN = (190, 190, 190)
_PERCENTS = (2.0, 98.0)


def false_colour(bands: Sequence[NDArray[np.floating]], limits: Sequence[tuple[float, float]]) -> NDArray[np.uint8]:
    """Return three bands as red, green and blue; grey where they are missing.

    Parameters
    ----------
    bands
        Three planes, shape (h, w); NaN is not seen.
    limits
        Value shown black and value shown full, for each band.

    Examples
    --------
    >>> plane = np.array([[0.0, 1.0, np.nan]])
    >>> false_colour([plane] * 3, [(0.0, 1.0)] * 3)[0].tolist()
    [[0, 0, 0], [255, 255, 255], [190, 190, 190]]
    """
    stacked = np.stack(list(bands)).astype(np.float64)
    low, high = (np.array([pair[end] for pair in limits])[:, None, None] for end in (0, 1))
    shown = np.clip((stacked - low) / np.where(high > low, high - low, 1.0), 0, 1)
    image = np.rint(np.nan_to_num(shown) * 255).astype(np.uint8).transpose(1, 2, 0)
    image[np.isnan(stacked).any(axis=0)] = _NOT_SEEN
    return np.ascontiguousarray(image)


def limits_of(bands: Sequence[NDArray[np.floating]]) -> list[tuple[float, float]]:
    """Return the values that a stretch runs between: the 2nd and 98th percentile of each band."""
    pairs = []
    for band in bands:
        known = band[~np.isnan(band)]
        low, high = np.percentile(known, _PERCENTS) if known.size else (0.0, 1.0)
        pairs.append((float(low), float(high)))
    return pairs


def write_chip(path: Path, views: Mapping[str, NDArray[np.uint8]], centre: tuple[int, int]) -> None:
    """Write views of one place side by side, each with its title and a mark around the unit.

    Parameters
    ----------
    path
        PNG to write.
    views
        Title to image, shape (h, w, 3), all of one size.
    centre
        Row and column of the unit within the views.
    """
    height, width = next(iter(views.values())).shape[:2]
    title = 12
    sheet = Image.new("RGB", (len(views) * (width * SCALE + _GAP) - _GAP, height * SCALE + title), "white")
    pen = ImageDraw.Draw(sheet)
    for number, (name, view) in enumerate(views.items()):
        left = number * (width * SCALE + _GAP)
        large = Image.fromarray(view).resize((width * SCALE, height * SCALE), Image.Resampling.NEAREST)
        sheet.paste(large, (left, title))
        pen.text((left + 2, 0), name, fill="black")
        row, col = centre
        corner = (left + col * SCALE - 1, title + row * SCALE - 1)
        pen.rectangle((*corner, corner[0] + SCALE + 1, corner[1] + SCALE + 1), outline="white")
    stream = BytesIO()
    sheet.save(stream, format="PNG", optimize=False)
    path.parent.mkdir(parents=True, exist_ok=True)
    with atomic(path) as part:
        part.write_bytes(stream.getvalue())
