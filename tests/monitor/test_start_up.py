"""What a command imports and opens, since that is what its user waits for; oracle: what the process holds and does.

A time would be of this machine; the sets of modules and files are the same everywhere.
"""

import json
import os
import subprocess
import sys
import time
from collections import Counter
from dataclasses import dataclass
from pathlib import Path

import pytest

from geo.errors import InputError, Problem
from monitor.check import check_survey
from monitor.start import write_project
from tests.monitor.survey_text import save, sound

HEAVY = {
    "dask", "distributed", "folium", "jinja2", "lightgbm", "matplotlib", "numba", "odc", "scipy", "sklearn",
    "torch",
}  # fmt: skip
OF_THE_WEB = {"boto3", "pystac_client", "requests"}
OF_INPUTS = {"geopandas", "pandas", "pyarrow", "pystac", "rasterio"}


@dataclass(frozen=True)
class Told:
    """What a command held and opened, and what it said."""

    modules: set[str]
    """Packages in memory at its end."""
    opened: Counter[str]
    """How often Python opened each file."""
    frozen: int
    """Objects that nobody looks through on the way out."""
    blas: str | None
    """How many threads of linear algebra whatever is started next is told to have."""
    code: int
    text: str


def told_by(*arguments: str) -> Told:
    """Run a command in a process of its own."""
    code = (
        "import gc, json, os, sys\n"
        "opened = []\n"
        "sys.addaudithook(lambda event, about: event == 'open' and opened.append(str(about[0])))\n"
        "from monitor.cli import main\n"
        "sys.argv = ['altdev', *json.loads(sys.argv[1])]\n"
        "try:\n    main()\n"
        "finally:\n"
        "    held = [*{name.partition('.')[0] for name in sys.modules}]\n"
        "    surroundings = os.environ.get('OPENBLAS_NUM_THREADS')\n"
        "    print('HELD', json.dumps([held, opened, gc.get_freeze_count(), surroundings]))\n"
    )
    surroundings = {name: value for name, value in os.environ.items() if name != "OPENBLAS_NUM_THREADS"}
    run = subprocess.run(
        [sys.executable, "-c", code, json.dumps(arguments)],
        capture_output=True,
        text=True,
        check=False,
        env=surroundings,
    )
    said, _, held = run.stdout.rpartition("HELD")
    modules, opened, frozen, blas = json.loads(held)
    return Told(
        modules=set(modules),
        opened=Counter(opened),
        frozen=frozen,
        blas=blas,
        code=run.returncode,
        text=said + run.stderr,
    )


def test_help_imports_nothing_that_a_survey_needs() -> None:
    """The list of verbs is there before any library is."""
    told = told_by("--help")
    assert told.code == 0
    assert "check" in told.text
    assert not told.modules & (HEAVY | OF_INPUTS | {"numpy", "pydantic", "shapely"})


def test_a_mistake_in_the_survey_file_is_told_before_anything_is_opened(tmp_path: Path) -> None:
    """Neither the mistake nor the inputs that are not there take the libraries that would open them."""
    content = sound()
    content["area"]["resolution_m"] = "ten"
    path = save(tmp_path, content)
    told = told_by("check", str(path))
    assert told.code == 2
    assert "resolution_m" in told.text
    assert not told.modules & (HEAVY | OF_INPUTS)
    assert told.blas is None
    assert told.frozen > 1000  # all that was imported


def test_check_opens_each_input_once_and_loads_nothing_that_estimates(tmp_path: Path) -> None:
    """A survey with every kind of input, all of this machine: neither classifier nor page, web nor cluster."""
    survey = write_project(tmp_path, example="andes-coca", seed=1)
    told = told_by("check", str(survey))
    assert (told.code, "no problems found" in told.text) == (0, True), told.text
    assert told.modules >= {"rasterio", "geopandas"}  # the measure works: this survey has inputs of both kinds
    assert not told.modules & (HEAVY | OF_THE_WEB)
    inputs = survey.parent / "inputs"
    times = {path: told.opened[str(path)] for path in inputs.rglob("*") if path.suffix in (".gpkg", ".tif")}
    assert {count for path, count in times.items() if (inputs / "stac") in path.parents} == {1}
    # What two settings name, a mask whose cells are read beside its head, and a file of two layers
    named_twice = {"dem", "land_cover_2021", "rivers", "roads"}
    often = {path.stem for path, count in times.items() if count > 1}
    assert often <= named_twice | {"agricultural_mask", "species"}


def test_numpy_is_loaded_without_threads_of_its_own() -> None:
    """Brute force: the threads of the process are counted; a variable that the user set is given back."""
    code = (
        "import os\nfrom monitor.cli import _load_numpy_alone as load\nload()\n"
        "print(len(os.listdir('/proc/self/task')), os.environ['OPENBLAS_NUM_THREADS'])"
    )
    if not Path("/proc/self/task").is_dir():
        pytest.skip("this system does not list the threads of a process")
    environment = os.environ | {"OPENBLAS_NUM_THREADS": "3"}
    told = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, env=environment)
    assert told.stdout.split() == ["1", "3"]


@pytest.mark.parametrize("cores", [1, 2, 8])
def test_what_threads_find_is_told_in_the_order_of_the_inputs(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, cores: int
) -> None:
    """Law: not in the order in which threads end; and an error in one of them is one more problem."""
    monkeypatch.setattr("os.cpu_count", lambda: cores)

    def slow_first(path: Path) -> list[Problem]:
        time.sleep(0.2 if path.stem == "mask" else 0.0)
        if path.stem == "ground":
            raise InputError(Problem(path.name, "an error", "none"))
        return [Problem(path.name, "a fault", "none")]

    monkeypatch.setattr("geo.raster.check_raster", slow_first)
    content = sound()
    content["area"]["agricultural_mask"] = "mask.tif"
    content["map"] = {"elevation": "relief.tif"}
    content["imagery"]["elevation"] = "ground.tif"
    interval = sys.getswitchinterval()
    problems, code = check_survey(save(tmp_path, content))
    assert code == 3
    assert [one.where for one in problems if one.where.endswith(".tif")] == ["mask.tif", "relief.tif", "ground.tif"]
    assert sys.getswitchinterval() == interval
