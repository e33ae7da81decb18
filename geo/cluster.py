"""Blocks made by the workers of a Dask cluster; the one module that knows Dask.

Tasks are few at a time, small, and bring nothing back but their time: a worker reads the inputs itself and leaves
the block in the journal, in a folder that all share. A worker that dies, or joins, changes nothing but how long it
takes. A scheduler that is started again is given what is not finished; one that stays away ends the run, and the
next run goes on with the blocks that are finished.
"""

from __future__ import annotations

import logging
import re
import sys
import time
import uuid
from collections import Counter, deque
from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import lru_cache
from importlib.metadata import PackageNotFoundError, version
from itertools import islice
from typing import Any

from geo.errors import AltdevError, Problem, reason
from geo.journal import BlockJournal
from geo.raster import OpenRasters
from geo.runner import BlockTask, BlockWork, Made, make

__all__ = ["DaskCluster", "connected"]

_LIBRARIES = ("altdev", "lightgbm", "numba", "numpy", "pyproj", "rasterio", "scipy")
"""What decides the bits of a block; it must be the same on every worker."""
_PER_THREAD = 2
"""Tasks under way for each thread of the workers: one that is made and one that waits for it."""
_RUN = 16
"""Blocks in a row that go to one worker, so that it decodes the tiles between them once."""
_PAUSE_S = 1.0
_CONNECT_S = 30.0
_LOOK_S = 1.0
"""How often to look for workers that came or went."""
_ADDRESS = re.compile(r"(tcp|tls|ws|wss)://\S+:\d+/?")

Versions = tuple[tuple[str, str], ...]


@dataclass(frozen=True, slots=True)
class _Unfit:
    """What a worker answers that could not do its part."""

    worker: str
    """Its address."""
    why: str
    """What stood in the way."""
    tried: bool
    """Whether the block itself may be at fault, rather than the worker alone."""


@contextmanager
def connected(address: str, *, patience_s: float = 60.0) -> Iterator[DaskCluster]:
    """Give the cluster of a scheduler.

    Parameters
    ----------
    address
        Such as ``tcp://10.0.0.1:8786``; certificates of ``tls://`` come from Dask's own configuration.
    patience_s
        How long to wait for a first worker, and for a scheduler that is started again.

    Raises
    ------
    AltdevError
        If Dask is not installed, or no scheduler answers.
    """
    try:
        from distributed import Client
    except ImportError as error:
        found, expected = "no Dask on this machine", "the packages of the extra 'cluster'"
        raise _told(address, found, expected, "pip install 'altdev[cluster]'") from error
    if not _ADDRESS.fullmatch(address):
        raise _told(address, "no address of a scheduler", "one such as tcp://10.0.0.1:8786", "correct it")
    logging.getLogger("distributed").setLevel(logging.CRITICAL)  # what matters is told as a problem
    open_client: Any = Client  # which has no types
    try:
        client = open_client(address, timeout=_CONNECT_S, set_as_default=False)
    except (OSError, ValueError) as error:
        found = f"no scheduler that answers ({re.sub(r'in <[^>]*>: ', '', reason(error))})"
        raise _told(address, found, "a running one", "start it with 'dask scheduler'") from error
    client._timeout = patience_s
    try:
        yield DaskCluster(client, address, patience_s)
    finally:
        client.close(timeout=_PAUSE_S)


@dataclass(slots=True)
class DaskCluster:
    """The workers of one scheduler."""

    client: Any
    """Open client."""
    address: str
    """Of the scheduler, for messages."""
    patience_s: float
    """How long to wait for a first worker, and for a scheduler that is started again."""

    def each(
        self, work: BlockWork[Any], journal: BlockJournal, tasks: Iterator[BlockTask]
    ) -> Iterator[tuple[BlockTask, Made]]:
        """Yield every task when it is made; see `geo.runner.Cluster`.

        Raises
        ------
        AltdevError
            If the scheduler stays away, there is no worker that can do it, or a block cannot be made here either.
        """
        unfit: dict[str, str] = {}
        under_way: dict[Any, tuple[BlockTask, str]] = {}
        runs = _Runs(tasks)
        shared: Any = None
        able: dict[str, int] = {}
        look_at = 0.0
        try:
            while True:
                if time.monotonic() >= look_at:  # not for every block: the list of workers is long
                    able, look_at = self._able(unfit), time.monotonic() + _LOOK_S
                if shared is None:
                    # A task of its own, that the scheduler can have made again: data sent to workers die with them
                    shared = self.client.submit(_same, work, key=f"altdev-work-{uuid.uuid4().hex}", pure=False)
                only = able if unfit else None
                for worker, task in _handed_out(runs, able, [worker for _, worker in under_way.values()]):
                    under_way[self._submit(shared, journal, task, worker, only)] = task, worker
                if not under_way:
                    return
                for future in self._ended(list(under_way)):
                    task, _ = under_way.pop(future)
                    answer = self._answer(future)
                    if answer is None:  # the scheduler that knew of it is gone
                        runs.again(task)
                        shared, look_at = None, 0.0
                    elif isinstance(answer, Made):
                        yield task, answer
                    else:
                        unfit[answer.worker] = answer.why
                        look_at = 0.0
                        if answer.tried:  # here it is told what is wrong with the block, or that nothing is
                            _, seconds = make(work, journal, task, None)
                            yield task, Made(task.key, seconds)
                        else:
                            runs.again(task)
        finally:
            for future in under_way:
                future.cancel()

    def _able(self, unfit: dict[str, str]) -> dict[str, int]:
        """Return the workers that may be given something, and their threads; wait for a first one."""
        until = time.monotonic() + self.patience_s
        while True:
            try:
                workers = self.client.scheduler_info(n_workers=-1)["workers"]
                found = {str(address): int(one["nthreads"]) for address, one in workers.items()}
            except (OSError, RuntimeError, LookupError, AttributeError):  # between two schedulers
                found = None
            able = {address: threads for address, threads in (found or {}).items() if address not in unfit}
            if able:
                return able
            if time.monotonic() > until or self.client.status == "closed":
                raise self._nobody(found, unfit)
            time.sleep(0.1)

    def _nobody(self, found: dict[str, int] | None, unfit: dict[str, str]) -> AltdevError:
        """Return why nothing can be made any more."""
        if found is None or self.client.status == "closed":
            why = "no scheduler any more"
        elif found:
            why = f"no worker that can do it ({'; '.join(sorted(set(unfit.values())))})"
        else:
            why = f"no worker within {self.patience_s:g} s"
        remedy = "mend or start them and run the same command again; finished blocks are kept"
        return _told(self.address, why, "a scheduler with workers that can", remedy)

    def _submit(
        self, shared: Any, journal: BlockJournal, task: BlockTask, worker: str, only: dict[str, int] | None
    ) -> Any:
        """Hand a task to a worker, or to another if that one goes; to none but `only` where some are unfit."""
        return self.client.submit(
            _made,
            shared,
            journal,
            task,
            _versions(),
            key=f"altdev-block-{uuid.uuid4().hex}",
            pure=False,
            workers=[worker] if only is None else sorted(only),
            allow_other_workers=only is None,
        )

    def _ended(self, under_way: list[Any]) -> list[Any]:
        """Return the futures that are no longer pending, waiting a little for a first one."""
        from distributed import wait

        try:
            with self.client.as_current():
                wait(under_way, timeout=_PAUSE_S, return_when="FIRST_COMPLETED")  # type: ignore[no-untyped-call]
        except Exception as error:
            if not _is_of(error, "TimeoutError", "CancelledError", "FuturesCancelledError"):
                raise
        return [future for future in under_way if future.status != "pending"]

    def _answer(self, future: Any) -> Made | _Unfit | None:
        """Return what a worker answered; None when the scheduler that knew of it is gone."""
        if future.status in ("cancelled", "lost"):
            return None
        try:
            answer: Made | _Unfit = future.result(timeout=self.patience_s)
        except Exception as error:
            if _is_of(error, "CancelledError", "FuturesCancelledError", "CommClosedError"):
                return None
            if _is_of(error, "KilledWorker"):
                raise _told(
                    self.address,
                    "a block whose workers died one after the other",
                    "workers with room for it ('altdev plan' tells how much)",
                    "give them more memory or fewer threads; finished blocks are kept",
                ) from error
            raise
        return answer


class _Runs:
    """Tasks in runs of neighbours, one run for each worker; who has none left takes half of the longest.

    A block's neighbourhoods reach into the tiles around it: a worker that makes blocks from here and there decodes
    each of these tiles anew.
    """

    def __init__(self, tasks: Iterator[BlockTask]) -> None:
        self._tasks = tasks
        self._runs: dict[str, deque[BlockTask]] = {}
        self._first: list[BlockTask] = []

    def again(self, task: BlockTask) -> None:
        """Take back a task that was not done."""
        self._first.append(task)

    def next_for(self, worker: str, able: Collection[str]) -> BlockTask | None:
        """Return what a worker is to do next; None when nothing is left."""
        if self._first:
            return self._first.pop()
        for gone in self._runs.keys() - set(able):
            self._first.extend(self._runs.pop(gone))
        run = self._runs.setdefault(worker, deque())
        if not run:
            run.extend(islice(self._tasks, _RUN))
        if not run and self._first:
            return self._first.pop()
        if not run:
            longest = max(self._runs.values(), key=len)
            half = [longest.pop() for _ in range((len(longest) + 1) // 2)]
            run.extend(reversed(half))
        return run.popleft() if run else None


def _handed_out(runs: _Runs, able: Mapping[str, int], busy: Sequence[str]) -> Iterator[tuple[str, BlockTask]]:
    """Yield a worker and its next task until each has enough for all its threads."""
    held = Counter(busy)
    for worker, threads in able.items():
        for _ in range(_PER_THREAD * threads - held[worker]):
            task = runs.next_for(worker, able)
            if task is None:
                return
            yield worker, task


def _made(work: BlockWork[Any], journal: BlockJournal, task: BlockTask, expected: Versions) -> Made | _Unfit:
    """Make a block on a worker."""
    from distributed import get_worker

    worker = str(get_worker().address)
    differ = [f"{name} {here} here, {there} there" for (name, here), (_, there) in _pairs(expected, _versions())]
    if differ:
        return _Unfit(worker, f"other versions on a worker: {', '.join(differ)}", tried=False)
    try:
        result, seconds = make(work, None, task, _kept_open(id(work)))
    except AltdevError as error:
        return _Unfit(worker, str(error), tried=True)
    try:
        journal.write(task.key, work.packed(result), seconds=seconds)
    except AltdevError as error:
        return _Unfit(worker, str(error), tried=False)
    return Made(task.key, seconds)


@lru_cache(maxsize=1)
def _kept_open(_: int) -> OpenRasters:
    """Return the files that a worker keeps open for the work it is at."""
    return OpenRasters()


def _same(work: Any) -> Any:
    return work


def _pairs(expected: Versions, found: Versions) -> Iterator[tuple[tuple[str, str], tuple[str, str]]]:
    return ((one, other) for one, other in zip(expected, found, strict=True) if one != other)


@lru_cache(maxsize=1)
def _versions() -> Versions:
    """Return the versions of what decides the bits of a block."""

    def known(name: str) -> str:
        try:
            return version(name)
        except PackageNotFoundError:
            return "none"

    python = f"{sys.version_info.major}.{sys.version_info.minor}"
    return (("python", python), *((name, known(name)) for name in _LIBRARIES))


def _is_of(error: BaseException, *names: str) -> bool:
    """Say whether an error is of a class with one of these names; Dask has its own beside those of Python."""
    return any(kind.__name__ in names for kind in type(error).__mro__)


def _told(address: str, found: str, expected: str, remedy: str) -> AltdevError:
    return AltdevError(Problem(f"--scheduler {address}", found, expected, remedy))
