"""How long do estimates of a large survey take? Against what a practitioner writes, equal results first.

Two jobs: a million sample units in 200 domains by the estimator of table mode, against a pandas loop over domains;
and 10,000 bootstrap replicates of 5,000 segments in ten strata, against a loop over replicates (fewer, scaled up).

    python -m benchmarks.survey_speed
"""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import TypeVar

import numpy as np
import pandas as pd

from aoi.survey.cluster import ClusterDesign, stratified_random
from aoi.survey.replicate import bootstrap_totals
from aoi.survey.table import estimate_table

UNITS, DOMAINS, STRATA = 1_000_000, 200, 8
SEGMENTS, GROUPS, REPLICATES, LOOPED = 5_000, 10, 10_000, 200
EQUAL = 1e-9

Result = TypeVar("Result")


def main() -> None:
    """Print both jobs as a table."""
    print("| job | altdev s | peer s | peer / altdev | results |")
    print("|---|---|---|---|---|")
    print(_domains())
    print(_bootstrap())


def _timed(work: Callable[[], Result]) -> tuple[Result, float]:
    start = time.perf_counter()
    result = work()
    return result, time.perf_counter() - start


def _domains() -> str:
    rng = np.random.default_rng(1)
    stratum = rng.integers(0, STRATA, UNITS)
    crop = rng.random(UNITS) < 0.02 * (1 + stratum)
    sample = pd.DataFrame(
        {
            "stratum": np.char.add("s", stratum.astype(str)),
            "map": np.where(rng.random(UNITS) < 0.9, np.where(crop, "coca", "other"), "other"),
            "reference": np.where(crop, "coca", "other"),
            "district": np.char.add("d", rng.integers(0, DOMAINS, UNITS).astype(str)),
        }
    )
    strata = pd.DataFrame({"stratum": [f"s{code}" for code in range(STRATA)], "size": 10_000_000})
    ours, seconds = _timed(lambda: estimate_table(sample, strata, domain="district", unit_area_ha=0.01))
    theirs, peer = _timed(lambda: _loop_over_domains(sample))
    found = {
        (area.domain, area.name): (area.estimate.value, area.estimate.se)
        for area in ours.areas
        if area.domain is not None
    }
    worst = max(
        abs(found[key][place] / theirs[key][place] - 1) for key in theirs for place in (0, 1) if theirs[key][place]
    )
    assert worst < EQUAL, worst
    job = f"{UNITS:,} units, {DOMAINS} domains, 2 classes, with intervals"
    told = f"equal to {worst:.0e} (peer has no intervals)"
    return f"| {job} | {seconds:.1f} | {peer:.1f} | {peer / seconds:.1f} | {told} |"


def _loop_over_domains(sample: pd.DataFrame) -> dict[tuple[str, str], tuple[float, float]]:
    """Return value and standard error by zero extension, one domain and class at a time."""
    size, unit_ha, results = 10_000_000, 0.01, {}
    counts = sample.groupby("stratum").size()
    for district in sample["district"].unique():
        for name in ("coca", "other"):
            member = (sample["district"] == district) & (sample["reference"] == name)
            share = member.groupby(sample["stratum"]).sum() / counts
            variance = (1 - counts / size) * share * (1 - share) / (counts - 1)
            value, se = size * unit_ha * share.sum(), size * unit_ha * float(np.sqrt(variance.sum()))
            results[district, name] = (float(value), se)
    return results


def _bootstrap() -> str:
    rng = np.random.default_rng(2)
    group = np.repeat(np.arange(GROUPS), SEGMENTS // GROUPS)
    crop_ha = rng.gamma(0.2, 10.0, SEGMENTS)
    population = np.full(SEGMENTS, 10.0 * SEGMENTS / GROUPS)
    design = stratified_random(group, population)
    ours, seconds = _timed(
        lambda: bootstrap_totals(design, crop_ha, replicates=REPLICATES, rng=np.random.default_rng(3))
    )
    theirs, some = _timed(lambda: _loop_over_replicates(design, group, crop_ha))
    peer = some * REPLICATES / LOOPED
    ratio = float(np.std(ours[:, 0], ddof=1) / np.std(theirs, ddof=1))
    slack = 4 / np.sqrt(2 * LOOPED)
    assert abs(ratio - 1) < slack, ratio
    job = f"{REPLICATES:,} replicates, {SEGMENTS:,} segments"
    return (
        f"| {job} | {seconds:.1f} | {peer:.1f} (from {LOOPED}) | {peer / seconds:.1f} "
        f"| standard errors in a ratio of {ratio:.2f}, chance allows {1 - slack:.2f}-{1 + slack:.2f} |"
    )


def _loop_over_replicates(design: ClusterDesign, group: np.ndarray, crop_ha: np.ndarray) -> np.ndarray:
    """Return rescaled bootstrap totals (Rao and Wu 1988), one stratum of one replicate at a time."""
    rng, totals = np.random.default_rng(4), np.zeros(LOOPED)
    for place in range(LOOPED):
        for one in range(GROUPS):
            rows = np.nonzero(group == one)[0]
            n = rows.size
            drawn = rng.choice(rows, n - 1)
            moving = np.sqrt(1 - 1 / design.weight[rows[0]])
            mean, again = crop_ha[rows].mean(), crop_ha[drawn].mean()
            totals[place] += n * design.weight[rows[0]] * (mean + moving * (again - mean))
    return totals


if __name__ == "__main__":
    main()
