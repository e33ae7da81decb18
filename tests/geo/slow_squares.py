"""A work for the tests of clusters: its result is known, and it can be slow, die, or refuse a place."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from geo.blocks import Block
from geo.errors import InputError, Problem

__all__ = ["SlowSquares"]


@dataclass(frozen=True)
class SlowSquares:
    """The row and column of each cell, then cells without pattern that fill a disk, then who made the block."""

    pause_s: float = 0.0
    """How long a block takes."""
    dies_at: Block | None = None
    """Block at which the process that makes it dies,"""
    once: Path = Path()
    """unless this file stands, which it then leaves."""
    at_home: int = 0
    """Process that alone can read the inputs; 0 for all, -1 for none."""

    def __call__(self, block: Block, cells: NDArray[np.bool_], _: Any) -> dict[str, NDArray[Any]]:
        """Make a block."""
        time.sleep(self.pause_s)
        if block == self.dies_at and not self.once.is_file():
            self.once.touch()
            os.kill(os.getpid(), signal.SIGKILL)
        if self.at_home and os.getpid() != self.at_home:
            raise InputError(Problem("inputs/a.tif", "no such file", "a raster", "correct the path"))
        row, col = np.indices(cells.shape)
        noise = np.random.default_rng([block.row, block.col]).integers(0, 256, (64, 1024), dtype=np.uint8)
        squares = np.where(cells, row + block.row + 1000 * (col + block.col), -1)
        return {"squares": squares, "noise": noise, "process": np.array([os.getpid()])}

    @staticmethod
    def around(block: Block) -> Block:
        """Return the block."""
        return block

    @staticmethod
    def key(block: Block, cells: NDArray[np.bool_]) -> str:
        """Return a fingerprint."""
        return f"{block.row:04x}{block.col:04x}{cells.sum():08x}"

    @staticmethod
    def packed(result: Mapping[str, NDArray[Any]]) -> Mapping[str, NDArray[Any]]:
        """Return the block as it is."""
        return result

    @staticmethod
    def unpacked(arrays: Mapping[str, NDArray[Any]]) -> Mapping[str, NDArray[Any]]:
        """Return the block as it is."""
        return arrays
