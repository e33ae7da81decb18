"""A plan of a whole country from the measured cost of a block: cores, hours, bytes, storage, money, and schedules.

    python -m benchmarks.scale                                  print the plan, as docs/scale.md shows it
    python -m benchmarks.scale --parameters FILE                with other parameters
    python -m benchmarks.scale measure FOLDER [blocks a side, 2] [workers, 0]
                                                                measure blocks anew (some minutes of one core)

Nothing is measured when the plan is printed: the costs of blocks stand in `benchmarks/results/block_costs.json`,
the parameters with their sources in `benchmarks/scale.toml`. The schedule is simulated with block times drawn from
the measured ones, taken one after the other in this process, or by so many workers at once on this machine.
"""

from __future__ import annotations

import heapq
import json
import math
import os
import platform
import sys
import tempfile
import time
import tomllib
from collections import Counter, deque
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from geo.blocks import BLOCK_SIZE, Block, blocks, part_of
from geo.cog import CogWriter, RasterStyle
from geo.journal import BlockJournal
from geo.raster import OpenRasters
from geo.runner import BlockWork, Runner

__all__ = ["Costs", "Schedule", "machine", "main", "plan_lines", "simulated"]

COSTS = Path(__file__).parent / "results" / "block_costs.json"
PARAMETERS = Path(__file__).parent / "scale.toml"
WORKERS = (10, 30, 100, 300, 1000, 3000, 10_000)
PARTS = 32
"""Runs side by side in the second table: one for each department of Colombia."""
HOUR = 3600.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Costs:
    """What one block of 512 x 512 cells costs, measured."""

    dates: int
    """Dates that it was measured with."""
    worker_s: tuple[float, ...]
    """Seconds of one core for composites and map of each block measured."""
    command_s: float
    """Seconds of one core of the command for each block: taking it from the journal, writing it into rasters."""
    packed_mb: float
    """Megabytes of the rasters of a block, compressed."""
    journal_mb: float
    """Megabytes of its file in the journal."""
    machine: str

    @classmethod
    def read(cls, path: Path = COSTS) -> Costs:
        """Return the costs that were measured last."""
        content = json.loads(path.read_text(encoding="utf-8"))
        return cls(**content | {"worker_s": tuple(content["worker_s"])})


@dataclass(frozen=True, slots=True, kw_only=True)
class Schedule:
    """How a schedule ended."""

    hours: float
    """Until the last block was laid."""
    busy_share: float
    """Share of the workers' time that went into blocks that counted."""
    lost: int
    """Blocks that died with their worker and were made again."""


def simulated(
    block_s: NDArray[np.float64],
    workers: int,
    *,
    command_s: float,
    dispatch_s: float,
    dies_per_hour: float,
    returns_after_s: float,
    rng: np.random.Generator,
) -> Schedule:
    """Simulate the blocks of one run: one scheduler, one command that lays the blocks, workers that die.

    Parameters
    ----------
    block_s
        Seconds that each block takes a worker.
    workers
        Workers of one thread.
    command_s
        Seconds that the command takes for each block; it takes them one after the other.
    dispatch_s
        Seconds between two tasks that the scheduler gives out.
    dies_per_hour
        Rate at which a worker dies; its block is made again from the start.
    returns_after_s
        Until another takes the place of a dead one.
    rng
        Draws the deaths.
    """
    free = [(0.0, number) for number in range(workers)]
    heapq.heapify(free)
    todo = deque(block_s.tolist())
    ended, given, lost, spent = [], 0.0, 0, 0.0
    while todo:
        seconds = todo.popleft()
        moment, number = heapq.heappop(free)
        given = max(given + dispatch_s, moment)
        life = float(rng.exponential(HOUR / dies_per_hour)) if dies_per_hour else math.inf
        if life < seconds:
            lost += 1
            todo.append(seconds)
            heapq.heappush(free, (given + life + returns_after_s, number))
            continue
        spent += seconds
        ended.append(given + seconds)
        heapq.heappush(free, (given + seconds, number))
    laid = 0.0
    for moment in sorted(ended):
        laid = max(laid, moment) + command_s
    return Schedule(hours=laid / HOUR, busy_share=spent / (laid * workers), lost=lost)


def machine() -> str:
    """Return the number of processors that this process may use, and their kind."""
    cpus = len(os.sched_getaffinity(0))
    info = Path("/proc/cpuinfo").read_text().splitlines() if Path("/proc/cpuinfo").is_file() else []
    models = [line.split(":", 1)[1].strip() for line in info if line.startswith("model name")]
    return f"{cpus} cores, {models[0] if models else platform.processor()}"


def plan_lines(costs: Costs, parameters: Mapping[str, Any]) -> Iterator[str]:
    """Yield the plan as Markdown."""
    number = _Numbers(parameters)
    cells = number("country.area_km2") * 1e6 / number("country.cell_m") ** 2
    of_block = BLOCK_SIZE**2
    in_all = math.ceil(cells / of_block * (1 + number("country.edge_share")))
    block_s = np.array(costs.worker_s) * number("country.dates") / costs.dates
    once = cells * number("country.dates") * number("archive.raw_bytes_per_cell") * number("archive.packed_share")
    read_tb = once * number("archive.passes") / 1e12
    core_s, spread = float(block_s.mean()), float(block_s.std(ddof=1) / block_s.mean())
    wait_s = read_tb * 1e6 / in_all / number("archive.mb_s_per_worker")
    mean_s = core_s + wait_s
    core_hours = in_all * mean_s / HOUR
    dying = 1 - math.exp(-number("worker.dies_per_hour") * mean_s / HOUR)
    again_hours = core_hours * dying / 2  # a worker dies half-way, on average
    kept_tb = in_all * (costs.packed_mb + costs.journal_mb) / 1e6
    price = {name: number(f"price.{name}") for name in ("core_hour_usd", "storage_tb_month_usd", "months_kept")}
    rows = (
        ("cells", f"{cells:,.3g}", f"{number('country.area_km2'):,.0f} km2 at {number('country.cell_m'):g} m"),
        (f"blocks of {BLOCK_SIZE} x {BLOCK_SIZE}", f"{in_all:,}", f"{number('country.edge_share'):.0%} for edges"),
        ("seconds of a core for a block", f"{core_s:.1f} (spread {spread:.0%})", _measured(costs)),
        ("seconds that a block waits for the archive", f"{wait_s:.1f}", "reading and computing do not overlap"),
        ("core hours", f"{core_hours:,.0f}", "blocks times both"),
        ("seconds of the command for a block", f"{costs.command_s:.2f}", "journal to compressed rasters, measured"),
        (
            "blocks that die with a worker",
            f"{in_all * dying:,.0f} ({dying:.3%})",
            f"made again: {again_hours:,.1f} core hours",
        ),
        ("read from the archive", f"{read_tb:,.1f} TB", f"{number('archive.passes'):g} passes"),
        ("rasters", f"{in_all * costs.packed_mb / 1e6:,.2f} TB", f"{costs.packed_mb:.1f} MB a block, measured"),
        (
            "finished blocks kept",
            f"{in_all * costs.journal_mb / 1e6:,.2f} TB",
            f"{costs.journal_mb:.1f} MB a block, measured",
        ),
        ("cores, USD", f"{core_hours * price['core_hour_usd']:,.0f}", f"{price['core_hour_usd']:g} USD an hour"),
        (
            "storage, USD",
            f"{kept_tb * price['storage_tb_month_usd'] * price['months_kept']:,.0f}",
            f"{price['months_kept']:g} months",
        ),
        (
            "traffic if the workers stand elsewhere, USD",
            f"{read_tb * number('price.out_of_region_tb_usd'):,.0f}",
            f"{number('price.out_of_region_tb_usd'):g} USD a TB",
        ),
    )
    yield "| quantity | value | from |"
    yield "|---|---|---|"
    yield from (f"| {quantity} | {value} | {source} |" for quantity, value, source in rows)
    yield ""
    rng = np.random.default_rng(1)
    drawn = wait_s + rng.choice(block_s, in_all)
    for title, parts in (("One run", 1), (f"{PARTS} runs side by side, one for each department", PARTS)):
        yield f"{title}:"
        yield ""
        yield "| workers | hours | of their time at work | times one worker | blocks made again | reads, GB/s |"
        yield "|---|---|---|---|---|---|"
        for workers in WORKERS:
            if workers >= parts:
                yield _schedule_row(drawn, workers, parts, costs, number, read_tb)
        yield ""


def _schedule_row(
    drawn: NDArray[np.float64], workers: int, parts: int, costs: Costs, number: _Numbers, read_tb: float
) -> str:
    """Return the row of a schedule: the slowest of its parts ends it."""
    found = [
        simulated(
            one,
            workers // parts,
            command_s=costs.command_s,
            dispatch_s=1 / number("scheduler.tasks_per_s"),
            dies_per_hour=number("worker.dies_per_hour"),
            returns_after_s=number("worker.returns_after_s"),
            rng=np.random.default_rng([2, workers, part]),
        )
        for part, one in enumerate(np.array_split(drawn, parts))
    ]
    hours = max(one.hours for one in found)
    alone = drawn.sum() / HOUR
    lost = sum(one.lost for one in found)
    used = workers // parts * parts
    return (
        f"| {workers:,} | {hours:,.2f} | {alone / (hours * used):.0%} | {alone / hours:,.0f} | {lost:,} | "
        f"{read_tb * 1e3 / (hours * HOUR):,.2f} |"
    )


class _Numbers:
    """Parameters by their dotted name."""

    def __init__(self, parameters: Mapping[str, Any]) -> None:
        self._parameters = parameters

    def __call__(self, name: str) -> float:
        """Return the value of a parameter."""
        group, key = name.split(".")
        return float(self._parameters[group][key]["value"])


def _measured(costs: Costs) -> str:
    return f"measured with {costs.dates} dates on {len(costs.worker_s)} blocks, {costs.machine}"


def source_lines(parameters: Mapping[str, Any]) -> Iterator[str]:
    """Yield the parameters with their sources and marks as Markdown."""
    yield "| parameter | value | mark | source |"
    yield "|---|---|---|---|"
    for group, keys in parameters.items():
        for key, one in keys.items():
            if isinstance(one, dict):
                yield f"| `{group}.{key}` | {one['value']:,.10g} | {one['mark']} | {one['source']} |"


def measure(folder: Path, blocks_a_side: int = 2, workers: int = 0, *, dates: int = 70) -> Costs:
    """Measure the first blocks of a season: seconds of a core, bytes of rasters and of the journal.

    Blocks are made one after the other in this process, and its processor seconds count; or by workers that are
    processes of their own, all busy at once, whose seconds by the clock count.
    """
    from benchmarks.plan_check import season_model, season_works
    from benchmarks.season import make_season

    season = make_season(folder, max(3, blocks_a_side) * BLOCK_SIZE, dates, jobs=max(2, workers))
    works = season_works(season, season_model(season))
    shape = (blocks_a_side * BLOCK_SIZE, blocks_a_side * BLOCK_SIZE)
    place_of = season.geobox[: shape[0], : shape[1]]
    found: Counter[Block] = Counter()
    command_s, packed, kept = 0.0, 0, 0
    with ExitStack() as stack:
        place = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="altdev-scale-")))
        make = _makers(workers, place, stack)
        for name, work in works.items():
            journal = BlockJournal(place / name)
            found.update(make(work, shape, journal))
            keys = [(block, work.key(block, part_of(None, shape, work.around(block)))) for block in blocks(shape)]
            kept += sum(journal.path(key).stat().st_size for _, key in keys)
            _lay(keys, journal, place_of, place)  # loads kernels, which is once for a country
            began = time.process_time()
            packed += _lay(keys, journal, place_of, place)
            command_s += time.process_time() - began
    return Costs(
        dates=dates,
        worker_s=tuple(round(one, 3) for one in found.values()),
        command_s=round(command_s / len(found), 4),
        packed_mb=round(packed / len(found) / 1e6, 3),
        journal_mb=round(kept / len(found) / 1e6, 3),
        machine=f"{f'{workers} workers at once' if workers else 'one thread'} of {machine()}",
    )


Maker = Callable[[BlockWork[Any], tuple[int, int], BlockJournal], Mapping[Block, float]]


def _makers(workers: int, place: Path, stack: ExitStack) -> Maker:
    """Return what makes the blocks of a work, leaves them in a journal, and tells the seconds of each."""
    files = stack.enter_context(OpenRasters())
    if not workers:
        return partial(_made_here, files)
    from benchmarks.cluster_cost import dask_processes

    address, _ = stack.enter_context(dask_processes(workers, place))
    return partial(_made_by_workers, files, workers, address)


def _compile(work: BlockWork[Any], shape: tuple[int, int], files: OpenRasters) -> None:
    small = Block(0, 0, 32, 32)  # compiles what is not compiled yet
    work(small, part_of(None, shape, work.around(small)), files)


def _made_here(
    files: OpenRasters, work: BlockWork[Any], shape: tuple[int, int], journal: BlockJournal
) -> Mapping[Block, float]:
    _compile(work, shape, files)
    seconds = {}
    for block in blocks(shape):
        cells = part_of(None, shape, work.around(block))
        began = time.process_time()
        journal.write(work.key(block, cells), work.packed(work(block, cells, files)))
        seconds[block] = time.process_time() - began
    return seconds


def _made_by_workers(
    files: OpenRasters,
    workers: int,
    address: str,
    work: BlockWork[Any],
    shape: tuple[int, int],
    journal: BlockJournal,
) -> Mapping[Block, float]:
    from geo.cluster import connected

    _compile(work, shape, files)
    cluster = partial(connected, address)
    # Small blocks first, so that no worker loads the program and its kernels in a block that is timed
    first = Runner(journal=BlockJournal(journal.folder.with_name("first")), cluster=cluster)
    deque(first.run(work, None, (64, 64 * workers), size=32), maxlen=0)
    runner = Runner(journal=journal, cluster=cluster)
    made = [block for block, _ in runner.run(work, None, shape)]
    return dict(zip(made, runner.made, strict=True))


def _lay(results: Sequence[Any], journal: BlockJournal, geobox: Any, place: Path) -> int:
    """Take blocks from the journal and write them into rasters, as the command does; return the bytes."""
    first = journal.read(results[0][1])
    assert first is not None
    planes = {name: array for name, array in first.arrays.items() if array.ndim > 1}
    paths = [place / f"{number}.tif" for number in range(len(planes))]
    with ExitStack() as stack:
        writers = {}
        for path, (name, like) in zip(paths, planes.items(), strict=True):
            bands = 1 if like.ndim == 2 else like.shape[0]
            style = RasterStyle(packing="ZSTD" if like.dtype.itemsize > 1 else "DEFLATE")  # as composites are
            writers[name] = stack.enter_context(
                CogWriter(path, geobox, dtype=str(like.dtype), bands=bands, style=style)
            )
        for block, key in results:
            entry = journal.read(key)
            assert entry is not None
            for name, writer in writers.items():
                writer.write(block, entry.arrays[name])
    return sum(path.stat().st_size for path in paths)


def main(arguments: Sequence[str]) -> None:
    """Print the plan, or measure blocks anew."""
    if arguments and arguments[0] == "measure":
        costs = measure(Path(arguments[1]), *(int(one) for one in arguments[2:4]))
        told = {name: getattr(costs, name) for name in Costs.__slots__}
        COSTS.write_text(json.dumps(told, indent=1) + "\n", encoding="utf-8")
        print(COSTS)
        return
    path = Path(arguments[1]) if arguments else PARAMETERS
    parameters = tomllib.loads(path.read_text(encoding="utf-8"))
    print("\n".join((*plan_lines(Costs.read(), parameters), *source_lines(parameters))))


if __name__ == "__main__":
    main(sys.argv[1:])
