"""JSON of others read as data: within the limits of size and depth, and with each key once."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from geo.limits import require_depth, require_size, require_within

__all__ = ["parse_json", "read_json"]


def read_json(path: Path) -> Any:
    """Return the content of a JSON file in UTF-8.

    Raises
    ------
    InputError
        If it is larger or deeper than the limits.
    OSError, ValueError, RecursionError
        As reading and parsing raise them.
    """
    require_size(path, "json_bytes")
    content = json.loads(path.read_text(encoding="utf-8"))
    require_depth(content, where=str(path))
    return content


def parse_json(text: str, *, where: str) -> Any:
    """Return the content of a JSON text; raises as `read_json` does.

    Examples
    --------
    >>> parse_json("[1]", where="x")
    [1]
    >>> parse_json("[" * 100 + "]" * 100, where="x")
    Traceback (most recent call last):
    ...
    geo.errors.InputError: x: found 100 levels of JSON; expected at most 64; ...
    """
    require_within("json_bytes", len(text), where=where, what="bytes")
    content = json.loads(text)
    require_depth(content, where=where)
    return content
