"""The figures of trust: the page is the one that was measured, and the commands can tell good from bad."""

from __future__ import annotations

import ast
import os
import random
import re
import shutil
import subprocess
import sys
from collections.abc import Callable
from importlib import import_module
from pathlib import Path

import pytest

from benchmarks.trust import __main__ as trust
from benchmarks.trust import changed, fuzz, kills, numbers, readers
from benchmarks.trust.forgery import fit, forgeries
from benchmarks.trust.oracles import LIST, disabled, numeric_tests
from benchmarks.trust.results import FOLDER, PAGE, load, page
from monitor.manifest import read_manifest
from monitor.run_card import require_run_card
from tests.monitor.custody.small_run import make_run

ROOT = Path(__file__).resolve().parents[3]


def test_page_is_what_was_measured() -> None:
    """Law: the page holds the figures that the commands kept, and no other."""
    assert PAGE.read_text() == page(), "write it again: python -m benchmarks.trust.oracles"
    assert {path.stem for path in FOLDER.glob("*.json")} <= {
        "kills",
        "fuzz",
        "mutants",
        "lines",
        "leaks",
        "numbers",
        "oracles",
        "guided",
        "changed",
        "licences",
        "sbom",
        "promises",
        "states",
    }


def test_nothing_measured_is_bad() -> None:
    """Law: no run that was killed ended with other bytes, no input gave a traceback, no byte leaked."""
    counts = load("kills").get("counts", {})
    for name in ("runs with other bytes", "files that no manifest named", "tracebacks"):
        assert counts.get(name, 0) == 0
    for row in load("fuzz").get("readers", {}).values():
        assert (row["tracebacks"], row["hangs"], row["deaths"]) == (0, 0, 0)
        assert row["most_mib"] < 1024
    for row in load("guided").get("readers", {}).values():
        assert (row["tracebacks"], row["hangs"], row["deaths"]) == (0, 0, 0)
    assert load("leaks").get("leaks found", 0) == 0
    changed = load("changed").get("counts", {"bytes changed": 0, "of the bytes found, by name of the file": 0})
    assert changed["of the bytes found, by name of the file"] == changed["bytes changed"]
    for kind in ("forged", "words"):
        for name, row in load("changed").get(kind, {}).items():
            assert (name, row["missed"]) == (name, [])
    for name, row in load("numbers").items():
        assert (name, row.get("largest relative difference")) == (name, 0)
    assert load("licences").get("with a licence that is not allowed", 0) == 0
    assert load("promises").get("failed or not there", 0) == 0


def test_every_changed_byte_of_a_run_is_counted_as_found(tmp_path: Path) -> None:
    """Law: of a small run whose figures are left aside every flipped byte is found, by name of its file."""
    make_run(tmp_path, shared={})
    told = changed.flipped(tmp_path, 2, random.Random(1))
    assert told["bytes changed"] == 2 * told["files in which bytes were changed"] > 8
    assert told["of the bytes found, by name of the file"] == told["bytes changed"]


def test_a_forgery_fits_all_but_the_figure(tmp_path: Path) -> None:
    """Negative control: hashes, manifest and card of a forged table fit; only recomputing could tell."""
    manifest = make_run(tmp_path, shared={})
    table = tmp_path / "estimates" / "estimates.csv"
    (one,) = forgeries(tmp_path, ["estimates/estimates.csv"], random.Random(1))
    assert (one.file, one.what) == ("estimates/estimates.csv", "value_ha")
    one.make(table)
    fit(tmp_path, manifest, one.file)
    assert table.read_text().startswith("crop,value_ha,run_id\ncoca,12.625,")
    forgery = read_manifest(tmp_path)
    assert forgery is not None
    assert forgery.steps["estimate"].outputs["estimates/estimates.csv"].matches(table)
    assert require_run_card(tmp_path, forgery) == manifest.survey["run_id"]


def test_every_part_of_trust_is_a_command(tmp_path: Path) -> None:
    """Law: each part is a module with a main, and small counts change how much is done, not what."""
    usual, small = (list(trust.parts(trust.asked_for(words))) for words in ([], ["--small"]))
    assert [name for name, _ in usual] == [name for name, _ in small]
    assert {name for name, _ in usual} >= {path.stem for path in FOLDER.glob("*.json")} - {"guided", "states"}
    for name, _ in usual:
        assert callable(import_module(f"benchmarks.trust.{name}").main)
    assert dict(small)["kills"] == ["5"]


def test_the_oldest_versions_are_one_each() -> None:
    """Law: every dependency has a lower bound, and is asked for at that version alone."""
    assert all(re.fullmatch(r"[a-z0-9-]+==[0-9.]+", line) for line in numbers.bounds())
    assert len(numbers.bounds()) > 25


def test_no_numeric_test_is_lost_or_switched_off() -> None:
    """Law: each test of the list is there, and none of them is marked to be skipped or to fail."""
    there = {name: node for name, _, node in numeric_tests()}
    listed = LIST.read_text().split()
    assert len(listed) > 1000
    lost = sorted(set(listed) - set(there))
    assert lost == [], "if they were renamed, write the list again: python -m benchmarks.trust.oracles"
    assert [name for name, node in there.items() if disabled(node)] == []


def test_a_switched_off_test_is_seen() -> None:
    """Negative control: either mark is seen on a function."""
    for mark in ("skip", "xfail(reason='x')"):
        node = ast.parse(f"@pytest.mark.{mark}\ndef test_a(): ...").body[0]
        assert isinstance(node, ast.FunctionDef)
        assert disabled(node)


def test_a_skipped_numeric_test_fails_in_ci(tmp_path: Path) -> None:
    """Law: in CI a skip is a failure, unless data or programs of others are missing; elsewhere it is a skip."""
    name = "tests/aoi/survey/test_estimator.py"
    listed = next(line for line in LIST.read_text().split() if line.startswith(name))
    function = listed.split("::")[1]
    (tmp_path / Path(name).parent).mkdir(parents=True)
    for part in ("conftest.py", "browser.py", "numeric_tests.txt"):
        shutil.copy(ROOT / "tests" / part, tmp_path / "tests")
    found = []
    for reason in ("no time", "oracle x is not on this machine"):
        (tmp_path / name).write_text(f"import pytest\ndef {function}():\n    pytest.skip({reason!r})\n")
        for ci in ("true", ""):
            command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "-c", "/dev/null"]
            done = subprocess.run(
                [*command, "--rootdir", str(tmp_path), str(tmp_path / "tests")],
                cwd=tmp_path,
                env={**os.environ, "CI": ci},
                capture_output=True,
                check=False,
            )
            found.append(done.returncode)
    assert found == [1, 0, 0, 0]


@pytest.mark.parametrize(
    "name", [n for n in readers.READERS if n not in ("survey file", "boosted trees", "trained model")]
)
def test_spoiled_inputs_are_read_or_refused(name: str, tmp_path: Path) -> None:
    """Law: of twenty spoiled inputs of each reader none gives anything but a result or a refusal."""
    sound = readers.READERS[name].sound(tmp_path)
    for number in range(1_000_000, 1_000_020):  # cases that the command does not reach
        ended = fuzz.case(name, number, sound, tmp_path)
        assert ended.kind in ("read", "refused"), (name, number, ended.told)


@pytest.mark.parametrize("name", [n for n in readers.READERS if n not in ("survey file", "trained model")])
def test_sound_inputs_are_read(name: str, tmp_path: Path) -> None:
    """Negative control: the sound input of each reader is read, so that what is refused was spoiled."""
    path = tmp_path / f"case{readers.READERS[name].suffix}"
    path.write_bytes(readers.READERS[name].sound(tmp_path))
    readers.READERS[name].read(path)


def test_spoiling_spoils_and_can_be_had_again() -> None:
    """Law: a case follows from its number, and most cases differ from the sound input."""
    sound = b"a,b\n1,2\n3,4\n"
    found = [fuzz.spoiled(sound, random.Random(number)) for number in range(100)]
    assert found == [fuzz.spoiled(sound, random.Random(number)) for number in range(100)]
    assert sum(data != sound for data in found) > 90
    assert len(set(found)) > 80


@pytest.mark.parametrize(
    ("read", "kind"),
    [(lambda _: 1 / 0, "tracebacks"), (lambda path: readers._estimate(path.with_name("none.csv")), "refused")],
)
def test_what_is_no_refusal_is_a_finding(
    read: Callable[[Path], object], kind: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Negative control: a reader that breaks is found, and one that refuses is not."""
    monkeypatch.setattr(fuzz, "READERS", {"x": readers.Reader(".csv", lambda _: b"", read)})
    assert fuzz.case("x", 1, b"a", tmp_path).kind == kind


def test_the_killer_kills_and_compares(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Negative control: a killed process is told from one that ended, and other bytes from the same."""
    monkeypatch.setattr(kills, "WORK", tmp_path)
    out = tmp_path / "run"
    out.mkdir()

    def work() -> None:
        (out / "a").write_text("x")

    assert kills.child(work) == (0, 0)
    before = kills.content(out)
    assert kills.child(lambda: (kills.die_before(0, out), work()))[1] == 9
    assert kills.child(lambda: 1 / 0)[0] == 99
    assert kills.content(out) == before
    (out / "a").write_text("y")
    assert kills.content(out) != before
    assert kills.unnamed(out) == ["a"]
