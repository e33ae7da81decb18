"""Tests collected once in a process that is forked for each try, so that no try pays for starting or importing."""

from __future__ import annotations

import gc
import importlib.abc
import importlib.util
import os
import resource
import select
import signal
import sys
import time
import traceback
from collections.abc import Callable, Iterable, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from functools import _lru_cache_wrapper
from pathlib import Path
from types import CodeType, FunctionType
from typing import Any

import pytest
from hypothesis import HealthCheck, Phase, settings

__all__ = [
    "ROOT", "Ended", "Suite", "first_failure_anew", "forget_ours", "forked", "functions_below",
    "limit_processor", "replace_functions", "with_tests",
]  # fmt: skip

ROOT = Path(__file__).resolve().parents[2]
OURS = ("geo", "aoi", "imagery", "maps", "monitor", "tests")
"""Packages that are imported anew where a change acts when a module is imported."""
MOST_BYTES = 12 << 30
"""Address space of a try: a changed size may ask for any."""
_OPTIONS = (
    *("-q", "-s", "-p", "no:cacheprovider", "--no-header", "--no-summary", "-m", "not slow and not browser"),
    *("-W", "ignore::pytest.PytestAssertRewriteWarning"),  # hypothesis is here already
)
LONGEST_WAIT_S = 900
"""By the clock, for a try that waits for something which never comes."""


@dataclass(frozen=True)
class Ended:
    """How a forked process ended: by itself, with its answer, or by a signal."""

    answer: str
    signal: int


def forked(work: Callable[[], str]) -> Ended:
    """Run `work` in a forked process, silently; give its answer back.

    Raises
    ------
    RuntimeError
        If `work` raises.
    """
    source, target = os.pipe()
    child = os.fork()
    if child == 0:
        os.setpgid(0, 0)
        code = 99
        try:
            quiet = os.open(os.devnull, os.O_RDWR)
            for number in (0, 1, 2):
                os.dup2(quiet, number)
            resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
            resource.setrlimit(resource.RLIMIT_AS, (MOST_BYTES, MOST_BYTES))
            answer = work().encode()
            code = 0
        except BaseException:  # noqa: BLE001  (told to the parent, which raises)
            answer = traceback.format_exc().encode()
        finally:
            with os.fdopen(target, "wb") as pipe:
                pipe.write(answer)
            os._exit(code)
    os.close(target)
    read = _read_all(source, child)
    _, status = os.waitpid(child, 0)
    with suppress(ProcessLookupError):
        os.killpg(child, signal.SIGKILL)  # what it may have started
    if os.WIFEXITED(status) and os.WEXITSTATUS(status) == 99:
        raise RuntimeError(f"the forked process failed:\n{read}")
    return Ended(read, os.WTERMSIG(status) if os.WIFSIGNALED(status) else 0)


def _read_all(source: int, child: int) -> str:
    deadline = time.monotonic() + LONGEST_WAIT_S
    parts = []
    with os.fdopen(source, "rb", buffering=0) as pipe:
        while True:
            ready, _, _ = select.select([pipe], [], [], max(0.0, deadline - time.monotonic()))
            if not ready:
                os.killpg(child, signal.SIGKILL)
                break
            part = pipe.read(1 << 16)
            if not part:
                break
            parts.append(part)
    return b"".join(parts).decode()


@dataclass(eq=False)
class Suite:
    """Tests that were collected, by their ids."""

    items: dict[str, pytest.Item]
    _failed: list[str] = field(default_factory=list)
    _skipped: list[str] = field(default_factory=list)

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        """Note what fails and what is skipped."""
        if report.failed:
            self._failed.append(report.nodeid)
        elif report.skipped:
            self._skipped.append(report.nodeid)

    def run(self, name: str) -> str:
        """Run one test here; return ``passed``, ``failed`` or ``skipped``."""
        self._failed.clear()
        self._skipped.clear()
        item = self.items[name]
        item.config.hook.pytest_runtest_protocol(item=item, nextitem=None)
        return "failed" if self._failed else "skipped" if self._skipped else "passed"

    def first_failure(self, names: Sequence[tuple[str, float]]) -> str:
        """Run tests in order until one fails; return its name, or none.

        Parameters
        ----------
        names
            Tests, and the seconds of processor time each may take: the process dies of one that takes more.
        """
        for name, most_s in names:
            limit_processor(most_s)
            if self.run(name) == "failed":
                return name
        return ""


def limit_processor(more_s: float) -> None:
    """Let this process die once it has used so many more seconds of processor time."""
    used = time.process_time()
    resource.setrlimit(resource.RLIMIT_CPU, (int(used + more_s) + 1, resource.RLIM_INFINITY))


def with_tests(paths: Iterable[str], work: Callable[[Suite], None]) -> None:
    """Collect the tests of some paths, and do `work` with them.

    Raises
    ------
    RuntimeError
        If they cannot be collected.
    """
    _steady_examples()

    class Loop:
        done = False

        @pytest.hookimpl(tryfirst=True)
        def pytest_runtestloop(self, session: pytest.Session) -> bool:
            if session.testsfailed:
                return True
            suite = Suite({item.nodeid: item for item in session.items})
            session.config.pluginmanager.register(suite)
            _empty_caches()
            work(suite)
            self.done = True
            return True

    loop = Loop()
    os.chdir(ROOT)
    pytest.main([*_OPTIONS, *paths], plugins=[loop])
    if not loop.done:
        raise RuntimeError("the tests could not be collected, or the work failed; see above")


def _objects() -> list[Any]:
    """Return all objects of this process, with those that a command which ended in it has set aside."""
    gc.unfreeze()
    return gc.get_objects()


def _empty_caches() -> None:
    """Forget results that collection has cached, which a change would not reach."""
    for thing in _objects():
        if isinstance(thing, _lru_cache_wrapper) and thing.__module__.split(".")[0] in OURS:
            thing.cache_clear()


def _steady_examples() -> None:
    """Let hypothesis make the same examples in each try, keep none, shrink none, and mind no slowness."""
    settings.register_profile(
        "mutants",
        derandomize=True,
        database=None,
        deadline=None,
        phases=(Phase.explicit, Phase.generate),
        suppress_health_check=list(HealthCheck),
    )
    settings.load_profile("mutants")


Key = tuple[str, str, int]
"""File of a function, its name with what it stands in, and its first line."""


def functions_below(folder: Path) -> dict[Key, list[FunctionType]]:
    """Return every function of this process that was read from a file below a folder."""
    found: dict[Key, list[FunctionType]] = {}
    for thing in _objects():
        if type(thing) is FunctionType and thing.__code__.co_filename.startswith(f"{folder}/"):
            found.setdefault(_key(thing.__code__), []).append(thing)
    return found


def _key(code: CodeType) -> Key:
    return code.co_filename, code.co_qualname, code.co_firstlineno


def replace_functions(functions: dict[Key, list[FunctionType]], changed: CodeType) -> int:
    """Give functions the code of a changed module where it differs; return how many got it."""
    number = 0
    for constant in changed.co_consts:
        if not isinstance(constant, CodeType):
            continue
        for function in functions.get(_key(constant), []):
            if function.__code__ != constant:
                function.__code__ = constant
                number += 1
        number += replace_functions(functions, constant)
    return number


class _Finder(importlib.abc.MetaPathFinder, importlib.abc.Loader):
    """Gives changed code in the place of a module's own."""

    def __init__(self, name: str, path: Path, code: CodeType) -> None:
        self._name, self._path, self._code = name, path, code

    def find_spec(self, name: str, *_: Any, **__: Any) -> Any:
        """Find the changed module, and no other."""
        return importlib.util.spec_from_loader(name, self, origin=str(self._path)) if name == self._name else None

    def create_module(self, spec: Any) -> None:
        """Let Python make the module."""

    def exec_module(self, module: Any) -> None:
        """Run the changed code; its file is the real one, for what looks beside it."""
        module.__file__ = str(self._path)
        exec(self._code, module.__dict__)


def forget_ours() -> None:
    """Let all that is ours be imported anew."""
    for name in [name for name in sys.modules if name.split(".")[0] in OURS]:
        del sys.modules[name]


def first_failure_anew(module: str, code: CodeType, names: Sequence[tuple[str, float]]) -> str:
    """Import all that is ours anew with a changed module; run tests until one fails; return its name, or none."""
    forget_ours()
    dotted = module.removesuffix(".py").replace("/", ".")
    found: list[str] = []

    class Anew:
        @pytest.hookimpl(tryfirst=True)
        def pytest_load_initial_conftests(self) -> None:
            # after pytest's own finder was put first, and before anything of ours is imported
            sys.meta_path.insert(0, _Finder(dotted, ROOT / module, code))

        @pytest.hookimpl(tryfirst=True)
        def pytest_runtestloop(self, session: pytest.Session) -> bool:
            if session.testsfailed:
                found.append("collection")
                return True
            suite = Suite({item.nodeid: item for item in session.items})
            session.config.pluginmanager.register(suite)
            wanted = dict(names)
            there = [pair for pair in names if pair[0] in suite.items]
            # a changed number may rename a test with parameters
            renamed = {_function(name) for name in wanted if name not in suite.items}
            there += [(name, 60.0) for name in suite.items if name not in wanted and _function(name) in renamed]
            found.append(suite.first_failure(there))
            return True

    limit_processor(60 + sum(most_s for _, most_s in names))
    functions = sorted({_function(name) for name, _ in names})
    code_of_run = pytest.main([*_OPTIONS, *functions], plugins=[Anew()])
    return found[0] if found else f"collection ({int(code_of_run)})"


def _function(name: str) -> str:
    return name.split("[")[0]
