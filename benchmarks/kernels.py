"""The inner loops against what a practitioner would call, results held equal first.

    python -m benchmarks.kernels

Process time of one thread, the least of three turns taken in alternation, so that other work on the machine
counts as little as it can.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from datetime import date, timedelta

import geopandas
import lightgbm
import numpy as np
import shapely
from affine import Affine
from numpy.typing import NDArray

from geo.areas import cell_areas_ha
from geo.grid import GeoBox
from geo.zonal import class_areas_ha, zonal_sum
from imagery.composite import median, percentiles
from imagery.geomedian import geometric_median
from imagery.harmonic import harmonic_design, harmonic_fit
from imagery.phenology import season_of
from imagery.smoothing import pooled
from imagery.texture import local_mean_and_deviation
from imagery.trees import tree_bank
from tests.imagery import plain_kernels

CELLS, TURNS = 131_072, 3
PERCENTS = (10.0, 50.0, 90.0)


def main() -> None:
    """Print a line for each loop."""
    print("| loop | altdev s | peer s | peer / altdev | results |")
    print("|---|---|---|---|---|")
    for measure in (scores, harmonics, medians, quantiles, geometric_medians, seasons, textures, pools, hectares):
        print("| " + " | ".join(measure()) + " |", flush=True)


def race(ours: Callable[[], object], peer: Callable[[], object]) -> tuple[float, float]:
    """Return the least process time of each, taken in alternation."""
    best = [np.inf, np.inf]
    for _ in range(TURNS):
        for place, run in enumerate((ours, peer)):
            start = time.process_time()
            run()
            best[place] = min(best[place], time.process_time() - start)
    return float(best[0]), float(best[1])


def row(name: str, times: tuple[float, float], results: str) -> tuple[str, ...]:
    """Return a line of the table."""
    return name, f"{times[0]:.3f}", f"{times[1]:.2f}", f"{times[1] / times[0]:.1f}", results


def scores() -> tuple[str, ...]:
    """Score 131,072 cells with 640 trees over 60 features: LightGBM's own prediction is the peer."""
    rng = np.random.default_rng(1)
    planes = rng.normal(size=(60, CELLS)).astype(np.float32)
    taught = planes[:, :4000]
    code = (taught[:8] + rng.normal(0, 0.5, (8, 4000))).argmax(axis=0)
    settings = {
        "objective": "multiclass",
        "num_class": 8,
        "num_leaves": 15,
        "max_bin": 63,
        "verbose": -1,
        "num_threads": 1,
    }
    booster = lightgbm.train(
        {**settings, "verbose": -1}, lightgbm.Dataset(taught.T, code, params={"verbose": -1}), num_boost_round=80
    )
    bank, rows = tree_bank(booster.model_to_string()), np.ascontiguousarray(planes.T)
    expected = booster.predict(rows, raw_score=True, num_threads=1).T
    equal = np.array_equal(bank.scores(planes), expected)
    times = race(lambda: bank.scores(planes), lambda: booster.predict(rows, raw_score=True, num_threads=1))
    return row("scores of 640 trees, peer LightGBM", times, "equal to the bit" if equal else "DIFFERENT")


def harmonics() -> tuple[str, ...]:
    """Fit two yearly harmonics to 18 masked dates: batched numpy solution of the normal equations is the peer."""
    rng = np.random.default_rng(2)
    days = [date(2024, 1, 4) + timedelta(days=20 * number) for number in range(18)]
    design = harmonic_design(days, 2)
    series = rng.normal(3000, 900, (18, CELLS)).astype(np.float32)
    valid = rng.random(series.shape) < 0.6
    ours = harmonic_fit(series, valid, design)
    theirs = batched_fit(series, valid, design)
    known = ~np.isnan(ours).any(axis=0)
    worst = float(np.abs(ours[:, known] - theirs[:, known]).max() / np.abs(theirs[:, known]).max())
    times = race(lambda: harmonic_fit(series, valid, design), lambda: batched_fit(series, valid, design))
    return row("harmonics of 18 dates, peer numpy.linalg.solve", times, f"equal to {worst:.0e}")


def batched_fit(
    series: NDArray[np.float32], valid: NDArray[np.bool_], design: NDArray[np.float64]
) -> NDArray[np.float64]:
    """Fit every cell with einsum and a batched solution, as vectorised code would."""
    weight = valid.astype(np.float64)
    gram = np.einsum("ti,tj,tn->nij", design, design, weight, optimize=True)
    gram[:, range(1, 5), range(1, 5)] += 0.1
    gram[gram[:, 0, 0] == 0, 0, 0] = 1.0
    moment = np.einsum("ti,tn->ni", design, weight * series, optimize=True)
    return np.asarray(np.linalg.solve(gram, moment[..., None])[..., 0].T)


def medians() -> tuple[str, ...]:
    """Take the median of 18 masked dates: numpy.nanmedian is the peer."""
    rng = np.random.default_rng(3)
    values = rng.integers(0, 10_000, (18, CELLS)).astype(np.int16)
    valid = rng.random(values.shape) < 0.6

    def ours() -> NDArray[np.float32]:
        return median(values, valid)

    def peer() -> NDArray[np.float32]:
        return np.asarray(np.nanmedian(np.where(valid, values, np.float32(np.nan)), axis=0))

    equal = np.array_equal(ours(), peer(), equal_nan=True)
    return row("median of 18 dates, peer numpy.nanmedian", race(ours, peer), "equal" if equal else "DIFFERENT")


def quantiles() -> tuple[str, ...]:
    """Take three percentiles of 18 masked dates: numpy.nanpercentile is the peer, on a sixteenth of the cells."""
    rng = np.random.default_rng(4)
    values = rng.integers(0, 10_000, (18, CELLS)).astype(np.int16)
    valid = rng.random(values.shape) < 0.6
    few = slice(0, CELLS // 16)

    def peer() -> NDArray[np.float32]:
        seen = np.where(valid[:, few], values[:, few], np.float32(np.nan))
        return np.asarray(np.nanpercentile(seen, PERCENTS, axis=0), dtype=np.float32)

    ours = percentiles(values, valid, PERCENTS)[:, few]
    close = np.nanmax(np.abs(ours - peer())) <= 1e-2
    times = race(lambda: percentiles(values, valid, PERCENTS), peer)
    told = "equal to 0.01 of 10,000" if close else "DIFFERENT"
    return row("three percentiles of 18 dates, peer numpy.nanpercentile", (times[0], 16 * times[1]), told)


def geometric_medians() -> tuple[str, ...]:
    """Take the geometric median of 12 dates of six bands: the same steps in plain numpy are the peer."""
    rng = np.random.default_rng(5)
    values = rng.integers(0, 5000, (12, 6, CELLS // 8)).astype(np.int16)
    valid = rng.random((12, CELLS // 8)) < 0.7
    equal = np.array_equal(geometric_median(values, valid), plain_kernels.geometric_median(values, valid))
    times = race(lambda: geometric_median(values, valid), lambda: plain_kernels.geometric_median(values, valid))
    told = "equal to the bit" if equal else "DIFFERENT"
    return row("geometric median of 12 dates x 6 bands, an eighth of the cells, peer plain numpy", times, told)


def seasons() -> tuple[str, ...]:
    """Follow 48 points of a curve: plain numpy is the peer."""
    curve = np.random.default_rng(6).normal(size=(48, CELLS // 4)).cumsum(axis=0)
    ours, theirs = season_of(curve, 5), plain_kernels.season_of(curve, 5)
    equal = all(
        np.array_equal(getattr(ours, part), getattr(theirs, part), equal_nan=True)
        for part in ("start", "peak", "end", "amplitude", "integral")
    )
    times = race(lambda: season_of(curve, 5), lambda: plain_kernels.season_of(curve, 5))
    told = "equal to the bit" if equal else "DIFFERENT"
    return row("season of a curve, a quarter of the cells, peer plain numpy", times, told)


def textures() -> tuple[str, ...]:
    """Take mean and deviation in squares of seven cells: running sums in plain numpy are the peer."""
    image = np.random.default_rng(7).integers(0, 9000, (518, 262)).astype(np.float32)
    pairs = zip(local_mean_and_deviation(image, 3), plain_kernels.local_mean_and_deviation(image, 3), strict=True)
    equal = all(np.array_equal(ours, theirs) for ours, theirs in pairs)
    times = race(
        lambda: local_mean_and_deviation(image, 3), lambda: plain_kernels.local_mean_and_deviation(image, 3)
    )
    return row("texture in squares of 7, peer plain numpy", times, "equal to the bit" if equal else "DIFFERENT")


def pools() -> tuple[str, ...]:
    """Pool eight classes over 5 x 5 cells: plain numpy is the peer."""
    rng = np.random.default_rng(8)
    logs, seen = np.log(rng.random((8, 516, 260))), rng.random((516, 260)) < 0.9
    equal = np.array_equal(pooled(logs, seen, 0.7), plain_kernels.pooled(logs, seen, 0.7))
    times = race(lambda: pooled(logs, seen, 0.7), lambda: plain_kernels.pooled(logs, seen, 0.7))
    return row("pool of 8 classes, peer plain numpy", times, "equal to the bit" if equal else "DIFFERENT")


def hectares() -> tuple[str, ...]:
    """Measure eight classes in 2,000 fields: exactextract, once for each class, is the peer."""
    rng = np.random.default_rng(9)
    side, fields = 2048, 2000
    centre = rng.uniform(20, side - 20, (fields, 1, 2))
    angle = rng.uniform(0, np.pi, (fields, 1)) + np.arange(6) * np.pi / 3
    radius = rng.uniform(2.0, 15.0, (fields, 1))
    ring = 10 * (centre + radius[..., None] * np.stack([np.cos(angle), np.sin(angle)], axis=2))
    box = GeoBox((side, side), Affine(10, 0, 500_000, 0, -10, 10 * side), "EPSG:32618")
    zones = geopandas.GeoDataFrame(geometry=shapely.polygons(ring + np.array([500_000.0, 0.0])), crs="EPSG:32618")
    classes = rng.integers(0, 8, (side, side)).astype(np.uint8)
    cells = np.broadcast_to(cell_areas_ha(box), box.shape)

    def peer() -> NDArray[np.float64]:
        return np.column_stack([zonal_sum(np.where(classes == code, cells, 0.0), box, zones) for code in range(8)])

    ours, theirs = class_areas_ha(classes, box, zones, tuple(range(8))), peer()
    worst = float(np.abs(ours - theirs).max())
    times = race(lambda: class_areas_ha(classes, box, zones, tuple(range(8))), peer)
    return row("8 classes in 2,000 fields, peer exactextract", times, f"equal to {worst:.0e} ha")


if __name__ == "__main__":
    main()
