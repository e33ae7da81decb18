"""Rows of the spatial pattern: pure functions of densities and neighbours, so that a run can be made again."""

from __future__ import annotations

import zlib
from dataclasses import asdict
from pathlib import Path

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from aoi.hot_spot import global_pattern, local_pattern
from monitor.tables import read_csv, unstamped

__all__ = ["HOT_SPOT_COLUMNS", "pattern_tables", "read_pairs", "recomputed_pattern"]

HOT_SPOT_COLUMNS = (
    "neighbours", "local_moran", "moran_p", "moran_q", "cluster", "getis_z", "getis_p", "getis_q", "hot_spot",
)  # fmt: skip


def pattern_tables(
    density: pd.DataFrame,
    pairs: NDArray[np.int64],
    *,
    permutations: int,
    level: float,
    seed: int,
) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Return ``hot_spots.csv`` and ``spatial_pattern.csv``.

    Parameters
    ----------
    density
        crop, period, domain, domain_name, density_ha_km2 and what they are; every crop has the same units.
    pairs
        (unit, neighbour), by place among the units of a crop.
    permutations, level
        How often values are dealt out, and the accepted share of false discoveries.
    seed
        Of the survey.
    """
    local, whole = [], []
    for crop, rows in density.groupby("crop", sort=False):
        values = rows["density_ha_km2"].to_numpy(dtype=float)
        rng = np.random.default_rng(np.random.SeedSequence([seed, zlib.crc32(f"hot spots of {crop}".encode())]))
        for statistic in global_pattern(values, pairs, permutations=permutations, rng=rng):
            told = {"crop": crop, "period": rows["period"].iloc[0], **asdict(statistic)}
            whole.append(told | {"units": len(rows), "false_discovery": level})
        found = local_pattern(values, pairs, permutations=permutations, level=level, rng=rng)
        local.append(rows.assign(**{name: getattr(found, name) for name in HOT_SPOT_COLUMNS}))
    return pd.concat(local, ignore_index=True), pd.DataFrame(whole)


def read_pairs(table: pd.DataFrame, domains: list[str]) -> NDArray[np.int64]:
    """Return pairs of neighbours by place from their codes."""
    place = pd.Index(domains)
    pairs = np.column_stack([place.get_indexer(table[name]) for name in ("domain", "neighbour")])
    return np.asarray(pairs, dtype=np.int64)


def recomputed_pattern(folder: Path, seed: int) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Return both tables made again from the densities and neighbours in a run folder."""
    published, whole = read_csv(folder / "hot_spots.csv"), read_csv(folder / "spatial_pattern.csv")
    density = published.drop(columns=list(HOT_SPOT_COLUMNS))
    first = published[published["crop"] == published["crop"].iloc[0]]
    neighbours = unstamped(pd.read_csv(folder / "hot_spot_neighbours.csv", dtype=str))
    return pattern_tables(
        density,
        read_pairs(neighbours, first["domain"].tolist()),
        permutations=int(whole["permutations"].iloc[0]),
        level=float(whole["false_discovery"].iloc[0]),
        seed=seed,
    )
