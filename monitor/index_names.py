"""The spectral indices that a survey file names, held against the program's table and the bands of its sensor."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from geo.errors import Problem

if TYPE_CHECKING:
    from monitor.context import Context

__all__ = ["index_mistakes"]


def index_mistakes(context: Context) -> Iterator[Problem]:
    """Yield what is wrong with the spectral indices that the survey asks for."""
    features = context.survey.features
    for key, names in (("indices", features.indices), ("season_indices", features.season_indices)):
        if names is not None:
            from imagery.spectral import index_problems

            yield from index_problems(names, context.sensor.common, where=f"[features] {key}")
