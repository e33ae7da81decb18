"""Every test against published or independently computed numbers fails once those numbers are altered."""

from __future__ import annotations

import ast
import json
import os
import random
import re
import shutil
import subprocess
import sys
from collections.abc import Collection, Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.shared import SHARED

ROOT = Path(__file__).resolve().parents[1]
COMPARING = ("published", "independent program")
"""How the docstring of a test begins that compares with an oracle's numbers; laws only use them as material."""
RETYPED = {
    "tests/aoi/survey/test_cluster.py::test_lone_unit_centred_on_the_sample_mean",
    "tests/aoi/survey/test_forbidden_mistakes_complex.py::test_9_g_weights_are_in_the_variance",
}
"""Tests whose published number stands in the test itself, the oracle giving only the data."""
ZERO = {
    f"tests/aoi/survey/test_stratified_interval.py::test_published_limits[all_zero_{fpc}-wald]"
    for fpc in ("fpc", "nofpc")
}
"""A sample without crop, whose limits are 0 and 0 whatever the other numbers are."""
OUTCOME = re.compile(r"^(?P<test>\S+\.py::.*?) (?P<outcome>PASSED|FAILED|ERROR|SKIPPED|XFAIL)")


def altered(value: Any, rng: random.Random) -> Any:
    """Return parsed JSON with each broken number moved by a thousandth or two, and some whole ones by one."""
    if isinstance(value, dict):
        return {key: altered(one, rng) for key, one in value.items()}
    if isinstance(value, list):
        return [altered(one, rng) for one in value]
    if isinstance(value, float) and abs(value) < 1e300 and value != int(value):
        return value * (1 + rng.choice((-1, 1)) * rng.uniform(1e-3, 2e-3))
    if type(value) is int and value > 1 and rng.random() < 0.3:
        return value + 1
    return value


def alter(folder: Path) -> None:
    """Write the oracles beside each other in `folder`, their expected numbers altered."""
    rng = random.Random(1)  # one seed: the same alterations on every machine
    for path in sorted((SHARED / "oracles").rglob("*")):
        if path.is_file():
            target = folder / "oracles" / path.relative_to(SHARED / "oracles")
            target.parent.mkdir(parents=True, exist_ok=True)
            if path.suffix == ".json":
                target.write_text(json.dumps(altered(json.loads(path.read_text()), rng)))
            else:
                shutil.copy(path, target)


def outcomes(shared: Path, tests: Collection[str]) -> dict[str, str]:
    """Return the outcome of tests (file and function), with the folder of oracles at `shared`."""
    files = sorted({test.split("::")[0] for test in tests})
    names = " or ".join(sorted({test.split("::")[1] for test in tests}))
    command = [sys.executable, "-m", "pytest", "-v", "--tb=no", "-p", "no:cacheprovider", *files, "-k", names]
    environment = os.environ | {"ALTDEV_SHARED": str(shared), "COLUMNS": "300"}
    done = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, check=False)
    found = (OUTCOME.match(line) for line in done.stdout.splitlines())
    return {match["test"]: match["outcome"] for match in found if match and function(match["test"]) in tests}


def function(test: str) -> str:
    """Return file and function of a test, without its parameters."""
    return re.sub(r"\[.*$", "", test)


def comparing_tests() -> Iterator[str]:
    """Yield file and name of each test that compares with a published or independent oracle, by its docstring."""
    for path in (ROOT / "tests").rglob("test_*.py"):
        text = path.read_text("utf-8")
        for node in ast.walk(ast.parse(text)) if "oracle" in text else ():
            if isinstance(node, ast.FunctionDef) and (ast.get_docstring(node) or "").lower().startswith(COMPARING):
                yield f"{path.relative_to(ROOT).as_posix()}::{node.name}"


@pytest.mark.slow
def test_altered_oracles_are_noticed(tmp_path: Path) -> None:
    """Law: of the tests that need an oracle and compare with its numbers, none passes with altered ones."""
    if not (SHARED / "oracles").is_dir():
        pytest.skip("the oracles are not on this machine (folder 'shared' beside the checkout)")
    alter(tmp_path)
    found = outcomes(tmp_path, set(comparing_tests()))
    assert sum(outcome == "FAILED" for outcome in found.values()) > 50
    passing = {test for test, outcome in found.items() if outcome == "PASSED"} - RETYPED - ZERO
    without = outcomes(tmp_path / "nowhere", {function(test) for test in passing})
    assert sorted(test for test in passing if without.get(test) != "PASSED") == []  # these need an oracle
