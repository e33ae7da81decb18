"""Personal data are refused: columns named after a person, and cells that look like a telephone or an e-mail.

The tables hold projects, areas and counts. A finding never repeats the cell it is about.
"""

from __future__ import annotations

import re
import tomllib
from collections.abc import Iterable
from functools import cache
from importlib import resources
from typing import Any

__all__ = ["personal_column", "personal_text"]

# From the start of a word alone: tried from each of its signs, a long cell would take the square of its length
_MAIL = re.compile(r"(?<![^\s@;,])[^\s@;,]+@[^\s@;,]+\.[A-Za-z]{2,}")
_TELEPHONE = re.compile(r"(?<![\w.-])(?:\+|00)\d(?:[ ().-]?\d){7,14}(?![\w-])")
_LOCAL = re.compile(r"^\(?\d{2,4}\)?(?:[ -]\d{2,4}){2,4}$")
_ISO_DATE = re.compile(r"^\d{4}-\d{2}-\d{2}$")


@cache
def _words() -> tuple[frozenset[str], frozenset[str]]:
    text = resources.files("aoi.project.data").joinpath("personal.toml").read_text(encoding="utf-8")
    tree: dict[str, Any] = tomllib.loads(text)
    return frozenset(tree["words"]), frozenset(tree["names"])


def personal_column(name: str, known: Iterable[str] = ()) -> bool:
    """Say whether a column's name looks like a person's name, identity, telephone or place.

    Parameters
    ----------
    name
        Name of the column.
    known
        Columns of the data model, which are none.

    Examples
    --------
    >>> personal_column("Beneficiary_Name"), personal_column("phone2"), personal_column("numero-documento")
    (True, True, True)
    >>> personal_column("served_population"), personal_column("name", known=["name"])
    (False, False)
    """
    if name in set(known):
        return False
    words, names = _words()
    spread = re.sub(r"(?<=[a-z])(?=[A-Z])", " ", name)  # firstName
    parts = [part for part in re.split(r"[\W_\d]+", spread.lower()) if part]
    return " ".join(parts) in names or not words.isdisjoint(parts)


def personal_text(text: str) -> str:
    """Return what a cell looks like: ``an e-mail address``, ``a telephone number``, or nothing.

    Examples
    --------
    >>> personal_text("ask rosa@example.org"), personal_text("+57 310 555 01 99"), personal_text("310 555 0199")
    ('an e-mail address', 'a telephone number', 'a telephone number')
    >>> personal_text("2019-10-31"), personal_text("Report 19"), personal_text("CO-1-86-0042")
    ('', '', '')
    """
    if _MAIL.search(text):
        return "an e-mail address"
    if _ISO_DATE.match(text.strip()):
        return ""
    if _TELEPHONE.search(text) or _LOCAL.match(text.strip()):
        return "a telephone number"
    return ""
