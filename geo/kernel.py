"""Loops over cells that no array function does well, compiled when first called and kept for later runs."""

from __future__ import annotations

from collections.abc import Callable
from typing import ParamSpec, TypeVar

from numba import njit

__all__ = ["compiled", "compiled_walk"]

Arguments = ParamSpec("Arguments")
Result = TypeVar("Result")


def compiled(function: Callable[Arguments, Result]) -> Callable[Arguments, Result]:
    """Return the function compiled to machine code; it holds no interpreter lock, so that threads run side by side.

    Sums of floats keep the order they are written in, so that results do not depend on a machine's vector width.
    """
    kernel: Callable[Arguments, Result] = njit(cache=True, nogil=True)(function)
    return kernel


def compiled_walk(function: Callable[Arguments, Result]) -> Callable[Arguments, Result]:
    """Return a generator compiled into the kernels that loop over it.

    It is kept with them and not by itself: the compiler finds no generator again that it did not make in the same
    process.
    """
    kernel: Callable[Arguments, Result] = njit(nogil=True)(function)
    return kernel
