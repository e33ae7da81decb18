"""`--scheduler`: a run whose blocks Dask workers make; oracle: the run made here, file by file."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

from tests.geo.test_cluster import Processes
from tests.monitor.conftest import altdev


def test_a_run_on_a_cluster_is_the_run_made_here(
    copy_of: Callable[[], Path], finished_run: Path, tmp_path: Path
) -> None:
    """Imagery and maps are the same to the byte; the address stands nowhere in the run folder."""
    processes = Processes(tmp_path)
    survey = copy_of() / "survey.toml"
    try:
        processes.scheduler()
        processes.worker()
        done = altdev("classify", survey, "--scheduler", processes.address)
    finally:
        processes.stop()
    assert done.code == 0, done.err
    out = survey.parent / "run"
    here = json.loads((finished_run / "manifest.json").read_text())["steps"]
    there = json.loads((out / "manifest.json").read_text())["steps"]
    assert {"imagery:2024", "classify:2024"} <= set(there)
    for step, record in there.items():
        assert record["outputs"] == here[step]["outputs"], step
        assert record["facts"] == here[step]["facts"], step
    assert processes.address.removeprefix("tcp://") not in (out / "manifest.json").read_text()


def test_a_scheduler_that_does_not_answer_is_one_line(copy_of: Callable[[], Path]) -> None:
    """Nothing is begun, and there is no traceback."""
    survey = copy_of() / "survey.toml"
    done = altdev("classify", survey, "--scheduler", "tcp://127.0.0.1")
    assert done.code == 1
    assert len(done.lines) == 1
    assert "--scheduler tcp://127.0.0.1: found no address of a scheduler" in done.lines[0]
    assert not (survey.parent / "run").exists()


def test_blocks_behind_a_link_are_refused(project: Path, tmp_path: Path) -> None:
    """A run folder may come from elsewhere: what a link in it leads to is never deleted."""
    home = tmp_path / "home"
    (home / "letters").mkdir(parents=True)
    (home / "letters" / "a.txt").write_text("mine")
    (tmp_path / "run").mkdir()
    (tmp_path / "run" / ".blocks").symlink_to(home)
    done = altdev("imagery", project / "survey.toml", "-o", tmp_path / "run", "--no-resume")
    assert done.code == 3
    assert "found a link" in done.err
    assert (home / "letters" / "a.txt").read_text() == "mine"
