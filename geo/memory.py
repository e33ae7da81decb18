"""Memory that was freed, given back to the system: what the allocator keeps for later counts against a limit."""

from __future__ import annotations

import ctypes
import sys

__all__ = ["give_back"]


def give_back() -> bool:
    """Ask the C library to return what it holds free; between large stages, where nothing of it is asked for again.

    Returns
    -------
    bool
        Whether the library knows how; on other systems than Linux with glibc nothing is done.
    """
    if sys.platform != "linux":
        return False
    trim = getattr(ctypes.CDLL(None), "malloc_trim", None)
    if trim is None:
        return False
    trim(0)
    return True
