"""Shapes that a run keeps, since figures are made of them: it is verified without its inputs.

All of them are tier 0, as the folder is. GeoParquet holds every digit of an outline.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import geopandas

from geo.files import atomic

__all__ = ["APPLIED", "OPERATIONS", "UNITS", "read_shapes", "write_shapes"]

UNITS = "frame/units.parquet"
"""Administrative units: code, name."""
OPERATIONS = "overlay/operations.parquet"
"""Operations of the programme that have a polygon: event_id."""
APPLIED = "estimates/operations.parquet"
"""Operations of the corrections ledger: day, method, verified."""


def write_shapes(shapes: Any, out: Path, name: str) -> None:
    """Write shapes to a run folder, or to the one that a step writes to."""
    with atomic(out / name) as part:
        shapes.reset_index(drop=True).to_parquet(part, index=False, schema_version="1.1.0", compression="zstd")


def read_shapes(out: Path, name: str) -> geopandas.GeoDataFrame:
    """Return the shapes of a run folder."""
    return geopandas.read_parquet(out / name)
