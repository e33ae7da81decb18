"""The inner loops against what a practitioner would call, results held equal first.

    python -m benchmarks.kernels

Process time of one thread, the least of five turns taken in alternation, so that other work on the machine
counts as little as it can.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from datetime import date, timedelta

import lightgbm
import numpy as np
from numpy.typing import NDArray

from imagery.composite import median
from imagery.harmonic import harmonic_design, harmonic_fit
from imagery.trees import tree_bank

CELLS, TURNS = 131_072, 5


def main() -> None:
    """Print a line for each loop."""
    print("| loop | altdev s | peer s | peer / altdev | results |")
    print("|---|---|---|---|---|")
    for row in (scores(), harmonics(), medians()):
        print("| " + " | ".join(row) + " |")


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


if __name__ == "__main__":
    main()
