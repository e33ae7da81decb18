"""Files of others that come with the program, each held to the hash in the lock beside it."""

from __future__ import annotations

import hashlib
import json
from functools import cache
from importlib.resources import files

__all__ = ["locked", "locked_hashes", "locked_names"]


@cache
def locked(folder: str, name: str) -> bytes:
    """Return a vendored file after checking it against the lock.

    Parameters
    ----------
    folder
        Package that holds it, such as ``maps.vendor``.
    name
        File.

    Raises
    ------
    ValueError
        If the lock does not list it or the bytes differ from it.
    """
    hashes = _hashes(folder)
    if name not in hashes:
        raise ValueError(f"{name} is not among the vendored files ({', '.join(sorted(hashes))})")
    content = (files(folder) / name).read_bytes()
    if hashlib.sha256(content).hexdigest() != hashes[name]:
        raise ValueError(f"vendored {name} differs from LOCK.json; install the program again")
    return content


def locked_names(folder: str) -> tuple[str, ...]:
    """Return the names of all files that the lock of a package lists."""
    return tuple(_hashes(folder))


@cache
def locked_hashes(folder: str) -> frozenset[str]:
    """Return the SHA-256 of every file that the lock of a package lists, in hexadecimal."""
    return frozenset(_hashes(folder).values())


def _hashes(folder: str) -> dict[str, str]:
    lock = json.loads((files(folder) / "LOCK.json").read_text(encoding="utf-8"))
    return {entry["file"]: entry["sha256"] for package in lock["packages"] for entry in package["files"]}
