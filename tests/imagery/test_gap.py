"""Gap counts: literal cells and the law that parts add up."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from geo.cog import write_cog
from imagery.gap import GapCount, GapReport, gap_count, gaps_by_unit
from tests.imagery.world import grid


def test_kinds_of_gaps_by_hand() -> None:
    """Literal: five cells seen 0, 1, 2, 3 and 4 times; one of them only between the windows."""
    total = np.array([0, 1, 2, 3, 4])
    windows = [np.array([0, 0, 0, 2, 2]), np.array([0, 0, 1, 1, 2])]
    found = gap_count(total, windows, least=3)
    assert found == GapCount(
        cells=5, never_seen=1, too_few=2, outside_windows=1, window_missing=(3, 2), observations=10
    )


def test_parts_add_up() -> None:
    """Law: the count of a frame is the sum over its blocks."""
    rng = np.random.default_rng(0)
    total = rng.integers(0, 6, 100)
    windows = [np.minimum(total, rng.integers(0, 3, 100)) for _ in range(3)]
    whole = gap_count(total, windows, least=3)
    halves = [
        gap_count(total[part], [window[part] for window in windows], 3) for part in (slice(50), slice(50, 100))
    ]
    assert halves[0] + halves[1] == whole
    assert GapCount() + whole == whole


def test_shares_of_a_report() -> None:
    """Literal: shares of the frame, lost scenes by name; an empty frame has no gap."""
    count = gap_count(np.array([0, 1, 5, 5]), [np.array([0, 1, 2, 2])], least=3)
    record = GapReport(count=count, windows=("late",), lost_scenes=(("S1", "cut short"),)).record()
    assert record["never_seen_share"] == 0.25
    assert record["too_few_share"] == 0.25
    assert record["window_missing_share"] == {"late": 0.25}
    assert record["lost_scenes"] == [{"scene": "S1", "reason": "cut short"}]
    assert GapReport(count=GapCount(), windows=("late",)).record()["never_seen_share"] == 0.0


def test_gaps_of_units_add_up_to_those_of_the_frame(tmp_path: Path) -> None:
    """Brute force: the cells of each unit counted by themselves, over blocks; cells outside belong to none."""
    rng = np.random.default_rng(1)
    shape = (600, 530)
    counts = rng.integers(0, 5, (3, *shape)).astype(np.uint16)
    units = rng.integers(0, 4, shape)
    units[:, :9] = 0
    write_cog(tmp_path / "valid_count.tif", counts, grid(*shape))
    found = gaps_by_unit(tmp_path / "valid_count.tif", grid(*shape), units, units=3, least=3)
    for unit in (1, 2, 3):
        cells = counts[:, units == unit]
        assert found[unit - 1] == gap_count(cells[0], [cells[1], cells[2]], 3)
    assert sum(entry.cells for entry in found) == (units > 0).sum()
