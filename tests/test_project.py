"""Rules of the house that no type checker sees: one maker of figures, equal dependency lists, no machine named."""

from __future__ import annotations

import ast
import re
import subprocess
import tomllib
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
PACKAGES = ("geo", "aoi", "imagery", "maps", "monitor")
CONDA_NAMES = {"lightgbm": "lightgbm", "playwright": "playwright-python"}
CONDA_ONLY = {"python", "make", "pip", "pip:"}


def requirement_name(text: str) -> str:
    """Return the name of a requirement such as ``numpy>=2.0``."""
    return re.split(r"[<>=!~ \[]", text.strip(), maxsplit=1)[0].lower()


def project() -> dict[str, object]:
    """Return the project table of pyproject.toml."""
    content: dict[str, object] = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    return content


def requirements() -> list[str]:
    """Return the requirements of the program and of its tests."""
    table = project()
    extras = table["optional-dependencies"]
    assert isinstance(extras, dict)
    assert isinstance(table["dependencies"], list)
    return [*table["dependencies"], *extras["test"]]


def tracked(*suffixes: str) -> list[Path]:
    """Return tracked files with these suffixes; every file when none is given."""
    names = subprocess.run(["git", "ls-files", "-z"], cwd=ROOT, capture_output=True, text=True, check=True).stdout
    paths = [ROOT / name for name in names.split("\0") if name]
    return [path for path in paths if path.is_file() and (not suffixes or path.suffix in suffixes)]


def test_environment_and_pyproject_name_the_same_packages() -> None:
    """Law: the conda environment and the Python project ask for the same things, with the same lower bounds."""
    after = (ROOT / "environment.yml").read_text().split("dependencies:")[1]
    listed = [line.strip()[2:] for line in after.splitlines() if line.strip().startswith("- ")]
    conda = {requirement_name(entry): entry.replace(" ", "") for entry in listed}
    ours = {CONDA_NAMES.get(requirement_name(r), requirement_name(r)): r.replace(" ", "") for r in requirements()}
    assert set(conda) - CONDA_ONLY == set(ours)
    for name, text in ours.items():
        assert conda[name].split(">=")[1] == text.split(">=")[1], name


def test_constraints_pin_every_requirement_and_name_no_address() -> None:
    """Law: each requirement is pinned to one tested version, and the file holds nothing but names and versions."""
    lines = [
        line for line in (ROOT / "constraints.txt").read_text().splitlines() if line and not line.startswith("#")
    ]
    assert all(re.fullmatch(r"[A-Za-z0-9_.-]+==[A-Za-z0-9_.+!-]+", line) for line in lines)
    pinned = {line.split("==")[0].lower().replace("_", "-") for line in lines}
    missing = {requirement_name(r).replace("_", "-") for r in requirements()} - pinned
    assert not missing


def test_only_the_survey_package_makes_estimates() -> None:
    """Law: `Estimate(...)` is called in aoi.survey alone, so that no pixel count becomes a figure."""
    guilty = [
        f"{path.relative_to(ROOT)}:{line}"
        for path in tracked(".py")
        if path.relative_to(ROOT).parts[0] in PACKAGES and path.relative_to(ROOT).parts[:2] != ("aoi", "survey")
        for line in calls_of(path, "Estimate")
    ]
    assert guilty == []


def calls_of(path: Path, name: str) -> list[int]:
    """Return the lines of a module on which something of this name is called."""
    calls = [node for node in ast.walk(ast.parse(path.read_text())) if isinstance(node, ast.Call)]
    return [node.lineno for node in calls if getattr(node.func, "id", getattr(node.func, "attr", "")) == name]


@pytest.mark.parametrize("package", PACKAGES)
def test_package_root_imports_nothing(package: str) -> None:
    """Law: the five package roots hold a docstring only, so that the command line starts fast."""
    body = ast.parse((ROOT / package / "__init__.py").read_text()).body
    assert len(body) == 1


def test_no_file_names_a_machine_or_a_registry() -> None:
    """Law: no tracked text names a path of one machine or a package registry's host."""
    host_names = "|".join(
        ("files\\.python" + "hosted", "registry\\.npm" + "js", "py" + "pi\\.org/simple", "index" + "-url")
    )
    machine = r"(?<![\w.])/(?:" + "|".join(("wo" + "rk", "ro" + "ot", "fa" + "rm")) + r")/\w"
    guilty = []
    for path in tracked(".py", ".toml", ".txt", ".md", ".yml", ".json", ".csv", ".js", ".css", ".html", ""):
        text = path.read_text(encoding="utf-8", errors="ignore")
        if re.search(host_names, text) or re.search(machine, text):
            guilty.append(str(path.relative_to(ROOT)))
    assert guilty == []


def test_no_data_is_read_by_running_it() -> None:
    """Law: nothing in the packages unpickles, evaluates or executes text."""
    guilty = []
    for path in tracked(".py"):
        if path.relative_to(ROOT).parts[0] not in PACKAGES:
            continue
        for node in ast.walk(ast.parse(path.read_text())):
            name = getattr(node.func, "id", "") if isinstance(node, ast.Call) else ""
            imported = [alias.name for alias in node.names] if isinstance(node, ast.Import) else []
            if name in {"eval", "exec"} or {"pickle", "joblib", "dill"} & set(imported):
                guilty.append(f"{path.relative_to(ROOT)}:{getattr(node, 'lineno', 0)}")
    assert guilty == []
