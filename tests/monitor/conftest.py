"""One small simulated survey, written once and run once for all tests that look at a run."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import pytest

from imagery.simulate.example import write_example

CORRECTIONS = """
[corrections]
eradication = "inputs/eradication.gpkg"
all_verified = true
small_lots = { value = 0.1, se = 0.02, source = "invented for this test" }
image_date = { "2021" = 2021-01-01 }

[[production]]
crop = "cannabis"
product = "dry herb"
region = "Jbel Amara"
vintage = "2024"
yield_kg_ha = 800.0
yield_se_kg_ha = 50.0
source = "invented for this test"

[production.licit]
zone = "ad"
authorised_ha = 0.5
region = "Jbel Amara"
vintage = "2024"
yield_kg_ha = 700.0
source = "invented for this test"
"""
"""Images before the season, so that the operations of that year come after them."""

KNOWN = ("2024,cannabis,cannabis\n",) * 38 + ("2024,cereal,cannabis\n",) * 2 + ("2024,cereal,cereal\n",) * 300
"""How interpreters read 340 units whose label is known."""

LOG = "run.log"
"""What the run of the example said, beside its folder."""

SIZE = 200
"""Cells on a side: large enough for every stratum, small enough for seconds."""


@dataclass(frozen=True, slots=True)
class Finished:
    """What a command ended with."""

    code: int
    """Exit code."""
    out: str
    """Standard output."""
    err: str
    """Standard error."""

    @property
    def lines(self) -> list[str]:
        """Lines of standard error."""
        return self.err.strip().splitlines()


def altdev(*arguments: str | Path) -> Finished:
    """Run the installed command line in a process of its own."""
    command = [sys.executable, "-m", "monitor.cli", *map(str, arguments)]
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=300)
    return Finished(done.returncode, done.stdout, done.stderr)


@pytest.fixture(scope="session")
def project(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return the folder of a small example; tests copy it before they change anything."""
    folder = tmp_path_factory.mktemp("example") / "rif"
    write_example("rif-cannabis", folder, seed=3, size=SIZE)
    text = (folder / "survey.toml").read_text()
    (folder / "inputs" / "known.csv").write_text("period,read,known\n" + "".join(KNOWN))
    readings = '\n[reference]\nknown = "inputs/known.csv"\n\n[reference.simulated]\n'
    text = text.replace("\n[reference.simulated]\n", readings)
    (folder / "survey.toml").write_text(
        text.replace("size = 600", "size = 300").replace("floor = 50", "floor = 20") + CORRECTIONS
    )
    return folder


@pytest.fixture(scope="session")
def finished_run(project: Path) -> Path:
    """Return the run folder of the small example, run to its end."""
    done = altdev("run", project / "survey.toml", "-v")
    assert done.code == 0, done.err
    (project.parent / LOG).write_text(done.out + done.err)
    return project / "run"


@pytest.fixture(scope="session")
def thin_project(project: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a copy of the example's inputs with every fifth scene, for tests that look at no figure."""
    folder = tmp_path_factory.mktemp("thin") / "copy"
    shutil.copytree(project, folder, ignore=shutil.ignore_patterns("run"))
    path = folder / "inputs" / "stac" / "catalog.json"
    catalog = json.loads(path.read_text())
    scenes = sorted(link["href"] for link in catalog["links"] if link["rel"] == "item")
    catalog["links"] = [{"rel": "item", "href": href} for href in scenes[::5]]
    path.write_text(json.dumps(catalog))
    for href in set(scenes) - set(scenes[::5]):
        shutil.rmtree((path.parent / href).parent)
    return folder


@pytest.fixture
def copy_of(project: Path, tmp_path: Path) -> Callable[[], Path]:
    """Return a function that gives a fresh copy of the example's inputs."""
    return partial(_copied, project, tmp_path)


@pytest.fixture
def thin_copy_of(thin_project: Path, tmp_path: Path) -> Callable[[], Path]:
    """Return a function that gives a fresh copy of the example's inputs with few scenes."""
    return partial(_copied, thin_project, tmp_path)


def _copied(source: Path, tmp_path: Path) -> Path:
    target = tmp_path / "copy"
    shutil.copytree(source, target, ignore=shutil.ignore_patterns("run"))
    return target
