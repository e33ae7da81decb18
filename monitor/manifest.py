"""The manifest of a run: what it was made from, and every file of every step with its hash.

Records and their JSON only; `monitor.run_folder` keeps them in step with the files.
"""

from __future__ import annotations

import hashlib
import json
import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath
from typing import Any

from geo.errors import InputError, Problem, is_hidden
from geo.files import content_id, sha256

__all__ = ["MANIFEST", "FileRecord", "Manifest", "StepRecord", "fingerprint", "plain", "read_manifest"]

MANIFEST = "manifest.json"
"""Its name in the run folder."""

_VERSION = 1
_LONGEST = 255  # bytes of a name, on every file system in use


@dataclass(frozen=True, slots=True, kw_only=True)
class FileRecord:
    """A file as it was when the manifest was written."""

    sha256: str
    """Content hash."""
    bytes: int
    """Length."""
    content: str = ""
    """Hash of a table without the run's identifier (`monitor.stamp`); empty of what carries none."""

    @property
    def known_by(self) -> str:
        """The hash of all in it that decides what is made from it."""
        return self.content or self.sha256

    @classmethod
    def of(cls, path: Path) -> FileRecord:
        """Return the record of a file on disk."""
        return cls(sha256=sha256(path), bytes=path.stat().st_size)

    @classmethod
    def of_input(cls, path: Path) -> FileRecord:
        """Return the record of an input, whose bytes are read once as long as it stays untouched."""
        return cls(sha256=content_id(path), bytes=path.stat().st_size)

    def matches(self, path: Path) -> bool:
        """Say whether the file on disk is still this one."""
        return path.is_file() and path.stat().st_size == self.bytes and sha256(path) == self.sha256


@dataclass(frozen=True, slots=True, kw_only=True)
class StepRecord:
    """A step that is done, or that was about to publish its files."""

    fingerprint: str
    """Hash of everything the step depends on; empty until its files are in place."""
    outputs: Mapping[str, FileRecord]
    """Files it made, by path relative to the run folder."""
    facts: Mapping[str, Any] = field(default_factory=dict)
    """Small results other steps and the reader want (counts, notes)."""
    finished: str = ""
    """Time it ended (UTC); the only part that differs between equal runs."""
    run: str = ""
    """Identifier that its tables or products carry; empty where none does."""
    parameters: Mapping[str, Any] = field(default_factory=dict)
    """Settings it was made with, paths left out; empty of a run of a version that kept none."""

    @property
    def is_done(self) -> bool:
        """Whether its files are in place."""
        return bool(self.fingerprint)


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
    """Steps by name."""
    custody: tuple[Mapping[str, Any], ...] = ()
    """What was done with files of tier 0 after the run: purged, or sealed."""

    def to_json(self) -> str:
        """Return the manifest as JSON with sorted keys."""
        steps = {
            name: {
                "state": "done" if step.is_done else "publishing",
                "fingerprint": step.fingerprint,
                "facts": dict(step.facts),
                "finished": step.finished,
                "outputs": _records_to_json(step.outputs),
            }
            | ({"run": step.run} if step.run else {})
            | ({"parameters": dict(step.parameters)} if step.parameters else {})
            for name, step in self.steps.items()
        }
        content: dict[str, Any] = {
            "manifest_version": _VERSION,
            "survey": dict(self.survey),
            "versions": dict(self.versions),
            "inputs": _records_to_json(self.inputs),
            "steps": steps,
        }
        if self.custody:
            content["custody"] = [dict(act) for act in self.custody]
        return json.dumps(content, indent=1, sort_keys=True, ensure_ascii=False, allow_nan=False) + "\n"

    @classmethod
    def from_json(cls, text: str) -> Manifest:
        """Read a manifest; ValueError, KeyError, TypeError or AttributeError when it is not one."""
        content = json.loads(text)
        if content["manifest_version"] != _VERSION:
            raise ValueError(f"manifest version {content['manifest_version']}")
        steps = {
            name: StepRecord(
                fingerprint=step["fingerprint"],
                outputs=_inside(_records_from_json(step["outputs"])),
                facts=dict(step["facts"]),
                finished=step["finished"],
                run=_text(step.get("run", "")),
                parameters=dict(step.get("parameters", {})),
            )
            for name, step in content["steps"].items()
        }
        return cls(
            survey=dict(content["survey"]),
            versions=dict(content["versions"]),
            inputs=_records_from_json(content["inputs"]),
            steps=steps,
            custody=tuple(dict(act) for act in content.get("custody", ())),
        )


def fingerprint(content: Any) -> str:
    """Return the SHA-256 of a JSON-able value, the same for equal values."""
    return hashlib.sha256(json.dumps(content, sort_keys=True, default=str).encode()).hexdigest()


def plain(value: Any) -> Any:
    """Return a value as JSON gives it back: keys as text, sequences as lists, what is no number as None.

    Examples
    --------
    >>> plain({2024: (1, float("nan"))})
    {'2024': [1, None]}
    """
    if isinstance(value, Mapping):
        return {str(key): plain(entry) for key, entry in value.items()}
    if isinstance(value, list | tuple):
        return [plain(entry) for entry in value]
    number = value.item() if hasattr(value, "item") else value
    return None if isinstance(number, float) and not math.isfinite(number) else number


def read_manifest(folder: Path) -> Manifest | None:
    """Return the manifest of a run folder, or None when there is none; nothing is written.

    Raises
    ------
    InputError
        If there is one that cannot be read.
    """
    path = folder / MANIFEST
    if not path.is_file():
        return None
    try:
        return Manifest.from_json(path.read_text(encoding="utf-8"))
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
        raise InputError(
            Problem(
                str(path),
                f"a manifest that cannot be read ({type(error).__name__}: {error})",
                "the one a run of this version wrote",
                "give another folder with --out, or --overwrite",
            )
        ) from error


def _inside(records: dict[str, FileRecord]) -> dict[str, FileRecord]:
    """Refuse names that lead out of the run folder: a manifest may come from elsewhere, and names get deleted."""
    for name in records:
        path = PurePosixPath(name)
        if path.is_absolute() or ".." in path.parts or "\\" in name or not path.parts:
            raise ValueError(f"an output outside the run folder: {name}")
        reserved = path.parts[0].startswith(".") or name == MANIFEST
        if reserved or is_hidden(name) or max(len(part.encode()) for part in path.parts) > _LONGEST:
            raise ValueError(f"an output that no step writes: {name[:80]!r}")
    return records


def _records_to_json(records: Mapping[str, FileRecord]) -> dict[str, dict[str, Any]]:
    return {
        name: {"sha256": record.sha256, "bytes": record.bytes}
        | ({"content": record.content} if record.content else {})
        for name, record in records.items()
    }


def _records_from_json(content: Mapping[str, Mapping[str, Any]]) -> dict[str, FileRecord]:
    return {
        name: FileRecord(sha256=entry["sha256"], bytes=entry["bytes"], content=_text(entry.get("content", "")))
        for name, entry in content.items()
    }


def _text(value: Any) -> str:
    if not isinstance(value, str):
        raise TypeError(f"no text: {value!r:.40}")
    return value
