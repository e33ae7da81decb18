"""What a cluster on the same cores costs over threads: seconds of processors for the same blocks, results equal.

    python -m benchmarks.cluster_cost FOLDER [workers, 4] [cells on a side, 1024] [dates, 12] [side of a block, 256]
    python -m benchmarks.cluster_cost whole FOLDER [workers, 4] [cells, 12288] [dates, 30] [side of a block, 512]

The composites and the map of a season are made here in two threads, and by workers that are processes of their own
on loopback, for a quarter of the grid and for all of it. The seconds of all processes are added up, so that other
work on the machine does not count; from the two sizes follow what is spent once and what each block costs, and what
that means for a job of ten minutes. ``whole`` makes such a job whole, ten minutes of two cores, of scenes that
repeat one tile of each file, which decode as any others do; finished blocks take some 12 GB of a temporary folder.
"""

from __future__ import annotations

import json
import os
import resource
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import replace
from functools import partial
from pathlib import Path

from benchmarks.memory import repeat_tile
from benchmarks.plan_check import season_model, season_works
from benchmarks.season import BANDS, Season, load_season, make_season
from geo.blocks import BLOCK_SIZE
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


def repeated_season(folder: Path, side: int, dates: int) -> Season:
    """Write a season whose files repeat their first tile, and a model for it."""
    small = make_season(folder / "small", BLOCK_SIZE, dates)
    told = {**json.loads((folder / "small" / "season.json").read_text()), "side": side}
    (folder / "season.json").write_text(json.dumps(told), encoding="utf-8")
    season = load_season(folder)
    for day in season.days:
        season.path(day, "SCL").parent.mkdir(parents=True, exist_ok=True)
        for name in (*BANDS, "SCL"):
            if not season.path(day, name).is_file():
                repeat_tile(small.path(day, name), season.path(day, name), side)
    season_model(small).save(folder / "model")
    return season


def _timed(folder: Path, count: int, part: int, size: int) -> tuple[int, float, str, float]:
    """Make blocks in a process of its own; return how many, processor seconds, what was made, and seconds."""
    command = [
        sys.executable,
        "-m",
        "benchmarks.cluster_cost",
        "spent",
        str(folder),
        str(count),
        str(part),
        str(size),
    ]
    began = time.perf_counter()
    told = subprocess.run(
        command, check=True, capture_output=True, text=True, env=os.environ | {"PYTHONHASHSEED": "0"}
    ).stdout.split()
    return int(told[0]), float(told[1]), told[2], time.perf_counter() - began


def whole(folder: Path, workers: int, side: int, dates: int, size: int) -> None:
    """Make a long job both ways, whole, and print what each took."""
    repeated_season(folder, side, dates)
    print(f"{side} x {side} cells, {dates} dates, blocks of {size}")
    print("| way | blocks | seconds | seconds of processors |\n|---|---|---|---|", flush=True)
    found = {}
    for name, count in ((f"{THREADS} threads", 0), (f"{workers} workers, scheduler, command", workers)):
        blocks, spent_s, _, wall_s = found[count] = _timed(folder, count, 1, size)
        print(f"| {name} | {blocks} | {wall_s:.0f} | {spent_s:.0f} |", flush=True)
    (_, threads_s, one, threads_wall), (_, cluster_s, other, cluster_wall) = found.values()
    print(f"workers take {cluster_s / threads_s:.2f} times the seconds of processors and", end=" ")
    print(f"{cluster_wall / threads_wall:.2f} times the seconds; results equal: {one == other}")


def main(arguments: Sequence[str]) -> None:
    """Measure both ways at both sizes and print what each block costs."""
    if arguments[0] == "spent":
        spent(Path(arguments[1]), *(int(one) for one in arguments[2:]))
        return
    if arguments[0] == "whole":
        asked = [int(one) for one in arguments[2:]]
        whole(Path(arguments[1]), *(asked + [4, 12_288, 30, 512][len(asked) :])[:4])
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
            blocks, spent_s, made[name, part], _ = _timed(folder, count, part, size)
            found[part] = (blocks, spent_s)
        (few, little), (many, much) = found[2], found[1]
        cost[name] = (much - little) / (many - few)
        once[name] = little - few * cost[name]
    equal = all(made["threads", part] == made["cluster", part] for part in (1, 2))
    many_blocks = TEN_MINUTES_S * THREADS / cost["threads"]
    ratio = (once["cluster"] + many_blocks * cost["cluster"]) / (once["threads"] + many_blocks * cost["threads"])
    print(f"{side} x {side} cells, {dates} dates, blocks of {size}; processor seconds, results equal: {equal}")
    print("| way | once | each block |\n|---|---|---|")
    print(f"| {THREADS} threads | {once['threads']:.1f} | {cost['threads']:.3f} |")
    print(f"| {workers} workers, scheduler, command | {once['cluster']:.1f} | {cost['cluster']:.3f} |")
    each = cost["cluster"] / cost["threads"]
    print(f"a block costs {each:.2f} times as much, a job of ten minutes {ratio:.2f} times")


if __name__ == "__main__":
    main(sys.argv[1:])
