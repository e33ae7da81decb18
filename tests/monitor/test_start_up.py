"""What a command imports, since that is what its user waits for; oracle: the modules that the process holds.

A time would be of this machine; the set of modules is the same everywhere.
"""

import json
import subprocess
import sys
from pathlib import Path

import pytest

from monitor.start import write_project
from tests.monitor.survey_text import save, sound

HEAVY = {"distributed", "folium", "lightgbm", "matplotlib", "numba", "scipy", "sklearn", "torch"}
# dask is not in the set: odc.geo imports it wherever it is installed
OF_THE_WEB = {"boto3", "pystac_client", "requests"}
OF_INPUTS = {"geopandas", "odc", "pandas", "pyarrow", "pystac", "rasterio"}


def modules_of(*arguments: str) -> tuple[set[str], int, str]:
    """Return the packages that a command holds when it has ended, its exit code and its output."""
    code = (
        "import json, sys\n"
        "from monitor.cli import main\n"
        "sys.argv = ['altdev', *json.loads(sys.argv[1])]\n"
        "try:\n    main()\n"
        "finally:\n    print('MODULES', *{name.partition('.')[0] for name in sys.modules})\n"
    )
    run = subprocess.run(
        [sys.executable, "-c", code, json.dumps(arguments)], capture_output=True, text=True, check=False
    )
    told, _, modules = run.stdout.rpartition("MODULES")
    return set(modules.split()), run.returncode, told + run.stderr


def test_help_imports_nothing_that_a_survey_needs() -> None:
    """The list of verbs is there before any library is."""
    modules, code, told = modules_of("--help")
    assert code == 0
    assert "check" in told
    assert not modules & (HEAVY | OF_INPUTS | {"numpy", "pydantic", "shapely"})


def test_a_mistake_in_the_survey_file_is_told_before_anything_is_opened(tmp_path: Path) -> None:
    """Neither the mistake nor the inputs that are not there take the libraries that would open them."""
    content = sound()
    content["area"]["resolution_m"] = "ten"
    path = save(tmp_path, content)
    modules, code, told = modules_of("check", str(path))
    assert code == 2
    assert "resolution_m" in told
    assert not modules & (HEAVY | {"geopandas", "pandas"})


@pytest.mark.parametrize("example", ["andes-coca"])
def test_check_opens_inputs_without_what_estimates_from_them(tmp_path: Path, example: str) -> None:
    """A survey with every kind of input, all of this machine, is checked without classifier, page and web."""
    modules, code, told = modules_of("check", str(write_project(tmp_path / example, example=example, seed=1)))
    assert (code, "no problems found" in told) == (0, True), told
    assert modules >= {"rasterio", "geopandas"}  # the measure works: this survey has inputs of both kinds
    assert not modules & (HEAVY | OF_THE_WEB)
