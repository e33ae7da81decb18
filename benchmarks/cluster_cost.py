"""What a cluster on the same cores costs over threads: seconds of processors for the same blocks, results equal.

    python -m benchmarks.cluster_cost FOLDER [workers, 4] [cells on a side, 1024] [dates, 12] [side of a block, 256]

The composites and the map of a season are made here in two threads, and by workers that are processes of their own
on loopback, for a quarter of the grid and for all of it. The seconds of all processes are added up, so that other
work on the machine does not count; from the two sizes follow what is spent once and what each block costs, and what
that means for a job of ten minutes.
"""

from __future__ import annotations

import os
import resource
import signal
import socket
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import replace
from functools import partial
from pathlib import Path

from benchmarks.plan_check import season_model, season_works
from benchmarks.season import Season, load_season, make_season
from geo.cluster import connected
from geo.journal import BlockJournal
from geo.runner import Runner
from imagery.model import TrainedModel

__all__ = ["dask_processes", "main"]

THREADS = 2
TEN_MINUTES_S = 600.0
_PATIENCE_S = 30.0


def spent(folder: Path, workers: int, part: int, size: int) -> None:
    """Make the blocks of a part of the grid and print the seconds of this process and all that it started."""
    season = load_season(folder)
    model = TrainedModel.load(folder / "model")
    whole = season_works(season, model)
    shape = (season.side // part, season.side // part)
    with ExitStack() as stack:
        place = stack.enter_context(tempfile.TemporaryDirectory(prefix="altdev-cluster-cost-"))
        address = stack.enter_context(dask_processes(workers, Path(place)))[0] if workers else ""
        digests = []
        for name, work in whole.items():
            journal = BlockJournal(Path(place) / name)
            cluster = partial(connected, address) if workers else None
            runner = Runner(jobs=THREADS, journal=journal, cluster=cluster)
            for block, result in runner.run(work, None, shape, size=size):
                made = [hash(cells.tobytes()) for cells in work.packed(result).values()]
                digests.append((name, block.row, block.col, made))
    own, others = (resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN))
    seconds = sum(one.ru_utime + one.ru_stime for one in (own, others))
    print(len(digests), seconds, hash(repr(sorted(digests))))


@contextmanager
def dask_processes(workers: int, place: Path) -> Iterator[tuple[str, list[int]]]:
    """Start a scheduler and workers of one thread on loopback; give its address and their process numbers."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    address = f"tcp://127.0.0.1:{port}"
    path = os.pathsep.join(one for one in (str(Path(__file__).parents[1]), os.environ.get("PYTHONPATH")) if one)
    start = partial(
        subprocess.Popen,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        env=os.environ | {"PYTHONPATH": path, "OMP_NUM_THREADS": "1"},
    )
    dask = [sys.executable, "-m", "dask"]
    processes = [start([*dask, "scheduler", "--host", "127.0.0.1", "--port", str(port), "--no-dashboard"])]
    try:
        for number in range(workers):
            here = ["--host", "127.0.0.1", "--nthreads", "1", "--no-nanny", "--no-dashboard", "--memory-limit", "0"]
            where = ["--local-directory", str(place / f"worker{number}")]
            processes.append(start([*dask, "worker", address, *here, *where]))
        yield address, [process.pid for process in processes]
    finally:
        _ended(processes)


def _ended(processes: Sequence[subprocess.Popen[bytes]]) -> None:
    """End workers before their scheduler: one that finds none to leave may stay for ever."""
    scheduler, *workers = processes
    for process in workers:
        process.send_signal(signal.SIGTERM)
    for process in (*workers, scheduler):
        if process is scheduler:
            process.send_signal(signal.SIGTERM)
        try:
            process.wait(timeout=_PATIENCE_S)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def main(arguments: Sequence[str]) -> None:
    """Measure both ways at both sizes and print what each block costs."""
    if arguments[0] == "spent":
        spent(Path(arguments[1]), *(int(one) for one in arguments[2:]))
        return
    folder = Path(arguments[0])
    given = [int(one) for one in arguments[1:]]
    workers, side, dates, size = (given + [4, 1024, 12, 256][len(given) :])[:4]
    season: Season = make_season(folder, side, dates)
    model = season_model(season)
    replace(model, settings=replace(model.settings, block_size=size)).save(folder / "model")
    cost, once = {}, {}
    made = {}
    for name, count in (("threads", 0), ("cluster", workers)):
        found = {}
        for part in (2, 1):
            command = [sys.executable, "-m", "benchmarks.cluster_cost", "spent", str(folder)]
            environment = os.environ | {"PYTHONHASHSEED": "0"}
            told = subprocess.run(
                [*command, str(count), str(part), str(size)],
                check=True,
                capture_output=True,
                text=True,
                env=environment,
            ).stdout.split()
            found[part] = (int(told[0]), float(told[1]))
            made[name, part] = told[2]
        (few, little), (many, much) = found[2], found[1]
        cost[name] = (much - little) / (many - few)
        once[name] = little - few * cost[name]
    equal = all(made["threads", part] == made["cluster", part] for part in (1, 2))
    blocks = TEN_MINUTES_S * THREADS / cost["threads"]
    ratio = (once["cluster"] + blocks * cost["cluster"]) / (once["threads"] + blocks * cost["threads"])
    print(f"{side} x {side} cells, {dates} dates, blocks of {size}; processor seconds, results equal: {equal}")
    print("| way | once | each block |\n|---|---|---|")
    print(f"| {THREADS} threads | {once['threads']:.1f} | {cost['threads']:.3f} |")
    print(f"| {workers} workers, scheduler, command | {once['cluster']:.1f} | {cost['cluster']:.3f} |")
    each = cost["cluster"] / cost["threads"]
    print(f"a block costs {each:.2f} times as much, a job of ten minutes {ratio:.2f} times")


if __name__ == "__main__":
    main(sys.argv[1:])
