"""Which program made a result: its code, so that nothing of an older one is taken for its own."""

from __future__ import annotations

from importlib.metadata import version
from pathlib import Path

import pytest

from monitor import engine
from monitor.context import BLOCKS, Context
from monitor.engine import Step, execute
from monitor.manifest import Manifest
from monitor.program import PACKAGES, code_digest, program_version
from monitor.run_card import run_id
from monitor.run_folder import RunFolder
from tests.monitor.test_engine import Heard, begun, put


@pytest.fixture(name="home")
def fixture_home(tmp_path: Path) -> Path:
    """Return a folder with a program of two files."""
    for package in PACKAGES:
        put(tmp_path, f"{package}/__init__.py", "")
    put(tmp_path, "imagery/mask.py", "DARK = 0.1\n")
    put(tmp_path, "imagery/profiles/coca.toml", "floor = 0.3\n")
    return tmp_path


@pytest.mark.parametrize("name", ["imagery/mask.py", "imagery/profiles/coca.toml", "geo/new.py"])
def test_other_code_or_data_is_another_program(home: Path, name: str) -> None:
    """Law: a changed or added file of a package, code or data, changes the digest."""
    before = code_digest(home)
    put(home, name, "DARK = 0.2\n")
    assert code_digest(home) != before


@pytest.mark.parametrize("name", ["imagery/__pycache__/mask.pyc", "imagery/.cache", "docs/a.md"])
def test_what_is_no_code_changes_nothing(home: Path, name: str) -> None:
    """Negative control: compiled and hidden files, and what lies elsewhere, do not; nor do line ends."""
    before = code_digest(home)
    put(home, name, "x")
    (home / "imagery" / "mask.py").write_bytes(b"DARK = 0.1\r\n")
    assert code_digest(home) == before


def test_version_is_that_of_the_package_with_its_code() -> None:
    """Law: the version that a manifest tells is the package's, with the digest as its local label."""
    public, _, local = program_version().partition("+")
    assert public == version("altdev")
    assert local == code_digest(Path(engine.__file__).parents[1])


def test_an_upgrade_makes_every_step_again(tmp_path: Path) -> None:
    """Law: a step that another program made is made again, though inputs and settings are the same."""
    folder, words = RunFolder(tmp_path / "run"), []
    step = Step(name="a", verb="a", action=lambda staging, _: put(staging, "a.txt", "x"))
    for program in ("1+aaaa", "1+aaaa", "1+bbbb"):
        heard = Heard()
        earlier = folder.manifest()
        steps = {} if earlier is None else earlier.steps
        base = Manifest(survey={"seed": 1}, versions={"altdev": program}, inputs={}, steps=steps)
        execute([step], folder, base, root=tmp_path, resume=True, listener=heard)
        words.append(begun(heard.words))
    assert words == [["a"], [], ["a"]]
    assert run_id({}, {"altdev": "1+aaaa"}, {}) != run_id({}, {"altdev": "1+bbbb"}, {})


def test_an_upgrade_makes_every_block_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Law: finished blocks of another program are deleted before any could be taken; its own stay."""
    context = Context(survey=None, root=tmp_path, out=tmp_path)  # type: ignore[arg-type]
    kept = []
    for program in ("1+aaaa", "1+aaaa", "1+bbbb"):
        monkeypatch.setattr("monitor.context.program_version", lambda program=program: program)
        journal = context.runner("imagery:2024").journal
        assert journal is not None
        kept.append(journal.read("k" * 8) is not None)
        journal.write("k" * 8, {})
    assert kept == [False, True, False]
    assert (tmp_path / BLOCKS / "imagery-2024" / "made-by.txt").read_text() == "1+bbbb"
