"""The run folder: one lock, one manifest, and steps that are either done or made again.

`manifest.json` is the only truth of what is done. A step writes into a staging folder; when it has ended, the
manifest announces its files, they are moved to their places, and only then does the manifest call it done. Killed
at any moment, the next run finds the step done, or knows every file that it may have left.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Collection, Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import IO

from geo.errors import AltdevError, InputError, Problem, SurveyFileError
from geo.files import write_text
from monitor.lock import try_lock
from monitor.manifest import MANIFEST, FileRecord, Manifest, StepRecord, read_manifest

__all__ = ["MANIFEST", "OVERWRITING", "FileRecord", "Manifest", "RunFolder", "staged"]

_STAGING = ".staging"
_LOCK = ".lock"
OVERWRITING = ".overwriting"


def is_kept(folder: Path, manifest: Manifest, step: str, key: str) -> bool:
    """Say whether a step with this fingerprint is done in a folder and all its files are as they were."""
    record = manifest.steps.get(step)
    if record is None or not record.is_done or record.fingerprint != key:
        return False
    return all(file.matches(folder / name) for name, file in record.outputs.items())


class RunFolder:
    """An output folder held by one run at a time.

    Parameters
    ----------
    path
        The folder; created when missing.

    Raises
    ------
    InputError
        If the folder cannot be written to.
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
        with self._lock_file() as lock:
            if not try_lock(lock):
                lock.seek(0)
                holder = lock.read().strip() or "another process"
                raise AltdevError(
                    Problem(
                        str(self.path),
                        f"a run folder in use by process {holder}",
                        "a free one",
                        "wait for that run to end, or give another folder with --out",
                    )
                )
            lock.truncate(0)
            lock.write(str(os.getpid()))
            lock.flush()
            try:
                yield
            finally:
                shutil.rmtree(self.path / _STAGING, ignore_errors=True)
                lock.truncate(0)

    def _lock_file(self) -> IO[str]:
        path = self.path / _LOCK
        if path.is_symlink() or path.is_dir():
            raise _in_the_way(path)
        return path.open("a+")

    def manifest(self) -> Manifest | None:
        """Return the manifest, or None when there is none yet; see `read_manifest`."""
        return read_manifest(self.path)

    def require_ours(self, survey: str, *, overwrite: bool) -> None:
        """Refuse a folder that holds something else, unless it may be overwritten.

        Overwriting deletes what the manifest of another survey names; files that no run made stay.

        Raises
        ------
        SurveyFileError
            If the folder holds the run of another survey, or files that no run made.
        InputError
            If its manifest cannot be read.
        """
        if overwrite:
            self._give_up_others(survey)
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
        root = self.path / _STAGING
        folder = root / step.replace(":", "-")
        if root.is_symlink() or root.is_file():
            raise _in_the_way(root)
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir(parents=True)
        return folder

    def is_done(self, manifest: Manifest, step: str, key: str) -> bool:
        """Say whether a step with this fingerprint is done and all its files are as they were."""
        return is_kept(self.path, manifest, step, key)

    def publish(self, staging: Path, made: Collection[str]) -> None:
        """Move a step's files to their places.

        Parameters
        ----------
        staging
            Folder the step wrote into, laid out as the run folder.
        made
            Paths of its files relative to it; see `staged`.

        Raises
        ------
        InputError
            If something else stands where a file should.
        """
        for name in sorted(made):
            target = self.path / name
            try:
                target.parent.mkdir(parents=True, exist_ok=True)
                (staging / name).replace(target)
            except OSError as error:
                raise InputError(
                    Problem(
                        str(target),
                        f"no way to put a file there ({error.strerror})",
                        "nothing but files of this run",
                        "remove what stands there, or give another folder with --out",
                    )
                ) from error

    def remove(self, names: Collection[str]) -> None:
        """Delete files of the run, and the folders that this leaves empty."""
        home = self.path.resolve()
        for name in sorted(names):
            target = self.path / name
            if target.is_dir() or not target.parent.resolve().is_relative_to(home):
                continue  # no file of a run, or one behind a link that leads elsewhere
            target.unlink(missing_ok=True)
            for folder in (self.path / parent for parent in Path(name).parents[:-1]):
                if not folder.is_dir() or any(folder.iterdir()):
                    break
                folder.rmdir()

    def holds_other(self, survey: str) -> bool:
        """Say whether the folder holds the run of another survey, or a manifest that cannot be read."""
        try:
            manifest = self.manifest()
        except InputError:
            return True
        return manifest is not None and manifest.survey.get("name") != survey

    def overwriting(self) -> RunFolder:
        """Return the folder inside this one that a run is made in while the one it replaces still stands."""
        path = self.path / OVERWRITING
        if path.is_symlink() or path.is_file():
            raise _in_the_way(path)
        return RunFolder(path)

    def give_up_overwriting(self) -> None:
        """Delete what is left of a run that was to replace this one."""
        path = self.path / OVERWRITING
        if path.is_dir() and not path.is_symlink():
            shutil.rmtree(path)

    def take_over(self, other: RunFolder) -> Manifest:
        """Put a whole run in the place of the one that stands here; return its manifest.

        Files that no run made stay.
        """
        made = other.manifest()
        assert made is not None
        try:
            old = self.manifest()
        except InputError:
            old = None
        names = {name for step in made.steps.values() for name in step.outputs}
        before = {name: file for step in (old.steps.values() if old else ()) for name, file in step.outputs.items()}
        left = {name: file for name, file in before.items() if name not in names}
        # Every file is named by one of the two before the first moves: what is cut short here is made again
        steps = {name: replace(step, fingerprint="") for name, step in made.steps.items()}
        steps["overwritten"] = StepRecord(fingerprint="", outputs=left)
        path = self.path / MANIFEST
        if path.is_dir():
            raise _in_the_way(path)
        self.write_manifest(replace(made, steps=steps))
        self.remove(left)
        self.publish(other.path, names)
        return made

    def write_manifest(self, manifest: Manifest) -> None:
        """Write the manifest, whole or not at all."""
        write_text(self.path / MANIFEST, manifest.to_json())

    def _give_up_others(self, survey: str) -> None:
        """Make room where another survey's run, or a manifest that cannot be read, stands."""
        try:
            manifest = self.manifest()
        except InputError:
            manifest = None
        if manifest is not None and manifest.survey.get("name") == survey:
            return
        if manifest is not None:
            self.remove({name for step in manifest.steps.values() for name in step.outputs})
        path = self.path / MANIFEST
        if path.is_dir():
            raise _in_the_way(path)
        path.unlink(missing_ok=True)


def _in_the_way(path: Path) -> InputError:
    """Return the error of a place the run needs for itself."""
    remedy = "remove what stands there, or give another folder with --out"
    return InputError(
        Problem(str(path), "a link, folder or file that no run made", "a place of the run's own", remedy)
    )


def staged(staging: Path) -> dict[str, FileRecord]:
    """Return the files of a staging folder by path relative to it."""
    files = sorted(path for path in staging.rglob("*") if path.is_file())
    return {path.relative_to(staging).as_posix(): FileRecord.of(path) for path in files}
