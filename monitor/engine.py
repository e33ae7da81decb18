"""Runs steps in order: skips what is done, publishes what is finished, and stops cleanly anywhere.

Knows nothing of surveys; `monitor.workflow` lists the steps of one.
"""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Protocol

from geo.errors import InputError, Problem
from geo.files import NO_ROOM, cannot_write
from imagery.address import is_remote, shown_address
from monitor.manifest import FileRecord, Manifest, StepRecord, fingerprint, plain
from monitor.run_folder import RunFolder, is_kept, staged
from monitor.stamp import content_sha256, is_stamped, stamp
from monitor.totals import write_totals

__all__ = ["DONE", "Listener", "Step", "execute", "foreseen", "selected", "shown", "tidied"]

DONE = "done"
"""State of a step that a run keeps."""

_FOR_READERS = ("title", "sources", "disclaimer", "notes", "source")
"""Settings that are printed as they are, addresses in them too."""

STEP_VERSION = 1
"""Raised when the meaning of any step's outputs changes, so that older runs are made again."""


class Listener(Protocol):
    """Hears what the engine does; the command line turns it into log lines and bars."""

    def started(self, step: str) -> None:
        """Hear that a step begins."""

    def progress(self, step: str, done: int, total: int) -> None:
        """Hear that `done` of `total` parts of a step are finished."""

    def kept(self, step: str) -> None:
        """Hear that a step was done before and is kept."""

    def finished(self, step: str, facts: Mapping[str, Any]) -> None:
        """Hear that a step ended and what it found."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """One unit of work of a run."""

    name: str
    """Name, such as ``imagery:2024``."""
    verb: str
    """Command that runs it, such as ``imagery``."""
    needs: tuple[str, ...] = ()
    """Names of steps whose outputs it reads."""
    inputs: tuple[Path, ...] = ()
    """Input files it reads."""
    blocks: int = 1
    """Parts it works in, each with memory of its own."""
    parameters: Mapping[str, Any] = field(default_factory=dict)
    """Settings it depends on, JSON-able."""
    carries: Callable[[], str] | None = None
    """Gives the run's identifier, of a step that writes it; asked when due, since it takes reading every input."""
    stamps: Callable[[], str] | None = None
    """Gives the identifier that the tables of a step are stamped with, which decides nothing else of them."""
    totalled: tuple[str, ...] = ()
    """Patterns of tables that are made of inputs, and whose control totals are kept."""
    action: Callable[[Path, Callable[[int, int], None]], Mapping[str, Any]]
    """Writes into the folder given, reports progress, returns facts."""


def selected(steps: Sequence[Step], verb: str | None) -> list[Step]:
    """Return the steps of a verb and all they need, in order; all steps when `verb` is None."""
    if verb is None:
        return list(steps)
    by_name = {step.name: step for step in steps}
    wanted: set[str] = set()
    pending = [step.name for step in steps if step.verb == verb]
    while pending:
        name = pending.pop()
        if name not in wanted:
            wanted.add(name)
            pending += by_name[name].needs
    return [step for step in steps if step.name in wanted]


def execute(
    steps: Sequence[Step],
    folder: RunFolder,
    base: Manifest,
    *,
    root: Path,
    resume: bool,
    listener: Listener,
    hashes: dict[Path, FileRecord] | None = None,
) -> Manifest:
    """Run steps that are not done yet.

    Parameters
    ----------
    steps
        In an order in which every step comes after what it needs.
    folder
        The held run folder.
    base
        Manifest with survey, versions and, when resuming, the steps of earlier runs.
    root
        Folder that input paths are told relative to.
    resume
        Keep finished steps whose fingerprint is unchanged.
    listener
        Hears progress.
    hashes
        Of inputs that were read already; filled with the others.

    Returns
    -------
    Manifest
        As written to the folder.

    Raises
    ------
    InputError
        Naming every input file that is missing.
    """
    _require_inputs(steps)
    manifest = base
    hashes = {} if hashes is None else hashes
    for step in steps:
        for path in step.inputs:
            if path not in hashes:
                hashes[path] = FileRecord.of_input(path)
        key = _fingerprint(step, manifest, hashes, root)
        if resume and folder.is_done(manifest, step.name, key):
            manifest = _stamped_anew(step, folder, manifest)
            listener.kept(step.name)
            continue
        listener.started(step.name)
        manifest = replace(manifest, inputs={**manifest.inputs, **_named(step.inputs, hashes, root)})
        manifest = _run(step, key, folder, manifest, listener)
        listener.finished(step.name, manifest.steps[step.name].facts)
    return manifest


def foreseen(steps: Sequence[Step], out: Path, base: Manifest, *, root: Path) -> dict[str, str]:
    """Return what a run would do with each step, without doing anything.

    ``done``: kept as it is. ``to do again``: done before, but an input, a setting or an output has changed since,
    or a step before it is to be done. ``to do``: never done. ``input missing``: cannot be done.

    Parameters
    ----------
    steps
        In an order in which every step comes after what it needs.
    out
        The run folder, which need not be there.
    base
        Manifest with survey, versions and the steps of earlier runs.
    root
        Folder that input paths are told relative to.
    """
    states: dict[str, str] = {}
    hashes: dict[Path, FileRecord] = {}
    for step in steps:
        states[step.name] = _state(step, states, base, hashes, out, root)
    return states


def _state(
    step: Step,
    states: Mapping[str, str],
    base: Manifest,
    hashes: dict[Path, FileRecord],
    out: Path,
    root: Path,
) -> str:
    if not all(path.is_file() for path in step.inputs):
        return "input missing"
    if step.name not in base.steps:
        return "to do"
    if any(states[need] != DONE for need in step.needs):
        return "to do again"
    for path in step.inputs:
        if path not in hashes:
            hashes[path] = FileRecord.of_input(path)
    key = _fingerprint(step, base, hashes, root)
    return DONE if is_kept(out, base, step.name, key) else "to do again"


def tidied(manifest: Manifest, steps: Sequence[Step], folder: RunFolder, *, root: Path) -> Manifest:
    """Return a manifest without the steps and inputs that a survey no longer has; their files are deleted.

    Parameters
    ----------
    manifest
        Of an earlier run.
    steps
        All steps of the survey, not only those to be run.
    folder
        The held run folder.
    root
        Folder that input paths are told relative to.
    """
    names = {step.name for step in steps}
    kept = {name: record for name, record in manifest.steps.items() if name in names}
    owned = {name for record in kept.values() for name in record.outputs}
    dropped = {name for record in manifest.steps.values() for name in record.outputs} - owned
    read = {shown(path, root) for step in steps for path in step.inputs}
    result = replace(manifest, steps=kept, inputs={k: v for k, v in manifest.inputs.items() if k in read})
    if result != manifest:
        folder.remove(dropped)  # first, so that a file is never left that no manifest names
        folder.write_manifest(result)
    return result


def _require_inputs(steps: Sequence[Step]) -> None:
    """Name every missing input of every step before any of them begins."""
    problems = {}
    for step in steps:
        for path in step.inputs:
            if not path.is_file() and path not in problems:
                found = "a folder" if path.is_dir() else "no such file"
                problems[path] = Problem(
                    str(path), found, f"a file that step {step.name} reads", "correct the path"
                )
    if problems:
        raise InputError(problems.values())


def _run(step: Step, key: str, folder: RunFolder, manifest: Manifest, listener: Listener) -> Manifest:
    staging = folder.staging(step.name)
    try:
        facts = plain(step.action(staging, lambda done, total: listener.progress(step.name, done, total)))
        write_totals(staging, step.name, step.totalled)
    except OSError as error:
        if error.errno in NO_ROOM:  # whatever wrote, in whatever library
            raise cannot_write(Path(error.filename or staging), str(error.strerror)) from error
        raise
    run, made = _stamped(step, staging)
    run = run if step.carries is None else step.carries()
    earlier = manifest.steps.get(step.name)
    # Announced before the first file moves: a run killed here is known by name, and what it left is cleared away
    announced = StepRecord(fingerprint="", outputs={**(earlier.outputs if earlier else {}), **made})
    folder.write_manifest(_with(manifest, step.name, announced))
    folder.publish(staging, made)
    folder.remove(set(announced.outputs) - set(made) - _outputs_of_others(manifest, step.name))
    finished = datetime.now(UTC).isoformat(timespec="seconds")
    told = _bare(json.loads(json.dumps(plain(step.parameters), default=str)))
    record = StepRecord(fingerprint=key, outputs=made, facts=facts, finished=finished, run=run, parameters=told)
    manifest = _with(manifest, step.name, record)
    folder.write_manifest(manifest)
    return manifest


def _bare(value: Any) -> Any:
    """Return settings as they may be kept: without what addresses carry of names, passwords and keys."""
    if isinstance(value, dict):
        return {key: entry if key in _FOR_READERS else _bare(entry) for key, entry in value.items()}
    if isinstance(value, list):
        return [_bare(entry) for entry in value]
    return shown_address(value) if isinstance(value, str) and is_remote(value) else value


def _stamped(step: Step, staging: Path) -> tuple[str, dict[str, FileRecord]]:
    """Stamp the tables among a step's files; return the identifier, empty where there is none, and all files."""
    made = staged(staging)
    tables = [name for name in made if is_stamped(name)] if step.stamps is not None else []
    if step.stamps is None or not tables:
        return "", made
    run = step.stamps()
    for name in tables:
        stamp(staging / name, run)
        made[name] = replace(FileRecord.of(staging / name), content=content_sha256(staging / name))
    return run, made


def _stamped_anew(step: Step, folder: RunFolder, manifest: Manifest) -> Manifest:
    """Write the run's identifier into the tables of a step that is kept, where they still tell another run."""
    record = manifest.steps[step.name]
    if step.stamps is None or not record.run or record.run == step.stamps():
        return manifest
    staging = folder.staging(step.name)
    for name in filter(is_stamped, record.outputs):
        (staging / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(folder.path / name, staging / name)
    run, made = _stamped(step, staging)
    folder.publish(staging, made)  # killed from here to the manifest, the step is made again
    manifest = _with(manifest, step.name, replace(record, outputs={**record.outputs, **made}, run=run))
    folder.write_manifest(manifest)
    return manifest


def _with(manifest: Manifest, name: str, record: StepRecord) -> Manifest:
    return replace(manifest, steps={**manifest.steps, name: record})


def _outputs_of_others(manifest: Manifest, name: str) -> set[str]:
    return {file for step, record in manifest.steps.items() if step != name for file in record.outputs}


def _fingerprint(step: Step, manifest: Manifest, hashes: Mapping[Path, FileRecord], root: Path) -> str:
    """Hash all that decides a step's outputs; upstream steps count by their bytes, not by their names."""
    upstream = {
        need: {name: record.known_by for name, record in manifest.steps[need].outputs.items()}
        for need in step.needs
    }
    return fingerprint(
        {
            "step": step.name,
            "step_version": STEP_VERSION,
            "program": manifest.versions.get("altdev", ""),
            "seed": manifest.survey.get("seed"),
            "parameters": step.parameters,
            # A list, since two inputs may be shown by the same name
            "inputs": [(shown(path, root), hashes[path].sha256) for path in step.inputs],
            "upstream": upstream,
        }
        | ({} if step.carries is None else {"run": step.carries()})
    )


def _named(paths: Sequence[Path], hashes: Mapping[Path, FileRecord], root: Path) -> dict[str, FileRecord]:
    return {shown(path, root): hashes[path] for path in paths}


def shown(path: Path, root: Path) -> str:
    """Name an input as the survey file does; one outside its folder by its last parts, never by the machine's."""
    if path.is_relative_to(root):
        return path.relative_to(root).as_posix()
    return "/".join(("..", *path.parts[-3:]))
