"""How the cost of mapping grows: with cells, dates, classes, trees, fields and threads, one of them at a time.

Processor seconds of one thread on invented observations in memory (seconds of the clock for threads), the least of
several turns. Prints a table and draws ``docs/images/growth.svg``.

    python -m benchmarks.growth [--turns 3] [--draw docs/images/growth.svg]
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import date, timedelta
from pathlib import Path

import numpy as np
import shapely

from geo.coverage import covered_sums
from imagery.classifier import BoostSettings, fit_classifier
from imagery.features import FeatureSpec, cell_features
from imagery.stack import Series
from imagery.trees import TreeBank, tree_bank

BANDS = ("blue", "green", "red", "nir", "swir16", "swir22")
INDICES = ("NDVI", "NDMI", "NBR")
SPEC = FeatureSpec(windows=("all",), bands=BANDS, composite_indices=INDICES, season=INDICES)
FIRST, YEAR = date(2024, 1, 1), timedelta(days=364)
SPANS = {"all": (FIRST, FIRST + YEAR)}
CELLS, DATES, CLASSES, ROUNDS = 65_536, 12, 6, 40
PANEL_W, PANEL_H, MARGIN = 300, 200, 46


def main() -> None:
    """Measure, print and draw."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--turns", type=int, default=3)
    parser.add_argument("--draw", type=Path, default=Path("docs/images/growth.svg"))
    arguments = parser.parse_args()
    models = {(CLASSES, ROUNDS): _model(CLASSES, ROUNDS)}

    def model(classes: int, rounds: int) -> TreeBank:
        if (classes, rounds) not in models:
            models[classes, rounds] = _model(classes, rounds)
        return models[classes, rounds]

    usual = model(CLASSES, ROUNDS)
    studies: dict[str, tuple[str, Sequence[int], Callable[[int], Callable[[], object]], bool]] = {
        "cells": ("cells", (16_384, 32_768, 65_536, 131_072, 262_144), lambda n: _mapping(n, DATES, usual), False),
        "dates": ("dates", (6, 12, 24, 48), lambda n: _mapping(CELLS, n, usual), False),
        "classes": ("classes", (2, 4, 8, 16), lambda n: _scoring(model(n, ROUNDS)), False),
        "trees": ("boosting rounds", (10, 20, 40, 80), lambda n: _scoring(model(CLASSES, n)), False),
        "fields": ("fields", (1000, 2000, 4000, 8000, 16_000), _hectares, False),
        "threads": ("threads", (1, 2), lambda n: _threads(n, usual), True),
    }
    panels = []
    print("| what grows | from | to | seconds from | seconds to | times the size | times the cost |")
    print("|---|---|---|---|---|---|---|")
    for name, (label, sizes, work, clock) in studies.items():
        seconds = [_least(work(size), arguments.turns, clock=clock) for size in sizes]
        panels.append((label, sizes, seconds, clock))
        grown, cost = sizes[-1] / sizes[0], seconds[-1] / seconds[0]
        cells = [f"{sizes[0]:,}", f"{sizes[-1]:,}", f"{seconds[0]:.3f}", f"{seconds[-1]:.3f}", f"{grown:g}"]
        print("| " + " | ".join([name, *cells, f"{cost:.2f}"]) + " |", flush=True)
    arguments.draw.write_text(drawn(panels), encoding="utf-8")


def _least(work: Callable[[], object], turns: int, *, clock: bool) -> float:
    now = time.perf_counter if clock else time.process_time
    work()
    best = np.inf
    for _ in range(turns):
        start = now()
        work()
        best = min(best, now() - start)
    return float(best)


def _series(cells: int, dates: int) -> Series:
    rng = np.random.default_rng(dates)
    days = tuple(FIRST + number * YEAR / max(dates - 1, 1) for number in range(dates))
    values = rng.integers(0, 6000, (dates, len(BANDS), cells)).astype(np.int16)
    valid = rng.random((dates, cells)) < 0.7
    return Series(days=days, bands=BANDS, values=values, valid=valid, quantum=1e-4)


def _model(classes: int, rounds: int) -> TreeBank:
    rng = np.random.default_rng(classes)
    planes = cell_features(_series(2000, DATES), SPEC, SPANS)
    code = (planes[:classes] + rng.normal(0, 500, (classes, 2000))).argmax(axis=0) + 1
    names = [f"f{number}" for number in range(len(planes))]
    return tree_bank(fit_classifier(planes, code, names, BoostSettings(trees=rounds, leaves=31)).text)


def _mapping(cells: int, dates: int, bank: TreeBank) -> Callable[[], object]:
    series = _series(cells, dates)
    return lambda: bank.scores(cell_features(series, SPEC, SPANS))


def _scoring(bank: TreeBank) -> Callable[[], object]:
    planes = cell_features(_series(CELLS, DATES), SPEC, SPANS)
    return lambda: bank.scores(planes)


def _hectares(fields: int) -> Callable[[], object]:
    rng = np.random.default_rng(1)
    side = 2048
    centre = rng.uniform(10, side - 10, (fields, 1, 2))
    angle = rng.uniform(0, np.pi, (fields, 1)) + np.arange(6) * np.pi / 3
    radius = rng.uniform(1.5, 12, (fields, 1))
    ring = centre + radius[..., None] * np.stack([np.cos(angle), np.sin(angle)], axis=2)
    polygons = shapely.polygons(ring)
    classes = rng.integers(0, 8, (side, side)).astype(np.uint8)
    weight = np.full((side, 1), 0.01)
    return lambda: covered_sums(polygons, classes, weight, 8)


def _threads(threads: int, bank: TreeBank) -> Callable[[], object]:
    parts = [_series(CELLS // 2, DATES) for _ in range(4)]

    def work() -> None:
        with ThreadPoolExecutor(threads) as pool:
            list(pool.map(lambda part: bank.scores(cell_features(part, SPEC, SPANS)), parts))

    return work


def drawn(panels: Sequence[tuple[str, Sequence[int], Sequence[float], bool]]) -> str:
    """Return small diagrams beside each other as SVG; the dashed line is a cost in proportion to the size."""
    columns = min(3, len(panels))
    rows = -(-len(panels) // columns)
    width, height = columns * PANEL_W, rows * PANEL_H
    size = f'viewBox="0 0 {width} {height}" width="{width}" height="{height}"'
    words = 'font-family="sans-serif" font-size="11" role="img" aria-label="Growth of cost"'
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" {size} {words}>',
        f'<rect width="{width}" height="{height}" fill="#ffffff"/>',
    ]
    for number, panel in enumerate(panels):
        parts.append(_panel(number % columns * PANEL_W, number // columns * PANEL_H, *panel))
    return "\n".join([*parts, "</svg>"]) + "\n"


def _panel(left: int, top: int, label: str, sizes: Sequence[int], seconds: Sequence[float], clock: bool) -> str:
    wide, high = PANEL_W - MARGIN - 14, PANEL_H - MARGIN - 26
    most = max(seconds) * 1.1

    def at(size: float, second: float) -> str:
        return f"{left + MARGIN + wide * size / max(sizes):.1f},{top + 16 + high * (1 - second / most):.1f}"

    zero, end = at(0, 0), at(max(sizes), 0)
    # Threads share one piece of work: in proportion means half the time with twice as many
    shares = [seconds[0] * sizes[0] / size if clock else seconds[-1] * size / sizes[-1] for size in sizes]
    line = " ".join(at(size, second) for size, second in zip(sizes, seconds, strict=True))
    dashed = " ".join(at(size, second) for size, second in zip(sizes, shares, strict=True))
    points = [point.split(",") for point in line.split()]
    marks = "".join(f'<circle cx="{x}" cy="{y}" r="3" fill="#0b6e4f"/>' for x, y in points)
    unit = "seconds" if clock else "CPU seconds"
    across, down = zero.split(",")
    return "\n".join(
        [
            f'<polyline points="{at(0, most)} {zero} {end}" fill="none" stroke="#444444"/>',
            f'<polyline points="{dashed}" fill="none" stroke="#999999" stroke-dasharray="4 3"/>',
            f'<polyline points="{line}" fill="none" stroke="#0b6e4f" stroke-width="1.5"/>',
            marks,
            f'<text x="{across}" y="{top + 12}">{unit} by {label}</text>',
            f'<text x="{float(across) - 6}" y="{top + 26}" text-anchor="end">{most:.2g}</text>',
            f'<text x="{float(across) - 6}" y="{down}" text-anchor="end">0</text>',
            f'<text x="{end.split(",")[0]}" y="{float(down) + 15:.1f}" text-anchor="end">{max(sizes):,}</text>',
        ]
    )


if __name__ == "__main__":
    main()
