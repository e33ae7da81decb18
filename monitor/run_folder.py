"""The run folder: one lock, one manifest, and steps that are either done or have left no trace.

`manifest.json` is the only truth of what is done. A step writes into a staging folder; when it has ended, its
files are moved to their places and only then does the manifest name them. Killed at any moment, the next run
finds either the step done or nothing of it.
"""

from __future__ import annotations

import fcntl
import hashlib
import json
import os
import shutil
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from geo.errors import AltdevError, InputError, Problem, SurveyFileError
from geo.files import sha256, write_text

__all__ = ["FileRecord", "Manifest", "RunFolder", "StepRecord", "fingerprint"]

MANIFEST = "manifest.json"
_STAGING = ".staging"
_LOCK = ".lock"


@dataclass(frozen=True, slots=True, kw_only=True)
class FileRecord:
    """A file as it was when the manifest was written."""

    sha256: str
    """Content hash."""
    bytes: int
    """Length."""

    @classmethod
    def of(cls, path: Path) -> FileRecord:
        """Return the record of a file on disk."""
        return cls(sha256=sha256(path), bytes=path.stat().st_size)

    def matches(self, path: Path) -> bool:
        """Say whether the file on disk is still this one."""
        return path.is_file() and path.stat().st_size == self.bytes and sha256(path) == self.sha256


@dataclass(frozen=True, slots=True, kw_only=True)
class StepRecord:
    """A finished step."""

    fingerprint: str
    """Hash of everything the step depends on."""
    outputs: Mapping[str, FileRecord]
    """Files it made, by path relative to the run folder."""
    facts: Mapping[str, Any] = field(default_factory=dict)
    """Small results other steps and the reader want (counts, notes)."""
    finished: str = ""
    """Time it ended (UTC); the only part that differs between equal runs."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Manifest:
    """What a run was made from and what it made."""

    survey: Mapping[str, Any]
    """Name, title, seed and the hash of the survey file."""
    versions: Mapping[str, str]
    """Program, Python and libraries."""
    inputs: Mapping[str, FileRecord]
    """Input files, by path relative to the survey file."""
    steps: Mapping[str, StepRecord]
    """Finished steps by name."""

    def to_json(self) -> str:
        """Return the manifest as JSON with sorted keys."""
        steps = {
            name: {
                "state": "done",
                "fingerprint": step.fingerprint,
                "facts": dict(step.facts),
                "finished": step.finished,
                "outputs": _records_to_json(step.outputs),
            }
            for name, step in self.steps.items()
        }
        content = {
            "manifest_version": 1,
            "survey": dict(self.survey),
            "versions": dict(self.versions),
            "inputs": _records_to_json(self.inputs),
            "steps": steps,
        }
        return json.dumps(content, indent=1, sort_keys=True, ensure_ascii=False) + "\n"

    @classmethod
    def from_json(cls, text: str) -> Manifest:
        """Read a manifest; ValueError or KeyError when it is not one."""
        content = json.loads(text)
        steps = {
            name: StepRecord(
                fingerprint=step["fingerprint"],
                outputs=_records_from_json(step["outputs"]),
                facts=step["facts"],
                finished=step["finished"],
            )
            for name, step in content["steps"].items()
        }
        return cls(
            survey=content["survey"],
            versions=content["versions"],
            inputs=_records_from_json(content["inputs"]),
            steps=steps,
        )


def fingerprint(content: Any) -> str:
    """Return the SHA-256 of a JSON-able value, the same for equal values."""
    return hashlib.sha256(json.dumps(content, sort_keys=True, default=str).encode()).hexdigest()


class RunFolder:
    """An output folder held by one run at a time.

    Parameters
    ----------
    path
        The folder; created when missing.

    Raises
    ------
    InputError
        If the folder cannot be written to, or its manifest cannot be read.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        try:
            path.mkdir(parents=True, exist_ok=True)
            probe = path / ".probe"
            probe.touch()
            probe.unlink()
        except OSError as error:
            raise InputError(
                Problem(
                    str(path),
                    f"an output folder that cannot be written to ({error.strerror})",
                    "a writable folder",
                    "give another one with --out, or change its permissions",
                )
            ) from error

    @contextmanager
    def held(self) -> Iterator[None]:
        """Hold the folder; a second run is refused by name.

        Raises
        ------
        AltdevError
            If another process holds it.
        """
        with (self.path / _LOCK).open("a+") as lock:
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except OSError as error:
                lock.seek(0)
                holder = lock.read().strip() or "another process"
                raise AltdevError(
                    Problem(
                        str(self.path),
                        f"a run folder in use by process {holder}",
                        "a free one",
                        "wait for that run to end, or give another folder with --out",
                    )
                ) from error
            lock.truncate(0)
            lock.write(str(os.getpid()))
            lock.flush()
            try:
                yield
            finally:
                shutil.rmtree(self.path / _STAGING, ignore_errors=True)
                lock.truncate(0)

    def manifest(self) -> Manifest | None:
        """Return the manifest, or None when there is none yet."""
        path = self.path / MANIFEST
        if not path.is_file():
            return None
        try:
            return Manifest.from_json(path.read_text(encoding="utf-8"))
        except (ValueError, KeyError, TypeError) as error:
            raise InputError(
                Problem(str(path), "a manifest that cannot be read", "the one a run wrote", "give another --out")
            ) from error

    def require_ours(self, survey: str, *, overwrite: bool) -> None:
        """Refuse a folder that holds something else, unless it may be overwritten.

        Raises
        ------
        SurveyFileError
            If the folder holds the run of another survey, or files that no run made.
        """
        if overwrite:
            return
        manifest = self.manifest()
        if manifest is not None and manifest.survey.get("name") != survey:
            raise SurveyFileError(
                Problem(
                    str(self.path),
                    f"the run of survey {manifest.survey.get('name')!r}",
                    f"a new folder or a run of {survey!r}",
                    "give another folder with --out, or --overwrite",
                )
            )
        strangers = [entry.name for entry in self.path.iterdir() if not entry.name.startswith(".")]
        if manifest is None and strangers:
            raise SurveyFileError(
                Problem(
                    str(self.path),
                    f"files that no run made ({', '.join(sorted(strangers)[:3])})",
                    "a new or empty folder",
                    "give another folder with --out, or --overwrite",
                )
            )

    def staging(self, step: str) -> Path:
        """Return an empty folder for a step to write into."""
        folder = self.path / _STAGING / step.replace(":", "-")
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir(parents=True)
        return folder

    def is_done(self, manifest: Manifest, step: str, key: str) -> bool:
        """Say whether a step with this fingerprint is done and all its files are as they were."""
        record = manifest.steps.get(step)
        if record is None or record.fingerprint != key:
            return False
        return all(file.matches(self.path / name) for name, file in record.outputs.items())

    def publish(self, staging: Path, keep: Mapping[str, FileRecord]) -> dict[str, FileRecord]:
        """Move a step's files to their places; delete files of its earlier run that it no longer makes.

        Parameters
        ----------
        staging
            Folder the step wrote into, laid out as the run folder.
        keep
            Outputs of the step's earlier run.

        Returns
        -------
        dict
            Path relative to the run folder to file record.
        """
        files = sorted(path for path in staging.rglob("*") if path.is_file())
        made = {path.relative_to(staging).as_posix(): FileRecord.of(path) for path in files}
        for name in made:
            target = self.path / name
            target.parent.mkdir(parents=True, exist_ok=True)
            (staging / name).replace(target)
        for name in set(keep) - set(made):
            (self.path / name).unlink(missing_ok=True)
        return made

    def write_manifest(self, manifest: Manifest) -> None:
        """Write the manifest, whole or not at all."""
        write_text(self.path / MANIFEST, manifest.to_json())


def _records_to_json(records: Mapping[str, FileRecord]) -> dict[str, dict[str, Any]]:
    return {name: {"sha256": record.sha256, "bytes": record.bytes} for name, record in records.items()}


def _records_from_json(content: Mapping[str, Mapping[str, Any]]) -> dict[str, FileRecord]:
    return {name: FileRecord(sha256=entry["sha256"], bytes=entry["bytes"]) for name, entry in content.items()}
