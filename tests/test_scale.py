"""The plan of a country: simulated schedules against laws, and the page against the program."""

from __future__ import annotations

import tomllib

import numpy as np
import pytest

from benchmarks.scale import COSTS, PARAMETERS, Costs, plan_lines, simulated, source_lines
from tests.test_project import ROOT

QUIET = {"command_s": 0.0, "dispatch_s": 0.0, "dies_per_hour": 0.0, "returns_after_s": 0.0}


def schedule(block_s: list[float], workers: int, **changes: float) -> tuple[float, float, int]:
    """Return hours, busy share and blocks lost of a schedule."""
    settings = QUIET | changes
    found = simulated(np.array(block_s), workers, rng=np.random.default_rng(1), **settings)
    return found.hours * 3600, found.busy_share, found.lost


def test_a_schedule_by_hand() -> None:
    """Blocks of 4, 3, 2 and 1 s: two workers end after 5 s with all of their time at work, one after 10 s."""
    assert schedule([4, 3, 2, 1], 2) == (5, 1.0, 0)
    assert schedule([4, 3, 2, 1], 1) == (10, 1.0, 0)
    assert schedule([4, 3, 2, 1], 10)[0] == 4


def test_no_schedule_beats_its_slowest_part() -> None:
    """Law: neither the scheduler's nor the command's own time is overtaken by more workers."""
    blocks = [1.0] * 500
    assert schedule(blocks, 500, command_s=0.1)[0] == pytest.approx(1 + 50)
    assert schedule(blocks, 500, dispatch_s=0.1)[0] == pytest.approx(50 + 1)
    assert schedule(blocks, 5, command_s=0.1)[0] == pytest.approx(100, rel=0.01)


def test_dead_workers_cost_what_they_must() -> None:
    """Law: of blocks of t seconds, exp(r t) - 1 are lost for each made at a rate r, whatever the workers."""
    seconds, rate = 60.0, 6.0
    _, busy, lost = schedule([seconds] * 20_000, 50, dies_per_hour=rate)
    assert lost / 20_000 == pytest.approx(np.expm1(rate * seconds / 3600), rel=0.05)
    assert busy < 1


def test_the_page_is_what_the_program_prints() -> None:
    """Law: docs/scale.md holds the plan and the parameters, line by line."""
    parameters = tomllib.loads(PARAMETERS.read_text())
    page = (ROOT / "docs" / "scale.md").read_text().splitlines()
    told = [line for line in (*plan_lines(Costs.read(COSTS), parameters), *source_lines(parameters)) if line]
    missing = [line for line in told if line not in page]
    assert not missing
    assert len(told) > 30


def test_every_parameter_has_a_source_and_a_mark() -> None:
    """Law: no number without its source, and none that was not looked up passes for one that was."""
    for group in tomllib.loads(PARAMETERS.read_text()).values():
        for entry in group.values():
            if isinstance(entry, dict):
                assert entry["source"]
                assert entry["mark"] in ("measured", "found", "unverified")
