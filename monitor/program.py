"""Which program this is: its version with a hash of its own code, so that no upgrade goes unseen."""

from __future__ import annotations

import hashlib
from functools import cache
from importlib.metadata import version
from pathlib import Path

__all__ = ["code_digest", "program_version"]

PACKAGES = ("aoi", "geo", "imagery", "maps", "monitor")
_DIGITS = 12


@cache
def program_version() -> str:
    """Return the version with a hash of the code as its local label (PEP 440), such as ``0.1.0+5d41402abc4b``.

    Steps and blocks that other code made are made again, and a run's identifier tells which code made it.
    """
    return f"{version('altdev')}+{code_digest(Path(__file__).resolve().parents[1])}"


def code_digest(home: Path) -> str:
    """Return a hash of every file of the program's packages, by name and content.

    Parameters
    ----------
    home
        Folder that holds the packages.
    """
    digest = hashlib.sha256()
    for package in PACKAGES:
        for path in sorted((home / package).rglob("*")):
            name = path.relative_to(home)
            if path.is_file() and not any(part == "__pycache__" or part.startswith(".") for part in name.parts):
                content = path.read_bytes().replace(b"\r\n", b"\n")  # as git gives it on some systems
                digest.update(f"{name.as_posix()}\0{hashlib.sha256(content).hexdigest()}\n".encode())
    return digest.hexdigest()[:_DIGITS]
