"""When the satellite passes in a period, and what weather and swath it meets."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date

import numpy as np

from imagery.simulate.landscape import Landscape
from imagery.simulate.noise import stream

__all__ = ["Pass", "image_dates", "passes_of"]

_STREAM = 42
_CONCENTRATION = 0.9  # of the Beta distribution of daily cloud: many days nearly clear or nearly closed


@dataclass(frozen=True, slots=True, kw_only=True)
class Pass:
    """What one pass meets."""

    cloud: float
    """Share of the ground under cloud."""
    cut: bool
    """Whether the edge of the swath cuts the tile."""


def image_dates(landscape: Landscape, period: str) -> tuple[date, ...]:
    """Return the days on which a period is imaged, spread over the calendar that matters.

    Parameters
    ----------
    landscape
        The landscape.
    period
        Name of the period.
    """
    scenario, year = landscape.scenario, landscape.period(period).year
    first, last = (date.fromisoformat(f"{year}-{day}") for day in scenario.image_days)
    if first > last:
        first = first.replace(year=year - 1)
    step = (last - first).days / (scenario.images - 1)
    shake = stream(landscape.seed, _STREAM, year).integers(-int(step // 3), int(step // 3) + 1, scenario.images)
    shake[[0, -1]] = 0
    days = np.round(np.arange(scenario.images) * step).astype(int) + shake
    return tuple(date.fromordinal(first.toordinal() + int(day)) for day in days)


def passes_of(landscape: Landscape, period: str) -> Mapping[date, Pass]:
    """Return the passes of a period by day.

    The days' cloud is a permutation of the quantiles of a Beta distribution, so that its mean is the region's
    in every year; a fixed share of the days, at least one, is cut by the edge of the swath.
    """
    weather, days = landscape.scenario.weather, image_dates(landscape, period)
    rng = stream(landscape.seed, _STREAM, landscape.period(period).year, 1)
    shape = _CONCENTRATION * weather.cloud, _CONCENTRATION * (1 - weather.cloud)
    drawn = np.sort(rng.beta(*shape, 4000))
    cloud = rng.permutation(drawn[((np.arange(len(days)) + 0.5) / len(days) * 4000).astype(int)])
    cut = set(rng.permutation(len(days))[: max(1, round(weather.edge_share * len(days)))].tolist())
    return {
        day: Pass(cloud=float(share), cut=index in cut)
        for index, (day, share) in enumerate(zip(days, cloud, strict=True))
    }
