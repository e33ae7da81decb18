"""Licences of what is installed beside the program, told by its own metadata.

``python -m benchmarks.trust.licences`` names each package whose licence is not on the list, and fails on any.
"""

from __future__ import annotations

import re
import sys
from collections.abc import Iterator
from importlib.metadata import Distribution, PackageNotFoundError, distribution
from pathlib import Path

from benchmarks.trust.results import save

__all__ = ["ALLOWED", "licence", "pinned", "refused"]

ROOT = Path(__file__).resolve().parents[2]

ALLOWED = frozenset(
    {
        "0BSD", "Apache-2.0", "Apache-2.0 WITH LLVM-exception", "BSD-2-Clause", "BSD-3-Clause", "CC0-1.0", "ISC",
        "MIT", "MIT-0", "MIT-CMU", "MPL-2.0", "PSF-2.0", "Zlib",
    }
)  # fmt: skip
"""SPDX names that a product of ours may be installed with; MPL-2.0 covers its own files only."""

_WORDS = {
    "apache software license": "Apache-2.0",
    "apache software license 2.0": "Apache-2.0",
    "apache 2.0": "Apache-2.0",
    "isc license": "ISC",
    "bsd license": "BSD-3-Clause",
    "bsd": "BSD-3-Clause",
    "bsd 2-clause license": "BSD-2-Clause",
    "bsd 3-clause": "BSD-3-Clause",
    "mit license": "MIT",
    "mozilla public license 2.0 (mpl 2.0)": "MPL-2.0",
    "new bsd": "BSD-3-Clause",
    "psfl": "PSF-2.0",
    "python software foundation license": "PSF-2.0",
}
_TEXTS = {
    "MIT": "permission is hereby granted, free of charge",
    "Apache-2.0": "apache license version 2.0",
    "BSD-3-Clause": "neither the name of",
    "BSD-2-Clause": "redistributions in binary form must reproduce",
}
"""A sentence that is in the text of one licence and in no other of these, in order."""


def pinned() -> list[str]:
    """Return the names of every package that is installed for program and tests, as constraints.txt pins them."""
    lines = (ROOT / "constraints.txt").read_text(encoding="utf-8").splitlines()
    return [line.split("==")[0] for line in lines if "==" in line]


def licence(package: Distribution) -> str:
    """Return the licence of an installed package as SPDX names; empty when nothing tells it.

    The expression in the metadata counts first, then the short field, then the classifiers, then the text of the
    licence file that comes with the package.
    """
    told = package.metadata
    if expression := str(told.get("License-Expression") or ""):
        return expression
    short = str(told.get("License") or "").strip()
    if len(short) < 40 and "\n" not in short and short:
        return _WORDS.get(short.lower(), short)
    classes = [str(c).rsplit("::", 1)[-1].strip().lower() for c in told.get_all("Classifier") or ()]
    known = [_WORDS[name] for name in classes if name in _WORDS]
    if known:
        return known[0]
    files = [file for file in package.files or () if re.search(r"licen[cs]e", file.name, re.IGNORECASE)]
    for file in sorted(files, key=str):
        text = " ".join(file.read_text().lower().split())
        for name, sentence in _TEXTS.items():
            if sentence in text:
                return name
    return ""


def parts(expression: str) -> list[str]:
    """Return the licences of an expression that all hold; of alternatives the first allowed one.

    Examples
    --------
    >>> parts("Apache-2.0 OR GPL-3.0-only"), parts("BSD-2-Clause AND GPL-3.0-only")
    (['Apache-2.0'], ['BSD-2-Clause', 'GPL-3.0-only'])
    """
    found = []
    for part in re.split(r"\s+AND\s+", expression):
        choices = re.split(r"\s+OR\s+", part.strip("() "))
        found.append(next((name for name in choices if name in ALLOWED), choices[0]))
    return found


def refused(names: list[str]) -> Iterator[str]:
    """Yield one line for each installed package whose licence is not allowed, or unknown."""
    for name in names:
        try:
            told = licence(distribution(name))
        except PackageNotFoundError:
            continue  # pinned for another system or Python
        wrong = [part for part in parts(told) if part not in ALLOWED]
        if wrong:
            yield f"{name}: {told or 'no licence told'}"


def main() -> int:
    """Print what is not allowed, and how many were looked at."""
    names = pinned()
    wrong = list(refused(names))
    for line in wrong:
        sys.stdout.write(line + "\n")
    sys.stdout.write(f"{len(names)} pinned packages, {len(wrong)} with a licence that is not allowed\n")
    save("licences", {"pinned packages": len(names), "with a licence that is not allowed": len(wrong)})
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
