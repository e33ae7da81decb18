"""Blocks made by Dask workers that are processes of their own; oracle: the function itself, made here.

Everything listens on the loopback interface alone.
"""

from __future__ import annotations

import os
import resource
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest

from geo import cluster as cluster_module
from geo.blocks import Block
from geo.cluster import connected
from geo.errors import AltdevError, InputError
from geo.files import sha256
from geo.journal import BlockJournal
from geo.runner import BlockTask, Runner
from imagery.prepare import PrepareOptions, write_period
from tests.geo.slow_squares import SlowSquares
from tests.imagery.test_classify import CORNER, PROFILE, World
from tests.imagery.world import PERIODS, SENSOR

ROOT = Path(__file__).resolve().parents[2]
SHAPE, SIDE = (60, 80), 10
"""48 blocks."""
LIMIT = 20_000
"""Bytes that a file of a worker with a full disk may have."""


class Processes:
    """A scheduler and its workers."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.running: list[subprocess.Popen[bytes]] = []
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            self.address = f"tcp://127.0.0.1:{free.getsockname()[1]}"

    def scheduler(self) -> subprocess.Popen[bytes]:
        """Start the scheduler."""
        port = self.address.rpartition(":")[2]
        return self._start("scheduler", "--host", "127.0.0.1", "--port", port, "--no-show")

    def worker(self, *, full: bool = False) -> subprocess.Popen[bytes]:
        """Start a worker of one thread; one with a full disk can write small files only."""

        def limited() -> None:
            resource.setrlimit(resource.RLIMIT_FSIZE, (LIMIT, LIMIT))

        here = ("--host", "127.0.0.1", "--nthreads", "1", "--no-nanny", "--no-dashboard", "--memory-limit", "0")
        place = ("--local-directory", str(self.folder / f"worker{len(self.running)}"))
        return self._start("worker", self.address, *here, *place, before=limited if full else None)

    def _start(
        self, what: str, *arguments: str, before: Callable[[], None] | None = None
    ) -> subprocess.Popen[bytes]:
        command = [sys.executable, "-m", "dask", what, *arguments]
        if what == "scheduler":
            command += ["--no-dashboard"]
        environment = os.environ | {"PYTHONPATH": str(ROOT), "OMP_NUM_THREADS": "1"}
        quiet = subprocess.DEVNULL
        started = subprocess.Popen(
            command, cwd=ROOT, env=environment, stdout=quiet, stderr=quiet, preexec_fn=before
        )
        self.running.append(started)
        return started

    def ready(self, workers: int) -> None:
        """Wait until so many workers are there."""
        with connected(self.address) as cluster:
            cluster.client.wait_for_workers(workers, timeout=60)

    def stop(self) -> None:
        """End all of them."""
        for process in self.running:
            process.kill()
        for process in self.running:
            process.wait()


@pytest.fixture(name="processes")
def fixture_processes(tmp_path: Path) -> Iterator[Processes]:
    """Return a place for a scheduler and workers, all of which end with the test."""
    processes = Processes(tmp_path)
    try:
        yield processes
    finally:
        processes.stop()


def laid(runner: Runner, work: SlowSquares, seen: Callable[[int], None] = lambda _: None) -> set[int]:
    """Lay all blocks into a grid, compare it with the one known, and return the processes that made them."""
    grid = np.full(SHAPE, -9)
    makers = set()
    for number, (block, made) in enumerate(runner.run(work, None, SHAPE, size=SIDE), start=1):
        assert (grid[block.slices] == -9).all()
        grid[block.slices] = made["squares"]
        makers.add(int(made["process"][0]))
        seen(number)
    row, col = np.indices(SHAPE)
    np.testing.assert_array_equal(grid, row + 1000 * col)
    return makers


def cluster_runner(processes: Processes, journal: Path, *, patience_s: float = 60.0) -> Runner:
    """Return a runner on the workers."""
    return Runner(
        journal=BlockJournal(journal), cluster=lambda: connected(processes.address, patience_s=patience_s)
    )


def test_a_worker_that_dies_and_one_that_comes_late(processes: Processes, tmp_path: Path) -> None:
    """One of two workers is killed by the third block, one comes then: every block once, and the grid is whole."""
    processes.scheduler()
    workers = [processes.worker(), processes.worker()]
    work = SlowSquares(pause_s=0.05, dies_at=Block(0, 20, SIDE, SIDE), once=tmp_path / "died")
    late: list[subprocess.Popen[bytes]] = []

    def seen(number: int) -> None:
        if number == 12:
            late.append(processes.worker())
        # Slow enough for the late one to come before the end
        if number > 12 and len(makers_of(tmp_path / "journal")) < 3 and number < 46:
            time.sleep(0.3)

    makers = laid(cluster_runner(processes, tmp_path / "journal"), work, seen)
    assert (tmp_path / "died").is_file()
    assert sorted(process.poll() is None for process in workers) == [False, True]
    survivor = next(process.pid for process in workers if process.poll() is None)
    assert {survivor, late[0].pid} <= makers
    assert os.getpid() not in makers


def makers_of(journal: Path) -> set[int]:
    """Return the processes that made the blocks of a journal."""
    kept = BlockJournal(journal)
    entries = [kept.read(key) for key in list(kept.keys())]
    return {int(entry.arrays["process"][0]) for entry in entries if entry is not None}


def test_few_tasks_are_under_way_and_none_is_lost(processes: Processes, tmp_path: Path) -> None:
    """Two for each thread of the workers at most, and one run read ahead, whatever the number of blocks."""
    processes.scheduler()
    processes.worker()
    told = 0
    journal = BlockJournal(tmp_path / "journal")
    cells = np.ones((SIDE, SIDE), dtype=np.bool_)
    bits = np.packbits(cells).tobytes()
    places = [Block(0, SIDE * at, SIDE, SIDE) for at in range(60)]

    def tasks() -> Iterator[BlockTask]:
        nonlocal told
        for place in places:
            told += 1
            yield BlockTask(SlowSquares.key(place, cells), place, place, bits)

    with connected(processes.address) as cluster:
        ended = set()
        for task, _ in cluster.each(SlowSquares(), journal, tasks()):
            ended.add(task.block)
            assert told - len(ended) <= 2 + cluster_module._RUN
    assert ended == set(places)


def test_neighbours_go_to_one_worker_and_every_block_to_one() -> None:
    """Law: runs stay together, the idle take half of the longest, and others do what a worker left behind."""
    cells = np.ones((SIDE, SIDE), dtype=np.bool_)
    tasks = [
        BlockTask(str(at), place, place, np.packbits(cells).tobytes())
        for at, place in enumerate(Block(0, SIDE * at, SIDE, SIDE) for at in range(50))
    ]
    runs = cluster_module._Runs(iter(tasks))
    able = {"a": 1, "b": 1, "c": 1}
    done: dict[str, list[int]] = {name: [] for name in able}

    def step(*names: str) -> None:
        for name in names:
            task = runs.next_for(name, able)
            if task is not None:
                done[name].append(int(task.key))

    for _ in range(10):
        step("a", "b", "c")
    assert done == {"a": list(range(10)), "b": list(range(16, 26)), "c": list(range(32, 42))}
    del able["b"]  # gone, with six of its run not begun
    for _ in range(40):
        step("a", "c")
    everything = sorted(number for found in done.values() for number in found)
    assert everything == list(range(50))
    assert runs.next_for("a", able) is None
    alone = cluster_module._Runs(iter(tasks[:8]))
    assert [task.key for name in "xyxy" if (task := alone.next_for(name, {"x": 1, "y": 1}))] == ["0", "4", "1", "5"]


def test_a_worker_with_a_full_disk_is_left_out(processes: Processes, tmp_path: Path) -> None:
    """Alone it ends the run with what to do; beside another it makes nothing, and nothing is lost."""
    processes.scheduler()
    full = processes.worker(full=True)
    processes.ready(1)
    runner = cluster_runner(processes, tmp_path / "journal", patience_s=2.0)
    with pytest.raises(AltdevError, match=r"no worker that can do it.*no way to write the file"):
        laid(runner, SlowSquares())
    assert list((tmp_path / "journal").rglob("*.part")) == []
    whole = processes.worker()
    runner = cluster_runner(processes, tmp_path / "journal")
    assert laid(runner, SlowSquares()) == {whole.pid}
    assert full.poll() is None


def test_a_scheduler_that_stays_away_and_one_that_comes_back(processes: Processes, tmp_path: Path) -> None:
    """Killed, it ends the run in one line, and a later run makes the rest; back in time, it changes nothing."""
    scheduler = processes.scheduler()
    processes.worker()
    processes.ready(1)

    def kill_at(number: int, *, again: bool) -> Callable[[int], None]:
        def seen(count: int) -> None:
            nonlocal scheduler
            if count == number:
                scheduler.send_signal(signal.SIGKILL)
                scheduler.wait()
                if again:
                    scheduler = processes.scheduler()
                    processes.worker()

        return seen

    runner = cluster_runner(processes, tmp_path / "journal", patience_s=2.0)
    with pytest.raises(AltdevError, match=r"no scheduler any more.*finished blocks are kept") as caught:
        laid(runner, SlowSquares(pause_s=0.02), kill_at(10, again=False))
    assert len(str(caught.value).splitlines()) == 1
    finished = len(list(BlockJournal(tmp_path / "journal").keys()))
    assert 10 <= finished < 48
    scheduler = processes.scheduler()
    processes.worker()
    runner = cluster_runner(processes, tmp_path / "journal")
    laid(runner, SlowSquares(pause_s=0.02), kill_at(finished + 10, again=True))
    assert (runner.kept, runner.kept + len(runner.made)) == (finished, 48)


def test_what_is_wrong_with_a_block_is_told_as_it_is_here(
    processes: Processes, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An input that cannot be read here either is the error; one that a worker alone cannot read is the worker's.

    So is another version of what decides the bits of a block.
    """
    processes.scheduler()
    processes.worker()
    processes.ready(1)
    runner = cluster_runner(processes, tmp_path / "journal", patience_s=1.0)
    with pytest.raises(InputError, match=r"^inputs/a\.tif: found no such file"):
        laid(runner, SlowSquares(at_home=-1))
    with pytest.raises(AltdevError, match=r"no worker that can do it.*inputs/a\.tif"):
        laid(runner, SlowSquares(at_home=os.getpid()))
    monkeypatch.setattr(cluster_module, "_versions", lambda: (*OTHERS[:-1], ("scipy", "0.1")))
    with pytest.raises(AltdevError, match=r"other versions.*scipy 0\.1 here"):
        laid(runner, SlowSquares())


OTHERS = cluster_module._versions()


def test_a_scheduler_that_is_not_there_is_told(processes: Processes, monkeypatch: pytest.MonkeyPatch) -> None:
    """So is an address that is none."""
    monkeypatch.setattr(cluster_module, "_CONNECT_S", 0.3)
    with pytest.raises(AltdevError, match="no scheduler that answers"), connected(processes.address):
        pass
    for address in ("nonsense://x", "10.0.0.1:8786", "tcp://10.0.0.1", "tcp://10.0.0.1:8786 --x"):
        with pytest.raises(AltdevError, match="no address of a scheduler"), connected(address):
            pass


def test_imagery_made_by_workers_is_that_made_here(processes: Processes, tmp_path: Path) -> None:
    """The rasters of a period are the same to the byte, and all of it was made elsewhere."""
    processes.scheduler()
    processes.worker()
    processes.worker()
    world = World(tmp_path / "world")
    start, end = PERIODS["2023"]
    runner = cluster_runner(processes, tmp_path / "journal")

    def write(out: str, made_by: Runner | None) -> dict[str, str]:
        write_period(
            world.periods()["2023"].scenes,
            geobox=world.geobox,
            sensor=SENSOR,
            profile=PROFILE,
            options=PrepareOptions(start=start, end=end, min_valid=2, cloud_buffer_m=40, block_size=16),
            inside=CORNER,
            folder=tmp_path / out,
            runner=made_by,
        )
        return {path.name: sha256(path) for path in (tmp_path / out).glob("*.tif")}

    assert write("there", runner) == write("here", None)
    assert (len(runner.made), runner.kept) == (9, 0)
