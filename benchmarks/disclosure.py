"""How long the decision on disclosure takes: 200 x 200 km, 100 units, one layer, two years.

python benchmarks/disclosure.py
"""

from __future__ import annotations

import time

import numpy as np
import pandas as pd

from maps.disclosure.contribution import atoms_of, patches, split_key
from maps.disclosure.pattern import Decision, Places, decide
from maps.disclosure.policy import tier_rules
from maps.disclosure.tier import Tier

SIDE = 2000  # raster cells of 100 m
YEARS = {"2021": 1.0, "2024": 0.9}


def main() -> None:
    """Print the processor time of each part, and what was decided."""
    rng = np.random.default_rng(1)
    rows, cols = np.mgrid[0:SIDE, 0:SIDE]
    area = np.full((SIDE, 1), 1.0)
    begin = time.process_time()
    atoms = atoms_of(
        1 + 10 * (rows // 200) + ((cols + rows // 5) % SIDE) // 200,
        ((rows - 900) ** 2 + (cols - 900) ** 2 < 500**2).astype(np.int64),
        area,
        (
            split_key(300_050.0 + 100.0 * np.arange(SIDE), 1000.0),
            split_key(1_199_950.0 - 100.0 * np.arange(SIDE), 1000.0),
        ),
    )
    density = 0.02 * np.exp(-((rows - 900) ** 2 + (cols - 1000) ** 2) / (2 * 350.0**2)) + 2e-5
    found = pd.concat(
        [
            patches(rng.random((SIDE, SIDE)) < density * share, atoms.of_cell, area).assign(
                crop="coca", period=year
            )
            for year, share in YEARS.items()
        ]
    )
    gathered = time.process_time()
    places = Places(
        atoms=atoms.table,
        patches=found,
        units=tuple(f"{code:03d}" for code in range(1, 101)),
        layers={"ad": Tier.PUBLIC},
        base_km=1,
        grid="EPSG:32618",
        boundaries="",
        series=tuple(("coca", year) for year in YEARS),
    )
    decisions = decide(places, {tier: tier_rules(tier) for tier in (Tier.PROGRAMME, Tier.PUBLIC)})
    print(f"{len(atoms.table)} atoms, {len(found)} patches in atoms, found in {gathered - begin:.1f} s")
    print(f"decided in {time.process_time() - gathered:.1f} s of processor time")
    for tier, decision in decisions.items():
        told = list(decision.states.values()) if isinstance(decision, Decision) else [str(decision)]
        print(f"tier {int(tier)}: {len(told)} places, {told.count('shown')} shown")


if __name__ == "__main__":
    main()
