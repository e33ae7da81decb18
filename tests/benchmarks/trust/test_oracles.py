"""No numeric test is left out of a whole run in CI unseen, however it is left out."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

import pytest

from benchmarks.trust.warm import forked

ROOT = Path(__file__).resolve().parents[3]
LISTED = "tests/test_numbers.py::test_number"
GONE = {
    "run": "def test_number(): pass\n",
    "in a class": "class TestNumbers:\n    def test_number(self): pass\n",
    "failing": "def test_number(): assert False\n",
    "renamed": "def check_number(): pass\n",
    "skipped file": "import pytest\npytest.skip('no time', allow_module_level=True)\n",
    "skipped by a mark": "import pytest\npytestmark = pytest.mark.skip\ndef test_number(): pass\n",
    "import that lacks": "import pytest\npytest.importorskip('no_such_module')\n",
    "data that lack": "import pytest\npytest.skip('oracle x is not on this machine', allow_module_level=True)\n",
    "not collected": "__test__ = False\ndef test_number(): pass\n",
    "behind a condition": "if False:\n    def test_number(): pass\n",
}
"""How a file may hold the test."""
FAILING = {*GONE} - {"run", "in a class", "data that lack"}


def whole_run(folder: Path, content: str, *more: str, ci: str = "true") -> int:
    """Return the exit status of a project that holds one numeric test and one other."""
    (folder / "tests").mkdir()
    shutil.copy(ROOT / "tests" / "conftest.py", folder / "tests")
    (folder / "tests" / "numeric_tests.txt").write_text(f"{LISTED}\n")
    (folder / "tests" / "test_numbers.py").write_text(content)
    (folder / "tests" / "test_other.py").write_text("def test_other(): pass\n")
    (folder / "pyproject.toml").write_text('[tool.pytest.ini_options]\ntestpaths = ["tests"]\n')

    def run() -> str:
        os.chdir(folder)
        os.environ["CI"] = ci
        return str(int(pytest.main(["-q", "-p", "no:cacheprovider", *more])))

    return int(forked(run).answer)


@pytest.mark.parametrize("how", GONE)
def test_a_numeric_test_that_had_no_part_fails_the_run(how: str, tmp_path: Path) -> None:
    """Law: in CI a whole run passes only when the test ran, or its data are not on the machine."""
    assert whole_run(tmp_path, GONE[how]) == int(how in FAILING)


@pytest.mark.parametrize(("more", "ci"), [((), ""), (("-k", "other"), "true"), (("tests/test_other.py",), "true")])
def test_only_whole_runs_in_ci_are_held_to_the_list(more: tuple[str, ...], ci: str, tmp_path: Path) -> None:
    """Law: whoever chooses tests, or runs them at a desk, is not stopped."""
    assert whole_run(tmp_path, GONE["renamed"], *more, ci=ci) == 0


def test_a_run_in_parts_is_held_to_the_list(tmp_path: Path) -> None:
    """Law: with several workers it is the whole that counts."""
    assert whole_run(tmp_path, GONE["renamed"], "-n", "1") == 1
