"""The step engine: what is done is kept, what changed is made again, and nothing is half done."""

from __future__ import annotations

import errno
import json
import os
import subprocess
import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from geo.errors import AltdevError, InputError, QualityGateError
from monitor.engine import Step, execute, foreseen, selected, tidied
from monitor.manifest import Manifest
from monitor.run_folder import RunFolder

ROOT = Path(__file__).resolve().parents[2]
Made = Mapping[str, Any]


class Heard:
    """A listener that writes down what it hears."""

    def __init__(self) -> None:
        self.words: list[str] = []

    def started(self, step: str) -> None:
        """Hear that a step begins."""
        self.words.append(f"{step} started")

    def progress(self, step: str, done: int, total: int) -> None:
        """Hear how far a step is."""
        self.words.append(f"{step} {done}/{total}")

    def kept(self, step: str) -> None:
        """Hear that a step is kept."""
        self.words.append(f"{step} kept")

    def finished(self, step: str, facts: Made) -> None:
        """Hear that a step ended."""
        self.words.append(f"{step} finished {dict(facts)}")


class Project:
    """A folder with one input, a run folder, and a workflow of three steps in a row and one aside.

    ``letters`` reads the input and writes how many letters it has; ``double`` doubles that; ``page`` prints it;
    ``aside`` reads the input by itself.
    """

    def __init__(self, root: Path) -> None:
        self.root = root
        self.out = root / "run"
        self.source = root / "inputs" / "source.txt"
        self.source.parent.mkdir()
        self.source.write_text("coca")
        self.factor = 2
        self.actions: dict[str, Callable[..., Made]] = {}

    def steps(self) -> list[Step]:
        """Return the workflow as it stands."""
        read = (self.source,)
        return [
            self._step("letters", inputs=read, action=self._letters),
            self._step("double", needs=("letters",), parameters={"factor": self.factor}, action=self._double),
            self._step("page", needs=("double",), action=self._page),
            self._step("aside", inputs=read, action=lambda staging, _: put(staging, "aside.txt", "x")),
        ]

    def run(
        self, *, resume: bool = True, verb: str | None = None, steps: list[Step] | None = None
    ) -> tuple[Manifest, list[str]]:
        """Run it; return the manifest and what was heard."""
        folder, heard = RunFolder(self.out), Heard()
        with folder.held():
            base = folder.manifest() or Manifest(survey={"name": "t", "seed": 1}, versions={}, inputs={}, steps={})
            wanted = selected(steps or self.steps(), verb)
            made = execute(wanted, folder, base, root=self.root, resume=resume, listener=heard)
        return made, heard.words

    def text(self, name: str) -> str:
        """Return the text of an output."""
        return (self.out / name).read_text()

    def files(self) -> list[str]:
        """Return every file of the run folder but its lock."""
        found = (path.relative_to(self.out).as_posix() for path in self.out.rglob("*") if path.is_file())
        return sorted(name for name in found if name != ".lock")

    def _step(self, name: str, *, action: Callable[..., Made], **rest: Any) -> Step:
        return Step(name=name, verb=f"do-{name}", action=self.actions.get(name, action), **rest)

    def _letters(self, staging: Path, progress: Callable[[int, int], None]) -> Made:
        progress(1, 2)
        put(staging, "tables/letters.txt", str(len(self.source.read_text())))
        progress(2, 2)
        return {"n": len(self.source.read_text())}

    def _double(self, staging: Path, _: object) -> Made:
        return put(staging, "tables/double.txt", str(self.factor * int(self.text("tables/letters.txt"))))

    def _page(self, staging: Path, _: object) -> Made:
        return put(staging, "page.html", f"<p>{self.text('tables/double.txt')}</p>")


def states(project: Project) -> dict[str, str]:
    """Return what a run of a project would do."""
    base = RunFolder(project.out).manifest() or Manifest(
        survey={"name": "t", "seed": 1}, versions={}, inputs={}, steps={}
    )
    return foreseen(project.steps(), project.out, base, root=project.root)


def put(staging: Path, name: str, text: str) -> Made:
    """Write a staged file; return no facts."""
    path = staging / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)
    return {}


def begun(words: list[str]) -> list[str]:
    """Return the steps that were made, by name."""
    return [word.removesuffix(" started") for word in words if word.endswith(" started")]


@pytest.fixture(name="project")
def fixture_project(tmp_path: Path) -> Project:
    """Return a project that has not run yet."""
    return Project(tmp_path)


class TestRunning:
    """A run from the beginning."""

    def test_order_words_and_files(self, project: Project) -> None:
        """Law: steps run in order, are heard of in order, and their files are in the manifest."""
        manifest, words = project.run()
        assert words[:4] == ["letters started", "letters 1/2", "letters 2/2", "letters finished {'n': 4}"]
        assert begun(words) == ["letters", "double", "page", "aside"]
        assert project.files() == [
            "aside.txt",
            "manifest.json",
            "page.html",
            "tables/double.txt",
            "tables/letters.txt",
        ]
        assert project.text("page.html") == "<p>8</p>"
        assert Manifest.from_json(project.text("manifest.json")) == manifest
        outputs = {name: file for step in manifest.steps.values() for name, file in step.outputs.items()}
        assert all(file.matches(project.out / name) for name, file in outputs.items())

    def test_inputs_are_named_as_the_survey_names_them(self, project: Project, tmp_path_factory: Any) -> None:
        """Law: inputs are named relative to the survey; those from elsewhere without the machine's path."""
        elsewhere = tmp_path_factory.mktemp("elsewhere") / "a" / "b" / "c.txt"
        elsewhere.parent.mkdir(parents=True)
        elsewhere.write_text("x")
        step = Step(name="s", verb="v", inputs=(project.source, elsewhere), action=lambda *_: {})
        manifest, _ = project.run(steps=[step])
        assert sorted(manifest.inputs) == ["../a/b/c.txt", "inputs/source.txt"]
        assert str(tmp_path_factory.getbasetemp()) not in project.text("manifest.json")

    def test_settings_are_kept_without_what_addresses_carry(self, project: Project) -> None:
        """Literal: the manifest tells settings; user, password and query of an address are in none of it."""
        told = {"api": "https://me:pass@host.example/v1?sig=secret", "notes": ["see https://a.example/b?c=d"]}
        step = Step(name="s", verb="v", parameters={**told, "pair": (1, float("nan"))}, action=lambda *_: {})
        manifest, _ = project.run(steps=[step])
        kept = {"api": "https://host.example/v1", "notes": ["see https://a.example/b?c=d"], "pair": [1, None]}
        assert manifest.steps["s"].parameters == kept
        assert Manifest.from_json(project.text("manifest.json")) == manifest

    def test_totals_of_tables_made_of_inputs_are_kept_beside_them(self, project: Project) -> None:
        """Literal: a step keeps the sums of the tables that fit its pattern, of no other, and in its own file."""

        def action(staging: Path, _: object) -> Made:
            put(staging, "a/one.csv", "ha\n1\n2.5\n")
            return put(staging, "a/other.csv", "ha\n7\n")

        step = Step(name="one:2024", verb="v", totalled=("a/one*",), action=action)
        manifest, _ = project.run(steps=[step])
        assert json.loads(project.text("control/one-2024.json")) == {"a/one.csv": {"ha": [2, 3.5, 6.0]}}
        assert "control/one-2024.json" in manifest.steps["one:2024"].outputs

    def test_facts_are_the_same_fresh_and_kept(self, project: Project) -> None:
        """Law: facts with numbers of arrays, tuples and what is no number are the same after reading them back."""
        facts = {"n": np.int64(4), "pair": (1, 2.5), "se": float("nan"), 2024: "a"}
        project.actions = {"letters": lambda *_: facts, "double": lambda *_: {}, "page": lambda *_: {}}
        fresh, _ = project.run()
        kept, _ = project.run()
        assert fresh.steps["letters"].facts == {"n": 4, "pair": [1, 2.5], "se": None, "2024": "a"}
        assert kept.steps == fresh.steps

    def test_every_missing_input_before_the_first_step(self, project: Project) -> None:
        """Law: all missing inputs are told at once, and no step has begun."""
        project.source.unlink()
        gone = [
            Step(name=f"s{n}", verb="v", inputs=(project.root / f"gone{n}.tif",), action=lambda *_: {})
            for n in (1, 2)
        ]
        with pytest.raises(InputError) as caught:
            project.run(steps=[*gone, *project.steps()])
        assert [Path(problem.where).name for problem in caught.value.problems] == [
            "gone1.tif",
            "gone2.tif",
            "source.txt",
        ]
        assert all(problem.found == "no such file" for problem in caught.value.problems)
        assert project.files() == []

    def test_verb_runs_what_it_needs(self, project: Project) -> None:
        """Law: the steps of a verb run with all that they need, and nothing else."""
        _, words = project.run(verb="do-double")
        assert begun(words) == ["letters", "double"]
        _, words = project.run(verb="do-page")
        assert words[:2] == ["letters kept", "double kept"]
        assert begun(words) == ["page"]
        assert selected(project.steps(), "no such verb") == []


class TestResuming:
    """A run after another."""

    def test_nothing_changed(self, project: Project) -> None:
        """Law: a second run keeps every step and changes no byte, not even of the manifest."""
        project.run()
        before = {name: (project.out / name).read_bytes() for name in project.files()}
        _, words = project.run()
        assert words == ["letters kept", "double kept", "page kept", "aside kept"]
        assert {name: (project.out / name).read_bytes() for name in project.files()} == before

    def test_no_resume(self, project: Project) -> None:
        """Law: asked not to resume, every step is made again, with the same bytes."""
        project.run()
        before = project.text("page.html")
        _, words = project.run(resume=False)
        assert begun(words) == ["letters", "double", "page", "aside"]
        assert project.text("page.html") == before

    def test_changed_input(self, project: Project) -> None:
        """Law: a changed input makes again the steps that read it, and those downstream whose inputs changed."""
        project.run()
        project.source.write_text("poppy")
        _, words = project.run()
        assert begun(words) == ["letters", "double", "page", "aside"]
        assert project.text("page.html") == "<p>10</p>"

    def test_changed_input_of_the_same_meaning(self, project: Project) -> None:
        """Law: where the changed input gives the same bytes, nothing downstream is made again."""
        project.run()
        project.source.write_text("COCA")
        _, words = project.run()
        assert begun(words) == ["letters", "aside"]
        assert [word for word in words if word.endswith("kept")] == ["double kept", "page kept"]

    def test_changed_parameter(self, project: Project) -> None:
        """Law: a changed setting makes again its step and what follows from it; the rest is kept."""
        project.run()
        project.factor = 3
        _, words = project.run()
        assert begun(words) == ["double", "page"]
        assert project.text("page.html") == "<p>12</p>"

    def test_changed_seed(self, project: Project) -> None:
        """Law: the seed of the survey counts for every step."""
        project.run()
        folder = RunFolder(project.out)
        manifest = folder.manifest()
        assert manifest is not None
        folder.write_manifest(
            Manifest(survey={"name": "t", "seed": 2}, versions={}, inputs={}, steps=manifest.steps)
        )
        _, words = project.run()
        assert len(begun(words)) == 4

    @pytest.mark.parametrize("damage", ["tables/letters.txt", "page.html"])
    def test_damaged_output(self, project: Project, damage: str) -> None:
        """Law: a file that someone edited or deleted is made again, and nothing downstream with it."""
        project.run()
        expected = project.text(damage)
        (project.out / damage).write_text("edited")
        _, words = project.run()
        assert begun(words) == [{"tables/letters.txt": "letters", "page.html": "page"}[damage]]
        assert project.text(damage) == expected

    def test_moved_project(self, project: Project, tmp_path_factory: Any) -> None:
        """Law: a project copied elsewhere with its run is kept: only bytes and names count, not places or times."""
        project.run()
        there = Project(tmp_path_factory.mktemp("there"))
        there.source.write_bytes(project.source.read_bytes())
        project.out.rename(there.out)
        _, words = there.run()
        assert begun(words) == []

    def test_two_inputs_of_one_name(self, project: Project, tmp_path_factory: Any) -> None:
        """Law: a change is seen in each of two files that are shown by the same last parts of their paths."""
        far = tmp_path_factory.mktemp("far")
        paths = [far / year / "x" / "y" / "B02.tif" for year in ("2020", "2021")]
        for path in paths:
            path.parent.mkdir(parents=True)
            path.write_text("same")
        step = Step(name="s", verb="v", inputs=tuple(paths), action=lambda *_: {})
        project.run(steps=[step])
        assert begun(project.run(steps=[step])[1]) == []
        for path in paths:
            path.write_text("changed")
            assert begun(project.run(steps=[step])[1]) == ["s"], path

    def test_outputs_no_longer_made(self, project: Project) -> None:
        """Law: a step that makes fewer files takes back those it no longer makes, and no file of another step."""
        project.actions["aside"] = lambda staging, _: (put(staging, "a/1.txt", "1"), put(staging, "a/2.txt", "2"))[
            1
        ]
        project.run()
        assert (project.out / "a" / "2.txt").is_file()
        project.actions["page"] = lambda staging, _: put(staging, "a/2.txt", "of page")
        project.actions["aside"] = lambda staging, _: put(staging, "b.txt", "1")
        project.run(resume=False)
        assert project.text("a/2.txt") == "of page"
        assert not (project.out / "a" / "1.txt").exists()
        assert not (project.out / "page.html").exists()


class TestFailing:
    """Steps that do not end."""

    @pytest.mark.parametrize(
        "error", [QualityGateError("refused"), ZeroDivisionError(), KeyboardInterrupt()], ids=repr
    )
    def test_failed_step_leaves_no_trace(self, project: Project, error: BaseException) -> None:
        """Law: an error comes out; earlier steps stay done, its files never appear, and the next run goes on."""

        def fail(staging: Path, _: object) -> Made:
            put(staging, "tables/double.txt", "half")
            raise error

        whole = project.actions.get("double")
        project.actions["double"] = fail
        with pytest.raises(type(error)):
            project.run()
        assert project.files() == ["manifest.json", "tables/letters.txt"]
        assert sorted(json.loads(project.text("manifest.json"))["steps"]) == ["letters"]
        project.actions = {} if whole is None else {"double": whole}
        _, words = project.run()
        assert words[0] == "letters kept"
        assert begun(words) == ["double", "page", "aside"]

    @pytest.mark.parametrize("number", [errno.ENOSPC, errno.EDQUOT, errno.EFBIG])
    def test_full_disk_is_one_line_whoever_wrote(self, project: Project, number: int) -> None:
        """Contract: a full disk is told as one, though a library of others met it; anything else is not."""

        def fail(staging: Path, _: object) -> Made:
            raise OSError(number, os.strerror(number), "tables/a.csv")

        project.actions["double"] = fail
        with pytest.raises(AltdevError, match=r"tables/a\.csv: found no way to write the file"):
            project.run()

    def test_failed_step_keeps_its_earlier_files(self, project: Project) -> None:
        """Law: a step that fails when made again leaves its earlier files, and is not called done."""
        project.run()
        before = project.text("tables/double.txt")
        project.factor = 3
        project.actions["double"] = lambda *_: 1 / 0
        with pytest.raises(ZeroDivisionError):
            project.run()
        assert project.text("tables/double.txt") == before
        project.actions = {}
        assert begun(project.run()[1]) == ["double", "page"]

    def test_told_as_finished_only_when_recorded(self, project: Project) -> None:
        """Law: when a step is heard to be finished, the manifest on disk already names it."""
        heard = Heard()
        known: list[bool] = []
        heard.finished = lambda step, _: known.append(step in project.text("manifest.json"))  # type: ignore[method-assign]
        folder = RunFolder(project.out)
        base = Manifest(survey={}, versions={}, inputs={}, steps={})
        with folder.held():
            execute(project.steps(), folder, base, root=project.root, resume=True, listener=heard)
        assert known == [True] * 4


class TestTidied:
    """Steps and inputs that a survey no longer has."""

    def test_dropped_step_takes_its_files_along(self, project: Project) -> None:
        """Law: after a step left the workflow, its record and files are gone; the others are kept as they were."""
        project.run()
        extra = project.root / "inputs" / "extra.txt"
        extra.write_text("x")
        steps = project.steps()
        aside = Step(name="aside", verb="v", inputs=(extra,), action=lambda staging, _: put(staging, "z/a.txt", ""))
        manifest, _ = project.run(steps=[*steps[:3], aside])
        assert "inputs/extra.txt" in manifest.inputs
        folder = RunFolder(project.out)
        with folder.held():
            left = tidied(manifest, steps[:3], folder, root=project.root)
        assert sorted(left.steps) == ["double", "letters", "page"]
        assert sorted(left.inputs) == ["inputs/source.txt"]
        assert not (project.out / "z").exists()
        assert folder.manifest() == left
        assert begun(project.run(steps=steps[:3])[1]) == []

    def test_nothing_to_tidy_writes_nothing(self, project: Project) -> None:
        """Law: a workflow that did not change leaves the manifest untouched, and an empty folder without one."""
        manifest, _ = project.run()
        folder = RunFolder(project.out)
        before = (project.out / "manifest.json").stat()
        assert tidied(manifest, project.steps(), folder, root=project.root) == manifest
        assert (project.out / "manifest.json").stat() == before


class TestKilling:
    """SIGKILL, which no program can prepare for when it comes."""

    @staticmethod
    def ended(way: str, folder: Path) -> dict[str, Any]:
        """Run the fake workflow's killer in a process of its own and return what it found."""
        command = [sys.executable, "-m", "tests.monitor.fake_workflow", way, str(folder)]
        told = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True, timeout=300)
        found: dict[str, Any] = json.loads(told.stdout)
        return found

    @pytest.mark.parametrize("way", ["third", pytest.param("every", marks=pytest.mark.slow)])
    def test_before_acts_on_the_disk(self, tmp_path: Path, way: str) -> None:
        """Brute force: killed before single acts on the file system, then finished or undone: the same bytes."""
        found = self.ended(way, tmp_path)
        assert found["killed"] > 50
        assert found["wrong"] == []

    def test_at_random_moments(self, tmp_path: Path) -> None:
        """Brute force: killed twenty times at random moments, then run to its end: the same bytes."""
        assert self.ended("random", tmp_path) == {"killed": 20, "code": 0, "equal": True}


class TestForeseen:
    """What a run would do, told before it is done."""

    def test_what_is_foreseen_is_what_happens(self, tmp_path: Path) -> None:
        """Law: the steps foreseen as done are those the next run keeps, whatever was changed in between."""

        def nothing(project: Project) -> None:
            """Leave everything as it is."""

        def new_input(project: Project) -> None:
            project.source.write_text("poppy")

        def new_setting(project: Project) -> None:
            project.factor = 3

        def lost_output(project: Project) -> None:
            (project.out / "page.html").unlink()

        for place, change in enumerate((nothing, new_input, new_setting, lost_output)):
            root = tmp_path / str(place)
            root.mkdir()
            project = Project(root)
            assert set(states(project).values()) == {"to do"}
            project.run()
            change(project)
            told = states(project)
            _, heard = project.run()
            kept = {words.removesuffix(" kept") for words in heard if words.endswith(" kept")}
            assert {name for name, state in told.items() if state == "done"} == kept
            assert set(told.values()) <= {"done", "to do again"}

    def test_missing_input(self, tmp_path: Path) -> None:
        """Law: a step whose input is gone cannot be done, and those after it are to be done again."""
        project = Project(tmp_path)
        project.run()
        project.source.unlink()
        assert states(project) == {
            "letters": "input missing",
            "double": "to do again",
            "page": "to do again",
            "aside": "input missing",
        }
