"""Processes that are timed: their own memory and seconds, and what they say when they fail."""

from __future__ import annotations

import sys

import numpy as np
import pytest

from benchmarks.end_to_end import timed


def test_memory_is_that_of_the_process_alone() -> None:
    """Law: a process that holds hardly anything is told as such, however much who started it holds."""
    held = np.ones(40_000_000)  # 305 MiB
    run = timed([sys.executable, "-I", "-S", "-c", "bytearray(50 << 20)"])
    assert 50 < run.peak_mib < 150 < held.nbytes / 2**20
    assert 0 < run.cpu_s < 60


def test_a_process_that_fails_is_told_with_its_words() -> None:
    """Attack: a peer that ends early must not count as a fast one."""
    with pytest.raises(RuntimeError, match="no such scene"):
        timed([sys.executable, "-c", "raise SystemExit('no such scene')"])
