"""Make a whole run again from its inputs, in a folder of its own, and hold every file of the first to that."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from geo.errors import InputError, Problem, QualityGateError
from monitor.manifest import Manifest, read_manifest
from monitor.verify.remade import same_program
from monitor.workflow import TIERED_VERBS, RunOptions, run

__all__ = ["run_again"]


class _Silent:
    """A listener that says nothing."""

    def started(self, step: str) -> None:
        """Hear nothing."""

    def progress(self, step: str, done: int, total: int) -> None:
        """Hear nothing."""

    def kept(self, step: str) -> None:
        """Hear nothing."""

    def finished(self, step: str, facts: Mapping[str, Any]) -> None:
        """Hear nothing."""


def run_again(survey: Path, out: Path, *, jobs: int = 1) -> Iterator[str]:
    """Yield what is the same in a run and in one made anew from the survey file and its inputs.

    What the folder alone cannot tell (a table forged together with its control totals) shows here. Products of
    tiers 1 and 2 are not released a second time; `verify_run` makes them again from their tables.

    Parameters
    ----------
    survey
        The survey file.
    out
        The run folder.
    jobs
        Threads.

    Raises
    ------
    InputError
        If there is no run, another program made it, or the survey file or an input is not the one it was made of.
    QualityGateError
        Naming every file that comes out otherwise.
    """
    told = _manifest(out)
    with tempfile.TemporaryDirectory() as place:
        options = RunOptions(out=Path(place) / "run", jobs=jobs, language=_language(told))
        made = run(survey, options, verb=None, listener=_Silent())
        _require_same_source(told, read_manifest(options.out) or made, out)
    shared = [name for name in told.steps if name in made.steps]
    problems = [
        Problem(f"{out / name}", "another file than its inputs make", "the one made again", "run it again")
        for step in shared
        for name, record in sorted(told.steps[step].outputs.items())
        if (again := made.steps[step].outputs.get(name)) is None or again.known_by != record.known_by
    ]
    if problems:
        raise QualityGateError(problems)
    yield f"{sum(len(told.steps[step].outputs) for step in shared)} files made again from the inputs, all equal"
    left = [name for name in told.steps if name not in made.steps]
    if left:
        yield f"not made again from the inputs: {', '.join(left)}"


def _manifest(out: Path) -> Manifest:
    manifest = read_manifest(out)
    if manifest is None:
        raise InputError(Problem(str(out), "no manifest", "the folder of a run", "run the survey first"))
    if not same_program(manifest):
        found = f"a run of altdev {manifest.versions.get('altdev', 'unknown')} or of other libraries"
        raise InputError(Problem(str(out), found, "one of this program", "verify it with the program that made it"))
    return manifest


def _require_same_source(told: Manifest, made: Manifest, out: Path) -> None:
    """Refuse to compare runs of other settings or inputs: they differ for a reason."""
    problems = [
        Problem(f"input {name}", "other bytes than the run was made of", "the file of the run", "bring it back")
        for name, record in told.inputs.items()
        if name in made.inputs and made.inputs[name].sha256 != record.sha256
    ]
    if not problems and told.survey.get("run_id") != made.survey.get("run_id"):
        found = f"run {told.survey.get('run_id')}; the survey file makes run {made.survey.get('run_id')}"
        problems = [Problem(str(out), found, "the run of this survey file", "name the survey file it was made of")]
    if problems:
        raise InputError(problems)


def _language(told: Manifest) -> str:
    steps = (told.steps[name].parameters for name in TIERED_VERBS if name in told.steps)
    return next((str(one["language"]) for one in steps if "language" in one), "en")
