"""The blocks of a work, made here in threads or on a cluster, those that are finished already taken as they are."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from contextlib import AbstractContextManager, ExitStack
from dataclasses import dataclass, field
from typing import Any, Protocol, TypeVar

import numpy as np
from numpy.typing import NDArray

from geo.blocks import BLOCK_SIZE, Block, blocks, part_of
from geo.errors import InputError, Problem
from geo.journal import BlockJournal, Entry
from geo.memory import keep
from geo.raster import OpenRasters

__all__ = ["BlockTask", "BlockWork", "Cluster", "Made", "Runner", "make"]

keep()  # as early as can be: a thread that has a heap of its own has it for good

Result = TypeVar("Result")
_SHOWS_S = 30.0
"""How long a network file system may take to show what another machine wrote."""


class BlockWork(Protocol[Result]):
    """What is to be made of each block: plain data that another process can be handed."""

    def __call__(self, block: Block, cells: NDArray[np.bool_], files: OpenRasters | None, /) -> Result:
        """Make a block of the cells wanted in ``around(block)``; ``files`` stay open from block to block."""

    def around(self, block: Block, /) -> Block:
        """Return the block with the cells around it whose place in the frame matters."""

    def key(self, block: Block, cells: NDArray[np.bool_], /) -> str:
        """Return the fingerprint of all that decides the block."""

    def packed(self, result: Result, /) -> Mapping[str, NDArray[Any]]:
        """Return a finished block as named arrays."""

    def unpacked(self, arrays: Mapping[str, NDArray[Any]], /) -> Result:
        """Return a finished block from its arrays."""


@dataclass(frozen=True, slots=True)
class BlockTask:
    """One block to be made, as small as it can be told."""

    key: str
    """Fingerprint of all that decides it."""
    block: Block
    """Window of the grid."""
    around: Block
    """Window of the cells."""
    bits: bytes
    """Cells wanted in it, eight to a byte."""

    @property
    def cells(self) -> NDArray[np.bool_]:
        """Cells wanted, shape of ``around``."""
        size = self.around.height * self.around.width
        flat = np.unpackbits(np.frombuffer(self.bits, dtype=np.uint8), count=size)
        return flat.astype(np.bool_).reshape(self.around.height, self.around.width)


@dataclass(frozen=True, slots=True)
class Made:
    """A block that a worker made and left in the journal."""

    key: str
    seconds: float
    """Time it took, by the clock on the wall."""


class Cluster(Protocol):
    """Workers elsewhere that reach the inputs and the journal under the same paths."""

    def each(
        self, work: Any, journal: BlockJournal, tasks: Iterator[BlockTask]
    ) -> Iterator[tuple[BlockTask, Made]]:
        """Yield every task when it is made, in any order, with few of them under way at any time."""


@dataclass(slots=True)
class Runner:
    """How the blocks of one step are made.

    Parameters
    ----------
    jobs
        Threads here.
    journal
        Where finished blocks are kept; None keeps none.
    cluster
        Opens the workers elsewhere; None works here. They need a journal, which is how results come back.
    """

    jobs: int = 1
    journal: BlockJournal | None = None
    cluster: Callable[[], AbstractContextManager[Cluster]] | None = None
    made: list[float] = field(default_factory=list)
    """Seconds of every block made, as they were finished."""
    kept: int = 0
    """Blocks that were finished already."""

    def run(
        self,
        work: BlockWork[Result],
        inside: NDArray[np.bool_] | None,
        shape: tuple[int, int],
        *,
        size: int = BLOCK_SIZE,
        origin: tuple[int, int] = (0, 0),
    ) -> Iterator[tuple[Block, Result]]:
        """Yield every block of a grid with its result, in any order; each is made at most once.

        Parameters
        ----------
        work
            What to make.
        inside
            Cells of the area frame on the whole grid; None for all.
        shape
            Height and width of the grid, cells.
        size
            Side of a block, cells.
        origin
            Row and column that block edges go through.
        """
        self.made.clear()
        self.kept = 0
        used: list[str] = []
        left: list[tuple[Block, str]] = []
        for block in blocks(shape, size, origin):
            cells = part_of(inside, shape, work.around(block))
            if not cells.any():
                yield block, work(block, cells, None)  # nothing is read for it
                continue
            if self.journal is None:
                left.append((block, ""))
                continue
            key = work.key(block, cells)
            used.append(key)
            entry = self.journal.read(key)
            if entry is None:
                left.append((block, key))
            else:
                self.kept += 1
                yield block, work.unpacked(entry.arrays)
        # Told one by one, since the cells of all blocks at once are as large as the frame
        tasks = (_task(work, block, key, inside, shape) for block, key in left)
        if self.cluster is None or not left:
            yield from self._here(work, tasks)
        else:
            with self.cluster() as cluster:
                yield from self._elsewhere(work, tasks, cluster)
        if self.journal is not None:
            self.journal.keep_only(used)

    def _here(self, work: BlockWork[Result], tasks: Iterator[BlockTask]) -> Iterator[tuple[Block, Result]]:
        """Make tasks in threads, at most one more under way than there are threads; one thread is this one."""
        with ExitStack() as stack:
            files = stack.enter_context(OpenRasters())
            if self.jobs <= 1:
                for task in tasks:
                    result, seconds = make(work, self.journal, task, files)
                    self.made.append(seconds)
                    yield task.block, result
                return
            pool = stack.enter_context(ThreadPoolExecutor(self.jobs))
            under_way: dict[Future[tuple[Result, float]], BlockTask] = {}
            try:
                for task in tasks:
                    under_way[pool.submit(make, work, self.journal, task, files)] = task
                    while len(under_way) > self.jobs:
                        yield from self._finished(under_way)
                while under_way:
                    yield from self._finished(under_way)
            finally:
                # After an error, or when the reader stops early, what has not begun never begins
                for future in under_way:
                    future.cancel()

    def _finished(self, under_way: dict[Future[tuple[Result, float]], BlockTask]) -> Iterator[tuple[Block, Result]]:
        done, _ = wait(under_way, return_when=FIRST_COMPLETED)
        for future in sorted(done, key=lambda one: (under_way[one].block.row, under_way[one].block.col)):
            task = under_way.pop(future)
            result, seconds = future.result()
            self.made.append(seconds)
            yield task.block, result

    def _elsewhere(
        self, work: BlockWork[Result], tasks: Iterator[BlockTask], cluster: Cluster
    ) -> Iterator[tuple[Block, Result]]:
        """Let workers make tasks and leave them in the journal."""
        assert self.journal is not None
        for task, made in cluster.each(work, self.journal, tasks):
            self.made.append(made.seconds)
            yield task.block, work.unpacked(_arrived(self.journal, task.key).arrays)


def _task(
    work: BlockWork[Any], block: Block, key: str, inside: NDArray[np.bool_] | None, shape: tuple[int, int]
) -> BlockTask:
    around = work.around(block)
    return BlockTask(key, block, around, np.packbits(part_of(inside, shape, around)).tobytes())


def _arrived(journal: BlockJournal, key: str) -> Entry:
    """Return a block that a worker wrote, as soon as the shared folder shows it here.

    Raises
    ------
    InputError
        If it does not.
    """
    until = time.monotonic() + _SHOWS_S
    while (entry := journal.read(key)) is None:
        if time.monotonic() > until:
            raise InputError(
                Problem(
                    str(journal.folder),
                    "no block of those that the workers say they finished",
                    "a run folder that the workers share",
                    "give --out on storage that is mounted under this path on every worker",
                )
            )
        time.sleep(0.1)
    return entry


def make(
    work: BlockWork[Result], journal: BlockJournal | None, task: BlockTask, files: OpenRasters | None
) -> tuple[Result, float]:
    """Make a block and leave it in the journal; return it with the seconds it took."""
    began = time.perf_counter()
    result = work(task.block, task.cells, files)
    seconds = time.perf_counter() - began
    if journal is not None:
        journal.write(task.key, work.packed(result), seconds=seconds)
    return result, seconds
