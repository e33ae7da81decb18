"""The harms of the table, in its order. A new harm is a function of `Figures` that yields rows, listed here."""

from __future__ import annotations

from collections.abc import Iterator

from aoi.harm.result import HarmRow
from monitor.harms import border, carbon, deforestation, degradation, species, water_rows
from monitor.harms.figures import Chapter, Figures

__all__ = ["CHAPTERS", "harm_rows"]

CHAPTERS: dict[str, Chapter] = {
    "deforestation": deforestation.rows,
    "erosion": water_rows.erosion_rows,
    "degradation": degradation.rows,
    "species": species.rows,
    "contamination": water_rows.contamination_rows,
    "gases": carbon.rows,
}
"""Harm to the function that makes its rows; `monitor.steps.harm.COLLECTORS` may gather more for it from rasters."""


def harm_rows(figures: Figures) -> Iterator[HarmRow]:
    """Yield the rows of every harm, then those of the strips along a border."""
    for chapter in CHAPTERS.values():
        yield from chapter(figures)
    yield from border.rows(figures, CHAPTERS)
