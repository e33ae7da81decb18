"""What a plan tells of the blocks of a survey, from its own scenes and settings."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from geo.raster import geobox_of
from monitor.config import load_survey
from monitor.context import Context
from monitor.dry_run import describe
from monitor.probing import probed
from monitor.steps.imagery import scene_inputs
from monitor.workflow import RunOptions
from tests.monitor.conftest import altdev


def test_a_forecast_reads_what_the_run_reads(project: Path, tmp_path: Path) -> None:
    """Oracle: one block that is the frame reads its share of every file, once for each step; nothing is written."""
    survey = load_survey(project / "survey.toml")
    context = Context(survey=survey, root=project, out=tmp_path / "run", jobs=2)
    told = probed(context, ["imagery:2024", "classify:2024", "train"])
    assert sorted(told) == ["classify:2024", "imagery:2024"]
    period = next(one for one in survey.period if one.name == "2024")
    files = scene_inputs(context, period)
    finest = max(files, key=lambda path: geobox_of(path).shape[0])
    grid, whole = context.frame.geobox.shape, geobox_of(finest).shape
    share = grid[0] * grid[1] / (whole[0] * whole[1])
    assert share < 0.9  # the scenes reach beyond the frame
    megabytes = share * sum(path.stat().st_size for path in files) / 1e6
    composing, mapping = (told[f"{verb}:2024"]["read_megabytes"] for verb in ("imagery", "classify"))
    assert composing == pytest.approx(megabytes, rel=0.1)
    assert composing < mapping < 1.3 * megabytes  # textures look at the cells around a block too
    for row in told.values():
        assert row["seconds"] > sum(row["block_seconds"]) > 0
        assert row["probed_blocks"] == 1
        assert row["peak_megabytes"] > 100
    assert not (tmp_path / "run").exists()
    json.dumps(told)


def test_few_blocks_are_not_probed(project: Path, tmp_path: Path) -> None:
    """A plan of a small survey takes no longer than it did, and tells no seconds."""
    options = RunOptions(out=tmp_path / "run")
    rows = describe(project / "survey.toml", options, None, probe=True)
    assert rows == describe(project / "survey.toml", options, None)
    assert not any("seconds" in row for row in rows)


def test_a_plan_is_told_with_and_without_probes(project: Path, tmp_path: Path) -> None:
    """The command takes both flags, and ends well."""
    done = altdev("plan", project / "survey.toml", "--no-probe", "-o", tmp_path / "run", "--jobs", "2")
    assert done.code == 0, done.err
    assert "imagery:2024" in done.out
