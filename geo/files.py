"""Files that are either whole or absent: atomic writing, hashes, and reproducible dates.

Nothing in the program writes to its final name: it writes beside it and moves the finished file into place.
"""

from __future__ import annotations

import errno
import hashlib
import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from geo.errors import AltdevError, InputError, Problem
from geo.limits import require_size

__all__ = [
    "FIXED_DATE",
    "NO_ROOM",
    "atomic",
    "cannot_write",
    "content_id",
    "read_utf8",
    "require_file",
    "sha256",
    "write_text",
]

FIXED_DATE = "2000-01-01T00:00:00.000Z"
"""Date written inside formats that insist on one (GeoPackage, XLSX), so that equal content is equal bytes."""

_CHUNK = 1 << 20
_KNOWN: dict[tuple[str, int, int, int], str] = {}
NO_ROOM = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)
"""Numbers of the errors of a full disk."""


@contextmanager
def atomic(path: Path) -> Iterator[Path]:
    """Yield a temporary path beside `path` and move it into place when the block ends well.

    The temporary name keeps the suffix, since drivers choose by it. On any exception the temporary file
    is removed and whatever stood at `path` stays as it was.

    Parameters
    ----------
    path
        Final name; its folder is created when missing.

    Raises
    ------
    InputError
        If the folder cannot be written to.
    AltdevError
        If the disk is full.

    Examples
    --------
    >>> import tempfile
    >>> folder = Path(tempfile.mkdtemp())
    >>> with atomic(folder / "a.txt") as part:
    ...     _ = part.write_text("whole")
    >>> [entry.name for entry in folder.iterdir()]
    ['a.txt']
    """
    part = path.with_name(f".{path.stem}.part{path.suffix}")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        _remove(part)
        probe = part.parent / f".{path.name}.probe"
        probe.touch()
        probe.unlink()
    except OSError as error:
        raise InputError(
            Problem(
                where=str(path.parent),
                found=f"a folder that cannot be written to ({error.strerror})",
                expected="a writable folder",
                remedy="give another one with --out, or change its permissions",
            )
        ) from error
    try:
        yield part
        _flush(part)
        part.replace(path)
    except OSError as error:
        if error.errno in NO_ROOM:
            raise cannot_write(path, str(error.strerror)) from error
        raise
    finally:
        _remove(part)


def cannot_write(path: Path, why: str) -> AltdevError:
    """Return the error of a file that could be begun and not ended, such as on a full disk."""
    return AltdevError(
        Problem(
            where=str(path),
            found=f"no way to write the file ({why})",
            expected="room on a writable disk",
            remedy="free some space, or give another folder with --out",
        )
    )


def write_text(path: Path, text: str) -> None:
    """Write `text` to `path` as UTF-8 with plain line ends, whole or not at all."""
    with atomic(path) as part:
        part.write_bytes(text.encode("utf-8"))


def read_utf8(path: Path) -> str:
    """Return the text of a file that a user gave.

    Raises
    ------
    InputError
        If it cannot be read, is larger than the limit of a text, or is not UTF-8.
    """
    require_size(path, "json_bytes")
    try:
        return path.read_text(encoding="utf-8")
    except UnicodeDecodeError as error:
        found = f"text that is not UTF-8 (byte {error.start + 1})"
        raise InputError(Problem(str(path), found, "a text in UTF-8", "save it as UTF-8")) from error
    except OSError as error:
        found = f"a file that cannot be read ({error.strerror})"
        raise InputError(
            Problem(str(path), found, "a readable file", "correct the path or its permissions")
        ) from error


def sha256(path: Path) -> str:
    """Return the SHA-256 of a file as 64 hexadecimal digits.

    Raises
    ------
    InputError
        If the file cannot be read.
    """
    digest = hashlib.sha256()
    try:
        with path.open("rb") as stream:
            while chunk := stream.read(_CHUNK):
                digest.update(chunk)
    except OSError as error:
        found = f"a file that cannot be read ({error.strerror})"
        raise InputError(
            Problem(str(path), found, "a readable file", "correct the path or its permissions")
        ) from error
    return digest.hexdigest()


def content_id(path: Path | str) -> str:
    """Return what the content of an input is known by: its SHA-256, made once as long as the file stays untouched.

    For outputs and for `verify` use `sha256`, which reads the bytes whatever the file system says of them.

    Raises
    ------
    InputError
        If the file cannot be read.
    """
    try:
        now = Path(path).stat()
    except OSError:
        return sha256(Path(path))  # which says why
    key = (str(path), now.st_ino, now.st_size, now.st_mtime_ns)
    if key not in _KNOWN:
        _KNOWN[key] = sha256(Path(path))
    return _KNOWN[key]


def require_file(path: Path, *, where: str) -> Path:
    """Return `path` when it is a readable file.

    Parameters
    ----------
    path
        The file asked for.
    where
        What asks for it, such as ``survey.toml [area] admin``.

    Raises
    ------
    InputError
        If there is no such file.
    """
    if not path.is_file():
        found = f"a folder at {path}" if path.is_dir() else f"no file at {path}"
        raise InputError(Problem(where=where, found=found, expected="a file", remedy="correct the path"))
    return path


def _flush(part: Path) -> None:
    """Bring the bytes to the disk before the name points at them (power cuts)."""
    if part.is_file():
        with part.open("rb") as stream:
            os.fsync(stream.fileno())


def _remove(part: Path) -> None:
    if part.is_dir():
        shutil.rmtree(part)
    else:
        part.unlink(missing_ok=True)
