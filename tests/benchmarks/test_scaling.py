"""How a job grows faster: the fit against a law, the schedule by hand, and the pages against the turns kept."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import rasterio
from affine import Affine

from benchmarks.growth import drawn
from benchmarks.scaling import KEPT, Turn, amdahl, different, lines, panels, read, scheduled_s

ROOT = Path(__file__).resolve().parents[2]
SPENT = {"wall_s": 10.0, "cpu_s": 10.0, "peak_mib": 1.0, "first_s": 1.0, "laid_s": 0.0, "finish_s": 1.0}


def test_what_one_alone_spends_is_found_again() -> None:
    """Law: seconds made as 3 + 40 / n have 3 alone and 40 shared; those that rise with n have none to share."""
    counts = [1, 2, 4, 8, 16]
    assert amdahl(counts, [3 + 40 / n for n in counts]) == pytest.approx((3, 40))
    assert amdahl(counts, [10 + n for n in counts])[1] == 0


def test_a_schedule_from_its_first_block_by_hand() -> None:
    """Two workers, blocks of 1, 2, 2 and 1 s: all made after 3 s, of which the first took one."""
    turn = Turn(
        way="workers",
        count=2,
        blocks_s=4.0,
        command_s=0.0,
        hectares_s=1.0,
        block_s=(1.0, 2.0, 2.0, 1.0),
        block_cpu_s=(),
        **SPENT,
    )
    assert scheduled_s(turn) == pytest.approx(2, abs=0.02)
    assert turn.once_s == 4


def test_results_that_differ_are_named(tmp_path: Path) -> None:
    """Law: other bytes with the same cells are the same raster; one other cell, or another table, is not."""
    cells = np.arange(64, dtype=np.uint8).reshape(8, 8)
    made = {"first": (cells, "NONE"), "packed": (cells, "DEFLATE"), "other": (cells[::-1], "NONE")}
    for name, (values, packing) in made.items():
        (tmp_path / name).mkdir()
        (tmp_path / name / "hectares.csv").write_text("1" if name != "other" else "2")
        grid = {"crs": "EPSG:32618", "transform": Affine(10, 0, 0, 0, -10, 0), "height": 8, "width": 8}
        with rasterio.open(
            tmp_path / name / "class.tif", "w", driver="GTiff", count=1, dtype="uint8", compress=packing, **grid
        ) as out:
            out.write(values, 1)
    assert different(tmp_path / "first", tmp_path / "packed") == []
    assert different(tmp_path / "first", tmp_path / "other") == ["class.tif", "hectares.csv"]


def test_the_pages_are_what_the_program_prints() -> None:
    """Law: docs/performance.md and docs/cluster.md hold the tables of the turns kept, and the plot is theirs."""
    _, turns = read(KEPT)
    pages = "\n".join((ROOT / "docs" / name).read_text() for name in ("performance.md", "cluster.md")).splitlines()
    told = [line for line in lines(turns) if line.startswith("|")]
    assert [line for line in told if line not in pages] == []
    assert len(told) > 20
    assert (ROOT / "docs" / "images" / "scaling.svg").read_text() == drawn(panels(turns))
