"""The driver of the examples: names, skips, and the file it hands on."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest

from examples import run as driver

ROOT = Path(__file__).resolve().parents[2]


def test_every_example_has_its_readme_and_program() -> None:
    """Literal: the three real examples can be run, and all four say what they are."""
    assert driver.names() == ["calaveras", "cerrado", "colombia"]
    for name in (*driver.names(), "simulated"):
        assert (ROOT / "examples" / name / "README.md").is_file()


@pytest.mark.parametrize("name", ["calaveras", "cerrado", "colombia"])
def test_skips_in_one_line_where_the_data_are_absent(name: str, tmp_path: Path) -> None:
    """Literal: one line that begins with skipped, exit code 0, nothing written."""
    command = [sys.executable, "examples/run.py", name, "--cases", str(tmp_path), "--out", str(tmp_path / "out")]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0
    assert re.fullmatch(rf"skipped: {name} needs .*\n", done.stdout)
    assert done.stderr == ""
    assert list(tmp_path.iterdir()) == []


def test_data_elsewhere(tmp_path: Path) -> None:
    """Literal: with another folder of cases the example's file is copied beside the output and names it."""
    copy = driver.placed("colombia", Path("/data/cases"), tmp_path / "out")
    assert copy == tmp_path / "out.toml"
    text = copy.read_text()
    assert "/data/cases/colombia/col_municipios_dane_prism.gpkg" in text
    assert driver.DEFAULT_CASES not in text
    default = (ROOT / "examples" / "colombia" / driver.DEFAULT_CASES).resolve()
    assert driver.placed("colombia", default, tmp_path / "out") == ROOT / "examples" / "colombia" / "survey.toml"
