"""Places with fields for tests of disclosure control: small, random by seed, and known in every part."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from maps.disclosure.contribution import atoms_of, patches, split_key
from maps.disclosure.pattern import Places
from maps.disclosure.tier import Tier

SIDE = 320
"""Raster cells on a side, of 100 m: 32 km."""
YEARS = ("2021", "2024")


def places(
    seed: int = 0,
    *,
    density: Mapping[str, NDArray[np.float64]] | None = None,
    years: Sequence[str] = YEARS,
    layer: Tier = Tier.PUBLIC,
) -> Places:
    """Return 32 x 32 km with 16 units that no cell follows, one layer, and random fields of a cell or more."""
    rng = np.random.default_rng(seed)
    rows, cols = np.mgrid[0:SIDE, 0:SIDE]
    unit = 1 + 4 * (rows // 80) + ((cols + rows // 4) % SIDE) // 80
    zone = ((rows - 150) ** 2 + (cols - 120) ** 2 < 70**2).astype(np.int64)
    area = np.full((SIDE, 1), 1.0)
    x = 305_050.0 + 100.0 * np.arange(SIDE)
    y = 1_003_950.0 - 100.0 * np.arange(SIDE)
    atoms = atoms_of(unit, zone, area, (split_key(x, 1000.0), split_key(y, 1000.0)))
    found = []
    for year in years:
        chance = default_density(year) if density is None else density[year]
        crop = rng.random((SIDE, SIDE)) < chance
        found.append(patches(crop, atoms.of_cell, area).assign(crop="coca", period=year))
    return Places(
        atoms=atoms.table,
        patches=pd.concat(found, ignore_index=True)[["crop", "period", "patch", "atom", "area_ha"]],
        units=tuple(f"{code:02d}" for code in range(1, 17)),
        layers={"ad": layer},
        base_km=1,
        grid="EPSG:32618",
        boundaries="0" * 64,
        series=tuple(("coca", year) for year in years),
    )


def default_density(year: str) -> NDArray[np.float64]:
    """Return the chance of crop in each cell: dense in the middle, next to nothing at the rim."""
    rows, cols = np.mgrid[0:SIDE, 0:SIDE]
    shift = 0 if year == "2021" else 15
    return 0.03 * np.exp(-((rows - 150 - shift) ** 2 + (cols - 170) ** 2) / (2 * 60.0**2)) + 2e-5
