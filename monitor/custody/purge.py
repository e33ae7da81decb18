"""`altdev purge`: the end of the time that files of tier 0 are kept.

What is removed can be made again from the inputs and the survey file. Removing is not wiping: a disk may keep the
bytes of a file whose name is gone, which is why offices encrypt their disks (docs/security.md).
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

from geo.errors import InputError, Problem
from monitor.custody.strict import (
    SEALED,
    SEALED_KEY,
    leftovers,
    moment,
    open_seal,
    require_manifest,
    require_no_links,
    strangers,
    strict_files,
    strict_steps,
    without_strict,
)
from monitor.manifest import Manifest
from monitor.run_card import write_run_card
from monitor.run_folder import RunFolder

__all__ = ["Purge", "purge"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Purge:
    """What a purge did, or would do."""

    files: tuple[str, ...]
    """Files of tier 0 that go, by path relative to the run folder."""
    size: int
    """Their bytes."""
    too_young: str = ""
    """Moment that the last of them was made, when that keeps them all; empty otherwise."""
    left: tuple[str, ...] = ()
    """Files that no run made, which are left alone."""


def purge(out: Path, *, older_than_days: float | None = None, dry_run: bool = False) -> Purge:
    """Remove every file of tier 0 of a run, and what the manifest says of them.

    Products of tiers 1 and 2 stay as they are, and still verify. A run is kept or purged as a whole: figures
    without the sample they stand on could not be recomputed.

    Parameters
    ----------
    out
        Run folder.
    older_than_days
        Only when the last step of tier 0 ended longer ago than this.
    dry_run
        Say what would go, and remove nothing.

    Raises
    ------
    InputError
        If there is no manifest, a link stands in a file's place, or a file cannot be removed.
    AltdevError
        If a run holds the folder.
    """
    require_manifest(out)
    if dry_run:
        return _foreseen(out, require_manifest(out), older_than_days)
    folder = RunFolder(out)
    with folder.held():
        manifest = require_manifest(out)  # as it stands now that nobody else writes
        found = _foreseen(out, manifest, older_than_days)
        if found.files and not found.too_young:
            _remove(folder, manifest, found)
        return found


def _foreseen(out: Path, manifest: Manifest, older_than_days: float | None) -> Purge:
    files = list(strict_files(manifest))
    if open_seal(manifest) is not None:
        files += [name for name in (SEALED, SEALED_KEY) if (out / name).exists()]
    require_no_links(out, files)
    files += [path.relative_to(out).as_posix() for path in leftovers(out)]
    present = tuple(sorted(name for name in set(files) if (out / name).exists()))
    return Purge(
        files=tuple(sorted({*files})) if strict_steps(manifest) else present,
        size=sum((out / name).stat().st_size for name in present),
        too_young="" if older_than_days is None else _younger(manifest, older_than_days),
        left=tuple(strangers(out, manifest)),
    )


def _younger(manifest: Manifest, days: float) -> str:
    """Return the moment of the last step of tier 0 when it is too recent; empty when all are older."""
    seal = open_seal(manifest)
    moments = [step.finished for step in strict_steps(manifest).values()]
    moments += [str(seal.get("made", ""))] if seal is not None else []
    last = max(moments, default="")
    if "" in moments:
        return "unknown (a step was cut short)"
    if not last:
        return ""
    limit = datetime.now(UTC) - timedelta(days=days)
    return "" if datetime.fromisoformat(last) < limit else last


def _remove(folder: RunFolder, manifest: Manifest, found: Purge) -> None:
    try:
        # Files first: killed in between, the manifest still names what may be left, and the next purge ends it
        folder.remove(found.files)
        act = {"act": "purged", "at": moment(), "files": len(found.files), "bytes": found.size}
        after = without_strict(manifest, act)
        write_run_card(folder.path, after)
        folder.write_manifest(after)
    except OSError as error:
        raise InputError(
            Problem(
                str(error.filename or folder.path),
                f"a file that cannot be removed ({error.strerror})",
                "a writable run folder",
                "change its permissions, and purge again",
            )
        ) from error
