"""Finished blocks, each in a file of its own, so that what was done once is not done again.

A block is known by the fingerprint of everything that decides it. Its file is written by whoever made it, under a
name of its own, and moved into place: it is whole or absent, and its hash tells a damaged one, which counts as
absent. Several processes, on several machines with one shared folder, may write side by side.
"""

from __future__ import annotations

import errno
import json
import os
import uuid
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow
from numpy.typing import NDArray

from geo.errors import InputError, Problem
from geo.files import cannot_write

__all__ = ["BlockJournal", "Entry"]

Arrays = Mapping[str, NDArray[Any]]
_MAGIC = b"altdev block 1\n"
_SUFFIX, _PART = ".block", ".part"
_CODEC, _LEVEL = "zstd", 1  # a fifth of the time of the fastest deflate, at about its size
_NO_ROOM = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)


@dataclass(frozen=True, slots=True)
class Entry:
    """A finished block as its file tells of it."""

    arrays: Arrays
    """What was made."""
    seconds: float
    """Time of the process or thread that made it, by the clock on the wall."""


@dataclass(frozen=True, slots=True)
class BlockJournal:
    """The finished blocks of one step."""

    folder: Path
    """Where their files are; made when the first is written."""

    def path(self, key: str) -> Path:
        """Return where the file of a block is."""
        return self.folder / key[:2] / f"{key}{_SUFFIX}"

    def read(self, key: str) -> Entry | None:
        """Return a finished block; None where there is none, or one that is damaged."""
        try:
            content = self.path(key).read_bytes()
        except OSError:
            return None
        return _parsed(content)

    def write(self, key: str, arrays: Arrays, *, seconds: float = 0.0) -> int:
        """Keep a finished block and return the bytes of its file.

        Raises
        ------
        InputError
            If the folder cannot be written to.
        AltdevError
            If the disk is full.
        """
        content = _told(arrays, seconds)
        path = self.path(key)
        # Not the usual name beside the final one: two workers may make the same block at once
        part = path.with_name(f".{path.stem}.{os.getpid()}.{uuid.uuid4().hex}{_PART}")
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            try:
                part.write_bytes(content)
                part.replace(path)
            finally:
                part.unlink(missing_ok=True)
        except OSError as error:
            if error.errno in _NO_ROOM:
                raise cannot_write(path, str(error.strerror)) from error
            raise InputError(
                Problem(
                    str(self.folder),
                    f"a folder that cannot be written to ({error.strerror})",
                    "one that every worker can write to",
                    "correct its permissions, or share it with the workers",
                )
            ) from error
        return len(content)

    def keys(self) -> Iterator[str]:
        """Yield the keys of the blocks kept, damaged ones among them."""
        for path in sorted(self.folder.glob(f"*/*{_SUFFIX}")):
            yield path.stem

    def keep_only(self, keys: Collection[str]) -> None:
        """Delete the blocks not among `keys`, and what killed writers left; nothing else, and behind no link."""
        wanted = set(keys)
        for place in [] if self.folder.is_symlink() else sorted(self.folder.glob("??")):
            if place.is_symlink() or not place.is_dir():
                continue
            for path in place.iterdir():
                block = path.suffix == _SUFFIX and path.stem not in wanted
                if block or (path.suffix == _PART and path.name.startswith(".")):
                    path.unlink(missing_ok=True)


def _told(arrays: Arrays, seconds: float) -> bytes:
    codec = pyarrow.Codec(_CODEC, compression_level=_LEVEL)
    parts, rows = [], []
    for name, array in arrays.items():
        cells = np.ascontiguousarray(array)
        parts.append(codec.compress(cells.tobytes(), asbytes=True))
        rows.append({"name": name, "dtype": cells.dtype.str, "shape": cells.shape, "bytes": len(parts[-1])})
    head = json.dumps({"arrays": rows, "seconds": round(seconds, 4)}).encode()
    content = b"".join([head, b"\n", *parts])
    return _MAGIC + sha256(content).hexdigest().encode() + b"\n" + content


def _parsed(content: bytes) -> Entry | None:
    """Return what a file holds; None when it is not whole."""
    if not content.startswith(_MAGIC):
        return None
    digest, _, told = content[len(_MAGIC) :].partition(b"\n")
    if sha256(told).hexdigest().encode() != digest:
        return None
    line, _, payload = told.partition(b"\n")
    try:
        head = json.loads(line)
        codec = pyarrow.Codec(_CODEC)
        arrays, at = {}, 0
        for row in head["arrays"]:
            kind, shape = np.dtype(row["dtype"]), tuple(row["shape"])
            size = int(np.prod(shape, dtype=np.int64)) * kind.itemsize
            raw = codec.decompress(payload[at : at + row["bytes"]], size, asbytes=True)
            arrays[row["name"]] = np.frombuffer(raw, dtype=kind).reshape(shape)
            at += row["bytes"]
        return Entry(arrays, float(head["seconds"]))
    except (ValueError, LookupError, TypeError, OSError):  # pyarrow's own errors are of these kinds
        return None
