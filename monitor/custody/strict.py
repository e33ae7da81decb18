"""What of a run is tier 0, and what is left of its manifest without it."""

from __future__ import annotations

import os
from collections.abc import Collection, Iterator, Mapping
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from geo.errors import InputError, Problem, SurveyFileError
from monitor.context import BLOCKS
from monitor.manifest import MANIFEST, FileRecord, Manifest, StepRecord, read_manifest
from monitor.run_card import RUN_CARD
from monitor.run_folder import OVERWRITING, RunFolder

__all__ = [
    "SEALED",
    "SEALED_KEY",
    "leftovers",
    "moment",
    "open_seal",
    "require_manifest",
    "require_no_links",
    "require_unsealed",
    "strangers",
    "strict_files",
    "strict_steps",
    "without_strict",
]

SEALED = "sealed.age"
"""Name of the encrypted files of tier 0 in a run folder."""
SEALED_KEY = "sealed.key.age"
"""Name of the key they are encrypted to, itself encrypted by a pass phrase."""

_SHARED = ("products/1/", "products/2/")
"""Folders of what the programme and the public may have; all else of a run is tier 0."""


def require_manifest(out: Path) -> Manifest:
    """Return the manifest of a run folder.

    Raises
    ------
    InputError
        If there is none, or it cannot be read: without it nobody knows which files a run made.
    """
    manifest = read_manifest(out)
    if manifest is None:
        remedy = "name the folder that holds manifest.json"
        raise InputError(Problem(str(out), "no manifest", "the folder of a run", remedy))
    return manifest


def strict_steps(manifest: Manifest) -> dict[str, StepRecord]:
    """Return the steps of which anything is tier 0: all but those whose every file is a product of tier 1 or 2."""
    return {
        name: step
        for name, step in manifest.steps.items()
        if not step.outputs or any(not _is_shared(file) for file in step.outputs)
    }


def strict_files(manifest: Manifest) -> dict[str, FileRecord]:
    """Return the files of tier 0 with their records, in order of name."""
    found = {name: record for step in manifest.steps.values() for name, record in step.outputs.items()}
    return {name: found[name] for name in sorted(found) if not _is_shared(name)}


def without_strict(manifest: Manifest, act: Mapping[str, Any] | None = None) -> Manifest:
    """Return a manifest that names nothing of tier 0, and tells what became of it.

    Parameters
    ----------
    manifest
        Of a whole run.
    act
        Added to the manifest's custody, when given.
    """
    strict = strict_steps(manifest)
    steps = {name: step for name, step in manifest.steps.items() if name not in strict}
    for name, step in strict.items():
        shared = {file: record for file, record in step.outputs.items() if _is_shared(file)}
        if shared:  # its facts told of both
            steps[name] = replace(step, outputs=shared, facts={})
    custody = manifest.custody if act is None else (*manifest.custody, dict(act))
    return replace(manifest, steps=steps, custody=custody)


def require_no_links(out: Path, names: Collection[str]) -> None:
    """Refuse names that something else than a plain file of the folder stands behind.

    Raises
    ------
    InputError
        Naming each: the file behind a link is elsewhere, and taking the link away would leave it there unknown.
    """
    home = out.resolve()
    problems = []
    for name in sorted(names):
        path = out / name
        if path.is_symlink() or not path.parent.resolve().is_relative_to(home):
            found, remedy = "a link that leads to another place", "see to that file by hand, and remove the link"
            problems.append(Problem(str(path), found, "a file of this run folder", remedy))
        elif path.is_dir():
            problems.append(Problem(str(path), "a folder", "a file of this run", "move it away"))
    if problems:
        raise InputError(problems)


def leftovers(out: Path) -> list[Path]:
    """Return what a run may have left: hidden halves of files, finished blocks, a run begun to replace it."""
    found = []
    for folder, subfolders, files in _walk(out):
        subfolders[:] = [name for name in subfolders if not (folder / name).is_symlink()]
        inside = folder.relative_to(out).parts[:1] in ((OVERWRITING,), (BLOCKS,))
        found += [folder / name for name in files if inside or (name.startswith(".") and ".part" in name)]
    return sorted(found)


def strangers(out: Path, manifest: Manifest) -> list[str]:
    """Return the names of files that no run made, which nobody but their owner knows the tier of."""
    known = {name for step in manifest.steps.values() for name in step.outputs}
    known |= {MANIFEST, RUN_CARD, SEALED, SEALED_KEY}
    names = []
    for folder, subfolders, files in _walk(out):
        subfolders[:] = sorted(name for name in subfolders if not name.startswith("."))
        names += [(folder / name).relative_to(out).as_posix() for name in files if not name.startswith(".")]
    return sorted(set(names) - known)


def open_seal(manifest: Manifest) -> dict[str, Any] | None:
    """Return what the manifest says of sealed files that are still sealed; None when nothing is."""
    last = manifest.custody[-1] if manifest.custody else None
    return dict(last) if last is not None and last.get("act") in ("sealing", "sealed", "unsealing") else None


def require_unsealed(folder: RunFolder) -> None:
    """Refuse to run in a folder whose files of tier 0 are sealed: it would make them again in the open.

    Raises
    ------
    SurveyFileError
        Naming the folder.
    """
    try:
        manifest = folder.manifest()
    except InputError:
        return  # told by whoever reads it
    if manifest is not None and open_seal(manifest) is not None:
        raise SurveyFileError(
            Problem(
                str(folder.path),
                "a run whose field files are sealed",
                "one that is open",
                "say 'altdev unseal' first, or give another folder with --out",
            )
        )


def moment() -> str:
    """Return the time of day in UTC, as the manifest tells it."""
    return datetime.now(UTC).isoformat(timespec="seconds")


def _is_shared(name: str) -> bool:
    return name.startswith(_SHARED)


def _walk(out: Path) -> Iterator[tuple[Path, list[str], list[str]]]:
    for folder, subfolders, files in os.walk(out):
        yield Path(folder), subfolders, files
