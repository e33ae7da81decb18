"""How much of an input the program takes on before it asks: cells, features, bytes, depth.

A broken or hostile file may claim more than any machine holds. Each limit lies far above what surveys need and is
told by name when it is met, so that whoever means it can raise it: ``--limit cells=2e11``. The limits stand in the
environment, so that processes which a run starts heed the same ones.
"""

from __future__ import annotations

import os
from collections.abc import Iterable
from dataclasses import dataclass, fields
from functools import lru_cache
from pathlib import Path
from typing import Any

from geo.errors import InputError, Problem, SurveyFileError

__all__ = ["VARIABLE", "Limits", "allow", "json_depth", "limits", "require_depth", "require_size", "require_within"]

VARIABLE = "ALTDEV_LIMITS"
"""Environment variable that holds the limits raised, such as ``cells=2e11,features=1e7``."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """The most that is taken on."""

    cells: int = 50_000_000_000
    """Cells of all bands of one raster: 220,000 by 220,000 of one band."""
    block_bytes: int = 1 << 30
    """Bytes that one packed block of a raster unpacks to; it is held in memory whole."""
    ratio: int = 20_000
    """Unpacked to packed bytes of a raster; a constant map packs to about a thousandth."""
    features: int = 5_000_000
    """Features of one vector layer."""
    vector_bytes: int = 4 << 30
    """Bytes of one vector file, which is held in memory."""
    table_bytes: int = 1 << 30
    """Bytes of one table of text or Parquet, which is held in memory."""
    json_bytes: int = 256 << 20
    """Bytes of one JSON, TOML or XML text."""
    json_depth: int = 64
    """Levels of lists and objects within one another."""
    asset_bytes: int = 16 << 30
    """Bytes of one file brought from the web."""


def limits() -> Limits:
    """Return the limits in force."""
    return _parsed(os.environ.get(VARIABLE, ""))


def allow(raised: Iterable[str]) -> None:
    """Put other limits in force for this process and those it starts.

    Parameters
    ----------
    raised
        Such as ``cells=2e11``.

    Raises
    ------
    SurveyFileError
        Naming each that is no limit, or no positive whole number.
    """
    words = list(raised)
    if words:
        text = ",".join(words)
        _parsed(text)
        os.environ[VARIABLE] = text


@lru_cache(maxsize=8)
def _parsed(text: str) -> Limits:
    names = [field.name for field in fields(Limits)]
    given: dict[str, int] = {}
    problems = []
    for word in filter(None, text.split(",")):
        name, _, value = word.partition("=")
        if name.strip() not in names:
            problems.append(Problem(f"--limit {word}", f"{name.strip()!r}", f"one of {', '.join(names)}"))
            continue
        try:
            number = float(value)
            given[name.strip()] = int(number)
        except (ValueError, OverflowError):
            number = 0.0
        if not number >= 1:
            problems.append(Problem(f"--limit {word}", repr(value), "a positive number, such as 2e9"))
    if problems:
        raise SurveyFileError(problems)
    return Limits(**given)


def require_within(name: str, found: float, *, where: str, what: str) -> None:
    """Refuse more than a limit.

    Parameters
    ----------
    name
        Of the limit.
    found
        How much there is.
    where
        File, for the message.
    what
        What is counted, such as ``cells``.

    Raises
    ------
    InputError
        Naming the limit and how it is raised.
    """
    most = getattr(limits(), name)
    if found > most:
        remedy = f"look whether it is what it should be; if so, say --limit {name}={found:.0f}"
        raise InputError(Problem(where, f"{found:,.0f} {what}", f"at most {most:,}", remedy))


def require_size(path: Path, name: str) -> None:
    """Refuse a file of more bytes than a limit; one that is not there is told by whoever opens it."""
    try:
        size = path.stat().st_size
    except OSError:
        return
    require_within(name, size, where=str(path), what="bytes")


def json_depth(content: Any) -> int:
    """Return how many levels of lists and objects lie within one another; 0 for a plain value.

    Examples
    --------
    >>> json_depth({"a": [1, {"b": []}]})
    4
    """
    deepest, level = 0, [content]
    while level:
        level = [entry for entry in level if isinstance(entry, dict | list)]
        deepest += bool(level)
        level = [inner for entry in level for inner in (entry.values() if isinstance(entry, dict) else entry)]
    return deepest


def require_depth(content: Any, *, where: str) -> None:
    """Refuse JSON deeper than the limit.

    Raises
    ------
    InputError
        Naming the limit.
    """
    require_within("json_depth", json_depth(content), where=where, what="levels of JSON")
