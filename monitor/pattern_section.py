"""The table ``[hot_spots]`` of the survey file: where crop clusters."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from monitor.sections import Section

__all__ = ["HotSpotSection"]


class HotSpotSection(Section):
    """``[hot_spots]``: where crop clusters more than chance would have it."""

    neighbours: Literal["touching", "nearest"] = Field(
        default="touching", description="Units that share a border or corner, or the nearest ones by their centres"
    )
    k: int = Field(default=6, ge=1, le=50, description="How many are the nearest ones")
    permutations: int = Field(default=9999, ge=99, le=99999, description="Times the values are dealt out anew")
    false_discovery: float = Field(
        default=0.05, gt=0, lt=0.5, description="Share of false ones that is accepted among the units named"
    )
    cell_km: float = Field(
        default=1.0,
        gt=0,
        le=100,
        description="Side of the cells: the units of a map from images, and of the density",
    )
    bandwidth_km: float | None = Field(
        default=None, gt=0, le=500, description="Radius of the kernel density; no density without it"
    )
