"""The run folder and its manifest: one run at a time, nothing lost, nothing foreign deleted."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from geo.errors import AltdevError, InputError, SurveyFileError
from monitor.manifest import MANIFEST, FileRecord, Manifest, StepRecord, fingerprint, plain, read_manifest
from monitor.run_folder import RunFolder, staged

HOLDER = """
import sys, time
from pathlib import Path
from monitor.run_folder import RunFolder
with RunFolder(Path(sys.argv[1])).held():
    print("held", flush=True)
    time.sleep(60)
"""


def manifest_of(name: str = "test", **steps: StepRecord) -> Manifest:
    """Return a manifest of a survey with the steps given."""
    inputs = {"inputs/admin.gpkg": FileRecord(sha256="0" * 64, bytes=7)}
    return Manifest(survey={"name": name, "seed": 1}, versions={"altdev": "0.1.0"}, inputs=inputs, steps=steps)


def write(folder: Path, name: str, text: str = "x") -> FileRecord:
    """Write a file of a run and return its record."""
    path = folder / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)
    return FileRecord.of(path)


def done(**outputs: FileRecord) -> StepRecord:
    """Return a finished step; ``__`` in a keyword stands for a slash."""
    return StepRecord(fingerprint="f" * 64, outputs={name.replace("__", "/"): r for name, r in outputs.items()})


def names(folder: Path) -> list[str]:
    """Return what lies in a folder, hidden files too."""
    return sorted(entry.name for entry in folder.iterdir())


@pytest.fixture(name="holder")
def fixture_holder(tmp_path: Path) -> Iterator[subprocess.Popen[str]]:
    """Start another process that holds the run folder."""
    command = [sys.executable, "-c", HOLDER, str(tmp_path)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "held\n"
        yield process
        process.kill()


def fail_inside(folder: RunFolder) -> None:
    """Hold a folder, begin a step and fail."""
    with folder.held():
        write(folder.staging("a:b"), "half.txt")
        assert ".staging" in names(folder.path)
        raise ZeroDivisionError


class TestLock:
    """One run at a time."""

    def test_second_process_is_refused_by_name(self, tmp_path: Path, holder: subprocess.Popen[str]) -> None:
        """Law: a folder held elsewhere is refused with the number of the process that holds it."""
        with (
            pytest.raises(AltdevError, match=f"a run folder in use by process {holder.pid}; .*--out") as caught,
            RunFolder(tmp_path).held(),
        ):
            pytest.fail("two runs at once")
        assert caught.value.exit_code == 1

    def test_lock_of_a_killed_process_is_free(self, tmp_path: Path, holder: subprocess.Popen[str]) -> None:
        """Law: a lock dies with its process, whatever is written in the file."""
        holder.send_signal(signal.SIGKILL)
        holder.wait()
        assert (tmp_path / ".lock").read_text() == str(holder.pid)
        with RunFolder(tmp_path).held():
            assert (tmp_path / ".lock").read_text() == str(os.getpid())
        assert (tmp_path / ".lock").read_text() == ""

    def test_lock_is_given_back_after_an_error(self, tmp_path: Path) -> None:
        """Law: an error inside frees the folder and clears the staging area."""
        folder = RunFolder(tmp_path)
        with pytest.raises(ZeroDivisionError):
            fail_inside(folder)
        assert names(tmp_path) == [".lock"]
        with folder.held():
            pass


class TestFolder:
    """A folder that can be used."""

    def test_it_is_made(self, tmp_path: Path) -> None:
        """Law: the folder and those above it are made; probing leaves nothing."""
        RunFolder(tmp_path / "a" / "b")
        assert names(tmp_path / "a" / "b") == []

    @pytest.mark.parametrize("below", ["file", "file/run"])
    def test_a_file_in_its_place(self, tmp_path: Path, below: str) -> None:
        """Law: a file where the folder, or one above it, should be is one line with a remedy."""
        (tmp_path / "file").write_text("x")
        with pytest.raises(InputError, match=r"folder that cannot be written to .*; give another one with --out"):
            RunFolder(tmp_path / below)

    def test_system_folder(self) -> None:
        """Law: a folder that refuses everyone, root too, is told and not fallen over."""
        with pytest.raises(InputError, match="cannot be written to"):
            RunFolder(Path("/proc/altdev-run"))

    def test_read_only(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        """Law: an existing folder without permission to write is told with the system's reason."""

        def refuse(self: Path, *args: object, **options: object) -> None:
            raise PermissionError(13, "Permission denied", str(self))

        monkeypatch.setattr(Path, "touch", refuse)
        with pytest.raises(InputError, match=r"cannot be written to \(Permission denied\)"):
            RunFolder(tmp_path)

    def test_staging_is_empty(self, tmp_path: Path) -> None:
        """Law: what an earlier attempt of a step left in staging is gone."""
        folder = RunFolder(tmp_path)
        write(folder.staging("imagery:2024"), "deep/half.txt")
        assert names(folder.staging("imagery:2024")) == []


class TestRequireOurs:
    """Whose folder it is."""

    def test_new_own_and_hidden(self, tmp_path: Path) -> None:
        """Law: an empty folder, one with hidden files and one of the same survey pass."""
        folder = RunFolder(tmp_path)
        folder.require_ours("test", overwrite=False)
        write(tmp_path, ".DS_Store")
        folder.require_ours("test", overwrite=False)
        folder.write_manifest(manifest_of())
        write(tmp_path, "estimates/estimates.csv")
        folder.require_ours("test", overwrite=False)

    def test_files_of_others(self, tmp_path: Path) -> None:
        """Law: a folder with files that no run made is refused, and left as it is."""
        for name in ("thesis.docx", "b.txt", "c.txt", "d.txt"):
            write(tmp_path, name)
        with pytest.raises(
            SurveyFileError, match=r"files that no run made \(b\.txt, c\.txt, d\.txt\).*--overwrite"
        ):
            RunFolder(tmp_path).require_ours("test", overwrite=False)
        RunFolder(tmp_path).require_ours("test", overwrite=True)
        assert names(tmp_path) == ["b.txt", "c.txt", "d.txt", "thesis.docx"]

    def test_run_of_another_survey(self, tmp_path: Path) -> None:
        """Law: another survey's run is refused by name; overwriting deletes its files and nothing else."""
        folder = RunFolder(tmp_path)
        folder.write_manifest(manifest_of("other", a=done(estimates__e_csv=write(tmp_path, "estimates/e_csv"))))
        write(tmp_path, "estimates/notes.txt")
        with pytest.raises(SurveyFileError, match=r"found the run of survey 'other'; expected .* a run of 'test'"):
            folder.require_ours("test", overwrite=False)
        assert names(tmp_path / "estimates") == ["e_csv", "notes.txt"]
        folder.require_ours("test", overwrite=True)
        assert names(tmp_path / "estimates") == ["notes.txt"]
        assert folder.manifest() is None

    def test_overwriting_ones_own_run_keeps_it(self, tmp_path: Path) -> None:
        """Law: --overwrite on a run of the same survey makes nothing again."""
        folder = RunFolder(tmp_path)
        folder.write_manifest(manifest_of(a=done(x=write(tmp_path, "x"))))
        folder.require_ours("test", overwrite=True)
        assert names(tmp_path) == ["manifest.json", "x"]

    def test_manifest_that_cannot_be_read(self, tmp_path: Path) -> None:
        """Law: a broken manifest is refused by name, and overwriting gets past it."""
        folder = RunFolder(tmp_path)
        (tmp_path / MANIFEST).write_text("{")
        with pytest.raises(InputError, match="a manifest that cannot be read"):
            folder.require_ours("test", overwrite=False)
        folder.require_ours("test", overwrite=True)
        assert folder.manifest() is None


class TestTakingOver:
    """A run that replaces another survey's is made beside it, and takes its place when it is whole."""

    @staticmethod
    def folders(path: Path) -> tuple[RunFolder, RunFolder]:
        """Return the folder of an old run, a stranger in it, and a new run made inside."""
        old = RunFolder(path)
        old.write_manifest(
            manifest_of("other", a=done(both=write(path, "both", "old"), gone=write(path, "gone", "x")))
        )
        write(path, "mine.txt", "mine")
        new = old.overwriting()
        files = {"both": write(new.path, "both", "new"), "fresh": write(new.path, "fresh", "y")}
        new.write_manifest(manifest_of("test", b=done(**files)))
        return old, new

    def test_the_old_result_stands_until_then(self, tmp_path: Path) -> None:
        """Law: while the new run is made, not a byte of the old one has changed."""
        old, _ = self.folders(tmp_path)
        assert old.holds_other("test")
        manifest = old.manifest()
        assert manifest is not None
        assert all(record.matches(tmp_path / name) for name, record in manifest.steps["a"].outputs.items())

    def test_it_takes_the_place(self, tmp_path: Path) -> None:
        """Law: then the files are those of the new run and of strangers, and the manifest names each."""
        old, new = self.folders(tmp_path)
        made = old.take_over(new)
        old.write_manifest(made)
        old.give_up_overwriting()
        names = {path.name for path in tmp_path.iterdir()}
        assert names == {"both", "fresh", "mine.txt", "manifest.json"}
        assert (tmp_path / "both").read_text() == "new"
        assert not old.holds_other("test")

    @pytest.mark.parametrize("moment", ["remove", "publish"])
    def test_cut_short_it_knows_every_file(
        self, tmp_path: Path, moment: str, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """Law: interrupted in between, each file of either run that may stand there is named by the manifest."""
        old, new = self.folders(tmp_path)
        monkeypatch.setattr(RunFolder, moment, lambda *_: (_ for _ in ()).throw(KeyboardInterrupt))
        with pytest.raises(KeyboardInterrupt):
            old.take_over(new)
        manifest = old.manifest()
        assert manifest is not None
        named = {name for step in manifest.steps.values() for name in step.outputs}
        assert named == {"both", "gone", "fresh"}
        assert not any(step.is_done for step in manifest.steps.values())


class TestPublish:
    """Files on their way to their places."""

    def test_files_arrive_and_replace(self, tmp_path: Path) -> None:
        """Law: staged files stand at their names, older ones replaced, and staging is empty of them."""
        folder = RunFolder(tmp_path)
        write(tmp_path, "a/old.txt", "old")
        staging = folder.staging("s")
        write(staging, "a/old.txt", "new")
        write(staging, "b/c/d.txt")
        made = staged(staging)
        folder.publish(staging, made)
        assert sorted(made) == ["a/old.txt", "b/c/d.txt"]
        assert (tmp_path / "a/old.txt").read_text() == "new"
        assert all(record.matches(tmp_path / name) for name, record in made.items())
        assert staged(staging) == {}

    def test_something_else_in_the_way(self, tmp_path: Path) -> None:
        """Law: a folder where a file should stand, or the reverse, is one line."""
        folder = RunFolder(tmp_path)
        write(tmp_path, "a.txt/inner")
        write(folder.staging("s"), "a.txt")
        with pytest.raises(InputError, match=r"a\.txt: found no way to put a file there"):
            folder.publish(tmp_path / ".staging" / "s", ["a.txt"])
        write(tmp_path, "b")
        write(folder.staging("s"), "b/c.txt")
        with pytest.raises(InputError, match=r"c\.txt: found no way to put a file there"):
            folder.publish(tmp_path / ".staging" / "s", ["b/c.txt"])

    def test_removing_takes_empty_folders_along(self, tmp_path: Path) -> None:
        """Law: deleted outputs leave no empty folders; folders with other files stay."""
        folder = RunFolder(tmp_path)
        for name in ("a/b/one.txt", "a/b/c/two.txt", "d/three.txt", "d/keep.txt"):
            write(tmp_path, name)
        folder.remove(["a/b/one.txt", "a/b/c/two.txt", "d/three.txt", "gone/long/ago.txt"])
        assert names(tmp_path) == ["d"]
        assert names(tmp_path / "d") == ["keep.txt"]

    @pytest.mark.parametrize("damage", ["missing", "longer", "other byte", "folder"])
    def test_damaged_output_is_not_done(self, tmp_path: Path, damage: str) -> None:
        """Law: a step is done while its fingerprint and every byte of its files are as they were."""
        folder = RunFolder(tmp_path)
        manifest = manifest_of(a=done(x=write(tmp_path, "x", "abc")))
        assert folder.is_done(manifest, "a", "f" * 64)
        assert not folder.is_done(manifest, "a", "e" * 64)
        assert not folder.is_done(manifest, "b", "f" * 64)
        (tmp_path / "x").unlink()
        if damage == "folder":
            (tmp_path / "x").mkdir()
        elif damage != "missing":
            (tmp_path / "x").write_text("abcd" if damage == "longer" else "abd")
        assert not folder.is_done(manifest, "a", "f" * 64)

    def test_announced_step_is_not_done(self, tmp_path: Path) -> None:
        """Law: a step whose files were on the way when the run was killed is made again, whatever is asked for."""
        record = StepRecord(fingerprint="", outputs={"x": write(tmp_path, "x")})
        manifest = manifest_of(a=record)
        assert not record.is_done
        assert not RunFolder(tmp_path).is_done(manifest, "a", "")
        assert json.loads(manifest.to_json())["steps"]["a"]["state"] == "publishing"


class TestManifest:
    """What the manifest says."""

    def test_round_trip(self, tmp_path: Path) -> None:
        """Law: a manifest read back is the one written, letters and all."""
        facts = {"n": 600, "note": "Nariño ☘", "list": [1, {"a": None}], "share": 0.1}
        step = StepRecord(
            fingerprint="f" * 64,
            outputs={"estimates/área.csv": FileRecord(sha256="a" * 64, bytes=0)},
            facts=facts,
            finished="2024-01-01T00:00:00+00:00",
        )
        manifest = manifest_of(estimate=step, publishing=StepRecord(fingerprint="", outputs={}))
        RunFolder(tmp_path).write_manifest(manifest)
        assert read_manifest(tmp_path) == manifest
        assert read_manifest(tmp_path / "elsewhere") is None

    def test_equal_manifests_are_equal_bytes(self) -> None:
        """Law: the order in which steps and files came does not show."""
        a, b = done(x=FileRecord(sha256="1", bytes=1)), done(y=FileRecord(sha256="2", bytes=2))
        assert manifest_of(a=a, b=b).to_json() == manifest_of(b=b, a=a).to_json()

    def test_no_number_is_not_json(self) -> None:
        """Law: a value that JSON does not have is refused in writing; `plain` takes it out before."""
        bad = StepRecord(fingerprint="f", outputs={}, facts={"se": float("nan")})
        with pytest.raises(ValueError, match="Out of range float"):
            manifest_of(a=bad).to_json()

    @pytest.mark.parametrize(
        "text",
        [
            "",
            "{",
            "[]",
            "null",
            "5",
            '"text"',
            "{}",
            '{"manifest_version": 1}',
            '{"manifest_version": 1, "survey": {}, "versions": {}, "inputs": {}, "steps": []}',
            '{"manifest_version": 1, "survey": {}, "versions": {}, "inputs": [], "steps": {}}',
            '{"manifest_version": 1, "survey": 5, "versions": {}, "inputs": {}, "steps": {}}',
            '{"manifest_version": 1, "survey": {}, "versions": {}, "inputs": {}, "steps": {"a": {}}}',
            '{"manifest_version": 1, "survey": {}, "versions": {}, "inputs": {"a": 5}, "steps": {}}',
            '{"manifest_version": 2, "survey": {}, "versions": {}, "inputs": {}, "steps": {}}',
            "[" * 100_000,
            "\x00" * 20,
        ],
        ids=lambda text: text[:20].replace("\x00", "0") or "empty",
    )
    def test_broken(self, tmp_path: Path, text: str) -> None:
        """Law: whatever stands in a broken manifest, one line names it and the way out."""
        (tmp_path / MANIFEST).write_text(text)
        with pytest.raises(InputError, match=r"manifest\.json: found a manifest that cannot be read") as caught:
            read_manifest(tmp_path)
        assert len(str(caught.value).splitlines()) == 1

    @pytest.mark.parametrize("name", ["../out.txt", "/etc/passwd", "a/../../x", "..", "a\\..\\b", ""])
    def test_files_outside_the_folder_are_refused(self, tmp_path: Path, name: str) -> None:
        """Law: a manifest from elsewhere cannot make the program delete files outside its folder."""
        record = FileRecord(sha256="0" * 64, bytes=1)
        text = manifest_of(a=StepRecord(fingerprint="f", outputs={name: record})).to_json()
        (tmp_path / MANIFEST).write_text(text)
        with pytest.raises(InputError, match="an output outside the run folder"):
            read_manifest(tmp_path)


SCALARS = st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5)
VALUES = st.recursive(
    SCALARS,
    lambda inner: (
        st.lists(inner, max_size=3) | st.tuples(inner) | st.dictionaries(st.text(max_size=3), inner, max_size=3)
    ),
)


@given(VALUES)
def test_plain_values_survive_json(value: Any) -> None:
    """Law: facts made plain are the same before and after they were written."""
    made = plain(value)
    assert json.loads(json.dumps(made, allow_nan=False)) == made


def test_plain_takes_numpy() -> None:
    """Law: numbers of arrays become numbers of Python, and what is no number becomes nothing."""
    made = plain({"n": np.int64(3), "ok": np.bool_(True), "x": np.float32(0.5), "none": np.nan, "inf": (np.inf,)})
    assert made == {"n": 3, "ok": True, "x": 0.5, "none": None, "inf": [None]}
    assert [type(made[key]) for key in ("n", "ok", "x")] == [int, bool, float]


def test_fingerprint_is_of_the_value() -> None:
    """Law: equal values have one fingerprint whatever their order; another value has another."""
    assert fingerprint({"a": 1, "b": [1, 2]}) == fingerprint({"b": [1, 2], "a": 1})
    assert fingerprint({"a": 1}) != fingerprint({"a": "1"})
    assert fingerprint([1, 2]) != fingerprint([2, 1])
