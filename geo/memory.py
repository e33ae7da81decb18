"""Memory that was freed: kept while blocks of the same size follow each other, given back to the system after."""

from __future__ import annotations

import ctypes
import sys
from functools import cache
from typing import Any

__all__ = ["give_back", "keep"]

_TRIM_THRESHOLD, _TOP_PAD, _MMAP_THRESHOLD, _ARENA_MAX = -1, -2, -3, -8  # of mallopt(3)
_MIB = 2**20


def give_back() -> bool:
    """Ask the C library to return what it holds free; between large stages, where nothing of it is asked for again.

    Returns
    -------
    bool
        Whether the library knows how; on other systems than Linux with glibc nothing is done.
    """
    trim = _of_the_library("malloc_trim")
    if trim is None:
        return False
    trim(0)
    return True


@cache
def keep() -> bool:
    """Let the C library keep what is freed for what is asked for next, once in a process.

    By itself it hands large arrays back to the system as they are freed and asks for them again with every part of
    every block, and the system clears each page of them anew. At most 128 MiB at the end of the heap stay free;
    `give_back` returns them too. Threads that begin later share the heap: those of their own are of 64 MiB at most,
    and are handed back whole.

    Returns
    -------
    bool
        Whether the library knows how; on other systems than Linux with glibc nothing is done.
    """
    option = _of_the_library("mallopt")
    if option is None:
        return False
    wanted = {_MMAP_THRESHOLD: 32 * _MIB, _TRIM_THRESHOLD: 128 * _MIB, _TOP_PAD: 4 * _MIB, _ARENA_MAX: 1}
    return all(option(name, size) for name, size in wanted.items())


def _of_the_library(name: str) -> Any:
    """Return a function of the C library; None where it has none of that name, and on other systems than Linux."""
    return getattr(ctypes.CDLL(None), name, None) if sys.platform == "linux" else None
