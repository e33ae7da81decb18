"""How much faster one job gets with threads, and with workers of a cluster: each turn a process of its own.

The job is that of `benchmarks.peers.ours`: a season of images to composites, class map, probability and hectares,
by threads of one process, and by Dask workers of one thread each, processes on loopback. A turn is timed whole with
its start-up; its rasters and hectares are compared with those of the first turn before it counts.

    python -m benchmarks.scaling run FOLDER [--side 4096] [--dates 12] [--size 512] [--threads 1,2] [--workers 1,2]
        [--turns 1] [--kept FILE]                   take turns and add them to those kept of the same job
    python -m benchmarks.scaling show [--kept FILE] [--draw docs/images/scaling.svg]      print and draw them

FILE is `benchmarks/results/scaling.json` unless told.
"""

from __future__ import annotations

import argparse
import filecmp
import json
import os
import shutil
import statistics
import sys
import tempfile
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from dataclasses import asdict, dataclass, fields, replace
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import rasterio
from scipy.optimize import nnls

from benchmarks.cluster_cost import dask_processes
from benchmarks.end_to_end import make_task, timed
from benchmarks.growth import drawn
from benchmarks.peers.common import Task
from benchmarks.peers.ours import write_hectares, write_rasters
from benchmarks.scale import machine, simulated
from benchmarks.season import load_season, make_season
from geo.blocks import Block
from geo.cluster import connected
from geo.journal import BlockJournal
from geo.runner import Runner
from imagery.model import TrainedModel

__all__ = ["Turn", "amdahl", "different", "lines", "main", "panels", "read", "scheduled_s"]

KEPT = Path(__file__).parent / "results" / "scaling.json"
PARTS = ("once_s", "blocks_s", "laid_s", "finish_s", "hectares_s")
TASKS_PER_S = 360.0
"""Tasks that a scheduler gives out; see `benchmarks/scale.toml`."""
_PATIENCE_S = 60.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Turn:
    """One process, or one with its scheduler and workers, from start to end."""

    way: str
    """``threads`` or ``workers``."""
    count: int
    """How many of them."""
    wall_s: float
    """By the clock."""
    cpu_s: float
    """Processor seconds of all processes."""
    peak_mib: float
    """Most memory that each process held, added up."""
    blocks_s: float
    """From asking for the first block to the last one laid into the rasters."""
    first_s: float
    """Of these, until the first block came."""
    laid_s: float
    """Of these, what the main thread spent laying blocks."""
    command_s: float
    """Processor seconds of the main thread until the last block: taking blocks and laying them."""
    finish_s: float
    """Finishing the rasters and counting the map."""
    hectares_s: float
    """Hectares of all classes in the fields."""
    block_s: tuple[float, ...]
    """Seconds of each block by the clock, in the order that they were finished."""
    block_cpu_s: tuple[float, ...]
    """Processor seconds of the thread that made each; none for workers."""

    @property
    def once_s(self) -> float:
        """Seconds of the start of all processes and of their end."""
        return self.wall_s - self.blocks_s - self.finish_s - self.hectares_s


class _Watched(Runner):
    """A runner that notes where the time goes."""

    first_s = laid_s = command_s = blocks_s = ended = 0.0

    def run(self, work: Any, *given: Any, **named: Any) -> Iterator[tuple[Block, Any]]:
        """Yield every block with its result."""
        self.block_cpu_s: list[float] = []
        began, began_cpu = time.perf_counter(), time.thread_time()
        timed_work = _WatchedWork(work, self.block_cpu_s)
        watched = timed_work if self.cluster is None else work
        for made in super().run(watched, *given, **named):
            given_at = time.perf_counter()
            self.first_s = self.first_s or given_at - began
            yield made
            self.laid_s += time.perf_counter() - given_at
        self.ended = time.perf_counter()
        self.blocks_s = self.ended - began
        self.command_s = time.thread_time() - began_cpu - timed_work.here_s


class _WatchedWork:
    """A work that notes the processor seconds of each block; for threads, without a journal."""

    def __init__(self, work: Any, noted: list[float]) -> None:
        self._work, self._noted = work, noted
        self.around = work.around
        self.here_s = 0.0  # of blocks that the main thread makes itself, as it does where there is one thread

    def __call__(self, *given: Any) -> Any:
        began = time.thread_time()
        made = self._work(*given)
        self._noted.append(time.thread_time() - began)
        if threading.current_thread() is threading.main_thread():
            self.here_s += self._noted[-1]
        return made


def job(folder: Path, out: Path, way: str, count: int) -> None:
    """Do the job and leave in ``turn.json`` of `out` where the time went."""
    task, season = Task(folder, out), load_season(folder)
    with ExitStack() as stack:
        runner = _Watched(jobs=count)
        processes: list[int] = []
        if way == "workers":
            place = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix=".workers-", dir=out)))
            address, processes = stack.enter_context(dask_processes(count, place))
            _await(address, count)
            runner = _Watched(
                jobs=count, journal=BlockJournal(place / "blocks"), cluster=partial(connected, address)
            )
        write_rasters(task, season, count, runner)
        finished = time.perf_counter()
        write_hectares(task, season)
        counted = time.perf_counter()
        peaks = [_peak_mib(process) for process in (os.getpid(), *processes)]
    told = {
        **{name: getattr(runner, name) for name in ("blocks_s", "first_s", "laid_s", "command_s", "block_cpu_s")},
        "finish_s": finished - runner.ended,
        "hectares_s": counted - finished,
        "block_s": runner.made,
        "peak_mib": sum(peaks),
    }
    (out / "turn.json").write_text(json.dumps(told))


def _await(address: str, workers: int) -> None:
    """Wait until all workers are there: a worker that comes late is no part of the question."""
    from distributed import Client

    with Client(address, timeout=_PATIENCE_S, set_as_default=False) as client:
        client.wait_for_workers(workers, timeout=_PATIENCE_S)


def _peak_mib(process: int) -> float:
    lines = Path(f"/proc/{process}/status").read_text().splitlines()
    return next(float(line.split()[1]) for line in lines if line.startswith("VmHWM")) / 1024


def turn(folder: Path, out: Path, way: str, count: int) -> Turn:
    """Time one process that does the job."""
    shutil.rmtree(out, ignore_errors=True)
    command = [sys.executable, "-m", "benchmarks.scaling", "job", str(folder), str(out), way, str(count)]
    run = timed(command, {"OMP_NUM_THREADS": "1"})
    told = json.loads((out / "turn.json").read_text())
    rounded = {
        name: tuple(round(one, 4) for one in value) if isinstance(value, list) else round(value, 3)
        for name, value in told.items()
    }
    return Turn(way=way, count=count, wall_s=round(run.wall_s, 2), cpu_s=round(run.cpu_s, 2), **rounded)


def different(first: Path, other: Path) -> list[str]:
    """Return the names of the rasters and tables of `first` whose cells or bytes are others in `other`."""
    names = sorted(path.name for kind in ("*.tif", "*.csv") for path in first.glob(kind))
    return [
        name
        for name in names
        if not filecmp.cmp(first / name, other / name, shallow=False)
        and not (name.endswith(".tif") and np.array_equal(_cells(first / name), _cells(other / name)))
    ]


def _cells(path: Path) -> Any:
    with rasterio.open(path) as source:
        return source.read()


def amdahl(counts: Sequence[int], walls: Sequence[float]) -> tuple[float, float]:
    """Return the seconds that one alone spends, and those that are shared out: ``wall = alone + shared / count``.

    Least squares of relative errors, neither of the two below zero.
    """
    wall = np.asarray(walls, dtype=np.float64)
    parts = np.stack([1 / wall, 1 / (np.asarray(counts) * wall)], axis=1)
    (alone, shared), _ = nnls(parts, np.ones(len(wall)))
    return float(alone), float(shared)


def scheduled_s(one: Turn) -> float:
    """Return the seconds that the simulated schedule of `benchmarks.scale` gives, from the first block to the last.

    Fed with the seconds of the turn's own blocks and those of its command.
    """
    each_s = one.command_s / len(one.block_s)
    found = simulated(
        np.array(one.block_s),
        one.count,
        command_s=each_s,
        dispatch_s=1 / TASKS_PER_S,
        dies_per_hour=0.0,
        returns_after_s=0.0,
        rng=np.random.default_rng(0),
    )
    return found.hours * 3600 - min(one.block_s[: one.count]) - each_s


def take(arguments: argparse.Namespace) -> None:
    """Take turns, in order, and keep each as soon as it is over."""
    folder: Path = arguments.folder
    asked = {"side": arguments.side, "dates": arguments.dates, "size": arguments.size}
    make_season(folder, arguments.side, arguments.dates, jobs=len(os.sched_getaffinity(0)))
    make_task(folder, arguments.side, dates=arguments.dates)
    model = TrainedModel.load(folder / "model")
    replace(model, settings=replace(model.settings, block_size=arguments.size)).save(folder / "model")
    kept = json.loads(arguments.kept.read_text()) if arguments.kept.is_file() else {}
    if {name: kept.get(name) for name in asked} != asked or kept["machine"] != machine():
        kept = {**asked, "machine": machine(), "turns": []}
    first = folder / "first"
    # Kernels are compiled once after an installation, and files are in the machine's memory from then on
    turn(folder, first, "threads", len(os.sched_getaffinity(0)))
    ways = [("threads", count) for count in arguments.threads] + [("workers", count) for count in arguments.workers]
    for _ in range(arguments.turns):
        for way, count in ways:
            one = turn(folder, folder / "out", way, count)
            off = different(first, folder / "out")
            if off:
                raise SystemExit(f"{count} {way}: other results in {', '.join(off)}")
            kept["turns"].append(asdict(one))
            arguments.kept.write_text(_text(kept), encoding="utf-8")
            print(f"{way} {count}: {one.wall_s:.1f} s, {one.cpu_s:.1f} s of processors, results equal", flush=True)
    shutil.rmtree(folder / "out", ignore_errors=True)


def _text(kept: dict[str, Any]) -> str:
    """Return what is kept as JSON with one line for each turn."""
    head = {name: value for name, value in kept.items() if name != "turns"}
    turns = ",\n".join("  " + json.dumps(one) for one in kept["turns"])
    return json.dumps(head, indent=1)[:-2] + ',\n "turns": [\n' + turns + "\n ]\n}\n"


def read(path: Path) -> tuple[dict[str, Any], list[Turn]]:
    """Return what is kept of a job, and its turns."""
    kept = json.loads(path.read_text(encoding="utf-8"))
    names = {field.name for field in fields(Turn)}
    turns = [
        {name: tuple(value) if isinstance(value, list) else value for name, value in one.items() if name in names}
        for one in kept.pop("turns")
    ]
    return kept, [Turn(**one) for one in turns]


def lines(turns: Sequence[Turn]) -> Iterator[str]:
    """Yield tables of medians as Markdown, for each way: the whole, where the time goes, the serial part."""
    least = min(turns, key=lambda one: (one.way, one.count))  # of threads, where there are turns of both
    base = statistics.median(one.wall_s for one in turns if (one.way, one.count) == (least.way, least.count))
    told = "one thread" if (least.way, least.count) == ("threads", 1) else f"{least.count} {least.way}"
    for way in dict.fromkeys(one.way for one in turns):
        grouped = {
            count: [one for one in turns if (one.way, one.count) == (way, count)]
            for count in sorted({one.count for one in turns if one.way == way})
        }

        def median(count: int, name: str, of: dict[int, list[Turn]] = grouped) -> float:
            return statistics.median(getattr(one, name) for one in of[count])

        yield (
            f"| {way} | turns | wall s | times {told} | CPU s | peak MiB | start and end s "
            "| blocks s | of these laying s | finishing s | hectares s |"
        )
        yield "|---|---|---|---|---|---|---|---|---|---|---|"
        for count, of in grouped.items():
            cells = [
                f"{count}",
                f"{len(of)}",
                f"{median(count, 'wall_s'):.1f}",
                f"{base / median(count, 'wall_s'):.1f}",
                f"{median(count, 'cpu_s'):.1f}",
                f"{median(count, 'peak_mib'):,.0f}",
                *(f"{median(count, name):.1f}" for name in PARTS),
            ]
            yield f"| {' | '.join(cells)} |"
        yield ""
        for what, name in (("the whole", "wall_s"), ("the blocks", "blocks_s")):
            alone, shared = amdahl(list(grouped), [median(count, name) for count in grouped])
            yield f"{what}: {alone:.1f} s alone + {shared:.1f} s shared out, {alone / (alone + shared):.1%} serial"
        yield ""
        yield "| " + way + " | a block, s | of the processor | simulated s | taken s |"
        yield "|---|---|---|---|---|"
        for count, of in grouped.items():
            block_s = statistics.mean(second for one in of for second in one.block_s)
            cpu = [second for one in of for second in one.block_cpu_s]
            taken = statistics.median(one.blocks_s - one.first_s for one in of)
            yield (
                f"| {count} | {block_s:.2f} | {f'{statistics.mean(cpu):.2f}' if cpu else ''} "
                f"| {statistics.median(scheduled_s(one) for one in of):.1f} | {taken:.1f} |"
            )
        yield ""


def show(arguments: argparse.Namespace) -> None:
    """Print tables of the turns that are kept, and draw them."""
    kept, turns = read(arguments.kept)
    blocks = len(turns[0].block_s)
    grid = f"{kept['side']:,} x {kept['side']:,} cells, {kept['dates']} dates, {blocks} blocks of {kept['size']}"
    print(f"{grid}; {kept['machine']}; medians\n")
    print("\n".join(lines(turns)))
    if arguments.draw:
        arguments.draw.write_text(drawn(panels(turns)), encoding="utf-8")


def panels(turns: Sequence[Turn]) -> list[tuple[str, list[int], list[float], bool]]:
    """Return what is drawn: median seconds by threads, and by workers."""
    found = []
    for way in dict.fromkeys(one.way for one in turns):
        counts = sorted({one.count for one in turns if one.way == way})
        wall = [statistics.median(one.wall_s for one in turns if (one.way, one.count) == (way, n)) for n in counts]
        found.append((way, counts, wall, True))
    return found


def main(given: Sequence[str] | None = None) -> None:
    """Take turns, or show those taken."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    acts = parser.add_subparsers(required=True)
    run = acts.add_parser("run", help="take turns")
    run.add_argument("folder", type=Path, help="where the season stands or goes; kept")
    run.add_argument("--side", type=int, default=4096, help="cells on a side")
    run.add_argument("--dates", type=int, default=12)
    run.add_argument("--size", type=int, default=512, help="side of a block, cells")
    run.add_argument("--threads", type=_counts, default=(1, 2))
    run.add_argument("--workers", type=_counts, default=(1, 2))
    run.add_argument("--turns", type=int, default=1)
    run.add_argument("--kept", type=Path, default=KEPT)
    run.set_defaults(act=take)
    told = acts.add_parser("show", help="print and draw the turns that are kept")
    told.add_argument("--kept", type=Path, default=KEPT)
    told.add_argument("--draw", type=Path)
    told.set_defaults(act=show)
    one = acts.add_parser("job", help="what each process does")
    one.add_argument("folder", type=Path)
    one.add_argument("out", type=Path)
    one.add_argument("way", choices=("threads", "workers"))
    one.add_argument("count", type=int)
    one.set_defaults(act=lambda told: job(told.folder, told.out, told.way, told.count))
    arguments = parser.parse_args(given)
    arguments.act(arguments)


def _counts(text: str) -> tuple[int, ...]:
    """Return numbers told with commas between them; none of an empty text."""
    return tuple(int(one) for one in text.split(",") if one)


if __name__ == "__main__":
    main()
